import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { lastAssistantText } from '../blocks/answers.ts';
import { contentTexts } from '../blocks/contentParts.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  filledField,
  idField,
  numberField,
  objectField,
  smallFields,
  stringField,
} from '../blocks/fields.ts';
import { isInjectedText } from '../blocks/injected.ts';
import { readResponseItem } from '../blocks/openaiResponses.ts';
import { splitAtQuestions, type SessionPiece } from '../blocks/questions.ts';
import { decodedText, jsonText, StepBuilder, textIfGiven, wholeText } from '../blocks/stepBuilder.ts';
import { fileStem } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';

/**
 * Codex rollout: `{timestamp, type, payload}` lines, or (2025) a bare meta line and bare Responses items. Only
 * `response_item` lines are read; `event_msg` repeats them for display and tells which user messages a person
 * typed. One trajectory for each question.
 */
export const codexRollout: FormatAdapter = {
  id: 'codex-rollout',
  label: 'Codex session',
  unit: 'file',
  detect,
  read,
};

const lineTypes = /^(?:session_meta|turn_context|response_item|event_msg|compacted)$/;

function isOldItem(value: JsonValue): boolean {
  return /^(?:message|function_call|function_call_output|reasoning|local_shell_call)$/.test(
    stringField(value, 'type') ?? '',
  );
}

function isOldMeta(value: JsonValue): boolean {
  return (
    isObject(value) &&
    'id' in value &&
    'timestamp' in value &&
    !('type' in value) &&
    ('instructions' in value || 'git' in value)
  );
}

function detect(sample: FormatSample): Detection | null {
  if (sample.container === 'rows' || sample.container === 'text') return null;
  const values = sample.records.map(({ value }) => value);
  const lines = values.filter(
    (value) => objectField(value, 'payload') && lineTypes.test(stringField(value, 'type') ?? ''),
  );
  if (lines.length > 0 && lines.length * 2 >= values.length) {
    const meta = lines.some((value) => stringField(value, 'type') === 'session_meta');
    return {
      certainty: meta ? 0.98 : 0.93,
      evidence: `${lines.length} lines of timestamp, type and payload`,
    };
  }
  const first = values[0];
  if (sample.container !== 'json-lines' || first === undefined) return null;
  const items = values.filter(isOldItem).length;
  const state = values.some((value) => isObject(value) && 'record_type' in value);
  if (items > 0 && (isOldMeta(first) || state)) {
    return { certainty: 0.92, evidence: 'a bare meta line, then bare Responses items' };
  }
  return null;
}

/** A line in either layout: its item and the path to it. */
interface RolloutLine {
  readonly record: number;
  readonly timestamp: string | undefined;
  readonly type: string;
  readonly payload: JsonObject;
  readonly path: string;
}

function toLines(records: readonly RawRecord[]): RolloutLine[] {
  const lines: RolloutLine[] = [];
  for (const { value, record } of records) {
    if (!isObject(value) || 'record_type' in value) continue;
    const payload = objectField(value, 'payload');
    const timestamp = stringField(value, 'timestamp') ?? undefined;
    if (payload)
      lines.push({ record, timestamp, type: stringField(value, 'type') ?? '', payload, path: '/payload' });
    else if (isOldMeta(value))
      lines.push({ record, timestamp, type: 'session_meta', payload: value, path: '' });
    else if ('type' in value)
      lines.push({ record, timestamp, type: 'response_item', payload: value, path: '' });
  }
  return lines;
}

function userText(line: RolloutLine): string | null {
  if (line.type !== 'response_item' || stringField(line.payload, 'role') !== 'user') return null;
  return contentTexts(line.payload['content'], '')
    .map(({ text }) => text)
    .join('\n');
}

