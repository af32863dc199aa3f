import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
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
import { decodedText, jsonText, StepBuilder, textSlice, wholeText } from '../blocks/stepBuilder.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { AnswerText, Outcome } from '../schema.ts';

/**
 * InterCode-SQL results: objects keyed by task, with parallel arrays in `turn_history` (model runs) or pairs in
 * `trajectory` (human and planned runs, also inside `{meta, logs}`).
 */
export const interCode: FormatAdapter = {
  id: 'intercode-sql',
  label: 'InterCode results',
  unit: 'record',
  detect,
  read: (records) =>
    records.flatMap((record) => entriesOf(record).map((entry) => readEpisode(record, entry))),
};

interface Entry {
  readonly value: JsonObject;
  readonly path: string;
  readonly key: string | null;
}

function isEpisode(value: JsonValue | undefined): value is JsonObject {
  if (!isObject(value)) return false;
  const isNamed = stringField(value, 'environment')?.startsWith('ic_') === true;
  return (
    (isNamed || 'query' in value) && ('turn_history' in value || 'trajectory' in value) && 'query' in value
  );
}

/** One episode, or all of a file that came as one object (`{meta, logs}` or keyed by task). */
function entriesOf(record: RawRecord): Entry[] {
  const { value } = record;
  if (isEpisode(value)) return [{ value, path: '', key: record.key }];
  const logs = objectField(value, 'logs');
  const holder = logs ?? (isObject(value) ? value : {});
  return Object.keys(holder).flatMap((key) => {
    const entry = holder[key];
    const escaped = key.replaceAll('~', '~0').replaceAll('/', '~1');
    return isEpisode(entry) ? [{ value: entry, path: `${logs ? '/logs' : ''}/${escaped}`, key }] : [];
  });
}

function detect(sample: FormatSample): Detection | null {
  const first = sample.records[0];
  const entry = first ? entriesOf(first)[0] : undefined;
  if (!entry) return null;
  const environment = stringField(entry.value, 'environment');
  if (environment?.startsWith('ic_')) return { certainty: 0.97, evidence: `environment = ${environment}` };
  return { certainty: 0.6, evidence: 'query with turn_history or trajectory' };
}

function readEpisode(record: RawRecord, entry: Entry): DraftTrajectory {
  const { value, path } = entry;
  const builder = new StepBuilder(record.file, record.record);
  const question = filledField(value, 'query');
  if (question !== null) builder.message('user', wholeText(question, `${path}/query`));
  const turns = turnsOf(value, path);
  for (const turn of turns) readTurn(builder, turn);
  const gold = filledField(value, 'gold');
  const task = idField(value, 'task_id') ?? idField(value, 'query_idx') ?? entry.key;
  const id = `${record.file}#${String(record.record)}`;
  return draftOf(record, interCode.id, builder, {
    id: path === '' ? id : `${id}.${entry.key ?? ''}`,
    instanceId: task === null ? null : `${stringField(value, 'environment') ?? 'ic_sql'}/${task}`,
    task: question === null ? null : { text: question, at: builder.position(`${path}/query`), via: 'query' },
    finalAnswer: answerOf(builder, value, turns),
    groundTruth:
      gold === null
        ? null
        : { form: 'sql', values: [gold], at: builder.position(`${path}/gold`), via: 'gold' },
    outcome: outcomeOf(value),
    metadata: {
      ...smallFields(value, ['environment', 'dataset', 'hardness', 'task_id', 'query_idx']),
      ...smallFields(objectField(value, 'summary'), ['turns_taken', 'turns_max']),
    },
  });
}

interface Turn {
  readonly thought: { readonly text: string; readonly path: string } | null;
  readonly action: string;
  readonly actionPath: string;
  readonly observation: JsonValue | undefined;
  readonly observationPath: string;
  readonly isValid: boolean;
  readonly reward: number | null;
}

