import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import {
  contentTexts,
  isResultPart,
  readCall,
  readCallWithResult,
  readContent,
  readReasoningPart,
  readResult,
} from './contentParts.ts';
import { filledField, idField, listField, objectField, stringField } from './fields.ts';
import { isInjectedText } from './injected.ts';
import { readKeystrokes } from './keystrokes.ts';
import { decodedText, parseJson, wholeText, type StepBuilder, type TextSlice } from './stepBuilder.ts';
import { readCallText, readTaggedAssistant, readTaggedUser } from './tagText.ts';
import { readBracketCalls } from './textCalls.ts';

export type ChatRole = 'system' | 'user' | 'assistant' | 'tool';

const roles: Readonly<Record<string, ChatRole>> = {
  system: 'system',
  developer: 'system',
  system_prompt: 'system',
  user: 'user',
  human: 'user',
  assistant: 'assistant',
  ai: 'assistant',
  gpt: 'assistant',
  model: 'assistant',
  agent: 'assistant',
  chatgpt: 'assistant',
  bot: 'assistant',
  tool: 'tool',
  function: 'tool',
  ipython: 'tool',
  observation: 'tool',
  environment: 'tool',
  tool_response: 'tool',
  tool_result: 'tool',
  toolresult: 'tool',
  function_response: 'tool',
  function_call_output: 'tool',
};

/** The role of a message under any of the names in use; null for names that are not roles. */
export function chatRole(name: string | null): ChatRole | null {
  if (name === null) return null;
  const key = name.toLowerCase();
  return Object.hasOwn(roles, key) ? (roles[key] ?? null) : null;
}

export interface ChatOptions {
  /**
   * Enter tag text: `<think>`, `<tool_call>`, `<function=…>` in assistant texts, `<tool_response>` and
   * `OBSERVATION:` prefixes in user texts. Default true.
   */
  readonly tags?: boolean;
  /** Takes each user text instead of the default (a message, or a result when it is tagged as one). */
  readonly onUser?: (text: TextSlice) => void;
  /** Takes each assistant text instead of the default. */
  readonly onAssistant?: (text: TextSlice) => void;
}

/**
 * Key of a message that holds its content, as chat, ShareGPT, nebius, LangChain and LlamaIndex exports name
 * it. A text beside `parts` repeats those of them that are texts.
 */
function contentKey(message: JsonObject): string {
  if (typeof message['content'] === 'string' && listField(message, 'parts')?.length) return 'parts';
  for (const key of ['content', 'text', 'value', 'parts', 'blocks']) {
    if (message[key] !== undefined && message[key] !== null) return key;
  }
  return 'content';
}

/** Adds one message in OpenAI chat form, with the extensions found in the wild. */
export function readChatMessage(
  builder: StepBuilder,
  message: JsonValue,
  path: string,
  options: ChatOptions = {},
): void {
  if (!isObject(message)) {
    if (typeof message === 'string') builder.other(wholeText(message, path), 'message');
    return;
  }
  const roleName =
    stringField(message, 'role') ??
    stringField(message, 'from') ??
    stringField(message, 'type') ??
    stringField(message, 'sender');
  const role = chatRole(roleName);
  const key = contentKey(message);
  const content = message[key];
  const contentPath = joinPath(path, key);
  if (role === 'assistant' || (role === null && hasCalls(message))) {
    readAssistant(builder, message, path, content, contentPath, options);
  } else if (role === 'tool') {
    // AutoGen joins the results of parallel calls to one content.
    if (!readAttachedResults(builder, message, path)) readToolMessage(builder, message, content, contentPath);
  } else if (role === 'user') {
    readUser(builder, content, contentPath, options);
    readUserCalls(builder, message, path);
    readAttachedResults(builder, message, path);
  } else if (role === 'system') {
    for (const text of contentTexts(content, contentPath)) builder.message('system', text);
  } else if (typeof content === 'string' && /^(?:function_call|tool_calls?)$/i.test(roleName ?? '')) {
    readCallText(builder, content, contentPath);
  } else {
    const label = roleName ?? 'message';
    const texts = contentTexts(content, contentPath);
    if (texts.length === 0) builder.other(decodedText('', contentPath), label);
    for (const text of texts) builder.other(text, label);
  }
}

/** Adds a list of messages in OpenAI chat form. */
export function readChatMessages(
  builder: StepBuilder,
  messages: readonly JsonValue[],
  path: string,
  options: ChatOptions = {},
): void {
  for (const [index, message] of messages.entries()) {
    readChatMessage(builder, message, joinPath(path, index), options);
  }
}

function hasCalls(message: JsonObject): boolean {
  return (
    (listField(message, 'tool_calls')?.length ?? 0) > 0 ||
    (listField(message, 'toolCalls')?.length ?? 0) > 0 ||
    objectField(message, 'function_call') !== null
  );
}

