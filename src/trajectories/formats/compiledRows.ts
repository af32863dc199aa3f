import { isObject, type JsonValue } from '../../core/json.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, idField, listField, objectField, smallFields } from '../blocks/fields.ts';
import { readChatMessages } from '../blocks/openaiChat.ts';
import { patchedFiles } from '../extract/repoPath.ts';
import { answerOfLastText, questionRange, textTruth } from '../extract/answers.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import type { AgentKind, AnswerText, GroundTruth, KindInference } from '../schema.ts';

/** Rows of the published ACC set: already compiled question and answer in `dialogs`, no turns. */
export const accRows: FormatAdapter = {
  id: 'acc-dataset',
  label: 'ACC dataset rows (compiled)',
  unit: 'record',
  detect(sample) {
    const value = sample.records[0]?.value;
    if (!isObject(value) || !listField(value, 'dialogs') || !('ground_truth_answer' in value)) return null;
    return { certainty: 0.97, evidence: 'dialogs with ground_truth_answer' };
  },
  read: (records) => records.map(readAcc),
};

function readAcc(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  readChatMessages(builder, listField(value, 'dialogs') ?? [], '/dialogs');
  const truth = filledField(value, 'ground_truth_answer') ?? idField(value, 'ground_truth_answer');
  const at = builder.position('/ground_truth_answer');
  return draftOf(record, accRows.id, builder, {
    id: idField(value, 'id') ?? `${record.file}#${String(record.record)}`,
    instanceId: idField(value, 'instance_id'),
    kind: compiledKind(record.file, value, truth),
    task: lastQuestion(builder),
    finalAnswer: answerOfLastText(builder.steps),
    groundTruth: truth === null ? null : truthOf(truth, at),
    outcome: { ...noOutcome, success: true, reason: 'the published set keeps answers that were verified' },
    metadata: smallFields(value, ['context_length', 'instance_id', 'repo', 'base_commit', 'source']),
  });
}

function truthOf(truth: string, at: GroundTruth['at']): GroundTruth {
  const form = patchedFiles(truth).length > 0 ? 'patch' : 'text';
  return { form, values: [truth], at, via: 'ground_truth_answer' };
}

/** The set's files are named after the agent; rows of repositories name their commit. */
function compiledKind(file: string, value: JsonValue, truth: string | null): KindInference {
  const named = /(search|swe|sql)_agent/.exec(file)?.[1];
  if (named) return { kind: named as AgentKind, reason: `file of the ${named} agent's compiled rows` };
  if (isObject(value) && ('base_commit' in value || 'repo' in value))
    return { kind: 'swe', reason: 'row names a repository' };
  if (truth !== null && patchedFiles(truth).length > 0)
    return { kind: 'swe', reason: 'the answer is a patch' };
  return { kind: 'other', reason: 'already compiled; no tool calls left to judge by' };
}

/** The question closes the context; where nothing marks it, its last paragraph is taken. */
function lastQuestion(builder: StepBuilder): AnswerText | null {
  const step = builder.steps.find((one) => one.type === 'message' && one.role === 'user');
  if (!step) return null;
  const { start, end, via } = questionRange(step.text);
  if (start > 0) return { text: step.text.slice(start, end), at: step.at, via };
  const text = step.text.trimEnd();
  const paragraph = text.slice(text.lastIndexOf('\n\n') + 1).trim();
  return {
    text: paragraph.length > 8 && paragraph.length < 8000 ? paragraph : text.slice(-2000),
    at: step.at,
    via: 'last paragraph of the prompt',
  };
}

/** LongTraceRL rows: documents and question in one prompt, `label` the answer, details in `metadata`. */
export const longTraceRows: FormatAdapter = {
  id: 'longtrace-rl',
  label: 'LongTraceRL rows (compiled)',
  unit: 'record',
  detect(sample) {
    const value = sample.records[0]?.value;
    if (!isObject(value) || !listField(value, 'input_messages') || !('label' in value)) return null;
    return { certainty: 0.95, evidence: 'input_messages with label' };
  },
  read: (records) => records.map(readLongTrace),
};

function readLongTrace(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  readChatMessages(builder, listField(value, 'input_messages') ?? [], '/input_messages');
  const extra = objectField(objectField(value, 'metadata'), 'extra_reward_info');
  const question = filledField(extra, 'question');
  const at = builder.position('/metadata/extra_reward_info/question');
  return draftOf(record, longTraceRows.id, builder, {
    id: idField(value, 'id') ?? `${record.file}#${String(record.record)}`,
    kind: { kind: 'search', reason: 'rows are built from search agents; the documents stand in the prompt' },
    task:
      question === null
        ? lastQuestion(builder)
        : { text: question.trim(), at, via: 'metadata.extra_reward_info.question' },
    groundTruth: textTruth(value['label'], builder.position('/label'), 'label'),
    outcome: { ...noOutcome, reason: 'a training row without an answer by a model' },
    metadata: smallFields(value, ['source']),
  });
}
