/** What the split needs to know of one piece of a session (a line, a message). */
export interface SessionPiece {
  /** The person asks something here. */
  readonly isQuestion: boolean;
  /** The model says or does something here. */
  readonly isModel: boolean;
  /** The model calls a tool here. */
  readonly hasCall: boolean;
}

/**
 * Cuts a session into one part for each question. What comes before the first question belongs to it; a
 * question asked before the model reacted to the last one joins it; and an opening exchange without any
 * tool call (the model asked back) joins the first question that led to work.
 */
export function splitAtQuestions<T>(pieces: readonly T[], describe: (piece: T) => SessionPiece): T[][] {
  const parts: { pieces: T[]; hasModel: boolean; hasCall: boolean }[] = [
    { pieces: [], hasModel: false, hasCall: false },
  ];
  for (const piece of pieces) {
    const { isQuestion, isModel, hasCall } = describe(piece);
    let part = parts[parts.length - 1]!;
    if (isQuestion && part.hasModel) {
      part = { pieces: [], hasModel: false, hasCall: false };
      parts.push(part);
    }
    part.pieces.push(piece);
    part.hasModel ||= isModel;
    part.hasCall ||= hasCall;
  }
  const firstWork = parts.findIndex((part) => part.hasCall);
  if (firstWork > 0) {
    const opening = parts.splice(0, firstWork).flatMap((part) => part.pieces);
    const work = parts[0]!;
    parts[0] = { ...work, pieces: [...opening, ...work.pieces] };
  }
  return parts.map((part) => part.pieces);
}
