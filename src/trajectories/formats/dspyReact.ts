import { isObject, type JsonObject } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { readCall, readReturned } from '../blocks/contentParts.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, idField, objectField, smallFieldsExcept, stringField } from '../blocks/fields.ts';
import { StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { outcomeFields } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import { fieldTruth, firstValue } from './chat.ts';

/** Fields that a signature names its input and its output by, the most usual first. */
const inputKeys = [
  'question',
  'query',
  'task',
  'claim',
  'user_request',
  'problem',
  'input',
  'request',
] as const;
const outputKeys = ['answer', 'final_answer', 'response', 'output', 'result', 'process_result'] as const;

/**
 * Predictions of DSPy's ReAct: a `trajectory` of numbered fields (`thought_0`, `tool_name_0`, `tool_args_0`,
 * `observation_0`) beside the fields of the signature.
 */
export const dspyReact: FormatAdapter = {
  id: 'dspy-react',
  label: 'DSPy ReAct prediction',
  unit: 'record',
  detect: (sample) => {
    const trajectory = objectField(firstValue(sample), 'trajectory');
    if (stringField(trajectory, 'tool_name_0') === null) return null;
    return { certainty: 0.95, evidence: 'trajectory with tool_name_0' };
  },
  read: (records) => records.map(readPrediction),
};

function readPrediction(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const asked = inputKeys.find((key) => filledField(value, key) !== null);
  if (asked) builder.message('user', wholeText(filledField(value, asked) ?? '', `/${asked}`));
  const trajectory = objectField(value, 'trajectory') ?? {};
  for (let turn = 0; stringField(trajectory, `tool_name_${turn}`) !== null; turn++)
    readTurn(builder, trajectory, turn);
  const reasoning = filledField(value, 'reasoning');
  builder.beginTurn();
  if (reasoning !== null) builder.reasoning(wholeText(reasoning, '/reasoning'));
  const answered = outputKeys.find((key) => filledField(value, key) !== null);
  if (answered) builder.message('assistant', wholeText(filledField(value, answered) ?? '', `/${answered}`));
  // What the signature calls its answer is the prediction, not the truth.
  const others = Object.fromEntries(Object.entries(value).filter(([key]) => key !== answered));
  return draftOf(record, dspyReact.id, builder, {
    id: idField(value, 'id') ?? `${record.file}#${record.record}`,
    task: taskFromSteps(builder.steps),
    finalAnswer: answerFromSteps(builder.steps),
    groundTruth: fieldTruth(others, builder),
    outcome: outcomeFields(value) ?? noOutcome,
    metadata: smallFieldsExcept(others, ['trajectory', 'reasoning', ...inputKeys]),
  });
}

function readTurn(builder: StepBuilder, trajectory: JsonObject, turn: number): void {
  builder.beginTurn();
  const thought = filledField(trajectory, `thought_${turn}`);
  if (thought !== null) builder.reasoning(wholeText(thought, `/trajectory/thought_${turn}`));
  const name = stringField(trajectory, `tool_name_${turn}`) ?? 'unknown';
  readCall(builder, name, null, trajectory[`tool_args_${turn}`], `/trajectory/tool_args_${turn}`);
  const observation = trajectory[`observation_${turn}`];
  if (observation === undefined) return;
  const isError = typeof observation === 'string' && observation.startsWith('Execution error in ');
  readReturned(builder, observation, `/trajectory/observation_${turn}`, { name, isError });
}
