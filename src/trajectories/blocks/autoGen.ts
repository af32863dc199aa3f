import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import { readCall, readContent, readResult } from './contentParts.ts';
import { filledField, idField, listField, numberField, objectField, stringField } from './fields.ts';
import { chatRole } from './openaiChat.ts';
import { decodedText, jsonText, textIfGiven, wholeText, type StepBuilder } from './stepBuilder.ts';

/** Names of participants that stand for the person. */
const personName = /^(?:user|human)/i;

/** Events that repeat what a message says, or say nothing. */
const silentTypes = /^(?:ModelClientStreamingChunkEvent|UserInputRequestedEvent|SelectSpeakerEvent)$/;

/** Whether a value is a message or event of AutoGen from 0.4 on, of its agents or of its model clients. */
export function isAutoGenMessage(value: JsonValue): value is JsonObject {
  if (!isObject(value) || !/^[A-Z]\w*(?:Message|Event)$/.test(stringField(value, 'type') ?? '')) return false;
  const first = listField(value, 'content')?.[0];
  return stringField(value, 'source') !== null || idField(first, 'call_id') !== null;
}

/** Adds one message or event of AutoGen from 0.4 on. */
export function readAutoGenMessage(builder: StepBuilder, message: JsonObject, path: string): void {
  const type = stringField(message, 'type') ?? '';
  const content = message['content'];
  if (silentTypes.test(type) || saysResultAgain(builder, type, content)) return;
  const source = stringField(message, 'source');
  const role = type === 'SystemMessage' ? 'system' : personName.test(source ?? '') ? 'user' : 'assistant';
  builder.speaker = source ?? undefined;
  // A thought and the calls after it are one output of the model.
  if (role === 'assistant' && !bringsResults(message) && builder.last?.type !== 'reasoning')
    builder.beginTurn();
  const at = joinPath(path, 'content');
  const thought = filledField(message, 'thought');
  if (thought !== null) builder.reasoning(wholeText(thought, joinPath(path, 'thought')));
  if (type === 'ThoughtEvent') builder.reasoning(textIfGiven(stringField(message, 'content'), at));
  else if (Array.isArray(content)) {
    for (const [index, item] of content.entries()) readItem(builder, role, item, joinPath(at, index));
  } else if (isObject(content)) builder.message(role, decodedText(jsonText(content), at));
  else readContent(builder, role, content, at);
  readCode(builder, message, path);
  builder.speaker = undefined;
}

/** A summary of calls is by default what the last of them returned. */
function saysResultAgain(builder: StepBuilder, type: string, content: JsonValue | undefined): boolean {
  const last = builder.last;
  return type === 'ToolCallSummaryMessage' && last?.type === 'toolResult' && last.text === content;
}

function bringsResults(message: JsonObject): boolean {
  const first = listField(message, 'content')?.[0];
  return idField(first, 'call_id') !== null || objectField(message, 'result') !== null;
}

function readItem(
  builder: StepBuilder,
  role: 'system' | 'user' | 'assistant',
  item: JsonValue,
  path: string,
): void {
  const name = stringField(item, 'name');
  if (isObject(item) && name !== null && 'arguments' in item) {
    readCall(builder, name, idField(item, 'id'), item['arguments'], joinPath(path, 'arguments'));
  } else if (isObject(item) && 'call_id' in item) {
    readResult(builder, item['content'], joinPath(path, 'content'), {
      callId: idField(item, 'call_id'),
      name,
      isError: item['is_error'] === true,
    });
  } else readContent(builder, role, item, path);
}

/** Code that an agent wrote to be run (`code_blocks`), and what it printed (`result`). */
function readCode(builder: StepBuilder, message: JsonObject, path: string): void {
  for (const [index, block] of (listField(message, 'code_blocks') ?? []).entries()) {
    const code = textIfGiven(stringField(block, 'code'), `${path}/code_blocks/${index}/code`);
    const name = stringField(block, 'language') ?? 'python';
    builder.toolCall(code, { name, arguments: { code: code.text } });
  }
  const result = objectField(message, 'result');
  if (result) {
    const isError = (numberField(result, 'exit_code') ?? 0) !== 0;
    readResult(builder, result['output'], `${path}/result/output`, { isError });
  }
}

/**
 * Messages of AutoGen up to 0.2 under the roles of their speakers. There a role only tells one side from the
 * other, as the agent sees it that kept the list: its own messages are `assistant`, all others `user`. Other
 * lists are given back as they are.
 */
export function withRolesOfSpeakers(messages: readonly JsonValue[]): readonly JsonValue[] {
  const person = personOf(messages);
  if (person === null) return messages;
  return messages.map((message) => {
    const role = chatRole(stringField(message, 'role'));
    if (!isObject(message) || role === 'system' || role === 'tool') return message;
    return { ...message, role: stringField(message, 'name') === person ? 'user' : 'assistant' };
  });
}

/** The speaker that began, where all have names and the roles cannot be theirs; else null. */
function personOf(messages: readonly JsonValue[]): string | null {
  const spoken = messages.filter((message) =>
    /^(?:user|assistant)$/.test(stringField(message, 'role') ?? ''),
  );
  const person = filledField(spoken[0], 'name');
  if (person === null || !spoken.every((message) => filledField(message, 'name') !== null)) return null;
  const others = spoken.filter((message) => stringField(message, 'name') !== person);
  if (!others.some((message) => stringField(message, 'role') === 'user')) return null;
  // Calls are the assistant's for every side, so they tell nothing about whose list it is.
  const hasCalls = (message: JsonValue): boolean => listField(message, 'tool_calls') !== null;
  const isOthers = others.some(
    (message) => stringField(message, 'role') === 'assistant' && !hasCalls(message),
  );
  const isPerson =
    stringField(spoken[0], 'role') === 'user' ||
    others.some(hasCalls) ||
    /user|human|admin|proxy/i.test(person);
  return !isOthers && isPerson ? person : null;
}
