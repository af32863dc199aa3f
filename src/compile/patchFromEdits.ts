import { fileDiff } from '../trajectories/blocks/lineDiff.ts';
import { barePath, endsAlike, RepoPaths } from '../trajectories/extract/repoPath.ts';
import { resultsByCall } from '../trajectories/extract/sql.ts';
import { classifyCall } from '../trajectories/extract/toolClass.ts';
import type { ToolResultStep, Trajectory } from '../trajectories/schema.ts';
import type { Look } from './contextDocument.ts';
import { editsOf, type Edit } from './editCalls.ts';
import { openedText, unseenLine } from './openedText.ts';

/** A diff rebuilt from the agent's edit calls. */
export interface RebuiltPatch {
  readonly text: string;
  readonly flags: readonly string[];
}

/** Why the edit calls of a run do not give its whole change. */
export interface PatchGap {
  readonly gap: string;
}

type Looks = ReadonlyMap<string, readonly Look[]>;

interface EditedFile {
  readonly edits: Edit[];
  /** Step of the first edit; what the run shows of the file before it is the old text. */
  readonly step: number;
  /** What the tool said to the first edit. */
  readonly result: string;
}

/**
 * Unified diff of the change that the successful edit calls of a run made, for logs that keep no patch (coding
 * CLIs). Hunk headers carry line numbers only where the log shows them, so the diff is flagged. A file that is also
 * changed in a way that the log does not show gives a gap; a file that only such calls touch, a second flag.
 * @param looks what the run shows, by document
 */
export function patchFromEdits(trajectory: Trajectory, looks: Looks): RebuiltPatch | PatchGap | null {
  const results = resultsByCall(trajectory.steps);
  const keys = editedKeys(trajectory);
  const cwd = trajectory.metadata['cwd'];
  const paths = new RepoPaths(typeof cwd === 'string' && cwd.startsWith('/') ? [cwd] : [], [], []);
  const files = new Map<string, EditedFile>();
  const unread = new Set<string>();
  for (const step of trajectory.steps) {
    const result = results.get(step.index);
    if (step.type !== 'toolCall' || step.isDemonstration) continue;
    const known = keys.get(step.index) ?? [];
    const edits = editsOf(step);
    // A command that fails may have written before it did.
    if (edits.length === 0) for (const key of known) unread.add(key);
    if (hasFailed(result)) continue;
    for (const edit of edits) {
      const path = paths.normalise(edit.path);
      const key = known.includes(path) ? path : (known.find((name) => endsAlike(name, path)) ?? path);
      const file = files.get(key);
      if (edit.kind === 'undo') file?.edits.pop();
      else if (file) file.edits.push(edit);
      else files.set(key, { edits: [edit], step: step.index, result: result?.text ?? '' });
    }
  }
  if (files.size === 0) return null;
  const parts: string[] = [];
  for (const [key, file] of files) {
    const part = changeOfFile(trajectory, key, file, looks.get(key) ?? []);
    if (part === null) return { gap: `the run does not show all of ${key} that its edits change` };
    if (part !== '') parts.push(part);
  }
  for (const key of unread) {
    const [first] = looks.get(key) ?? [];
    const isFound = first ? first.seen.how !== 'edited' : false;
    if (isFound || files.get(key)?.edits[0]?.kind === 'replace')
      return { gap: `${key} is also changed by a call whose effect the log does not show` };
  }
  if (parts.length === 0) return null;
  const flags = ['patch-from-edits', ...(unread.size > 0 ? ['patch-incomplete'] : [])];
  return { text: parts.join('\n'), flags };
}

const failure =
  /^\s*(?:<tool_use_error>|error\b)|String to replace not found|No replacement was performed|did not appear verbatim|Multiple occurrences|Invalid Context|verification failed|No edit history/i;

/** True for a call that changed nothing, as the log marks it or as its tool says; few logs mark it. */
function hasFailed(result: ToolResultStep | undefined): boolean {
  return result !== undefined && (result.isError || failure.test(result.text.slice(0, 300)));
}

/** Keys of the files that each call changed, by the call's step. A diff that a shell shows is no change. */
function editedKeys(trajectory: Trajectory): Map<number, string[]> {
  const keys = new Map<number, string[]>();
  for (const { how, key, stepIndex } of trajectory.documents) {
    const step = trajectory.steps[stepIndex];
    const call =
      step?.type === 'toolResult' && step.callStep !== null ? trajectory.steps[step.callStep] : step;
    if (how !== 'edited' || call?.type !== 'toolCall') continue;
    if (call !== step && ['shell', 'answer'].includes(classifyCall(call))) continue;
    keys.set(call.index, [...(keys.get(call.index) ?? []), key]);
  }
  return keys;
}

