import type { DocumentSeen, SeenHow, TextRef, ToolCallStep, ToolResultStep } from '../schema.ts';
import { joinPath } from '../sourcePath.ts';
import { countLines, fileWindow, numberedLines, showsNoFile } from './fileWindow.ts';
import type { RepoPaths } from './repoPath.ts';
import { patchedFiles } from './repoPath.ts';
import {
  fileReading,
  grepFile,
  isGrep,
  isSilent,
  parseCommandLine,
  type FileReading,
  type SimpleCommand,
} from './shell.ts';
import { argumentSpan, firstMark, jsonStringSpan, lineEnd, parseJson, spanIn, trimmedSpan } from './spans.ts';
import { argumentText, COMMAND_KEYS, PATH_KEYS, type ToolClass } from './toolClass.ts';

/** What one run of a coding agent has open. */
export interface SweState {
  readonly paths: RepoPaths;
  /** File shown in the agent's viewer, for tools that scroll and edit "the open file". */
  openFile: string | null;
}

type Lines = { readonly first: number; readonly last: number } | null;

/** Files that a call to a file tool or shell showed or changed. `result` is null where the log has none. */
export function fileDocuments(
  call: ToolCallStep,
  result: ToolResultStep | null,
  type: ToolClass,
  state: SweState,
): DocumentSeen[] {
  switch (type) {
    case 'fileEditor':
      return editorDocuments(call, result, state);
    case 'readFile':
      return result ? readDocuments(call, result, state) : [];
    case 'editFile':
      return editDocuments(call, result, state);
    case 'codeSearch':
      return result ? searchedLines(result, pathOf(call, state), state) : [];
    case 'shell':
      return shellDocuments(call, result, state);
    case 'answer':
      return result ? diffDocuments(result, 0, result.text.length, 'edited', state) : [];
    case 'python':
    case 'other':
      return call.arguments === null ? shellDocuments(call, result, state) : [];
    default:
      return [];
  }
}

function seen(
  step: { readonly index: number; readonly isTruncated?: boolean },
  path: string,
  how: SeenHow,
  span: TextRef,
  lines: Lines,
): DocumentSeen {
  return {
    key: path,
    title: path,
    how,
    stepIndex: step.index,
    span,
    lines,
    isTruncated: step.isTruncated ?? false,
    rank: null,
  };
}

/** The path a call names, normalised; textual calls name it as the first word after the command. */
function pathOf(call: ToolCallStep, state: SweState): string | null {
  const path = argumentText(call, ...PATH_KEYS);
  if (path !== null) return path.trim() === '' ? null : state.paths.normalise(path);
  if (call.arguments !== null) return null;
  const word = parseCommandLine(call.text.slice(0, 2000))[0]?.words[1];
  return word !== undefined && /[./]/.test(word) && !word.startsWith('-')
    ? state.paths.normalise(word)
    : null;
}

function editorDocuments(call: ToolCallStep, result: ToolResultStep | null, state: SweState): DocumentSeen[] {
  const command = argumentText(call, 'command') ?? '';
  if (command === 'view') return result ? readDocuments(call, result, state) : [];
  if (command === 'undo_edit') return [];
  return editDocuments(call, result, state);
}

/** A file shown by a viewer: the window's content, with the tool's own words cut off. */
function readDocuments(call: ToolCallStep, result: ToolResultStep, state: SweState): DocumentSeen[] {
  if (result.isError) return [];
  const wrapped = wrappedText(result);
  const text = wrapped?.text ?? result.text;
  const window = fileWindow(text);
  const named = window.path !== null ? state.paths.normalise(window.path) : null;
  const path = named ?? pathOf(call, state) ?? state.openFile;
  if (path === null || showsNoFile(text, window.start, window.end)) return [];
  state.openFile = path;
  const span = wrapped
    ? { ...wrapped.span, start: window.start, end: window.end }
    : spanIn(result, window.start, window.end);
  if (!span) return [];
  const lines = window.lines ?? windowFromArguments(call, countLines(text, window.start, window.end));
  return [seen(result, path, 'opened', span, lines)];
}

