import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  filledField,
  idField,
  listField,
  numberField,
  objectField,
  smallFields,
  stringField,
} from '../blocks/fields.ts';
import { chatRole, readChatMessage } from '../blocks/openaiChat.ts';
import { findTag } from '../blocks/tagSpan.ts';
import { findFences } from '../blocks/tagText.ts';
import {
  decodedText,
  jsonText,
  parseObject,
  StepBuilder,
  trimmedSlice,
  wholeText,
} from '../blocks/stepBuilder.ts';
import { acceptedAnswers, textTruth } from '../extract/answers.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import type { AnswerText } from '../schema.ts';

/** smolagents memory: a list of steps (`{steps: […]}` or the list itself), the first holding the task. */
export const smolagentsMemory: FormatAdapter = {
  id: 'smolagents-memory',
  label: 'smolagents memory',
  unit: 'file',
  detect(sample) {
    const steps = sample.records.flatMap((record) => stepsOf(record).map((step) => step.value));
    const acted = steps.some(
      (step) => 'step_number' in step && ('model_output' in step || 'observations' in step),
    );
    return acted
      ? { certainty: 0.93, evidence: 'steps with step_number, model_output and observations' }
      : null;
  },
  read: readMemories,
};

interface PlacedStep {
  readonly value: JsonObject;
  readonly path: string;
}

function stepsOf(record: RawRecord): PlacedStep[] {
  const list = listField(record.value, 'steps') ?? (Array.isArray(record.value) ? record.value : null);
  if (!list) return isObject(record.value) ? [{ value: record.value, path: '' }] : [];
  const base = Array.isArray(record.value) ? '' : '/steps';
  return list.flatMap((value, i) => (isObject(value) ? [{ value, path: `${base}/${String(i)}` }] : []));
}

/** A file is one run of steps in records, or every record is a run of its own. */
function readMemories(records: readonly RawRecord[]): DraftTrajectory[] {
  const isPerRecord = records.some(
    (record) => listField(record.value, 'steps') !== null || Array.isArray(record.value),
  );
  const groups = isPerRecord ? records.map((record) => [record]) : splitRuns(records);
  return groups.flatMap((group) => {
    const [first] = group;
    return first ? [readMemory(first, group)] : [];
  });
}

/** Steps in records: a new task begins a new run. */
function splitRuns(records: readonly RawRecord[]): RawRecord[][] {
  const runs: RawRecord[][] = [];
  for (const record of records) {
    const current = runs.at(-1);
    if (!current || (filledField(record.value, 'task') !== null && current.length > 0)) runs.push([record]);
    else current.push(record);
  }
  return runs;
}

function readMemory(first: RawRecord, group: readonly RawRecord[]): DraftTrajectory {
  const builder = new StepBuilder(first.file, first.record);
  let task: AnswerText | null = null;
  let answer: AnswerText | null = null;
  for (const record of group) {
    builder.record = record.record;
    for (const { value, path } of stepsOf(record)) {
      const text = filledField(value, 'task');
      if (text !== null) {
        builder.message('user', wholeText(text, `${path}/task`));
        task ??= { text: text.trim(), at: builder.position(`${path}/task`), via: 'step with task' };
      } else answer = readStep(builder, value, path) ?? answer;
    }
  }
  return draftOf(first, smolagentsMemory.id, builder, {
    task,
    finalAnswer: answer,
    metadata: isObject(first.value) ? smallFields(first.value, ['agent', 'agent_name']) : {},
  });
}

/** Adds one action or planning step; gives the answer when it is the final one. */
function readStep(builder: StepBuilder, step: JsonObject, path: string): AnswerText | null {
  const system = filledField(step, 'system_prompt');
  if (system !== null) builder.message('system', wholeText(system, `${path}/system_prompt`));
  const plan = filledField(step, 'plan');
  if (plan !== null) builder.reasoning(wholeText(plan, `${path}/plan`));
  if (!('step_number' in step) && !('model_output' in step)) return null;
  builder.beginTurn();
  readOutput(builder, step, path);
  const seen = filledField(step, 'observations') ?? filledField(step, 'observation');
  const key = filledField(step, 'observations') !== null ? 'observations' : 'observation';
  const error = objectField(step, 'error');
  const message = filledField(error, 'message') ?? filledField(step, 'error');
  if (seen !== null) builder.toolResult(wholeText(seen, `${path}/${key}`));
  if (message !== null) {
    builder.toolResult(wholeText(message, error ? `${path}/error/message` : `${path}/error`), {
      isError: true,
    });
  }
  const output = step['action_output'] ?? step['output'];
  if (step['is_final_answer'] !== true && !hasFinalCall(step)) return null;
  const [text] = acceptedAnswers(output ?? null);
  return text === undefined
    ? null
    : { text, at: builder.position(`${path}/action_output`), via: 'action_output of the final step' };
}

function hasFinalCall(step: JsonObject): boolean {
  return (listField(step, 'tool_calls') ?? []).some((call) => callName(call) === 'final_answer');
}

