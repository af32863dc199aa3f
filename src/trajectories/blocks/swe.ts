import { isObject, type JsonValue } from '../../core/json.ts';
import type { AnswerText, GroundTruth, Outcome, SourcePosition } from '../schema.ts';
import { booleanField, filledField, numberField } from './fields.ts';

/** True for text that is a unified or git diff. */
export function isPatch(text: string): boolean {
  const head = text.slice(0, 4000);
  return (
    /(?:^|\n)diff --git /.test(head) ||
    /(?:^|\n)--- [^\n]*\n\+\+\+ /.test(head) ||
    head.startsWith('*** Begin Patch')
  );
}

/** A submission as the patch of the run, null when it is something else (the flag of a puzzle). */
export function patchOf(text: string | null, at: SourcePosition, via: string): AnswerText | null {
  return text !== null && isPatch(text) ? { text, at, via } : null;
}

/** The gold patch of a SWE-bench instance, null when it is absent or blank. */
export function goldPatch(
  instance: JsonValue | undefined,
  position: (path: string) => SourcePosition,
  path: string,
): GroundTruth | null {
  const patch = filledField(instance, 'patch') ?? filledField(instance, 'gold_patch');
  if (patch === null || !isPatch(patch)) return null;
  const key = filledField(instance, 'patch') === null ? 'gold_patch' : 'patch';
  return {
    form: 'patch',
    values: [patch],
    at: position(`${path}/${key}`),
    via: `gold patch of the instance`,
  };
}

/** File name without folders and known endings: what runs in folders are named by. */
export function fileStem(file: string): string {
  // Runs whose events lie in a file each are called by the folder around `events`.
  const path = file.replace(/(?:\/events?)?\/\*$/, '');
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name.replace(/\.(?:traj\.json|traj|jsonl|json|eval|parquet)(?:\.gz|\.zst)?$/, '');
}

/**
 * Outcome from the usual fields of a run (`resolved`, `success`, `reward`, `score`…), the first that is
 * filled; null when there is none. A reward counts as success from 1 on, as failure at 0, in between it
 * leaves success open. A score outside of 0 … 1 decides nothing.
 */
export function outcomeFields(value: JsonValue | undefined, prefix = ''): Outcome | null {
  if (!isObject(value)) return null;
  const reward = numberField(value, 'reward');
  for (const key of ['resolved', 'is_resolved', 'success', 'is_success', 'passed', 'is_correct', 'correct']) {
    // Beside a number of failed tests it is one too.
    if (key === 'passed' && typeof value['failed'] === 'number') continue;
    const flag = booleanField(value, key);
    if (flag !== null) return { success: flag, reward, reason: `${prefix}${key} = ${flag}` };
  }
  for (const key of ['reward', 'total_reward', 'resolved']) {
    const number = numberField(value, key);
    if (number !== null) return rewardOutcome(number, `${prefix}${key}`);
  }
  const score = numberField(value, 'score');
  return score === null ? null : scoreOutcome(score, `${prefix}score`);
}

/** Outcome from a reward, of which 1 is the usual most. */
export function rewardOutcome(reward: number, name: string): Outcome {
  const success = reward >= 1 ? true : reward <= 0 ? false : null;
  const reason = `${name} = ${reward}${success === null ? ' (partial: neither pass nor fail)' : ''}`;
  return { success, reward, reason };
}

/** Outcome from a score. Judges grade from 1 to 5 or in percent too, so that only 0 … 1 can be read. */
function scoreOutcome(score: number, name: string): Outcome {
  if (score >= 0 && score <= 1) return rewardOutcome(score, name);
  return { success: null, reward: null, reason: `${name} = ${score} (its scale is unknown)` };
}