/** A result that is JSON around the text: `{"output": …}`, `{"content": …}`. */
function wrappedText(result: ToolResultStep): { text: string; span: TextRef; isHead: boolean } | null {
  if (firstMark(result.text) !== '{') return null;
  const value = parseJson(result.text);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  for (const key of [
    'output',
    'stdout',
    'output_head',
    'content',
    'text',
    'result',
    'file_content',
    'observation',
  ]) {
    const text = Object.hasOwn(value, key) ? value[key] : undefined;
    if (typeof text !== 'string' || text === '') continue;
    const span = jsonStringSpan(result, joinPath('', key), text);
    // A cut output given as head and tail: the head is one unbroken text.
    return span && { text, span, isHead: key === 'output_head' };
  }
  return null;
}

/** Lines shown, from `view_range`, `offset` and `limit`; without them the file from its first line. */
function windowFromArguments(call: ToolCallStep, count: number): Lines {
  const args = call.arguments ?? {};
  const range = args['view_range'] ?? args['line_range'];
  const numbers = Array.isArray(range) ? range.map(Number) : [];
  const first =
    numbers[0] ?? Number(args['offset'] ?? args['start_line'] ?? args['start'] ?? args['line_start'] ?? 1);
  if (!Number.isInteger(first) || first < 0 || count === 0) return null;
  const start = Math.max(1, first);
  return { first: start, last: start + count - 1 };
}

const EDIT_FAILURE =
  /(?:No replacement was performed|String to replace not found|did not match|has not been read yet|no changes? (?:were |was )?made|proposed edit has introduced|<tool_use_error>|not found in (?:the )?file|multiple occurrences|is not unique|Invalid (?:Context|Line)|Failed to|hunk FAILED|No such file)/i;
const NEW_TEXT_KEYS = [
  'new_str',
  'new_string',
  'file_text',
  'content',
  'contents',
  'new_content',
  'insert_text',
  'replace_text',
  'replacement_text',
  'replacement',
  'new_text',
  'code_edit',
  'new_source',
  'text',
];

/** A file written or changed: the tool's view of the place after the edit, else the text that was put in. */
function editDocuments(call: ToolCallStep, result: ToolResultStep | null, state: SweState): DocumentSeen[] {
  if (result && (result.isError || EDIT_FAILURE.test(result.text.slice(0, 600)))) return [];
  const patch = argumentSpan(call, 'patch') ?? argumentSpan(call, 'diff') ?? argumentSpan(call, 'input');
  const patchText =
    patch?.text ?? (call.arguments === null && call.text.includes('*** Begin Patch') ? call.text : null);
  if (patchText !== null && patchedFiles(patchText).length > 0) {
    const span = patch?.span ?? spanIn(call, 0, call.text.length);
    return span
      ? sections(patchText).map((part) =>
          seen(
            call,
            state.paths.normalise(part.path),
            'edited',
            { ...span, start: span.start + part.start, end: span.start + part.end },
            null,
          ),
        )
      : [];
  }
  const window = result ? fileWindow(result.text) : null;
  const path =
    (window?.path != null ? state.paths.normalise(window.path) : null) ??
    pathOf(call, state) ??
    state.openFile;
  if (path === null) return [];
  state.openFile = path;
  if (result && window?.lines && !showsNoFile(result.text, window.start, window.end)) {
    const span = spanIn(result, window.start, window.end);
    if (span) return [seen(result, path, 'edited', span, window.lines)];
  }
  for (const key of NEW_TEXT_KEYS) {
    const found = argumentSpan(call, key);
    if (!found) continue;
    const isWhole = key === 'file_text' || key === 'content' || key === 'contents';
    const lines = isWhole ? { first: 1, last: countLines(found.text, 0, found.text.length) } : null;
    return [seen(call, path, 'edited', found.span, lines)];
  }
  return listedEdits(call, path);
}

