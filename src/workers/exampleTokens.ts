import type { Example } from '../compile/types.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import type { ExampleTokens } from './dataApi.ts';

/** UTF-16 units that a token's text stands for, from its decoded form; a part of a character counts with its last part. */
function tokenStarts(content: string, ids: Uint32Array, tokenizer: Tokenizer): Uint32Array {
  const starts = new Uint32Array(ids.length);
  const lengths = new Map<number, number>();
  let at = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    starts[i] = at;
    let length = lengths.get(id);
    if (length === undefined) {
      const text = tokenizer.decode([id]);
      // A token that is part of a character decodes to a replacement sign: its length is found in the text below.
      length = text.includes('\uFFFD') ? -1 : text.length;
      lengths.set(id, length);
    }
    if (length >= 0) {
      at += length;
      continue;
    }
    // Decode as few tokens together as give whole characters.
    let end = i + 1;
    let text = tokenizer.decode(ids.subarray(i, end));
    while (text.includes('\uFFFD') && end < ids.length && end - i < 16 && !content.startsWith(text, at)) {
      end++;
      text = tokenizer.decode(ids.subarray(i, end));
    }
    for (let j = i + 1; j < end; j++) starts[j] = at;
    at += text.length;
    i = end - 1;
  }
  return starts;
}

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
  const offsets = tokenStarts(content, ids, tokenizer);
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
