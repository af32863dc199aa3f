import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { ResultFields } from './contentParts.ts';
import { stringField } from './fields.ts';
import { isInjectedText } from './injected.ts';
import { parsePythonLiteral } from './pythonLiteral.ts';
import { findTag, type TagSpan } from './tagSpan.ts';
import { readXmlFunction } from './tagXml.ts';
import { parseJson, textSlice, trimmedSlice, type StepBuilder } from './stepBuilder.ts';
import { readTextCallAt, textCallsStart } from './textCalls.ts';

const thinkTags = ['think', 'thinking', 'thought', 'reasoning'] as const;
const callTags = ['tool_call', 'function_call'] as const;

/**
 * Adds the parts of an assistant text that carries its calls as tags: reasoning (`<think>`), calls
 * (`<tool_call>` with JSON, raw code or XML inside; `<function=NAME>`; `<invoke name="…">`; `<sql>`, `<execute>`
 * and others that end the turn) and the texts
 * between them, in order and each as a slice of the string at `path`. Linear in the length of the text.
 */
export function readTaggedAssistant(builder: StepBuilder, text: string, path: string): void {
  let shown = leadingThought(builder, text, path);
  let cursor = text.indexOf('<', shown);
  const flush = (end: number): void => {
    const slice = trimmedSlice(text, path, shown, end);
    if (slice) builder.message('assistant', slice);
  };
  let known = -1;
  const callsStart = (): number => (known = known < 0 ? textCallsStart(text) : known);
  while (cursor >= 0) {
    const next = text.charCodeAt(cursor + 1);
    let end = -1;
    // t(hink|ool_call), r(easoning), f(unction), i(nvoke).
    if (next === 116 || next === 114 || next === 102 || next === 105) {
      end = readTagAt(builder, text, path, cursor, () => flush(cursor));
    } else if (next === 115 || next === 117 || next === 101 || next === 119 || next === 99) {
      // s(ql), u(se_mcp_tool), e(xecute), w(eb_search), c(rawl_page): all other tags are text.
      end = readTextCallAt(builder, text, path, cursor, callsStart, () => flush(cursor));
    }
    if (end > cursor) {
      shown = end;
      cursor = text.indexOf('<', end);
    } else {
      cursor = text.indexOf('<', cursor + 1);
    }
  }
  flush(text.length);
}

/** Reasoning whose opening tag was in the prompt: everything before a lone `</think>`. */
function leadingThought(builder: StepBuilder, text: string, path: string): number {
  const close = text.indexOf('</think>');
  if (close < 0) return 0;
  const open = text.indexOf('<think>');
  if (open >= 0 && open < close) return 0;
  const slice = trimmedSlice(text, path, 0, close);
  if (slice) builder.reasoning(slice);
  return close + '</think>'.length;
}

/** Adds the tag at `start` if it is one we know, after `before()`; gives its end, or -1. */
function readTagAt(
  builder: StepBuilder,
  text: string,
  path: string,
  start: number,
  before: () => void,
): number {
  for (const tag of thinkTags) {
    if (!text.startsWith(`${tag}>`, start + 1)) continue;
    const span = findTag(text, tag, start);
    if (!span) return -1;
    before();
    const slice = trimmedSlice(text, path, span.innerStart, span.innerEnd);
    if (slice) builder.reasoning(slice);
    return span.outerEnd;
  }
  for (const tag of callTags) {
    if (!text.startsWith(`${tag}>`, start + 1)) continue;
    const span = findTag(text, tag, start);
    if (!span) return -1;
    before();
    readCallTag(builder, text, path, span.innerStart, span.innerEnd);
    return span.outerEnd;
  }
  return readXmlFunction(builder, text, path, start, before);
}

/** Adds the call that a whole text is (ShareGPT's turns of `function_call`). */
export function readCallText(builder: StepBuilder, text: string, path: string): void {
  readCallTag(builder, text, path, 0, text.length);
}

