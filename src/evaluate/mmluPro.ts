import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { Benchmark, Graded } from './benchmark.ts';
import { answerColonLetter, answerIsLetter, lastStandAloneLetter, optionLetters } from './multipleChoice.ts';

/** One row of TIGER-Lab/MMLU-Pro; options "N/A" removed. */
export interface MmluProRow {
  readonly id: string;
  readonly question: string;
  readonly options: readonly string[];
  /** Letter of the right option. */
  readonly answer: string;
  readonly category: string;
}

function read(value: JsonValue, where: string): MmluProRow {
  const row = isObject(value) ? value : {};
  const answer = row['answer'];
  const options = row['options'];
  if (
    typeof answer !== 'string' ||
    !/^[A-J]$/.test(answer) ||
    (options !== undefined && !Array.isArray(options))
  ) {
    throw new InputError('mmlu-pro-row', 'This is no MMLU-Pro row', {
      where,
      expected: 'question, options (list), answer (letter A–J), category',
      actual: `columns ${Object.keys(row).join(', ')}`,
    });
  }
  return {
    id: String((row['question_id'] as string | number | undefined) ?? ''),
    question: typeof row['question'] === 'string' ? row['question'] : '',
    options: (options ?? []).filter(
      (option): option is string => typeof option === 'string' && option !== 'N/A',
    ),
    answer,
    category: typeof row['category'] === 'string' ? row['category'] : 'unknown',
  };
}

/** A worked example: a row of the validation split with its chain of thought. */
export interface MmluProShot extends MmluProRow {
  readonly reasoning: string;
}

/** Reads a row of the validation split. Throws `InputError` for one without `cot_content`, as those of the test split. */
export function readMmluProShot(value: JsonValue, where: string): MmluProShot {
  const row = read(value, where);
  const reasoning = isObject(value) ? value['cot_content'] : null;
  if (typeof reasoning !== 'string' || reasoning.trim() === '' || row.question === '') {
    throw new InputError('mmlu-pro-shot', 'This row is no worked example', {
      where,
      expected: 'question, options, answer, category and cot_content (the reasoning, not empty)',
      actual: `columns ${Object.keys(isObject(value) ? value : {}).join(', ')}`,
    });
  }
  return { ...row, reasoning };
}

function questionText(row: MmluProRow): string {
  const options = row.options.map((option, index) => `${optionLetters[index]}. ${option}`).join('\n');
  return `Question:\n${row.question}\nOptions:\n${options}\n`;
}

/**
 * The prompt of a question after worked examples of its subject.
 * Source: TIGER-AI-Lab/MMLU-Pro evaluate_from_local.py, `format_cot_example` and `generate_cot_prompt`.
 */
export function mmluProPrompt(row: MmluProRow, shots: readonly MmluProShot[]): string {
  // The published chains begin with "A:", the questions end with "Answer:".
  const examples = shots.map(
    (shot) =>
      `${questionText(shot)}${shot.reasoning.replaceAll("A: Let's think step by step.", "Answer: Let's think step by step.")}\n\n`,
  );
  return (
    `The following are multiple choice questions (with answers) about ${row.category}. Think step by step and then ` +
    'finish your answer with "the answer is (X)" where X is the correct letter choice.\n\n' +
    `${examples.join('')}${questionText(row)}Answer: Let's think step by step.`
  );
}

/** Extracts by the reference chain: each level is tried when those before it found nothing. */
export function extractMmluPro(response: string): {
  readonly l1: string | null;
  readonly l2: string | null;
  readonly chain: string | null;
} {
  // The reference stops generation at "Question:"; what a subject wrote beyond is another question's.
  const cut = response.indexOf('Question:');
  const text = cut > 0 ? response.slice(0, cut) : response;
  const l1 = answerIsLetter(text);
  const l2 = l1 ?? answerColonLetter(text);
  return { l1, l2, chain: l2 ?? lastStandAloneLetter(text) };
}

function grade(response: string, row: MmluProRow, mode: string): Graded {
  const { l1, l2, chain } = extractMmluPro(response);
  const withoutStars = extractMmluPro(response.replaceAll('**', '')).chain;
  const chosen = mode === 'L1' ? l1 : mode === 'L2' ? l2 : chain;
  const right = (letter: string | null): number => (letter === row.answer ? 1 : 0);
  // The local reference script draws a random option where nothing is found; its expectation, without the draw.
  const credit = chosen === null && row.options.length > 0 ? 1 / row.options.length : right(chosen);
  return {
    score: mode === 'expected-random-credit' ? credit : right(chosen),
    correct: chosen === row.answer,
    extracted: chosen,
    measures: {
      L1: right(l1),
      L2: right(l2),
      chain: right(chain),
      'chain without **': right(withoutStars),
      'expected random credit': credit,
      'extraction failed': chosen === null ? 1 : 0,
    },
  };
}

/** MMLU-Pro with the reference's instruction and extraction chain; zero-shot unless it is given worked examples. */
export const mmluPro: Benchmark<MmluProRow> = {
  id: 'mmlu-pro',
  label: 'MMLU-Pro',
  scoreLabel: 'accuracy',
  isExact: true,
  modes: ['chain', 'L1', 'L2', 'expected-random-credit'],
  gradingColumns: ['question_id', 'answer', 'category', 'options'],
  promptColumns: ['question'],
  isPrivate: false,
  variants: 1,
  read,
  violations(row) {
    const problems: string[] = [];
    if (row.options.length < 3 || row.options.length > 10)
      problems.push(`${row.options.length} options, 3 to 10 expected`);
    if (optionLetters.indexOf(row.answer) >= row.options.length) problems.push(`no option ${row.answer}`);
    return problems;
  },
  messages: (row) => [{ role: 'user', content: mmluProPrompt(row, []) }],
  lengthTexts: (row) => (row.question === '' ? null : [row.question, ...row.options]),
  slices: (row) => ({ category: row.category }),
  grade: (response, row, { mode }) => grade(response, row, mode),
  vote: (letter) => letter,
  gold: (row) => ({
    kind: 'value',
    value: `${row.answer}. ${row.options[optionLetters.indexOf(row.answer)] ?? ''}`,
  }),
};
