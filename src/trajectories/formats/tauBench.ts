import { isObject } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, idField, listField, numberField, objectField, smallFields } from '../blocks/fields.ts';
import { readChatMessages } from '../blocks/openaiChat.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { outcomeFields } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import { firstValue } from './chat.ts';

/** tau-bench: `traj` of chat messages; the user's instruction and the expected outputs stand in `info.task`. */
export const tauBench: FormatAdapter = {
  id: 'tau-bench',
  label: 'tau-bench run',
  unit: 'record',
  detect: (sample) => {
    const value = firstValue(sample);
    if (!isObject(value) || !listField(value, 'traj') || !('reward' in value)) return null;
    return { certainty: 0.95, evidence: 'traj with task_id, reward and info' };
  },
  read: (records) => records.map(readTau),
};

function readTau(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  readChatMessages(builder, listField(value, 'traj') ?? [], '/traj', { tags: false });
  const task = objectField(objectField(value, 'info'), 'task');
  const instruction = filledField(task, 'instruction');
  const outputs = (listField(task, 'outputs') ?? []).filter(
    (item) => typeof item === 'string' && item !== '',
  ) as string[];
  const taskId = idField(value, 'task_id');
  const trial = numberField(value, 'trial');
  return draftOf(record, tauBench.id, builder, {
    id: taskId === null ? `${record.file}#${record.record}` : `task ${taskId}, trial ${trial ?? 0}`,
    instanceId: taskId === null ? null : `task ${taskId}`,
    task:
      instruction === null
        ? taskFromSteps(builder.steps)
        : {
            text: instruction,
            at: builder.position('/info/task/instruction'),
            via: 'info.task.instruction (the user turns tell it piece by piece)',
          },
    finalAnswer: answerFromSteps(builder.steps),
    groundTruth:
      outputs.length === 0
        ? null
        : {
            form: 'text',
            values: outputs,
            at: builder.position('/info/task/outputs'),
            via: 'info.task.outputs',
          },
    outcome: outcomeFields(value) ?? noOutcome,
    metadata: { ...smallFields(value, ['task_id', 'trial']), ...smallFields(task, ['user_id']) },
  });
}
