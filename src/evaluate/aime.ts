import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { Benchmark, Graded } from './benchmark.ts';

/** One problem; answers are whole numbers 0 … 999. */
export interface AimeRow {
  readonly problem: string;
  readonly answer: number;
  readonly id: string;
  readonly year: string;
}

function firstOf(row: Readonly<Record<string, JsonValue>>, names: readonly string[]): string | null {
  for (const name of names) {
    const value = row[name];
    if (typeof value === 'string' || typeof value === 'number') return String(value);
  }
  return null;
}

/** A number without the dollars, blanks and degrees of its TeX: opencompass/AIME2025 has `336^\circ`. */
function plainNumber(text: string): string {
  return text.replace(/[$\s]/g, '').replace(/\^(?:\\circ|\{\\circ\})$/, '');
}

/** Columns of Maxwell-Jia/AIME_2024, math-ai/aime25, opencompass/AIME2025 and gneubig/aime-1983-2024. */
function read(value: JsonValue, where: string): AimeRow {
  const row = isObject(value) ? value : {};
  const given = firstOf(row, ['Answer', 'answer']);
  const answer = given === null ? '' : plainNumber(given);
  if (!/^\d{1,3}$/.test(answer)) {
    throw new InputError('aime-row', 'This is no AIME row', {
      where,
      expected: 'Problem (or problem, Question) and Answer (or answer), a whole number 0 … 999',
      actual: given === null ? `columns ${Object.keys(row).join(', ')}` : JSON.stringify(given),
    });
  }
  const id = firstOf(row, ['ID', 'id']) ?? '';
  return {
    problem: firstOf(row, ['Problem', 'problem', 'Question', 'question']) ?? '',
    answer: Number(answer),
    id,
    year: firstOf(row, ['Year', 'year']) ?? /^\d{4}/.exec(id)?.[0] ?? '',
  };
}

/** Contents of the last `\boxed{…}` or `\fbox{…}` with balanced braces; null without one. */
export function lastBoxed(text: string): string | null {
  const starts = Array.from(
    text.matchAll(/\\(?:boxed|fbox)\s*\{/g),
    (match) => match.index + match[0].length,
  );
  for (let s = starts.length - 1; s >= 0; s--) {
    let depth = 1;
    // A box that is not closed within this many characters is no answer; the bound keeps the scan linear.
    const limit = Math.min(text.length, starts[s]! + 1000);
    for (let i = starts[s]!; i < limit; i++) {
      if (text[i] === '\\') i++;
      else if (text[i] === '{') depth++;
      else if (text[i] === '}' && --depth === 0) return text.slice(starts[s], i);
    }
  }
  return null;
}

/** The whole number a boxed text states, 0 … 999; null when it is none. */
export function boxedNumber(content: string): number | null {
  const plain = plainNumber(
    content.replace(/\\(?:text|mathrm|mathbf|textbf)\s*\{([^{}]*)\}/g, '$1').replace(/\\[,;:! ]/g, ''),
  )
    .replace(/[,{}]/g, '')
    .replace(/^0+(?=\d)/, '');
  return /^\d{1,3}$/.test(plain) ? Number(plain) : null;
}

/** The last whole number of the last line that is not blank; the fallback that is scored apart. */
export function lastLineNumber(text: string): number | null {
  const lines = text.split('\n');
  const line = lines.findLast((each) => each.trim() !== '') ?? '';
  const numbers = line.match(/\d+/g);
  const last = numbers?.at(-1)?.replace(/^0+(?=\d)/, '');
  return last !== undefined && last.length <= 3 ? Number(last) : null;
}

function grade(response: string, row: AimeRow, mode: string): Graded {
  const content = lastBoxed(response);
  const boxed = content === null ? null : boxedNumber(content);
  const fallback = boxed ?? lastLineNumber(response);
  const chosen = mode === 'with-fallback' ? fallback : boxed;
  return {
    score: chosen === row.answer ? 1 : 0,
    correct: chosen === row.answer,
    extracted: chosen === null ? null : String(chosen),
    measures: {
      boxed: boxed === row.answer ? 1 : 0,
      'with fallback': fallback === row.answer ? 1 : 0,
      'extraction failed': boxed === null ? 1 : 0,
    },
  };
}

/** AIME of any year. */
export const aime: Benchmark<AimeRow> = {
  id: 'aime',
  label: 'AIME',
  scoreLabel: 'accuracy',
  isExact: true,
  modes: ['boxed', 'with-fallback'],
  gradingColumns: ['Answer', 'answer', 'ID', 'id', 'Year', 'year'],
  promptColumns: ['Problem', 'problem', 'Question', 'question'],
  isPrivate: false,
  variants: 1,
  read,
  violations: () => [],
  messages: (row) => [
    {
      role: 'user',
      content: `${row.problem}\n\nReason step by step, and put your final answer, a whole number from 0 to 999, within \\boxed{}.`,
    },
  ],
  lengthTexts: (row) => (row.problem === '' ? null : [row.problem]),
  slices: (row): Readonly<Record<string, string>> => (row.year === '' ? {} : { year: row.year }),
  grade: (response, row, { mode }) => grade(response, row, mode),
  vote: (number) => number,
  gold: (row) => ({ kind: 'value', value: String(row.answer) }),
};
