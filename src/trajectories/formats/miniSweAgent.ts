import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
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
import { readChatMessage } from '../blocks/openaiChat.ts';
import { StepBuilder, textSlice, trimmedSlice, type TextSlice } from '../blocks/stepBuilder.ts';
import { fileStem, patchOf } from '../blocks/swe.ts';
import { findFences, readTaggedUser } from '../blocks/tagText.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';

/** mini-swe-agent `.traj.json` with `info` and `messages` (versions from 1.0 on). */
export const miniSweAgent: FormatAdapter = {
  id: 'mini-swe-agent',
  label: 'mini-swe-agent trajectory',
  unit: 'record',
  detect: detectObject,
  read: (records) => records.map(readObject),
};

/** The oldest layout: the file is the bare list of messages. */
export const miniSweAgentMessages: FormatAdapter = {
  id: 'mini-swe-agent-messages',
  label: 'mini-swe-agent trajectory (messages only)',
  unit: 'file',
  detect: detectMessages,
  read: (records) => [readMessages(records)],
};

function detectObject(sample: FormatSample): Detection | null {
  const value = sample.records[0]?.value;
  if (!isObject(value) || !listField(value, 'messages')) return null;
  const format = stringField(value, 'trajectory_format');
  if (format?.startsWith('mini-swe-agent'))
    return { certainty: 0.98, evidence: `trajectory_format ${format}` };
  const info = objectField(value, 'info');
  if (info && ('mini_version' in info || ('exit_status' in info && 'submission' in info))) {
    return { certainty: 0.93, evidence: 'messages with info.exit_status and info.submission' };
  }
  return null;
}

function detectMessages(sample: FormatSample): Detection | null {
  if (sample.container !== 'json-array' && sample.container !== 'json') return null;
  const list = messageRecords(sample.records).map(({ value }) => value);
  if (list.length < 2 || !list.every((item) => isObject(item) && 'role' in item && 'content' in item))
    return null;
  const acts = list.filter((item) => stringField(item, 'role') === 'assistant').some(hasBashFence);
  const named = sample.file.endsWith('.traj.json');
  const prompted = list.some((item) =>
    /mswea_bash_command|<format_example>|COMPLETE_TASK_AND_SUBMIT/.test(head(item)),
  );
  if (named && acts)
    return { certainty: 0.92, evidence: 'array of messages with bash blocks, named .traj.json' };
  return prompted && acts
    ? { certainty: 0.88, evidence: 'array of messages with the bash block template' }
    : null;
}

function head(item: JsonValue): string {
  return stringField(item, 'content')?.slice(0, 2000) ?? '';
}

function hasBashFence(item: JsonValue): boolean {
  return actionIn(stringField(item, 'content') ?? '', '') !== null;
}

/** Messages as (value, record, path), whether the file's records are the messages or one array of them. */
function messageRecords(records: readonly RawRecord[]): { value: JsonValue; record: number; path: string }[] {
  const only = records[0];
  if (only && records.length === 1 && Array.isArray(only.value)) {
    return only.value.map((value, index) => ({ value, record: only.record, path: `/${index}` }));
  }
  return records.map((record) => ({ value: record.value, record: record.record, path: '' }));
}

function readMessages(records: readonly RawRecord[]): DraftTrajectory {
  const first = records[0]!;
  const builder = new StepBuilder(first.file, first.record);
  for (const { value, record, path } of messageRecords(records)) {
    builder.record = record;
    readMessage(builder, value, path);
  }
  const submission = submittedText(builder);
  return {
    ...draftOf(first, miniSweAgentMessages.id, builder, {
      id: fileStem(first.file),
      instanceId: fileStem(first.file),
      task: taskFromSteps(builder.steps),
      finalAnswer: submission ?? answerFromSteps(builder.steps),
      patch: submission ? patchOf(submission.text, submission.at, submission.via) : null,
    }),
    source: { file: first.file, record: 0 },
  };
}