function readAssistant(
  builder: StepBuilder,
  message: JsonObject,
  path: string,
  content: JsonValue | undefined,
  contentPath: string,
  options: ChatOptions,
): void {
  builder.beginTurn();
  const start = builder.steps.length;
  readReasoningFields(builder, message, path);
  readContent(builder, 'assistant', content, contentPath, (text) => {
    if (options.onAssistant) options.onAssistant(text);
    else if (options.tags === false || text.range === null) builder.message('assistant', text);
    else readAssistantText(builder, text.text, text.path);
  });
  const refusal = filledField(message, 'refusal');
  if (refusal !== null) builder.message('assistant', wholeText(refusal, joinPath(path, 'refusal')));
  const said = new Set(builder.steps.slice(start).map((step) => step.type === 'toolCall' && step.callId));
  const calls = callsOf(message);
  readToolCalls(builder, calls.value, `${path}${calls.path}`, (id) => said.has(id));
  readInvocations(builder, message, path);
  const old = objectField(message, 'function_call');
  if (old) readToolCall(builder, old, joinPath(path, 'function_call'));
}

/** Adds a whole text of the model: one that is all calls (Terminus, lists of Python calls), or one with tags in it. */
export function readAssistantText(builder: StepBuilder, text: string, path: string): void {
  const before = builder.steps.length;
  if (readKeystrokes(builder, text, path)) {
    // The terminal answers them together.
    if (builder.steps.slice(before).some((step) => step.type === 'toolCall')) builder.textCalls = 1;
  } else if (!readBracketCalls(builder, text, path)) readTaggedAssistant(builder, text, path);
}

/** Reasoning that stands beside the content; `reasoning` may repeat `reasoning_content`: one is kept. */
function readReasoningFields(builder: StepBuilder, message: JsonObject, path: string): void {
  for (const key of ['reasoning_content', 'reasoning', 'thinking', 'thought']) {
    const value = message[key];
    if (typeof value === 'string' && value.trim() !== '') {
      builder.reasoning(wholeText(value, joinPath(path, key)));
      return;
    }
  }
  for (const key of ['thinking_blocks', 'reasoning_details']) {
    const blocks = listField(message, key);
    if (!blocks || hasThinkingParts(message['content'])) continue;
    for (const [index, block] of blocks.entries()) {
      if (isObject(block)) readReasoningPart(builder, block, joinPath(joinPath(path, key), index));
    }
    return;
  }
}

function hasThinkingParts(content: JsonValue | undefined): boolean {
  return Array.isArray(content) && content.some((part) => stringField(part, 'type') === 'thinking');
}

/** The calls beside the content; LangChain and LlamaIndex may keep them as the provider gave them. */
function callsOf(message: JsonObject): { readonly value: JsonValue | undefined; readonly path: string } {
  if (listField(message, 'tool_calls')?.length) return { value: message['tool_calls'], path: '/tool_calls' };
  const extra = objectField(message, 'additional_kwargs')?.['tool_calls'];
  if (extra !== undefined) return { value: extra, path: '/additional_kwargs/tool_calls' };
  const key =
    message['tool_calls'] === undefined || message['tool_calls'] === null ? 'toolCalls' : 'tool_calls';
  return { value: message[key], path: `/${key}` };
}

/** Older messages of the AI SDK keep calls with their results in `toolInvocations`, and repeat them as parts. */
function readInvocations(builder: StepBuilder, message: JsonObject, path: string): void {
  if (listField(message, 'parts')) return;
  for (const [index, call] of (listField(message, 'toolInvocations') ?? []).entries()) {
    if (isObject(call)) readCallWithResult(builder, call, `${path}/toolInvocations/${index}`);
  }
}

/** Adds the calls of a `tool_calls` list (or the JSON text of one), except those whose id `isKnown`. */
export function readToolCalls(
  builder: StepBuilder,
  value: JsonValue | undefined,
  path: string,
  isKnown: (callId: string) => boolean = () => false,
): void {
  if (typeof value === 'string' && value.trimStart().startsWith('[')) {
    const parsed = parseJson(value);
    if (Array.isArray(parsed)) readToolCalls(builder, parsed, joinPath(path, '!json'), isKnown);
    return;
  }
  if (!Array.isArray(value)) return;
  for (const [index, item] of value.entries()) {
    // Data sets keep calls of many shapes in one column by writing each as JSON text.
    const call = typeof item === 'string' ? parseJson(item) : item;
    const at = joinPath(path, index);
    if (!isObject(call) || isKnown(idField(call, 'id') ?? '')) continue;
    readToolCall(builder, call, typeof item === 'string' ? joinPath(at, '!json') : at);
  }
}

