import { wordClass } from './pythonText.ts';

/** Letters of up to ten options. */
export const optionLetters = 'ABCDEFGHIJ';

/** MMLU-Pro, first rule: the first `answer is (X)`. Source: TIGER-AI-Lab/MMLU-Pro compute_accuracy.py. */
export function answerIsLetter(text: string): string | null {
  return /answer is \(?([A-J])\)?/.exec(text)?.[1] ?? null;
}

/**
 * MMLU-Pro, second rule: `.*[aA]nswer:\s*([A-J])` — the last "answer:" with a letter on the first line that has
 * one. Found by scanning all matches, as the pattern itself takes quadratic time.
 */
export function answerColonLetter(text: string): string | null {
  let found: string | null = null;
  let lineEnd = -1;
  for (const match of text.matchAll(/[aA]nswer:\s*([A-J])/g)) {
    if (lineEnd >= 0 && match.index > lineEnd) break;
    if (lineEnd < 0) {
      const end = text.indexOf('\n', match.index);
      lineEnd = end < 0 ? text.length : end;
    }
    found = match[1] ?? null;
  }
  return found;
}

const standAlone = new RegExp(`(?<![${wordClass}])[A-J](?![${wordClass}])`, 'gu');

/** MMLU-Pro, third rule: the last capital A–J that stands alone. */
export function lastStandAloneLetter(text: string): string | null {
  let found: string | null = null;
  for (const match of text.matchAll(standAlone)) found = match[0];
  return found;
}

const explicitAnswer = /Answer[ \t]*:[ \t]*\$?([A-D])\$?/gi;

/** GPQA: the letters of all explicit "Answer: X" (simple-evals' pattern), in order, in capitals. */
export function explicitLetters(text: string): string[] {
  return Array.from(text.matchAll(explicitAnswer), (match) => match[1]!.toUpperCase());
}
