import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { noOutcome } from '../blocks/draft.ts';
import { filledField, listField, numberField, objectField } from '../blocks/fields.ts';
import { parsePythonLiteral } from '../blocks/pythonLiteral.ts';
import { trimmedSlice, type StepBuilder, type TextSlice } from '../blocks/stepBuilder.ts';
import { outcomeFields, rewardOutcome } from '../blocks/swe.ts';
import { textTruth } from '../extract/answers.ts';
import type { AnswerText, GroundTruth, Outcome } from '../schema.ts';
import { joinPath } from '../sourcePath.ts';

const truthKeys = ['gts', 'golden_answers', 'ground_truth', 'answer', 'gold', 'target', 'answers', 'label'];

/** Accepted answers of a rollout: verl's `reward_model.ground_truth` or `gts`, SkyRL's `reward_spec`, or a plain field. */
export function rolloutTruth(builder: StepBuilder, value: JsonObject): GroundTruth | null {
  const extras = objectField(value, 'env_extras');
  const specs = [
    [objectField(value, 'reward_model'), '/reward_model'],
    [objectField(extras, 'reward_spec'), '/env_extras/reward_spec'],
    [objectField(value, 'reward_spec'), '/reward_spec'],
  ] as const;
  for (const [spec, path] of specs) {
    const via = `${path.slice(1).replaceAll('/', '.')}.ground_truth`;
    const found = textTruth(answersIn(spec?.['ground_truth']), builder.position(`${path}/ground_truth`), via);
    if (found) return found;
  }
  const item = objectField(value, 'item');
  for (const [holder, path] of [
    [value, ''],
    [item, '/item'],
  ] as const) {
    for (const key of holder ? truthKeys : []) {
      const at = builder.position(joinPath(path, key));
      const found = textTruth(answersIn(holder?.[key]), at, `${path.slice(1)}${path && '.'}${key}`);
      if (found) return found;
    }
  }
  return null;
}

function answersIn(value: JsonValue | undefined): JsonValue | undefined {
  if (typeof value === 'string' && /^\{'(?:target|answer)'/.test(value)) {
    // Dumps of pandas write the object as Python prints it, with the arrays of numpy.
    const plain = value.replace(/array\((\[[^\]]*\])(?:,\s*dtype=\w+)?\)/g, '$1');
    return answersIn(parsePythonLiteral(plain));
  }
  return isObject(value) ? (value['target'] ?? value['answer']) : value;
}

const rewardKeys = ['reward', 'score', 'em', 'exact_match', 'acc'];

/** Outcome of a rollout: its reward (the sum of those given token by token), or the metrics beside it. */
export function rolloutOutcome(value: JsonObject): Outcome {
  for (const key of rewardKeys) {
    const reward = numberField(value, key) ?? sumOf(listField(value, key));
    if (reward !== null) return rewardOutcome(reward, key);
  }
  const metrics = objectField(value, 'Metrics') ?? objectField(value, 'metrics');
  for (const key of metrics ? rewardKeys : []) {
    const reward = numberField(metrics, key);
    if (reward !== null) return rewardOutcome(reward, `metrics.${key}`);
  }
  return outcomeFields(value) ?? noOutcome;
}

function sumOf(list: readonly JsonValue[] | null): number | null {
  const numbers = list?.filter((item) => typeof item === 'number') ?? [];
  return numbers.length === 0 ? null : numbers.reduce((sum, item) => sum + item, 0);
}

/** The question in a field of its own, which is surer than the one in a prompt. */
export function rolloutQuestion(value: JsonObject): TextSlice | null {
  for (const [holder, path] of [
    [value, ''],
    [objectField(value, 'item'), '/item'],
  ] as const) {
    for (const key of ['question', 'Question', 'problem', 'query']) {
      const text = filledField(holder, key);
      if (text !== null) return trimmedSlice(text, joinPath(path, key), 0, text.length);
    }
  }
  return null;
}

/** A question as the task of a run, named after its field. */
export function asTask(builder: StepBuilder, question: TextSlice | null): AnswerText | null {
  if (!question) return null;
  const { text, path } = question;
  return { text, at: builder.position(path), via: path.slice(1).replaceAll('/', '.') };
}
