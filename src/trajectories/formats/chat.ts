import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { contentTexts } from '../blocks/contentParts.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  filledField,
  idField,
  listField,
  numberField,
  objectField,
  smallFieldsExcept,
  stringField,
} from '../blocks/fields.ts';
import { isListedMessage, readMessageList, type ListedMessage } from '../blocks/messageList.ts';
import { readChatMessage } from '../blocks/openaiChat.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { fileStem, outcomeFields, patchOf, rewardOutcome } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import { unreadCalls } from '../blocks/unreadCalls.ts';
import type { DraftTrajectory, FormatAdapter, FormatContext, FormatSample, RawRecord } from '../format.ts';
import type { AnswerText, GroundTruth, Issue, Outcome, Step, Usage } from '../schema.ts';
import { joinPath } from '../sourcePath.ts';
import {
  listKeys,
  messageIn,
  messagesOf,
  objectAt,
  replyOf,
  type MessageList,
  type Reply,
} from './chatRecord.ts';

/**
 * Adds the run: a separate system prompt, the messages, and a reply that stands outside of them. Gives the
 * issues of the messages.
 */
function readList(builder: StepBuilder, value: JsonValue, list: MessageList): Issue[] {
  if (stringField(list.messages[0], 'role') !== 'system') readSystem(builder, value, list);
  const { record } = builder;
  const issues = readMessageList(
    builder,
    list.messages.map((message, index) => {
      const inner = messageIn(message);
      return { value: inner.value, path: joinPath(list.path, index) + inner.path, record };
    }),
  );
  readReply(builder, value);
  return issues;
}

function readSystem(builder: StepBuilder, value: JsonValue, list: MessageList): void {
  for (const [holder, path] of [
    [value, ''],
    [list.holder, list.holderPath],
  ] as const) {
    for (const key of ['system', 'system_prompt']) {
      const system = isObject(holder) ? holder[key] : undefined;
      if (system === undefined || system === null) continue;
      for (const text of contentTexts(system, `${path}/${key}`)) builder.message('system', text);
      return;
    }
  }
}

function readReply(builder: StepBuilder, value: JsonValue): void {
  const reply = replyOf(value);
  if (reply) readChatMessage(builder, { role: 'assistant', ...reply.message }, reply.path);
}

const answerKeys = ['final_answer', 'prediction', 'predicted_answer', 'final_response'] as const;
const truthKeys = [
  'ground_truth',
  'expected_answer',
  'gold_answer',
  'true_answer',
  'answer',
  'target',
  'reference',
  'label',
  'solution',
] as const;
const questionKeys = ['question', 'problem_statement', 'problem', 'task_description'] as const;

/** The answer a record states in a field of its own. */
function fieldAnswer(value: JsonObject, builder: StepBuilder): AnswerText | null {
  for (const key of answerKeys) {
    const text = filledField(value, key);
    if (text !== null) return { text, at: builder.position(`/${key}`), via: key };
  }
  return null;
}

/** A statement in tags that was never run is the answer of a model that was only asked to write it. */
function statementAnswer(steps: readonly Step[]): AnswerText | null {
  const last = steps.at(-1);
  const isOnly = last?.type === 'toolCall' && !steps.some((step) => step.type === 'toolResult');
  return isOnly && last.name === 'execute_sql' && last.arguments === null
    ? { text: last.text, at: last.at, via: '<sql> tag' }
    : null;
}

/** The truth a record states in a field of its own: gold SQL, or accepted answers. */
export function fieldTruth(value: JsonObject, builder: StepBuilder): GroundTruth | null {
  const sql = filledField(value, 'gold_sql');
  if (sql !== null) return { form: 'sql', values: [sql], at: builder.position('/gold_sql'), via: 'gold_sql' };
  for (const key of truthKeys) {
    const given = value[key];
    const values = (Array.isArray(given) ? given : [given]).flatMap((item) =>
      typeof item === 'string' && item.trim() !== ''
        ? [item]
        : typeof item === 'number'
          ? [String(item)]
          : [],
    );
    if (values.length > 0) return { form: 'text', values, at: builder.position(`/${key}`), via: key };
  }
  return null;
}

function taskTruth(value: JsonObject, builder: StepBuilder): GroundTruth | null {
  const text = filledField(objectField(value, 'task'), 'ground_truth');
  const at = builder.position('/task/ground_truth');
  return text === null ? null : { form: 'text', values: [text], at, via: 'task.ground_truth' };
}

