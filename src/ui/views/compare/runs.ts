import type { JsonValue } from '../../../core/json.ts';
import type { RunSummary } from '../../../workers/evaluateApi.ts';
import type { StoredRun } from '../../../workers/trainingApi.ts';
import type { DocumentSummary } from '../../../workers/mechanismApi.ts';

/** One line of the table of runs, whatever made it. */
export interface ComparedRun {
  readonly id: string;
  readonly type: 'mechanism' | 'evaluation' | 'training';
  readonly name: string;
  readonly createdAt: number | null;
  readonly state: string;
  /** The number it is known by, in words. */
  readonly outcome: string;
  /** n and seeds, as far as they exist. */
  readonly size: string;
  readonly config: JsonValue;
}

export function runOfDocument(document: DocumentSummary): ComparedRun {
  const { id, name, createdAt, isPartial, itemCount, subjects, queries, sinkTokens, thresholds, model, itemsHash } = document; // prettier-ignore
  return {
    id: `mechanism ${id}`,
    type: 'mechanism',
    name,
    createdAt,
    state: isPartial ? 'measuring' : 'done',
    outcome: subjects.map((subject) => subject.name).join(', '),
    size: `${itemCount} ${itemCount === 1 ? 'item' : 'items'}`,
    config: {
      model: { ...model },
      items: itemsHash,
      queries,
      sinkTokens,
      thresholds: [...thresholds],
      subjects: subjects.map((subject) => ({ ...subject })),
    },
  };
}

export function runOfEvaluation(run: RunSummary): ComparedRun {
  const { id, request, benchmark, dataName, subject, phase, questions, done, mean, createdAt } = run;
  return {
    id: `evaluation ${id}`,
    type: 'evaluation',
    name: `${subject} on ${benchmark}`,
    createdAt,
    state: phase,
    outcome: mean === null ? 'no score yet' : `${mean.toFixed(3)} mean score`,
    size: `${done} of ${questions} questions, ${request.seeds} ${request.seeds === 1 ? 'seed' : 'seeds'}`,
    config: { benchmark, data: dataName, subject, ...(JSON.parse(JSON.stringify(request)) as Record<string, JsonValue>) }, // prettier-ignore
  };
}

export function runOfTraining({ id, record }: StoredRun): ComparedRun {
  const { startedAt, end, ledger, model, data, config, resolved, best, heldOut, adapter } = record;
  const loss = best?.loss ?? heldOut.at(-1)?.loss;
  return {
    id: `training ${id}`,
    type: 'training',
    name: `${id}, ${model.name} on ${data.name}`,
    createdAt: Date.parse(startedAt),
    state: end,
    outcome: loss === undefined ? 'no held-out loss' : `${loss.toFixed(3)} held-out loss`,
    size: `${ledger.steps.toLocaleString('en-US')} of ${resolved.totalSteps.toLocaleString('en-US')} steps, ${ledger.supervisedTokens.toLocaleString('en-US')} supervised tokens`,
    config: JSON.parse(JSON.stringify({ model, data: { name: data.name, sha256: data.sha256, trained: data.trained, heldOut: data.heldOut }, ...config, resolved, adapter })) as JsonValue, // prettier-ignore
  };
}

/** Every leaf of a config by its path. */
function flatten(value: JsonValue, path = ''): ReadonlyMap<string, string> {
  const leaves = new Map<string, string>();
  const walk = (each: JsonValue, at: string): void => {
    if (Array.isArray(each)) each.forEach((entry, index) => walk(entry, `${at}[${index}]`));
    else if (typeof each === 'object' && each !== null) {
      for (const [key, entry] of Object.entries(each)) walk(entry, at === '' ? key : `${at}.${key}`);
    } else leaves.set(at, each === null ? '–' : String(each));
  };
  walk(value, path);
  return leaves;
}

/** Paths at which two configs differ, with both values; null where one lacks it. */
export function configDiff(
  a: JsonValue,
  b: JsonValue,
): readonly { path: string; before: string | null; after: string | null }[] {
  // prettier-ignore
  const [left, right] = [flatten(a), flatten(b)];
  return [...new Set([...left.keys(), ...right.keys()])]
    .filter((path) => left.get(path) !== right.get(path))
    .map((path) => ({ path, before: left.get(path) ?? null, after: right.get(path) ?? null }));
}
