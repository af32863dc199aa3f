import type { JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import { contentTexts, readContent } from './contentParts.ts';
import { stringField } from './fields.ts';
import { isInjectedText, splitReminders } from './injected.ts';
import type { StepBuilder, TextSlice } from './stepBuilder.ts';

/**
 * Adds one message in Anthropic form (`role`, `content` as text or blocks). Results live in user messages;
 * reminders and command output in them are marked injected. `startsTurn` is false for the second and later
 * pieces of one model message that a log spread over several records.
 */
export function readAnthropicMessage(
  builder: StepBuilder,
  message: JsonValue,
  path: string,
  options: { readonly startsTurn?: boolean; readonly injected?: boolean } = {},
): void {
  const role = stringField(message, 'role');
  const contentPath = joinPath(path, 'content');
  const content =
    typeof message === 'object' && message !== null && !Array.isArray(message)
      ? message['content']
      : undefined;
  if (role === 'assistant') {
    if (options.startsTurn !== false) builder.beginTurn();
    readContent(builder, 'assistant', content, contentPath);
  } else {
    const speaker = role === 'system' ? 'system' : 'user';
    const injected = options.injected === true;
    readContent(builder, speaker, content, contentPath, (text) => {
      if (speaker === 'user') addUserText(builder, text, injected);
      else builder.message(speaker, text, injected);
    });
  }
}

/** A user text, with the reminders around it as messages of their own. */
function addUserText(builder: StepBuilder, text: TextSlice, injected: boolean): void {
  const { before, own, after } = splitReminders(text);
  for (const reminder of before) builder.message('user', reminder, true);
  if (own) builder.message('user', own, injected || isInjectedText(own.text));
  for (const reminder of after) builder.message('user', reminder, true);
}

/** Adds a list of messages in Anthropic form, with the separate system prompt where there is one. */
export function readAnthropicMessages(
  builder: StepBuilder,
  messages: readonly JsonValue[],
  path: string,
  system?: { readonly value: JsonValue | undefined; readonly path: string },
): void {
  if (system) {
    for (const text of contentTexts(system.value, system.path)) builder.message('system', text);
  }
  for (const [index, message] of messages.entries())
    readAnthropicMessage(builder, message, joinPath(path, index));
}