function callName(call: JsonValue): string | null {
  return stringField(objectField(call, 'function'), 'name') ?? stringField(call, 'name');
}

/** The model's text, and its call: the code it wrote, or the listed tool calls. */
function readOutput(builder: StepBuilder, step: JsonObject, path: string): void {
  const output = filledField(step, 'model_output');
  const code = filledField(step, 'code_action');
  if (output !== null) {
    const at = `${path}/model_output`;
    const codeStart = code === null ? -1 : output.indexOf(code);
    const tag = findTag(output, 'code');
    const fence = findFences(output)[0];
    const end =
      codeStart >= 0
        ? Math.min(codeStart, tag?.outerStart ?? codeStart, fence?.outerStart ?? codeStart)
        : output.length;
    const prose = trimmedSlice(output, at, 0, end);
    if (prose) builder.reasoning(prose);
  }
  if (code !== null) {
    builder.toolCall(wholeText(code, `${path}/code_action`), {
      name: calledTool(code),
      arguments: codeArguments(code),
    });
    return;
  }
  for (const [i, call] of (listField(step, 'tool_calls') ?? []).entries()) {
    if (!isObject(call)) continue;
    const inner = objectField(call, 'function');
    const args = (inner ?? call)['arguments'];
    const at = `${path}/tool_calls/${String(i)}${inner ? '/function' : ''}/arguments`;
    const slice = typeof args === 'string' ? wholeText(args, at) : decodedText(jsonText(args ?? {}), at);
    builder.toolCall(slice, {
      name: callName(call) ?? 'unknown',
      callId: idField(call, 'id'),
      arguments: isObject(args) ? args : typeof args === 'string' ? parseObject(args) : null,
    });
  }
}

const KNOWN_CALL =
  /\b(web_search|search|visit_webpage|google_search|wikipedia_search|visit_page|inspect_file_as_text|final_answer)\s*\(/;

/** The tool that a code action calls first, `python` when it calls none that is known. */
function calledTool(code: string): string {
  return KNOWN_CALL.exec(code)?.[1] ?? 'python';
}

/** The first literal argument of that call, so that a search in code is seen as one. */
function codeArguments(code: string): JsonObject | null {
  const call = KNOWN_CALL.exec(code);
  const args: JsonObject = { code };
  if (!call) return args;
  const rest = code.slice(call.index + call[0].length, call.index + call[0].length + 2000);
  const literal = /^\s*(?:(\w+)\s*=\s*)?(?:f|r)?("""|'''|"|')([\s\S]*?)\2/.exec(rest);
  if (literal) args[literal[1] ?? (/visit|page/.test(call[1] ?? '') ? 'url' : 'query')] = literal[3] ?? '';
  return args;
}

/** smolagents GAIA results: one question a line, with `intermediate_steps`. */
export const smolagentsGaia: FormatAdapter = {
  id: 'smolagents-gaia',
  label: 'smolagents GAIA run',
  unit: 'record',
  detect(sample) {
    const value = sample.records[0]?.value;
    if (!isObject(value) || !listField(value, 'intermediate_steps') || !('prediction' in value)) return null;
    return { certainty: 0.96, evidence: 'intermediate_steps with prediction' };
  },
  read: (records) => records.map(readGaia),
};

function readGaia(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const question = filledField(value, 'question');
  if (question !== null) builder.message('user', wholeText(question, '/question'));
  for (const [i, step] of (listField(value, 'intermediate_steps') ?? []).entries()) {
    const path = `/intermediate_steps/${String(i)}`;
    if (typeof step === 'string') builder.other(wholeText(step, path), 'step');
    else if (!isObject(step)) continue;
    else if (chatRole(stringField(step, 'role')) !== null) readChatMessage(builder, step, path);
    else if (filledField(step, 'task') === null) readStep(builder, step, path);
  }
  const prediction = acceptedAnswers(value['prediction'])[0];
  const isFailed = value['agent_error'] !== null && value['agent_error'] !== undefined;
  return draftOf(record, smolagentsGaia.id, builder, {
    id: idField(value, 'task_id') ?? `${record.file}#${String(record.record)}`,
    instanceId: idField(value, 'task_id'),
    task:
      question === null
        ? null
        : { text: question.trim(), at: builder.position('/question'), via: 'question' },
    finalAnswer:
      prediction === undefined
        ? null
        : { text: prediction, at: builder.position('/prediction'), via: 'prediction' },
    groundTruth: textTruth(value['true_answer'], builder.position('/true_answer'), 'true_answer'),
    outcome: isFailed ? { ...noOutcome, reason: 'agent_error is set; no verdict in the log' } : noOutcome,
    model: filledField(value, 'agent_name') ?? filledField(value, 'model_id'),
    usage: { inputTokens: numberField(value, 'token_counts_input'), outputTokens: null, costUsd: null },
    metadata: smallFields(value, [
      'task',
      'iteration_limit_exceeded',
      'parsing_error',
      'start_time',
      'end_time',
    ]),
  });
}
