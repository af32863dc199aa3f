import { textSlice, type TextSlice } from './stepBuilder.ts';

/** Openings of user messages that a harness wrote, not the person: reminders, environment, command output. */
const openings = [
  '<system-reminder>',
  '<command-name>',
  '<command-message>',
  '<command-args>',
  '<local-command-stdout>',
  '<local-command-stderr>',
  '<local-command-caveat>',
  '<bash-input>',
  '<bash-stdout>',
  '<bash-stderr>',
  '<user-memory-input>',
  '<task-notification>',
  '<ide_opened_file>',
  '<ide_selection>',
  '<environment_context>',
  '<environment_details>',
  '<user_instructions>',
  '<ENVIRONMENT_CONTEXT>',
  '<INSTRUCTIONS>',
  '<permissions instructions>',
  '<collaboration_mode>',
  '<skills_instructions>',
  '<turn_aborted>',
  '<user_shell_command>',
  '<session_context>',
  '<EXTRA_INFO>',
  '<RUNTIME_INFORMATION>',
  '# AGENTS.md instructions for',
  'Caveat: The messages below were generated',
  '[Request interrupted by user',
  '[Request cancelled',
  'This session is being continued from a previous conversation',
  'This is the Gemini CLI. We are setting up the context',
  'Your last output was not formatted correctly',
] as const;

/** True for a user text that was put there by the harness. Looks at the beginning only. */
export function isInjectedText(text: string): boolean {
  const start = skipBlank(text, 0);
  return openings.some((opening) => text.startsWith(opening, start));
}

const reminderOpen = '<system-reminder>';
const reminderClose = '</system-reminder>';

/** A text in its own part and the reminders that a harness put before and after it. */
export interface WithReminders {
  readonly before: readonly TextSlice[];
  /** Null when there is nothing but reminders. */
  readonly own: TextSlice | null;
  readonly after: readonly TextSlice[];
}

/**
 * Sets reminder blocks at the beginning (`leading`) and the end of a text apart. Blocks in the middle stay:
 * there they may be what a tool really read.
 */
export function splitReminders(slice: TextSlice, leading = true): WithReminders {
  const { text, path, range } = slice;
  const begins = leading && text.startsWith(reminderOpen, skipBlank(text, 0));
  const ends = text.endsWith(reminderClose, skipBlankBack(text, text.length));
  if (range?.start !== 0 || !(begins || ends)) return { before: [], own: slice, after: [] };
  const before: TextSlice[] = [];
  const after: TextSlice[] = [];
  let start = 0;
  while (leading) {
    const from = skipBlank(text, start);
    const close = text.startsWith(reminderOpen, from) ? text.indexOf(reminderClose, from) : -1;
    if (close < 0) break;
    start = close + reminderClose.length;
    before.push(textSlice(text, path, from, start));
  }
  let end = text.length;
  for (;;) {
    const to = skipBlankBack(text, end);
    const from = text.endsWith(reminderClose, to) ? text.lastIndexOf(reminderOpen, to) : -1;
    if (from < start) break;
    after.unshift(textSlice(text, path, from, to));
    end = skipBlankBack(text, from);
  }
  const first = before.length > 0 ? skipBlank(text, start) : 0;
  const own = skipBlank(text, first) < end ? textSlice(text, path, first, end) : null;
  return { before, own, after };
}

function skipBlank(text: string, from: number): number {
  while (from < text.length && text.charCodeAt(from) <= 32) from++;
  return from;
}

function skipBlankBack(text: string, to: number): number {
  while (to > 0 && text.charCodeAt(to - 1) <= 32) to--;
  return to;
}
