import { itemAt, type ReaderDocument } from './readerDocument.ts';

/** A run of whole lines that is one element of the page. */
export interface TextBlock {
  readonly start: number;
  readonly end: number;
  /** Position in `ReaderDocument.pieces` of the piece it belongs to, -1 outside pieces. */
  readonly piece: number;
  /** First block of its piece. */
  readonly opensPiece: boolean;
  /** Position in `ReaderDocument.parts`. */
  readonly part: number;
  readonly opensPart: boolean;
  readonly isQuestion: boolean;
}

/** Characters per block: 256 blocks for a text of 131,072 tokens. */
const targetLength = 2560;
/** Lines longer than this are cut, at a space where there is one near. */
const longestLine = 4 * targetLength;

function lineStart(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1;
}

function lineEnd(text: string, offset: number): number {
  const at = text.indexOf('\n', Math.max(0, offset - 1));
  return at < 0 ? text.length : at + 1;
}

/** Where to cut a too long line: after a space if one is near, never inside a surrogate pair. */
function cutLongLine(text: string, from: number): number {
  const end = from + longestLine;
  const space = text.lastIndexOf(' ', end);
  if (space > from + longestLine / 2) return space + 1;
  const code = text.charCodeAt(end - 1);
  return code >= 0xd800 && code <= 0xdbff ? end - 1 : end;
}

/**
 * Cuts the text into blocks of whole lines. Cuts lie at the lines where pieces, messages and the question start
 * and end, so that a block belongs to one of them; joined, the blocks are the text.
 */
export function splitBlocks(
  document: Pick<ReaderDocument, 'text' | 'pieces' | 'parts' | 'question'>,
): TextBlock[] {
  const { text, pieces, parts, question } = document;
  const cuts = new Set<number>([0, text.length]);
  for (const piece of pieces) {
    cuts.add(lineStart(text, piece.start));
    cuts.add(lineEnd(text, piece.end));
  }
  for (const part of parts) cuts.add(lineStart(text, part.start));
  if (question) {
    cuts.add(lineStart(text, question.start));
    cuts.add(lineEnd(text, question.end));
  }
  const edges = [...cuts].sort((a, b) => a - b);
  const blocks: TextBlock[] = [];
  let lastPiece = -1;
  let lastPart = -1;
  const add = (start: number, end: number): void => {
    // The first character that is not white space tells whom the block belongs to.
    let probe = start;
    while (probe < end - 1 && text.charCodeAt(probe) <= 32) probe++;
    let piece = itemAt(pieces, probe);
    if (piece < 0) {
      // A label on the piece's first line comes before the piece itself.
      const later = pieces.findIndex((each) => each.start >= start && each.start < end);
      if (later >= 0) piece = later;
    }
    const part = Math.max(0, itemAt(parts, start));
    blocks.push({
      start,
      end,
      piece,
      opensPiece: piece >= 0 && piece !== lastPiece,
      part,
      opensPart: part !== lastPart,
      isQuestion: question !== null && start < question.end && end > question.start,
    });
    lastPiece = piece;
    lastPart = part;
  };
  for (let edge = 0; edge + 1 < edges.length; edge++) {
    const end = edges[edge + 1]!;
    let start = edges[edge]!;
    while (end - start > targetLength * 1.5) {
      let cut = text.indexOf('\n', start + targetLength) + 1;
      if (cut === 0 || cut > start + longestLine) cut = cutLongLine(text, start);
      if (cut >= end) break;
      add(start, cut);
      start = cut;
    }
    if (end > start) add(start, end);
  }
  return blocks;
}

/** Lines that a block will take at a given number of columns: a guess for its height before it is drawn. */
export function estimateLines(text: string, block: TextBlock, columns: number): number {
  let lines = 0;
  let start = block.start;
  while (start < block.end) {
    let end = text.indexOf('\n', start);
    if (end < 0 || end >= block.end) end = block.end;
    lines += Math.max(1, Math.ceil((end - start) / columns));
    start = end + 1;
  }
  return lines;
}
