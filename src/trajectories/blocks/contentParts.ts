import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import { stringField, idField } from './fields.ts';
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

/**
 * Adds the steps of a message's content, whichever vendor's parts it holds: text, reasoning, calls
 * (`tool_use`, `server_tool_use`, `function_call`) and results (`tool_result`, `*_tool_result`).
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
  const type = stringField(content, 'type') ?? 'text';
  if (isReasoningPart(type)) readReasoningPart(builder, content, path);
  else if (type === 'redacted_thinking') return;
  else if (type === 'tool_use' || type === 'server_tool_use' || type === 'tool_call') {
    readToolUse(builder, content, path);
  } else if (type.endsWith('tool_result') || type === 'tool_response') {
    readToolResultPart(builder, content, path);
  } else {
    const text = partText(content, path);
    if (text === null) builder.other(decodedText(`[${type}]`, path), type);
    else if (text.text.trim() !== '') onText(text);
  }
}

function readToolUse(builder: StepBuilder, part: JsonObject, path: string): void {
  const key = 'input' in part ? 'input' : 'arguments';
  readCall(
    builder,
    stringField(part, 'name') ?? stringField(part, 'function') ?? 'unknown',
    idField(part, 'id') ?? idField(part, 'tool_use_id') ?? idField(part, 'tool_call_id'),
    part[key],
    joinPath(path, key),
  );
}

function readToolResultPart(builder: StepBuilder, part: JsonObject, path: string): void {
  const key = 'content' in part ? 'content' : 'output' in part ? 'output' : 'result';
  readResult(builder, part[key], joinPath(path, key), {
    callId: idField(part, 'tool_use_id') ?? idField(part, 'tool_call_id') ?? idField(part, 'call_id'),
    isError: part['is_error'] === true,
  });
}