function readObject(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const messages = listField(value, 'messages') ?? [];
  for (const [index, message] of messages.entries()) readMessage(builder, message, `/messages/${index}`);
  const info = objectField(value, 'info');
  const lastExtra = objectField(messages.at(-1), 'extra');
  const inInfo = filledField(info, 'submission');
  const inExtra = filledField(lastExtra, 'submission');
  const submission = inInfo ?? inExtra;
  const via = inInfo !== null ? 'info.submission' : 'extra.submission of the last message';
  const at = builder.position(
    inInfo !== null ? '/info/submission' : `/messages/${messages.length - 1}/extra/submission`,
  );
  const status = stringField(info, 'exit_status') ?? stringField(lastExtra, 'exit_status');
  const config = objectField(info, 'config');
  const stats = objectField(info, 'model_stats');
  const found = submission === null ? submittedText(builder) : null;
  return draftOf(record, miniSweAgent.id, builder, {
    instanceId:
      filledField(value, 'instance_id') ?? filledField(info, 'instance_id') ?? fileStem(record.file),
    task: taskFromSteps(builder.steps),
    finalAnswer:
      submission !== null ? { text: submission, at, via } : (found ?? answerFromSteps(builder.steps)),
    patch: patchOf(submission, at, via) ?? (found ? patchOf(found.text, found.at, found.via) : null),
    outcome: {
      success: null,
      reward: null,
      reason:
        status === null
          ? 'the log records neither success nor reward'
          : `info.exit_status = ${status} (not a verdict)`,
    },
    model: modelOf(config),
    usage: { ...tokensOf(messages), costUsd: numberField(stats, 'instance_cost') },
    metadata: {
      ...smallFields(value, ['trajectory_format', 'instance_id']),
      ...smallFieldsExcept(info, ['submission', 'config']),
    },
  });
}

/** Tokens of all replies, which keep the provider's response beside them. */
function tokensOf(messages: readonly JsonValue[]): {
  inputTokens: number | null;
  outputTokens: number | null;
} {
  let inputTokens: number | null = null;
  let outputTokens: number | null = null;
  for (const message of messages) {
    const usage = objectField(objectField(objectField(message, 'extra'), 'response'), 'usage');
    if (!usage) continue;
    inputTokens = (inputTokens ?? 0) + (numberField(usage, 'prompt_tokens') ?? 0);
    outputTokens = (outputTokens ?? 0) + (numberField(usage, 'completion_tokens') ?? 0);
  }
  return { inputTokens, outputTokens };
}

function modelOf(config: JsonObject | null): string | null {
  return stringField(objectField(config, 'model'), 'model_name') ?? stringField(config, 'model');
}

function readMessage(builder: StepBuilder, message: JsonValue, path: string): void {
  const role = stringField(message, 'role');
  // The closing record of newer files: its content repeats the submission that stands in `extra`.
  if (role === 'exit') return;
  if (isObject(message) && role === 'assistant' && !listField(message, 'tool_calls')?.length) {
    readChatMessage(builder, message, path, { onAssistant: (text) => readReply(builder, text) });
  } else if (isObject(message) && role === 'user' && builder.hasOpenCall) {
    const content = message['content'];
    const at = `${path}/content`;
    const code = numberField(objectField(message, 'extra'), 'returncode');
    const fields = code === null ? {} : { isError: code !== 0 };
    if (typeof content !== 'string') readResult(builder, content, at, fields);
    else if (!readTaggedUser(builder, content, at)) {
      builder.toolResult(textSlice(content, at, 0, content.length), fields);
    }
  } else {
    readChatMessage(builder, message, path);
  }
}

/** Prose before the fenced command is reasoning, the command a call of bash. */
function readReply(builder: StepBuilder, text: TextSlice): void {
  const action = actionIn(text.text, text.path);
  if (!action?.range) {
    builder.message('assistant', text);
    return;
  }
  const thought = trimmedSlice(
    text.text,
    text.path,
    0,
    text.text.lastIndexOf('\n```', action.range.start - 1),
  );
  if (thought) builder.reasoning(thought);
  builder.toolCall(action, { name: 'bash', arguments: { command: action.text } });
}

/** The code of the last bash block of a reply; null when it has none. */
function actionIn(text: string, path: string): TextSlice | null {
  if (!text.includes('```')) return null;
  const fence = findFences(text).findLast(
    ({ info }) => info === 'bash' || info === 'mswea_bash_command' || info === 'sh',
  );
  return fence ? textSlice(text, path, fence.start, fence.end) : null;
}

/** What the submit command printed: the text of the last result, when that command was the last call. */
function submittedText(builder: StepBuilder) {
  const last = builder.steps.findLast((step) => step.type === 'toolResult');
  const call =
    last?.type === 'toolResult' && last.callStep !== null ? builder.steps[last.callStep] : undefined;
  if (!last || !call || !/COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT|MINI_SWE_AGENT_FINAL_OUTPUT/.test(call.text))
    return null;
  const text = last.text.trim() === '' ? null : last.text;
  return text === null ? null : { text, at: last.at, via: 'output of the submit command' };
}
