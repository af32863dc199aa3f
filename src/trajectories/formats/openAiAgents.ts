import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, idField, numberField, objectField, stringField } from '../blocks/fields.ts';
import { placedField } from '../blocks/looseMessages.ts';
import { byTrace, readSpans, type Span } from '../blocks/spanRun.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { Usage } from '../schema.ts';

/**
 * Traces of the OpenAI Agents SDK as its processors export them: a `trace`, and its spans with what each did under
 * `span_data`. The spans of one trace are one trajectory.
 */
export const openAiAgents: FormatAdapter = {
  id: 'openai-agents',
  label: 'OpenAI Agents SDK trace',
  unit: 'file',
  detect,
  read,
};

function detect(sample: FormatSample): Detection | null {
  const spans = sample.records.filter(({ value }) => isTracedSpan(value)).length;
  return spans > 0 ? { certainty: 0.95, evidence: `${spans} spans with span_data and trace_id` } : null;
}

function isTracedSpan(value: JsonValue): value is JsonObject {
  return idField(value, 'trace_id') !== null && stringField(objectField(value, 'span_data'), 'type') !== null;
}

interface TracedSpan {
  readonly trace: string;
  readonly span: Span;
  readonly data: JsonObject;
}

function read(records: readonly RawRecord[]): DraftTrajectory[] {
  const workflows = new Map<string, string>();
  const spans: TracedSpan[] = [];
  for (const { value, record } of records) {
    const workflow = filledField(value, 'workflow_name');
    const id = idField(value, 'id');
    if (workflow !== null && id !== null) workflows.set(id, workflow);
    if (isTracedSpan(value)) spans.push(tracedSpan(value, record));
  }
  const file = records[0]!;
  return [...byTrace(spans)].map(([trace, group]) => {
    const builder = new StepBuilder(file.file, file.record);
    readSpans(
      builder,
      group.map(({ span }) => span),
    );
    const workflow = workflows.get(trace);
    const models = group.map(({ span, data }) => (span.kind === 'llm' ? filledField(data, 'model') : null));
    return draftOf({ ...file, record: 0 }, openAiAgents.id, builder, {
      id: trace,
      task: taskFromSteps(builder.steps),
      finalAnswer: answerFromSteps(builder.steps),
      outcome: noOutcome,
      model: models.find((model) => model !== null) ?? null,
      usage: usageOf(group),
      metadata: workflow === undefined ? {} : { name: workflow },
    });
  });
}

const kinds: Readonly<Record<string, Span['kind']>> = {
  generation: 'llm',
  response: 'llm',
  function: 'tool',
};

function tracedSpan(value: JsonObject, record: number): TracedSpan {
  const data = objectField(value, 'span_data') ?? {};
  const type = stringField(data, 'type') ?? '';
  const here = { value: data, path: '/span_data' };
  const start = stringField(value, 'started_at') ?? '';
  const span: Span = {
    id: idField(value, 'id') ?? String(record),
    parentId: idField(value, 'parent_id'),
    order: start,
    kind: Object.hasOwn(kinds, type) ? (kinds[type] ?? 'other') : 'other',
    name: stringField(data, 'name') ?? type,
    record,
    input: placedField(here, 'input'),
    output: placedField(here, 'output'),
    isError: isObject(value['error']),
    ...(start === '' ? {} : { timestamp: start }),
  };
  return { trace: idField(value, 'trace_id') ?? '', span, data };
}

function usageOf(spans: readonly TracedSpan[]): Usage {
  const total = (...keys: string[]): number | null => {
    const counts = spans.flatMap(({ data }) => {
      const usage = objectField(data, 'usage');
      return keys.map((key) => numberField(usage, key)).find((count) => count !== null) ?? [];
    });
    return counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0);
  };
  return {
    inputTokens: total('input_tokens', 'prompt_tokens'),
    outputTokens: total('output_tokens', 'completion_tokens'),
    costUsd: null,
  };
}
