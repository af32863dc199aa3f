import type { DocumentSeen, ToolCallStep, ToolResultStep } from '../schema.ts';
import {
  diffDocuments,
  searchedLines,
  sections,
  seen,
  wrappedText,
  type Lines,
  type SweState,
} from './fileLooks.ts';
import { countLines, fileWindow, showsNoFile } from './fileWindow.ts';
import { patchedFiles } from './repoPath.ts';
import { parseCommandLine } from './shell.ts';
import { shellDocuments } from './shellFiles.ts';
import { argumentSpan, jsonStringSpan, spanIn } from './spans.ts';
import { argumentText, PATH_KEYS, type ToolClass } from './toolClass.ts';

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
  // SWE-agent writes the call as a command line: `str_replace_editor view /path`.
  const written =
    call.arguments === null ? parseCommandLine(call.text.slice(0, 2000))[0]?.words[1] : undefined;
  const command = argumentText(call, 'command') ?? written ?? '';
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
