import { isObject, type JsonValue } from '../../core/json.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  booleanField,
  filledField,
  idField,
  listField,
  numberField,
  smallFields,
  stringField,
} from '../blocks/fields.ts';
import { chatRole, readChatMessages } from '../blocks/openaiChat.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { answerOfLastText, questionRange, textTruth } from '../extract/answers.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { AnswerText, Outcome } from '../schema.ts';

/** WebDancer and WebSailor rows: chats with `<tool_call>` and `<tool_response>`, question after the tool list. */
export const webDancer: FormatAdapter = {
  id: 'webdancer',
  label: 'WebDancer / WebSailor',
  unit: 'record',
  detect(sample) {
    const value = sample.records[0]?.value;
    if (!hasTaggedSearch(value)) return null;
    if ('functions' in value && 'answer' in value) {
      return { certainty: 0.95, evidence: 'messages with <tool_call>, functions and answer' };
    }
    const isTagged = stringField(value, 'task')?.startsWith('agent/') || 'answer' in value;
    return isTagged
      ? { certainty: 0.85, evidence: 'messages with <tool_call> search calls, and answer' }
      : null;
  },
  read: (records) => records.map((record) => readRow(record, 'webdancer')),
};

/** Tongyi DeepResearch results (`iterN.jsonl`): question, prediction, termination beside the messages. */
export const tongyiDeepResearch: FormatAdapter = {
  id: 'tongyi-deepresearch',
  label: 'Tongyi DeepResearch',
  unit: 'record',
  detect(sample: FormatSample): Detection | null {
    const value = sample.records[0]?.value;
    if (!isObject(value) || !listField(value, 'messages')) return null;
    if (!('prediction' in value) || !('question' in value)) return null;
    const isSure = 'termination' in value;
    return { certainty: isSure ? 0.97 : 0.8, evidence: 'question, prediction and messages' };
  },
  read: (records) => records.map((record) => readRow(record, 'tongyi-deepresearch')),
};

function hasTaggedSearch(value: JsonValue | undefined): value is Record<string, JsonValue> {
  const messages = listField(value, 'messages') ?? [];
  return messages.slice(0, 8).some((message) => {
    const content = stringField(message, 'content');
    if (content === null || chatRole(stringField(message, 'role')) !== 'assistant') return false;
    return (
      content.includes('<tool_call>') && /"name":\s*"(?:search|visit|google_scholar|browse)/i.test(content)
    );
  });
}

function readRow(record: RawRecord, format: string): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  readChatMessages(builder, listField(value, 'messages') ?? [], '/messages');
  const answerKey = ['answer', 'ground_truth', 'label'].find((key) => key in value) ?? 'answer';
  return draftOf(record, format, builder, {
    id: idField(value, 'id') ?? `${record.file}#${String(record.record)}`,
    instanceId: idField(value, 'id') ?? idField(value, 'question_id'),
    task: taskOf(builder, value),
    finalAnswer: answerOf(builder, value),
    groundTruth: textTruth(value[answerKey], builder.position(`/${answerKey}`), answerKey),
    outcome: outcomeOf(value),
    model: filledField(value, 'model'),
    metadata: smallFields(value, [
      'tag',
      'task',
      'type',
      'termination',
      'rollout_id',
      'rollout_idx',
      'source',
    ]),
  });
}

function taskOf(builder: StepBuilder, value: JsonValue): AnswerText | null {
  const question = filledField(value, 'question');
  if (question !== null) return { text: question.trim(), at: builder.position('/question'), via: 'question' };
  const step = builder.steps.find((one) => one.type === 'message' && one.role === 'user');
  if (!step) return null;
  const { start, end, via } = questionRange(step.text);
  return end > start ? { text: step.text.slice(start, end), at: step.at, via } : null;
}

function answerOf(builder: StepBuilder, value: JsonValue): AnswerText | null {
  const prediction = filledField(value, 'prediction');
  if (prediction !== null && !/^\[?(?:failed|no answer|error)/i.test(prediction)) {
    return { text: prediction.trim(), at: builder.position('/prediction'), via: 'prediction' };
  }
  return answerOfLastText(builder.steps);
}

function outcomeOf(value: JsonValue): Outcome {
  for (const key of ['is_correct', 'correct', 'judge', 'success']) {
    const verdict = booleanField(value, key);
    if (verdict !== null) return { success: verdict, reward: null, reason: `${key} = ${String(verdict)}` };
  }
  const reward = numberField(value, 'reward') ?? numberField(value, 'score');
  if (reward !== null) return { success: reward >= 1, reward, reason: `reward = ${String(reward)}` };
  const end = filledField(value, 'termination');
  return end === null
    ? noOutcome
    : { ...noOutcome, reason: `termination = ${end.slice(0, 80)} (not a verdict)` };
}
