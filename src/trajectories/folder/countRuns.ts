import { isObject, type JsonValue } from '../../core/json.ts';
import { filledField } from '../blocks/fields.ts';
import { holdsRun } from './verdictFile.ts';

/** Tables and logs of whole evaluations. */
const ofMany = /\.(?:parquet|eval|jsonl\.(?:gz|zst))$/i;

/**
 * How many runs a file holds, as far as its content tells: 2 stands for several. A session, in which a line is a
 * step, counts as one.
 * @param read the beginning of the file as text; called only where the name does not tell
 */
export async function countRuns(path: string, read: () => Promise<string>): Promise<number> {
  if (ofMany.test(path)) return 2;
  if (/\.(?:traj|json\.gz|json\.zst)$/i.test(path)) return 1;
  if (!/\.jsonl?$/i.test(path)) return 0;
  const values = parsed(await read());
  if (values.length > 1) return values.filter(isRun).length > 1 ? 2 : 1;
  const [only] = values;
  if (only === undefined || isRun(only)) return 1;
  // Settings and the like lie beside runs too.
  return isListOfRuns(only) ? 2 : Array.isArray(only) || isHolder(only) ? 1 : 0;
}

/** The value of JSON, or those of JSON lines; lines that are none (a last one that was cut) are left out. */
function parsed(text: string): JsonValue[] {
  try {
    return [JSON.parse(text) as JsonValue];
  } catch {
    return text.split('\n').flatMap((line) => {
      try {
        return line.trim() === '' ? [] : [JSON.parse(line) as JsonValue];
      } catch {
        return [];
      }
    });
  }
}

/** True for a list of runs, for runs by their ids, and for an object around one of these. */
function isListOfRuns(value: JsonValue | undefined, depth = 1): boolean {
  if (Array.isArray(value)) return value.filter(isRun).length > 1;
  if (!isObject(value)) return false;
  const inner = Object.values(value);
  return inner.filter(isRun).length > 1 || (depth > 0 && inner.some((one) => isListOfRuns(one, depth - 1)));
}

const lists = [
  'trajectory',
  'trajectory_steps',
  'traj',
  'messages',
  'messages_and_choices',
  'history',
  'steps',
  'conversation',
  'conversations',
  'intermediate_steps',
] as const;
const texts = ['sequences_str', 'full_text', 'generated_text', 'rollout'] as const;

/** A whole run, not a step of one: it lists its steps, or has a question and what came of it. */
function isRun(value: JsonValue): boolean {
  const filled = (key: string): boolean => filledField(value, key) !== null;
  return (
    lists.some((key) => isList(isObject(value) ? value[key] : undefined)) ||
    texts.some(filled) ||
    (['prompt', 'question', 'instruction', 'input'].some(filled) &&
      ['response', 'completion', 'output'].some(filled))
  );
}

/** Tables hold lists as JSON text. */
function isList(value: JsonValue | undefined): boolean {
  return typeof value === 'string' ? /^\s*\[/.test(value) : Array.isArray(value) && value.length > 0;
}

function isHolder(value: JsonValue): boolean {
  return isObject(value) && holdsRun(value);
}
