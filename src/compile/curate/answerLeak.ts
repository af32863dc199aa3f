import { type TextWords, wordsOf } from './words.ts';

/** An answer made ready for looking it up in texts. */
export interface AnswerPattern {
  readonly words: TextWords;
  /** Why finding it would say nothing (too short, yes or no); null when it would. */
  readonly uncheckable: string | null;
}

const LEAST_CHARACTERS = 3;
/** Answers that stand in most texts. */
const everyday = new Set(['yes', 'no', 'true', 'false', 'none', 'null', 'unknown', 'n/a']);

/** Prepares an answer: words without regard to case, spacing and punctuation. */
export function answerPattern(answer: string): AnswerPattern {
  const words = wordsOf(answer);
  const bare = answer
    .trim()
    .toLowerCase()
    .replace(/[.!]+$/, '');
  let characters = 0;
  for (let i = 0; i < words.count; i++) characters += words.ends[i]! - words.starts[i]!;
  const isWide = /[\u2e80-\u9fff\uac00-\ud7af]/.test(answer);
  const uncheckable =
    words.count === 0
      ? 'the answer has no letters or digits'
      : everyday.has(bare)
        ? `"${bare}" stands in most texts`
        : characters < (isWide ? 2 : LEAST_CHARACTERS)
          ? `the answer has only ${characters} character${characters === 1 ? '' : 's'}`
          : null;
  return { words, uncheckable };
}

export interface AnswerPlace {
  readonly start: number;
  readonly end: number;
}

/**
 * Where the answer stands in a text as whole words (`art` is not in `party`), at most `limit` places. Linear in the
 * text for answers without long repetitions. Looks also when the answer is `uncheckable`; the caller decides.
 */
export function findAnswer(pattern: AnswerPattern, text: string | TextWords, limit = 20): AnswerPlace[] {
  const { words: needle } = pattern;
  const words = typeof text === 'string' ? wordsOf(text) : text;
  const places: AnswerPlace[] = [];
  if (needle.count === 0) return places;
  const firstLow = needle.low[0]!;
  const firstHigh = needle.high[0]!;
  const last = words.count - needle.count;
  for (let i = 0; i <= last && places.length < limit; i++) {
    if (words.low[i] !== firstLow || words.high[i] !== firstHigh) continue;
    let length = 1;
    while (
      length < needle.count &&
      words.low[i + length] === needle.low[length] &&
      words.high[i + length] === needle.high[length]
    ) {
      length++;
    }
    if (length < needle.count) continue;
    places.push({ start: words.starts[i]!, end: words.ends[i + length - 1]! });
    i += length - 1;
  }
  return places;
}
