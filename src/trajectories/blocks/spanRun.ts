import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import type { AnswerText } from '../schema.ts';
import { readCall, readResult } from './contentParts.ts';
import { stringField } from './fields.ts';
import { chatRole } from './openaiChat.ts';
import {
  enterJson,
  isLooseMessage,
  looseMessages,
  placedField,
  readLooseMessage,
  type Placed,
} from './looseMessages.ts';
import { wholeText, type StepBuilder } from './stepBuilder.ts';

/** A message put together from attributes that stand apart, each text with its own pointer. */
export interface BuiltMessage {
  readonly role: string;
  readonly texts: readonly Placed[];
  readonly calls: readonly {
    readonly name: string;
    readonly callId: string | null;
    readonly args: Placed | null;
  }[];
  /** The call that a tool message answers. */
  readonly callId: string | null;
}

/** A message that stands in the record as one value, or one put together. */
export type SpanMessage = Placed | BuiltMessage;

/** One span of a trace, whatever recorded it. */
export interface Span {
  readonly id: string;
  readonly parentId: string | null;
  /** Sort key within the trace. */
  readonly order: string;
  readonly kind: 'llm' | 'tool' | 'retriever' | 'other';
  readonly name: string;
  readonly record: number;
  readonly input: Placed | null;
  readonly output: Placed | null;
  /** Messages, where the span lists them apart from input and output. */
  readonly inputMessages?: readonly SpanMessage[];
  readonly outputMessages?: readonly SpanMessage[];
  /** Texts of retrieved documents, where the span lists them apart from its output. */
  readonly documents?: readonly Placed[];
  readonly callId?: string | null;
  readonly isError?: boolean;
  readonly timestamp?: string;
}

/**
 * Adds the steps of a trace. Every model span repeats the history, so only the first one's prompt is read
 * and of all of them the output; tools and retrievers give the results (and the call, where no model output
 * made it).
 */
export function readSpans(builder: StepBuilder, spans: readonly Span[]): void {
  const ordered = [...spans].sort((a, b) => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0));
  let prompted = false;
  for (const span of ordered) {
    builder.record = span.record;
    builder.timestamp = span.timestamp;
    if (span.kind === 'llm') {
      if (!prompted) readPrompt(builder, span);
      prompted = true;
      readOutput(builder, span);
    } else if (span.kind !== 'other') {
      readToolSpan(builder, span);
    }
  }
  builder.timestamp = undefined;
}

function readMessage(builder: StepBuilder, message: SpanMessage): void {
  if (!('role' in message)) {
    readLooseMessage(builder, withRole(message));
    return;
  }
  const role = chatRole(message.role) ?? 'user';
  if (role === 'assistant') builder.beginTurn();
  for (const { value, path } of message.texts) {
    if (typeof value !== 'string' || (value.trim() === '' && role !== 'tool')) continue;
    if (role === 'tool') builder.toolResult(wholeText(value, path), { callId: message.callId });
    else builder.message(role, wholeText(value, path));
  }
  for (const { name, callId, args } of message.calls)
    readCall(builder, name, callId, args?.value, args?.path ?? '');
}

function readPrompt(builder: StepBuilder, span: Span): void {
  const messages = span.inputMessages ?? (span.input ? looseMessages(span.input) : []);
  for (const message of messages) readMessage(builder, message);
  if (messages.length > 0 || !span.input) return;
  const text = plainText(span.input);
  if (text) builder.message('user', wholeText(text.value, text.path));
}

function readOutput(builder: StepBuilder, span: Span): void {
  const messages = span.outputMessages ?? (span.output ? looseMessages(span.output) : []);
  if (messages.length > 0) {
    // Some loggers repeat the whole conversation in the output: the reply is what comes last.
    const last = messages[messages.length - 1]!;
    readMessage(builder, last);
    return;
  }
  const text = span.output ? plainText(span.output) : null;
  if (!text) return;
  builder.beginTurn();
  builder.message('assistant', wholeText(text.value, text.path));
}

/** Replies of a model may be written without a role. */
function withRole(message: Placed): Placed {
  return isObject(message.value) &&
    message.value['role'] === undefined &&
    message.value['type'] === undefined &&
    message.value['lc'] === undefined
    ? { ...message, value: { ...message.value, role: 'assistant' } }
    : message;
}

/** How far back the call of a tool span may stand: keeps long traces linear. */
const maxStepsBack = 200;

function readToolSpan(builder: StepBuilder, span: Span): void {
  const callId = span.callId ?? null;
  const isCalled =
    builder.hasOpenCall &&
    builder.steps
      .slice(-maxStepsBack)
      .some(
        (step) =>
          step.type === 'toolCall' && (callId === null ? step.name === span.name : step.callId === callId),
      );
  if (!isCalled) {
    const args = span.input ? enterJson(span.input) : null;
    const given = args && isObject(args.value) ? unwrapped(args) : args;
    readCall(builder, span.name, callId, given?.value, given?.path ?? '');
  }
  const fields = { callId, name: span.name, isError: span.isError ?? false };
  const output = span.output;
  const documents = span.documents ?? (output ? documentsOf(output) : []);
  if (documents.length > 0) {
    for (const { value, path } of documents) {
      if (typeof value === 'string') builder.toolResult(wholeText(value, path), fields);
    }
    return;
  }
  if (!output) return;
  const text = plainText(output);
  if (text) builder.toolResult(wholeText(text.value, text.path), fields);
  else readResult(builder, enterJson(output).value, enterJson(output).path, fields);
}

