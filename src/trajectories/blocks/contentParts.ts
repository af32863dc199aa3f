import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import { idField, listField, objectField, stringField } from './fields.ts';
import { splitReminders } from './injected.ts';
import {
  decodedText,
  jsonText,
  parseObject,
  wholeText,
  type StepBuilder,
  type TextSlice,
} from './stepBuilder.ts';

/** Keys under which a typed part may carry its text, in the order tried. */
const textKeys = ['text', 'content', 'value', 'input_text', 'output_text', 'refusal'] as const;

/** Part types whose readable text is the model's reasoning. */
const reasoningKeys = ['thinking', 'reasoning', 'reasoning_content', 'summary', 'text', 'content'] as const;

const maxNesting = 6;

/** The text of one part (a string, or an object with one of the known keys); null when it has none. */
function partText(part: JsonValue | undefined, path: string): TextSlice | null {
  if (typeof part === 'string') return wholeText(part, path);
  if (!isObject(part)) return null;
  for (const key of textKeys) {
    const value = part[key];
    if (typeof value === 'string') return wholeText(value, joinPath(path, key));
    // {"type":"text","text":{"value":"…"}}, as older assistants write it
    const inner = stringField(value, 'value');
    if (inner !== null) return wholeText(inner, joinPath(joinPath(path, key), 'value'));
  }
  return null;
}

/** The texts of a content value: a string, null, one part or a list of parts. Images and files have none. */
export function contentTexts(content: JsonValue | undefined, path: string): TextSlice[] {
  if (Array.isArray(content)) {
    const texts: TextSlice[] = [];
    for (const [index, part] of content.entries()) {
      const text = partText(part, joinPath(path, index));
      if (text) texts.push(text);
    }
    return texts;
  }
  const text = partText(content, path);
  return text ? [text] : [];
}

/** Whether a part is a block of the model's reasoning in any of the known spellings. */
function isReasoningPart(type: string): boolean {
  return type === 'thinking' || type === 'reasoning' || type === 'thought' || type === 'reasoning_text';
}

/** Adds the readable reasoning of a part; encrypted and redacted ones have none. */
export function readReasoningPart(builder: StepBuilder, part: JsonObject, path: string): void {
  if (part['redacted'] === true) return;
  for (const key of reasoningKeys) {
    const value = part[key];
    const at = joinPath(path, key);
    if (typeof value === 'string' && value.trim() !== '') {
      builder.reasoning(wholeText(value, at));
      return;
    }
    if (Array.isArray(value) && value.length > 0) {
      for (const text of contentTexts(value, at)) {
        if (text.text.trim() !== '') builder.reasoning(text);
      }
      return;
    }
  }
}

/** Adds a call whose arguments are JSON text, free text or an object. */
export function readCall(
  builder: StepBuilder,
  name: string,
  callId: string | null,
  args: JsonValue | undefined,
  path: string,
): void {
  if (typeof args === 'string') {
    builder.toolCall(wholeText(args, path), { name, callId, arguments: parseObject(args) });
  } else if (isObject(args)) {
    builder.toolCall(decodedText(jsonText(args), path), { name, callId, arguments: args });
  } else {
    const text = args === undefined || args === null ? '' : jsonText(args);
    builder.toolCall(decodedText(text, path), { name, callId });
  }
}

export interface ResultFields {
  readonly callId?: string | null;
  readonly name?: string | null;
  readonly isError?: boolean;
}

/**
 * Adds a result whose content is text, parts or an object: one step for each text, so that each is a slice
 * of one string; an empty result still gives a step.
 */
export function readResult(
  builder: StepBuilder,
  content: JsonValue | undefined,
  path: string,
  result: ResultFields = {},
): void {
  const texts = contentTexts(content, path).filter((text, index) => index === 0 || text.text !== '');
  if (texts.length > 0) {
    for (const text of texts) addResult(builder, text, result);
  } else if (content === undefined || content === null) {
    builder.toolResult(decodedText('', path), result);
  } else if (Array.isArray(content)) {
    const links = searchLinks(content);
    builder.toolResult(decodedText(links ?? jsonText(content.map(withoutMedia)), path), result);
  } else {
    builder.toolResult(decodedText(jsonText(content), path), result);
  }
}

/** A result, without the reminders that a harness appends to what its tools return. */
function addResult(builder: StepBuilder, text: TextSlice, result: ResultFields): void {
  const { own, after } = splitReminders(text, false);
  builder.toolResult(own ?? decodedText('', text.path), result);
  for (const reminder of after) builder.message('user', reminder, true);
}

