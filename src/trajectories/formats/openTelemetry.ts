import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { contentTexts } from '../blocks/contentParts.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, idField, listField, objectField, stringField } from '../blocks/fields.ts';
import { looseMessages, placedField, type Placed } from '../blocks/looseMessages.ts';
import {
  attributesOf,
  columnAttributes,
  hasAttributeColumns,
  placed,
  textOf,
  type Attributes,
} from '../blocks/spanAttributes.ts';
import {
  byTrace,
  readSpans,
  rootOf,
  rootTexts,
  type BuiltMessage,
  type Span,
  type SpanMessage,
} from '../blocks/spanRun.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { rewardOutcome } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { Outcome } from '../schema.ts';

/**
 * OTLP JSON with the GenAI conventions (`gen_ai.*`) or OpenInference (`llm.*`, `openinference.span.kind`):
 * `resourceSpans[].scopeSpans[].spans[]`, bare spans with `traceId`, `spanId` and `attributes`, rows of Phoenix's
 * data frames (a column for each attribute), or MLflow's traces (`data.spans[]`). The spans of one trace are one
 * trajectory.
 */
export const openTelemetry: FormatAdapter = {
  id: 'opentelemetry',
  label: 'OpenTelemetry trace (GenAI, OpenInference, MLflow)',
  unit: 'file',
  detect,
  read,
};

function detect(sample: FormatSample): Detection | null {
  for (const { value } of sample.records) {
    if (listField(value, 'resourceSpans')) return { certainty: 0.96, evidence: 'resourceSpans' };
    if (mlflowTrace({ value, path: '' })) return { certainty: 0.96, evidence: 'data.spans of MLflow' };
    if (isBareSpan(value)) return { certainty: 0.9, evidence: 'spans with traceId, spanId and attributes' };
  }
  return null;
}

function traceIdOf(value: JsonValue): string | null {
  return (
    idField(value, 'traceId') ??
    idField(value, 'trace_id') ??
    idField(objectField(value, 'context'), 'trace_id') ??
    idField(value, 'context.trace_id')
  );
}

function spanIdOf(value: JsonValue): string | null {
  return (
    idField(value, 'spanId') ??
    idField(value, 'span_id') ??
    idField(objectField(value, 'context'), 'span_id') ??
    idField(value, 'context.span_id')
  );
}

function isBareSpan(value: JsonValue): value is JsonObject {
  return (
    isObject(value) &&
    ('attributes' in value || hasAttributeColumns(value)) &&
    traceIdOf(value) !== null &&
    spanIdOf(value) !== null
  );
}

/** The trace of MLflow's `trace.json`, or of a row of `search_traces`, which holds one as JSON text. */
function mlflowTrace(record: Placed): Placed | null {
  for (const trace of [record, placedField(record, 'trace')]) {
    const data = trace && placedField(trace, 'data');
    if (data && listField(data.value, 'spans')?.some(isBareSpan)) return trace;
  }
  return null;
}

interface TracedSpan {
  readonly trace: string;
  readonly span: Span;
  readonly attributes: Attributes;
}

function read(records: readonly RawRecord[]): DraftTrajectory[] {
  const spans: TracedSpan[] = [];
  const outcomes = new Map<string, Outcome>();
  for (const { value, record } of records) {
    const mlflow = mlflowTrace({ value, path: '' });
    if (mlflow) addMlflow(spans, outcomes, mlflow, record);
    else if (isBareSpan(value)) addSpan(spans, value, record, '');
    for (const [r, resource] of (listField(value, 'resourceSpans') ?? []).entries()) {
      for (const key of ['scopeSpans', 'instrumentationLibrarySpans']) {
        for (const [s, scope] of (listField(resource, key) ?? []).entries()) {
          for (const [i, span] of (listField(scope, 'spans') ?? []).entries()) {
            if (isObject(span)) addSpan(spans, span, record, `/resourceSpans/${r}/${key}/${s}/spans/${i}`);
          }
        }
      }
    }
  }
  const file = records[0]!;
  return [...byTrace(spans)].flatMap(([trace, group]) =>
    readTrace(file, trace, group, outcomes.get(trace) ?? noOutcome),
  );
}

function addMlflow(
  list: TracedSpan[],
  outcomes: Map<string, Outcome>,
  { value, path }: Placed,
  record: number,
): void {
  const info = objectField(value, 'info');
  const trace = idField(info, 'trace_id') ?? idField(info, 'request_id');
  const data = placedField({ value, path }, 'data');
  const added: TracedSpan[] = [];
  for (const [i, span] of (listField(data?.value, 'spans') ?? []).entries()) {
    if (isObject(span)) addSpan(added, span, record, `${data?.path ?? ''}/spans/${i}`);
  }
  const names = new Set(added.map(({ span }) => span.name));
  for (const { span, ...rest } of added) {
    list.push({ ...rest, trace: trace ?? rest.trace, span: { ...span, name: ownName(span.name, names) } });
  }
  const outcome = assessed(info);
  if (trace !== null && outcome) outcomes.set(trace, outcome);
}

