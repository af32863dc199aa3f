import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  filledField,
  idField,
  listField,
  numberField,
  objectField,
  smallFields,
  stringField,
} from '../blocks/fields.ts';
import { enterJson, type Placed } from '../blocks/looseMessages.ts';
import { byTrace, readSpans, rootOf, rootTexts, type Span } from '../blocks/spanRun.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { Outcome } from '../schema.ts';

/** LangSmith runs (JSON, JSON lines or bulk export rows): the runs of one trace are one trajectory. */
export const langSmith: FormatAdapter = {
  id: 'langsmith',
  label: 'LangSmith runs',
  unit: 'file',
  detect,
  read,
};

interface Run {
  readonly trace: string;
  readonly value: JsonObject;
  readonly span: Span;
}

function detect(sample: FormatSample): Detection | null {
  const looked = sample.records.flatMap(({ value }) => {
    const list = Array.isArray(value) ? value : listField(value, 'runs');
    return list ? list.slice(0, 5) : [value];
  });
  const runs = looked.filter(
    (value) =>
      isObject(value) &&
      'run_type' in value &&
      ('trace_id' in value || 'dotted_order' in value || 'child_runs' in value),
  );
  return runs.length > 0
    ? { certainty: 0.95, evidence: `${runs.length} runs with run_type and trace_id` }
    : null;
}

function read(records: readonly RawRecord[]): DraftTrajectory[] {
  const runs: Run[] = [];
  for (const { value, record } of records) {
    const list = Array.isArray(value) ? value : listField(value, 'runs');
    const path = Array.isArray(value) ? '' : '/runs';
    if (list) list.forEach((run, index) => addRun(runs, run, record, `${path}/${index}`, null, 0));
    else addRun(runs, value, record, '', null, 0);
  }
  const file = records[0]!;
  return [...byTrace(runs)].map(([trace, group]) => readTrace(file, trace, group));
}

const maxDepth = 64;

/** Adds a run and those nested in its `child_runs`. */
function addRun(
  runs: Run[],
  value: JsonValue,
  record: number,
  path: string,
  parent: Run | null,
  depth: number,
): void {
  if (!isObject(value) || depth > maxDepth) return;
  const id = idField(value, 'id') ?? `${record}${path}`;
  const parents = listField(value, 'parent_run_ids')?.filter((one) => typeof one === 'string');
  const start = stringField(value, 'start_time') ?? '';
  const type = stringField(value, 'run_type');
  const span: Span = {
    id,
    parentId: idField(value, 'parent_run_id') ?? parents?.at(-1) ?? parent?.span.id ?? null,
    order: stringField(value, 'dotted_order') ?? start,
    kind: type === 'llm' || type === 'tool' || type === 'retriever' ? type : 'other',
    name: stringField(value, 'name') ?? 'run',
    record,
    input: side(value, 'inputs', path),
    output: side(value, 'outputs', path),
    callId: null,
    isError: filledField(value, 'error') !== null,
    ...(start === '' ? {} : { timestamp: start }),
  };
  const run = { trace: idField(value, 'trace_id') ?? parent?.trace ?? id, value, span };
  runs.push(run);
  for (const [index, child] of (listField(value, 'child_runs') ?? []).entries()) {
    addRun(runs, child, record, `${path}/child_runs/${index}`, run, depth + 1);
  }
}

function side(value: JsonObject, key: string, path: string): Placed | null {
  const given = value[key];
  return given === undefined || given === null ? null : enterJson({ value: given, path: `${path}/${key}` });
}

function readTrace(file: RawRecord, trace: string, runs: readonly Run[]): DraftTrajectory {
  const spans = runs.map((run) => run.span);
  const builder = new StepBuilder(file.file, file.record);
  readSpans(builder, spans);
  const root = rootOf(spans);
  const texts = rootTexts(builder, root);
  const value = runs.find((run) => run.span === root)?.value ?? {};
  const extra = objectField(objectField(value, 'extra'), 'metadata');
  return draftOf({ ...file, record: 0 }, langSmith.id, builder, {
    id: trace,
    instanceId: idField(value, 'reference_example_id'),
    task: texts.task ?? taskFromSteps(builder.steps),
    finalAnswer: texts.answer ?? answerFromSteps(builder.steps),
    outcome: outcomeOf(value),
    model:
      runs
        .map((run) => stringField(objectField(objectField(run.value, 'extra'), 'metadata'), 'ls_model_name'))
        .find((name) => name !== null) ?? null,
    usage: {
      inputTokens: numberField(value, 'prompt_tokens'),
      outputTokens: numberField(value, 'completion_tokens'),
      costUsd: numberField(value, 'total_cost'),
    },
    metadata: {
      ...smallFields(value, ['name', 'status', 'session_id', 'tags']),
      ...(extra ? smallFields(extra, Object.keys(extra).slice(0, 20)) : {}),
    },
  });
}

/** Feedback named like a verdict counts; the run's own status does not. */
function outcomeOf(value: JsonObject): Outcome {
  for (const [key, stats] of Object.entries(objectField(value, 'feedback_stats') ?? {})) {
    const average = numberField(stats, 'avg');
    if (average === null || !/correct|score|accuracy|success|reward/i.test(key)) continue;
    const success = average >= 1 ? true : average <= 0 ? false : null;
    return { success, reward: average, reason: `feedback ${key} = ${average}` };
  }
  const error = filledField(value, 'error');
  if (error !== null) return { ...noOutcome, reason: `error: ${error.slice(0, 200)}` };
  const status = stringField(value, 'status');
  return status === null ? noOutcome : { ...noOutcome, reason: `status = ${status} (not a verdict)` };
}
