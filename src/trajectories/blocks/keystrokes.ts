import { filledField, listField, stringField } from './fields.ts';
import { decodedText, parseObject, wholeText, type StepBuilder, type TextSlice } from './stepBuilder.ts';

/** Keys that Terminus writes beside its commands. */
const stateKeys = ['analysis', 'state_analysis', 'explanation', 'plan', 'task_complete', 'is_task_complete'];

/**
 * Adds the keystrokes that a Terminus agent wrote as JSON into its text:
 * `{"analysis": …, "plan": …, "commands": [{"keystrokes": …}]}`; false for any other text.
 */
export function readKeystrokes(builder: StepBuilder, text: string, path: string): boolean {
  if (!text.includes('"keystrokes"') && !text.includes('"commands"')) return false;
  const value = text.trimStart().startsWith('{') ? parseObject(text) : null;
  const commands = listField(value, 'commands');
  if (!value || !commands || !stateKeys.some((key) => key in value)) return false;
  // A text inside of another one cannot be entered by a pointer.
  const at = (inner: string, key: string): TextSlice =>
    builder.isWithin ? decodedText(inner, path) : wholeText(inner, `${path}/!json/${key}`);
  for (const key of ['analysis', 'state_analysis', 'explanation', 'plan']) {
    const said = filledField(value, key);
    if (said !== null) builder.reasoning(at(said, key));
  }
  for (const [index, command] of commands.entries()) {
    const keystrokes = stringField(command, 'keystrokes');
    if (keystrokes === null) continue;
    builder.toolCall(at(keystrokes, `commands/${index}/keystrokes`), {
      name: 'terminal',
      arguments: { keystrokes },
    });
  }
  return true;
}
