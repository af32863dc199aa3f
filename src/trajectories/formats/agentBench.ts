import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, idField, listField, objectField, smallFields, stringField } from '../blocks/fields.ts';
import { findFences } from '../blocks/tagText.ts';
import { StepBuilder, textSlice, trimmedSlice, wholeText } from '../blocks/stepBuilder.ts';
import { acceptedAnswers } from '../extract/answers.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import type { AnswerText } from '../schema.ts';

/**
 * AgentBench `runs.jsonl` (dbbench and tasks of its style): `output.history` of user and agent turns; and the same
 * dialogues as fine-tuning sets keep them (AgentInstruct, AgentGym), in `conversations`.
 */
export const agentBench: FormatAdapter = {
  id: 'agentbench',
  label: 'AgentBench runs (also AgentInstruct, AgentGym)',
  unit: 'record',
  detect(sample) {
    const value = sample.records[0]?.value;
    const output = objectField(value, 'output');
    if (isDialogue(value))
      return { certainty: 0.86, evidence: 'conversations with "Action:" before fenced code' };
    if (!output || !listField(output, 'history')) return null;
    const isSure = 'index' in (isObject(value) ? value : {}) || 'status' in output;
    return { certainty: isSure ? 0.95 : 0.7, evidence: 'output.history with output.result' };
  },
  read: (records) => records.map(readRun),
};

