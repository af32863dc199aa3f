import { mrcrBin } from './mrcr.ts';

/** Counts the tokens by which items are put into bins of length. */
export interface LengthCounter {
  /** Name of the tokenizer, shown beside the bins. */
  readonly tokenizer: string;
  count(text: string): number;
}

/** Σ tokens of the texts, each on its own (special tokens of chat templates do not count). */
export function tokenSum(texts: readonly string[], counter: LengthCounter): number {
  let sum = 0;
  for (const text of texts) sum += counter.count(text);
  return sum;
}

const whole = (value: number): string => value.toLocaleString('en-US');

/** Label of the published right-closed bin, "4,097–8,192"; "above 1,048,576" beyond the last. */
export function lengthLabel(tokenCount: number): string {
  const bin = mrcrBin(tokenCount);
  if (!bin) return 'above 1,048,576';
  // The first published bin is closed on the left too.
  return `${whole(bin.from === 0 ? 0 : bin.from + 1)}–${whole(bin.to)}`;
}
