import { isObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { ChatMessage } from '../tokenizer/chatTemplate.ts';

/** One example to train on: a conversation, or token ids with labels that another tool made. */
export type TrainingExample = ConversationExample | TokenExample;

interface ExampleBase {
  readonly id: string;
  /** The compile layer's control that it belongs to (`agent-sft`, …); null for ACC pairs and foreign data. */
  readonly control: string | null;
  /** Marked as held out by who made the data. */
  readonly heldOut: boolean;
}

export interface ConversationExample extends ExampleBase {
  readonly type: 'conversation';
  readonly messages: readonly ChatMessage[];
  /** By message: whether an assistant message's tokens are targets. Other roles never are. */
  readonly trained: readonly boolean[];
}

interface TokenExample extends ExampleBase {
  readonly type: 'tokens';
  readonly ids: readonly number[];
  /** By token: the token itself where it is a target, −100 elsewhere (Hugging Face's unshifted labels). */
  readonly labels: readonly number[];
}

export type ExampleResult =
  { readonly ok: true; readonly example: TrainingExample } | { readonly ok: false; readonly reason: string };

const shareGptRoles: Readonly<Record<string, string>> = {
  human: 'user',
  user: 'user',
  gpt: 'assistant',
  assistant: 'assistant',
  system: 'system',
  observation: 'tool',
  tool: 'tool',
  function_response: 'tool',
};

const refuse = (reason: string): ExampleResult => ({ ok: false, reason });

/** Content as text: a string, or the text parts of a list of parts. */
function contentText(value: JsonValue | undefined): string | null {
  if (typeof value === 'string') return value;
  if (value === null || value === undefined) return '';
  if (!Array.isArray(value)) return null;
  const parts: string[] = [];
  for (const part of value) {
    if (typeof part === 'string') parts.push(part);
    else if (isObject(part) && typeof part['text'] === 'string') parts.push(part['text']);
    else return null;
  }
  return parts.join('');
}

/** `train: false` and OpenAI's `weight: 0` take an assistant message out of the loss. */
function isTrained(message: JsonObject): boolean {
  return message['train'] !== false && message['weight'] !== 0;
}

function messageOf(value: JsonValue): { message: ChatMessage; trained: boolean } | string {
  if (!isObject(value)) return 'a message is no object';
  const from = value['from'];
  const shareGpt = typeof from === 'string';
  const named = shareGpt ? shareGptRoles[from] : value['role'];
  if (typeof named !== 'string') return `a message has no known role (${JSON.stringify(from ?? null)})`;
  const content = contentText(shareGpt ? value['value'] : value['content']);
  if (content === null) return `a ${named} message holds something other than text`;
  const rest: Record<string, JsonValue> = {};
  for (const key of ['tool_calls', 'reasoning_content', 'name', 'tool_call_id']) {
    const extra = value[key];
    if (extra !== undefined && extra !== null) rest[key] = extra;
  }
  return { message: { ...rest, role: named, content }, trained: named === 'assistant' && isTrained(value) };
}

function numbersOf(value: JsonValue | undefined): number[] | null {
  return Array.isArray(value) && value.every((n) => typeof n === 'number' && Number.isSafeInteger(n))
    ? (value as number[])
    : null;
}

function messageList(row: JsonObject): { list: JsonValue[]; onlyLast: boolean } | null {
  const { prompt, completion } = row;
  if (Array.isArray(prompt) && Array.isArray(completion)) {
    return { list: [...prompt, ...completion], onlyLast: true };
  }
  if (typeof prompt === 'string' && typeof completion === 'string') {
    return {
      list: [
        { role: 'user', content: prompt },
        { role: 'assistant', content: completion },
      ],
      onlyLast: true,
    };
  }
  for (const key of ['messages', 'dialogs', 'conversations']) {
    const list = row[key];
    if (Array.isArray(list)) return { list, onlyLast: false };
  }
  return null;
}

/**
 * Each learnt reply with what came before it as an example of its own: templates that leave out the reasoning of
 * earlier turns give the model the same text when it is trained on a reply as when it writes it.
 */
export function splitTurns(example: ConversationExample): ConversationExample[] {
  const learnt = example.messages.flatMap((_, index) => (example.trained[index] ? [index] : []));
  return learnt.map((last, turn) => ({
    ...example,
    id: `${example.id}, turn ${turn + 1}`,
    messages: example.messages.slice(0, last + 1),
    trained: example.messages.slice(0, last + 1).map((_, index) => index === last),
  }));
}

/**
 * The training example of one JSON value: a row of `examples.jsonl`, or of the exports in OpenAI, ShareGPT, ACC,
 * prompt-completion or token-ids form. Never throws: what is wrong comes back as a sentence.
 * @param fallbackId for rows without an id, e.g. `line 12`
 */
export function readTrainingExample(row: JsonValue, fallbackId: string): ExampleResult {
  if (!isObject(row)) return refuse('the line holds no JSON object');
  const id = typeof row['id'] === 'string' && row['id'] !== '' ? row['id'] : fallbackId;
  const control = typeof row['control'] === 'string' ? row['control'] : null;
  const flags = Array.isArray(row['flags']) ? row['flags'] : [];
  const base = { id, control, heldOut: flags.includes('held-out') };
  const ids = numbersOf(row['input_ids']);
  if (ids) {
    const labels = numbersOf(row['labels']);
    if (labels?.length !== ids.length) return refuse('input_ids and labels are not of one length');
    if (ids.some((each) => each < 0)) return refuse('input_ids holds a negative number');
    return { ok: true, example: { ...base, type: 'tokens', ids, labels } };
  }
  const found = messageList(row);
  if (!found) {
    return refuse('the row has none of: messages, dialogs, conversations, prompt and completion, input_ids');
  }
  const messages: ChatMessage[] = [];
  const trained: boolean[] = [];
  for (const value of found.list) {
    const read = messageOf(value);
    if (typeof read === 'string') return refuse(read);
    messages.push(read.message);
    trained.push(read.trained);
  }
  // Chat templates would take what stands before the tag for reasoning.
  const { answer, rationale } = row;
  const isPair = control !== 'agent-sft' && messages.length === 2 && typeof answer === 'string';
  if (isPair && answer.includes('</think>') && messages[1]!.content.endsWith(answer))
    messages[1] = { role: 'assistant', content: answer, reasoning_content: rationale ?? '' };
  if (!messages.some(({ role }) => role === 'assistant')) return refuse('there is no assistant message');
  if (found.onlyLast) for (let i = 0; i < trained.length - 1; i++) trained[i] = false;
  return { ok: true, example: { ...base, type: 'conversation', messages, trained } };
}
