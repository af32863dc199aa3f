import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { contentTexts } from '../blocks/contentParts.ts';
import { draftOf } from '../blocks/draft.ts';
import {
  booleanField,
  filledField,
  idField,
  listField,
  numberField,
  objectField,
  smallFieldsExcept,
  stringField,
} from '../blocks/fields.ts';
import { readChatMessages } from '../blocks/openaiChat.ts';
import { decodedText, StepBuilder, wholeText, type TextSlice } from '../blocks/stepBuilder.ts';
import { goldPatch } from '../blocks/swe.ts';
import { taskFromSteps, taskRange } from '../blocks/taskText.ts';
import type {
  Detection,
  DraftTrajectory,
  FormatAdapter,
  FormatContext,
  FormatSample,
  RawRecord,
} from '../format.ts';
import type { AnswerText, GroundTruth, Outcome, Usage } from '../schema.ts';

/**
 * Inspect AI logs: a sample is a run, `messages` is canonical. A record is the whole JSON log, or one sample
 * with the log's header around it (samples of `.eval` archives). Texts kept as `attachment://<hash>` are read
 * from the sample's `attachments`.
 */
export const inspectAi: FormatAdapter = {
  id: 'inspect-ai',
  label: 'Inspect AI log',
  unit: 'record',
  detect,
  read: (records, context) => records.flatMap((record) => readRecord(record, context)),
};

function isSample(value: JsonValue | undefined): boolean {
  if (!isObject(value) || !('epoch' in value) || !('input' in value)) return false;
  return Array.isArray(value['messages']) || 'output' in value || 'scores' in value;
}

function isHeader(value: JsonValue | null | undefined): boolean {
  return (
    isObject(value) && isObject(value['eval']) && ('plan' in value || 'status' in value || 'version' in value)
  );
}

function detect(sample: FormatSample): Detection | null {
  const value = sample.records.find((record) => isObject(record.value))?.value;
  if (isSample(value)) {
    const certainty = isHeader(sample.envelope) ? 0.97 : 0.9;
    return { certainty, evidence: 'samples with epoch, input and messages' };
  }
  if (isHeader(value) && isObject(value)) {
    const samples = listField(value, 'samples');
    if (samples === null || samples.length === 0) {
      return { certainty: 0.6, evidence: 'eval and plan of an Inspect log without samples' };
    }
    return { certainty: 0.97, evidence: 'eval, plan and samples' };
  }
  return null;
}

function readRecord(record: RawRecord, context: FormatContext): DraftTrajectory[] {
  const { value } = record;
  if (isSample(value) && isObject(value)) {
    return [readSample(record, value, '', isObject(context.envelope) ? context.envelope : null)];
  }
  const samples = listField(value, 'samples');
  if (!samples || !isObject(value)) {
    context.report({
      severity: 'warning',
      code: 'log-without-samples',
      message: 'The Inspect log holds no samples; it may have been written with log_samples off.',
      file: record.file,
      record: record.record,
      path: '/samples',
      byteOffset: record.byteStart,
    });
    return [];
  }
  return samples.flatMap((sample, index) =>
    isObject(sample) ? [readSample(record, sample, `/samples/${index}`, value)] : [],
  );
}

const attachmentScheme = 'attachment://';

/** Gives back the text that a reference stands for; a reference inside other text gives decoded text. */
function attachmentReader(attachments: JsonObject, path: string): (slice: TextSlice) => TextSlice {
  return (slice) => {
    if (!slice.text.startsWith(attachmentScheme)) return slice;
    const hash = slice.text.slice(attachmentScheme.length).trim();
    const text = stringField(attachments, hash);
    if (text === null) return slice;
    const at = joinPath(`${path}/attachments`, hash);
    return slice.range === null ? decodedText(text, at) : wholeText(text, at);
  };
}

function readSample(
  record: RawRecord,
  sample: JsonObject,
  path: string,
  header: JsonObject | null,
): DraftTrajectory {
  const builder = new StepBuilder(record.file, record.record);
  const attachments = objectField(sample, 'attachments');
  if (attachments) builder.substitute = attachmentReader(attachments, path);
  readChatMessages(builder, listField(sample, 'messages') ?? [], `${path}/messages`);
  const evaluation = objectField(header, 'eval');
  const task = stringField(evaluation, 'task');
  const id = idField(sample, 'id');
  const metadata = objectField(sample, 'metadata');
  const position = (at: string) => builder.position(at);
  return draftOf(record, inspectAi.id, builder, {
    id:
      idField(sample, 'uuid') ??
      `${idField(evaluation, 'run_id') ?? record.file}/${id ?? record.record}/${idField(sample, 'epoch') ?? 1}`,
    instanceId: id === null ? null : task === null ? id : `${task}/${id}`,
    task: taskOf(sample, path, builder),
    finalAnswer: answerOf(sample, path, builder),
    groundTruth: goldPatch(metadata, position, `${path}/metadata`) ?? targetOf(sample, path, builder),
    outcome: outcomeOf(sample, header),
    model: stringField(objectField(sample, 'output'), 'model') ?? stringField(evaluation, 'model'),
    usage: usageOf(sample),
    metadata: {
      ...(task === null ? {} : { task }),
      ...(idField(sample, 'epoch') === null ? {} : { epoch: numberField(sample, 'epoch') }),
      ...(stringField(header, 'status') === null ? {} : { status: stringField(header, 'status') }),
      ...smallFieldsExcept(metadata, ['patch', 'test_patch']),
    },
  });
}

