import type { Tokenizer } from './types.ts';

/** Parts of one character are looked for among this many tokens; UTF-8 needs at most four bytes. */
const longestCharacter = 16;

/**
 * [ids.length + 1]: where each token's text begins in `text`, in UTF-16 units, and where the last one ends. From
 * decoded forms; the tokens of a character that takes several all begin where it begins. The last entry differs
 * from `text.length` where the tokenizer changes its text (by normalising it): the others mean nothing then.
 */
export function tokenStarts(text: string, ids: Uint32Array, tokenizer: Tokenizer): Uint32Array {
  const starts = new Uint32Array(ids.length + 1);
  const lengths = new Map<number, number>();
  let at = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i]!;
    starts[i] = at;
    let length = lengths.get(id);
    if (length === undefined) {
      const piece = tokenizer.decode([id]);
      // A token that is part of a character decodes to a replacement sign: its length is found in the text below.
      length = piece.includes('\uFFFD') ? -1 : piece.length;
      lengths.set(id, length);
    }
    if (length >= 0) {
      at += length;
      continue;
    }
    // Decode as few tokens together as give whole characters.
    let end = i + 1;
    let piece = tokenizer.decode(ids.subarray(i, end));
    while (
      piece.includes('\uFFFD') &&
      end < ids.length &&
      end - i < longestCharacter &&
      !text.startsWith(piece, at)
    ) {
      end++;
      piece = tokenizer.decode(ids.subarray(i, end));
    }
    for (let j = i + 1; j < end; j++) starts[j] = at;
    at += piece.length;
    i = end - 1;
  }
  starts[ids.length] = at;
  return starts;
}