/** Adds the call inside `<tool_call>`: JSON (one object or a list), `<function=…>`, GLM keys, or raw code. */
function readCallTag(builder: StepBuilder, text: string, path: string, start: number, end: number): void {
  const slice = trimmedSlice(text, path, start, end);
  if (!slice?.range) return;
  const body = slice.text;
  const { start: from } = slice.range;
  if (body.startsWith('<function=')) {
    if (readXmlFunction(builder, text, path, from, () => undefined, end) > 0) return;
  }
  const code = findTag(body, 'code');
  const json = code && body.startsWith('{') ? body.slice(0, code.outerStart) : body;
  // Hermes data sets print the call as a Python dictionary.
  const value = parseJson(json) ?? (json.startsWith("{'") ? parsePythonLiteral(json) : undefined);
  const calls = Array.isArray(value) ? value : value === undefined ? [] : [value];
  if (calls.length > 0 && calls.every(isObject)) {
    let cursor = from;
    for (const call of calls) {
      cursor = readJsonCall(builder, text, path, call, cursor, from + body.length, code);
    }
    return;
  }
  if (code) {
    const name = body.slice(0, code.outerStart).trim();
    const inner = textSlice(text, path, from + code.innerStart, from + code.innerEnd);
    builder.toolCall(inner, { name: nameIn(name) ?? 'python', arguments: { code: inner.text } });
    return;
  }
  const keyed = keyedArguments(body);
  const name = nameIn(body);
  builder.toolCall(slice, { name: name ?? 'unknown', arguments: keyed });
}

/**
 * A call as JSON; its text is the value of `arguments` as written where that can be found in [from, to).
 * Gives where the search for the next call of a list begins.
 */
function readJsonCall(
  builder: StepBuilder,
  text: string,
  path: string,
  call: JsonObject,
  from: number,
  to: number,
  code: TagSpan | null,
): number {
  const inner = call['function'];
  const holder = isObject(inner) ? inner : call;
  const name = stringField(holder, 'name') ?? stringField(holder, 'tool') ?? 'unknown';
  const given = holder['arguments'] ?? holder['parameters'] ?? holder['args'];
  const parsed = typeof given === 'string' ? parseJson(given) : given;
  const args = isObject(parsed) ? parsed : null;
  if (code) {
    const body = textSlice(text, path, from + code.innerStart, from + code.innerEnd);
    builder.toolCall(body, { name, arguments: { ...args, code: body.text } });
    return to;
  }
  const range = typeof given === 'object' && given !== null ? argumentsRange(text, from, to) : null;
  const slice = range ? textSlice(text, path, range.start, range.end) : textSlice(text, path, from, to);
  builder.toolCall(slice, { name, arguments: args });
  return range ? range.end : to;
}

/**
 * The extent of the object that follows the first `"arguments"` key in [from, to), found by counting
 * braces outside strings.
 */
function argumentsRange(text: string, from: number, to: number): { start: number; end: number } | null {
  const key = text.indexOf('"arguments"', from);
  if (key < 0 || key >= to) return null;
  const start = text.indexOf('{', key);
  if (start < 0 || start >= to) return null;
  let depth = 0;
  let inString = false;
  for (let i = start; i < to; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 92) i++;
      else if (code === 34) inString = false;
    } else if (code === 34) inString = true;
    else if (code === 123) depth++;
    else if (code === 125 && --depth === 0) return { start, end: i + 1 };
  }
  return null;
}

/** A name at the beginning of a call body: `name`, `name\n…`, or `"name": "x"` in broken JSON. */
function nameIn(body: string): string | null {
  const json = /"name"\s*:\s*"([^"]{1,200})"/.exec(body.slice(0, 400));
  if (json?.[1]) return json[1];
  return /^[\w.-]{1,100}(?=\s|<|\(|$)/.exec(body)?.[0] ?? null;
}