/** A turn that acts as these tasks ask for: an operation in a fence (LangChain's holds JSON), or a shell's `Act:`. */
const acting =
  /(?:^|\n)(?:Action:[ \t]*(?:Operation[ \t]*)?\n```(?!\w*\s*\{)|Act:[ \t]*bash[ \t]*\n\s*```|Act:[ \t]*(?:answer\(|finish))/;

function isDialogue(value: JsonValue | undefined): boolean {
  const turns = listField(value, 'conversations')?.slice(0, 12) ?? [];
  return turns.some(
    (turn) => stringField(turn, 'from') === 'gpt' && acting.test(stringField(turn, 'value') ?? ''),
  );
}

interface Turn {
  readonly isUser: boolean;
  readonly content: string;
  readonly path: string;
}

function turnsOf(value: JsonObject): Turn[] {
  const output = objectField(value, 'output');
  const history = listField(output, 'history');
  const [list, path, role, key] = history
    ? ([history, '/output/history', 'role', 'content'] as const)
    : ([listField(value, 'conversations') ?? [], '/conversations', 'from', 'value'] as const);
  return list.flatMap((turn, i): Turn[] => {
    const content = stringField(turn, key);
    const isUser = /^(?:user|human)$/.test(stringField(turn, role) ?? '');
    return content === null ? [] : [{ isUser, content, path: `${path}/${String(i)}/${key}` }];
  });
}

function readRun(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const output = objectField(value, 'output') ?? {};
  const builder = new StepBuilder(record.file, record.record);
  let answer: AnswerText | null = null;
  let hasAsked = false;
  for (const [i, { isUser, content, path }] of turnsOf(value).entries()) {
    if (isUser) {
      if (builder.hasOpenCall) readOutput(builder, content, path);
      else builder.message('user', wholeText(content, path), hasAsked && answer === null && i > 2);
      hasAsked = true;
    } else answer = readAgent(builder, content, path) ?? answer;
  }
  const index = idField(value, 'index');
  return draftOf(record, agentBench.id, builder, {
    id: idField(value, 'id') ?? idField(value, 'item_id') ?? `${record.file}#${String(record.record)}`,
    instanceId: index === null ? null : `agentbench/${index}`,
    task: taskOf(builder),
    finalAnswer: answer ?? resultAnswer(builder, output),
    outcome: { ...noOutcome, reason: outcomeReason(output) },
    metadata: { ...smallFields(value, ['index', 'error']), ...smallFields(output, ['status']) },
  });
}

function outcomeReason(output: JsonObject): string {
  const status = stringField(output, 'status');
  if (status !== null) return `output.status = ${status} (not a verdict)`;
  return listField(output, 'history') ? 'scores stand in overall.json' : noOutcome.reason;
}

const shellLabel = 'The output of the OS:';

/** What an operation returned; the shell's is labelled. */
function readOutput(builder: StepBuilder, content: string, path: string): void {
  const isLabelled = content.trimStart().startsWith(shellLabel);
  const start = isLabelled ? content.indexOf(shellLabel) + shellLabel.length : 0;
  builder.toolResult(
    (isLabelled ? trimmedSlice(content, path, start, content.length) : null) ?? wholeText(content, path),
  );
}

/** An agent's turn: `Action: Operation` with fenced SQL (or a shell's `Act: bash`) is a call, `Final Answer:` the answer. */
function readAgent(builder: StepBuilder, content: string, path: string): AnswerText | null {
  builder.beginTurn();
  const fence = findFences(content).find((one) => /^(?:sql|mysql|bash|sh|shell|python)?$/i.test(one.info));
  const isOperation = fence !== undefined && !/Action:\s*Answer/i.test(content.slice(0, fence.outerStart));
  const prose = trimmedSlice(content, path, 0, isOperation ? fence.outerStart : content.length);
  if (prose) builder.message('assistant', prose);
  if (isOperation) {
    builder.toolCall(textSlice(content, path, fence.start, fence.end), { name: toolOf(fence.info) });
    return null;
  }
  const act = /(?:^|\n)Act:[ \t]*answer\(([^]*)\)\s*$/.exec(content)?.[1]?.trim();
  if (act) return { text: act, at: builder.position(path), via: 'answer(…)' };
  const mark = content.lastIndexOf('Final Answer:');
  if (mark < 0) return null;
  const text = content.slice(mark + 'Final Answer:'.length).trim();
  return text === '' ? null : { text, at: builder.position(path), via: 'Final Answer:' };
}

/** Database tasks mark their fences as SQL or not at all, operating-system tasks by their shell. */
function toolOf(info: string): string {
  if (/^(?:bash|sh|shell)$/i.test(info)) return 'bash';
  return /^python$/i.test(info) ? 'python' : 'execute_sql';
}

/** The question is the last turn of the user before the first action; the first turn explains the rules. */
function taskOf(builder: StepBuilder): AnswerText | null {
  const firstCall = builder.steps.findIndex((step) => step.type === 'toolCall');
  const users = builder.steps.filter(
    (step) => step.type === 'message' && step.role === 'user' && (firstCall < 0 || step.index < firstCall),
  );
  const step = users.at(-1);
  if (!step) return null;
  // Operating-system tasks put the rules and the problem into one turn.
  const mark = /\b(?:now, )?my problem is:\s*/i.exec(step.text);
  const text = (mark ? step.text.slice(mark.index + mark[0].length) : step.text).trim();
  return { text, at: step.at, via: 'last user turn before the first action' };
}

function resultAnswer(builder: StepBuilder, output: JsonObject): AnswerText | null {
  const { result } = output;
  const holder = isObject(result) ? result['answer'] : result;
  const path = isObject(result) ? '/output/result/answer' : '/output/result';
  const [text] = acceptedAnswers(holder);
  return text === undefined ? null : { text, at: builder.position(path), via: 'output.result' };
}

/** AgentBench dbbench tasks: questions with their tables, not runs. Recognised so that nobody wonders where they went. */
export const agentBenchTasks: FormatAdapter = {
  id: 'agentbench-tasks',
  label: 'AgentBench database tasks (no runs)',
  unit: 'file',
  detect(sample) {
    const value = sample.records[0]?.value;
    const isTask = filledField(value, 'description') !== null && objectField(value, 'table') !== null;
    const hasTable = objectField(objectField(value, 'table'), 'table_info') !== null;
    return isTask && hasTable ? { certainty: 0.96, evidence: 'description with table.table_info' } : null;
  },
  read(records, context) {
    const [first] = records;
    if (first?.record === 0) {
      context.report({
        severity: 'info',
        code: 'tasks-without-runs',
        message: 'This file holds database tasks and their tables, no runs; add it beside AgentBench runs.',
        file: first.file,
        record: null,
        path: null,
        byteOffset: first.byteStart,
      });
    }
    return [];
  },
};

/** BIRD mini-dev predictions: an object of index to one SQL text that ends with the database's name. */
export const birdMiniDev: FormatAdapter = {
  id: 'bird-mini-dev',
  label: 'BIRD predictions',
  unit: 'record',
  detect(sample) {
    const first = sample.records[0]?.value;
    const isMap = isObject(first) && Object.values(first).slice(0, 3).some(isPrediction);
    return isPrediction(first) || isMap
      ? { certainty: 0.95, evidence: 'SQL ending in "----- bird -----"' }
      : null;
  },
  read: (records) => records.flatMap(readPredictions),
};

const SEPARATOR = '----- bird -----';

function isPrediction(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value.includes(SEPARATOR);
}

function readPredictions(record: RawRecord): DraftTrajectory[] {
  if (isPrediction(record.value)) return [readPrediction(record, record.value, '', record.key)];
  if (!isObject(record.value)) return [];
  return Object.entries(record.value).flatMap(([key, text]) =>
    isPrediction(text)
      ? [readPrediction(record, text, `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`, key)]
      : [],
  );
}

function readPrediction(record: RawRecord, text: string, path: string, key: string | null): DraftTrajectory {
  const builder = new StepBuilder(record.file, record.record);
  const at = text.indexOf(SEPARATOR);
  const slice = trimmedSlice(text, path, 0, at);
  if (slice) builder.toolCall(slice, { name: 'predicted_sql' });
  const id = `${record.file}#${String(record.record)}`;
  return draftOf(record, birdMiniDev.id, builder, {
    id: path === '' ? id : `${id}.${key ?? ''}`,
    instanceId: key === null ? null : `bird/${key}`,
    database: text.slice(at + SEPARATOR.length).trim() || null,
    finalAnswer: slice
      ? { text: slice.text, at: builder.position(path), via: 'SQL before the separator' }
      : null,
  });
}
