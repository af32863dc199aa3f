import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, idField, listField, numberField, objectField, stringField } from '../blocks/fields.ts';
import { placedField } from '../blocks/looseMessages.ts';
import { byTrace, readSpans, rootOf, rootTexts, type Span } from '../blocks/spanRun.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { Outcome, Usage } from '../schema.ts';

/** Calls of W&B Weave, one a record (`op_name`, `inputs`, `output`): the calls of one trace are one trajectory. */
export const weave: FormatAdapter = {
  id: 'weave',
  label: 'W&B Weave calls',
  unit: 'file',
  detect,
  read,
};

function detect(sample: FormatSample): Detection | null {
  const calls = sample.records.filter(({ value }) => isCall(value)).length;
  return calls > 0 ? { certainty: 0.96, evidence: `${calls} calls with op_name, inputs and trace_id` } : null;
}

function isCall(value: JsonValue): value is JsonObject {
  return (
    isObject(value) &&
    filledField(value, 'op_name') !== null &&
    idField(value, 'trace_id') !== null &&
    'inputs' in value
  );
}

interface Call {
  readonly trace: string;
  readonly value: JsonObject;
  readonly record: number;
  readonly id: string;
  readonly parentId: string | null;
  readonly name: string;
}

function read(records: readonly RawRecord[]): DraftTrajectory[] {
  const calls = new Map<string, Call>();
  for (const { value, record } of records) {
    if (!isCall(value)) continue;
    const id = idField(value, 'id') ?? String(record);
    const trace = idField(value, 'trace_id') ?? '';
    const call = { id, trace, value, record, name: nameOf(value), parentId: idField(value, 'parent_id') };
    // Pages of an export may overlap.
    calls.set(`${trace}\n${id}`, call);
  }
  const file = records[0]!;
  return [...byTrace([...calls.values()])].map(([trace, group]) => readTrace(file, trace, group));
}

/** `weave:///entity/project/op/web_search:hash` is called web_search. */
function nameOf(value: JsonObject): string {
  const op = stringField(value, 'op_name') ?? '';
  return op.startsWith('weave:') ? op.slice(op.lastIndexOf('/') + 1).replace(/:[^:]*$/, '') : op;
}

/** Ops of the usual libraries that ask a model. */
const modelOp =
  /completions?\.(?:create|parse|stream)|messages\.(?:create|stream)|responses\.(?:create|parse)|generate_content|converse|invoke_model|(?:^|\.)a?completion$/i;

function asksModel({ name, value }: Call): boolean {
  return modelOp.test(name) || listField(value['output'], 'choices') !== null;
}

function readTrace(file: RawRecord, trace: string, calls: readonly Call[]): DraftTrajectory {
  const parents = new Map(calls.map((call) => [call.id, call]));
  const holders = new Set(calls.flatMap(({ parentId }) => parentId ?? []));
  const tools = toolsCalled(calls);
  const isTool = (call: Call): boolean =>
    !asksModel(call) &&
    call.parentId !== null &&
    (tools.size > 0 ? tools.has(lastName(call.name)) : !holders.has(call.id));
  const isInTool = ({ parentId }: Call): boolean => {
    // Damaged logs may close a circle.
    let above = parentId === null ? undefined : parents.get(parentId);
    for (let i = 0; above && i < calls.length; i++) {
      if (isTool(above)) return true;
      above = above.parentId === null ? undefined : parents.get(above.parentId);
    }
    return false;
  };
  const spans = calls.map((call) => {
    const kind = asksModel(call) ? 'llm' : isTool(call) ? 'tool' : 'other';
    return spanOf(call, isInTool(call) ? 'other' : kind);
  });
  const builder = new StepBuilder(file.file, file.record);
  readSpans(builder, spans);
  const root = rootOf(spans);
  const texts = rootTexts(builder, root);
  const value = calls.find(({ id }) => id === root?.id)?.value ?? {};
  const models = calls
    .filter(asksModel)
    .map(({ value: { inputs, output } }) => filledField(output, 'model') ?? filledField(inputs, 'model'));
  return draftOf({ ...file, record: 0 }, weave.id, builder, {
    id: trace,
    task: taskFromSteps(builder.steps) ?? texts.task,
    finalAnswer: texts.answer ?? answerFromSteps(builder.steps),
    outcome: outcomeOf(value),
    model: models.find((model) => model !== null) ?? null,
    usage: usageOf(value),
    metadata: root ? { name: root.name } : {},
  });
}

/** Names of the tools that the models of a trace called; empty when none is told. */
function toolsCalled(calls: readonly Call[]): Set<string> {
  const names = new Set<string>();
  for (const call of calls.filter(asksModel)) {
    const output = call.value['output'];
    const message = objectField(listField(output, 'choices')?.[0], 'message');
    for (const made of listField(message, 'tool_calls') ?? []) {
      const name = filledField(objectField(made, 'function'), 'name');
      if (name !== null) names.add(name);
    }
    for (const block of listField(output, 'content') ?? []) {
      const name = stringField(block, 'type') === 'tool_use' ? filledField(block, 'name') : null;
      if (name !== null) names.add(name);
    }
  }
  return names;
}

function lastName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}

function spanOf({ value, record, id, parentId, name }: Call, kind: Span['kind']): Span {
  const start = stringField(value, 'started_at') ?? '';
  const here = { value, path: '' };
  return {
    ...{ id, parentId, record, kind, order: start },
    name: kind === 'tool' ? lastName(name) : name,
    input: placedField(here, 'inputs'),
    output: placedField(here, 'output'),
    isError: filledField(value, 'exception') !== null,
    ...(start === '' ? {} : { timestamp: start }),
  };
}

function outcomeOf(root: JsonObject): Outcome {
  const error = filledField(root, 'exception');
  return error === null ? noOutcome : { ...noOutcome, reason: `exception: ${error.slice(0, 200)}` };
}

/** The root's summary counts the tokens of all models below it. */
function usageOf(root: JsonObject): Usage {
  const total = (...keys: string[]): number | null => {
    const models = Object.values(objectField(objectField(root, 'summary'), 'usage') ?? {});
    const counts = models.flatMap(
      (usage) => keys.map((key) => numberField(usage, key)).find((count) => count !== null) ?? [],
    );
    return counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0);
  };
  return {
    inputTokens: total('input_tokens', 'prompt_tokens'),
    outputTokens: total('output_tokens', 'completion_tokens'),
    costUsd: null,
  };
}
