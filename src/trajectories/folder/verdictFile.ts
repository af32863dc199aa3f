import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { filledField, idField, listField, numberField, objectField, stringField } from '../blocks/fields.ts';
import { outcomeFields, rewardOutcome } from '../blocks/swe.ts';
import type { Outcome } from '../schema.ts';

/** What one file beside runs says about them. */
export interface VerdictFile {
  /** Verdicts by instance, task or trial id. */
  readonly byId: ReadonlyMap<string, Outcome>;
  /** The verdict of the one run that lies in the file's folder. */
  readonly own: Outcome | null;
  /** The own verdict is that of a verifier, whose folder is one trial's by design. */
  readonly isOfTrial?: boolean;
  /** Patches by instance id (`preds.json`). */
  readonly patches: ReadonlyMap<string, string>;
}

/** Keys that hold a run: a file with one of them is imported, whatever verdict it also states. */
const runKeys = [
  'trajectory',
  'messages',
  'history',
  'steps',
  'conversation',
  'conversations',
  'samples',
  'turn_history',
  'intermediate_steps',
  'main_agent_message_history',
  'traj',
  'output',
  'response',
  'events',
  'prompt',
  'completion',
  'trajectory_steps',
  'messages_and_choices',
  'rollout',
] as const;

/** Keys whose text is part of a run or of a data set's row. */
const textKeys = [
  'prompt',
  'completion',
  'response',
  'question',
  'instruction',
  'text',
  'query',
  'input',
  'output',
  'rollout',
  'full_text',
  'generated_text',
  'sequences_str',
] as const;

/** No verdict is that long, nor the reason of one. */
const maxReasonLength = 2000;
/** Long texts that reports do hold. */
const reportTexts = /patch|diff|log|error|trace|stack|stdout|stderr|test_output|exception/i;

/** Files that are called what they are: only from these a flag is taken that names no run. */
const reportName =
  /(?:^|[/._-])(?:results?|reports?|rewards?|verdicts?|eval(?:s|uation|uations)?|scores?)(?:[._-][\w-]*)?\.json$/i;

