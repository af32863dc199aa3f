import type { AnswerScore } from './score.ts';

/** What a model shows about an example. */
export const verdicts = [
  /** The model answers from the question alone: training on the example would teach it nothing about its context. */
  'answers-closed-book',
  /** Without any gold piece the answer is as probable: it is known, guessed, or stands elsewhere in the context. */
  'not-evidence-dependent',
  /** The gold pieces alone do not make the answer as probable as the whole context: something else told it. */
  'gold-insufficient',
  /** A single gold piece is enough, so nothing has to be put together. */
  'one-piece-suffices',
  /** Even the whole context leaves the answer improbable: this model's other verdicts say little about the example. */
  'answer-improbable',
] as const;
export type Verdict = (typeof verdicts)[number];

/** From where on numbers count. */
export interface VerdictOptions {
  /** Nats per answer token by which a score must lie lower to count as lower. */
  readonly margin: number;
  /** Probability of an answer token (geometric mean) from which an answer counts as known to the model. */
  readonly known: number;
}

/** A tenth less probable per token, and known from one in ten on. */
export const defaultVerdictOptions: VerdictOptions = { margin: 0.1, known: 0.1 };

/** A gold piece left out, and the same piece alone. */
export interface PieceScores {
  readonly id: string;
  readonly without: AnswerScore;
  readonly alone: AnswerScore;
}

/** The scores of one answer. */
export interface ExampleScores {
  /** Under the whole context. */
  readonly context: AnswerScore;
  /** Under the question alone. */
  readonly closedBook: AnswerScore;
  /** Under the context without its gold pieces, and under these alone; null where there are none. */
  readonly goldRemoved: AnswerScore | null;
  readonly goldOnly: AnswerScore | null;
  /** By gold piece; null where that was not asked for, or there are none. */
  readonly pieces: readonly PieceScores[] | null;
}

/** Gold pieces without which the answer is less probable by more than the margin; null where that was not measured. */
export function necessaryPieces({ context, pieces }: ExampleScores, options: VerdictOptions): number | null {
  return pieces && pieces.filter(({ without }) => without.mean < context.mean - options.margin).length;
}

/** The verdicts on an example, in the order of `verdicts`. */
export function verdictsOf(scores: ExampleScores, { margin, known }: VerdictOptions): Verdict[] {
  const { context, closedBook, goldRemoved, goldOnly, pieces } = scores;
  const isKnown = (score: AnswerScore): boolean => score.mean >= Math.log(known);
  const isAsGood = (score: AnswerScore): boolean => score.mean >= context.mean - margin;
  const holds: Record<Verdict, boolean> = {
    'answers-closed-book': closedBook.greedy || (isKnown(closedBook) && isAsGood(closedBook)),
    'not-evidence-dependent': goldRemoved !== null && isAsGood(goldRemoved),
    'gold-insufficient': goldOnly !== null && !isAsGood(goldOnly),
    'one-piece-suffices': pieces?.some(({ alone }) => isKnown(alone) && isAsGood(alone)) ?? false,
    'answer-improbable': !isKnown(context),
  };
  return verdicts.filter((verdict) => holds[verdict]);
}
