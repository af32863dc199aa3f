import type { Example, ExampleEvidence } from '../../../compile/types.ts';

/** A message of the example inside the shown text. */
interface DocumentPart {
  readonly role: Example['messages'][number]['role'];
  readonly start: number;
  readonly end: number;
  /** Its tokens are training targets. */
  readonly supervised: boolean;
}

/** An evidence piece with its range in the shown text. */
export interface DocumentPiece {
  readonly evidence: ExampleEvidence;
  /** Position in `Example.evidence`. */
  readonly index: number;
  readonly start: number;
  readonly end: number;
  /** Relative place of its middle in the text, 0 … 1. */
  readonly depth: number;
}

/** What the reader shows: one text and what lies where in it. Offsets in UTF-16 code units of `text`. */
export interface ReaderDocument {
  readonly text: string;
  readonly parts: readonly DocumentPart[];
  /** In order of their place in the text. */
  readonly pieces: readonly DocumentPiece[];
  readonly question: { readonly start: number; readonly end: number } | null;
  /** Where the user message starts in `text`; token offsets count from there. */
  readonly userStart: number;
  /** More than question and answer: the multi-turn control. */
  readonly isDialogue: boolean;
}

/**
 * The text of an example. A QA pair shows its user message (the answer stands beside it); a dialogue shows all
 * messages, one after the other.
 */
export function readerDocument(example: Example): ReaderDocument {
  const isDialogue = example.messages.filter(({ role }) => role === 'assistant').length > 1;
  const shown = isDialogue
    ? example.messages
    : example.messages.filter(({ role }) => role === 'user').slice(0, 1);
  const parts: DocumentPart[] = [];
  let text = '';
  for (const message of shown) {
    if (text !== '') text += '\n';
    const start = text.length;
    text += message.content;
    parts.push({
      role: message.role,
      start,
      end: text.length,
      supervised: message.train ?? (message.role === 'assistant' && isDialogue),
    });
  }
  const user = parts.find(({ role }) => role === 'user');
  const userStart = user?.start ?? 0;
  const pieces = example.evidence
    .map((evidence, index) => ({
      evidence,
      index,
      start: userStart + evidence.start,
      end: userStart + evidence.end,
      depth: text.length === 0 ? 0 : (userStart + (evidence.start + evidence.end) / 2) / text.length,
    }))
    .sort((a, b) => a.start - b.start);
  const at = example.question === '' ? -1 : text.lastIndexOf(example.question, user?.end ?? text.length);
  return {
    text,
    parts,
    pieces,
    question: at < 0 ? null : { start: at, end: at + example.question.length },
    userStart,
    isDialogue,
  };
}

/** Position in `items` (sorted by `start`) of the one that covers an offset; -1 between them. */
export function itemAt(
  items: readonly { readonly start: number; readonly end: number }[],
  offset: number,
): number {
  let low = 0;
  let high = items.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const item = items[middle]!;
    if (offset < item.start) high = middle - 1;
    else if (offset >= item.end) low = middle + 1;
    else return middle;
  }
  return -1;
}

/** Number of tokens that start before a character offset of the user message (binary search). */
export function tokenAt(offsets: Uint32Array, characterOffset: number): number {
  let low = 0;
  let high = offsets.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((offsets[middle] ?? 0) < characterOffset) low = middle + 1;
    else high = middle;
  }
  return low;
}
