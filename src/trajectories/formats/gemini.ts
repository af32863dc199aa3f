import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { lastAssistantText } from '../blocks/answers.ts';
import { contentTexts, readCall } from '../blocks/contentParts.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, idField, listField, numberField, objectField, stringField } from '../blocks/fields.ts';
import { readFunctionResponse, readGeminiContent, readGeminiParts } from '../blocks/gemini.ts';
import { isInjectedText } from '../blocks/injected.ts';
import { splitAtQuestions, type SessionPiece } from '../blocks/questions.ts';
import { decodedText, StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';

/**
 * Gemini CLI session: messages of type user, gemini, info, error, warning; a call holds its result. One
 * trajectory for each question.
 */
export const geminiCli: FormatAdapter = {
  id: 'gemini-cli',
  label: 'Gemini CLI session',
  unit: 'record',
  detect: (sample) => {
    const value = sample.records[0]?.value;
    const messages = listField(value, 'messages');
    const typed = messages?.some((message) => /^(?:user|gemini)$/.test(stringField(message, 'type') ?? ''));
    if (!isObject(value) || !('sessionId' in value) || !typed) return null;
    const certainty = 'projectHash' in value ? 0.98 : 0.9;
    return { certainty, evidence: 'sessionId with messages of type user and gemini' };
  },
  read: (records) => records.flatMap(readSession),
};

/**
 * Session of newer versions: a line about the session, then one message a line; later lines may set fields
 * (`$set`) or take back what came from one message on (`$rewindTo`).
 */
export const geminiCliLog: FormatAdapter = {
  id: 'gemini-cli-log',
  label: 'Gemini CLI session (one message a line)',
  unit: 'file',
  detect: (sample) => {
    const values = sample.records.map(({ value }) => value);
    const isSession = values.some(
      (value) => isObject(value) && 'sessionId' in value && 'projectHash' in value && !('messages' in value),
    );
    const speaks = values.some((value) => stringField(value, 'type') === 'gemini');
    const asks = values.some(
      (value) => stringField(value, 'type') === 'user' && isObject(value) && 'id' in value,
    );
    if (!isSession || !(speaks || asks)) return null;
    return { certainty: 0.97, evidence: 'a line with sessionId and projectHash, then messages' };
  },
  read: (records) => {
    const first = records[0]!;
    const { session, messages } = replayed(records);
    return readMessages({ ...first, record: 0 }, session, messages, geminiCliLog.id);
  },
};

interface SessionMessage {
  readonly value: JsonValue;
  readonly path: string;
  readonly record: number;
}

function readSession(record: RawRecord): DraftTrajectory[] {
  const value = isObject(record.value) ? record.value : {};
  return readMessages(record, value, listedMessages(value, record.record, ''), geminiCli.id);
}

function listedMessages(holder: JsonObject, record: number, path: string): SessionMessage[] {
  return (listField(holder, 'messages') ?? []).map((value, index) => ({
    value,
    path: `${path}/messages/${index}`,
    record,
  }));
}

/** The session as it stands after all lines: a message told again replaces itself. */
function replayed(records: readonly RawRecord[]): { session: JsonObject; messages: SessionMessage[] } {
  let session: JsonObject = {};
  let messages: SessionMessage[] = [];
  for (const { value, record } of records) {
    if (!isObject(value)) continue;
    const id = idField(value, 'id');
    const back = idField(value, '$rewindTo');
    const set = objectField(value, '$set');
    if (back !== null) {
      const from = messages.findIndex((message) => idField(message.value, 'id') === back);
      if (from >= 0) messages = messages.slice(0, from);
    } else if (set) {
      session = { ...session, ...set };
      if (listField(set, 'messages')) messages = listedMessages(set, record, '/$set');
    } else if ('projectHash' in value) {
      session = { ...session, ...value };
    } else if (stringField(value, 'type') !== null) {
      const known = messages.findIndex((message) => id !== null && idField(message.value, 'id') === id);
      const message = { value, path: '', record };
      if (known < 0) messages.push(message);
      else messages[known] = message;
    }
  }
  return { session, messages };
}

function readMessages(
  record: RawRecord,
  session: JsonObject,
  messages: readonly SessionMessage[],
  format: string,
): DraftTrajectory[] {
  const parts = splitAtQuestions(messages, describe);
  const id = idField(session, 'sessionId') ?? `${record.file}#${record.record}`;
  return parts.map((part, index) =>
    readPart(record, session, part, parts.length === 1 ? id : `${id}/${index + 1}`, format),
  );
}

function describe({ value }: SessionMessage): SessionPiece {
  const type = stringField(value, 'type');
  const text = type === 'user' ? contentTexts(contentOf(value), '')[0]?.text : undefined;
  return {
    isQuestion: text !== undefined && text.trim() !== '' && !isInjectedText(text),
    isModel: type === 'gemini',
    hasCall: (listField(value, 'toolCalls')?.length ?? 0) > 0,
  };
}

function contentOf(value: JsonValue): JsonValue | undefined {
  return isObject(value) ? value['content'] : undefined;
}

function readPart(
  record: RawRecord,
  session: JsonObject,
  part: readonly SessionMessage[],
  id: string,
  format: string,
): DraftTrajectory {
  const builder = new StepBuilder(record.file, record.record);
  let model: string | null = null;
  let inputTokens: number | null = null;
  let outputTokens: number | null = null;
  for (const { value, path, record: line } of part) {
    builder.record = line;
    builder.timestamp = stringField(value, 'timestamp') ?? undefined;
    readMessage(builder, value, path);
    const tokens = objectField(value, 'tokens');
    model ??= stringField(value, 'model');
    if (!tokens) continue;
    inputTokens = (inputTokens ?? 0) + (numberField(tokens, 'input') ?? 0);
    outputTokens =
      (outputTokens ?? 0) + (numberField(tokens, 'output') ?? 0) + (numberField(tokens, 'thoughts') ?? 0);
  }
  builder.timestamp = undefined;
  const metadata: Record<string, JsonValue> = {};
  for (const key of ['sessionId', 'projectHash', 'startTime', 'lastUpdated']) {
    const text = filledField(session, key);
    if (text !== null) metadata[key] = text;
  }
  return draftOf(record, format, builder, {
    id,
    task: taskFromSteps(builder.steps),
    finalAnswer: lastAssistantText(builder.steps),
    outcome: { ...noOutcome, reason: 'sessions record neither success nor reward' },
    model,
    usage: { inputTokens, outputTokens, costUsd: null },
    metadata,
  });
}

function readMessage(builder: StepBuilder, message: JsonValue, path: string): void {
  const type = stringField(message, 'type') ?? 'message';
  const content = contentOf(message);
  if (type === 'user' || type === 'gemini') {
    if (type === 'gemini') {
      builder.beginTurn();
      readThoughts(builder, message, path);
    }
    readGeminiParts(builder, type === 'user' ? 'user' : 'assistant', content, `${path}/content`);
    for (const [index, call] of (listField(message, 'toolCalls') ?? []).entries()) {
      if (isObject(call)) readToolCall(builder, call, `${path}/toolCalls/${index}`);
    }
    return;
  }
  const texts = contentTexts(content, `${path}/content`);
  if (texts.length === 0) builder.other(decodedText('', path), type);
  for (const text of texts) builder.other(text, type);
}

function readThoughts(builder: StepBuilder, message: JsonValue, path: string): void {
  for (const [index, thought] of (listField(message, 'thoughts') ?? []).entries()) {
    const description = filledField(thought, 'description');
    if (description !== null)
      builder.reasoning(wholeText(description, `${path}/thoughts/${index}/description`));
  }
}

function readToolCall(builder: StepBuilder, call: JsonObject, path: string): void {
  const callId = idField(call, 'id');
  readCall(builder, stringField(call, 'name') ?? 'unknown', callId, call['args'], `${path}/args`);
  const isError = /^(?:error|cancelled)$/.test(stringField(call, 'status') ?? '');
  const results = listField(call, 'result') ?? [];
  for (const [index, result] of results.entries()) {
    const at = `${path}/result/${index}`;
    const response = objectField(result, 'functionResponse');
    if (response) readFunctionResponse(builder, response, `${at}/functionResponse`, callId);
    else {
      const text = stringField(result, 'text');
      if (text !== null) builder.toolResult(wholeText(text, `${at}/text`), { callId, isError });
    }
  }
  const shown = results.length === 0 ? filledField(call, 'resultDisplay') : null;
  if (shown !== null) builder.toolResult(wholeText(shown, `${path}/resultDisplay`), { callId, isError });
}

/** Requests and replies of the Gemini API as programs dump them: `contents[].parts[]`, `candidates[]`. */
export const geminiApi: FormatAdapter = {
  id: 'gemini-api',
  label: 'Gemini API contents',
  unit: 'record',
  detect: detectApi,
  read: (records) => records.map(readDump),
};

/** The contents of a record and where they stand. */
function contentsOf(
  value: JsonValue,
): { contents: JsonValue[]; path: string; holder: JsonObject | null; at: string } | null {
  if (Array.isArray(value)) return { contents: value, path: '', holder: null, at: '' };
  for (const at of ['', '/request', '/body', '/input']) {
    const holder = at === '' ? (isObject(value) ? value : null) : objectField(value, at.slice(1));
    for (const key of ['contents', 'history']) {
      const contents = listField(holder, key);
      if (contents?.some((content) => isObject(content) && 'parts' in content)) {
        return { contents, path: `${at}/${key}`, holder, at };
      }
    }
  }
  return null;
}

function detectApi(sample: FormatSample): Detection | null {
  const value = sample.records[0]?.value;
  const found = value === undefined ? null : contentsOf(value);
  if (!found?.contents.some((content) => isObject(content) && Array.isArray(content['parts']))) return null;
  return { certainty: 0.88, evidence: 'contents[] with parts[]' };
}

function readDump(record: RawRecord): DraftTrajectory {
  const found = contentsOf(record.value);
  const builder = new StepBuilder(record.file, record.record);
  for (const key of ['systemInstruction', 'system_instruction']) {
    const system = found?.holder?.[key];
    if (system === undefined || !found) continue;
    const parts = isObject(system) ? system['parts'] : system;
    readGeminiParts(builder, 'system', parts, `${found.at}/${key}${isObject(system) ? '/parts' : ''}`);
  }
  for (const [index, content] of (found?.contents ?? []).entries()) {
    readGeminiContent(builder, content, `${found?.path ?? ''}/${index}`);
  }
  const response = objectField(record.value, 'response');
  const holder = response ?? record.value;
  const candidate = listField(holder, 'candidates')?.[0];
  const reply = objectField(candidate, 'content');
  const at = `${response ? '/response' : ''}/candidates/0/content`;
  if (reply) readGeminiContent(builder, { role: 'model', ...reply }, at);
  const usage = objectField(holder, 'usageMetadata');
  return draftOf(record, geminiApi.id, builder, {
    id: idField(holder, 'responseId') ?? idField(record.value, 'id') ?? `${record.file}#${record.record}`,
    task: taskFromSteps(builder.steps),
    finalAnswer: lastAssistantText(builder.steps),
    model: stringField(holder, 'modelVersion') ?? stringField(record.value, 'model'),
    usage: {
      inputTokens: numberField(usage, 'promptTokenCount'),
      outputTokens: numberField(usage, 'candidatesTokenCount'),
      costUsd: null,
    },
  });
}
