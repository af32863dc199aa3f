import type { EvidenceRole } from '../compile/types.ts';

/** A piece of evidence: `content.slice(start, end)` of the context that holds it. */
export interface ContextPiece {
  readonly id: string;
  readonly role: EvidenceRole;
  readonly start: number;
  readonly end: number;
}

/** The user message of a compiled example. */
export interface EvidenceContext {
  readonly content: string;
  /** Ascending, none across another. */
  readonly pieces: readonly ContextPiece[];
}

/** Header and window line before a piece, as `compile/template` writes them; each may be missing. */
const leadPattern = /(=== [^\n]+ ===\n)?(--- [^\n]+ ---\n)?$/;
/** The heading of the last block. */
const headingPattern = /=== [^\n]+ ===\n$/;
const pieceEnd = '\n\n';

/** A piece with what the template put around it. */
interface Place {
  readonly piece: ContextPiece;
  /** Where the header of its document begins, or the window line where the document began before. */
  readonly start: number;
  /** Where its own window line begins. */
  readonly windowStart: number;
  /** Behind the blank line that follows it. */
  readonly end: number;
  /** Windows of one document share a number. */
  readonly document: number;
}

function placesOf({ content, pieces }: EvidenceContext): Place[] {
  const places: Place[] = [];
  let at = 0;
  for (const piece of pieces) {
    const gap = content.slice(at, piece.start);
    const [lead = '', header] = leadPattern.exec(gap) ?? [];
    const before = places.at(-1);
    places.push({
      piece,
      start: piece.start - lead.length,
      windowStart: piece.start - lead.length + (header?.length ?? 0),
      end: piece.end + (content.startsWith(pieceEnd, piece.end) ? pieceEnd.length : 0),
      document: before ? before.document + (header === undefined ? 0 : 1) : 0,
    });
    at = piece.end;
  }
  return places;
}

/** Ranges to cut: a piece with its window line and the blank line behind it, a document's header with its last piece. */
function cutsOf(places: readonly Place[], isLeftOut: (piece: ContextPiece) => boolean): [number, number][] {
  const kept = new Set(places.filter(({ piece }) => !isLeftOut(piece)).map(({ document }) => document));
  return places
    .filter(({ piece }) => isLeftOut(piece))
    .map(({ document, start, windowStart, end }) => [kept.has(document) ? windowStart : start, end]);
}

/**
 * The context as it would have been compiled without some pieces: what stands around a piece goes with it, the rest
 * stays as it is, ids included, and offsets are those of the new text.
 */
export function withoutPieces(
  context: EvidenceContext,
  isLeftOut: (piece: ContextPiece) => boolean,
): EvidenceContext {
  const cuts = cutsOf(placesOf(context), isLeftOut);
  const parts: string[] = [];
  let at = 0;
  for (const [start, end] of cuts) {
    parts.push(context.content.slice(at, start));
    at = end;
  }
  parts.push(context.content.slice(at));
  const removedBefore = (offset: number): number =>
    cuts.reduce((sum, [start, end]) => sum + (end <= offset ? end - start : 0), 0);
  const pieces = context.pieces
    .filter((piece) => !isLeftOut(piece))
    .map((piece) => {
      const shift = removedBefore(piece.start);
      return { ...piece, start: piece.start - shift, end: piece.end - shift };
    });
  return { content: parts.join(''), pieces };
}

/** The last block alone: question and what kind of answer is wanted; null where no question follows the evidence. */
export function questionOnly({ content, pieces }: EvidenceContext, question: string): string | null {
  const at = question === '' ? -1 : content.lastIndexOf(question);
  if (at < (pieces.at(-1)?.end ?? 0)) return null;
  const heading = headingPattern.exec(content.slice(pieces.at(-1)?.end ?? 0, at));
  return content.slice(at - (heading?.[0].length ?? 0));
}
