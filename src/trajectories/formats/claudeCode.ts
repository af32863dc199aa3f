import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { readAnthropicMessage } from '../blocks/anthropic.ts';
import { lastAssistantText } from '../blocks/answers.ts';
import { contentTexts } from '../blocks/contentParts.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { EditedFiles } from '../blocks/editedFiles.ts';
import { filledField, idField, listField, numberField, objectField, stringField } from '../blocks/fields.ts';
import { isInjectedText } from '../blocks/injected.ts';
import { splitAtQuestions, type SessionPiece } from '../blocks/questions.ts';
import { decodedText, jsonText, StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { fileStem } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { Usage } from '../schema.ts';
import { isTalk, mainChain, sidechains, toLines, type SessionLine } from './claudeCodeTree.ts';

/**
 * Claude Code session: one event a line. The branch that ends in the last message is the conversation; it is
 * cut into one trajectory for each question the person asked (steps from that question up to the next), and
 * each inline sub-agent run (`isSidechain`) is a trajectory of its own. Lines of one model message are one
 * turn; results are taken from the messages, the structured copy only serves to rebuild the patch.
 */
export const claudeCode: FormatAdapter = {
  id: 'claude-code',
  label: 'Claude Code session',
  unit: 'file',
  detect,
  read,
};

function detect(sample: FormatSample): Detection | null {
  const lines = sample.records.filter(({ value }) => isObject(value));
  const events = lines.filter(
    ({ value }) =>
      isObject(value) &&
      'sessionId' in value &&
      'uuid' in value &&
      'parentUuid' in value &&
      // Qwen Code keeps the same tree with messages of the Gemini API.
      objectField(value, 'message')?.['parts'] === undefined &&
      'message' in value,
  );
  if (events.length > 0) {
    return {
      certainty: 0.97,
      evidence: `${events.length} lines with sessionId, uuid, parentUuid and message`,
    };
  }
  // A session may open with many lines of state; these types occur nowhere else.
  const state = lines.filter(({ value }) =>
    /^(?:file-history-snapshot|queue-operation|progress)$/.test(stringField(value, 'type') ?? ''),
  );
  const named = lines.some(
    ({ value }) => stringField(value, 'sessionId') !== null && isObject(value) && 'parentUuid' in value,
  );
  return state.length > 0 && named
    ? { certainty: 0.8, evidence: 'session state lines with sessionId' }
    : null;
}

function read(records: readonly RawRecord[]): DraftTrajectory[] {
  const lines = toLines(records);
  const first = records[0]!;
  const side = sidechains(lines);
  const main = lines.filter((line) => !line.isSidechain);
  // A file that holds nothing but a sub-agent's lines is that agent's session.
  const chain = mainChain(main.some(isTalk) ? main : lines);
  const questions = splitAtQuestions(chain, describeLine).filter((part) => part.some(isTalk));
  const session = sessionId(lines) ?? fileStem(first.file);
  const drafts = questions.map((part, index) =>
    readPart(first, part, {
      id: questions.length === 1 ? session : `${session}/${index + 1}`,
      session,
      ...(questions.length === 1 ? {} : { question: index + 1 }),
    }),
  );
  if (main.some(isTalk)) {
    for (const [index, part] of side.entries()) {
      drafts.push(readPart(first, part, { id: `${session}/agent-${index + 1}`, session, sidechain: true }));
    }
  }
  return drafts;
}

function sessionId(lines: readonly SessionLine[]): string | null {
  const found = lines.find((line) => isTalk(line) && idField(line.value, 'sessionId') !== null);
  return found ? idField(found.value, 'sessionId') : null;
}

/** True for a line by which the person asks: real text, not meta, not a result, not put in by the harness. */
function isQuestion(line: SessionLine): boolean {
  const { value } = line;
  if (line.type !== 'user' || value['isMeta'] === true || value['isCompactSummary'] === true) return false;
  const content = objectField(value, 'message')?.['content'];
  if (Array.isArray(content) && content.some((block) => stringField(block, 'type') === 'tool_result'))
    return false;
  return contentTexts(content, '').some(({ text }) => text.trim() !== '' && !isInjectedText(text));
}

function describeLine(line: SessionLine): SessionPiece {
  const isModel = line.type === 'assistant' && isTalk(line);
  return { isQuestion: isQuestion(line), isModel, hasCall: isModel && hasToolUse(line) };
}

function hasToolUse(line: SessionLine): boolean {
  const content = listField(objectField(line.value, 'message'), 'content');
  return content?.some((block) => stringField(block, 'type') === 'tool_use') ?? false;
}

interface PartName {
  readonly id: string;
  readonly session: string;
  readonly question?: number;
  readonly sidechain?: boolean;
}

function readPart(file: RawRecord, lines: readonly SessionLine[], name: PartName): DraftTrajectory {
  const first = lines[0]!;
  const builder = new StepBuilder(file.file, first.record);
  const edited = new EditedFiles();
  let lastMessage: string | null = null;
  let model: string | null = null;
  const usages = new Map<string, JsonObject>();
  for (const line of lines) {
    const { value } = line;
    builder.record = line.record;
    builder.timestamp = stringField(value, 'timestamp') ?? undefined;
    const message = objectField(value, 'message');
    if (line.type === 'assistant' && message) {
      const id = idField(message, 'id') ?? `line ${line.record}`;
      readAnthropicMessage(builder, message, '/message', { startsTurn: id !== lastMessage });
      lastMessage = id;
      const itsModel = stringField(message, 'model');
      if (itsModel !== null && itsModel !== '<synthetic>') model ??= itsModel;
      const usage = objectField(message, 'usage');
      if (usage) usages.set(id, usage);
    } else if (line.type === 'user' && message) {
      const injected = value['isMeta'] === true || value['isCompactSummary'] === true;
      readAnthropicMessage(builder, message, '/message', { injected });
      edited.add(value['toolUseResult']);
    } else {
      readOther(builder, line);
    }
  }
  builder.timestamp = undefined;
  const question = lines.find(isQuestion);
  const cwd = filledField(lines.find((line) => filledField(line.value, 'cwd') !== null)?.value, 'cwd');
  const patch = edited.patch(cwd);
  const lastEdit = lines.findLast((line) => isObject(line.value['toolUseResult']));
  return draftOf({ ...file, record: 0 }, claudeCode.id, builder, {
    id: name.id,
    instanceId: question ? idField(question.value, 'uuid') : null,
    task: taskFromSteps(builder.steps),
    finalAnswer: lastAssistantText(builder.steps),
    patch:
      patch === null || !lastEdit
        ? null
        : {
            text: patch,
            at: { file: file.file, record: lastEdit.record, path: '/toolUseResult' },
            via: 'net change of the edit tools',
          },
    outcome: { ...noOutcome, reason: 'sessions record neither success nor reward' },
    model,
    usage: sumUsage([...usages.values()]),
    metadata: {
      sessionId: name.session,
      ...(name.question === undefined ? {} : { question: name.question }),
      ...(name.sidechain ? { sidechain: true } : {}),
      ...details(lines),
    },
  });
}

function details(lines: readonly SessionLine[]): Record<string, JsonValue> {
  const found: Record<string, JsonValue> = {};
  for (const key of ['cwd', 'gitBranch', 'version', 'agentId']) {
    const line = lines.find(({ value }) => filledField(value, key) !== null);
    const text = line ? filledField(line.value, key) : null;
    if (text !== null) found[key] = text;
  }
  const started = lines.find(({ value }) => filledField(value, 'timestamp') !== null);
  const time = started ? filledField(started.value, 'timestamp') : null;
  return time === null ? found : { ...found, startTime: time };
}

/** State, hooks and progress say nothing; kinds we do not know are kept and shown. */
const quietTypes = new Set([
  'summary',
  'progress',
  'file-history-snapshot',
  'queue-operation',
  'custom-title',
  'ai-title',
  'agent-name',
  'last-prompt',
  'permission-mode',
  'pr-link',
  'tag',
]);

function readOther(builder: StepBuilder, line: SessionLine): void {
  const { type, value } = line;
  if (quietTypes.has(type)) return;
  if (type === 'system') {
    const subtype = stringField(value, 'subtype') ?? 'system';
    const content = filledField(value, 'content');
    if (subtype === 'compact_boundary' || subtype === 'api_error') {
      builder.other(content === null ? decodedText('', '') : wholeText(content, '/content'), subtype);
    }
    return;
  }
  const text = type === 'attachment' ? '' : jsonText(value).slice(0, 2000);
  builder.other(decodedText(text, ''), type);
}

function sumUsage(usages: readonly JsonObject[]): Usage {
  if (usages.length === 0) return { inputTokens: null, outputTokens: null, costUsd: null };
  let inputTokens = 0;
  let outputTokens = 0;
  for (const usage of usages) {
    for (const key of ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens']) {
      inputTokens += numberField(usage, key) ?? 0;
    }
    outputTokens += numberField(usage, 'output_tokens') ?? 0;
  }
  return { inputTokens, outputTokens, costUsd: null };
}

/** Output of `claude -p --output-format stream-json`: an init line, messages, a result line. */
export const claudeCodeStream: FormatAdapter = {
  id: 'claude-code-stream',
  label: 'Claude Code stream output',
  unit: 'file',
  detect: detectStream,
  read: (records) => [readStream(records)],
};

function detectStream(sample: FormatSample): Detection | null {
  const events = streamEvents(sample.records);
  const init = events.some(
    ({ value }) => stringField(value, 'type') === 'system' && stringField(value, 'subtype') === 'init',
  );
  const talk = events.some(
    ({ value }) => stringField(value, 'type') === 'assistant' && objectField(value, 'message'),
  );
  if (!talk || events.some(({ value }) => isObject(value) && 'parentUuid' in value)) return null;
  // Cursor's stream has events of their own for calls.
  if (events.some(({ value }) => objectField(value, 'tool_call'))) return null;
  const result = events.some(({ value }) => stringField(value, 'type') === 'result');
  if (init) return { certainty: 0.96, evidence: 'system/init line, then assistant and user lines' };
  const owned = events.some(({ value }) => isObject(value) && 'parent_tool_use_id' in value);
  return owned || result ? { certainty: 0.85, evidence: 'assistant and user lines of a stream' } : null;
}

/** Events as lines, or (`--output-format json --verbose`) as one array. */
function streamEvents(records: readonly RawRecord[]): { value: JsonValue; record: number; path: string }[] {
  const only = records[0];
  if (only && records.length === 1 && Array.isArray(only.value)) {
    return only.value.map((value, index) => ({ value, record: only.record, path: `/${index}` }));
  }
  return records.map(({ value, record }) => ({ value, record, path: '' }));
}

function readStream(records: readonly RawRecord[]): DraftTrajectory {
  const first = records[0]!;
  const builder = new StepBuilder(first.file, first.record);
  let init: JsonObject | null = null;
  let result: { value: JsonObject; record: number; path: string } | null = null;
  let model: string | null = null;
  let lastMessage: string | null = null;
  const usages = new Map<string, JsonObject>();
  for (const event of streamEvents(records)) {
    const { value, record, path } = event;
    if (!isObject(value)) continue;
    builder.record = record;
    const type = stringField(value, 'type');
    const message = objectField(value, 'message');
    builder.speaker = filledField(value, 'parent_tool_use_id') === null ? undefined : 'sub-agent';
    if (type === 'system') {
      if (stringField(value, 'subtype') === 'init') init ??= value;
    } else if (type === 'result') result = { value, record, path };
    else if (type === 'assistant' && message) {
      const id = idField(message, 'id') ?? `line ${record}`;
      readAnthropicMessage(builder, message, `${path}/message`, { startsTurn: id !== lastMessage });
      lastMessage = id;
      model ??= stringField(message, 'model');
      const usage = objectField(message, 'usage');
      if (usage) usages.set(id, usage);
    } else if (type === 'user' && message) {
      readAnthropicMessage(builder, message, `${path}/message`, { injected: value['isSynthetic'] === true });
    } else if (type !== 'stream_event' && type !== null) {
      builder.other(decodedText('', path), type);
    }
  }
  builder.speaker = undefined;
  const answer = result ? filledField(result.value, 'result') : null;
  const total = objectField(result?.value, 'usage');
  const usage = sumUsage(total ? [total] : [...usages.values()]);
  const subtype = stringField(result?.value, 'subtype');
  const session = idField(init ?? undefined, 'session_id') ?? idField(result?.value, 'session_id');
  return {
    ...draftOf(first, claudeCodeStream.id, builder, {
      id: session ?? fileStem(first.file),
      task: taskFromSteps(builder.steps),
      finalAnswer:
        result && answer !== null
          ? {
              text: answer,
              at: { file: first.file, record: result.record, path: `${result.path}/result` },
              via: 'result line',
            }
          : lastAssistantText(builder.steps),
      outcome: {
        ...noOutcome,
        reason:
          subtype === null
            ? 'the stream has no result line'
            : `result.subtype = ${subtype}, is_error = ${String(result?.value['is_error'] === true)} (not a verdict)`,
      },
      model: stringField(init, 'model') ?? model,
      usage: { ...usage, costUsd: numberField(result?.value, 'total_cost_usd') },
      metadata: {
        ...(stringField(init, 'cwd') === null ? {} : { cwd: stringField(init, 'cwd') }),
        ...(numberField(result?.value, 'num_turns') === null
          ? {}
          : { numTurns: numberField(result?.value, 'num_turns') }),
        ...(listField(result?.value, 'permission_denials')?.length
          ? { permissionDenials: listField(result?.value, 'permission_denials')!.length }
          : {}),
      },
    }),
    source: { file: first.file, record: 0 },
  };
}
