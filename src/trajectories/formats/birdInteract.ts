import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  booleanField,
  filledField,
  idField,
  listField,
  numberField,
  objectField,
  smallFields,
  stringField,
} from '../blocks/fields.ts';
import { decodedText, jsonText, StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import type { AnswerText, Outcome } from '../schema.ts';

/**
 * BIRD-Interact samples. `adk_events` has the order and what was said; `tool_trajectory` the calls with their
 * full results (the events cut long ones), so calls and results are read from the latter.
 */
export const birdInteract: FormatAdapter = {
  id: 'bird-interact',
  label: 'BIRD-Interact',
  unit: 'record',
  detect(sample) {
    const found = sample.records[0] ? samplesOf(sample.records[0])[0] : undefined;
    return found ? { certainty: 0.97, evidence: 'tool_trajectory beside adk_events' } : null;
  },
  read: (records, context) =>
    records.flatMap((record) => samplesOf(record).map((one) => readSample(record, one, context.envelope))),
};

interface Sample {
  readonly value: JsonObject;
  readonly path: string;
}

function isSample(value: JsonValue | undefined): value is JsonObject {
  return (
    isObject(value) &&
    Array.isArray(value['tool_trajectory']) &&
    ('adk_events' in value || 'phase1_passed' in value)
  );
}

/** One sample, or those of a whole file that came as one object. */
function samplesOf(record: RawRecord): Sample[] {
  if (isSample(record.value)) return [{ value: record.value, path: '' }];
  return (listField(record.value, 'samples') ?? []).flatMap((value, i) =>
    isSample(value) ? [{ value, path: `/samples/${String(i)}` }] : [],
  );
}

function readSample(record: RawRecord, sample: Sample, envelope: JsonValue): DraftTrajectory {
  const { value, path } = sample;
  const builder = new StepBuilder(record.file, record.record);
  readEvents(builder, value, path);
  const taskId = idField(value, 'task_id');
  const around = isObject(envelope) ? envelope : path === '' ? {} : record.value;
  return draftOf(record, birdInteract.id, builder, {
    id: taskId ?? `${record.file}#${String(record.record)}`,
    instanceId: idField(value, 'instance_id') ?? taskId,
    task: taskOf(builder),
    database: filledField(value, 'database'),
    finalAnswer: answerOf(builder, value),
    outcome: outcomeOf(value),
    model: filledField(around, 'model'),
    metadata: {
      ...smallFields(value, [
        'database',
        'phase1_passed',
        'phase2_passed',
        'has_follow_up',
        'elapsed_seconds',
        'budget_used',
      ]),
      ...smallFields(around, ['mode', 'user_sim', 'prompt_version']),
    },
  });
}

function readEvents(builder: StepBuilder, value: JsonObject, path: string): void {
  const calls = listField(value, 'tool_trajectory') ?? [];
  let next = 0;
  for (const [i, event] of (listField(value, 'adk_events') ?? []).entries()) {
    const at = `${path}/adk_events/${String(i)}`;
    const message = filledField(event, 'message');
    if (message !== null) builder.message('user', wholeText(message, `${at}/message`));
    const content = objectField(event, 'content');
    for (const [j, part] of (listField(content, 'parts') ?? []).entries()) {
      const text = filledField(part, 'text');
      const isModel = stringField(content, 'role') !== 'user';
      if (text !== null)
        builder.message(
          isModel ? 'assistant' : 'user',
          wholeText(text, `${at}/content/parts/${String(j)}/text`),
        );
      if (stringField(part, 'type') !== 'function_response') continue;
      readCall(builder, calls[next], `${path}/tool_trajectory/${String(next)}`);
      next++;
    }
  }
  for (; next < calls.length; next++)
    readCall(builder, calls[next], `${path}/tool_trajectory/${String(next)}`);
  const final = filledField(value, 'final_response');
  if (final !== null) builder.other(wholeText(final, `${path}/final_response`), 'final_response');
}

function readCall(builder: StepBuilder, call: JsonValue | undefined, path: string): void {
  if (!isObject(call)) return;
  const args = objectField(call, 'args');
  builder.toolCall(decodedText(jsonText(args ?? {}), `${path}/args`), {
    name: stringField(call, 'tool') ?? 'unknown',
    arguments: args,
  });
  const { result } = call;
  if (typeof result === 'string')
    builder.toolResult(wholeText(result, `${path}/result`), {
      isError: /^\s*(?:SQL )?Error\b/i.test(result.slice(0, 40)),
    });
  else if (result !== undefined && result !== null)
    builder.toolResult(decodedText(jsonText(result), `${path}/result`));
}

/** The query stands between the header lines and the notice of the budget. */
function taskOf(builder: StepBuilder): AnswerText | null {
  const step = builder.steps.find((one) => one.type === 'message' && one.role === 'user');
  if (!step) return null;
  const mark = 'User Query:\n';
  const found = step.text.indexOf(mark);
  const start = found < 0 ? 0 : found + mark.length;
  const budget = step.text.indexOf('\n\nYou have a budget', start);
  const text = step.text.slice(start, budget < 0 ? step.text.length : budget).trim();
  return text === '' ? null : { text, at: step.at, via: 'User Query:' };
}

/** The statement that answered the first question: the submission that passed, else the last one made in that phase. */
function answerOf(builder: StepBuilder, value: JsonObject): AnswerText | null {
  let last: AnswerText | null = null;
  for (const step of builder.steps) {
    if (step.type !== 'toolCall' || step.name !== 'submit_sql') continue;
    const sql = step.arguments?.['sql'];
    if (typeof sql !== 'string') continue;
    last = { text: sql, at: { ...step.at, path: `${step.at.path}/sql` }, via: 'last submit_sql' };
    const result = builder.steps.find((one) => one.type === 'toolResult' && one.callStep === step.index);
    if (value['phase1_passed'] === true && result && /^Phase 1 correct/i.test(result.text)) {
      return { ...last, via: 'submit_sql that passed phase 1' };
    }
  }
  return last;
}

/** The first phase decides: its question is the task; the follow-up is another question. */
function outcomeOf(value: JsonObject): Outcome {
  const first = booleanField(value, 'phase1_passed');
  if (first === null) return noOutcome;
  const second = booleanField(value, 'phase2_passed');
  const reward = numberField(value, 'total_reward');
  return {
    success: first,
    reward,
    reason: `phase1_passed = ${String(first)}, phase2_passed = ${String(second)}, total_reward = ${String(reward)}`,
  };
}
