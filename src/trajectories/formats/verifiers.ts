import { isObject, type JsonValue } from '../../core/json.ts';
import { joinPath } from '../sourcePath.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { idField, objectField, smallFields, smallFieldsExcept, stringField } from '../blocks/fields.ts';
import { readChatMessages } from '../blocks/openaiChat.ts';
import { StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { outcomeFields } from '../blocks/swe.ts';
import { readTaggedAssistant } from '../blocks/tagText.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import { fieldTruth, firstValue } from './chat.ts';
import { isChat } from './chatRecord.ts';

/** Verifiers results: `prompt` and `completion` (messages or text) with `answer` and `reward`. */
export const verifiers: FormatAdapter = {
  id: 'verifiers',
  label: 'Prompt and completion (verifiers results)',
  unit: 'record',
  detect: (sample) => {
    const value = firstValue(sample);
    if (!isObject(value) || !('prompt' in value) || !('completion' in value)) return null;
    const isRun = isSide(value['prompt']) && isSide(value['completion']);
    if (!isRun) return null;
    const graded = 'reward' in value || 'answer' in value;
    return {
      certainty: graded ? 0.82 : 0.6,
      evidence: `prompt and completion${graded ? ' with reward or answer' : ''}`,
    };
  },
  read: (records) => records.map(readVerified),
};

function isSide(value: JsonValue | undefined): boolean {
  return typeof value === 'string' || (Array.isArray(value) && (value.length === 0 || isChat(value)));
}

function readVerified(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  for (const [key, role] of [
    ['prompt', 'user'],
    ['completion', 'assistant'],
  ] as const) {
    const side = value[key];
    const at = joinPath('', key);
    if (typeof side === 'string') {
      if (side.trim() === '') continue;
      if (role === 'user') builder.message(role, wholeText(side, at));
      else {
        builder.beginTurn();
        readTaggedAssistant(builder, side, at);
      }
    } else if (Array.isArray(side)) readChatMessages(builder, side, at);
  }
  const info = objectField(value, 'info');
  return draftOf(record, verifiers.id, builder, {
    id: idField(value, 'id') ?? `${record.file}#${record.record}`,
    instanceId: idField(value, 'example_id') ?? idField(value, 'task_id') ?? idField(info, 'instance_id'),
    task: taskFromSteps(builder.steps),
    finalAnswer: answerFromSteps(builder.steps),
    groundTruth: fieldTruth(value, builder),
    outcome: outcomeFields(value) ?? noOutcome,
    model: stringField(value, 'model'),
    metadata: {
      ...smallFieldsExcept(value, ['prompt', 'completion', 'answer', 'info']),
      ...smallFields(info, ['repo', 'base_commit', 'db_id']),
    },
  });
}
