import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { readCall, readReturned } from '../blocks/contentParts.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  filledField,
  idField,
  listField,
  objectField,
  smallFieldsExcept,
  stringField,
} from '../blocks/fields.ts';
import { StepBuilder, trimmedSlice, wholeText } from '../blocks/stepBuilder.ts';
import { outcomeFields } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import { joinPath } from '../sourcePath.ts';
import { fieldTruth, firstValue } from './chat.ts';

/**
 * Results of LangChain's AgentExecutor: `intermediate_steps` of pairs, an action (`tool`, `tool_input`, `log`)
 * and what it returned, between `input` and `output`.
 */
export const langChainAgent: FormatAdapter = {
  id: 'langchain-agent',
  label: 'LangChain agent run',
  unit: 'record',
  detect: (sample) => {
    const steps = listField(firstValue(sample), 'intermediate_steps');
    const found = steps?.some((step) => actionOf(step) !== null) ?? false;
    return found ? { certainty: 0.93, evidence: 'intermediate_steps of actions and observations' } : null;
  },
  read: (records) => records.map(readAgent),
};

/** The action of a step, as fields or as LangChain serialises an object of its own. */
function actionOf(step: JsonValue): { readonly value: JsonObject; readonly path: string } | null {
  const first = Array.isArray(step) ? step[0] : undefined;
  const kwargs = objectField(first, 'kwargs');
  const value = kwargs ?? first;
  return isObject(value) && stringField(value, 'tool') !== null
    ? { value, path: kwargs ? '/0/kwargs' : '/0' }
    : null;
}

function readAgent(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const asked = filledField(value, 'input');
  if (asked !== null) builder.message('user', wholeText(asked, '/input'));
  for (const [index, step] of (listField(value, 'intermediate_steps') ?? []).entries())
    readStep(builder, step, `/intermediate_steps/${index}`);
  const answered = filledField(value, 'output');
  if (answered !== null) {
    builder.beginTurn();
    builder.message('assistant', wholeText(answered, '/output'));
  }
  return draftOf(record, langChainAgent.id, builder, {
    id: idField(value, 'id') ?? idField(value, 'run_id') ?? `${record.file}#${record.record}`,
    task: taskFromSteps(builder.steps),
    finalAnswer: answerFromSteps(builder.steps),
    groundTruth: fieldTruth(value, builder),
    outcome: outcomeFields(value) ?? noOutcome,
    metadata: smallFieldsExcept(value, ['intermediate_steps', 'input', 'output', 'chat_history']),
  });
}

function readStep(builder: StepBuilder, step: JsonValue, path: string): void {
  const action = actionOf(step);
  if (!action || !Array.isArray(step)) return;
  const { value } = action;
  const at = `${path}${action.path}`;
  builder.beginTurn();
  const log = stringField(value, 'log') ?? '';
  // Agents with tool calls of their model log "Invoking: …"; ReAct agents log their thought before the action.
  const thought = trimmedSlice(log, joinPath(at, 'log'), 0, Math.max(0, log.search(/^\s*Action:/m)));
  if (thought) builder.reasoning(thought);
  const callId = idField(value, 'tool_call_id');
  const name = stringField(value, 'tool') ?? 'unknown';
  readCall(builder, name, callId, value['tool_input'], joinPath(at, 'tool_input'));
  if (step[1] !== undefined) readReturned(builder, step[1], `${path}/1`, { callId, name });
}