/** `<arg_key>k</arg_key><arg_value>v</arg_value>` pairs as GLM models write them; null without any. */
function keyedArguments(body: string): JsonObject | null {
  const entries: [string, JsonValue][] = [];
  let key = findTag(body, 'arg_key');
  while (key) {
    const value = findTag(body, 'arg_value', key.outerEnd);
    if (!value) break;
    entries.push([
      body.slice(key.innerStart, key.innerEnd).trim(),
      body.slice(value.innerStart, value.innerEnd),
    ]);
    key = findTag(body, 'arg_key', value.outerEnd);
  }
  return entries.length > 0 ? Object.fromEntries(entries) : null;
}

/** Prefixes of what a terminal showed, where a call waits for it. */
const openPrefixes = ['New Terminal Output:', 'The output of the OS:'];

const executionResult = 'EXECUTION RESULT of [';

/**
 * Adds a user (or tool) text that is really an observation: `<tool_response>` blocks, `OBSERVATION:` and
 * `Observation:` prefixes, `EXECUTION RESULT of [tool]:`, `<returncode>…<output>`, and after a call
 * `<observation>` or a terminal's output. False when it is none.
 */
export function readTaggedUser(
  builder: StepBuilder,
  text: string,
  path: string,
  fields: ResultFields = {},
): boolean {
  const start = skipSpace(text, 0);
  const first = text.charCodeAt(start);
  // < O E F I N T: every known observation opens with one of these.
  if (first !== 60 && !'OEFINT'.includes(text.charAt(start))) return false;
  if (text.startsWith('<tool_response>', start)) {
    readResponses(builder, text, path, start, fields);
    return true;
  }
  if (builder.hasOpenCall && text.startsWith('<observation>', start)) {
    readObservation(builder, text, path, start, fields);
    return true;
  }
  for (const prefix of ['OBSERVATION:', 'Observation:', ...openPrefixes]) {
    if (!text.startsWith(prefix, start)) continue;
    if (!builder.hasOpenCall && openPrefixes.includes(prefix)) continue;
    builder.toolResult(afterPrefix(text, path, start + prefix.length), fields);
    return true;
  }
  if (text.startsWith(executionResult, start)) {
    const nameStart = start + executionResult.length;
    const nameEnd = text.indexOf(']', nameStart);
    if (nameEnd < 0 || nameEnd - nameStart > 200) return false;
    const colon = text.charCodeAt(nameEnd + 1) === 58 ? nameEnd + 2 : nameEnd + 1;
    builder.toolResult(afterPrefix(text, path, colon), { ...fields, name: text.slice(nameStart, nameEnd) });
    return true;
  }
  if (text.startsWith('<exception>', start) && text.includes('<returncode>')) {
    builder.toolResult(textSlice(text, path, start, text.length), { ...fields, isError: true });
    return true;
  }
  if (text.startsWith('<returncode>', start)) {
    readReturnCode(builder, text, path, start, fields);
    return true;
  }
  return false;
}

/** `<observation>…</observation>`, without the reminder of the turns left that SkyRL puts into it. */
function readObservation(
  builder: StepBuilder,
  text: string,
  path: string,
  start: number,
  fields: ResultFields,
): void {
  const span = findTag(text, 'observation', start);
  if (!span) return;
  const reminder = findTag(text, 'reminder', span.innerStart);
  const isInside = reminder && reminder.outerEnd <= span.innerEnd;
  const end = isInside ? reminder.outerStart : span.innerEnd;
  builder.toolResult(
    trimmedSlice(text, path, span.innerStart, end) ?? textSlice(text, path, span.innerStart, span.innerStart),
    fields,
  );
  const said = isInside ? trimmedSlice(text, path, reminder.innerStart, reminder.innerEnd) : null;
  if (said) builder.message('user', said, true);
  readLooseText(builder, text, path, span.outerEnd, text.length);
}

