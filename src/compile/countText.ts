import { isSafeBoundary, type CountedText } from '../tokenizer/countJoined.ts';
import type { PairCounter } from '../tokenizer/countPair.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import type { AssistantTurn } from './template.ts';

/** Counts tokens, exactly or as an estimate. Both are deterministic. */
export interface TokenCounter {
  readonly name: string;
  readonly isExact: boolean;
  count(text: string): number;
  /** True when `count(a + b)` is certain to be `count(a) + count(b)`. */
  isAdditive(a: string, b: string): boolean;
  /** Tokens that the chat template adds around a user text; for planning, the exact count is `countPrompt`. */
  readonly overhead: number;
  /** Tokens of the templated prompt whose user text is the joined blocks, given their counts. */
  countPrompt(blocks: CountedBlocks): number;
  /** Tokens the model writes for an assistant message, through the end of its turn. */
  countCompletion(assistant: AssistantTurn): number;
}

/** Text blocks of a user message with their tokens; `isAdditive`: the sum is exact. */
interface CountedBlocks {
  readonly text: string;
  readonly first: string;
  readonly firstTokens: number;
  readonly last: string;
  readonly lastTokens: number;
  readonly tokens: number;
  readonly isAdditive: boolean;
}

/** Exact counts under a tokenizer and its chat template. */
export function exactCounter(tokenizer: Tokenizer, pair: PairCounter): TokenCounter {
  const probe = 'Please answer.';
  return {
    overhead: pair.countPrompt(probe) - tokenizer.count(probe),
    name: tokenizer.name,
    isExact: true,
    count: (text) => tokenizer.count(text),
    isAdditive: (a, b) => isSafeBoundary(tokenizer, a, b),
    countPrompt(blocks) {
      if (!blocks.isAdditive) return pair.countPrompt(blocks.text);
      const counted: CountedText = {
        text: blocks.text,
        tokens: blocks.tokens,
        ends: {
          head: blocks.first,
          headTokens: blocks.firstTokens,
          tail: blocks.last,
          tailTokens: blocks.lastTokens,
        },
      };
      return pair.countPrompt([counted]);
    },
    countCompletion: (assistant) => pair.countCompletion({ ...assistant }),
  };
}

/** Tokens of role markers around a pair, as an estimate. */
const templateEstimate = 8;

/** A quarter of a token a UTF-16 unit: an estimate, and flagged where it is used. */
export const estimateCounter: TokenCounter = {
  name: 'estimate',
  isExact: false,
  overhead: templateEstimate,
  count: (text) => Math.ceil(text.length / 4),
  isAdditive: () => true,
  countPrompt: (blocks) => blocks.tokens + templateEstimate,
  countCompletion: ({ content, reasoning_content: reasoning = '' }) =>
    Math.ceil((content.length + reasoning.length) / 4) + 2,
};

/**
 * Tokens of blocks that stand one behind the other, each character counted once. Neighbours whose border is no
 * certain token boundary are counted together, and the count goes to the later one; so the sum is exact.
 */
export function countBlocks(counter: TokenCounter, blocks: readonly string[]): number[] {
  const counts = new Array<number>(blocks.length).fill(0);
  let pending = '';
  for (let index = 0; index < blocks.length; index++) {
    const block = blocks[index]!;
    pending = pending === '' ? block : pending + block;
    const next = blocks[index + 1];
    if (next !== undefined && !counter.isAdditive(pending, next)) continue;
    counts[index] = counter.count(pending);
    pending = '';
  }
  return counts;
}