/** `edits: [{old_string, new_string}]` as some editors take them. */
function listedEdits(call: ToolCallStep, path: string): DocumentSeen[] {
  const edits = call.arguments?.['edits'];
  if (!Array.isArray(edits)) {
    const span = spanIn(call, 0, call.text.length);
    return span && call.arguments === null ? [seen(call, path, 'edited', span, null)] : [];
  }
  return edits.flatMap((edit, i): DocumentSeen[] => {
    const text =
      typeof edit === 'object' && edit !== null && !Array.isArray(edit) ? edit['new_string'] : undefined;
    if (typeof text !== 'string' || text === '') return [];
    const pointer = `/edits/${String(i)}/new_string`;
    const span =
      call.range === null
        ? { ...call.at, path: call.at.path + pointer, start: 0, end: text.length }
        : jsonStringSpan(call, pointer, text);
    return span ? [seen(call, path, 'edited', span, null)] : [];
  });
}

/** Sections of a diff or `apply_patch` text, one per file. */
function sections(text: string): { path: string; start: number; end: number }[] {
  const parts: { path: string; start: number; end: number }[] = [];
  const isGit = text.includes('diff --git ');
  const hasMarks = text.includes('*** ');
  for (let start = 0; start < text.length;) {
    const end = lineEnd(text, start);
    const isHead = isGit
      ? text.startsWith('diff --git ', start)
      : hasMarks
        ? /^\*\*\* (?:Add|Update|Delete) File: /.test(text.slice(start, start + 24))
        : text.startsWith('--- ', start) && text.startsWith('+++ ', end + 1);
    if (isHead) {
      const line = text.slice(start, Math.min(text.length, isGit || hasMarks ? end : lineEnd(text, end + 1)));
      const path = patchedFiles(line).pop();
      const last = parts[parts.length - 1];
      if (last) last.end = start;
      if (path !== undefined) parts.push({ path, start, end: text.length });
    } else if (isGit && !isDiffLine(text, start, end)) {
      const last = parts[parts.length - 1];
      if (last?.end === text.length) last.end = start;
    }
    start = end + 1;
  }
  return parts.map((part) => ({
    ...part,
    end: Math.max(part.start + 1, trimEnd(text, part.start, part.end)),
  }));
}

/** Lines of a git diff begin with few marks; anything else is text after it. */
function isDiffLine(text: string, start: number, end: number): boolean {
  if (end === start) return true;
  return (
    ' +-@\\\r'.includes(text.charAt(start)) ||
    /^(?:index |new file|deleted file|old mode|new mode|similarity |dissimilarity |rename |copy |Binary files|GIT binary)/.test(
      text.slice(start, Math.min(end, start + 20)),
    )
  );
}

function trimEnd(text: string, start: number, end: number): number {
  let to = end;
  while (to > start && text.charCodeAt(to - 1) <= 32) to--;
  return to;
}

/** A diff among the observations: each file's section. */
function diffDocuments(
  result: ToolResultStep,
  start: number,
  end: number,
  how: SeenHow,
  state: SweState,
): DocumentSeen[] {
  if (!result.text.includes('diff --git ')) return [];
  const text = result.text.slice(start, end);
  return sections(text).flatMap((part) => {
    const span = spanIn(result, start + part.start, start + part.end);
    return span ? [seen(result, state.paths.normalise(part.path), how, span, null)] : [];
  });
}