function skipSpace(text: string, start: number): number {
  while (start < text.length && text.charCodeAt(start) <= 32) start++;
  return start;
}

/** The rest of a text after a prefix, without the one line break or space that follows it. */
function afterPrefix(text: string, path: string, start: number) {
  const code = text.charCodeAt(start);
  return textSlice(text, path, code === 10 || code === 32 ? start + 1 : start, text.length);
}

function readResponses(
  builder: StepBuilder,
  text: string,
  path: string,
  start: number,
  fields: ResultFields,
): void {
  let cursor = start;
  for (
    let span = findTag(text, 'tool_response', start);
    span;
    span = findTag(text, 'tool_response', cursor)
  ) {
    readLooseText(builder, text, path, cursor, span.outerStart);
    const slice =
      trimmedSlice(text, path, span.innerStart, span.innerEnd) ??
      textSlice(text, path, span.innerStart, span.innerStart);
    builder.toolResult(slice, fields);
    cursor = span.outerEnd;
  }
  readLooseText(builder, text, path, cursor, text.length);
}

function readLooseText(builder: StepBuilder, text: string, path: string, start: number, end: number): void {
  const slice = trimmedSlice(text, path, start, end);
  if (slice) builder.message('user', slice, isInjectedText(slice.text));
}

/** `<returncode>1</returncode><output>…</output>`; a cut output (head and tail) is kept with its notice. */
function readReturnCode(
  builder: StepBuilder,
  text: string,
  path: string,
  start: number,
  fields: ResultFields,
): void {
  const code = findTag(text, 'returncode', start);
  const value = code
    ? text.slice(code.innerStart, Math.min(code.innerEnd, code.innerStart + 12)).trim()
    : '0';
  const result = { ...fields, isError: value !== '0' };
  const output = code ? text.indexOf('<output>', code.outerEnd) : -1;
  // Nothing but white space may stand between, else the notice in between would be lost.
  if (code && output >= 0 && text.slice(code.outerEnd, output).trim() === '') {
    const close = text.lastIndexOf('</output>');
    const end = close > output ? close : text.length;
    builder.toolResult(afterPrefixUpTo(text, path, output + '<output>'.length, end), result);
  } else {
    builder.toolResult(
      textSlice(text, path, code ? skipSpace(text, code.outerEnd) : start, text.length),
      result,
    );
  }
}

function afterPrefixUpTo(text: string, path: string, start: number, end: number) {
  const from = text.charCodeAt(start) === 10 && start < end ? start + 1 : start;
  const to = end > from && text.charCodeAt(end - 1) === 10 ? end - 1 : end;
  return textSlice(text, path, from, to);
}

/** A fenced code block: `info` is the word after the fence, [start, end) the code without fences. */
export interface Fence {
  readonly info: string;
  readonly outerStart: number;
  readonly start: number;
  readonly end: number;
  readonly outerEnd: number;
}

/** The fenced code blocks of a text, in order. A fence stands at the beginning of a line. */
export function findFences(text: string): Fence[] {
  const fences: Fence[] = [];
  let cursor = nextFence(text, 0);
  while (cursor >= 0) {
    const lineEnd = text.indexOf('\n', cursor);
    if (lineEnd < 0) break;
    const close = nextFence(text, lineEnd);
    if (close < 0) break;
    fences.push({
      info: text.slice(cursor + 3, lineEnd).trim(),
      outerStart: cursor,
      start: lineEnd + 1,
      end: Math.max(lineEnd + 1, close - 1),
      outerEnd: close + 3,
    });
    cursor = nextFence(text, close + 3);
  }
  return fences;
}

/** Position of the next "```" that begins a line. */
function nextFence(text: string, from: number): number {
  let cursor = text.indexOf('```', from);
  while (cursor > 0 && text.charCodeAt(cursor - 1) !== 10) cursor = text.indexOf('```', cursor + 3);
  return cursor;
}
