import { lineEnd, trimRange } from './spans.ts';

/** The part of an observation that is file content, and what its frame says about it. */
export interface FileWindow {
  readonly start: number;
  readonly end: number;
  /** Path named by the frame (`[File: …]`, "cat -n on …"). */
  readonly path: string | null;
  /** First and last line number written in the content. */
  readonly lines: { readonly first: number; readonly last: number } | null;
}

/** Frames before the content; each ends with the line it stands in. */
const HEADS = [
  /\[File: (.+?) \(\d+ lines total[^\n]*\)\]/,
  /[Hh]ere's the (?:result of running `?(?:cat -n|cat|view)`?|content) (?:on|of) (?:a snippet of )?`?([^\n`]+?)`?(?: \(lines [^\n]*\))?:/,
  /<(?:file_content|file|document)[^>\n]*path="([^"\n]+)"[^>\n]*>/,
  /^\[Read File\]: ([^\n]+)|^File: `?(\/[^\n`]+?)`?(?: \([^\n]*\))?:?(?=\n)/,
];
const SKIPPED_LINES = [
  /^\s*\(\d+ more lines above\)\s*$/,
  /^\s*<(?:content|output|file)>\s*$/,
  /^\s*```\w*\s*$/,
];
/** What tools add after the content. */
const TAILS = [
  '\n(Open file: ',
  '\n[File: ',
  '\nFile updated. Please review',
  '\nText replaced. Please review',
  '\n[The command completed with exit code',
  '\n[Command finished with exit code',
  '\n[Current working directory:',
  '\n\nReview the changes and make sure',
  '\nReview the changes and make sure',
  '\n<system-reminder>',
  '\n</output>',
  '\n</file>',
  '\n</content>',
  '\n(Current directory: ',
  '\nError: (none)\nExit Code: ',
];
const MORE_BELOW = /\n\s*\(\d+ more lines below\)\s*(?:\n|$)/;
/** Characters at the end of an observation in which a tool's closing remarks stand. */
const TAIL_LENGTH = 2500;

/** Cuts the tool's own words from an observation that shows a file. Linear, and cheap on long texts. */
export function fileWindow(text: string): FileWindow {
  let start = 0;
  let path: string | null = null;
  const head = text.slice(0, 1500);
  for (const pattern of HEADS) {
    const match = pattern.exec(head);
    if (!match) continue;
    const named = (match[1] ?? match[2] ?? '').trim();
    // "… a snippet of the edited file:" names no file.
    path = named === '' || /^(?:the|your|this) /.test(named) ? null : named;
    start = Math.min(text.length, lineEnd(text, match.index + match[0].length) + 1);
    break;
  }
  // `Command: …\nDirectory: …\nOutput: …` as one coding CLI reports its shell.
  if (start === 0 && text.startsWith('Command: ')) {
    const output = head.indexOf('\nOutput: ');
    if (output >= 0) start = output + '\nOutput: '.length;
  }
  for (let skipped = 0; skipped < 3; skipped++) {
    const end = lineEnd(text, start);
    const line = text.slice(start, Math.min(end, start + 80));
    if (end >= text.length || !SKIPPED_LINES.some((pattern) => pattern.test(line))) break;
    start = end + 1;
  }
  let end = text.length;
  const tailFrom = Math.max(start, text.length - TAIL_LENGTH);
  for (const tail of TAILS) {
    const at = text.indexOf(tail, Math.max(tailFrom - 1, 0));
    if (at >= start && at < end) end = at;
  }
  const below = MORE_BELOW.exec(text.slice(tailFrom, end));
  if (below) end = tailFrom + below.index;
  while (end > start && (text.charCodeAt(end - 1) === 10 || text.charCodeAt(end - 1) === 13)) end--;
  if (text.startsWith('bash-$', end - 6)) end -= 6;
  return { start, end: Math.max(start, end), path, lines: numberedLines(text, start, end) };
}

const NUMBERED = /^\s{0,8}(\d{1,7})(?::|\t|→|\s?\||\s{2})/;

/** Line numbers written before the first and the last line of [start, end); null without them. */
export function numberedLines(
  text: string,
  start: number,
  end: number,
): { first: number; last: number } | null {
  const firstLine = numberAt(text, start, end);
  if (firstLine === null) return null;
  let from = end;
  for (let tries = 0; tries < 40 && from > start; tries++) {
    const lineStart = Math.max(start, text.lastIndexOf('\n', from - 1) + 1);
    const last = numberAt(text, lineStart, end) ?? bareNumber(text, lineStart, end);
    if (last !== null && last >= firstLine) return { first: firstLine, last };
    from = lineStart - 1;
  }
  return null;
}

function numberAt(text: string, start: number, end: number): number | null {
  const match = NUMBERED.exec(text.slice(start, Math.min(end, start + 24)));
  return match ? Number(match[1]) : null;
}

/** A last line that is only its number: the separator behind it was trimmed away with the end of the text. */
function bareNumber(text: string, start: number, end: number): number | null {
  const match = /^\s{0,8}(\d{1,7})$/.exec(text.slice(start, Math.min(end, start + 24)));
  return match ? Number(match[1]) : null;
}

/** Lines in [start, end), not counting an empty last one. */
export function countLines(text: string, start: number, end: number): number {
  const [, to] = trimRange(text, start, end);
  if (to <= start) return 0;
  let count = 1;
  for (let at = text.indexOf('\n', start); at >= 0 && at < to; at = text.indexOf('\n', at + 1)) count++;
  return count;
}

const READ_FAILURE =
  /^\s*(?:<tool_use_error>|\[?error\b|errors? |cat: |sed: |head: |tail: |nl: |less: |ls: |bash: |\/bin\/\w+: |zsh: |fatal: |usage: |traceback|file (?:\S+ )?(?:not found|does not exist)|the path .{0,300} (?:does not exist|is not)|the file .{0,300} does not exist|no such file|invalid `|.{0,300}: no such file or directory|.{0,200} not found\.?$|path .{0,200} (?:not found|does not exist|is a directory)|permission denied|your command ran successfully and did not produce|no file open|<returncode>[1-9]|eisdir|enoent|cannot open)/i;
const LISTING =
  /^\s*(?:here's the files and directories|<entries>|total \d+\n[d-][rwx-]{9}|- \/\S+\/\n|directory listing)/i;

/** True for observations that show no file: errors, empty output, folder listings. */
export function showsNoFile(text: string, start: number, end: number): boolean {
  if (end - start < 2) return true;
  const head = text.slice(start, Math.min(end, start + 400));
  return READ_FAILURE.test(head) || LISTING.test(head);
}
