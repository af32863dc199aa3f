import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { Benchmark, Graded, RuleOutcome } from './benchmark.ts';
import { followsRule, missingArguments, ruleArguments, type RuleArguments } from './ifevalRules.ts';

/** One prompt of IFEval with its instructions. */
export interface IfevalRow {
  readonly key: string;
  readonly prompt: string;
  readonly instructions: readonly { readonly id: string; readonly args: RuleArguments }[];
}

function read(value: JsonValue, where: string): IfevalRow {
  const row = isObject(value) ? value : {};
  const ids = row['instruction_id_list'];
  const kwargs = row['kwargs'];
  if (!Array.isArray(ids) || !ids.every((id) => typeof id === 'string') || !Array.isArray(kwargs)) {
    throw new InputError('ifeval-row', 'This is no IFEval row', {
      where,
      expected: 'key, prompt, instruction_id_list and kwargs (lists of equal length)',
      actual: `columns ${Object.keys(row).join(', ')}`,
    });
  }
  return {
    key: String((row['key'] as string | number | undefined) ?? ''),
    prompt: typeof row['prompt'] === 'string' ? row['prompt'] : '',
    instructions: ids.map((id, index) => ({ id, args: ruleArguments(kwargs[index]) })),
  };
}

function outcomes(response: string, row: IfevalRow): RuleOutcome[] {
  return row.instructions.map(({ id, args }) => ({ id, ...followsRule(response, id, args) }));
}

function grade(response: string, row: IfevalRow, mode: string): Graded {
  const results = outcomes(response, row);
  const sure = results.filter((result) => !result.approximate);
  const count = (list: readonly RuleOutcome[], key: 'strict' | 'loose'): readonly [number, number] => [
    list.filter((result) => result[key]).length,
    list.length,
  ];
  const all = (list: readonly RuleOutcome[], key: 'strict' | 'loose'): number =>
    list.every((result) => result[key]) ? 1 : 0;
  const key = mode === 'prompt-loose' ? 'loose' : 'strict';
  return {
    score: all(results, key),
    correct: all(results, key) === 1,
    extracted: null,
    measures: {
      'prompt strict': all(results, 'strict'),
      'prompt loose': all(results, 'loose'),
      'instruction strict': count(results, 'strict'),
      'instruction loose': count(results, 'loose'),
      // Without what rests on approximations; prompts of nothing else do not count there.
      ...(sure.length > 0
        ? {
            'prompt strict, exact rules only': all(sure, 'strict'),
            'prompt loose, exact rules only': all(sure, 'loose'),
            'instruction strict, exact rules only': count(sure, 'strict'),
            'instruction loose, exact rules only': count(sure, 'loose'),
          }
        : {}),
    },
  };
}

/** IFEval. */
export const ifeval: Benchmark<IfevalRow> = {
  id: 'ifeval',
  label: 'IFEval',
  scoreLabel: 'prompt-level accuracy',
  isExact: true,
  modes: ['prompt-strict', 'prompt-loose'],
  gradingColumns: ['key', 'instruction_id_list', 'kwargs'],
  promptColumns: ['prompt'],
  isPrivate: false,
  variants: 1,
  read,
  violations(row) {
    return row.instructions.flatMap(({ id, args }) => {
      const missing = missingArguments(id, args);
      if (missing === null) return [`instruction ${id} is not known`];
      return missing.map((name) => `instruction ${id} has no ${name}`);
    });
  },
  messages: (row) => [{ role: 'user', content: row.prompt }],
  lengthTexts: (row) => (row.prompt === '' ? null : [row.prompt]),
  slices: (row) => {
    const kinds = new Set(row.instructions.map(({ id }) => id.split(':')[0] ?? ''));
    return {
      instructions: String(row.instructions.length),
      kind: kinds.size === 1 ? [...kinds][0]! : 'several',
    };
  },
  grade: (response, row, { mode }) => grade(response, row, mode),
  // Texts that follow the same instructions are not the same answer.
  vote: () => null,
  gold: (row, response) => ({ kind: 'rules', rules: outcomes(response ?? '', row) }),
};