/** `{"input": "{…}"}` holds the arguments one level down. */
function unwrapped(args: Placed): Placed {
  const keys = isObject(args.value) ? Object.keys(args.value) : [];
  return keys.length === 1 && keys[0] === 'input' ? (placedField(args, 'input') ?? args) : args;
}

/** Texts of retrieved documents: `page_content`, `content` or `text` of each item. */
function documentsOf(output: Placed): Placed[] {
  const entered = enterJson(output);
  const list = Array.isArray(entered.value) ? entered : placedField(entered, 'documents');
  if (!list || !Array.isArray(list.value)) return [];
  return list.value.flatMap((item, index) => {
    for (const key of ['page_content', 'document.content', 'content', 'text']) {
      if (stringField(item, key) !== null && isObject(item)) {
        return [{ value: item[key] ?? null, path: joinPath(joinPath(list.path, index), key) }];
      }
    }
    return [];
  });
}

const textKeys = [
  'output',
  'input',
  'content',
  'text',
  'answer',
  'result',
  'question',
  'query',
  'response',
  'value',
] as const;

/** The one text of an input or output: itself, or under the usual keys; null for anything larger. */
function plainText(placed: Placed, depth = 3): { value: string; path: string } | null {
  const { value, path } = placed;
  if (typeof value === 'string') {
    const entered = enterJson(placed);
    if (entered.path !== path && isObject(entered.value) && depth > 0) {
      const inner = plainText(entered, depth - 1);
      if (inner) return inner;
    }
    return value.trim() === '' ? null : { value, path };
  }
  if (!isObject(value) || depth === 0) return null;
  for (const key of textKeys) {
    const inner: JsonValue | undefined = value[key];
    if (inner === undefined || inner === null || typeof inner === 'number') continue;
    const found = plainText({ value: inner, path: joinPath(path, key) }, depth - 1);
    if (found) return found;
  }
  return null;
}

/** Task and answer of a trace as its root span states them. */
export function rootTexts(
  builder: StepBuilder,
  root: Span | null,
): { task: AnswerText | null; answer: AnswerText | null } {
  if (!root) return { task: null, answer: null };
  const position = (path: string) => ({ file: builder.file, record: root.record, path });
  const side = (placed: Placed | null, role: string, via: string): AnswerText | null => {
    if (!placed) return null;
    const messages = looseMessages(placed).filter(({ value }) => isLooseMessage(value));
    const message = role === 'user' ? messages.find((one) => roleOf(one) === 'user') : messages.at(-1);
    const text = message ? messageText(message) : plainText(placed);
    return text ? { text: text.value, at: position(text.path), via } : null;
  };
  return {
    task: side(root.input, 'user', 'input of the root span'),
    answer: side(root.output, 'assistant', 'output of the root span'),
  };
}

function roleOf({ value }: Placed): string {
  const role = stringField(value, 'role') ?? stringField(value, 'type') ?? '';
  const id = isObject(value) && Array.isArray(value['id']) ? value['id'].at(-1) : null;
  return role === 'human' || (typeof id === 'string' && id.startsWith('Human')) ? 'user' : role;
}

function messageText(message: Placed): { value: string; path: string } | null {
  const kwargs: Placed | null = placedField(message, 'kwargs') ?? placedField(message, 'data');
  const holder = kwargs ?? message;
  const content = placedField(holder, 'content') ?? placedField(holder, 'parts');
  if (!content) return null;
  if (Array.isArray(content.value)) {
    const index = content.value.findIndex((part) => plainText({ value: part, path: '' }) !== null);
    const part = content.value[index];
    return part === undefined ? null : plainText({ value: part, path: joinPath(content.path, index) });
  }
  return plainText(content);
}

/** Groups spans by trace, in the order the traces begin. */
export function byTrace<T extends { readonly trace: string }>(items: readonly T[]): Map<string, T[]> {
  const traces = new Map<string, T[]>();
  for (const item of items) {
    const group = traces.get(item.trace);
    if (group) group.push(item);
    else traces.set(item.trace, [item]);
  }
  return traces;
}

/** The span without a parent in its trace (the earliest of several). */
export function rootOf(spans: readonly Span[]): Span | null {
  const ids = new Set(spans.map((span) => span.id));
  const roots = spans.filter((span) => span.parentId === null || !ids.has(span.parentId));
  return roots.reduce<Span | null>(
    (first, span) => (first === null || span.order < first.order ? span : first),
    null,
  );
}

/** Used by formats whose spans carry metadata as an object. */
export function objectOr(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {};
}
