import type { Tokenizer } from '../tokenizer/types.ts';

/** A reply in its two parts. */
export interface SplitReply {
  /** What is graded. */
  readonly text: string;
  /** The model's reasoning, kept for the reader; null when it gave none. */
  readonly thinking: string | null;
}

const open = '<think>';
const close = '</think>';

/** Tokens at the end of a prompt that hold an opened block, however a tokenizer cuts it, and the white space after. */
const openingTokens = 16;

/** Whether the prompt itself opens the reasoning, as templates of Qwen3-…-Thinking-2507 do: it ends with `<think>`. */
export function opensThinking(promptIds: Uint32Array, tokenizer: Pick<Tokenizer, 'decode'>): boolean {
  return tokenizer.decode(promptIds.subarray(-openingTokens)).trimEnd().endsWith(open);
}

/**
 * Takes the reasoning off a reply: a leading `<think>…</think>` block, or, where the chat template already opened
 * the block, everything up to the first `</think>`. Line breaks between the block and the answer belong to the
 * template and go with it. An unclosed block (the reply was cut) leaves no answer. `isOpened`: the prompt is known
 * to have opened it; without that, a reply that neither opens nor closes a block is all answer.
 */
export function splitThinking(reply: string, isOpened = false): SplitReply {
  const lead = /^\s*/.exec(reply)?.[0].length ?? 0;
  const opensItself = reply.startsWith(open, lead);
  const start = opensItself ? lead + open.length : 0;
  const end = reply.indexOf(close);
  if (end < 0)
    return isOpened || opensItself
      ? { text: '', thinking: reply.slice(start).trim() }
      : { text: reply, thinking: null };
  const firstOpen = reply.indexOf(open);
  if (!isOpened && !opensItself && firstOpen >= 0 && firstOpen < end) return { text: reply, thinking: null };
  const thinking = reply.slice(start, end).trim();
  return {
    text: reply.slice(end + close.length).replace(/^[\r\n]+/, ''),
    thinking: thinking === '' ? null : thinking,
  };
}