/** Matches of a code search, one document per file with the lines that were shown. */
function searchedLines(
  result: ToolResultStep,
  path: string | null,
  state: SweState,
  start = 0,
  stop = result.text.length,
): DocumentSeen[] {
  const documents: DocumentSeen[] = [];
  const held: { path: string; start: number; end: number; first: number; last: number }[] = [];
  const close = (): void => {
    const open = held.pop();
    const span = open && trimmedSpan(result, open.start, open.end);
    if (!open || !span) return;
    const lines = open.first > 0 ? { first: open.first, last: Math.max(open.first, open.last) } : null;
    documents.push(seen(result, open.path, 'returned', span, lines));
  };
  for (let at = start; at < stop && documents.length < MAX_MATCHED_FILES;) {
    const end = Math.min(stop, lineEnd(result.text, at));
    const line = result.text.slice(at, Math.min(end, at + 400));
    const match = MATCHED_LINE.exec(line) ?? (path === null ? null : /^(?:Line )?(\d+)[:-]/.exec(line));
    if (match) {
      const isBare = /^\d+$/.test(match[1] ?? '');
      const file = isBare && path !== null ? path : state.paths.normalise(match[1] ?? '');
      const number = Number(isBare ? match[1] : (match[2] ?? match[3] ?? 0));
      if (held[0]?.path !== file) {
        close();
        held.push({ path: file, start: at, end, first: number, last: number });
      }
      const [open] = held;
      if (open) {
        open.end = end;
        open.last = Math.max(open.last, number);
      }
    } else if (line !== '--') close();
    at = end + 1;
  }
  close();
  // Matches without path and number, all from the one file that was searched.
  if (documents.length === 0 && path !== null && !showsNoFile(result.text, start, stop)) {
    const span = /^(?:No matches|Found \d+ |no results)/i.test(result.text)
      ? null
      : trimmedSpan(result, start, stop);
    if (span) documents.push(seen(result, path, 'returned', span, null));
  }
  return documents;
}

/** Files of one search that are kept; beyond that a search says little about what was read. */
const MAX_MATCHED_FILES = 300;
/** `path:12:text`, `path-12-context` or `path:text`. */
const MATCHED_LINE =
  /^([\w./@+~-][^\s:]*?\.\w{1,8}|[\w./@+-]*(?:Makefile|Dockerfile))(?::(\d+)[:-]|-(\d+)-|:(?=\s*\S))/;

/** The text of a shell call. */
function commandText(call: ToolCallStep): string | null {
  if (call.arguments === null) return call.text;
  const text = argumentText(call, ...COMMAND_KEYS);
  if (text !== null) return text;
  const list = call.arguments['commands'] ?? call.arguments['cmds'];
  return Array.isArray(list)
    ? list.filter((item): item is string => typeof item === 'string').join('\n')
    : null;
}

interface Piece {
  readonly commands: readonly SimpleCommand[];
  readonly reading: FileReading | null;
}

function shellDocuments(call: ToolCallStep, result: ToolResultStep | null, state: SweState): DocumentSeen[] {
  const source = commandText(call);
  if (source === null || source.trim() === '') return [];
  const text = unwrapShell(call, source);
  const commands = parseCommandLine(text);
  const documents: DocumentSeen[] = [];
  const pieces: Piece[] = [];
  let pipe: SimpleCommand[] = [];
  for (const command of commands) {
    if (command.words[0] === 'cd') state.paths.changeFolder(command.words[1] ?? '');
    documents.push(...writtenFiles(call, command, text, source, state));
    pipe.push(command);
    if (command.output === 'pipe') continue;
    if (!isSilent(command)) pieces.push({ commands: pipe, reading: pipeReading(pipe) });
    pipe = [];
  }
  if (result && !result.isError) documents.push(...shownFiles(call, result, pieces, state));
  return documents;
}

/** `bash -lc '…'` given as a list of words, or as one text. */
function unwrapShell(call: ToolCallStep, source: string): string {
  const list = call.arguments?.['command'] ?? call.arguments?.['cmd'];
  if (Array.isArray(list) && list.length >= 3) {
    const [program] = list;
    const script = list[list.length - 1];
    const isShell = typeof program === 'string' && /^(?:\/bin\/)?(?:ba|z)?sh$/.test(program);
    if (isShell && typeof script === 'string') return script;
  }
  const match = /^\s*(?:\/bin\/)?(?:ba|z)?sh\s+-l?c\s+/.exec(source);
  return match ? (parseCommandLine(source)[0]?.words[2] ?? source) : source;
}