/** The diff of one file, '' when its edits cancel out; null when the run shows too little of it. */
function changeOfFile(
  trajectory: Trajectory,
  key: string,
  { edits, step, result }: EditedFile,
  looks: readonly Look[],
): string | null {
  const path = barePath(key);
  const [first] = edits;
  if (!first) return '';
  const wasShown = looks.some((look) => look.seen.how !== 'edited' && look.seen.stepIndex < step);
  const isNew = first.kind === 'write' && !wasShown;
  if (edits.at(-1)!.kind === 'delete') {
    return isNew
      ? ''
      : `diff --git a/${path} b/${path}\ndeleted file mode 100644\n--- a/${path}\n+++ /dev/null`;
  }
  if (isNew) {
    const text = /\boverwr|has been updated/i.test(result) ? null : applyEdits('', edits);
    return text === null ? null : [head(path, true), hunkText('', text, true)].join('\n');
  }
  const needsText = edits.some((edit) => edit.kind !== 'replace' || edit.all);
  if (!needsText) return replacements(path, edits);
  const opened = openedText(trajectory, looks, step);
  const needsWhole = edits.some((edit) => edit.kind === 'write' || (edit.kind === 'replace' && edit.all));
  const changed = opened && (opened.isWhole || !needsWhole) ? applyEdits(opened.text, edits) : null;
  return changed === null ? null : withoutUnseen(fileDiff(path, opened!.text, changed));
}

function head(path: string, isNew = false): string {
  return `diff --git a/${path} b/${path}\n--- ${isNew ? '/dev/null' : `a/${path}`}\n+++ b/${path}`;
}

/** The text after the edits; null when one of them names text or a line that is not in it. */
function applyEdits(before: string, edits: readonly Edit[]): string | null {
  let text = before;
  for (const edit of edits) {
    if (edit.kind === 'write') text = edit.text;
    else if (edit.kind === 'insert') {
      const lines = text.split('\n');
      const around = lines.slice(Math.max(0, edit.line - 1), edit.line + 1);
      if (edit.line > lines.length || around.every((line) => line === unseenLine)) return null;
      lines.splice(edit.line, 0, ...edit.text.split('\n'));
      text = lines.join('\n');
    } else if (edit.kind === 'replace') {
      if (!text.includes(edit.before)) return null;
      text = edit.all
        ? text.replaceAll(edit.before, () => edit.after)
        : text.replace(edit.before, () => edit.after);
    } else text = '';
  }
  return text;
}

/** A diff whose hunks end where the lines that the run shows end; null when a change stands among unseen lines. */
function withoutUnseen(diff: string): string | null {
  const [start = '', ...hunks] = diff.trimEnd().split(/\n(?=@@ )/);
  const kept = hunks.map((hunk) => {
    const [header = '', ...lines] = hunk.split('\n');
    const isSeen = (line: string): boolean => line !== ` ${unseenLine}`;
    const from = lines.findIndex(isSeen);
    const to = lines.findLastIndex(isSeen) + 1;
    const cut = lines.length - (to - from);
    const numbers = header.match(/\d+/g)!.map(Number);
    const [oldStart, oldCount, newStart, newCount] = numbers as [number, number, number, number];
    const range = `-${oldStart + from},${oldCount - cut} +${newStart + from},${newCount - cut}`;
    return [`@@ ${range} @@`, ...lines.slice(from, to)].join('\n');
  });
  const text = [start, ...kept].join('\n');
  return text.includes(unseenLine) ? null : text;
}

/** The diff of text pairs alone: a hunk for each place, whose lines need not be known. */
function replacements(path: string, edits: readonly Edit[]): string {
  // An edit of text that an earlier edit wrote changes that earlier hunk, not the file as it was opened.
  const merged: { before: string; after: string }[] = [];
  for (const edit of edits) {
    if (edit.kind !== 'replace') continue;
    const earlier =
      edit.before === '' ? undefined : merged.find((other) => other.after.includes(edit.before));
    if (earlier) earlier.after = earlier.after.replace(edit.before, () => edit.after);
    else merged.push({ before: edit.before, after: edit.after });
  }
  const hunks = merged
    .filter((edit) => edit.before !== edit.after)
    .map((edit) => hunkText(edit.before, edit.after, false));
  return hunks.length === 0 ? '' : [head(path), ...hunks].join('\n');
}

function hunkText(before: string, after: string, isNew: boolean): string {
  const old = before === '' ? [] : before.replace(/\n$/, '').split('\n');
  const fresh = after === '' ? [] : after.replace(/\n$/, '').split('\n');
  let start = 0;
  while (start < old.length && start < fresh.length && old[start] === fresh[start]) start++;
  let end = 0;
  while (end < old.length - start && end < fresh.length - start && old.at(-1 - end) === fresh.at(-1 - end))
    end++;
  const lines = [
    ...old.slice(0, start).map((line) => ` ${line}`),
    ...old.slice(start, old.length - end).map((line) => `-${line}`),
    ...fresh.slice(start, fresh.length - end).map((line) => `+${line}`),
    ...old.slice(old.length - end).map((line) => ` ${line}`),
  ];
  // Without numbers the bare marker stands, as in the patches that coding agents exchange.
  const header = isNew ? `@@ -0,0 +1,${fresh.length} @@` : '@@';
  return [header, ...lines].join('\n');
}
