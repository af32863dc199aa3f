import { isObject, type JsonValue } from '../../core/json.ts';
import type { Step, TextRef, ToolCallStep } from '../schema.ts';
import { joinPath, JSON_TEXT_SEGMENT } from '../sourcePath.ts';

/** Characters [start, end) of a step's text as a place in its record; null when the text was decoded. */
export function spanIn(step: Step, start: number, end: number): TextRef | null {
  if (!step.range || start >= end) return null;
  const { file, record, path } = step.at;
  return { file, record, path, start: step.range.start + start, end: step.range.start + end };
}

/** A range of a step's text without the white space around it; null when nothing is left. */
export function trimmedSpan(step: Step, start: number, end: number): TextRef | null {
  const [from, to] = trimRange(step.text, start, end);
  return spanIn(step, from, to);
}

export function trimRange(text: string, start: number, end: number): [number, number] {
  let from = start;
  let to = end;
  while (from < to && isSpace(text.charCodeAt(from))) from++;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--;
  return [from, to];
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

/** A text found in a step, with its place. */
export interface FoundText {
  readonly text: string;
  readonly span: TextRef;
}

/** A string inside the JSON that a step's text is. `pointer` leads from the JSON's root to the string. */
export function jsonStringSpan(step: Step, pointer: string, text: string): TextRef | null {
  const { file, record, path } = step.at;
  // Arguments or a result that the record holds as an object or list: the string lies below it.
  if (step.range === null && (step.type === 'toolResult' || step.type === 'toolCall') && text !== '') {
    return { file, record, path: `${path}${pointer}`, start: 0, end: text.length };
  }
  // Only a text that starts at the string's beginning can be all of it, and only then `!json` finds it again.
  if (step.range?.start !== 0 || text === '') return null;
  return { file, record, path: `${path}/${JSON_TEXT_SEGMENT}${pointer}`, start: 0, end: text.length };
}

/**
 * The string argument of a call with its place: inside the arguments' JSON text, inside an arguments object,
 * or as a verbatim part of a textual call; null when it stands nowhere as it is (escaped inside a longer text).
 */
export function argumentSpan(call: ToolCallStep, key: string): FoundText | null {
  const value = call.arguments && Object.hasOwn(call.arguments, key) ? call.arguments[key] : undefined;
  if (typeof value !== 'string' || value === '') return null;
  const { file, record, path } = call.at;
  if (call.range === null) {
    return { text: value, span: { file, record, path: joinPath(path, key), start: 0, end: value.length } };
  }
  const at = call.text.indexOf(value);
  if (at >= 0) {
    const span = spanIn(call, at, at + value.length);
    return span && { text: value, span };
  }
  if (!call.text.trimStart().startsWith('{')) return null;
  // Hermes-style calls hold the arguments one level down: {"name": …, "arguments": {…}}.
  const whole = parseJson(call.text);
  if (!isObject(whole)) return null;
  const inner = ['arguments', 'parameters', 'args', 'input'].find((name) => {
    const candidate = whole[name];
    return isObject(candidate) && candidate[key] === value;
  });
  const pointer =
    whole[key] === value ? joinPath('', key) : inner ? joinPath(joinPath('', inner), key) : null;
  const span = pointer === null ? null : jsonStringSpan(call, pointer, value);
  return span && { text: value, span };
}

/** The value of a JSON text; undefined when it is not JSON or too deep. */
export function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

/** First code unit of a text that is not white space, '' if there is none. */
export function firstMark(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (!isSpace(text.charCodeAt(i))) return text.charAt(i);
  }
  return '';
}

/** Index of the end of the line that `index` stands in (the newline itself, or the text's length). */
export function lineEnd(text: string, index: number): number {
  const end = text.indexOf('\n', index);
  return end < 0 ? text.length : end;
}