function fieldQuestion(value: JsonObject, builder: StepBuilder): AnswerText | null {
  for (const key of questionKeys) {
    const text = filledField(value, key);
    if (text !== null) return { text, at: builder.position(`/${key}`), via: key };
  }
  const text = filledField(objectField(value, 'task'), 'question');
  return text === null ? null : { text, at: builder.position('/task/question'), via: 'task.question' };
}

function usageOf(value: JsonObject, reply: Reply | null): Usage {
  const holders = [
    objectField(value, 'response'),
    reply?.holder,
    objectAt(value, '/output/outputBodyJson'),
    value,
  ];
  const usage = holders.map((holder) => objectField(holder, 'usage')).find((one) => one !== null);
  const tokens = (...keys: string[]): number | null =>
    keys.map((key) => numberField(usage, key)).find((count) => count !== null) ?? null;
  return {
    inputTokens: tokens('prompt_tokens', 'input_tokens', 'inputTokens'),
    outputTokens: tokens('completion_tokens', 'output_tokens', 'outputTokens'),
    costUsd: numberField(value, 'cost'),
  };
}

/** Episodes of Harbor's trials, as data sets keep them, write their reward as the `result`. */
function trialOutcome(value: JsonObject): Outcome | null {
  const reward = 'trial_name' in value ? numberField(value, 'result') : null;
  return reward === null ? null : rewardOutcome(reward, 'result');
}

function readConversation(record: RawRecord, format: string, context: FormatContext): DraftTrajectory {
  const { value } = record;
  const builder = new StepBuilder(record.file, record.record);
  const list = messagesOf(value);
  const issues = list ? readList(builder, value, list) : [];
  for (const issue of [...issues, ...unreadCalls(builder)]) context.report(issue);
  const fields = isObject(value) ? value : {};
  const reply = replyOf(value);
  const patch = filledField(fields, 'model_patch') ?? filledField(fields, 'git_patch');
  const patchKey = filledField(fields, 'model_patch') === null ? 'git_patch' : 'model_patch';
  return draftOf(record, format, builder, {
    id:
      idField(fields, 'trajectory_id') ??
      idField(fields, 'uuid') ??
      idField(fields, 'id') ??
      idField(fields, 'session_id') ??
      idField(objectField(fields, 'info'), 'id') ??
      idField(fields, 'custom_id') ??
      idField(fields, 'request_id') ??
      idField(fields, 'requestId') ??
      record.key ??
      `${record.file}#${record.record}`,
    instanceId:
      idField(fields, 'instance_id') ?? idField(fields, 'task_id') ?? idField(fields, 'question_id'),
    task: fieldQuestion(fields, builder) ?? taskFromSteps(builder.steps),
    database: idField(fields, 'db_id') ?? idField(fields, 'database'),
    finalAnswer:
      fieldAnswer(fields, builder) ?? answerFromSteps(builder.steps) ?? statementAnswer(builder.steps),
    patch: patchOf(patch, builder.position(`/${patchKey}`), patchKey),
    groundTruth: fieldTruth(fields, builder) ?? taskTruth(fields, builder),
    // tau2-bench puts the reward of a simulation into `reward_info`.
    outcome:
      outcomeFields(fields) ??
      outcomeFields(fields['reward_info'], 'reward_info.') ??
      trialOutcome(fields) ??
      noOutcome,
    model:
      stringField(fields, 'model') ??
      stringField(fields, 'model_name') ??
      stringField(objectField(fields, 'response'), 'model') ??
      stringField(reply?.holder, 'model') ??
      stringField(list?.holder, 'model') ??
      stringField(fields, 'modelId'),
    usage: usageOf(fields, reply),
    metadata: smallFieldsExcept(fields, [
      ...listKeys,
      'tools',
      'system',
      'response',
      'choices',
      'usage',
      'kwargs',
    ]),
  });
}

/** The first object or array among the records that recognition may look at. */
export function firstValue(sample: FormatSample): JsonValue | undefined {
  return sample.records.find(({ value }) => typeof value === 'object' && value !== null)?.value;
}

