import type { DocumentSeen, TextRef, ToolCallStep, ToolResultStep } from '../schema.ts';
import {
  diffDocuments,
  searchedLines,
  sections,
  seen,
  trimEnd,
  wrappedText,
  type Lines,
  type SweState,
} from './fileLooks.ts';
import { countLines, fileWindow, numberedLines, showsNoFile } from './fileWindow.ts';
import {
  fileReading,
  grepFile,
  isGrep,
  isSilent,
  parseCommandLine,
  type FileReading,
  type SimpleCommand,
} from './shell.ts';
import { argumentSpan, jsonStringSpan, lineEnd, spanIn } from './spans.ts';
import { argumentText, COMMAND_KEYS } from './toolClass.ts';
import { writtenFiles } from './shellWrites.ts';

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

/** Files that a shell call showed or wrote; `result` is null where the log has none. */
export function shellDocuments(
  call: ToolCallStep,
  result: ToolResultStep | null,
  state: SweState,
): DocumentSeen[] {
  const source = commandText(call);
  if (source === null || source.trim() === '') return [];
  if (source.includes('*** Begin Patch')) return patchDocuments(call, source, result, state);
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

/** Files that an `apply_patch` given to the shell changes: as a word of its own, or as a here-document. */
function patchDocuments(
  call: ToolCallStep,
  source: string,
  result: ToolResultStep | null,
  state: SweState,
): DocumentSeen[] {
  if (result?.isError) return [];
  const key = COMMAND_KEYS.find((name) => call.arguments?.[name] !== undefined);
  const list = key === undefined ? undefined : call.arguments?.[key];
  const index = Array.isArray(list)
    ? list.findIndex((word) => typeof word === 'string' && word.includes('*** Begin Patch'))
    : -1;
  const word = Array.isArray(list) ? list[index] : undefined;
  const pointer = `/${String(key)}/${index}`;
  const place =
    call.arguments === null
      ? { text: source, span: spanIn(call, 0, call.text.length) }
      : typeof word === 'string'
        ? { text: word, span: jsonStringSpan(call, pointer, word) }
        : key !== undefined
          ? argumentSpan(call, key)
          : null;
  if (!place?.span) return [];
  const { text, span } = place;
  return sections(text).map((part) =>
    seen(
      call,
      state.paths.normalise(part.path),
      'edited',
      { ...span, start: span.start + part.start, end: span.start + part.end },
      null,
    ),
  );
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