/** MLflow numbers spans of one name (`search_1`, `search_2`); the tool is called without the number. */
function ownName(name: string, names: ReadonlySet<string>): string {
  const base = name.replace(/_\d+$/, '');
  return base !== name && names.has(`${base}_1`) && names.has(`${base}_2`) ? base : name;
}

/** An assessment named like a verdict: a number, a flag, or yes and no. */
function assessed(info: JsonObject | null): Outcome | null {
  for (const assessment of listField(info, 'assessments') ?? []) {
    const name = stringField(assessment, 'assessment_name') ?? stringField(assessment, 'name') ?? '';
    const value = objectField(assessment, 'feedback')?.['value'];
    if (!/correct|score|accuracy|success|reward/i.test(name)) continue;
    if (typeof value === 'number') return rewardOutcome(value, `assessment ${name}`);
    if (value === true || value === false || value === 'yes' || value === 'no') {
      const success = value === true || value === 'yes';
      return { success, reward: null, reason: `assessment ${name} = ${value}` };
    }
  }
  return null;
}

function kindOf(attributes: Attributes): Span['kind'] {
  const named = textOf(attributes, 'openinference.span.kind', 'traceloop.span.kind', 'mlflow.spanType');
  const kind = (named ?? '').toLowerCase();
  if (kind === 'llm' || kind === 'tool' || kind === 'retriever') return kind;
  if (kind === 'chat_model') return 'llm';
  const operation = textOf(attributes, 'gen_ai.operation.name');
  if (operation === 'execute_tool') return 'tool';
  if (operation === 'chat' || operation === 'text_completion' || operation === 'generate_content')
    return 'llm';
  return 'other';
}

const startKeys = ['startTimeUnixNano', 'start_time_unix_nano', 'start_time', 'startTime'] as const;

function addSpan(list: TracedSpan[], value: JsonObject, record: number, path: string): void {
  const attributes =
    'attributes' in value
      ? attributesOf(value['attributes'], `${path}/attributes`)
      : columnAttributes(value, path);
  const kind = kindOf(attributes);
  const start = startKeys.map((key) => idField(value, key)).find((time) => time !== null) ?? '';
  const status = objectField(value, 'status');
  const documents = numberedDocuments(attributes);
  const messages = (side: 'input' | 'output'): readonly SpanMessage[] => [
    ...eventMessages(value, path, side),
    ...listedMessages(attributes, side),
    ...numberedMessages(attributes, side),
  ];
  const inputMessages = kind === 'llm' ? messages('input') : [];
  const outputMessages = kind === 'llm' ? messages('output') : [];
  const span: Span = {
    id: spanIdOf(value) ?? `${record}${path}`,
    parentId:
      idField(value, 'parentSpanId') ?? idField(value, 'parent_id') ?? idField(value, 'parent_span_id'),
    order: start.padStart(32, '0'),
    kind,
    name: textOf(attributes, 'gen_ai.tool.name', 'tool.name') ?? stringField(value, 'name') ?? 'span',
    record,
    input: placed(
      attributes,
      'gen_ai.tool.call.arguments',
      'input.value',
      'gen_ai.prompt',
      'traceloop.entity.input',
      'mlflow.spanInputs',
      'gen_ai.input.messages',
    ),
    output: placed(
      attributes,
      'gen_ai.tool.call.result',
      'output.value',
      'gen_ai.completion',
      'traceloop.entity.output',
      'mlflow.spanOutputs',
      'gen_ai.output.messages',
    ),
    callId: textOf(attributes, 'gen_ai.tool.call.id', 'tool_call.id'),
    isError:
      status?.['code'] === 2 ||
      status?.['code'] === 'STATUS_CODE_ERROR' ||
      status?.['status_code'] === 'ERROR' ||
      value['status_code'] === 'ERROR',
    ...(inputMessages.length > 0 ? { inputMessages } : {}),
    ...(outputMessages.length > 0 ? { outputMessages } : {}),
    ...(documents.length > 0 ? { documents } : {}),
  };
  list.push({ trace: traceIdOf(value) ?? `record ${record}`, span, attributes });
}

/** Current conventions: JSON text of a list of messages, with the system prompt apart. */
function listedMessages(attributes: Attributes, side: 'input' | 'output'): SpanMessage[] {
  const list = placed(attributes, `gen_ai.${side}.messages`);
  if (!list) return [];
  const system = side === 'input' ? placed(attributes, 'gen_ai.system_instructions') : null;
  const prompt = system
    ? contentTexts(system.value, system.path).map(({ text, path }) => ({ value: text, path }))
    : [];
  const messages = looseMessages(list);
  return prompt.length > 0
    ? [{ role: 'system', texts: prompt, calls: [], callId: null }, ...messages]
    : messages;
}

