import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { contentTexts, readContent } from '../blocks/contentParts.ts';
import { draftOf } from '../blocks/draft.ts';
import { stringField } from '../blocks/fields.ts';
import { isInjectedText } from '../blocks/injected.ts';
import { findTag } from '../blocks/tagSpan.ts';
import { StepBuilder, textSlice, trimmedSlice, type TextSlice } from '../blocks/stepBuilder.ts';
import { fileStem } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';

const maxHeadLength = 1000;
/** Line before what a tool returned: its name, and what it was called for. */
const resultHead = /^\s*\[(\w+)(?: [^\n]*)?\] Result:[ \t]*(?:\n|$)/;

/**
 * Conversations of Cline and Roo Code (`api_conversation_history.json`): calls are XML tags named after the
 * tool, results come in the user's turn, behind a line that names the tool.
 */
export const cline: FormatAdapter = {
  id: 'cline',
  label: 'Cline / Roo Code conversation',
  unit: 'file',
  detect: (sample) => {
    if (returningTools(sample.records).size === 0) return null;
    return { certainty: 0.78, evidence: 'user turns with "[tool for …] Result:"' };
  },
  read: readConversation,
};

function readConversation(records: readonly RawRecord[]): DraftTrajectory[] {
  const first = records[0]!;
  const builder = new StepBuilder(first.file, first.record);
  const toolNames = returningTools(records).add('attempt_completion');
  for (const { value, record } of records) {
    builder.record = record;
    if (!isObject(value)) continue;
    if (stringField(value, 'role') === 'assistant') readAssistant(builder, value, toolNames);
    else readUser(builder, value);
  }
  return [
    draftOf({ ...first, record: 0 }, cline.id, builder, {
      id: fileStem(first.file),
      task: taskFromSteps(builder.steps),
      finalAnswer: answerFromSteps(builder.steps),
    }),
  ];
}

/** The tools of a conversation that returned something. */
function returningTools(records: readonly RawRecord[]): Set<string> {
  const names = new Set<string>();
  for (const { value } of records) {
    if (!isObject(value) || stringField(value, 'role') !== 'user') continue;
    for (const text of contentTexts(value['content'], '')) {
      const head = headOf(text);
      if (head) names.add(head.name);
    }
  }
  return names;
}

function readAssistant(builder: StepBuilder, message: JsonObject, toolNames: ReadonlySet<string>): void {
  builder.beginTurn();
  readContent(builder, 'assistant', message['content'], '/content', ({ text, path }) => {
    let shown = 0;
    for (const { index, 1: name = '' } of text.matchAll(/^[ \t]*<(\w+)>/gm)) {
      if (index < shown || !toolNames.has(name)) continue;
      const span = findTag(text, name, index);
      if (!span) continue;
      readProse(builder, text, path, shown, span.outerStart);
      const body = textSlice(text, path, span.innerStart, span.innerEnd);
      builder.toolCall(body, { name, arguments: parametersOf(body.text) });
      shown = span.outerEnd;
    }
    readProse(builder, text, path, shown, text.length);
  });
}

/** Text between calls, with the thoughts in it. */
function readProse(builder: StepBuilder, text: string, path: string, start: number, end: number): void {
  const part = text.slice(start, end);
  let cursor = 0;
  const addText = (to: number): void => {
    const slice = trimmedSlice(text, path, start + cursor, start + to);
    if (slice) builder.message('assistant', slice);
  };
  for (let span = findTag(part, 'thinking'); span; span = findTag(part, 'thinking', cursor)) {
    addText(span.outerStart);
    const thought = trimmedSlice(text, path, start + span.innerStart, start + span.innerEnd);
    if (thought) builder.reasoning(thought);
    cursor = span.outerEnd;
  }
  addText(part.length);
}

/** The tags inside a call; a file's content or a diff may hold tags of its own, so the last closing one ends it. */
function parametersOf(body: string): JsonObject {
  const entries: [string, JsonValue][] = [];
  let cursor = 0;
  for (;;) {
    const open = /<(\w+)>/g;
    open.lastIndex = cursor;
    const found = open.exec(body);
    const name = found?.[1];
    if (!found || name === undefined) return Object.fromEntries(entries);
    const start = found.index + found[0].length;
    const close = `</${name}>`;
    const end = /^(?:content|diff)$/.test(name) ? body.lastIndexOf(close) : body.indexOf(close, start);
    const value = body.slice(start, end < start ? body.length : end);
    entries.push([name, value.replace(/^\n/, '').replace(/\n$/, '')]);
    if (end < start) return Object.fromEntries(entries);
    cursor = end + close.length;
  }
}

function readUser(builder: StepBuilder, message: JsonObject): void {
  const texts: TextSlice[] = [];
  readContent(builder, 'user', message['content'], '/content', (text) => texts.push(text));
  for (let index = 0; index < texts.length; index++) {
    const text = texts[index]!;
    const head = headOf(text);
    if (!head) {
      builder.message('user', text, isInjectedText(text.text));
      continue;
    }
    const rest = textSlice(text.text, text.path, head.length, text.text.length);
    const next = texts[index + 1];
    const isApart = rest.text.trim() === '' && next && !headOf(next) && !isInjectedText(next.text);
    addResult(builder, isApart ? next : rest, head.name);
    if (isApart) index++;
  }
}

/** The line that a text begins with when a result follows it. */
function headOf({ text }: TextSlice): { readonly name: string; readonly length: number } | null {
  const found = resultHead.exec(text.slice(0, maxHeadLength));
  return found?.[1] === undefined ? null : { name: found[1], length: found[0].length };
}

function addResult(builder: StepBuilder, text: TextSlice, name: string): void {
  const isError = /^\s*(?:The tool execution failed|<error_details>|Error:)/.test(text.text.slice(0, 200));
  builder.toolResult(text, { name, isError });
}
