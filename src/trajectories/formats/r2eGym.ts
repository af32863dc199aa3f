import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  filledField,
  idField,
  listField,
  numberField,
  objectField,
  smallFieldsExcept,
  stringField,
} from '../blocks/fields.ts';
import { StepBuilder, trimmedSlice, wholeText } from '../blocks/stepBuilder.ts';
import { goldPatch, outcomeFields, patchOf } from '../blocks/swe.ts';
import { readXmlFunction } from '../blocks/tagXml.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { Usage } from '../schema.ts';

/**
 * Runs of R2E-Gym's agent, as DeepSWE and rLLM train on them: `trajectory_steps[]` of thought, action and
 * observation, beside the issue (`problem_statement`), the patch and the reward.
 */
export const r2eGym: FormatAdapter = {
  id: 'r2e-gym',
  label: 'R2E-Gym trajectory',
  unit: 'record',
  detect,
  read: (records) => records.map(readRun),
};

function detect(sample: FormatSample): Detection | null {
  const first = listField(sample.records[0]?.value, 'trajectory_steps')?.[0];
  return isObject(first) && 'action' in first && 'observation' in first
    ? { certainty: 0.95, evidence: 'trajectory_steps[] of action and observation' }
    : null;
}

function readRun(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const position = (path: string) => builder.position(path);
  const system = filledField(objectField(value, 'agent_args'), 'system_prompt');
  if (system !== null) builder.message('system', wholeText(system, '/agent_args/system_prompt'));
  const issue = filledField(value, 'problem_statement');
  if (issue !== null) builder.message('user', wholeText(issue, '/problem_statement'));
  const steps = listField(value, 'trajectory_steps') ?? [];
  for (const [index, step] of steps.entries()) readStep(builder, step, `/trajectory_steps/${index}`);
  const instance = objectField(value, 'ds');
  const patch = patchOf(filledField(value, 'output_patch'), position('/output_patch'), 'output_patch');
  const exit = stringField(value, 'exit_reason');
  return draftOf(record, r2eGym.id, builder, {
    instanceId: idField(instance, 'instance_id') ?? idField(value, 'instance_id'),
    task:
      issue === null ? null : { text: issue, at: position('/problem_statement'), via: 'problem_statement' },
    finalAnswer: patch ?? answerFromSteps(builder.steps),
    patch,
    groundTruth: goldPatch(instance, position, '/ds'),
    outcome:
      outcomeFields(value) ??
      (exit === null ? noOutcome : { ...noOutcome, reason: `exit_reason = ${exit} (not a verdict)` }),
    model: filledField(value, 'llm_name'),
    usage: usageOf(steps),
    metadata: smallFieldsExcept(value, [
      ...[
        'trajectory_steps',
        'problem_statement',
        'output_patch',
        'test_output',
        'agent_args',
        'env_args',
        'ds',
      ],
    ]),
  });
}

function readStep(builder: StepBuilder, step: JsonValue, path: string): void {
  if (!isObject(step)) return;
  builder.beginTurn();
  const thought = filledField(step, 'thought');
  if (thought !== null) builder.reasoning(wholeText(thought, `${path}/thought`));
  const isCalled = readAction(builder, step, `${path}/action`);
  const observation = stringField(step, 'observation');
  if (observation !== null && (observation !== '' || isCalled))
    builder.toolResult(wholeText(observation, `${path}/observation`));
}

/** A call in XML, or a command line. Gives whether there was one. */
function readAction(builder: StepBuilder, step: JsonObject, path: string): boolean {
  const action = stringField(step, 'action') ?? '';
  const start = action.indexOf('<function=');
  if (start >= 0 && readXmlFunction(builder, action, path, start, () => undefined) > 0) return true;
  const command = trimmedSlice(action, path, 0, action.length);
  if (command) builder.toolCall(command, { name: /^[\w.-]{1,80}/.exec(command.text)?.[0] ?? 'bash' });
  return command !== null;
}

function usageOf(steps: readonly JsonValue[]): Usage {
  const total = (key: string): number | null => {
    const counts = steps.flatMap((step) => numberField(step, key) ?? []);
    return counts.length === 0 ? null : counts.reduce((sum, count) => sum + count, 0);
  };
  return {
    inputTokens: total('token_usage_prompt'),
    outputTokens: total('token_usage_completion'),
    costUsd: null,
  };
}
