import type { JsonObject, JsonValue } from '../core/json.ts';
import type { ToolCallStep, Trajectory } from '../trajectories/schema.ts';

/** A diff rebuilt from the agent's edit calls. */
export interface RebuiltPatch {
  readonly text: string;
  readonly flags: readonly string[];
}

interface Edit {
  readonly path: string;
  readonly before: string;
  readonly after: string;
  readonly isNewFile: boolean;
  readonly isDeleted?: boolean;
}

/**
 * Unified diff of the change that the successful edit calls of a run made, for logs that keep no patch (coding
 * CLIs). Reads the common editors: old/new text pairs (Edit, MultiEdit, replace, str_replace), whole new files
 * (Write, create) and `apply_patch` texts, given as they are or to a shell. Hunk headers carry line numbers only where the log shows them, so the diff is flagged.
 */
export function patchFromEdits(trajectory: Trajectory): RebuiltPatch | null {
  const failed = new Set<number>();
  for (const step of trajectory.steps) {
    if (step.type === 'toolResult' && step.isError && step.callStep !== null) failed.add(step.callStep);
  }
  const byPath = new Map<string, Edit[]>();
  const root = commonRoot(trajectory);
  for (const step of trajectory.steps) {
    if (step.type !== 'toolCall' || step.isDemonstration || failed.has(step.index)) continue;
    for (const edit of editsOf(step)) {
      const path = edit.path.startsWith(root) ? edit.path.slice(root.length) : edit.path.replace(/^\/+/, '');
      const list = byPath.get(path);
      if (list) list.push(edit);
      else byPath.set(path, [edit]);
    }
  }
  if (byPath.size === 0) return null;
  const opened = new Set(
    trajectory.documents.filter((seen) => seen.how === 'opened').map((seen) => seen.key),
  );
  const parts = [...byPath].map(([path, edits]) => fileDiff(path, edits, opened));
  return { text: parts.join('\n'), flags: ['patch-from-edits'] };
}

/** The directory (with its slash) that all edited absolute paths share; '' when paths are relative. */
function commonRoot(trajectory: Trajectory): string {
  const cwd = trajectory.metadata['cwd'];
  if (typeof cwd === 'string' && cwd.startsWith('/')) return cwd.endsWith('/') ? cwd : `${cwd}/`;
  const match = trajectory.documents
    .map((seen) => /^\/(?:testbed|workspace\/[^/]+|repo|app)\//.exec(seen.key)?.[0])
    .find(Boolean);
  return match ?? '/';
}

function editsOf(step: ToolCallStep): Edit[] {
  const given = step.arguments;
  const applied = patchTextOf(given ?? step.text);
  if (applied !== null) return appliedEdits(applied);
  if (!given) return [];
  const path =
    text(given, 'file_path') ??
    text(given, 'path') ??
    text(given, 'filePath') ??
    text(given, 'absolute_path');
  if (path === null) return [];
  const command = text(given, 'command');
  const name = step.name.toLowerCase();
  const before = text(given, 'old_string') ?? text(given, 'old_str') ?? text(given, 'oldString');
  const after = text(given, 'new_string') ?? text(given, 'new_str') ?? text(given, 'newString');
  if (before !== null && after !== null && (command === null || command === 'str_replace')) {
    return before === after ? [] : [{ path, before, after, isNewFile: before === '' }];
  }
  const edits = given['edits'];
  if (Array.isArray(edits)) {
    return edits.flatMap((edit: JsonValue) => {
      const old = text(edit as JsonObject, 'old_string') ?? text(edit as JsonObject, 'oldText');
      const fresh = text(edit as JsonObject, 'new_string') ?? text(edit as JsonObject, 'newText');
      return old !== null && fresh !== null ? [{ path, before: old, after: fresh, isNewFile: false }] : [];
    });
  }
  const content = text(given, 'content') ?? text(given, 'file_text');
  const writes = command === 'create' || /^(?:write|write_file|create|create_file|writefile)$/.test(name);
  return content !== null && writes ? [{ path, before: '', after: content, isNewFile: true }] : [];
}

const patchStart = '*** Begin Patch';

/** The first text in a call's arguments that holds an `apply_patch` text; here-documents of a shell included. */
function patchTextOf(value: JsonValue): string | null {
  if (typeof value === 'string') return value.includes(patchStart) ? value : null;
  if (value === null || typeof value !== 'object') return null;
  for (const inner of Object.values(value)) {
    const found = patchTextOf(inner);
    if (found !== null) return found;
  }
  return null;
}

/** The edits of an `apply_patch` text: files added, deleted, and updated hunk by hunk. */
function appliedEdits(source: string): Edit[] {
  const edits: Edit[] = [];
  const lines = source.slice(source.indexOf(patchStart)).split('\n').slice(1);
  let path: string | null = null;
  let isNewFile = false;
  let before: string[] = [];
  let after: string[] = [];
  const flush = (): void => {
    if (path !== null && (before.length > 0 || after.length > 0)) {
      edits.push({ path, before: before.join('\n'), after: after.join('\n'), isNewFile });
    }
    before = [];
    after = [];
  };
  for (const line of lines) {
    const section = /^\*\*\* (Add File|Update File|Delete File|Move to|End Patch|End of File):? ?(.*)$/.exec(
      line,
    );
    if (section) {
      const [, what = '', name = ''] = section;
      if (what === 'End of File' || what === 'Move to') continue;
      flush();
      if (what === 'End Patch') break;
      path = what === 'Delete File' ? null : name.trim();
      isNewFile = what === 'Add File';
      if (what === 'Delete File') {
        edits.push({ path: name.trim(), before: '', after: '', isNewFile: false, isDeleted: true });
      }
    } else if (line.startsWith('@@')) flush();
    else if (line.startsWith('+')) after.push(line.slice(1));
    else if (line.startsWith('-')) before.push(line.slice(1));
    else {
      const context = line.startsWith(' ') ? line.slice(1) : line;
      before.push(context);
      after.push(context);
    }
  }
  flush();
  return edits;
}

function text(object: JsonObject | null, key: string): string | null {
  const value = object && typeof object === 'object' && Object.hasOwn(object, key) ? object[key] : null;
  return typeof value === 'string' ? value : null;
}

function fileDiff(path: string, edits: readonly Edit[], opened: ReadonlySet<string>): string {
  const isNew = edits[0]!.isNewFile && ![...opened].some((key) => key === path || key.endsWith(`/${path}`));
  const head = `diff --git a/${path} b/${path}\n--- ${isNew ? '/dev/null' : `a/${path}`}\n+++ b/${path}`;
  if (edits.at(-1)?.isDeleted) {
    return `diff --git a/${path} b/${path}\ndeleted file mode 100644\n--- a/${path}\n+++ /dev/null`;
  }
  // An edit of text that an earlier edit wrote changes that earlier hunk, not the file as it was opened.
  const merged: { before: string; after: string }[] = [];
  for (const edit of edits) {
    const earlier =
      edit.before === '' ? undefined : merged.find((other) => other.after.includes(edit.before));
    if (earlier) earlier.after = earlier.after.replace(edit.before, () => edit.after);
    else merged.push({ before: edit.before, after: edit.after });
  }
  const hunks = merged
    .filter((edit) => edit.before !== edit.after)
    .map((edit) => hunkText(edit.before, edit.after, isNew));
  return [head, ...hunks].join('\n');
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