function turnsOf(value: JsonObject, path: string): Turn[] {
  const history = objectField(value, 'turn_history');
  if (history) {
    const base = `${path}/turn_history`;
    const observations = listField(history, 'observations') ?? [];
    const rewards = listField(history, 'rewards') ?? [];
    const valid = listField(history, 'valid_action') ?? [];
    const thoughts = listField(history, 'thoughts') ?? [];
    return (listField(history, 'actions') ?? []).map((action, i) => {
      const thought = thoughts[i];
      const reward = rewards[i];
      return {
        thought:
          typeof thought === 'string' && thought.trim() !== ''
            ? { text: thought, path: `${base}/thoughts/${String(i)}` }
            : null,
        action: typeof action === 'string' ? action : '',
        actionPath: `${base}/actions/${String(i)}`,
        observation: observations[i],
        observationPath: `${base}/observations/${String(i)}`,
        isValid: valid[i] !== false,
        reward: typeof reward === 'number' ? reward : null,
      };
    });
  }
  return (listField(value, 'trajectory') ?? []).flatMap((turn, i): Turn[] => {
    if (!isObject(turn)) return [];
    const base = `${path}/trajectory/${String(i)}`;
    const thought = filledField(turn, 'thought');
    return [
      {
        thought: thought === null ? null : { text: thought, path: `${base}/thought` },
        action: stringField(turn, 'action') ?? '',
        actionPath: `${base}/action`,
        observation: turn['observation'],
        observationPath: `${base}/observation`,
        isValid: true,
        reward: numberField(turn, 'reward'),
      },
    ];
  });
}

/** The SQL of an action: inside `execute[…]`, or all of it. */
function sqlRange(action: string): { start: number; end: number } {
  const wrapped = /^\s*execute\s*\[/i.exec(action);
  const last = action.lastIndexOf(']');
  if (wrapped && last > wrapped[0].length) return { start: wrapped[0].length, end: last };
  return { start: 0, end: action.length };
}

/** Actions that end the episode or pass. */
function isControl(action: string): boolean {
  return /^\s*(?:submit|skip|quit|exit)\s*;?\s*$/i.test(action);
}

function readTurn(builder: StepBuilder, turn: Turn): void {
  builder.beginTurn();
  if (turn.thought) builder.reasoning(wholeText(turn.thought.text, turn.thought.path));
  if (turn.action.trim() === '') return;
  if (isControl(turn.action))
    builder.toolCall(wholeText(turn.action, turn.actionPath), {
      name: turn.action.trim().toLowerCase().replace(/\W/g, ''),
    });
  else {
    const { start, end } = sqlRange(turn.action);
    builder.toolCall(textSlice(turn.action, turn.actionPath, start, end), { name: 'execute_sql' });
  }
  const { observation, observationPath } = turn;
  if (observation === undefined || observation === null) return;
  const slice =
    typeof observation === 'string'
      ? wholeText(observation, observationPath)
      : decodedText(jsonText(observation), observationPath);
  builder.toolResult(slice, { isError: !turn.isValid });
}

/** The action with the highest reward where rewards stand beside the turns, else the last statement. */
function answerOf(builder: StepBuilder, value: JsonObject, turns: readonly Turn[]): AnswerText | null {
  const index = numberField(objectField(value, 'summary'), 'max_reward_idx');
  const statements = turns.filter((turn) => turn.action.trim() !== '' && !isControl(turn.action));
  const best = index === null ? undefined : turns[index];
  if (best && statements.includes(best)) return answer(builder, best, 'action at summary.max_reward_idx');
  const last = statements.at(-1);
  return last ? answer(builder, last, 'last statement') : null;
}

function answer(builder: StepBuilder, turn: Turn, via: string): AnswerText {
  const { start, end } = sqlRange(turn.action);
  return { text: turn.action.slice(start, end).trim(), at: builder.position(turn.actionPath), via };
}

function outcomeOf(value: JsonObject): Outcome {
  const summary = objectField(value, 'summary');
  const reward =
    numberField(summary, 'max_reward') ??
    numberField(value, 'reward') ??
    numberField(objectField(value, 'info'), 'reward');
  if (reward === null) return noOutcome;
  const name = numberField(summary, 'max_reward') !== null ? 'summary.max_reward' : 'reward';
  return { success: reward >= 1, reward, reason: `${name} = ${String(reward)}` };
}
