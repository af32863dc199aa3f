import type { JsonObject, JsonValue } from '../core/json.ts';
import type { ToolCallStep } from '../trajectories/schema.ts';

/** One change of a file as an edit call asks for it, under the path that the call names. */
export type Edit = { readonly path: string } & (
  | { readonly kind: 'replace'; readonly before: string; readonly after: string; readonly all: boolean }
  | { readonly kind: 'write'; readonly text: string }
  /** `text` comes after line `line` (1-based; 0 is the start of the file). */
  | { readonly kind: 'insert'; readonly line: number; readonly text: string }
  | { readonly kind: 'delete' }
  /** Takes back the last edit of the file. */
  | { readonly kind: 'undo' }
);

/**
 * The edits that a call asks for, in order; empty for other calls. Reads the common editors: old/new text pairs
 * (Edit, MultiEdit, replace, str_replace), insertions after a line, whole files (Write, create) and `apply_patch`
 * texts, given as they are or to a shell.
 */
export function editsOf(step: ToolCallStep): Edit[] {
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
  if (command === 'undo_edit') return [{ kind: 'undo', path }];
  if (command === 'insert') return insertion(path, given);
  const before = text(given, 'old_string') ?? text(given, 'old_str') ?? text(given, 'oldString');
  const after = text(given, 'new_string') ?? text(given, 'new_str') ?? text(given, 'newString');
  if (before !== null && after !== null && (command === null || command === 'str_replace')) {
    return [pair(path, before, after, given)];
  }
  const edits = given['edits'];
  if (Array.isArray(edits)) {
    return edits.flatMap((edit: JsonValue): Edit[] => {
      const old = text(edit as JsonObject, 'old_string') ?? text(edit as JsonObject, 'oldText');
      const fresh = text(edit as JsonObject, 'new_string') ?? text(edit as JsonObject, 'newText');
      return old !== null && fresh !== null ? [pair(path, old, fresh, edit as JsonObject)] : [];
    });
  }
  const content = text(given, 'content') ?? text(given, 'file_text');
  const name = step.name.toLowerCase();
  const writes = command === 'create' || /^(?:write|write_file|create|create_file|writefile)$/.test(name);
  return content !== null && writes ? [{ kind: 'write', path, text: content }] : [];
}

function insertion(path: string, given: JsonObject): Edit[] {
  const line = given['insert_line'];
  // Editors that take `new_str` join it with line breaks, so one at its end gives an empty line.
  const inserted = text(given, 'new_str') ?? text(given, 'insert_text')?.replace(/\n$/, '');
  return typeof line === 'number' && Number.isInteger(line) && line >= 0 && inserted !== undefined
    ? [{ kind: 'insert', path, line, text: inserted }]
    : [];
}

/** Editors take an empty old text for a file that is not there yet. */
function pair(path: string, before: string, after: string, given: JsonObject): Edit {
  const all = given['replace_all'] === true || given['replaceAll'] === true;
  return before === '' ? { kind: 'write', path, text: after } : { kind: 'replace', path, before, after, all };
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
      edits.push(
        isNewFile
          ? { kind: 'write', path, text: after.join('\n') }
          : { kind: 'replace', path, before: before.join('\n'), after: after.join('\n'), all: false },
      );
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
      if (what === 'Delete File') edits.push({ kind: 'delete', path: name.trim() });
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
