import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { lastAssistantText } from '../blocks/answers.ts';
import { readResult, readReturned } from '../blocks/contentParts.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, idField, listField, objectField, stringField } from '../blocks/fields.ts';
import { readToolCalls } from '../blocks/openaiChat.ts';
import { splitAtQuestions, type SessionPiece } from '../blocks/questions.ts';
import { StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { fileStem } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import { joinPath } from '../sourcePath.ts';

const outcome = { ...noOutcome, reason: 'sessions record neither success nor reward' };

/** Events of a Copilot CLI session (`events.jsonl`). One trajectory for each question. */
export const copilotCli: FormatAdapter = {
  id: 'copilot-cli',
  label: 'Copilot CLI session',
  unit: 'file',
  detect: (sample) => {
    const types = sample.records.map(({ value }) => stringField(value, 'type') ?? '');
    const found = types.includes('session.start') && types.some((type) => /^(?:user|assistant)\./.test(type));
    return found
      ? { certainty: 0.96, evidence: 'session.start, then user.message and assistant.message' }
      : null;
  },
  read: readSession,
};

function readSession(records: readonly RawRecord[]): DraftTrajectory[] {
  const first = records[0]!;
  const parts = splitAtQuestions(records, describe);
  const start = records.find(({ value }) => stringField(value, 'type') === 'session.start')?.value;
  const data = objectField(start, 'data');
  const session = idField(data, 'sessionId') ?? fileStem(first.file);
  const cwd = filledField(objectField(data, 'context'), 'cwd');
  const metadata: Record<string, JsonValue> = cwd === null ? {} : { cwd };
  return parts.map((part, index) =>
    readEvents(first, part, parts.length === 1 ? session : `${session}/${index + 1}`, metadata),
  );
}

function describe({ value }: RawRecord): SessionPiece {
  const type = stringField(value, 'type');
  const requests = listField(objectField(value, 'data'), 'toolRequests');
  return {
    isQuestion: type === 'user.message',
    isModel: type === 'assistant.message',
    hasCall: type === 'assistant.message' && (requests?.length ?? 0) > 0,
  };
}

function readEvents(
  file: RawRecord,
  events: readonly RawRecord[],
  id: string,
  metadata: Record<string, JsonValue>,
): DraftTrajectory {
  const builder = new StepBuilder(file.file, events[0]?.record ?? 0);
  for (const { value, record } of events) {
    const data = objectField(value, 'data');
    if (!data) continue;
    builder.record = record;
    builder.timestamp = stringField(value, 'timestamp') ?? undefined;
    readEvent(builder, stringField(value, 'type') ?? '', data);
  }
  builder.timestamp = undefined;
  return draftOf({ ...file, record: 0 }, copilotCli.id, builder, {
    id,
    task: taskFromSteps(builder.steps),
    finalAnswer: lastAssistantText(builder.steps),
    outcome,
    metadata,
  });
}

function readEvent(builder: StepBuilder, type: string, data: JsonObject): void {
  const content = filledField(data, 'content');
  if (type === 'user.message') {
    if (content !== null) builder.message('user', wholeText(content, '/data/content'));
  } else if (type === 'assistant.message') {
    builder.beginTurn();
    const thought = filledField(data, 'reasoningText');
    if (thought !== null) builder.reasoning(wholeText(thought, '/data/reasoningText'));
    if (content !== null) builder.message('assistant', wholeText(content, '/data/content'));
    readToolCalls(builder, data['toolRequests'], '/data/toolRequests');
  } else if (type === 'tool.execution_complete') {
    const fields = { callId: idField(data, 'toolCallId'), isError: data['success'] === false };
    const key = data['result'] === undefined && data['error'] !== undefined ? 'error' : 'result';
    const inner = ['content', 'message'].find((name) => filledField(data[key], name) !== null);
    if (inner === undefined) readResult(builder, data[key], `/data/${key}`, fields);
    else builder.toolResult(wholeText(filledField(data[key], inner) ?? '', `/data/${key}/${inner}`), fields);
  }
}

/** A chat of VS Code's Copilot, as "Chat: Export" and the workspace storage keep it. One trajectory for each request. */
export const vsCodeChat: FormatAdapter = {
  id: 'vscode-chat',
  label: 'VS Code Copilot chat',
  unit: 'record',
  detect: (sample) => {
    const value = sample.records[0]?.value;
    const requests = listField(value, 'requests');
    const found = requests?.some(
      (request) => listField(request, 'response') && objectField(request, 'message'),
    );
    if (!found || !isObject(value)) return null;
    const isNamed = 'responderUsername' in value || 'requesterUsername' in value;
    return { certainty: isNamed ? 0.97 : 0.85, evidence: 'requests with message and response' };
  },
  read: (records) => records.flatMap(readChat),
};

function readChat(record: RawRecord): DraftTrajectory[] {
  const session = idField(record.value, 'sessionId') ?? `${record.file}#${record.record}`;
  const requests = listField(record.value, 'requests') ?? [];
  return requests.map((request, index) => {
    const builder = new StepBuilder(record.file, record.record);
    const path = `/requests/${index}`;
    const text = filledField(objectField(request, 'message'), 'text');
    if (text !== null) builder.message('user', wholeText(text, `${path}/message/text`));
    if (!readRounds(builder, request, `${path}/result/metadata`)) readShown(builder, request, path);
    return draftOf(record, vsCodeChat.id, builder, {
      id: requests.length === 1 ? session : `${session}/${index + 1}`,
      task: taskFromSteps(builder.steps),
      finalAnswer: lastAssistantText(builder.steps),
      outcome,
      model: stringField(request, 'modelId'),
    });
  });
}

/** Rounds of the model with their calls, and what the calls returned; false where a request keeps none. */
function readRounds(builder: StepBuilder, request: JsonValue, path: string): boolean {
  const metadata = objectField(objectField(request, 'result'), 'metadata');
  const rounds = listField(metadata, 'toolCallRounds');
  if (!rounds?.length) return false;
  const results = objectField(metadata, 'toolCallResults') ?? {};
  for (const [index, round] of rounds.entries()) {
    const at = `${path}/toolCallRounds/${index}`;
    builder.beginTurn();
    const said = filledField(round, 'response');
    if (said !== null) builder.message('assistant', wholeText(said, `${at}/response`));
    readToolCalls(builder, isObject(round) ? round['toolCalls'] : undefined, `${at}/toolCalls`);
    for (const call of listField(round, 'toolCalls') ?? []) {
      const callId = idField(call, 'id');
      if (callId === null || !Object.hasOwn(results, callId)) continue;
      readParts(builder, results[callId], joinPath(`${path}/toolCallResults`, callId), callId);
    }
  }
  return true;
}

/** A result in parts of VS Code's own, whose `value` is a text, or a tree of what was rendered. */
function readParts(builder: StepBuilder, result: JsonValue | undefined, path: string, callId: string): void {
  const content = listField(result, 'content');
  const isTexts = content?.every((part) => stringField(part, 'value') !== null);
  if (content && isTexts) readResult(builder, content, `${path}/content`, { callId });
  else readReturned(builder, content ?? result, content ? `${path}/content` : path, { callId });
}

/** What the chat showed: texts between invocations of tools, whose results it does not keep. */
function readShown(builder: StepBuilder, request: JsonValue, path: string): void {
  builder.beginTurn();
  for (const [index, part] of (listField(request, 'response') ?? []).entries()) {
    const text = filledField(part, 'value');
    const tool =
      stringField(part, 'kind') === 'toolInvocationSerialized' ? stringField(part, 'toolId') : null;
    const shown = filledField(objectField(part, 'invocationMessage'), 'value');
    if (text !== null) builder.message('assistant', wholeText(text, `${path}/response/${index}/value`));
    else if (tool !== null) {
      const at = `${path}/response/${index}/invocationMessage/value`;
      builder.toolCall(wholeText(shown ?? '', at), { name: tool, callId: idField(part, 'toolCallId') });
    }
  }
}