/** The reader at the head of a pipe, narrowed by the filters behind it; null when they change the content. */
function pipeReading(pipe: readonly SimpleCommand[]): FileReading | null {
  const [head, ...filters] = pipe;
  let reading = head ? fileReading(head) : null;
  for (const filter of filters) {
    if (!reading) return null;
    const [name = '', ...words] = filter.words;
    if (name === 'head' || name === 'tail' || name === 'sed') {
      const window = fileReading({ ...filter, words: [...filter.words, 'stdin'] });
      if (!window) return null;
      const first = reading.first !== null && window.first !== null ? reading.first + window.first - 1 : null;
      const last = reading.first !== null && window.last !== null ? reading.first + window.last - 1 : null;
      reading = { ...reading, first, last, isFiltered: reading.isFiltered || window.isFiltered };
    } else if (name === 'cat' || name === 'nl') {
      reading = { ...reading, isNumbered: reading.isNumbered || name === 'nl' || words.includes('-n') };
    } else if (isGrep(filter)) reading = { ...reading, isFiltered: true };
    else return null;
  }
  return reading;
}

function shownFiles(
  call: ToolCallStep,
  result: ToolResultStep,
  pieces: readonly Piece[],
  state: SweState,
): DocumentSeen[] {
  if (pieces.length === 0) return [];
  const wrapped = wrappedText(result);
  const base = wrapped
    ? { text: wrapped.text, span: wrapped.span }
    : { text: result.text, span: spanIn(result, 0, result.text.length) };
  if (!base.span) return [];
  const window = screenPart(call, base.text) ?? fileWindow(base.text);
  if (window.start >= window.end) return [];
  const cut = wrapped?.isHead ? 'end' : result.isTruncated ? 'middle' : null;
  const parts = splitByEchoes(base.text, window.start, window.end, pieces, cut);
  return parts.flatMap((part) => pieceDocuments(result, base.text, base.span, part, state));
}

/**
 * What one typed command printed on a terminal's screen: from the line of its prompt to the next prompt. Null for
 * tools that give each command its own output; an empty range where the screen does not show the command whole.
 */
