import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { Benchmark, PromptMessage } from './benchmark.ts';

/** A conversation, and the reply that is right to the last character. */
export interface ShortTaskRow {
  readonly kind: string;
  /** Empty when the row was read for grading only. */
  readonly messages: readonly PromptMessage[];
  readonly reply: string;
}

function readRow(value: JsonValue, where: string): ShortTaskRow {
  if (isObject(value)) {
    const { kind, reply, messages = [] } = value;
    const isMessages =
      Array.isArray(messages) &&
      messages.every(
        (each) => isObject(each) && typeof each['role'] === 'string' && typeof each['content'] === 'string',
      );
    if (typeof reply === 'string' && isMessages) {
      return {
        kind: typeof kind === 'string' ? kind : 'task',
        messages: messages as unknown as PromptMessage[],
        reply,
      };
    }
  }
  throw new InputError('short-task-row', 'This is no short task', {
    where,
    expected: 'messages (role and content), reply, kind',
  });
}

/** Tasks with one right reply, such as the world's: what a model could do before it was fine-tuned. */
export const shortTasks: Benchmark<ShortTaskRow> = {
  id: 'short-tasks',
  label: 'Short tasks',
  scoreLabel: 'exact replies',
  isExact: true,
  modes: ['exact'],
  gradingColumns: ['reply', 'kind'],
  promptColumns: ['messages'],
  isPrivate: false,
  variants: 1,
  read: readRow,
  violations: () => [],
  messages: ({ messages }) => messages,
  lengthTexts: ({ messages, reply }) =>
    messages.length === 0 ? null : [...messages.map(({ content }) => content), reply],
  slices: ({ kind }) => ({ kind }),
  grade(response, { reply }) {
    const correct = response.trim() === reply.trim();
    return { score: correct ? 1 : 0, correct, extracted: response.trim(), measures: {} };
  },
  vote: (reply) => reply,
  gold: ({ reply }) => ({ kind: 'value', value: reply }),
};