/** The input as given; a list of messages is read like the run's own. */
function taskOf(sample: JsonObject, path: string, builder: StepBuilder): AnswerText | null {
  const input = sample['input'];
  if (typeof input !== 'string') return taskFromSteps(builder.steps);
  const given = wholeText(input, `${path}/input`);
  const { text, path: at } = builder.substitute?.(given) ?? given;
  if (text.trim() === '') return taskFromSteps(builder.steps);
  const { start, end, via } = taskRange(text);
  return {
    text: text.slice(start, end),
    at: builder.position(at),
    via: via.replace('the first user message', 'input').replace('first user message', 'input'),
  };
}

function answerOf(sample: JsonObject, path: string, builder: StepBuilder): AnswerText | null {
  const submitted = answerFromSteps(builder.steps);
  if (submitted?.via.startsWith('arguments of')) return submitted;
  const message = objectField(listField(objectField(sample, 'output'), 'choices')?.[0], 'message');
  for (const given of contentTexts(message?.['content'], `${path}/output/choices/0/message/content`)) {
    const { text, path: at } = builder.substitute?.(given) ?? given;
    if (text.trim() !== '') return { text, at: builder.position(at), via: 'output.choices[0].message' };
  }
  return submitted;
}

function targetOf(sample: JsonObject, path: string, builder: StepBuilder): GroundTruth | null {
  const target = sample['target'];
  const values = (Array.isArray(target) ? target : [target]).flatMap((item) =>
    typeof item === 'string' && item.trim() !== ''
      ? [item.trim()]
      : typeof item === 'number'
        ? [String(item)]
        : [],
  );
  if (values.length === 0) return null;
  return { form: 'text', values, at: builder.position(`${path}/target`), via: 'target' };
}

const gradeValues: Readonly<Record<string, number>> = { C: 1, I: 0, P: 0.5, N: 0 };

/** A score's value in 0 … 1; null when it is neither a grade, a number nor a truth value. */
function scoreValue(score: JsonValue | undefined): number | null {
  const value = isObject(score) ? score['value'] : score;
  if (typeof value === 'string' && Object.hasOwn(gradeValues, value)) return gradeValues[value] ?? null;
  const flag = isObject(score) ? booleanField(score, 'value') : null;
  if (flag !== null && typeof value === 'boolean') return flag ? 1 : 0;
  return isObject(score) ? numberField(score, 'value') : typeof score === 'number' ? score : null;
}

function outcomeOf(sample: JsonObject, header: JsonObject | null): Outcome {
  const error = stringField(objectField(sample, 'error'), 'message') ?? filledField(sample, 'error');
  const scores = Object.entries(objectField(sample, 'scores') ?? {}).map(([name, score]) => ({
    name,
    shown: isObject(score) ? score['value'] : score,
    value: scoreValue(score),
  }));
  const first = scores.find((score) => score.value !== null);
  if (!first || first.value === null) {
    const status = stringField(header, 'status');
    if (error !== null)
      return { success: null, reward: null, reason: `no score; error: ${error.slice(0, 200)}` };
    return {
      success: null,
      reward: null,
      reason: `no score${status === null ? '' : `; status = ${status}`}`,
    };
  }
  const success = first.value >= 1 ? true : first.value <= 0 ? false : null;
  const shown = scores.map(
    ({ name, shown: value }) => `${name} = ${typeof value === 'object' ? '…' : String(value)}`,
  );
  return { success, reward: first.value, reason: `scores: ${shown.join(', ')}` };
}

function usageOf(sample: JsonObject): Usage {
  const all = Object.values(objectField(sample, 'model_usage') ?? {});
  const list = all.length > 0 ? all : [objectField(objectField(sample, 'output'), 'usage')];
  let inputTokens: number | null = null;
  let outputTokens: number | null = null;
  for (const usage of list) {
    const input = numberField(usage ?? undefined, 'input_tokens');
    const output = numberField(usage ?? undefined, 'output_tokens');
    if (input !== null) inputTokens = (inputTokens ?? 0) + input;
    if (output !== null) outputTokens = (outputTokens ?? 0) + output;
  }
  return { inputTokens, outputTokens, costUsd: null };
}
