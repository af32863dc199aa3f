import { useEffect, useMemo, useState } from 'react';
import type { Example, EvidenceRole } from '../../../compile/types.ts';
import type { Trajectory } from '../../../trajectories/schema.ts';
import { useApp } from '../../../state/useApp.ts';
import { stepsOfPieces } from '../qa/stepsOfPieces.ts';

/** The pieces that one step gave to an example. */
export interface StepPieces {
  readonly setId: string;
  readonly exampleId: string;
  readonly pieces: readonly { readonly id: string; readonly role: EvidenceRole }[];
}

/** Pieces by step index. A step with no piece has no entry. */
function piecesByStep(
  trajectory: Pick<Trajectory, 'steps'>,
  setId: string,
  example: Example,
): ReadonlyMap<number, StepPieces> {
  const found = new Map<number, StepPieces>();
  stepsOfPieces(trajectory, example.evidence).forEach((step, index) => {
    const piece = example.evidence[index];
    if (step < 0 || !piece) return;
    const before = found.get(step)?.pieces ?? [];
    const pieces = [...before, { id: piece.id, role: piece.role }];
    found.set(step, { setId, exampleId: example.id, pieces });
  });
  return found;
}

const none: ReadonlyMap<number, StepPieces> = new Map();

/** What the steps of a trajectory became in the current set. Empty until known, and without an example. */
export function useStepPieces(trajectory: Trajectory): ReadonlyMap<number, StepPieces> {
  const setId = useApp((state) => state.compile.currentSetId);
  const exampleOf = useApp((state) => state.ui.exampleOf);
  const [read, setRead] = useState<{ setId: string; trajectory: Trajectory; example: Example | null } | null>(
    null,
  );
  useEffect(() => {
    if (setId === null) return;
    let isWanted = true;
    void exampleOf(setId, trajectory.id).then((example) => {
      if (isWanted) setRead({ setId, trajectory, example });
    });
    return () => {
      isWanted = false;
    };
  }, [setId, trajectory, exampleOf]);
  return useMemo(
    () =>
      read?.example && read.setId === setId && read.trajectory === trajectory
        ? piecesByStep(trajectory, read.setId, read.example)
        : none,
    [read, setId, trajectory],
  );
}