/** A search engine's hits without their encrypted bodies: one title and address a line. */
function searchLinks(items: readonly JsonValue[]): string | null {
  const lines: string[] = [];
  for (const item of items) {
    const url = stringField(item, 'url');
    if (url === null) return null;
    lines.push(`${stringField(item, 'title') ?? ''}\n${url}`);
  }
  return lines.length > 0 ? lines.join('\n\n') : null;
}

/** Images and files are named by type only: their bytes are no text. */
function withoutMedia(part: JsonValue): JsonValue {
  const type = stringField(part, 'type');
  return type !== null && /image|audio|video|file|document/.test(type) ? { type } : part;
}

/** Parts that mark where a model call begins or ends, or hold nothing that can be read. */
const silentParts = /^(?:redacted[_-](?:thinking|reasoning)|step-start|step-finish|snapshot)$/;

/**
 * Adds the steps of a message's content, whichever vendor's parts it holds: text, reasoning, calls
 * (`tool_use`, `function_call`, AI SDK's `tool-call`, Bedrock's `toolUse`), results (`tool_result`,
 * `*_tool_result`, `tool-result`, `toolResult`) and parts that are both.
 * `onText` takes each text of the message; by default it becomes a message step.
 */
export function readContent(
  builder: StepBuilder,
  role: 'system' | 'user' | 'assistant',
  content: JsonValue | undefined,
  path: string,
  onText: (text: TextSlice) => void = (text) => builder.message(role, text),
  nesting = 0,
): void {
  if (content === undefined || content === null || nesting > maxNesting) return;
  if (Array.isArray(content)) {
    for (const [index, part] of content.entries()) {
      readContent(builder, role, part, joinPath(path, index), onText, nesting + 1);
    }
    return;
  }
  if (typeof content === 'string') {
    if (content.trim() !== '') onText(wholeText(content, path));
    return;
  }
  if (!isObject(content)) return;
  const type = partType(content);
  if (silentParts.test(type) || readGoosePart(builder, content, path)) return;
  if (readBedrockPart(builder, content, path)) return;
  if (isReasoningPart(type)) readReasoningPart(builder, content, path);
  else if (callTypes.test(type)) readToolUse(builder, content, path);
  else if (isResultPart(content)) readToolResultPart(builder, content, path);
  else if (isCallWithResult(content)) readCallWithResult(builder, content, path);
  else {
    const text = partText(content, path);
    if (text === null) builder.other(decodedText(`[${type}]`, path), type);
    else if (text.text.trim() !== '') onText(text);
  }
}

/** LlamaIndex says `block_type`. */
function partType(part: JsonValue): string {
  return stringField(part, 'type') ?? stringField(part, 'block_type') ?? 'text';
}

const callTypes = /^(?:(?:server_|mcp_)?tool_use|tool_call|tool-call|toolCall|function_call)$/;

/** Whether a part is what a call brought back. */
export function isResultPart(part: JsonValue): boolean {
  const type = partType(part);
  return (
    type.endsWith('tool_result') ||
    /^(?:tool_response|tool_call_response|tool-result|tool-error)$/.test(type) ||
    objectField(part, 'toolResult') !== null
  );
}

const idKeys = [
  'call_id',
  'toolCallId',
  'toolUseId',
  'tool_use_id',
  'tool_call_id',
  'callID',
  'toolUseID',
] as const;

function callIdOf(part: JsonObject): string | null {
  const key = idKeys.find((name) => idField(part, name) !== null);
  return key === undefined ? null : idField(part, key);
}

function nameOf(part: JsonObject): string | null {
  return stringField(part, 'toolName') ?? stringField(part, 'tool_name') ?? stringField(part, 'name');
}

function readToolUse(builder: StepBuilder, part: JsonObject, path: string, name = nameOf(part)): void {
  const key =
    ['input', 'arguments', 'args', 'tool_kwargs'].find((one) => part[one] !== undefined) ?? 'arguments';
  readCall(
    builder,
    name ?? stringField(part, 'function') ?? 'unknown',
    callIdOf(part) ?? idField(part, 'id'),
    part[key],
    joinPath(path, key),
  );
}

function readToolResultPart(builder: StepBuilder, part: JsonObject, path: string): void {
  const key =
    ['content', 'output', 'result', 'response', 'error'].find((one) => part[one] !== undefined) ?? 'content';
  const fields = {
    // Only OpenTelemetry means the call by `id`; elsewhere it is the result's own.
    callId: callIdOf(part) ?? (partType(part) === 'tool_call_response' ? idField(part, 'id') : null),
    name: nameOf(part),
    isError:
      part['is_error'] === true ||
      part['isError'] === true ||
      part['status'] === 'error' ||
      part['type'] === 'tool-error',
  };
  // Amp keeps what a tool returned in the run of it.
  const run = objectField(part, 'run');
  if (run) readReturned(builder, run['result'], `${path}/run/result`, fields);
  else if (part['toolCallId'] === undefined) readResult(builder, part[key], joinPath(path, key), fields);
  else readReturned(builder, part[key], joinPath(path, key), fields);
}