/** Before 1.37 messages were events of the span: `gen_ai.user.message`, `gen_ai.choice`. */
function eventMessages(span: JsonObject, path: string, side: 'input' | 'output'): SpanMessage[] {
  const messages: SpanMessage[] = [];
  for (const [index, event] of (listField(span, 'events') ?? []).entries()) {
    const name = stringField(event, 'name') ?? '';
    const isOutput = name === 'gen_ai.choice';
    const role = /^gen_ai\.(system|user|assistant|tool)\.message$/.exec(name)?.[1];
    if (isOutput !== (side === 'output') || (!isOutput && role === undefined) || !isObject(event)) continue;
    const attributes = attributesOf(event['attributes'], `${path}/events/${index}/attributes`);
    const message = isOutput ? placed(attributes, 'message', 'gen_ai.event.content') : null;
    const content = placed(attributes, 'content', 'gen_ai.event.content');
    if (isObject(message?.value)) {
      messages.push({ value: { role: 'assistant', ...message.value }, path: message.path });
    } else if (content) {
      const callId = textOf(attributes, 'id', 'tool_call_id');
      messages.push({ role: role ?? 'assistant', texts: [content], calls: [], callId });
    }
  }
  return messages;
}

/** OpenInference: `llm.input_messages.0.message.content`, `….tool_calls.0.tool_call.function.name`. */
function numberedMessages(attributes: Attributes, side: 'input' | 'output'): SpanMessage[] {
  const messages: SpanMessage[] = [];
  for (let i = 0; i < attributes.size; i++) {
    const prefix = `llm.${side}_messages.${i}.message.`;
    const role = textOf(attributes, `${prefix}role`);
    const content = attributes.get(`${prefix}content`);
    const calls = numberedCalls(attributes, prefix);
    if (role === null && !content && calls.length === 0) break;
    const callId = textOf(attributes, `${prefix}tool_call_id`);
    const texts = content ? [content] : numberedParts(attributes, prefix);
    messages.push({ role: role ?? 'assistant', texts, calls, callId });
  }
  return messages;
}

/** Texts of a message in parts: `….contents.0.message_content.text`. */
function numberedParts(attributes: Attributes, prefix: string): Placed[] {
  const parts: Placed[] = [];
  for (let i = 0; attributes.has(`${prefix}contents.${i}.message_content.type`); i++) {
    const text = attributes.get(`${prefix}contents.${i}.message_content.text`);
    if (text) parts.push(text);
  }
  return parts;
}

function numberedCalls(attributes: Attributes, prefix: string): BuiltMessage['calls'] {
  const calls: BuiltMessage['calls'][number][] = [];
  for (let i = 0; i < attributes.size; i++) {
    const call = `${prefix}tool_calls.${i}.tool_call.`;
    const name = textOf(attributes, `${call}function.name`);
    if (name === null) break;
    const args = attributes.get(`${call}function.arguments`) ?? null;
    calls.push({ name, callId: textOf(attributes, `${call}id`), args });
  }
  return calls;
}

function numberedDocuments(attributes: Attributes): Placed[] {
  const documents: Placed[] = [];
  for (let i = 0; i < attributes.size; i++) {
    const content = attributes.get(`retrieval.documents.${i}.document.content`);
    if (typeof content?.value !== 'string') break;
    documents.push(content);
  }
  return documents;
}

function readTrace(
  file: RawRecord,
  trace: string,
  group: readonly TracedSpan[],
  outcome: Outcome,
): DraftTrajectory[] {
  const spans = group.map(({ span }) => span);
  const builder = new StepBuilder(file.file, file.record);
  readSpans(builder, spans);
  const root = rootOf(spans);
  const texts = rootTexts(builder, root);
  // Traces of web servers and databases hold nothing of a model.
  if (builder.steps.length === 0 && texts.task === null) return [];
  const model = group
    .map(
      ({ span, attributes }) =>
        textOf(attributes, 'gen_ai.response.model', 'gen_ai.request.model', 'llm.model_name') ??
        (span.kind === 'llm' ? modelIn(span) : null),
    )
    .find((name) => name !== null);
  return [
    draftOf({ ...file, record: 0 }, openTelemetry.id, builder, {
      id: trace,
      task: taskFromSteps(builder.steps) ?? texts.task,
      finalAnswer: texts.answer ?? answerFromSteps(builder.steps),
      outcome,
      model: model ?? null,
      usage: {
        inputTokens: total(group, 'gen_ai.usage.input_tokens', 'llm.token_count.prompt'),
        outputTokens: total(group, 'gen_ai.usage.output_tokens', 'llm.token_count.completion'),
        costUsd: null,
      },
      metadata: root ? { name: root.name } : {},
    }),
  ];
}

/** The model as the request or the reply itself names it. */
function modelIn({ input, output }: Span): string | null {
  return filledField(output?.value, 'model') ?? filledField(input?.value, 'model');
}

function total(group: readonly TracedSpan[], ...names: string[]): number | null {
  let sum: number | null = null;
  for (const { span, attributes } of group) {
    if (span.kind !== 'llm') continue;
    const value = names.map((name) => Number(attributes.get(name)?.value ?? NaN)).find(Number.isFinite);
    if (value !== undefined) sum = (sum ?? 0) + value;
  }
  return sum;
}
