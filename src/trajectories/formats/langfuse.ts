import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { idField, listField, numberField, objectField, smallFields, stringField } from '../blocks/fields.ts';
import { enterJson, type Placed } from '../blocks/looseMessages.ts';
import { byTrace, objectOr, readSpans, rootOf, rootTexts, type Span } from '../blocks/spanRun.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { Outcome, Usage } from '../schema.ts';

/**
 * Langfuse exports: traces with their `observations`, or rows of observations (camelCase from the API,
 * snake_case from blob exports). The observations of one trace are one trajectory.
 */
export const langfuse: FormatAdapter = {
  id: 'langfuse',
  label: 'Langfuse traces',
  unit: 'file',
  detect,
  read,
};

const observationTypes =
  /^(?:SPAN|GENERATION|EVENT|AGENT|TOOL|CHAIN|RETRIEVER|EMBEDDING|EVALUATOR|GUARDRAIL)$/;

function isObservation(value: JsonValue | undefined): boolean {
  return (
    observationTypes.test(stringField(value, 'type') ?? '') &&
    isObject(value) &&
    ('startTime' in value || 'start_time' in value)
  );
}

function detect(sample: FormatSample): Detection | null {
  for (const { value } of sample.records) {
    if (listField(value, 'observations')?.some(isObservation)) {
      return { certainty: 0.95, evidence: 'a trace with observations' };
    }
    const trace = idField(value, 'traceId') ?? idField(value, 'trace_id');
    if (trace !== null && isObservation(value)) {
      return { certainty: 0.93, evidence: 'observations with type and trace id' };
    }
  }
  return null;
}

interface Observation {
  readonly trace: string;
  readonly value: JsonObject;
  readonly span: Span;
}

function read(records: readonly RawRecord[]): DraftTrajectory[] {
  const observations: Observation[] = [];
  const traces = new Map<string, { value: JsonObject; record: number }>();
  for (const { value, record } of records) {
    const nested = listField(value, 'observations');
    if (nested && isObject(value)) {
      const trace = idField(value, 'id') ?? `record ${record}`;
      traces.set(trace, { value, record });
      nested.forEach((item, index) =>
        addObservation(observations, item, record, `/observations/${index}`, trace),
      );
      if (nested.length === 0) continue;
    } else {
      const trace = idField(value, 'traceId') ?? idField(value, 'trace_id') ?? `record ${record}`;
      addObservation(observations, value, record, '', trace);
    }
  }
  const file = records[0]!;
  return [...byTrace(observations)].map(([trace, group]) =>
    readTrace(file, trace, group, traces.get(trace) ?? null),
  );
}

/** A field under its camelCase or its snake_case name. */
function either(value: JsonObject, camel: string, snake: string): string | null {
  return idField(value, camel) ?? idField(value, snake);
}

function addObservation(
  list: Observation[],
  value: JsonValue,
  record: number,
  path: string,
  trace: string,
): void {
  if (!isObject(value)) return;
  const type = stringField(value, 'type') ?? 'SPAN';
  const start = either(value, 'startTime', 'start_time') ?? '';
  const side = (key: string): Placed | null => {
    const given = value[key];
    return given === undefined || given === null ? null : enterJson({ value: given, path: `${path}/${key}` });
  };
  const kind =
    type === 'GENERATION' ? 'llm' : type === 'TOOL' ? 'tool' : type === 'RETRIEVER' ? 'retriever' : 'other';
  const span: Span = {
    id: idField(value, 'id') ?? `${record}${path}`,
    parentId: either(value, 'parentObservationId', 'parent_observation_id'),
    order: start,
    kind,
    name: stringField(value, 'name') ?? type.toLowerCase(),
    record,
    input: side('input'),
    output: side('output'),
    isError: stringField(value, 'level') === 'ERROR',
    ...(start === '' ? {} : { timestamp: start }),
  };
  list.push({ trace, value, span });
}

function readTrace(
  file: RawRecord,
  trace: string,
  observations: readonly Observation[],
  around: { value: JsonObject; record: number } | null,
): DraftTrajectory {
  const spans = observations.map((observation) => observation.span);
  const builder = new StepBuilder(file.file, file.record);
  readSpans(builder, spans);
  const root = around ? traceSpan(around) : rootOf(spans);
  const texts = rootTexts(builder, root);
  const generation = observations.find(({ span }) => span.kind === 'llm');
  const details = objectOr(around?.value);
  return draftOf({ ...file, record: 0 }, langfuse.id, builder, {
    id: trace,
    task: texts.task ?? taskFromSteps(builder.steps),
    finalAnswer: texts.answer ?? answerFromSteps(builder.steps),
    outcome: outcomeOf(details),
    model: stringField(generation?.value, 'model') ?? stringField(generation?.value, 'provided_model_name'),
    usage: usageOf(observations),
    metadata: smallFields(details, ['name', 'sessionId', 'userId', 'tags', 'metadata', 'release', 'version']),
  });
}

/** The trace's own input and output, as a span around its observations. */
function traceSpan({ value, record }: { value: JsonObject; record: number }): Span {
  const side = (key: string): Placed | null => {
    const given = value[key];
    return given === undefined || given === null ? null : enterJson({ value: given, path: `/${key}` });
  };
  return {
    id: '',
    parentId: null,
    order: '',
    kind: 'other',
    name: 'trace',
    record,
    input: side('input'),
    output: side('output'),
  };
}

function outcomeOf(trace: JsonObject): Outcome {
  for (const score of listField(trace, 'scores') ?? []) {
    const value = numberField(score, 'value');
    const name = stringField(score, 'name') ?? 'score';
    if (value === null) continue;
    const success = value >= 1 ? true : value <= 0 ? false : null;
    return { success, reward: value, reason: `score ${name} = ${value}` };
  }
  return noOutcome;
}

function usageOf(observations: readonly Observation[]): Usage {
  let inputTokens: number | null = null;
  let outputTokens: number | null = null;
  let costUsd: number | null = null;
  for (const { value, span } of observations) {
    if (span.kind !== 'llm') continue;
    const usage =
      objectField(value, 'usageDetails') ??
      objectField(value, 'usage_details') ??
      objectField(value, 'usage');
    const input = numberField(usage, 'input') ?? numberField(usage, 'promptTokens');
    const output = numberField(usage, 'output') ?? numberField(usage, 'completionTokens');
    const cost = numberField(value, 'calculatedTotalCost') ?? numberField(value, 'total_cost');
    if (input !== null) inputTokens = (inputTokens ?? 0) + input;
    if (output !== null) outputTokens = (outputTokens ?? 0) + output;
    if (cost !== null) costUsd = (costUsd ?? 0) + cost;
  }
  return { inputTokens, outputTokens, costUsd };
}