/** Words in the first bytes of files that may hold verdicts; the content decides. */
const telling =
  /"(?:resolved(?:_ids)?|is_resolved|(?:completed|submitted|unresolved)_ids|total_instances|model_patch|model_name_or_path|trial_name|verifier_result|reward|success|passed)"|"results"\s*:\s*\{\s*"tool"/;

/** False when the beginning of a file shows that it holds no verdict: then it need not be read. */
export function mayHoldVerdicts(path: string, head: string): boolean {
  if (isRewardText(path)) return readReward(head) !== null;
  return /^\s*[{[]/.test(head) && telling.test(head);
}

function isRewardText(path: string): boolean {
  return /(?:^|\/)reward\.txt$/i.test(path);
}

function readReward(text: string): number | null {
  const number = text.trim();
  return /^-?\d{1,6}(?:\.\d{1,20})?$/.test(number) ? Number(number) : null;
}

/** The verdicts of a file's content, null when it is something else. */
export function readVerdictFile(path: string, text: string): VerdictFile | null {
  if (isRewardText(path)) {
    const reward = readReward(text);
    return reward === null ? null : { ...none, own: rewardOutcome(reward, 'reward'), isOfTrial: true };
  }
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    const lines = linesOf(text);
    if (!lines) return null;
    value = lines;
  }
  if (Array.isArray(value)) return listed(value);
  if (!isObject(value) || holdsRun(value)) return null;
  // One line of predictions, or one prediction.
  if (typeof value['model_patch'] === 'string') return listed([value]);
  return summary(value) ?? trials(value) ?? trial(value, path) ?? keyed(value);
}

/** The values of JSON lines (`all_preds.jsonl`); null when a line is none. */
function linesOf(text: string): JsonValue[] | null {
  try {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    return lines.map((line) => JSON.parse(line) as JsonValue);
  } catch {
    return null;
  }
}

const none: VerdictFile = { byId: new Map(), own: null, patches: new Map() };

/** True for an object with a run in it, whatever verdict it also states. */
export function holdsRun(value: JsonObject): boolean {
  return (
    runKeys.some((key) => isListOrObject(value[key])) ||
    textKeys.some((key) => filledField(value, key) !== null) ||
    Object.entries(value).some(
      ([key, text]) => typeof text === 'string' && text.length > maxReasonLength && !reportTexts.test(key),
    )
  );
}

/** Columns of tables hold lists and objects as JSON text. */
function isListOrObject(value: JsonValue | undefined): boolean {
  if (typeof value === 'string') return /^\s*[[{]/.test(value);
  return typeof value === 'object' && value !== null;
}

/** Run summaries of SWE-bench: lists of ids by what became of them. */
function summary(value: JsonObject): VerdictFile | null {
  const solved = listField(value, 'resolved_ids') ?? listField(value, 'resolved');
  if (!solved?.every((id) => typeof id === 'string')) return null;
  const byId = new Map<string, Outcome>();
  for (const key of ['completed_ids', 'unresolved_ids', 'unresolved', 'error_ids', 'empty_patch_ids']) {
    for (const id of listField(value, key) ?? []) {
      if (typeof id !== 'string') continue;
      const reason = key === 'completed_ids' ? 'not among resolved_ids' : `among ${key}`;
      byId.set(id, { success: false, reward: null, reason });
    }
  }
  const key = listField(value, 'resolved_ids') ? 'resolved_ids' : 'resolved';
  for (const id of solved) byId.set(String(id), { success: true, reward: null, reason: `among ${key}` });
  return byId.size > 0 ? { ...none, byId } : null;
}

/** `{results: [{task_id, trial_name, is_resolved}]}` of Terminal-Bench. */
function trials(value: JsonObject): VerdictFile | null {
  const results = listField(value, 'results');
  return results ? listed(results) : null;
}

/** A list of verdicts that name their instance. An id with verdicts that disagree stands for none. */
function listed(items: readonly JsonValue[]): VerdictFile | null {
  const byId = new Map<string, Outcome | null>();
  const patches = new Map<string, string>();
  for (const item of items) {
    if (!isObject(item) || holdsRun(item)) return null;
    const outcome = outcomeFields(item);
    const patch = stringField(item, 'model_patch');
    const ids = ['instance_id', 'task_id', 'trial_name', 'id'].map((key) => idField(item, key));
    if (ids.every((id) => id === null)) return null;
    const instance = idField(item, 'instance_id');
    if (instance !== null && patch !== null) patches.set(instance, patch);
    else if (!outcome) return null;
    if (!outcome) continue;
    for (const id of new Set(ids)) {
      if (id === null) continue;
      const known = byId.get(id);
      byId.set(id, known === undefined || known?.success === outcome.success ? outcome : null);
    }
  }
  const sure = [...byId].flatMap(([id, outcome]) => (outcome ? [[id, outcome] as const] : []));
  return sure.length + patches.size > 0 ? { ...none, byId: new Map(sure), patches } : null;
}

/** The result of one trial: Harbor's `verifier_result`, test reports, or a plain flag or reward. */
function trial(value: JsonObject, path: string): VerdictFile | null {
  const rewards = objectField(objectField(value, 'verifier_result'), 'rewards');
  if (rewards) {
    const only = Object.keys(rewards).length === 1 ? Object.keys(rewards)[0] : undefined;
    const key = numberField(rewards, 'reward') === null ? only : 'reward';
    const reward = key === undefined ? null : numberField(rewards, key);
    if (key === undefined || reward === null) return null;
    return { ...none, own: rewardOutcome(reward, `verifier_result.rewards.${key}`), isOfTrial: true };
  }
  const tests = objectField(objectField(value, 'results'), 'summary');
  const passed = numberField(tests, 'passed');
  const failed = numberField(tests, 'failed');
  if (passed !== null && failed !== null && passed + failed > 0) {
    const reason = `${passed} of ${passed + failed} tests passed`;
    return { ...none, own: { success: failed === 0, reward: null, reason } };
  }
  const outcome = outcomeFields(value);
  if (!outcome) return null;
  const id = idField(value, 'instance_id') ?? idField(value, 'task_id');
  if (id !== null) return { ...none, byId: new Map([[id, outcome]]) };
  // The flag of a job or of its settings says nothing about a run.
  return reportName.test(path) ? { ...none, own: outcome } : null;
}

/** `{instance_id: {resolved: true}}`, or `{instance_id: {model_patch: …}}`. */
function keyed(value: JsonObject): VerdictFile | null {
  const byId = new Map<string, Outcome>();
  const patches = new Map<string, string>();
  for (const [id, entry] of Object.entries(value)) {
    if (!isObject(entry) || holdsRun(entry)) return null;
    const outcome = outcomeFields(entry);
    const patch = stringField(entry, 'model_patch');
    if (outcome) byId.set(id, outcome);
    else if (patch !== null) patches.set(id, patch);
    else if (!('model_name_or_path' in entry)) return null;
  }
  return byId.size + patches.size > 0 ? { byId, own: null, patches } : null;
}
