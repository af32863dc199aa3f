import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import { Rng } from '../core/rng.ts';
import type { Benchmark, Graded, Presentation } from './benchmark.ts';
import { explicitLetters } from './multipleChoice.ts';

/**
 * One question of GPQA. Its authors ask that items never appear in plain text: rows live in memory only, and
 * messages, errors and stored files name a question by its hash.
 */
export interface GpqaRow {
  readonly question: string;
  /** The right option first, as in the file. */
  readonly options: readonly [string, string, string, string];
  readonly domain: string;
  /** First 16 hex digits of sha256 of the question: its name outside memory. */
  readonly hash: string;
}

function read(value: JsonValue, where: string): GpqaRow {
  const row = isObject(value) ? value : {};
  const cell = (name: string): string => (typeof row[name] === 'string' ? row[name].trim() : '');
  const question = cell('Question');
  const options = ['Correct Answer', 'Incorrect Answer 1', 'Incorrect Answer 2', 'Incorrect Answer 3'].map(
    cell,
  );
  if (question === '' || options.some((option) => option === '')) {
    throw new InputError('gpqa-row', 'This is no GPQA row', {
      where,
      expected: 'columns Question, Correct Answer, Incorrect Answer 1, 2 and 3',
    });
  }
  return {
    question,
    options: options as unknown as GpqaRow['options'],
    domain: cell('High-level domain') || cell('Subdomain') || 'unknown',
    hash: bytesToHex(sha256(utf8ToBytes(question))).slice(0, 16),
  };
}

/**
 * Options as places in the file (0: the right one) in the order in which they stand as A, B, C and D: drawn from the
 * question's hash and turned by the variant's number of places, unless the presentation is the order itself.
 */
export function gpqaOrder(row: Pick<GpqaRow, 'hash'>, presentation: Presentation): readonly number[] {
  if (typeof presentation !== 'number') return presentation;
  const order = new Rng(`gpqa/${row.hash}`).shuffle([0, 1, 2, 3]);
  return order.map((_, place) => order[(place + presentation) % 4]!);
}

/** Letter under which the right option stands: tracked by its index, as option texts may be equal. */
export function gpqaAnswer(row: Pick<GpqaRow, 'hash'>, presentation: Presentation): string {
  return 'ABCD'[gpqaOrder(row, presentation).indexOf(0)]!;
}

function grade(response: string, row: GpqaRow, mode: string, presentation: Presentation): Graded {
  const letters = explicitLetters(response);
  const answer = gpqaAnswer(row, presentation);
  const first = letters[0] ?? null;
  const last = letters.at(-1) ?? null;
  const chosen = mode === 'first' ? first : last;
  return {
    score: chosen === answer ? 1 : 0,
    correct: chosen === answer,
    extracted: chosen,
    measures: {
      'first match': first === answer ? 1 : 0,
      'last match': last === answer ? 1 : 0,
      'extraction failed': last === null ? 1 : 0,
      'several answers': new Set(letters).size > 1 ? 1 : 0,
    },
  };
}

/** GPQA (Diamond and the other sets of the same columns). */
export const gpqa: Benchmark<GpqaRow> = {
  id: 'gpqa',
  label: 'GPQA',
  scoreLabel: 'accuracy',
  isExact: true,
  modes: ['last', 'first'],
  gradingColumns: ['Question', 'Correct Answer', 'Incorrect Answer 1', 'Incorrect Answer 2', 'Incorrect Answer 3', 'High-level domain', 'Subdomain'], // prettier-ignore
  promptColumns: [],
  isPrivate: true,
  variants: 4,
  read,
  violations: (row) => (new Set(row.options).size < 4 ? ['two options have the same text'] : []),
  messages(row, variant) {
    const options = gpqaOrder(row, variant).map((index, place) => `${'ABCD'[place]}) ${row.options[index]}`);
    return [
      {
        role: 'user',
        content:
          "Answer the following multiple choice question. The last line of your response should be of the following format: 'Answer: $LETTER' (without quotes) where LETTER is one of ABCD. Think step by step before answering.\n\n" +
          `${row.question}\n\n${options.join('\n')}`,
      },
    ];
  },
  lengthTexts: (row) => [row.question, ...row.options],
  slices: (row) => ({ domain: row.domain }),
  grade: (response, row, { mode, presentation = 0 }) => grade(response, row, mode, presentation),
  optionOrder: gpqaOrder,
  // A letter is another option in another order.
  vote: (letter, row, presentation) => String(gpqaOrder(row, presentation)['ABCD'.indexOf(letter)]),
  gold: () => ({ kind: 'hidden' }),
};