/** One request with its reply, as completion loggers write them: `messages` beside `response.choices`. */
export const completionLog: FormatAdapter = {
  id: 'completion-log',
  label: 'Completion log',
  unit: 'record',
  detect: (sample) => {
    const value = firstValue(sample);
    const isEmpty = listField(objectField(value, 'response'), 'choices') ?? listField(value, 'choices');
    if (!(isEmpty ?? replyOf(value)?.isWrapped) || !messagesOf(value)) return null;
    return { certainty: 0.85, evidence: 'messages beside response.choices' };
  },
  read: (records, context) => records.map((record) => readConversation(record, completionLog.id, context)),
};

/** ShareGPT and Hermes: `conversations` of `from` and `value`, calls as tags in the text. */
export const shareGpt: FormatAdapter = {
  id: 'sharegpt',
  label: 'ShareGPT / Hermes conversation',
  unit: 'record',
  detect: (sample) => {
    const value = firstValue(sample);
    const list = listField(value, 'conversations') ?? listField(value, 'conversation');
    const found = list
      ?.slice(0, 8)
      .some((item) => stringField(item, 'from') !== null && isObject(item) && 'value' in item);
    return found ? { certainty: 0.8, evidence: 'conversations of from and value' } : null;
  },
  read: (records, context) => records.map((record) => readConversation(record, shareGpt.id, context)),
};

/** Messages in Anthropic form: `tool_use` and `tool_result` blocks. */
export const anthropicMessages: FormatAdapter = {
  id: 'anthropic-messages',
  label: 'Anthropic messages',
  unit: 'record',
  detect: (sample) => {
    const list = messagesOf(firstValue(sample))?.messages.slice(0, 20) ?? [];
    const found = list.some((message) =>
      listField(message, 'content')?.some((block) =>
        /^(?:tool_use|tool_result|thinking)$/.test(stringField(block, 'type') ?? ''),
      ),
    );
    return found ? { certainty: 0.72, evidence: 'messages with tool_use and tool_result blocks' } : null;
  },
  read: (records, context) =>
    records.map((record) => readConversation(record, anthropicMessages.id, context)),
};

/** Any record with a list of role and content: the last resort. */
export const genericChat: FormatAdapter = {
  id: 'chat',
  label: 'Chat messages',
  unit: 'record',
  detect: (sample) => {
    const looked = sample.records.filter(({ value }) => typeof value === 'object' && value !== null);
    const found = looked.map(({ value }) => messagesOf(value)).filter((list) => list !== null);
    const first = found[0];
    if (!first || found.length * 2 < looked.length) return null;
    return { certainty: 0.5, evidence: `${first.key === '' ? 'a list' : first.key} of role and content` };
  },
  read: (records, context) => records.map((record) => readConversation(record, genericChat.id, context)),
};

/** A file whose records are the messages of one conversation (an array, or one message a line). */
export const chatFile: FormatAdapter = {
  id: 'chat-file',
  label: 'Chat messages (one conversation a file)',
  unit: 'file',
  detect: (sample) => {
    if (sample.container !== 'json-array' && sample.container !== 'json-lines') return null;
    const messages = placed(sample.records);
    // Sessions have lines of state between their messages.
    if (messages.length < 2 || messages.length * 2 < sample.records.length) return null;
    const builder = new StepBuilder(sample.file, 0);
    readMessageList(builder, messages);
    const speaks = builder.steps.some(
      (step) => step.type === 'toolCall' || (step.type === 'message' && step.role === 'assistant'),
    );
    return speaks
      ? {
          certainty: 0.55,
          evidence:
            messages.length === sample.records.length
              ? 'every record is a message'
              : 'most records are messages',
        }
      : null;
  },
  read: (records, context) => {
    const first = records[0]!;
    const builder = new StepBuilder(first.file, first.record);
    for (const issue of readMessageList(builder, placed(records))) context.report(issue);
    return [
      draftOf({ ...first, record: 0 }, chatFile.id, builder, {
        id: fileStem(first.file),
        task: taskFromSteps(builder.steps),
        finalAnswer: answerFromSteps(builder.steps),
      }),
    ];
  },
};

/** The records that are messages; the others are the session's own state. */
function placed(records: readonly RawRecord[]): ListedMessage[] {
  return records.flatMap(({ value, record }) => {
    // Entries say what they are; records without a type that hold a message are no session.
    const inner = stringField(value, 'type') === null ? { value, path: '' } : messageIn(value);
    return isListedMessage(inner.value) ? [{ value: inner.value, path: inner.path, record }] : [];
  });
}
