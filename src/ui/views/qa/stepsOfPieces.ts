import type { Example } from '../../../compile/types.ts';
import type { Step, Trajectory } from '../../../trajectories/schema.ts';

function covers(step: Step, start: number | undefined, end: number | undefined): boolean {
  if (step.range === null || start === undefined || end === undefined) return true;
  return start < step.range.end && end > step.range.start;
}

/**
 * For every piece of an example the index of the trajectory's step that shows it, -1 where none does (a table
 * that was read from the database). First by position in the record, then by the turn that saw it.
 */
export function stepsOfPieces(
  trajectory: Pick<Trajectory, 'steps'>,
  evidence: Example['evidence'],
): number[] {
  const byPath = new Map<string, Step[]>();
  for (const step of trajectory.steps) {
    const key = `${step.at.record}\n${step.at.path}`;
    const held = byPath.get(key);
    if (held) held.push(step);
    else byPath.set(key, [step]);
  }
  return evidence.map(({ source }) => {
    const exact = byPath
      .get(`${source.record}\n${source.path}`)
      ?.find((step) => covers(step, source.start, source.end));
    if (exact) return exact.index;
    // Decoded texts: the path of the step is a beginning of the piece's path.
    const around = trajectory.steps.find(
      (step) =>
        step.at.record === source.record && step.at.path !== '' && source.path.startsWith(`${step.at.path}/`),
    );
    if (around) return around.index;
    const inTurn = trajectory.steps.filter((step) => step.turn === source.turn);
    return (inTurn.find((step) => step.type === 'toolResult') ?? inTurn[0])?.index ?? -1;
  });
}
