import { isObject } from '../../core/json.ts';
import { booleanField, filledField, idField, listField, smallFields } from '../blocks/fields.ts';
import type { DraftTrajectory, FormatAdapter } from '../format.ts';
import { firstValue, genericChat } from './chat.ts';

/**
 * Runs of AgentDojo: a chat beside `utility` (whether the user's task was done) and `security` (of a run with an
 * injection: whether the attacker's was).
 */
export const agentDojo: FormatAdapter = {
  id: 'agentdojo',
  label: 'AgentDojo run',
  unit: 'record',
  detect: (sample) => {
    const value = firstValue(sample);
    const isRun =
      isObject(value) && 'user_task_id' in value && 'utility' in value && listField(value, 'messages');
    return isRun ? { certainty: 0.9, evidence: 'messages with user_task_id and utility' } : null;
  },
  read: (records, context) =>
    records.flatMap((record) =>
      genericChat.read([record], context).map((draft): DraftTrajectory => {
        const { value } = record;
        const success = booleanField(value, 'utility');
        const names = ['suite_name', 'user_task_id', 'injection_task_id'];
        const parts = names.map((name) => idField(value, name)).filter((part) => part !== null);
        return {
          ...draft,
          format: agentDojo.id,
          instanceId: parts.join('/'),
          outcome:
            success === null ? draft.outcome : { success, reward: null, reason: `utility = ${success}` },
          model: draft.model ?? filledField(value, 'pipeline_name'),
          metadata: smallFields(value, [...names, 'pipeline_name', 'attack_type', 'security', 'duration']),
        };
      }),
    ),
};
