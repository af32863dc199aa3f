import type { Example } from '../compile/types.ts';
import { tokenStarts } from '../tokenizer/tokenStarts.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import type { ExampleTokens } from './dataApi.ts';

/** The token that covers a character: the last one that starts at or before it. */
function tokenAt(starts: Uint32Array, offset: number): number {
  let low = 0;
  let high = starts.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** Token offsets of the pieces of an example in its user message. */
export function measureTokens(example: Example, tokenizer: Tokenizer): ExampleTokens {
  const content = example.messages.find((message) => message.role === 'user')?.content ?? '';
  const ids = tokenizer.encode(content);
  const offsets = tokenStarts(content, ids, tokenizer).subarray(0, ids.length);
  const range = (start: number, end: number): { start: number; end: number } => ({
    start: tokenAt(offsets, start),
    end: end <= start ? tokenAt(offsets, start) : tokenAt(offsets, end - 1) + 1,
  });
  const question = content.lastIndexOf(example.question);
  return {
    tokenizer: tokenizer.name,
    total: ids.length,
    pieces: example.evidence.map((piece) => ({ id: piece.id, ...range(piece.start, piece.end) })),
    question:
      question < 0 || example.question === '' ? null : range(question, question + example.question.length),
    offsets,
  };
}
