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
import { parseJson, StepBuilder } from '../blocks/stepBuilder.ts';
import { fileStem, outcomeFields, patchOf } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, FormatContext, FormatSample, RawRecord } from '../format.ts';
import type { AnswerText, GroundTruth, Issue, Usage } from '../schema.ts';
import { joinPath } from '../sourcePath.ts';

/** Keys under which a record may keep its list of messages, in the order tried. */
const listKeys = [
  'messages',
  'traj',
  'conversation',
  'conversations',
  'trajectory',
  'history',
  'dialog',
  'dialogue',
  'chat',
  'turns',
] as const;

interface MessageList {
  readonly messages: readonly JsonValue[];
  readonly path: string;
  readonly key: string;
}

/** The messages of a record, where most of the list are messages; JSON text is entered. */
function messagesOf(value: JsonValue | undefined): MessageList | null {
  if (Array.isArray(value)) return isChat(value) ? { messages: value, path: '', key: '' } : null;
  for (const key of listKeys) {
    const list = listField(value, key);
    if (list && isChat(list)) return { messages: list, path: `/${key}`, key };
    const text = stringField(value, key);
    const parsed = text?.trimStart().startsWith('[') ? parseJson(text) : undefined;
    if (Array.isArray(parsed) && isChat(parsed)) return { messages: parsed, path: `/${key}/!json`, key };
  }
  for (const key of ['request', 'input', 'inputs', 'body', 'kwargs', 'data', 'values', 'state']) {
    const inner = objectField(value, key);
    const list = listField(inner, 'messages');
    if (list && isChat(list)) return { messages: list, path: `/${key}/messages`, key };
  }
  return null;
}

/** Whether a list is one of messages. Looks at the first ones only: recognition must not depend on the length of a run. */
export function isChat(list: readonly JsonValue[]): boolean {
  const looked = list.slice(0, 8);
  const found = looked.filter(isListedMessage).length;
  return found > 0 && found * 2 >= looked.length;
}

/**
 * Adds the run: a separate system prompt, the messages, and a reply that stands outside of them. Gives the
 * issues of the messages.
 */
function readList(builder: StepBuilder, value: JsonValue, list: MessageList): Issue[] {
  const system = isObject(value) ? (value['system'] ?? value['system_prompt']) : undefined;
  const hasOwn = stringField(list.messages[0], 'role') === 'system';
  if (system !== undefined && system !== null && !hasOwn && isObject(value)) {
    const key = value['system'] === system ? 'system' : 'system_prompt';
    for (const text of contentTexts(system, `/${key}`)) builder.message('system', text);
  }
  const { record } = builder;
  const issues = readMessageList(
    builder,
    list.messages.map((message, index) => ({ value: message, path: joinPath(list.path, index), record })),
  );
  readReply(builder, value);
  return issues;
}

/** Replies beside the messages: `response.choices[0].message`, `choices[0].message`, or Anthropic's `content`. */
function readReply(builder: StepBuilder, value: JsonValue): void {
  for (const at of ['/response', '/output', '/completion', '']) {
    const holder = at === '' ? (isObject(value) ? value : null) : objectField(value, at.slice(1));
    const message = objectField(listField(holder, 'choices')?.[0], 'message');
    if (message) {
      readChatMessage(builder, { role: 'assistant', ...message }, `${at}/choices/0/message`);
      return;
    }
    if (at !== '' && Array.isArray(holder?.['content']) && stringField(holder, 'role') === 'assistant') {
      readChatMessage(builder, holder, at);
      return;
    }
  }
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

function fieldQuestion(value: JsonObject, builder: StepBuilder): AnswerText | null {
  for (const key of questionKeys) {
    const text = filledField(value, key);
    if (text !== null) return { text, at: builder.position(`/${key}`), via: key };
  }
  return null;
}

function usageOf(value: JsonObject): Usage {
  const response = objectField(value, 'response') ?? value;
  const usage = objectField(response, 'usage');
  return {
    inputTokens: numberField(usage, 'prompt_tokens') ?? numberField(usage, 'input_tokens'),
    outputTokens: numberField(usage, 'completion_tokens') ?? numberField(usage, 'output_tokens'),
    costUsd: numberField(value, 'cost'),
  };
}

function readConversation(record: RawRecord, format: string, context: FormatContext): DraftTrajectory {
  const { value } = record;
  const builder = new StepBuilder(record.file, record.record);
  const list = messagesOf(value);
  const issues = list ? readList(builder, value, list) : [];
  for (const issue of issues) context.report(issue);
  const fields = isObject(value) ? value : {};
  const patch = filledField(fields, 'model_patch') ?? filledField(fields, 'git_patch');
  const patchKey = filledField(fields, 'model_patch') === null ? 'git_patch' : 'model_patch';
  return draftOf(record, format, builder, {
    id:
      idField(fields, 'trajectory_id') ??
      idField(fields, 'uuid') ??
      idField(fields, 'id') ??
      idField(fields, 'session_id') ??
      idField(objectField(fields, 'info'), 'id') ??
      record.key ??
      `${record.file}#${record.record}`,
    instanceId:
      idField(fields, 'instance_id') ?? idField(fields, 'task_id') ?? idField(fields, 'question_id'),
    task: fieldQuestion(fields, builder) ?? taskFromSteps(builder.steps),
    database: idField(fields, 'db_id') ?? idField(fields, 'database'),
    finalAnswer: fieldAnswer(fields, builder) ?? answerFromSteps(builder.steps),
    patch: patchOf(patch, builder.position(`/${patchKey}`), patchKey),
    groundTruth: fieldTruth(fields, builder),
    // tau2-bench puts the reward of a simulation into `reward_info`.
    outcome: outcomeFields(fields) ?? outcomeFields(fields['reward_info'], 'reward_info.') ?? noOutcome,
    model:
      stringField(fields, 'model') ??
      stringField(fields, 'model_name') ??
      stringField(objectField(fields, 'response'), 'model'),
    usage: usageOf(fields),
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
    const replied = listField(objectField(value, 'response'), 'choices') ?? listField(value, 'choices');
    if (!replied || !messagesOf(value)) return null;
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
    const values = sample.records.map(({ value }) => value);
    if (values.length < 2 || !values.every(isListedMessage)) return null;
    const builder = new StepBuilder(sample.file, 0);
    readMessageList(builder, placed(sample.records));
    const speaks = builder.steps.some(
      (step) => step.type === 'toolCall' || (step.type === 'message' && step.role === 'assistant'),
    );
    return speaks ? { certainty: 0.55, evidence: 'every record is a message' } : null;
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

function placed(records: readonly RawRecord[]): ListedMessage[] {
  return records.map(({ value, record }) => ({ value, path: '', record }));
}
