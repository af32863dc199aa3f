import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { contentTexts, readCall, readResult } from '../blocks/contentParts.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  filledField,
  idField,
  listField,
  numberField,
  objectField,
  smallFields,
  stringField,
} from '../blocks/fields.ts';
import { isInjectedText } from '../blocks/injected.ts';
import { readKeystrokes } from '../blocks/keystrokes.ts';
import { StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { outcomeFields } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { Outcome } from '../schema.ts';

/**
 * Agent Trajectory Interchange Format (Harbor, Terminal-Bench 2): a step holds message, calls and results.
 * Terminus agents write their keystrokes as JSON into the message; those are read as calls.
 */
export const atif: FormatAdapter = {
  id: 'atif',
  label: 'ATIF trajectory (Harbor, Terminal-Bench)',
  unit: 'record',
  detect,
  read: (records) => records.map(readRun),
};

function detect(sample: FormatSample): Detection | null {
  const value = sample.records[0]?.value;
  const version = stringField(value, 'schema_version');
  if (version?.startsWith('ATIF')) return { certainty: 0.99, evidence: `schema_version ${version}` };
  const steps = listField(value, 'steps');
  const looks = steps?.some(
    (step) => isObject(step) && 'step_id' in step && 'source' in step && 'message' in step,
  );
  return looks ? { certainty: 0.85, evidence: 'steps with step_id, source and message' } : null;
}

function readRun(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  for (const [index, step] of (listField(value, 'steps') ?? []).entries()) {
    if (isObject(step)) readStep(builder, step, `/steps/${index}`);
  }
  builder.timestamp = undefined;
  const agent = objectField(value, 'agent');
  const metrics = objectField(value, 'final_metrics');
  return draftOf(record, atif.id, builder, {
    id: idField(value, 'trajectory_id') ?? idField(value, 'session_id') ?? `${record.file}#${record.record}`,
    instanceId: idField(objectField(value, 'extra'), 'task_name') ?? idField(value, 'task_name'),
    task: taskFromSteps(builder.steps),
    finalAnswer: answerFromSteps(builder.steps),
    outcome: outcomeOf(value),
    model: stringField(agent, 'model_name'),
    usage: {
      inputTokens: numberField(metrics, 'total_prompt_tokens'),
      outputTokens: numberField(metrics, 'total_completion_tokens'),
      costUsd: numberField(metrics, 'total_cost_usd'),
    },
    metadata: {
      ...smallFields(value, ['schema_version', 'session_id', 'notes', 'extra', 'continued_trajectory_ref']),
      ...smallFields(agent, ['name', 'version']),
    },
  });
}

/** The verdict stands beside the file; some exports copy it in. */
function outcomeOf(value: JsonObject): Outcome {
  const rewards = objectField(objectField(value, 'verifier_result'), 'rewards');
  return (
    outcomeFields(rewards ?? undefined, 'verifier_result.rewards.') ??
    outcomeFields(objectField(value, 'extra') ?? undefined, 'extra.') ??
    outcomeFields(value) ?? {
      ...noOutcome,
      reason: 'the verdict stands in result.json beside the trajectory',
    }
  );
}

function readStep(builder: StepBuilder, step: JsonObject, path: string): void {
  builder.timestamp = stringField(step, 'timestamp') ?? undefined;
  const source = stringField(step, 'source') ?? 'agent';
  const texts = contentTexts(step['message'], `${path}/message`);
  if (source !== 'agent') {
    const role = source === 'system' ? 'system' : 'user';
    for (const text of texts) {
      if (text.text.trim() !== '') builder.message(role, text, role === 'user' && isInjectedText(text.text));
    }
    readObservation(builder, step, path);
    return;
  }
  builder.beginTurn();
  const reasoning = filledField(step, 'reasoning_content');
  if (reasoning !== null) builder.reasoning(wholeText(reasoning, `${path}/reasoning_content`));
  const calls = listField(step, 'tool_calls') ?? [];
  for (const text of texts) {
    const isPlain = calls.length > 0 || !readKeystrokes(builder, text.text, text.path);
    if (isPlain && text.text.trim() !== '') builder.message('assistant', text);
  }
  for (const [index, call] of calls.entries()) {
    const at = `${path}/tool_calls/${index}/arguments`;
    const name = stringField(call, 'function_name') ?? stringField(call, 'name') ?? 'unknown';
    readCall(
      builder,
      name,
      idField(call, 'tool_call_id'),
      isObject(call) ? call['arguments'] : undefined,
      at,
    );
  }
  readObservation(builder, step, path);
}

function readObservation(builder: StepBuilder, step: JsonObject, path: string): void {
  const results = listField(objectField(step, 'observation'), 'results') ?? [];
  for (const [index, result] of results.entries()) {
    const content: JsonValue | undefined = isObject(result) ? result['content'] : undefined;
    if (content === undefined || content === null) continue;
    readResult(builder, content, `${path}/observation/results/${index}/content`, {
      callId: idField(result, 'source_call_id'),
    });
  }
}
