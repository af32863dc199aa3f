import type { JsonValue } from '../core/json.ts';
import type { MeasuredExample } from './checkExample.ts';
import type { CheckableExample } from './example.ts';
import type { AnswerScore } from './score.ts';
import {
  necessaryPieces,
  verdicts,
  verdictsOf,
  type ExampleScores,
  type Verdict,
  type VerdictOptions,
} from './verdicts.ts';

/** What decides the numbers of a check: records of equal runs belong together. */
export interface CheckRun {
  readonly model: string;
  readonly modelSha256: string;
  readonly adapterSha256: string | null;
  readonly chatTemplateSha256: string;
  readonly tokenizerSha256: string;
  readonly weightType: string;
  readonly kvType: string;
  /** Of the file of examples. */
  readonly dataSha256: string;
  /** Whether each gold piece was left out in turn, and scored alone. */
  readonly pieces: boolean;
  readonly [key: string]: JsonValue;
}

/** One line of the output: the numbers of an example, what follows from them, and what they come from. */
export interface CheckRecord extends MeasuredExample {
  readonly id: string;
  /** Of the file of examples, from 1. */
  readonly line: number;
  readonly kind: string;
  readonly verdicts: readonly Verdict[];
  /** Gold pieces that the answer needs; null where that was not measured. */
  readonly necessaryPieces: number | null;
  readonly thresholds: VerdictOptions;
  readonly run: CheckRun;
}

/** Digits that survive another order of the same sums. */
function rounded({ total, mean, greedy }: AnswerScore): AnswerScore {
  const round = (value: number): number => Number(value.toFixed(5));
  return { total: round(total), mean: round(mean), greedy };
}

function roundedScores(scores: ExampleScores): ExampleScores {
  const { context, closedBook, goldRemoved, goldOnly, pieces } = scores;
  return {
    context: rounded(context),
    closedBook: rounded(closedBook),
    goldRemoved: goldRemoved && rounded(goldRemoved),
    goldOnly: goldOnly && rounded(goldOnly),
    pieces:
      pieces &&
      pieces.map(({ id, without, alone }) => ({ id, without: rounded(without), alone: rounded(alone) })),
  };
}

/** The record of a measured example, keys in their order. */
export function recordOf(
  { id, kind }: Pick<CheckableExample, 'id' | 'kind'>,
  line: number,
  measured: MeasuredExample,
  thresholds: VerdictOptions,
  run: CheckRun,
): CheckRecord {
  const scores = roundedScores(measured.scores);
  return {
    id,
    line,
    kind,
    answerTokens: measured.answerTokens,
    contextTokens: measured.contextTokens,
    scores,
    necessaryPieces: necessaryPieces(scores, thresholds),
    verdicts: verdictsOf(scores, thresholds),
    thresholds,
    run,
  };
}

/** The same numbers under other thresholds. */
export function judgedAgain(record: CheckRecord, thresholds: VerdictOptions): CheckRecord {
  return recordOf(record, record.line, record, thresholds, record.run);
}

/** Means and counts over examples. */
export interface CheckSummary {
  readonly examples: number;
  /** Mean of the examples' nats per answer token, by condition; null where none has it. */
  readonly context: number | null;
  readonly closedBook: number | null;
  readonly goldRemoved: number | null;
  readonly goldOnly: number | null;
  /** Mean by which gold removal lowers nats per answer token, over the examples with gold. */
  readonly goldDrop: number | null;
  /** Examples by verdict. */
  readonly verdicts: Readonly<Record<Verdict, number>>;
  /** Examples whose pieces were scored, and those of them that need two or more. */
  readonly withPieces: number;
  readonly needingTwo: number;
}

class Mean {
  private sum = 0;
  private count = 0;
  add(value: number | undefined): void {
    if (value === undefined) return;
    this.sum += value;
    this.count++;
  }
  get value(): number | null {
    return this.count === 0 ? null : this.sum / this.count;
  }
}

/** Adds up records one by one; nothing of them is kept. */
export class CheckTotals {
  private examples = 0;
  private withPieces = 0;
  private needingTwo = 0;
  private readonly means = {
    context: new Mean(),
    closedBook: new Mean(),
    goldRemoved: new Mean(),
    goldOnly: new Mean(),
    goldDrop: new Mean(),
  };
  private readonly counts = Object.fromEntries(verdicts.map((name) => [name, 0])) as Record<Verdict, number>;

  add({ scores, verdicts: found, necessaryPieces: needed }: CheckRecord): void {
    const { context, closedBook, goldRemoved, goldOnly } = scores;
    this.examples++;
    this.means.context.add(context.mean);
    this.means.closedBook.add(closedBook.mean);
    this.means.goldRemoved.add(goldRemoved?.mean);
    this.means.goldOnly.add(goldOnly?.mean);
    this.means.goldDrop.add(goldRemoved ? context.mean - goldRemoved.mean : undefined);
    for (const verdict of found) this.counts[verdict]++;
    if (needed === null) return;
    this.withPieces++;
    if (needed >= 2) this.needingTwo++;
  }

  get summary(): CheckSummary {
    const { context, closedBook, goldRemoved, goldOnly, goldDrop } = this.means;
    return {
      examples: this.examples,
      context: context.value,
      closedBook: closedBook.value,
      goldRemoved: goldRemoved.value,
      goldOnly: goldOnly.value,
      goldDrop: goldDrop.value,
      verdicts: { ...this.counts },
      withPieces: this.withPieces,
      needingTwo: this.needingTwo,
    };
  }
}
