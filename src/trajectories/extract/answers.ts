import type { JsonValue } from '../../core/json.ts';
import { findLastTag } from '../blocks/tagSpan.ts';
import { lastBoxed } from '../blocks/answers.ts';
import type { AnswerText, GroundTruth, SourcePosition, Step } from '../schema.ts';

/** Accepted answers in a value: a text, a number, a boolean, or (nested) lists of them; blanks and repeats left out. */
export function acceptedAnswers(value: JsonValue | undefined): string[] {
  const found = new Set<string>();
  const collect = (item: JsonValue | undefined, depth: number): void => {
    if (typeof item === 'string' && item.trim() !== '') found.add(item.trim());
    else if (typeof item === 'number' || typeof item === 'boolean') found.add(String(item));
    else if (Array.isArray(item) && depth < 4) for (const one of item.slice(0, 200)) collect(one, depth + 1);
  };
  collect(value, 0);
  return [...found];
}

/** Ground truth in text form, null when the value holds no answer. */
export function textTruth(
  value: JsonValue | undefined,
  at: SourcePosition,
  via: string,
  aliases: JsonValue | undefined = undefined,
): GroundTruth | null {
  const values = [...new Set([...acceptedAnswers(value), ...acceptedAnswers(aliases)])];
  return values.length === 0 ? null : { form: 'text', values, at, via };
}

const ANSWER_LINE =
  /(?:^|\n)\s*\**(?:Final Answer|FINAL ANSWER|Exact Answer|Answer)\**\s*:\s*\**\s*(\S[^\n]*)/g;

/**
 * The answer inside a closing text, as agents mark it: the last `<answer>`, `finish[…]`, `\boxed{}`, or
 * `Final Answer:` line; null when nothing marks one.
 */
export function markedAnswer(text: string): { text: string; via: string } | null {
  if (text.includes('<answer>')) {
    const span = findLastTag(text, 'answer');
    const inner = span ? text.slice(span.innerStart, span.innerEnd).trim() : '';
    if (inner !== '') return { text: inner, via: '<answer> tag' };
  }
  const boxed = lastBoxed(text);
  if (boxed !== null) return { text: boxed, via: '\\boxed{}' };
  const finish = /\b(?:finish|Finish)\[([^\n]*)\]/.exec(text.slice(-4000));
  if (finish?.[1]?.trim()) return { text: finish[1].trim(), via: 'finish[…]' };
  const lines = [...text.slice(-6000).matchAll(ANSWER_LINE)];
  const line = lines
    .at(-1)?.[1]
    ?.replace(/\**\s*$/, '')
    .trim();
  return line ? { text: line, via: 'Final Answer:' } : null;
}

/** The marked answer of the last assistant text, else that text itself. */
export function answerOfLastText(steps: readonly Step[]): AnswerText | null {
  for (const step of steps.toReversed()) {
    if (step.type === 'toolCall' || step.type === 'toolResult') return null;
    if (step.type !== 'message' || step.role !== 'assistant' || step.text.trim() === '') continue;
    const marked = markedAnswer(step.text);
    return marked
      ? { ...marked, at: step.at }
      : { text: step.text.trim(), at: step.at, via: 'last assistant message' };
  }
  return null;
}

const QUESTION_MARKS = [
  '\nUser: ',
  '\nUser:',
  '\nQuestion: ',
  '\nQuestion:',
  '\nUser Query:\n',
  '\nQuery: ',
  '\nTask: ',
];

/**
 * Where the question stands in a prompt that explains tools first: after the last of the usual marks, else the
 * whole text.
 */
export function questionRange(text: string): { start: number; end: number; via: string } {
  let start = 0;
  let via = 'first user message';
  for (const mark of QUESTION_MARKS) {
    const isAtStart = text.startsWith(mark.slice(1));
    const at = Math.max(text.lastIndexOf(mark), isAtStart ? 0 : -1);
    if (at < 0) continue;
    start = at + mark.length - (isAtStart && text.lastIndexOf(mark) < 0 ? 1 : 0);
    via = `text after "${mark.trim()}"`;
    break;
  }
  let end = text.length;
  while (end > start && text.charCodeAt(end - 1) <= 32) end--;
  while (start < end && text.charCodeAt(start) <= 32) start++;
  return { start, end, via };
}
