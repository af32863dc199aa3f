/** A reply in its two parts. */
export interface SplitReply {
  /** What is graded. */
  readonly text: string;
  /** The model's reasoning, kept for the reader; null when it gave none. */
  readonly thinking: string | null;
}

/**
 * Takes the reasoning off a reply: a leading `<think>…</think>` block, or, where the chat template already opened
 * the block, everything up to the first `</think>`. Line breaks between the block and the answer belong to the
 * template and go with it. An unclosed leading block (the reply was cut) leaves no answer.
 */
export function splitThinking(reply: string): SplitReply {
  const open = '<think>';
  const close = '</think>';
  const lead = /^\s*/.exec(reply)?.[0].length ?? 0;
  const isOpened = reply.startsWith(open, lead);
  const end = reply.indexOf(close);
  if (end < 0)
    return isOpened
      ? { text: '', thinking: reply.slice(lead + open.length).trim() }
      : { text: reply, thinking: null };
  const firstOpen = reply.indexOf(open);
  if (!isOpened && firstOpen >= 0 && firstOpen < end) return { text: reply, thinking: null };
  const thinking = reply.slice(isOpened ? lead + open.length : 0, end).trim();
  return {
    text: reply.slice(end + close.length).replace(/^[\r\n]+/, ''),
    thinking: thinking === '' ? null : thinking,
  };
}
