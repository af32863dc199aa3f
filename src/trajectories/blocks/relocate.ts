import type { DraftTrajectory } from '../format.ts';
import type { AnswerText, SourcePosition } from '../schema.ts';

/** The draft with all its places moved, as it was read from a part of the record. */
export function relocated(
  draft: DraftTrajectory,
  move: <T extends SourcePosition>(at: T) => T,
): DraftTrajectory {
  const moved = (answer: AnswerText | null): AnswerText | null =>
    answer && { ...answer, at: answer.at && move(answer.at) };
  const { groundTruth } = draft;
  return {
    ...draft,
    steps: draft.steps.map((step) => ({ ...step, at: move(step.at) })),
    task: moved(draft.task),
    finalAnswer: moved(draft.finalAnswer),
    patch: moved(draft.patch),
    groundTruth: groundTruth && { ...groundTruth, at: groundTruth.at && move(groundTruth.at) },
    ...(draft.documents && {
      documents: draft.documents.map((look) => ({ ...look, span: move(look.span) })),
    }),
    ...(draft.queries && {
      queries: draft.queries.map((query) => ({
        ...query,
        at: move(query.at),
        result: query.result && move(query.result),
      })),
    }),
  };
}
