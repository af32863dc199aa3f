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
  let start = 0;
  while (start < text.length && text.charCodeAt(start) <= 32) start++;
  return openings.some((opening) => text.startsWith(opening, start));
}