function read(records: readonly RawRecord[]): DraftTrajectory[] {
  const lines = toLines(records);
  const typed = new Set<string>();
  for (const { type, payload } of lines) {
    if (type !== 'event_msg' || stringField(payload, 'type') !== 'user_message') continue;
    const text = stringField(payload, 'message');
    if (text !== null) typed.add(text.trim());
  }
  // Texts with images or mentions may differ from what is displayed; then openings alone must tell.
  const isKnown = lines.some((line) => typed.has(userText(line)?.trim() ?? ''));
  const isTyped = (text: string): boolean => (isKnown ? typed.has(text.trim()) : !isInjectedText(text));
  const describe = (line: RolloutLine): SessionPiece => {
    const text = userText(line);
    const type = stringField(line.payload, 'type') ?? '';
    const isModel =
      line.type === 'response_item' && text === null && stringField(line.payload, 'role') !== 'developer';
    return {
      isQuestion: text !== null && isTyped(text),
      isModel,
      hasCall: isModel && type.endsWith('_call'),
    };
  };
  const parts = splitAtQuestions(
    lines.filter((line) => line.type !== 'session_meta'),
    describe,
  );
  const meta = lines.find((line) => line.type === 'session_meta')?.payload ?? {};
  const first = records[0]!;
  const id = idField(meta, 'id') ?? fileStem(first.file);
  return parts.map((part, index) => {
    const name = parts.length === 1 ? id : `${id}/${index + 1}`;
    return readPart(first, part, meta, isTyped, name);
  });
}

function readPart(
  file: RawRecord,
  lines: readonly RolloutLine[],
  meta: JsonObject,
  isTyped: (text: string) => boolean,
  id: string,
): DraftTrajectory {
  const builder = new StepBuilder(file.file, file.record);
  let model: string | null = null;
  let usage: JsonObject | null = null;
  let finalAt: number | null = null;
  for (const line of lines) {
    const { payload, path } = line;
    builder.record = line.record;
    builder.timestamp = line.timestamp;
    if (line.type === 'response_item') {
      const before = builder.steps.length;
      readResponseItem(builder, payload, path, {
        onUser: (text) => builder.message('user', text, !isTyped(text.text)),
      });
      if (stringField(payload, 'phase') === 'final_answer') finalAt = before;
    } else if (line.type === 'turn_context') model = stringField(payload, 'model') ?? model;
    else if (line.type === 'event_msg') {
      usage = objectField(objectField(payload, 'info'), 'total_token_usage') ?? usage;
    } else if (line.type === 'compacted') {
      const text = stringField(payload, 'message');
      builder.other(text === null ? decodedText('', path) : wholeText(text, `${path}/message`), 'compacted');
    } else {
      builder.other(decodedText(jsonText(payload).slice(0, 2000), path), line.type);
    }
  }
  builder.timestamp = undefined;
  const final = finalAt === null ? undefined : builder.steps[finalAt];
  return draftOf({ ...file, record: 0 }, codexRollout.id, builder, {
    id,
    task: taskFromSteps(builder.steps),
    finalAnswer: final
      ? { text: final.text, at: final.at, via: 'message of phase final_answer' }
      : lastAssistantText(builder.steps),
    outcome: { ...noOutcome, reason: 'sessions record neither success nor reward' },
    model: model ?? stringField(meta, 'model'),
    usage: {
      inputTokens: numberField(usage ?? undefined, 'input_tokens'),
      outputTokens: numberField(usage ?? undefined, 'output_tokens'),
      costUsd: null,
    },
    metadata: smallFields(meta, ['cwd', 'originator', 'cli_version', 'git', 'timestamp', 'model_provider']),
  });
}

/** Stream of `codex exec --json`: items as they were completed; the question is not in it. */
export const codexExec: FormatAdapter = {
  id: 'codex-exec',
  label: 'Codex exec stream',
  unit: 'file',
  detect: (sample) => {
    const types = sample.records.map(({ value }) => stringField(value, 'type') ?? '');
    const found = types.filter((type) =>
      /^(?:thread\.started|turn\.(?:started|completed)|item\.\w+)$/.test(type),
    );
    return found.length > 0 && found.length * 2 >= types.length
      ? { certainty: 0.96, evidence: `${found.length} thread, turn and item events` }
      : null;
  },
  read: (records) => [readExec(records)],
};

