import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps, lastAssistantText, lastSqlBlock } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  booleanField,
  filledField,
  idField,
  listField,
  numberField,
  objectField,
  smallFields,
  smallFieldsExcept,
  stringField,
} from '../blocks/fields.ts';
import { isInjectedText } from '../blocks/injected.ts';
import { readResponseItems } from '../blocks/openaiResponses.ts';
import { parseObject, StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { goldPatch, outcomeFields, patchOf, rewardOutcome } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { AnswerText, GroundTruth, Outcome, Usage } from '../schema.ts';

/**
 * NeMo Gym rollouts: `responses_create_params` (the request), `response.output` (the run as Responses items),
 * `reward` and the task's own truth. A variant keeps the items in `trajectory.output` beside
 * `verifier_result`.
 */
export const nemoGym: FormatAdapter = {
  id: 'nemo-gym',
  label: 'NeMo Gym rollout (Responses items)',
  unit: 'record',
  detect: detectRollout,
  read: (records) => records.map(readRollout),
};

/** One response of the OpenAI Responses API, alone or beside its request. */
export const openAiResponse: FormatAdapter = {
  id: 'openai-response',
  label: 'OpenAI response',
  unit: 'record',
  detect: detectResponse,
  read: (records) => records.map(readResponse),
};

const itemTypes = /^(?:message|reasoning|function_call|custom_tool_call|\w+_call)(?:_output)?$/;

function hasItems(value: JsonValue | undefined): boolean {
  const items = listField(value, 'output');
  return items?.some((item) => itemTypes.test(stringField(item, 'type') ?? '')) ?? false;
}

function detectRollout(sample: FormatSample): Detection | null {
  for (const { value } of sample.records) {
    if (
      objectField(value, 'responses_create_params') &&
      ('response' in (value as JsonObject) || 'reward' in (value as JsonObject))
    ) {
      return { certainty: 0.97, evidence: 'responses_create_params with response and reward' };
    }
    if (hasItems(objectField(value, 'trajectory') ?? undefined)) {
      return { certainty: 0.95, evidence: 'trajectory.output of Responses items' };
    }
  }
  return null;
}

function detectResponse(sample: FormatSample): Detection | null {
  const value = sample.records[0]?.value;
  const holder = objectField(value, 'response') ?? value;
  if (!hasItems(holder)) return null;
  const named = stringField(holder, 'object') === 'response';
  return {
    certainty: named ? 0.94 : 0.85,
    evidence: 'output[] of message, reasoning and function_call items',
  };
}

function readResponse(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const wrapped = hasItems(objectField(value, 'response') ?? undefined);
  const response = wrapped ? objectField(value, 'response') : value;
  const builder = new StepBuilder(record.file, record.record);
  const request = objectField(value, 'request') ?? objectField(value, 'body') ?? value;
  const requestPath = request === value ? '' : request === value['request'] ? '/request' : '/body';
  readRequest(builder, request, requestPath);
  readResponseItems(builder, listField(response, 'output') ?? [], wrapped ? '/response/output' : '/output');
  return draftOf(record, openAiResponse.id, builder, {
    id: idField(response, 'id') ?? `${record.file}#${record.record}`,
    task: taskFromSteps(builder.steps),
    finalAnswer: answerFromSteps(builder.steps),
    outcome: outcomeFields(value) ?? noOutcome,
    model: stringField(response, 'model'),
    usage: usageOf(response),
    metadata: smallFields(response, ['status', 'previous_response_id', 'temperature', 'metadata']),
  });
}

/** Adds the request: `instructions` as system message, then `input` as text or items. */
function readRequest(builder: StepBuilder, params: JsonObject | null, path: string): void {
  const instructions = filledField(params, 'instructions');
  if (instructions !== null) builder.message('system', wholeText(instructions, `${path}/instructions`));
  const input = params?.['input'];
  if (typeof input === 'string')
    builder.message('user', wholeText(input, `${path}/input`), isInjectedText(input));
  else if (Array.isArray(input)) readResponseItems(builder, input, `${path}/input`);
}

function readRollout(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const params = objectField(value, 'responses_create_params');
  const inTrajectory = objectField(value, 'trajectory');
  const response = objectField(value, 'response') ?? inTrajectory;
  const builder = new StepBuilder(record.file, record.record);
  readRequest(builder, params, '/responses_create_params');
  const task = taskOf(value, params, builder);
  const outputPath =
    response !== null && response === inTrajectory ? '/trajectory/output' : '/response/output';
  readResponseItems(builder, listField(response, 'output') ?? [], outputPath);

  const metadata = objectField(params, 'metadata');
  const patch = filledField(value, 'model_patch');
  return draftOf(record, nemoGym.id, builder, {
    id: idOf(value, response, instanceOf(value, metadata)) ?? `${record.file}#${record.record}`,
    instanceId: instanceOf(value, metadata),
    task,
    database: idField(value, 'db_id') ?? idField(metadata, 'db_id'),
    finalAnswer: answerOf(value, builder),
    patch: patchOf(patch, builder.position('/model_patch'), 'model_patch'),
    groundTruth: truthOf(value, metadata, builder),
    outcome: outcomeOf(value),
    model: stringField(response, 'model') ?? stringField(params, 'model'),
    usage: usageOf(response, objectField(value, 'agent_result')),
    metadata: {
      ...smallFieldsExcept(value, [
        'response',
        'trajectory',
        'instance_config',
        'model_patch',
        'uuid',
        'agent_ref',
        'responses_create_params',
      ]),
      ...smallFields(objectField(value, 'agent_ref'), ['name']),
      ...smallFields(metadata, ['repo', 'base_commit', 'dataset_name', 'split', 'version', 'task_name']),
      ...smallFields(instanceDict(metadata)?.instance, ['repo', 'base_commit', 'version']),
    },
  });
}

/** The issue itself where the request carries it, else the last user message of the input, cut out. */
function taskOf(value: JsonObject, params: JsonObject | null, builder: StepBuilder): AnswerText | null {
  const statement = filledField(objectField(params, 'metadata'), 'problem_statement');
  if (statement !== null) {
    const at = builder.position('/responses_create_params/metadata/problem_statement');
    return { text: statement, at, via: 'problem_statement of the instance' };
  }
  const question = filledField(value, 'question');
  if (question !== null) return { text: question, at: builder.position('/question'), via: 'question' };
  const last = builder.steps.findLast(
    (step) => step.type === 'message' && step.role === 'user' && !step.injected,
  );
  const task = taskFromSteps(last ? [last] : builder.steps);
  return task === null ? null : { ...task, via: task.via.replace('first user', 'last user') };
}

function instanceOf(value: JsonObject, metadata: JsonObject | null): string | null {
  const config = objectField(objectField(value, 'instance_config'), 'problem_info');
  const id =
    idField(value, 'instance_id') ??
    idField(metadata, 'instance_id') ??
    idField(config, 'instance_id') ??
    idField(value, 'task_id');
  if (id !== null) return id;
  const index = idField(value, '_ng_task_index') ?? idField(value, 'task_index');
  return index === null ? null : `task ${index}`;
}

/** Responses named after their instance are alike in every rollout of it: the rollout's number tells them apart. */
function idOf(value: JsonObject, response: JsonObject | null, instance: string | null): string | null {
  const id = idField(value, 'uuid') ?? idField(response, 'id');
  const rollout = idField(value, '_ng_rollout_index') ?? idField(value, 'rollout_index');
  return id !== null && rollout !== null && instance !== null && id.includes(instance)
    ? `${id}/${rollout}`
    : id;
}

/** The whole instance is now and then packed as JSON text. */
function instanceDict(metadata: JsonObject | null): { instance: JsonObject; path: string } | null {
  const text = stringField(metadata, 'instance_dict');
  const instance = text === null ? objectField(metadata, 'instance_dict') : parseObject(text);
  const path = `/responses_create_params/metadata/instance_dict${text === null ? '' : '/!json'}`;
  return instance ? { instance, path } : null;
}

function answerOf(value: JsonObject, builder: StepBuilder): AnswerText | null {
  const sql = filledField(value, 'extracted_sql');
  if (sql !== null) return { text: sql, at: builder.position('/extracted_sql'), via: 'extracted_sql' };
  const hasCalls = builder.steps.some((step) => step.type === 'toolCall');
  if (!hasCalls && builder.steps.some((step) => step.type === 'message' && step.text.includes('```sql'))) {
    const last = lastAssistantText(builder.steps);
    const block = last ? lastSqlBlock(last.text) : null;
    if (last && block !== null)
      return { text: block, at: last.at, via: 'last SQL block of the last message' };
  }
  return answerFromSteps(builder.steps, { evenIfCutOff: true });
}

function truthOf(value: JsonObject, metadata: JsonObject | null, builder: StepBuilder): GroundTruth | null {
  const sql = filledField(value, 'gold_sql');
  if (sql !== null) return { form: 'sql', values: [sql], at: builder.position('/gold_sql'), via: 'gold_sql' };
  const golden = filledField(metadata, 'golden_patch') ?? filledField(metadata, 'gold_patch');
  if (golden !== null) {
    const key = filledField(metadata, 'golden_patch') === null ? 'gold_patch' : 'golden_patch';
    const at = builder.position(`/responses_create_params/metadata/${key}`);
    return { form: 'patch', values: [golden], at, via: `${key} of the instance` };
  }
  const packed = instanceDict(metadata);
  const position = (path: string) => builder.position(path);
  const gold = packed ? goldPatch(packed.instance, position, packed.path) : null;
  if (gold) return gold;
  const expected = value['expected_answer'] ?? value['ground_truth'];
  const values = (Array.isArray(expected) ? expected : [expected]).flatMap((item) =>
    typeof item === 'string' && item.trim() !== '' ? [item] : typeof item === 'number' ? [String(item)] : [],
  );
  const key = value['expected_answer'] === undefined ? 'ground_truth' : 'expected_answer';
  return values.length > 0 ? { form: 'text', values, at: builder.position(`/${key}`), via: key } : null;
}

function outcomeOf(value: JsonObject): Outcome {
  const reward =
    numberField(value, 'reward') ??
    numberField(objectField(objectField(value, 'verifier_result'), 'rewards'), 'reward');
  const flags = booleanField(value, 'resolved') === null ? null : outcomeFields(value);
  if (flags) return flags;
  const match = booleanField(value, 'execution_match');
  if (match !== null) return { success: match, reward, reason: `execution_match = ${match}` };
  return reward === null ? (outcomeFields(value) ?? noOutcome) : rewardOutcome(reward, 'reward');
}

function usageOf(response: JsonObject | null, agent: JsonObject | null = null): Usage {
  const usage = objectField(response, 'usage');
  return {
    inputTokens: numberField(usage, 'input_tokens') ?? numberField(agent, 'n_input_tokens'),
    outputTokens: numberField(usage, 'output_tokens') ?? numberField(agent, 'n_output_tokens'),
    costUsd: numberField(agent, 'cost_usd'),
  };
}
