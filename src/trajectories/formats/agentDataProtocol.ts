import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { draftOf } from '../blocks/draft.ts';
import { filledField, idField, listField, objectField, smallFields, stringField } from '../blocks/fields.ts';
import { decodedText, jsonText, StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import type { Outcome } from '../schema.ts';

/** Agent Data Protocol, standardised form: `content[]` of actions and observations that name their class. */
export const agentDataProtocol: FormatAdapter = {
  id: 'adp-std',
  label: 'Agent Data Protocol (std)',
  unit: 'record',
  detect(sample) {
    const content = listField(sample.records[0]?.value, 'content');
    const named = content?.some(
      (item) =>
        isObject(item) &&
        /_(?:action|observation)$|^(?:api|code|message)action|observation$/.test(className(item)),
    );
    return named ? { certainty: 0.94, evidence: 'content[] of *_action and *_observation items' } : null;
  },
  read: (records) => records.map(readRun),
};

function className(item: JsonObject): string {
  return (
    stringField(item, 'class_') ??
    stringField(item, 'class') ??
    stringField(item, 'type') ??
    ''
  ).toLowerCase();
}

function readRun(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  for (const [i, item] of (listField(value, 'content') ?? []).entries()) {
    if (isObject(item)) readItem(builder, item, `/content/${String(i)}`);
  }
  const id = idField(value, 'id');
  const details = objectField(value, 'details');
  return draftOf(record, agentDataProtocol.id, builder, {
    id: id ?? `${record.file}#${String(record.record)}`,
    instanceId: idField(details, 'instance_id') ?? id,
    task: taskFromSteps(builder.steps),
    finalAnswer: answerFromSteps(builder.steps),
    outcome: outcomeOf(details),
    metadata: smallFields(details ?? undefined, Object.keys(details ?? {}).slice(0, 20)),
  });
}

function readItem(builder: StepBuilder, item: JsonObject, path: string): void {
  const name = className(item);
  if (name.startsWith('api')) {
    begin(builder, item, path);
    const args = objectField(item, 'kwargs') ?? objectField(item, 'arguments');
    builder.toolCall(
      decodedText(jsonText(args ?? {}), `${path}/${'kwargs' in item ? 'kwargs' : 'arguments'}`),
      {
        name: stringField(item, 'function') ?? 'unknown',
        arguments: args,
      },
    );
  } else if (name.startsWith('code')) {
    begin(builder, item, path);
    const text = stringField(item, 'content') ?? '';
    const language = stringField(item, 'language')?.toLowerCase() ?? 'python';
    const tool = /^(?:bash|sh|shell)$/.test(language)
      ? 'bash'
      : /sql/.test(language)
        ? 'execute_sql'
        : language;
    builder.toolCall(wholeText(text, `${path}/content`), { name: tool });
  } else if (name.startsWith('message')) {
    begin(builder, item, path);
    const text = filledField(item, 'content');
    if (text !== null) builder.message('assistant', wholeText(text, `${path}/content`));
  } else readObservation(builder, item, path, name);
}

/** Actions carry the reasoning before them as `description`. */
function begin(builder: StepBuilder, item: JsonObject, path: string): void {
  const thought = filledField(item, 'description');
  if (thought !== null) builder.reasoning(wholeText(thought, `${path}/description`));
}

function readObservation(builder: StepBuilder, item: JsonObject, path: string, name: string): void {
  const key = ['content', 'axtree', 'html', 'text'].find((field) => filledField(item, field) !== null);
  const text = key ? filledField(item, key) : null;
  if (!key || text === null) return;
  const slice = wholeText(text, `${path}/${key}`);
  const source = stringField(item, 'source')?.toLowerCase() ?? '';
  if (name.startsWith('web') || source === 'environment' || builder.hasOpenCall) builder.toolResult(slice);
  else if (source === 'user' || source === '') builder.message('user', slice);
  else if (source === 'agent') builder.message('assistant', slice);
  else builder.other(slice, name || 'observation');
}

function outcomeOf(details: JsonValue | null): Outcome {
  for (const key of ['resolved', 'success', 'reward', 'target']) {
    const value = isObject(details) ? details[key] : undefined;
    const text =
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
        ? String(value)
        : null;
    if (text === null) continue;
    const success = /^(?:true|1|1\.0|yes)$/i.test(text);
    return {
      success,
      reward: Number.isFinite(Number(text)) ? Number(text) : null,
      reason: `details.${key} = ${text}`,
    };
  }
  return { success: null, reward: null, reason: 'details hold no verdict' };
}
