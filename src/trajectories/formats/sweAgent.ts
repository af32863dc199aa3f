import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { readResult } from '../blocks/contentParts.ts';
import { draftOf } from '../blocks/draft.ts';
import {
  filledField,
  listField,
  numberField,
  objectField,
  smallFields,
  smallFieldsExcept,
  stringField,
} from '../blocks/fields.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { readChatMessage, readToolCalls } from '../blocks/openaiChat.ts';
import { fileStem, patchOf } from '../blocks/swe.ts';
import { parseObject, StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';

/**
 * SWE-agent `.traj`: `trajectory[]` is the run, `history` the same as messages (with prompts, demonstrations
 * and structured calls), `info` the outcome. The `messages`/`query` snapshots inside each step repeat the
 * whole prompt and are never read. Demonstration files hold `history` alone.
 */
export const sweAgent: FormatAdapter = {
  id: 'swe-agent',
  label: 'SWE-agent trajectory',
  unit: 'record',
  detect,
  read: (records) => records.map(readRun),
};

function detect(sample: FormatSample): Detection | null {
  const value = sample.records[0]?.value;
  if (!isObject(value)) return null;
  const first = listField(value, 'trajectory')?.[0];
  if (
    isObject(first) &&
    'action' in first &&
    'observation' in first &&
    ('response' in first || 'thought' in first) &&
    // Spider-Agent writes the same steps beside its `Task`.
    !('Task' in value)
  ) {
    return { certainty: 0.95, evidence: 'trajectory[] of action, observation and response' };
  }
  const history = listField(value, 'history');
  if (history?.some((item) => isObject(item) && 'agent' in item && 'role' in item && 'content' in item)) {
    return { certainty: 0.9, evidence: 'history[] of messages with an agent' };
  }
  const info = objectField(value, 'info');
  if (
    listField(value, 'trajectory')?.length === 0 &&
    info &&
    ('exit_status' in info || 'model_stats' in info)
  ) {
    return { certainty: 0.8, evidence: 'an empty trajectory[] with info.exit_status' };
  }
  return null;
}

function readRun(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const history = listField(value, 'history') ?? [];
  const trajectory = listField(value, 'trajectory') ?? [];
  if (trajectory.length > 0) {
    const firstModel = history.findIndex(
      (item) => !isDemo(item) && stringField(item, 'role') === 'assistant',
    );
    readHistory(builder, firstModel < 0 ? history : history.slice(0, firstModel));
    readTrajectory(builder, trajectory, history);
  } else {
    readHistory(builder, history);
  }
  const info = objectField(value, 'info');
  const config = replayConfig(value['replay_config']);
  const problem = objectField(config, 'problem_statement');
  const status = stringField(info, 'exit_status');
  const submission = filledField(info, 'submission');
  const at = builder.position('/info/submission');
  return draftOf(record, sweAgent.id, builder, {
    instanceId: instanceOf(value, problem, record, trajectory.length > 0),
    task: taskFromSteps(builder.steps),
    finalAnswer:
      submission === null ? answerFromSteps(builder.steps) : { text: submission, at, via: 'info.submission' },
    patch: patchOf(submission, at, 'info.submission'),
    outcome: {
      success: null,
      reward: null,
      reason:
        status === null
          ? 'the log records neither success nor reward'
          : `info.exit_status = ${status} (not a verdict)`,
    },
    model: stringField(objectField(objectField(config, 'agent'), 'model'), 'name'),
    usage: usageOf(info),
    metadata: {
      ...smallFields(value, ['environment']),
      ...smallFieldsExcept(info, ['submission', 'edited_files30', 'edited_files50', 'edited_files70']),
      ...smallFields(objectField(objectField(config, 'env'), 'repo'), ['repo_name', 'base_commit']),
    },
  });
}

function isDemo(item: JsonValue): boolean {
  return isObject(item) && (item['is_demo'] === true || item['message_type'] === 'demonstration');
}

/** The prompts (and for demonstration files the whole run) as messages. */
function readHistory(builder: StepBuilder, history: readonly JsonValue[]): void {
  let modelActed = false;
  for (const [index, item] of history.entries()) {
    const path = `/history/${index}`;
    const role = stringField(item, 'role');
    builder.isDemonstration = isDemo(item);
    if (role === 'assistant' && isObject(item) && !isDemo(item)) {
      modelActed = true;
      builder.beginTurn();
      readAction(builder, item, path, item, path);
    } else if (role === 'user' && modelActed && !isDemo(item) && isObject(item)) {
      readResult(builder, item['content'], `${path}/content`);
    } else if (role === 'tool' && isObject(item)) {
      const ids = listField(item, 'tool_call_ids');
      const callId = typeof ids?.[0] === 'string' ? ids[0] : stringField(item, 'tool_call_id');
      readResult(builder, item['content'], `${path}/content`, { callId });
    } else {
      readChatMessage(builder, item, path, { tags: false });
    }
  }
  builder.isDemonstration = false;
}

/** The run itself; structured calls are taken from the message of `history` that made them. */
function readTrajectory(
  builder: StepBuilder,
  trajectory: readonly JsonValue[],
  history: readonly JsonValue[],
): void {
  let next = 0;
  for (const [index, step] of trajectory.entries()) {
    if (!isObject(step)) continue;
    const path = `/trajectory/${index}`;
    const found = findMessage(history, next, step);
    if (found >= 0) next = found + 1;
    const message = found < 0 ? null : history[found];
    builder.beginTurn();
    const called = readAction(builder, step, path, isObject(message) ? message : null, `/history/${found}`);
    const observation = stringField(step, 'observation');
    if (observation === null || (observation === '' && !called)) continue;
    builder.toolResult(wholeText(observation, `${path}/observation`));
  }
}

/** How far ahead the message of a step may stand: requeries after format errors come between. */
const maxMessagesAhead = 12;

function findMessage(history: readonly JsonValue[], from: number, step: JsonObject): number {
  const action = stringField(step, 'action')?.trim() ?? '';
  const thought = stringField(step, 'thought') ?? stringField(step, 'response') ?? '';
  let looked = 0;
  for (let i = from; i < history.length && looked < maxMessagesAhead; i++) {
    const item = history[i]!;
    if (stringField(item, 'role') !== 'assistant' || isDemo(item)) continue;
    looked++;
    const itsAction = stringField(item, 'action');
    if (itsAction === null ? stringField(item, 'content') === thought : itsAction.trim() === action) return i;
  }
  return -1;
}

/** Adds thought and call of one model output; gives whether there was a call. */
function readAction(
  builder: StepBuilder,
  step: JsonObject,
  path: string,
  message: JsonObject | null,
  messagePath: string,
): boolean {
  readThought(builder, step, path);
  const before = builder.steps.length;
  if (message) readToolCalls(builder, message['tool_calls'], `${messagePath}/tool_calls`);
  if (builder.steps.length > before) return true;
  const action = stringField(step, 'action');
  if (action === null || action.trim() === '') return false;
  builder.toolCall(wholeText(action, `${path}/action`), { name: commandName(action) });
  return true;
}

/** `thought` is the prose beside the command; older files have only the whole `response`. */
function readThought(builder: StepBuilder, step: JsonObject, path: string): void {
  for (const key of ['thought', 'response', 'content']) {
    const text = stringField(step, key);
    if (text === null) continue;
    if (text.trim() !== '') builder.reasoning(wholeText(text, `${path}/${key}`));
    return;
  }
}

/** First word of a command line: the tool it runs. */
function commandName(action: string): string {
  return /^\s*([^\s'"(){};|&<>]{1,80})/.exec(action)?.[1] ?? 'bash';
}

/** The replay configuration is JSON text in older files and an object in newer ones. */
function replayConfig(value: JsonValue | undefined): JsonObject | null {
  if (typeof value === 'string') return parseObject(value);
  return isObject(value) ? value : null;
}

function instanceOf(
  value: JsonObject,
  problem: JsonObject | null,
  record: RawRecord,
  hasRun: boolean,
): string | null {
  const id = filledField(problem, 'id') ?? filledField(value, 'instance_id');
  if (id !== null) return id;
  const environment = filledField(value, 'environment');
  if (environment !== null && environment !== 'main' && environment !== 'swe_main') return environment;
  return hasRun ? fileStem(record.file) : null;
}

function usageOf(info: JsonObject | null) {
  const stats = objectField(info, 'model_stats');
  const positive = (key: string): number | null => numberField(stats, key) || null;
  return {
    inputTokens: positive('tokens_sent'),
    outputTokens: positive('tokens_received'),
    costUsd: positive('instance_cost'),
  };
}
