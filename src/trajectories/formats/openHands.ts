import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { draftOf } from '../blocks/draft.ts';
import {
  filledField,
  idField,
  listField,
  numberField,
  objectField,
  smallFields,
  stringField,
} from '../blocks/fields.ts';
import { OpenHandsEvents } from '../blocks/openHandsEvents.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { fileStem, goldPatch, outcomeFields, patchOf } from '../blocks/swe.ts';
import { taskFromSteps, taskRange } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { AnswerText, Outcome } from '../schema.ts';

/** Event stream of OpenHands V1 (`kind: …Event`): the file's events are one run. */
export const openHandsEvents: FormatAdapter = {
  id: 'openhands-events',
  label: 'OpenHands events',
  unit: 'file',
  detect: (sample) => detectEvents(sample, isNewEvent, 'events with kind …Event'),
  read: (records) => [readStream(records, openHandsEvents.id)],
};

/** Event stream of OpenHands V0 (`action`/`observation`): the file's events are one run. */
export const openHandsEventsV0: FormatAdapter = {
  id: 'openhands-events-v0',
  label: 'OpenHands events (V0)',
  unit: 'file',
  detect: (sample) =>
    detectEvents(sample, isOldEvent, 'events with action and args or observation and extras'),
  read: (records) => [readStream(records, openHandsEventsV0.id)],
};

/** OpenHands evaluation output: one run a line, events in `history`, the patch in `test_result`. */
export const openHandsOutput: FormatAdapter = {
  id: 'openhands-output',
  label: 'OpenHands evaluation output',
  unit: 'record',
  detect: detectOutput,
  read: (records) => records.map(readOutput),
};

function isNewEvent(value: JsonValue): boolean {
  return /(?:Event|UserRejectObservation)$/.test(stringField(value, 'kind') ?? '');
}

function isOldEvent(value: JsonValue): boolean {
  if (!isObject(value)) return false;
  if (typeof value['action'] === 'string') return isObject(value['args']) && 'source' in value;
  return typeof value['observation'] === 'string' && 'content' in value && 'extras' in value;
}

/** Events as (value, record, path), whether the records are the events or the file is one array. */
function eventsOf(records: readonly RawRecord[]): { value: JsonValue; record: number; path: string }[] {
  const only = records[0];
  if (only && records.length === 1 && Array.isArray(only.value)) {
    return only.value.map((value, index) => ({ value, record: only.record, path: `/${index}` }));
  }
  return records.map(({ value, record }) => ({ value, record, path: '' }));
}

function detectEvents(
  sample: FormatSample,
  isEvent: (value: JsonValue) => boolean,
  evidence: string,
): Detection | null {
  const events = eventsOf(sample.records);
  const count = events.filter(({ value }) => isEvent(value)).length;
  return count > 0 && count * 2 > events.length
    ? { certainty: 0.95, evidence: `${count} ${evidence}` }
    : null;
}

function detectOutput(sample: FormatSample): Detection | null {
  const value = sample.records.find((record) => listField(record.value, 'history'))?.value;
  if (!isObject(value)) return null;
  const first = listField(value, 'history')?.[0];
  const event = Array.isArray(first) ? first[0] : first;
  const isRun =
    'instance_id' in value && ('test_result' in value || 'metrics' in value || 'instruction' in value);
  if (!isRun || event === undefined || !(isNewEvent(event) || isOldEvent(event))) return null;
  return { certainty: 0.96, evidence: 'instance_id with a history of OpenHands events' };
}

function readStream(records: readonly RawRecord[], format: string): DraftTrajectory {
  const first = records[0]!;
  const builder = new StepBuilder(first.file, first.record);
  const events = new OpenHandsEvents(builder);
  for (const { value, record, path } of eventsOf(records)) {
    builder.record = record;
    events.read(value, path);
  }
  const status = events.status;
  return {
    ...draftOf(first, format, builder, {
      id: fileStem(first.file),
      task: taskFromSteps(builder.steps),
      finalAnswer: answerFromSteps(builder.steps),
      model: events.model,
      usage: events.usage,
      metadata: status === null ? {} : { status },
      outcome: verdictless(status === null ? null : `status = ${status} (not a verdict)`),
    }),
    source: { file: first.file, record: 0 },
  };
}

function verdictless(reason: string | null): Outcome {
  return { success: null, reward: null, reason: reason ?? 'the log records neither success nor reward' };
}

function readOutput(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const events = new OpenHandsEvents(builder);
  for (const [index, item] of (listField(value, 'history') ?? []).entries()) {
    const path = `/history/${index}`;
    // Old files hold pairs of an action and its observation.
    if (Array.isArray(item)) item.forEach((event, side) => events.read(event, `${path}/${side}`));
    else events.read(item, path);
  }
  const instance = objectField(value, 'instance');
  const result = objectField(value, 'test_result');
  const patch = filledField(result, 'git_patch') ?? filledField(value, 'git_patch');
  const patchPath = filledField(result, 'git_patch') === null ? '/git_patch' : '/test_result/git_patch';
  const metrics = objectField(value, 'metrics');
  const tokens = objectField(metrics, 'accumulated_token_usage');
  const config = objectField(value, 'metadata');
  const llm = objectField(config, 'llm_config') ?? objectField(config, 'llm');
  const error = filledField(value, 'error');
  return draftOf(record, openHandsOutput.id, builder, {
    instanceId: idField(value, 'instance_id'),
    task: taskOf(value, instance, builder),
    finalAnswer: answerFromSteps(builder.steps),
    patch: patchOf(patch, builder.position(patchPath), patchPath.slice(1).replace('/', '.')),
    groundTruth: goldPatch(instance, (path) => builder.position(path), '/instance'),
    outcome:
      outcomeFields(objectField(result, 'report'), 'test_result.report.') ??
      outcomeFields(objectField(value, 'report'), 'report.') ??
      outcomeFields(value) ??
      verdictless(error === null ? null : `error = ${error.slice(0, 120)} (no verdict in the log)`),
    model: stringField(llm, 'model') ?? events.model,
    usage: {
      inputTokens: numberField(tokens, 'prompt_tokens') ?? events.usage.inputTokens,
      outputTokens: numberField(tokens, 'completion_tokens') ?? events.usage.outputTokens,
      costUsd: numberField(metrics, 'accumulated_cost') ?? events.usage.costUsd,
    },
    metadata: {
      ...smallFields(instance, ['repo', 'base_commit', 'version', 'environment_setup_commit']),
      ...smallFields(config, ['agent_class', 'max_iterations', 'dataset']),
      ...(error === null ? {} : { error: error.slice(0, 400) }),
      ...(events.status === null ? {} : { status: events.status }),
    },
  });
}

/** The instance's own problem statement, else the instruction cut out of its template. */
function taskOf(value: JsonObject, instance: JsonObject | null, builder: StepBuilder): AnswerText | null {
  const statement = filledField(instance, 'problem_statement');
  if (statement !== null) {
    const at = builder.position('/instance/problem_statement');
    return { text: statement, at, via: 'instance.problem_statement' };
  }
  const instruction = filledField(value, 'instruction');
  if (instruction === null) return taskFromSteps(builder.steps);
  const { start, end, via } = taskRange(instruction);
  const at = builder.position('/instruction');
  return {
    text: instruction.slice(start, end),
    at,
    via: via.replace('the first user message', 'instruction'),
  };
}
