import type { Tokenizer } from '../../tokenizer/types.ts';
import { assistantTurn, hasThinkTag, type AssistantTurn } from '../template.ts';
import type { Example, ExampleMessage } from '../types.ts';
import { escapeMediaTags } from './mediaTags.ts';

export const exportTargets = [
  'openai',
  'sharegpt',
  'acc',
  'prompt-completion',
  'token-ids',
  'parquet',
] as const;
export type ExportTarget = (typeof exportTargets)[number];

export interface ExportOptions {
  readonly escapeMedia: boolean;
}

/** Renders messages as the model's chat template does. `generated`: what the model writes. */
export interface ChatRenderer {
  render(messages: readonly (AssistantTurn & { role: string })[]): {
    text: string;
    generated: readonly { start: number; end: number }[];
  };
}

/** A row of the JSON-lines exports, in written key order. */
export type ExportRow = Record<string, unknown>;

/**
 * The messages through the last assistant's, after which nothing is learnt: LLaMA-Factory skips rows that end with
 * another role, and TRL would learn a tool result as the completion.
 */
export function cleanMessages(example: Example, options: ExportOptions): ExampleMessage[] {
  const end = example.messages.findLastIndex(({ role }) => role === 'assistant') + 1;
  return example.messages.slice(0, end).map((message) => ({
    ...message,
    content: options.escapeMedia ? escapeMediaTags(message.content) : message.content,
  }));
}

/** The messages for trainers that render them by the model's chat template. */
function turnsOf(example: Example, options: ExportOptions): (AssistantTurn & { role: string })[] {
  const turns = cleanMessages(example, options).map(({ role, content }) => ({ role, content }));
  const isPair = example.control !== 'agent-sft' && turns.length === 2;
  if (!isPair || !hasThinkTag(example.answer)) return turns;
  const clean = (text: string): string => (options.escapeMedia ? escapeMediaTags(text) : text);
  const { rationale, answer } = example;
  const written = assistantTurn(rationale === null ? null : clean(rationale), clean(answer));
  return [turns[0]!, { role: 'assistant', ...written }];
}

/** OpenAI chat messages; multi-turn controls keep their role mask as `weight` (0 = context only). */
export function openAiRow(example: Example, options: ExportOptions): ExportRow {
  const messages = turnsOf(example, options).map((turn, index) => {
    const train = example.messages[index]!.train;
    return turn.role === 'assistant' && train !== undefined ? { ...turn, weight: train ? 1 : 0 } : turn;
  });
  return { messages };
}

const shareGptRoles = { system: 'system', user: 'human', assistant: 'gpt', tool: 'observation' } as const;

/** ShareGPT turns (`human`, `gpt`, `observation`, `system`). */
export function shareGptRow(example: Example, options: ExportOptions): ExportRow {
  const conversations = cleanMessages(example, options).map((message) => ({
    from: shareGptRoles[message.role],
    value: message.content,
  }));
  return { id: example.id, conversations };
}

/** The columns of the published ACC data: `dialogs`, `ground_truth_answer`, `context_length`. */
export function accRow(example: Example, options: ExportOptions): ExportRow {
  const dialogs = cleanMessages(example, options).map(({ role, content }) => ({ role, content }));
  const thousands = Math.max(1, Math.round((example.tokens.prompt + example.tokens.completion) / 1000));
  return {
    dialogs,
    ground_truth_answer: example.answer,
    context_length: `${thousands}k`,
    ...(example.instanceId === undefined ? {} : { instance_id: example.instanceId }),
  };
}

/** TRL's conversational prompt/completion: the last message is the completion. */
export function promptCompletionRow(example: Example, options: ExportOptions): ExportRow {
  const messages = turnsOf(example, options);
  return { prompt: messages.slice(0, -1), completion: messages.slice(-1) };
}

/** Token ids of the templated conversation with labels: −100 wherever nothing is learnt. */
export function tokenIdsRow(
  example: Example,
  options: ExportOptions,
  tokenizer: Tokenizer,
  chat: ChatRenderer,
): ExportRow {
  const { text, generated } = chat.render(turnsOf(example, options));
  const assistants = example.messages.filter((message) => message.role === 'assistant');
  const trained = generated.filter((_, index) => assistants[index]?.train !== false);
  const { ids, labels } = labelled(text, trained, tokenizer);
  // axolotl takes rows as tokenized only with all three columns.
  return { id: example.id, input_ids: ids, attention_mask: ids.map(() => 1), labels, length: ids.length };
}

/**
 * Encodes the parts between the borders of generated ranges one by one, so that every id belongs to one side. The
 * borders lie beside control tokens, where this equals encoding the whole text.
 */
function labelled(
  text: string,
  generated: readonly { start: number; end: number }[],
  tokenizer: Tokenizer,
): { ids: number[]; labels: number[] } {
  const ids: number[] = [];
  const labels: number[] = [];
  const add = (part: string, learnt: boolean): void => {
    if (part === '') return;
    for (const id of tokenizer.encode(part)) {
      ids.push(id);
      labels.push(learnt ? id : -100);
    }
  };
  let at = 0;
  for (const range of generated) {
    add(text.slice(at, range.start), false);
    add(text.slice(range.start, range.end), true);
    at = range.end;
  }
  add(text.slice(at), false);
  return { ids, labels };
}