/**
 * One call: `{id, function: {name, arguments}}` (OpenAI), `{id, function: "name", arguments}` (Inspect),
 * `{name, arguments}` without id, or `{id, name, args}` (LangChain).
 */
function readToolCall(builder: StepBuilder, call: JsonObject, path: string): void {
  const inner = objectField(call, 'function') ?? objectField(call, 'custom');
  const holder = inner ?? call;
  const holderPath = inner ? joinPath(path, inner === call['function'] ? 'function' : 'custom') : path;
  const name =
    stringField(holder, 'name') ??
    stringField(call, 'function') ??
    stringField(call, 'function_name') ??
    stringField(call, 'tool_name') ??
    'unknown';
  const key = ['arguments', 'args', 'input', 'parameters', 'kwargs'].find(
    (name) => holder[name] !== undefined,
  );
  readCall(
    builder,
    name,
    idField(call, 'id') ?? idField(call, 'tool_call_id') ?? idField(call, 'call_id'),
    key === undefined ? undefined : holder[key],
    joinPath(holderPath, key ?? 'arguments'),
  );
}

function readToolMessage(
  builder: StepBuilder,
  message: JsonObject,
  content: JsonValue | undefined,
  path: string,
): void {
  const error = message['error'];
  const isError =
    (isObject(error) && Object.keys(error).length > 0) ||
    error === true ||
    message['isError'] === true ||
    message['status'] === 'error';
  const extra = objectField(message, 'additional_kwargs');
  const fields = {
    callId:
      idField(message, 'tool_call_id') ??
      idField(message, 'call_id') ??
      idField(message, 'tool_use_id') ??
      idField(message, 'toolCallId') ??
      idField(extra, 'tool_call_id') ??
      calledBy(builder, message),
    name:
      stringField(message, 'name') ??
      stringField(message, 'function') ??
      stringField(message, 'tool_name') ??
      stringField(message, 'toolName'),
    isError,
  };
  if (Array.isArray(content) && content.some(isResultPart)) {
    readContent(builder, 'user', content, path);
    return;
  }
  const only = typeof content === 'string' ? content : null;
  if (only !== null && readTaggedUser(builder, only, path, fields)) return;
  // An error without content says what went wrong in its own message.
  const said = isObject(error) ? filledField(error, 'message') : null;
  const isEmpty = content === null || content === undefined || content === '';
  if (said !== null && isEmpty) {
    builder.toolResult(wholeText(said, `${path.slice(0, path.lastIndexOf('/'))}/error/message`), fields);
  } else {
    readResult(builder, content, path, fields);
  }
}

/** tau2-bench names the call in the `id` of the result; elsewhere a message has an id of its own there. */
function calledBy(builder: StepBuilder, message: JsonObject): string | null {
  const id = idField(message, 'id');
  return id !== null && builder.knowsCall(id) ? id : null;
}

function readUser(
  builder: StepBuilder,
  content: JsonValue | undefined,
  path: string,
  options: ChatOptions,
): void {
  readContent(builder, 'user', content, path, (text) => {
    if (options.onUser) options.onUser(text);
    else if (options.tags === false || text.range === null)
      builder.message('user', text, isInjectedText(text.text));
    else readUserText(builder, text.text, text.path);
  });
}

/** Adds a whole text of the user: what a tool returned, where it is marked so or a call in a text waits for it. */
export function readUserText(builder: StepBuilder, text: string, path: string): void {
  if (readTaggedUser(builder, text, path)) return;
  if (builder.textCalls > 0) builder.toolResult(wholeText(text, path));
  else builder.message('user', wholeText(text, path), isInjectedText(text));
}

/** Users that a model plays (tau2-bench) have tools of their own. */
function readUserCalls(builder: StepBuilder, message: JsonObject, path: string): void {
  const { speaker } = builder;
  builder.speaker ??= 'user';
  readToolCalls(builder, message['tool_calls'], `${path}/tool_calls`);
  builder.speaker = speaker;
}

/** Adds results that stand beside the content of a message (`tool_results`, `tool_responses`). False without any. */
function readAttachedResults(builder: StepBuilder, message: JsonObject, path: string): boolean {
  const results = listField(message, 'tool_results') ?? listField(message, 'tool_responses');
  if (!results?.length) return false;
  const key = message['tool_results'] === results ? 'tool_results' : 'tool_responses';
  for (const [index, result] of results.entries()) {
    const at = joinPath(joinPath(path, key), index);
    const holder = isObject(result) ? 'content' : null;
    readResult(
      builder,
      holder === null ? result : (result as JsonObject)[holder],
      holder === null ? at : joinPath(at, holder),
      { callId: idField(result, 'tool_call_id'), name: stringField(result, 'name') },
    );
  }
  return true;
}
