import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { stringField } from './fields.ts';
import { fileDiff } from './lineDiff.ts';

/**
 * Follows the files that Claude Code edited through the structured results of its edit tools (which hold the
 * file before the edit, old and new text), to give the net patch. Results that only repeat text are ignored.
 */
export class EditedFiles {
  private readonly files = new Map<string, { before: string | null; after: string }>();

  /** Takes one `toolUseResult`. */
  add(result: JsonValue | undefined): void {
    if (!isObject(result)) return;
    const path = stringField(result, 'filePath');
    if (path === null || result['userModified'] === true) return;
    const original = stringField(result, 'originalFile');
    const after = editedText(result, original);
    if (after === null) return;
    const known = this.files.get(path);
    if (known) known.after = after;
    else this.files.set(path, { before: original, after });
  }

  /** The net change of all files as a git diff, paths relative to the working folder; null without edits. */
  patch(workingFolder: string | null): string | null {
    const root = workingFolder === null ? '' : `${workingFolder.replace(/\/$/, '')}/`;
    let text = '';
    for (const [path, { before, after }] of this.files) {
      const name = root !== '' && path.startsWith(root) ? path.slice(root.length) : path.replace(/^\//, '');
      text += fileDiff(name, before, after);
    }
    return text === '' ? null : text;
  }
}

/** The content after an edit, null when the result does not allow to tell. */
function editedText(result: JsonObject, original: string | null): string | null {
  const content = stringField(result, 'content');
  const type = stringField(result, 'type');
  if (content !== null && (type === 'create' || type === 'update')) return content;
  if (original === null) return null;
  const edits = Array.isArray(result['edits']) ? result['edits'] : [result];
  let text: string = original;
  for (const edit of edits) {
    const from = stringField(edit, 'oldString') ?? stringField(edit, 'old_string');
    const to = stringField(edit, 'newString') ?? stringField(edit, 'new_string');
    if (from === null || to === null) return null;
    const all = isObject(edit) && (edit['replaceAll'] === true || edit['replace_all'] === true);
    if (from === '') text = to;
    else if (!text.includes(from)) return null;
    // Functions as replacement: `$` in code must not be read as a pattern.
    else text = all ? text.replaceAll(from, () => to) : text.replace(from, () => to);
  }
  return text;
}
