import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { listField, objectField, stringField } from '../blocks/fields.ts';
import type { Placed } from '../blocks/looseMessages.ts';
import { isListedMessage } from '../blocks/messageList.ts';
import { parseJson } from '../blocks/stepBuilder.ts';

/** Keys under which a record may keep its list of messages, in the order tried. */
export const listKeys = [
  'messages',
  'traj',
  'conversation',
  'conversations',
  'trajectory',
  'history',
  'dialog',
  'dialogue',
  'chat',
  'turns',
  'chat_messages',
  'messages_and_choices',
] as const;

/** Where loggers, proxies and cloud logs keep the request around its messages. */
const requestPaths = [
  '/request',
  '/input',
  '/inputs',
  '/body',
  '/kwargs',
  '/data',
  '/values',
  '/state',
  '/request/body',
  '/request_body',
  '/input/inputBodyJson',
] as const;

/** Where they keep the reply to it; the record itself comes last. */
const replyPaths = [
  '/response',
  '/output',
  '/completion',
  '/response/body',
  '/response_body',
  '/output/outputBodyJson',
  '/output/outputBodyJson/output',
  '',
] as const;

export interface MessageList {
  readonly messages: readonly JsonValue[];
  readonly path: string;
  readonly key: string;
  /** The object around the list, and the pointer to it. */
  readonly holder: JsonObject | null;
  readonly holderPath: string;
}

/** The object at a pointer without escapes; null where there is none. */
export function objectAt(value: JsonValue | undefined, path: string): JsonObject | null {
  let at: JsonValue | undefined = value;
  for (const key of path.split('/').slice(1)) at = objectField(at, key);
  return isObject(at) ? at : null;
}

/** The messages of a record, where most of the list are messages; JSON text is entered. */
export function messagesOf(value: JsonValue | undefined): MessageList | null {
  const holder = isObject(value) ? value : null;
  const around = { holder, holderPath: '' };
  if (Array.isArray(value)) return isChat(value) ? { messages: value, path: '', key: '', ...around } : null;
  for (const key of listKeys) {
    const list = listField(value, key);
    if (list && isChat(list)) return { messages: list, path: `/${key}`, key, ...around };
    const text = stringField(value, key);
    const parsed = text?.trimStart().startsWith('[') ? parseJson(text) : undefined;
    if (Array.isArray(parsed) && isChat(parsed)) {
      return { messages: parsed, path: `/${key}/!json`, key, ...around };
    }
  }
  // Each step of an rLLM run holds the chat up to it.
  const steps = listField(value, 'steps');
  const chat = listField(steps?.at(-1), 'chat_completions');
  if (steps && chat && isChat(chat)) {
    const path = `/steps/${steps.length - 1}/chat_completions`;
    return { messages: chat, path, key: 'steps.chat_completions', ...around };
  }
  for (const holderPath of requestPaths) {
    const inner = objectAt(value, holderPath);
    const list = listField(inner, 'messages');
    const key = holderPath.slice(1).replaceAll('/', '.');
    if (list && isChat(list)) {
      return { messages: list, path: `${holderPath}/messages`, key, holder: inner, holderPath };
    }
  }
  return null;
}

/** Whether a list is one of messages. Looks at the first ones only: recognition must not depend on the length of a run. */
export function isChat(list: readonly JsonValue[]): boolean {
  const looked = list.slice(0, 8);
  const found = looked.filter((value) => isListedMessage(messageIn(value).value)).length;
  return found > 0 && found * 2 >= looked.length;
}

/** A message, or the one that an entry of a session is put around (`{"type": "message", "message": …}`). */
export function messageIn(value: JsonValue): Placed {
  const inner = objectField(value, 'message');
  return inner && isListedMessage(inner) && !isListedMessage(value)
    ? { value: inner, path: '/message' }
    : { value, path: '' };
}

/** A reply beside the messages, and where it stands. */
export interface Reply {
  readonly message: JsonObject;
  readonly path: string;
  /** What says which model replied and what it used. */
  readonly holder: JsonObject;
  /** It stands in `choices` or, as Bedrock writes it, in `output.message`. */
  readonly isWrapped: boolean;
}

/** Replies beside the messages: `response.choices[0].message`, Bedrock's `output.message`, or Anthropic's `content`. */
export function replyOf(value: JsonValue | undefined): Reply | null {
  for (const path of replyPaths) {
    const holder = objectAt(value, path);
    if (!holder) continue;
    const choice = objectField(listField(holder, 'choices')?.[0], 'message');
    if (choice) return { message: choice, path: `${path}/choices/0/message`, holder, isWrapped: true };
    if (path === '') continue;
    const inner = objectField(holder, 'message');
    const isReply = (message: JsonObject): boolean =>
      Array.isArray(message['content']) && stringField(message, 'role') === 'assistant';
    if (inner && isReply(inner)) return { message: inner, path: `${path}/message`, holder, isWrapped: true };
    if (isReply(holder)) return { message: holder, path, holder, isWrapped: false };
  }
  return null;
}
