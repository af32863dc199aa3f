import { messageOf } from '../core/errors.ts';
import { trajectoryOf } from '../trajectories/extract/complete.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import type { Trajectory } from '../trajectories/schema.ts';
import { compileTrajectory, type CompileContext } from './compileTrajectory.ts';
import { mapOutcome, type MappedOutcome } from './setReducer.ts';
import type { Example } from './types.ts';

/** The whole map step for one thread: completes drafts, compiles, writes the line. Holds no state between calls. */
export class CompileMapper {
  private readonly context: CompileContext;
  private readonly sign: ((example: Example, pieces: readonly string[]) => unknown) | null;

  /** @param sign what curation needs of an example (hashes), computed here because it is costly; null without it */
  constructor(
    context: CompileContext,
    sign: ((example: Example, pieces: readonly string[]) => unknown) | null,
  ) {
    this.context = context;
    this.sign = sign;
  }

  mapDraft(draft: DraftTrajectory): MappedOutcome {
    return guarded(draft, () => this.compile(trajectoryOf(draft)));
  }

  mapTrajectory(trajectory: Trajectory): MappedOutcome {
    return guarded(trajectory, () => this.compile(trajectory));
  }

  private compile(trajectory: Trajectory): MappedOutcome {
    const outcome = compileTrajectory(trajectory, this.context);
    return mapOutcome(outcome, this.context.options, statedLicense(trajectory), this.sign);
  }
}

/** A record that breaks a rule of ours must not stop the rest: it becomes a rejection that says so. */
function guarded(draft: DraftTrajectory, compile: () => MappedOutcome): MappedOutcome {
  try {
    return compile();
  } catch (error) {
    return {
      rejection: {
        trajectoryId: draft.id,
        file: draft.source.file,
        record: draft.source.record,
        kind: draft.kind?.kind ?? 'other',
        stage: 'other',
        code: 'internal-error',
        reason: `compiling failed unexpectedly (${messageOf(error)}); please report it with this record`,
      },
    };
  }
}

/** The licence that the record itself states. */
function statedLicense(trajectory: Trajectory): string | null {
  const license = trajectory.metadata['license'] ?? trajectory.metadata['licence'];
  return typeof license === 'string' && license.trim() !== '' ? license.trim().slice(0, 100) : null;
}
