import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps, isSubmitCall } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  filledField,
  idField,
  listField,
  objectField,
  smallFieldsExcept,
  stringField,
} from '../blocks/fields.ts';
import { chatRole } from '../blocks/openaiChat.ts';
import { parseJson, parseObject, StepBuilder } from '../blocks/stepBuilder.ts';
import { goldPatch, isPatch, outcomeFields } from '../blocks/swe.ts';
import { readSweMessages, reviewedPatch } from '../blocks/sweMessages.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { AnswerText, Outcome, Step } from '../schema.ts';

/**
 * Rows of the published sets of software-engineering runs (nebius, nvidia, SWE-Gym, SWE-smith, R2E-Gym):
 * one run a row, messages in a column, beside columns for instance, patch and verdict.
 */
export const sweDataset: FormatAdapter = {
  id: 'swe-dataset',
  label: 'Data set of software-engineering runs',
  unit: 'record',
  detect,
  read: (records) => records.map(readRow),
};

const messageColumns = ['trajectory', 'messages', 'conversation', 'conversations'] as const;
const verdictColumns = [
  'resolved',
  'target',
  'exit_status',
  'model_patch',
  'generated_patch',
  'test_result',
  'traj_id',
  'trajectory_id',
  'run_id',
  'patch',
] as const;

/** The column that holds the messages, and its list; entered as JSON text where it is one. */
function messagesOf(value: JsonValue): { messages: JsonValue[]; path: string } | null {
  for (const column of messageColumns) {
    const list = listField(value, column);
    if (list) return { messages: list, path: `/${column}` };
    const text = stringField(value, column);
    const parsed = text?.trimStart().startsWith('[') ? parseJson(text) : undefined;
    if (Array.isArray(parsed)) return { messages: parsed, path: `/${column}/!json` };
  }
  return null;
}

function detect(sample: FormatSample): Detection | null {
  const value = sample.records.find((record) => isObject(record.value))?.value;
  if (!isObject(value) || idField(value, 'instance_id') === null) return null;
  const messages = messagesOf(value)?.messages;
  const isChat = messages?.some((item) => chatRole(stringField(item, 'role')) !== null) ?? false;
  if (!isChat) return null;
  const found = verdictColumns.filter((column) => column in value);
  return {
    certainty: found.length > 0 ? 0.92 : 0.86,
    evidence: `instance_id with messages${found.length > 0 ? ` and ${found.join(', ')}` : ''}`,
  };
}

function readRow(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const found = messagesOf(value);
  if (found) readSweMessages(builder, found.messages, found.path);
  const position = (path: string) => builder.position(path);
  const patch = patchColumn(value, builder) ?? reviewedPatch(builder.steps);
  const isInstance = 'test_patch' in value || 'problem_statement' in value;
  const instance = objectField(value, 'instance');
  const statement = filledField(value, 'problem_statement');
  return draftOf(record, sweDataset.id, builder, {
    id:
      idField(value, 'trajectory_id') ??
      idField(value, 'traj_id') ??
      idField(value, 'run_id') ??
      `${record.file}#${record.record}`,
    instanceId: idField(value, 'instance_id'),
    task:
      statement === null
        ? taskFromSteps(builder.steps)
        : { text: statement, at: position('/problem_statement'), via: 'problem_statement' },
    finalAnswer: answerOf(builder.steps, patch),
    patch,
    groundTruth:
      (isInstance ? goldPatch(value, position, '') : null) ?? goldPatch(instance, position, '/instance'),
    outcome:
      outcomeFields(value) ??
      targetVerdict(value) ??
      outcomeFields(report(value), 'test_result.') ??
      statusOnly(value),
    model: stringField(value, 'model_name') ?? stringField(value, 'model'),
    metadata: smallFieldsExcept(value, [
      ...messageColumns,
      ...patchColumns,
      'tools',
      'eval_logs',
      'patch',
      'test_patch',
    ]),
  });
}

const patchColumns = ['model_patch', 'generated_patch', 'git_patch', 'output_patch'] as const;

function patchColumn(value: JsonObject, builder: StepBuilder): AnswerText | null {
  // In tables without instance columns `patch` is what the run produced.
  const own =
    'test_patch' in value || 'problem_statement' in value ? patchColumns : [...patchColumns, 'patch'];
  for (const key of own) {
    const text = filledField(value, key);
    if (text !== null && isPatch(text)) return { text, at: builder.position(`/${key}`), via: key };
  }
  const inResult = filledField(objectField(value, 'test_result'), 'git_patch');
  const at = builder.position('/test_result/git_patch');
  return inResult === null || !isPatch(inResult)
    ? null
    : { text: inResult, at, via: 'test_result.git_patch' };
}

/** The patch is the answer of a software run; a closing "let me submit" is not. */
function answerOf(steps: readonly Step[], patch: AnswerText | null): AnswerText | null {
  if (patch) return patch;
  const last = steps.findLast((step) => step.type === 'toolCall');
  const answer = answerFromSteps(steps);
  return isSubmitCall(last) && answer?.via === 'last assistant message' ? null : answer;
}

/** `test_result` is an object, JSON text of one, or one with the report inside. */
function report(value: JsonObject): JsonObject | null {
  const text = stringField(value, 'test_result');
  const result = objectField(value, 'test_result') ?? (text === null ? null : parseObject(text));
  return objectField(result, 'report') ?? result;
}

/** nebius: a boolean `target` tells whether the tests passed. Other rows call the expected answer so. */
function targetVerdict(value: JsonObject): Outcome | null {
  const { target } = value;
  const isNebius = 'exit_status' in value || 'generated_patch' in value;
  return isNebius && typeof target === 'boolean'
    ? { success: target, reward: null, reason: `target = ${target}` }
    : null;
}

function statusOnly(value: JsonObject) {
  const status = stringField(value, 'exit_status');
  return status === null ? noOutcome : { ...noOutcome, reason: `exit_status = ${status} (not a verdict)` };
}