function screenPart(call: ToolCallStep, text: string): { start: number; end: number } | null {
  const typed = call.arguments?.['keystrokes'];
  if (typeof typed !== 'string') return null;
  const command = typed.trim().split('\n', 1)[0] ?? '';
  const none = { start: 0, end: 0 };
  if (command === '' || typed.trim().includes('\n')) return none;
  for (const mark of ['# ', '$ ', '> ']) {
    const at = text.indexOf(mark + command);
    if (at < 0) continue;
    const line = text.lastIndexOf('\n', at) + 1;
    const start = lineEnd(text, at + mark.length + command.length) + 1;
    // The user and machine before the folder stay the same from prompt to prompt.
    const prompt = /^[^\s:#$>]{1,80}/.exec(text.slice(line, at))?.[0] ?? '';
    // A file without a last line break has the next prompt behind its last line.
    const next = prompt === '' ? -1 : text.indexOf(prompt.includes('@') ? prompt : `\n${prompt}`, start - 1);
    return start >= text.length ? none : { start, end: trimEnd(text, start, next < 0 ? text.length : next) };
  }
  return none;
}

interface Part {
  readonly pieces: readonly Piece[];
  readonly start: number;
  readonly end: number;
}

/** Divides an output at lines that `echo` printed, where each such line is there exactly once and in order. */
function splitByEchoes(
  text: string,
  start: number,
  end: number,
  pieces: readonly Piece[],
  cut: 'end' | 'middle' | null,
): Part[] {
  const whole = [{ pieces: pieces.filter((piece) => echoText(piece) === null), start, end }];
  const echoes = pieces.filter((piece) => echoText(piece) !== null);
  if (echoes.length === 0 || pieces.length === 1) return whole;
  const parts: Part[] = [];
  let at = start;
  let held: Piece[] = [];
  let isLost = false;
  for (const piece of pieces) {
    const echo = isLost ? null : echoText(piece);
    if (echo === null) {
      if (echoText(piece) === null) held.push(piece);
      continue;
    }
    const found = echo.length < 3 ? -1 : findLine(text, echo, at, end);
    const isRepeated = echoes.filter((other) => echoText(other) === echo).length > 1;
    if (found < 0 && cut === 'end') break;
    if (found < 0 && cut === 'middle' && parts.length > 0) {
      // What follows was cut away with this line: the rest cannot be divided.
      isLost = true;
      continue;
    }
    if (found < 0 || (!isRepeated && findLine(text, echo, found + 1, end) >= 0)) return whole;
    if (held.length > 0) parts.push({ pieces: held, start: at, end: Math.max(at, trimEnd(text, at, found)) });
    held = [];
    at = Math.min(end, lineEnd(text, found) + 1);
  }
  if (held.length > 0) parts.push({ pieces: held, start: at, end: Math.max(at, trimEnd(text, at, end)) });
  return parts;
}

/** The one line that an `echo` or `printf` prints; null for other commands, '\0' where it cannot be told. */
function echoText(piece: Piece): string | null {
  const [command] = piece.commands;
  const [name, ...words] = command?.words ?? [];
  if (piece.commands.length !== 1 || (name !== 'echo' && name !== 'printf')) return null;
  const given = words[0] === '-e' || words[0] === '--' ? words.slice(1) : words;
  if (name === 'printf' && (given.length !== 1 || given[0]?.includes('%'))) return '\0';
  const text = given.join(' ').replace(/\\n/g, '\n').trim();
  return /[$`\n]/.test(text) ? '\0' : text;
}

/** Start of the line in [from, to) that is exactly `line`, -1 without one. */
function findLine(text: string, line: string, from: number, to: number): number {
  for (let at = text.indexOf(line, from); at >= 0 && at < to; at = text.indexOf(line, at + 1)) {
    const before = at === 0 || text.charCodeAt(at - 1) === 10;
    const after = text.charCodeAt(at + line.length);
    if (before && (at + line.length >= text.length || after === 10 || after === 13)) return at;
  }
  return -1;
}

const REVISION = /^(?:HEAD[~^@]|[0-9a-f]{7,40}$|origin\/|.+\.\.)/;

function pieceDocuments(
  result: ToolResultStep,
  text: string,
  base: TextRef | null,
  part: Part,
  state: SweState,
): DocumentSeen[] {
  if (!base || part.end - part.start < 2) return [];
  const at = (start: number, end: number): TextRef => ({
    ...base,
    start: base.start + start,
    end: base.start + end,
  });
  const readers = part.pieces.filter((piece) => piece.reading !== null);
  const [first] = part.pieces;
  const differ = part.pieces.map((piece) => piece.commands[0]).find((command) => command?.words[0] === 'git');
  if (readers.length === 0 && differ && base.path === result.at.path) {
    // Against an older revision a diff also shows what others changed.
    const isOwn = differ.words.includes('diff') && !differ.words.some((word) => REVISION.test(word));
    const how = isOwn ? 'edited' : 'returned';
    const changed = diffDocuments(result, part.start, part.end, how, state);
    if (changed.length > 0) return changed;
  }
  if (part.pieces.length === 1 && first && !first.reading) {
    const [command] = first.commands;
    if (!command || base.path !== result.at.path) return [];
    if (isGrep(command)) {
      const file = grepFile(command);
      return searchedLines(
        result,
        file === null ? null : state.paths.normalise(file),
        state,
        part.start,
        part.end,
      );
    }
    return [];
  }
  if (readers.length === 0 || showsNoFile(text, part.start, part.end)) return [];
  const [only] = readers;
  if (readers.length === 1 && part.pieces.length === 1 && only?.reading) {
    const banners = only.reading.hasBanners ? bannerParts(text, part, state) : [];
    if (banners.length > 0)
      return banners.map((one) => seen(result, one.path, 'opened', at(one.start, one.end), null));
    if (only.reading.files.length === 1) {
      const path = state.paths.normalise(only.reading.files[0] ?? '');
      const how = only.reading.isFiltered ? 'returned' : 'opened';
      return [seen(result, path, how, at(part.start, part.end), readingLines(text, part, only.reading))];
    }
  }
  const files = [
    ...new Set(
      readers.flatMap((piece) => piece.reading?.files ?? []).map((file) => state.paths.normalise(file)),
    ),
  ];
  return [seen(result, files.join(' + '), 'opened', at(part.start, part.end), null)];
}

function readingLines(text: string, part: Part, reading: FileReading): Lines {
  if (reading.isFiltered) return null;
  const numbered = numberedLines(text, part.start, part.end);
  if (numbered && (reading.isNumbered || numbered.first === reading.first)) return numbered;
  if (reading.isNumbered || reading.first === null) return null;
  const count = countLines(text, part.start, part.end);
  return count === 0 ? null : { first: reading.first, last: reading.first + count - 1 };
}

/** `==> name <==` lines that head and tail print before each file. */
function bannerParts(
  text: string,
  part: Part,
  state: SweState,
): { path: string; start: number; end: number }[] {
  const found: { path: string; start: number; end: number }[] = [];
  for (let at = part.start; at < part.end;) {
    const end = lineEnd(text, at);
    const banner = /^==> (.+) <==\s*$/.exec(text.slice(at, Math.min(end, at + 500)));
    if (banner) {
      const last = found[found.length - 1];
      if (last) last.end = trimEnd(text, last.start, at);
      found.push({ path: state.paths.normalise(banner[1] ?? ''), start: end + 1, end: part.end });
    }
    at = end + 1;
  }
  return found.filter((one) => one.end > one.start);
}

/** Files that a command writes: here-documents, `tee`, redirections of text, `sed -i`. */
function writtenFiles(
  call: ToolCallStep,
  command: SimpleCommand,
  text: string,
  source: string,
  state: SweState,
): DocumentSeen[] {
  const [name = '', ...words] = command.words;
  if (name === 'sed' && isSilent(command)) {
    const file = words.filter((word) => !word.startsWith('-')).pop();
    const span = file !== undefined && words.length > 1 ? commandSpan(call, source, text, file) : null;
    return span && file !== undefined ? [seen(call, state.paths.normalise(file), 'edited', span, null)] : [];
  }
  if (/^python[\d.]*$/.test(name) && command.hereDocument) {
    return scriptWrites(
      call,
      text.slice(command.hereDocument.start, command.hereDocument.end),
      text,
      source,
      state,
    );
  }
  const target =
    command.outputFile ?? (name === 'tee' ? (words.find((word) => !word.startsWith('-')) ?? null) : null);
  const body = command.hereDocument;
  if (!body || target === null || target.startsWith('/dev/') || !['cat', 'tee'].includes(name)) return [];
  const content = text.slice(body.start, body.end);
  const span = commandSpan(call, source, text, content);
  const lines = { first: 1, last: countLines(content, 0, content.length) };
  return span ? [seen(call, state.paths.normalise(target), 'edited', span, lines)] : [];
}

/** Files that a Python script given on the command line writes: `open(path, 'w')`, `Path(path)` with write_text. */
function scriptWrites(
  call: ToolCallStep,
  script: string,
  text: string,
  source: string,
  state: SweState,
): DocumentSeen[] {
  const files = new Set<string>();
  const writesPaths = /\.write_(?:text|bytes)\(/.test(script);
  for (const match of script.matchAll(
    /\b(open|Path)\(\s*(['"])([^'"\n]{1,300})\2(?:\s*,\s*['"]([wax][bt+]*)['"])?/g,
  )) {
    if (match[4] !== undefined || (match[1] === 'Path' && writesPaths)) files.add(match[3] ?? '');
  }
  const span = files.size === 0 ? null : commandSpan(call, source, text, script);
  return span ? [...files].map((file) => seen(call, state.paths.normalise(file), 'edited', span, null)) : [];
}

/** Place of a part of the command; for one-line parts the whole command, so that the edit can be understood. */
function commandSpan(call: ToolCallStep, source: string, text: string, part: string): TextRef | null {
  const key =
    call.arguments === null ? null : (COMMAND_KEYS.find((name) => call.arguments?.[name] === source) ?? null);
  const whole = key === null ? spanIn(call, 0, call.text.length) : (argumentSpan(call, key)?.span ?? null);
  if (!whole || (key === null && call.arguments !== null)) return null;
  if (!part.includes('\n')) return whole;
  const at = source.indexOf(part);
  return text !== source || at < 0 || part.trim() === ''
    ? whole
    : { ...whole, start: whole.start + at, end: whole.start + at + part.length };
}
