import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { draftOf } from '../blocks/draft.ts';
import { filledField, idField, listField, numberField, smallFields, stringField } from '../blocks/fields.ts';
import { parseJson, StepBuilder, trimmedSlice, wholeText } from '../blocks/stepBuilder.ts';
import { findTag } from '../blocks/tagSpan.ts';
import { findFences } from '../blocks/tagText.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import type { AnswerText } from '../schema.ts';

/**
 * DB-GPT chat history as exported from its database: rows of one message each, joined by `conv_uid`. Messages
 * are text or JSON with `type` (human, view, ai) and `data.content`; SQL stands in chart tags or fences.
 */
export const dbGpt: FormatAdapter = {
  id: 'db-gpt',
  label: 'DB-GPT chat history',
  unit: 'file',
  detect(sample) {
    const value = sample.records[0]?.value;
    if (!isObject(value) || !('conv_uid' in value)) return null;
    if (
      !('message_detail' in value) &&
      !('messages' in value) &&
      !('content' in value) &&
      !('context' in value)
    )
      return null;
    return { certainty: 0.9, evidence: 'conv_uid with message_detail' };
  },
  read: readConversations,
};

function readConversations(records: readonly RawRecord[]): DraftTrajectory[] {
  const groups = new Map<string, RawRecord[]>();
  for (const record of records) {
    const key = idField(record.value, 'conv_uid');
    if (key === null) continue;
    const group = groups.get(key);
    if (group) group.push(record);
    else groups.set(key, [record]);
  }
  return [...groups].map(([key, group]) => readConversation(key, group));
}

function readConversation(id: string, records: readonly RawRecord[]): DraftTrajectory {
  const ordered = [...records].sort((a, b) => orderOf(a) - orderOf(b));
  const first = ordered[0] ?? { file: '', record: 0, byteStart: null, byteEnd: null, key: null, value: null };
  const builder = new StepBuilder(first.file, first.record);
  for (const record of ordered) {
    builder.record = record.record;
    readRow(builder, record.value);
  }
  const user = builder.steps.find((step) => step.type === 'message' && step.role === 'user');
  return draftOf(first, dbGpt.id, builder, {
    id,
    instanceId: id,
    task: user ? { text: user.text.trim(), at: user.at, via: 'first human message' } : null,
    database: filledField(first.value, 'param_value') ?? filledField(first.value, 'select_param'),
    finalAnswer: lastAnswer(builder),
    metadata: smallFields(first.value, ['chat_mode', 'user_name', 'sys_code']),
  });
}

function orderOf(record: RawRecord): number {
  return numberField(record.value, 'index') ?? numberField(record.value, 'round_index') ?? record.record;
}

function readRow(builder: StepBuilder, row: JsonValue): void {
  for (const key of ['message_detail', 'messages', 'context', 'content']) {
    const text = filledField(row, key);
    if (text !== null) {
      const parsed = parseJson(text);
      if (parsed === undefined) builder.message(roleOf(stringField(row, 'role')), wholeText(text, `/${key}`));
      else readParsed(builder, parsed, `/${key}/!json`);
      return;
    }
    const list = listField(row, key);
    if (list) {
      readParsed(builder, list, `/${key}`);
      return;
    }
  }
}

function roleOf(name: string | null): 'user' | 'assistant' | 'system' {
  if (name === 'human' || name === 'user') return 'user';
  return name === 'system' ? 'system' : 'assistant';
}

/** Lists in lists deeper than this are damage, not messages. */
const MAX_DEPTH = 8;

function readParsed(builder: StepBuilder, value: JsonValue, path: string, depth = 0): void {
  if (depth > MAX_DEPTH) return;
  if (Array.isArray(value)) {
    value.forEach((item, i) => readParsed(builder, item, `${path}/${String(i)}`, depth + 1));
    return;
  }
  if (!isObject(value)) return;
  const messages = listField(value, 'messages');
  if (messages) {
    readParsed(builder, messages, `${path}/messages`, depth + 1);
    return;
  }
  const inner = isObject(value['data']) ? value['data'] : value;
  const text = filledField(inner, 'content');
  const base = inner === value ? path : `${path}/data`;
  if (text !== null) readMessage(builder, value, text, `${base}/content`);
}

/** A view shows the statement that was run and what it gave. */
function readMessage(builder: StepBuilder, message: JsonObject, text: string, path: string): void {
  const type = stringField(message, 'type') ?? stringField(message, 'role');
  const role = roleOf(type);
  if (role !== 'assistant') {
    builder.message(role, wholeText(text, path));
    return;
  }
  if (type === 'view') return builder.other(wholeText(text, path), 'view');
  builder.beginTurn();
  const sql = sqlIn(text, path);
  const prose = trimmedSlice(text, path, 0, sql?.before ?? text.length);
  if (prose) builder.message('assistant', prose);
  if (sql) builder.toolCall(sql.slice, { name: 'execute_sql' });
}

function sqlIn(
  text: string,
  path: string,
): { slice: NonNullable<ReturnType<typeof trimmedSlice>>; before: number } | null {
  const fence = findFences(text).find((one) => /sql/i.test(one.info));
  if (fence) {
    const slice = trimmedSlice(text, path, fence.start, fence.end);
    return slice && { slice, before: fence.outerStart };
  }
  const tag = findTag(text, 'sql');
  const slice = tag && trimmedSlice(text, path, tag.innerStart, tag.innerEnd);
  return slice && tag ? { slice, before: tag.outerStart } : null;
}

function lastAnswer(builder: StepBuilder): AnswerText | null {
  const step = builder.steps.findLast(
    (one) => one.type === 'toolCall' || (one.type === 'message' && one.role === 'assistant'),
  );
  return step ? { text: step.text.trim(), at: step.at, via: 'last message' } : null;
}
