import type { Tokenizer } from './types.ts';

/**
 * Cuts inside a part are taken at least this far from its ends, so that what stands beyond the ends cannot make
 * them unsafe: longer than any added token and than the look-ahead of the boundary rules.
 */
const MARGIN = 600;
/** How far inwards from the margin a cut is looked for. */
const REACH = 1024;

/** A text with its token count, ready to be joined to others without being counted again. */
export interface CountedText {
  readonly text: string;
  readonly tokens: number;
  /** The text up to its first certain cut and from its last; null when it has none (then it counts anew). */
  readonly ends: {
    readonly head: string;
    readonly headTokens: number;
    readonly tail: string;
    readonly tailTokens: number;
  } | null;
}

/** Counts a text once, for `countJoined`. */
export function countText(tokenizer: Tokenizer, text: string): CountedText {
  const tokens = tokenizer.count(text);
  const first = firstCut(tokenizer, text);
  const last = first < 0 ? -1 : lastCut(tokenizer, text, first);
  if (last < 0) return { text, tokens, ends: null };
  const head = text.slice(0, first);
  const tail = text.slice(last);
  return {
    text,
    tokens,
    ends: { head, headTokens: tokenizer.count(head), tail, tailTokens: tokenizer.count(tail) },
  };
}

function firstCut(tokenizer: Tokenizer, text: string): number {
  if (!tokenizer.isSafeCut) return -1;
  const limit = Math.min(text.length - MARGIN, MARGIN + REACH);
  for (let at = MARGIN; at < limit; at++) if (tokenizer.isSafeCut(text, at)) return at;
  return -1;
}

function lastCut(tokenizer: Tokenizer, text: string, first: number): number {
  if (!tokenizer.isSafeCut) return -1;
  const limit = Math.max(first, text.length - MARGIN - REACH);
  for (let at = text.length - MARGIN; at >= limit; at--) if (tokenizer.isSafeCut(text, at)) return at;
  return -1;
}

/**
 * Token count of all parts joined, exactly as of the joined string, at a cost that does not grow with the parts'
 * lengths: between certain cuts counts add up, and only what lies between the last cut of one part and the first
 * of the next is counted again.
 */
export function countJoined(tokenizer: Tokenizer, parts: Iterable<CountedText>): number {
  let total = 0;
  let open = '';
  let openTokens: number | null = 0;
  for (const part of parts) {
    if (part.text === '') continue;
    if (part.ends === null) {
      openTokens = open === '' ? part.tokens : null;
      open += part.text;
      continue;
    }
    const { head, headTokens, tail, tailTokens } = part.ends;
    total += open === '' ? headTokens : tokenizer.count(open + head);
    total += part.tokens - headTokens - tailTokens;
    open = tail;
    openTokens = tailTokens;
  }
  return total + (openTokens ?? tokenizer.count(open));
}

/**
 * True only when the tokens of `before + after` are certain to be those of `before` followed by those of `after`.
 * False does not say that they differ.
 */
export function isSafeBoundary(tokenizer: Tokenizer, before: string, after: string): boolean {
  if (before === '' || after === '') return true;
  if (!tokenizer.isSafeCut) return false;
  const left = before.slice(-MARGIN);
  return tokenizer.isSafeCut(left + after.slice(0, MARGIN), left.length);
}
