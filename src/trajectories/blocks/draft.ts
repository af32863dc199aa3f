import type { RawRecord, DraftTrajectory } from '../format.ts';
import type { Outcome } from '../schema.ts';
import type { StepBuilder } from './stepBuilder.ts';

/** What logs without a verdict get. */
export const noOutcome: Outcome = {
  success: null,
  reward: null,
  reason: 'the log records neither success nor reward',
};

/** A draft with neutral values for all that a format does not give. */
export function draftOf(
  record: RawRecord,
  format: string,
  builder: StepBuilder,
  fields: Partial<DraftTrajectory>,
): DraftTrajectory {
  return {
    id: `${record.file}#${record.record}`,
    instanceId: null,
    format,
    source: { file: record.file, record: record.record },
    task: null,
    steps: builder.steps,
    database: null,
    finalAnswer: null,
    patch: null,
    groundTruth: null,
    outcome: noOutcome,
    model: null,
    usage: { inputTokens: null, outputTokens: null, costUsd: null },
    metadata: {},
    ...fields,
  };
}
