import { throwIfCancelled } from '../core/errors.ts';
import type { ExampleEncoder } from '../train/masks.ts';
import { withoutPieces, type ContextPiece } from './context.ts';
import { encodeAnswer, type CheckableExample } from './example.ts';
import type { AnswerScore, AnswerScorer } from './score.ts';
import type { ExampleScores } from './verdicts.ts';

/** What is measured of an example. */
export interface MeasuredExample {
  readonly scores: ExampleScores;
  readonly answerTokens: number;
  /** Tokens of the conversation under the whole context. */
  readonly contextTokens: number;
}

export interface CheckHandlers {
  readonly signal?: AbortSignal;
  /** How much of the example is done, 0 … 1. */
  readonly onShare?: (share: number) => void;
}

/** User messages of an example: the same question under less and less evidence. */
interface Contents {
  readonly context: string;
  readonly closedBook: string;
  readonly goldRemoved: string | null;
  readonly goldOnly: string | null;
  /** By gold piece, in the order of the context. */
  readonly pieces: readonly { readonly id: string; readonly without: string; readonly alone: string }[];
}

const isGold = ({ role }: ContextPiece): boolean => role === 'gold';

/** The contents that an example is scored under. */
export function contentsOf({ context, question }: CheckableExample, withPieces: boolean): Contents {
  const gold = context.pieces.filter(isGold);
  const leaving = (isLeftOut: (piece: ContextPiece) => boolean): string =>
    withoutPieces(context, isLeftOut).content;
  return {
    context: context.content,
    closedBook: question,
    goldRemoved: gold.length > 0 ? leaving(isGold) : null,
    goldOnly: gold.length > 0 ? leaving((piece) => !isGold(piece)) : null,
    pieces: (withPieces ? gold : []).map((piece) => ({
      id: piece.id,
      without: leaving((other) => other === piece),
      alone: leaving((other) => other !== piece),
    })),
  };
}

/** Each content once. Those without one piece come from the last piece to the first: each begins as the one before. */
function inOrder({ context, closedBook, goldRemoved, goldOnly, pieces }: Contents): string[] {
  const all = [
    context,
    ...pieces.map(({ without }) => without).reverse(),
    goldRemoved,
    goldOnly,
    ...pieces.map(({ alone }) => alone),
    closedBook,
  ];
  return [...new Set(all.filter((content) => content !== null))];
}

/**
 * Scores the answer of an example under each of its contents. What comes out depends on the example and the model
 * alone, whatever was checked before.
 * @param withPieces also each gold piece left out in turn, and alone
 * @throws InputError where the whole example is longer than the loaded context; `CancelledError`
 */
export async function checkExample(
  scorer: AnswerScorer,
  encoder: ExampleEncoder,
  example: CheckableExample,
  withPieces: boolean,
  { signal, onShare }: CheckHandlers = {},
): Promise<MeasuredExample> {
  const contents = contentsOf(example, withPieces);
  const order = inOrder(contents);
  const scored = new Map<string, AnswerScore>();
  const whole = encodeAnswer(encoder, example, contents.context);
  scorer.reset();
  for (const [index, content] of order.entries()) {
    throwIfCancelled(signal, 'checking');
    const tokens = index === 0 ? whole : encodeAnswer(encoder, example, content);
    const score = await scorer.score(tokens, {
      ...(signal ? { signal } : {}),
      onProgress: (done, total) => onShare?.((index + done / total) / order.length),
    });
    scored.set(content, score);
  }
  const scoreOf = (content: string): AnswerScore => scored.get(content)!;
  const { goldRemoved, goldOnly, pieces } = contents;
  return {
    scores: {
      context: scoreOf(contents.context),
      closedBook: scoreOf(contents.closedBook),
      goldRemoved: goldRemoved === null ? null : scoreOf(goldRemoved),
      goldOnly: goldOnly === null ? null : scoreOf(goldOnly),
      pieces:
        pieces.length === 0
          ? null
          : pieces.map(({ id, without, alone }) => ({
              id,
              without: scoreOf(without),
              alone: scoreOf(alone),
            })),
    },
    answerTokens: whole.end - whole.start,
    contextTokens: whole.ids.length,
  };
}
