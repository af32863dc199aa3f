import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { Issue } from '../schema.ts';
import { isAutoGenMessage, readAutoGenMessage, withRolesOfSpeakers } from './autoGen.ts';
import { listField, objectField, stringField } from './fields.ts';
import { isLooseMessage, readLooseMessage, type Placed } from './looseMessages.ts';
import { chatRole, readChatMessage } from './openaiChat.ts';
import { isResponseItem, readResponseItem } from './openaiResponses.ts';
import { isPydanticMessage, readPydanticMessage } from './pydanticAi.ts';
import type { StepBuilder } from './stepBuilder.ts';

/** Whether a value is a message in any of the forms that lists of messages are kept in. */
export function isListedMessage(value: JsonValue): boolean {
  return (
    isChatMessage(value) ||
    isLooseMessage(value) ||
    isResponseItem(value) ||
    isAutoGenMessage(value) ||
    isPydanticMessage(value) ||
    isOpenCodeMessage(value)
  );
}

function isChatMessage(value: JsonValue): boolean {
  if (!isObject(value)) return false;
  const role = chatRole(
    stringField(value, 'role') ?? stringField(value, 'from') ?? stringField(value, 'sender'),
  );
  return (
    role !== null && ['content', 'value', 'text', 'tool_calls', 'parts', 'blocks'].some((key) => key in value)
  );
}

/** OpenCode keeps the role of a message in its `info`, beside the parts. */
function isOpenCodeMessage(value: JsonValue): value is JsonObject {
  return (
    chatRole(stringField(objectField(value, 'info'), 'role')) !== null && listField(value, 'parts') !== null
  );
}

/** A message of a list, in the record that it lies in. */
export interface ListedMessage extends Placed {
  readonly record: number;
}

/** Adds the messages of one run, each in its form. Gives an issue where some of the model or of tools said nothing. */
export function readMessageList(builder: StepBuilder, listed: readonly ListedMessage[]): Issue[] {
  const values = withRolesOfSpeakers(listed.map(({ value }) => value));
  const unread: { readonly record: number; readonly path: string }[] = [];
  const labels = new Set<string>();
  for (const [index, { path, record }] of listed.entries()) {
    const message = values[index] ?? null;
    const start = builder.steps.length;
    builder.record = record;
    readListedMessage(builder, message, path);
    const unknown = unknownParts(message, builder.steps.slice(start));
    if (unknown.length > 0) unread.push({ record, path });
    for (const label of unknown) labels.add(label);
  }
  const first = unread[0];
  if (!first) return [];
  const count = unread.length === 1 ? 'One message' : `${unread.length} messages`;
  const kinds = [...labels].slice(0, 5).join(', ');
  return [
    {
      severity: 'warning',
      code: 'unknown-parts',
      message: `${count} of the model or of tools: nothing but parts of unknown kinds (${kinds}) instead of texts, calls and results. They are kept as they are and take no part in examples.`,
      file: builder.file,
      ...first,
      byteOffset: null,
    },
  ];
}

function readListedMessage(builder: StepBuilder, message: JsonValue, path: string): void {
  if (isResponseItem(message)) readResponseItem(builder, message, path);
  else if (isAutoGenMessage(message)) readAutoGenMessage(builder, message, path);
  else if (isPydanticMessage(message)) readPydanticMessage(builder, message, path);
  else if (isOpenCodeMessage(message)) {
    const role = stringField(objectField(message, 'info'), 'role');
    readChatMessage(builder, { role, parts: message['parts'] ?? null }, path);
  } else if (isLooseMessage(message)) readLooseMessage(builder, { value: message, path });
  else readChatMessage(builder, message, path);
}

/** Kinds of the parts of a message of the model or of a tool that has no others; media are known to have no text. */
function unknownParts(message: JsonValue, steps: StepBuilder['steps']): string[] {
  const names = ['role', 'from', 'type'].map((key) => stringField(message, key));
  const role = chatRole(
    names.find((name) => name !== null) ?? stringField(objectField(message, 'info'), 'role'),
  );
  if (role !== 'assistant' && role !== 'tool') return [];
  const labels = steps.map((step) => (step.type === 'other' ? step.label : null));
  return labels.every((label) => label !== null && !/image|audio|video|file|document/.test(label))
    ? labels.filter((label) => label !== null)
    : [];
}