/** Goose frames calls and results as `{status, value}`. False for other parts. */
function readGoosePart(builder: StepBuilder, part: JsonObject, path: string): boolean {
  const type = partType(part);
  if (type !== 'toolRequest' && type !== 'toolResponse') return false;
  const key = type === 'toolRequest' ? 'toolCall' : 'toolResult';
  const frame = objectField(part, key);
  const callId = idField(part, 'id');
  if (type === 'toolRequest') {
    const call = objectField(frame, 'value');
    const at = `${path}/toolCall/value/arguments`;
    readCall(builder, stringField(call, 'name') ?? 'unknown', callId, call?.['arguments'], at);
    return true;
  }
  const isError = stringField(frame, 'status') === 'error';
  const value = frame?.['value'] === undefined ? 'error' : 'value';
  const content = listField(frame?.[value], 'content');
  const at = `${path}/toolResult/${value}${content ? '/content' : ''}`;
  readResult(builder, content ?? frame?.[value], at, { callId, isError });
  return true;
}

/** Bedrock names a part by its only key: `toolUse`, `toolResult`, `reasoningContent`. False for other parts. */
function readBedrockPart(builder: StepBuilder, part: JsonObject, path: string): boolean {
  const call = objectField(part, 'toolUse');
  const result = objectField(part, 'toolResult');
  const thought = objectField(objectField(part, 'reasoningContent'), 'reasoningText');
  if (call) readToolUse(builder, call, `${path}/toolUse`);
  else if (result) readToolResultPart(builder, result, `${path}/toolResult`);
  else if (thought) readReasoningPart(builder, thought, `${path}/reasoningContent/reasoningText`);
  return (call ?? result ?? thought) !== null;
}

/**
 * Whether a part holds a call and what came back: AI SDK's `tool-NAME`, `dynamic-tool` and `tool-invocation`,
 * OpenCode's `tool` with its `state`.
 */
function isCallWithResult(part: JsonObject): boolean {
  const type = partType(part);
  return (
    objectField(part, 'toolInvocation') !== null ||
    (type === 'tool' && objectField(part, 'state') !== null) ||
    (/^(?:tool-|dynamic-tool$)/.test(type) && 'toolCallId' in part && ('input' in part || 'output' in part))
  );
}

/** Adds a call and, once it has one, its result. */
export function readCallWithResult(builder: StepBuilder, part: JsonObject, path: string): void {
  const invocation = objectField(part, 'toolInvocation');
  if (invocation) {
    readCallWithResult(builder, invocation, `${path}/toolInvocation`);
    return;
  }
  const name = nameOf(part) ?? stringField(part, 'tool') ?? partType(part).replace(/^tool-/, '');
  const callId = callIdOf(part);
  const state = objectField(part, 'state');
  const holder = state ?? part;
  const at = state ? `${path}/state` : path;
  readToolUse(builder, { ...holder, call_id: callId }, at, name);
  const key = ['errorText', 'error', 'output', 'result'].find((one) => (holder[one] ?? null) !== null);
  if (key === undefined) return;
  const isError = key === 'errorText' || key === 'error';
  readReturned(builder, holder[key], joinPath(at, key), { callId, name, isError });
}

/**
 * Adds what a function returned: a text, parts, or plain data, whose entries are no parts even where they
 * have a `content`. AI SDK frames it as `{type, value}`, with `error-…` for failures.
 */
export function readReturned(
  builder: StepBuilder,
  value: JsonValue | undefined,
  path: string,
  fields: ResultFields,
): void {
  const frame = stringField(value, 'type');
  if (isObject(value) && frame !== null && 'value' in value) {
    const isError = fields.isError === true || frame.startsWith('error');
    readReturned(builder, value['value'], joinPath(path, 'value'), { ...fields, isError });
    return;
  }
  const inner = listField(value, 'content');
  const parts = inner ?? value;
  const isPlain = Array.isArray(parts)
    ? !parts.every((part) => stringField(part, 'type') !== null)
    : typeof value === 'object' && value !== null;
  if (isPlain) builder.toolResult(decodedText(jsonText(value ?? null), path), fields);
  else readResult(builder, parts, inner ? joinPath(path, 'content') : path, fields);
}