function readExec(records: readonly RawRecord[]): DraftTrajectory {
  const first = records[0]!;
  const builder = new StepBuilder(first.file, first.record);
  let thread: string | null = null;
  let inputTokens: number | null = null;
  let outputTokens: number | null = null;
  let failure: string | null = null;
  for (const { value, record } of records) {
    builder.record = record;
    const type = stringField(value, 'type');
    if (type === 'thread.started') thread = idField(value, 'thread_id');
    else if (type === 'item.completed') readItem(builder, objectField(value, 'item'), '/item');
    else if (type === 'turn.completed') {
      const usage = objectField(value, 'usage');
      inputTokens = (inputTokens ?? 0) + (numberField(usage, 'input_tokens') ?? 0);
      outputTokens = (outputTokens ?? 0) + (numberField(usage, 'output_tokens') ?? 0);
    } else if (type === 'turn.failed' || type === 'error') {
      failure = stringField(objectField(value, 'error'), 'message') ?? stringField(value, 'message') ?? type;
    }
  }
  return draftOf({ ...first, record: 0 }, codexExec.id, builder, {
    id: thread ?? fileStem(first.file),
    task: taskFromSteps(builder.steps),
    finalAnswer: lastAssistantText(builder.steps),
    outcome:
      failure === null ? noOutcome : { ...noOutcome, reason: `the turn failed: ${failure.slice(0, 200)}` },
    usage: { inputTokens, outputTokens, costUsd: null },
  });
}

function readItem(builder: StepBuilder, item: JsonObject | null, path: string): void {
  if (!item) return;
  // The first versions kept the fields one level down.
  const details = objectField(item, 'details');
  if (details) {
    readItem(builder, { id: item['id'] ?? null, ...details, details: null }, `${path}/details`);
    return;
  }
  const type = stringField(item, 'type') ?? stringField(item, 'item_type') ?? 'item';
  const callId = idField(item, 'id');
  const text = filledField(item, 'text');
  if ((type === 'agent_message' || type === 'assistant_message') && text !== null) {
    builder.message('assistant', wholeText(text, `${path}/text`));
  } else if (type === 'reasoning' && text !== null) builder.reasoning(wholeText(text, `${path}/text`));
  else if (type === 'command_execution') {
    const command = textIfGiven(stringField(item, 'command'), `${path}/command`);
    const output = textIfGiven(stringField(item, 'aggregated_output'), `${path}/aggregated_output`);
    builder.toolCall(command, { name: 'shell', callId, arguments: { command: command.text } });
    const isError = (numberField(item, 'exit_code') ?? 0) !== 0 || stringField(item, 'status') === 'failed';
    builder.toolResult(output, { callId, isError });
  } else if (type === 'file_change') {
    const changes = item['changes'] ?? [];
    builder.toolCall(decodedText(jsonText(changes), `${path}/changes`), {
      name: 'apply_patch',
      callId,
      arguments: { changes },
    });
    const status = textIfGiven(stringField(item, 'status'), `${path}/status`);
    builder.toolResult(status, { callId, isError: status.text === 'failed' });
  } else if (type === 'mcp_tool_call') readMcpItem(builder, item, callId, path);
  else if (type === 'web_search') {
    const query = textIfGiven(stringField(item, 'query'), `${path}/query`);
    builder.toolCall(query, { name: 'web_search', callId, arguments: { query: query.text } });
  } else {
    const message = filledField(item, 'message');
    builder.other(message === null ? decodedText('', path) : wholeText(message, `${path}/message`), type);
  }
}

function readMcpItem(builder: StepBuilder, item: JsonObject, callId: string | null, path: string): void {
  const args = objectField(item, 'arguments');
  const name = stringField(item, 'tool') ?? 'mcp';
  builder.toolCall(decodedText(args ? jsonText(args) : '', `${path}/arguments`), {
    name,
    callId,
    arguments: args,
  });
  const error = stringField(objectField(item, 'error'), 'message');
  if (error !== null) {
    builder.toolResult(wholeText(error, `${path}/error/message`), { callId, isError: true });
    return;
  }
  const result = objectField(item, 'result');
  for (const text of contentTexts(result?.['content'], `${path}/result/content`))
    builder.toolResult(text, { callId });
}
