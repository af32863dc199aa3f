import type { DocumentSeen, SeenHow, TextRef, ToolResultStep } from '../schema.ts';
import { joinPath } from '../sourcePath.ts';
import { showsNoFile } from './fileWindow.ts';
import type { RepoPaths } from './repoPath.ts';
import { patchedFiles } from './repoPath.ts';
import { firstMark, jsonStringSpan, lineEnd, parseJson, spanIn, trimmedSpan } from './spans.ts';

/** What one run of a coding agent has open. */
export interface SweState {
  readonly paths: RepoPaths;
  /** File shown in the agent's viewer, for tools that scroll and edit "the open file". */
  openFile: string | null;
}

/** Lines of a file, 1-based inclusive; null where they are not known. */
export type Lines = { readonly first: number; readonly last: number } | null;

/** One look at a file. */
export function seen(
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

/** A result that is JSON around the text: `{"output": …}`, `{"content": …}`. */
export function wrappedText(result: ToolResultStep): { text: string; span: TextRef; isHead: boolean } | null {
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

/** Sections of a diff or `apply_patch` text, one per file. */
export function sections(text: string): { path: string; start: number; end: number }[] {
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
    } else if ((isGit && !isDiffLine(text, start, end)) || text.startsWith('*** End Patch', start)) {
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

/** End of [start, end) without the white space before it. */
export function trimEnd(text: string, start: number, end: number): number {
  let to = end;
  while (to > start && text.charCodeAt(to - 1) <= 32) to--;
  return to;
}

/** A diff among the observations: each file's section. */
export function diffDocuments(
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
export function searchedLines(
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
