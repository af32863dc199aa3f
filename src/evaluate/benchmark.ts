import { InputError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';

/** One message of a prompt. */
export interface PromptMessage {
  readonly role: string;
  readonly content: string;
}

export const benchmarkIds = [
  'mrcr',
  'graphwalks',
  'ifeval',
  'mmlu-pro',
  'gpqa',
  'aime',
  'short-tasks',
] as const;
export type BenchmarkId = (typeof benchmarkIds)[number];

/** A number of one item, or a sum over several things of it with their count (micro-averages). */
export type Measure = number | readonly [sum: number, count: number];

/** What grading one response gives. */
export interface Graded {
  /** The benchmark's main score, 0 … 1. */
  readonly score: number;
  /** True and false where an answer is right or wrong as a whole (McNemar, pass@k); null where it is not. */
  readonly correct: boolean | null;
  /** What was read out of the response; null when nothing could be. */
  readonly extracted: string | null;
  /** Further numbers by name, each averaged on its own. */
  readonly measures: Readonly<Record<string, Measure>>;
}

/** What is shown beside a response. */
export type Gold =
  | { readonly kind: 'text'; readonly text: string; readonly prefix: string }
  | { readonly kind: 'set'; readonly items: readonly string[] }
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'rules'; readonly rules: readonly RuleOutcome[] }
  | { readonly kind: 'hidden' };

/** How one instruction of IFEval came out. */
export interface RuleOutcome {
  readonly id: string;
  readonly strict: boolean;
  readonly loose: boolean;
  /** True where the reference uses a tool that is only approximated here. */
  readonly approximate: boolean;
}

/**
 * How an item was shown: the number of one of the benchmark's variants, or the order of its options itself, each by
 * its place in the file.
 */
export type Presentation = number | readonly number[];

interface GradeOptions {
  /** One of the benchmark's modes. */
  readonly mode: string;
  /** Also compute what costs time and is not needed for the score (MRCR's wrong-needle floor). */
  readonly floor?: boolean;
  /** Which of several presentations of the item was asked (GPQA's option orders); variant 0 where it is not given. */
  readonly presentation?: Presentation;
}

/** Worked examples that stand before each question. */
export interface BenchmarkShots {
  /** Name of their file. */
  readonly name: string;
  /** sha256 of the file, hex. */
  readonly sha256: string;
  /** How many there are of each subject. */
  readonly perSubject: ReadonlyMap<string, number>;
}

/**
 * A benchmark: how a row is read, asked and graded. `Row` is private to its file; everything outside handles it
 * as an opaque value.
 */
export interface Benchmark<Row = unknown> {
  readonly id: BenchmarkId;
  readonly label: string;
  /** Name of the main score in tables. */
  readonly scoreLabel: string;
  /** Scores are right or wrong, not graded. */
  readonly isExact: boolean;
  readonly modes: readonly [string, ...string[]];
  /** Columns that grading needs; the rest (the long prompt) is read only for wanted rows. */
  readonly gradingColumns: readonly string[];
  /** Columns that make up the prompt, besides the grading columns. */
  readonly promptColumns: readonly string[];
  /** Items must not be stored or logged in plain text (GPQA). */
  readonly isPrivate: boolean;
  /** Presentations of one item that may be averaged: its options, each one once in every place; 1 without options to turn. */
  readonly variants: number;
  /** The worked examples it is asked with; absent without any. */
  readonly shots?: BenchmarkShots;
  /** Reads one row; without its prompt columns it can be graded but not asked. Throws `InputError`. */
  read(value: JsonValue, where: string): Row;
  /** Facts that hold for published rows and do not for this one, in words. */
  violations(row: Row): readonly string[];
  messages(row: Row, variant: number): readonly PromptMessage[];
  /** The texts whose tokens are the item's length; null when the row was read without its prompt. */
  lengthTexts(row: Row): readonly string[] | null;
  /** Labels by dimension that scores are sliced by. */
  slices(row: Row): Readonly<Record<string, string>>;
  grade(response: string, row: Row, options: GradeOptions): Graded;
  /**
   * What samples of one item share when they gave the same answer, however it was written or shown: equal votes are
   * equally correct. Null where answers are no choice to agree on.
   */
  vote(extracted: string, row: Row, presentation: Presentation): string | null;
  /** The options as shown, each by its place in the file; absent where there is one order only. */
  optionOrder?(row: Row, presentation: Presentation): readonly number[];
  gold(row: Row, response: string | null, variant: number): Gold;
}

/** What to throw for data of which no row is one of the benchmark; `problem` is that of its first row. */
export function noReadableRow(
  { label, gradingColumns, promptColumns }: Benchmark,
  where: string,
  problem: string | null,
): InputError {
  return new InputError('no-readable-row', `The data has no row of ${label} that can be read`, {
    where,
    expected: `columns ${[...gradingColumns, ...promptColumns].join(', ')}`,
    actual: problem ?? 'no rows',
  });
}

/** Sum and count of a measure. */
export function measureParts(measure: Measure): readonly [sum: number, count: number] {
  return typeof measure === 'number' ? [measure, 1] : measure;
}
