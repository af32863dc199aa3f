import type { DraftTrajectory } from '../format.ts';
import type { DocumentSeen, Step, Trajectory, TrajectorySummary } from '../schema.ts';
import { extractDocuments } from './documents.ts';
import { inferKind } from './kind.ts';
import { extractQueries } from './sql.ts';

/** Characters of a question or answer that a table row shows. */
const PREVIEW_LENGTH = 160;

/**
 * Turns what an adapter read into the canonical trajectory: counts the tools and derives the agent kind,
 * the documents seen and the queries run, unless the format states them itself. Never throws on odd input.
 */
export function completeTrajectory(draft: DraftTrajectory): Trajectory {
  const trajectory = trajectoryOf(draft);
  void trajectory.documents;
  return trajectory;
}

/** The same, but documents are found when first asked for: compiling refuses many runs before it needs them. */
export function trajectoryOf(draft: DraftTrajectory): Trajectory {
  const tools = countTools(draft.steps);
  const queries = draft.queries ?? extractQueries(draft.steps, draft.database);
  let documents = draft.documents;
  const seen = (): readonly DocumentSeen[] => (documents ??= extractDocuments(draft));
  // Written out: spreading the draft costs more than all the rest on sets of many small runs.
  return {
    id: draft.id,
    instanceId: draft.instanceId,
    format: draft.format,
    source: draft.source,
    kind: draft.kind ?? inferKind(draft.steps, seen, queries, draft),
    task: draft.task,
    steps: draft.steps,
    get documents() {
      return seen();
    },
    queries,
    database: draft.database ?? queries.find((query) => query.database !== null)?.database ?? null,
    finalAnswer: draft.finalAnswer,
    patch: draft.patch,
    groundTruth: draft.groundTruth,
    outcome: draft.outcome,
    model: draft.model,
    usage: draft.usage,
    tools,
    metadata: draft.metadata,
    issues: draft.issues ?? [],
  };
}

/** Names of the tools called outside demonstrations, most used first. */
function countTools(steps: readonly Step[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const step of steps) {
    if (step.type !== 'toolCall' || step.isDemonstration) continue;
    counts.set(step.name, (counts.get(step.name) ?? 0) + 1);
  }
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  // Entries are defined, not assigned: a tool named `__proto__` stays an ordinary key.
  return Object.fromEntries(sorted);
}

/** The row that a table of trajectories shows. */
export function summariseTrajectory(trajectory: Trajectory): TrajectorySummary {
  const { steps, task, finalAnswer, patch } = trajectory;
  let turnCount = 0;
  let toolCallCount = 0;
  let characterCount = 0;
  for (const step of steps) {
    characterCount += step.text.length;
    if (step.turn + 1 > turnCount) turnCount = step.turn + 1;
    if (step.type === 'toolCall' && !step.isDemonstration) toolCallCount++;
  }
  return {
    id: trajectory.id,
    format: trajectory.format,
    file: trajectory.source.file,
    record: trajectory.source.record,
    kind: trajectory.kind.kind,
    kindReason: trajectory.kind.reason,
    taskPreview: preview(task?.text ?? ''),
    answerPreview: preview(finalAnswer?.text ?? patch?.text ?? ''),
    success: trajectory.outcome.success,
    reward: trajectory.outcome.reward,
    turnCount,
    stepCount: steps.length,
    toolCallCount,
    documentCount: new Set(trajectory.documents.map((document) => document.key)).size,
    queryCount: trajectory.queries.length,
    characterCount,
    issueCount: trajectory.issues.length,
  };
}

/** The start of a text on one line, cut between characters, not inside a surrogate pair. */
function preview(text: string): string {
  const line = text
    .slice(0, PREVIEW_LENGTH * 4)
    .replace(/\s+/g, ' ')
    .trim();
  if (line.length <= PREVIEW_LENGTH) return line;
  const end = PREVIEW_LENGTH - 1;
  const code = line.charCodeAt(end - 1);
  return `${line.slice(0, code >= 0xd800 && code < 0xdc00 ? end - 1 : end)}…`;
}
