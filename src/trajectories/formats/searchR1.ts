import { isObject, type JsonValue } from '../../core/json.ts';
import { draftOf } from '../blocks/draft.ts';
import { filledField, idField, listField, smallFieldsExcept, stringField } from '../blocks/fields.ts';
import { chatRole } from '../blocks/openaiChat.ts';
import { templateTurns } from '../blocks/templateTurns.ts';
import { StepBuilder, trimmedSlice, wholeText, type TextSlice } from '../blocks/stepBuilder.ts';
import { answerOfLastText, questionRange } from '../extract/answers.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { AnswerText, Step } from '../schema.ts';
import { asTask, rolloutOutcome, rolloutQuestion, rolloutTruth } from './rolloutRecord.ts';

/**
 * Search-R1, ASearcher, Search-o1, R1-Searcher and their relatives: `<search>` or `<access>` by the model,
 * `<information>` or `<page>` by the tool (or special tokens that say the same), in one text (with the prompt before it) or in the assistant's messages.
 */
export const searchR1: FormatAdapter = {
  id: 'search-r1',
  label: 'Search-R1 / ASearcher',
  unit: 'record',
  detect,
  read: (records) => records.map(readRecord),
};

interface TagPair {
  readonly close: string;
  readonly type: 'call' | 'result' | 'thought';
  readonly name: string;
}

function pairs(type: TagPair['type'], names: Readonly<Record<string, string>>): [string, TagPair][] {
  return Object.entries(names).map(([tag, name]) => [tag, { close: `</${tag}>`, type, name }]);
}

/** What stands between `<` and `>` of an opening mark, with how it ends. */
const TAGS: ReadonlyMap<string, TagPair> = new Map([
  ...pairs('thought', { think: 'think', reasoning: 'reasoning' }),
  ...pairs('call', {
    search: 'search',
    web_search: 'web_search',
    wiki_search: 'wiki_search',
    access: 'visit',
    visit: 'visit',
    crawl_page: 'crawl_page',
    python: 'python',
  }),
  ...pairs('result', {
    information: '',
    page: '',
    result: '',
    results: '',
    documents: '',
    search_results: '',
    observation: '',
  }),
  // Search-o1, WebThinker and R1-Searcher write special tokens instead.
  ['|begin_search_query|', { close: '<|end_search_query|>', type: 'call', name: 'search' }],
  ['|begin_of_query|', { close: '<|end_of_query|>', type: 'call', name: 'search' }],
  ['|begin_click_link|', { close: '<|end_click_link|>', type: 'call', name: 'visit' }],
  ['|begin_search_result|', { close: '<|end_search_result|>', type: 'result', name: '' }],
  ['|begin_of_documents|', { close: '<|end_of_documents|>', type: 'result', name: '' }],
  ['|begin_click_result|', { close: '<|end_click_result|>', type: 'result', name: '' }],
]);
const TEXT_KEYS = [
  'response',
  'sequences_str',
  'full_text',
  'output',
  'Output',
  'gen_text_store',
  'completion',
  'generated_text',
  'text',
  'trajectory',
  'rollout',
];
const PROMPT_KEYS = ['prompt', 'question', 'Question', 'query', 'input'];

const RESULT_NAMES = 'information|page|result|results|documents|search_results|observation';
/** Calls by which a text is recognised; others of the tags are words of markup. */
const CALL_NAMES = 'search|access|web_search|wiki_search|crawl_page';
const callMark = new RegExp(`<(?:${CALL_NAMES})>|<\\|begin_(?:search|of)_query\\|>`);
/** A call and what came back, right behind it or after the marks of a chat template. */
const answeredCall = new RegExp(
  `<(${CALL_NAMES})>[^<]{0,4000}</\\1>\\s*(?:<\\|[^|<>]{1,40}\\|>\\s*(?:\\w{1,20}\\s*)?){0,3}<(?:${RESULT_NAMES})>` +
    '|<\\|begin_(?:search|of)_query\\|>[^<]{0,4000}<\\|end_(?:search|of)_query\\|>\\s*<\\|begin_(?:search_result|of_documents)\\|>',
);

/** True when a text searches by tags and is answered: markup of web pages has tags of these names too. */
function isTagged(text: string): boolean {
  return callMark.test(text) && answeredCall.test(text);
}

/** True for a text file that is such a run: beside its calls the model thinks or answers in tags. */
function isTranscript(text: string): boolean {
  return isTagged(text) && (text.includes('<answer>') || text.includes('<think>'));
}

interface Transcript {
  readonly text: string;
  readonly path: string;
}

/** Texts of a record that carry the run, in order. */
function transcriptsOf(value: JsonValue): Transcript[] {
  if (typeof value === 'string') return isTranscript(value) ? [{ text: value, path: '' }] : [];
  for (const key of TEXT_KEYS) {
    const text = stringField(value, key);
    if (text !== null && isTagged(text)) return [{ text, path: `/${key}` }];
  }
  for (const key of ['messages', 'conversations', 'conversation', 'prompt']) {
    const found = (listField(value, key) ?? []).flatMap((message, i): Transcript[] => {
      const name = ['content', 'value'].find((field) => stringField(message, field) !== null);
      const role = chatRole(stringField(message, 'role') ?? stringField(message, 'from'));
      const text = name ? (stringField(message, name) ?? '') : '';
      return name && role === 'assistant' && callMark.test(text)
        ? [{ text, path: `/${key}/${String(i)}/${name}` }]
        : [];
    });
    if (found.some((one) => isTagged(one.text))) return found;
  }
  return [];
}

function detect(sample: FormatSample): Detection | null {
  const hit = sample.records.slice(0, 5).some((record) => transcriptsOf(record.value).length > 0);
  return hit ? { certainty: 0.85, evidence: '<search> and <information> tags' } : null;
}

function readRecord(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const transcripts = transcriptsOf(record.value);
  readPrompt(builder, record.value, transcripts);
  for (const { text, path } of transcripts) readTags(builder, text, path, promptEnd(text));
  return draftOf(record, searchR1.id, builder, {
    id: idField(value, 'id') ?? `${record.file}#${String(record.record)}`,
    instanceId: idField(value, 'id') ?? idField(value, 'qid'),
    task: asTask(builder, rolloutQuestion(value)) ?? promptQuestion(builder.steps),
    finalAnswer: answerOfLastText(builder.steps),
    groundTruth: rolloutTruth(builder, value),
    outcome: rolloutOutcome(value),
    metadata: smallFieldsExcept(value, [...TEXT_KEYS, ...PROMPT_KEYS, 'messages', 'conversations']),
  });
}

function promptQuestion(steps: readonly Step[]): AnswerText | null {
  const user = steps.find((step) => step.type === 'message' && step.role === 'user');
  const range = user ? taggedQuestion(user.text) : null;
  return user && range && range.end > range.start
    ? { text: user.text.slice(range.start, range.end), at: user.at, via: range.via }
    : null;
}

/** Search-R1 writes the question on the last line of its instructions, after their example answer. */
function taggedQuestion(text: string): ReturnType<typeof questionRange> {
  const found = questionRange(text);
  const template = text.indexOf('Answer the given question.');
  const mark = found.start > 0 || template < 0 ? -1 : text.indexOf(' Question: ', template);
  const start = mark + ' Question: '.length;
  return start < found.end && mark >= 0 ? { start, end: found.end, via: 'text after "Question:"' } : found;
}

/** The prompt beside the transcript, or the part of the transcript before the model's first turn. */
function readPrompt(builder: StepBuilder, value: JsonValue, transcripts: readonly Transcript[]): void {
  const [first] = transcripts;
  if (!first) return;
  const end = promptEnd(first.text);
  if (first.text.slice(0, end).trim() !== '') {
    addPrompt(builder, first.text.slice(0, end), first.path);
    return;
  }
  for (const key of PROMPT_KEYS) {
    const text = filledField(value, key);
    if (text !== null) {
      addPrompt(builder, text, `/${key}`);
      return;
    }
    for (const [i, message] of (listField(value, key) ?? []).entries()) {
      const content = filledField(message, 'content');
      if (content !== null && chatRole(stringField(message, 'role')) === 'user') {
        builder.message('user', wholeText(content, `/${key}/${String(i)}/content`));
        return;
      }
    }
  }
  for (const key of ['messages', 'conversations']) {
    for (const [i, message] of (listField(value, key) ?? []).entries()) {
      const name = ['content', 'value'].find((field) => filledField(message, field) !== null);
      const role = chatRole(stringField(message, 'role') ?? stringField(message, 'from'));
      if (!name || role !== 'user') continue;
      builder.message('user', wholeText(filledField(message, name) ?? '', `/${key}/${String(i)}/${name}`));
      return;
    }
  }
}

/** A prompt, in the turns of its chat template where it is written in one: marks are no part of a question. */
function addPrompt(builder: StepBuilder, text: string, path: string): void {
  const turns = templateTurns(text);
  if (turns.length === 0) {
    const slice = trimmedSlice(text, path, 0, text.length);
    if (slice) builder.message('user', slice);
  }
  for (const { role, start, end } of turns) {
    const slice = trimmedSlice(text, path, start, end);
    if (slice && role !== 'assistant') builder.message(role === 'system' ? 'system' : 'user', slice);
  }
}

/** Where the model begins to speak: after a chat template's assistant mark, or at the question's end. */
function promptEnd(text: string): number {
  for (const mark of [
    '<|im_start|>assistant',
    '<|start_header_id|>assistant<|end_header_id|>',
    '\nassistant\n',
  ]) {
    const at = text.indexOf(mark);
    if (at >= 0) return at + mark.length;
  }
  // Search-R1 prompts explain the tags first and end with one line "Question: …".
  const question = /(?:^|\n)Question:[^\n]*\n/.exec(text.slice(0, 20000));
  return question ? question.index + question[0].length : 0;
}

const leadingMarks = /^(?:\s*<\|\w{1,40}\|>(?:(?:system|user|assistant|tool)\s*\n)?)+/;
const trailingMark = /<\|\w{1,40}\|>\s*(?:(?:system|user|assistant|tool)\s*)?$/;

function readTags(builder: StepBuilder, text: string, path: string, from: number): void {
  let shown = from;
  let thoughtEnd = 0;
  const flush = (end: number): void => {
    const slice = withoutMarks(text, path, shown, end);
    if (slice && end <= thoughtEnd) builder.reasoning(slice);
    else if (slice) builder.message('assistant', slice);
  };
  for (let at = text.indexOf('<', from); at >= 0;) {
    if (at === thoughtEnd && text.startsWith('</', at)) {
      flush(at);
      shown = text.indexOf('>', at) + 1;
      at = text.indexOf('<', shown);
      continue;
    }
    const name = /^<([a-z_|]{3,24})>/.exec(text.slice(at, at + 28))?.[1];
    const pair = name === undefined ? undefined : TAGS.get(name);
    if (!pair || name === undefined) {
      at = text.indexOf('<', at + 1);
      continue;
    }
    const start = at + name.length + 2;
    const close = text.indexOf(pair.close, start);
    const end = close < 0 ? text.length : close;
    flush(at);
    shown = start;
    // R1-Searcher searches inside of its thought.
    if (pair.type === 'thought' && answeredCall.test(text.slice(start, end))) thoughtEnd = end;
    else {
      const slice = trimmedSlice(text, path, start, end);
      if (slice) addTagged(builder, pair, slice);
      shown = close < 0 ? end : end + pair.close.length;
    }
    at = text.indexOf('<', shown);
  }
  flush(text.length);
}

/** A text without the marks of the chat template around it; null when nothing else is left. */
function withoutMarks(text: string, path: string, from: number, to: number): TextSlice | null {
  const start = from + (leadingMarks.exec(text.slice(from, to))?.[0].length ?? 0);
  let end = to;
  for (;;) {
    const last = trailingMark.exec(text.slice(Math.max(start, end - 80), end));
    if (!last) return trimmedSlice(text, path, start, end);
    end -= last[0].length;
  }
}

function addTagged(builder: StepBuilder, pair: TagPair, slice: TextSlice): void {
  if (pair.type === 'thought') builder.reasoning(slice);
  else if (pair.type === 'call') builder.toolCall(slice, { name: pair.name });
  else builder.toolResult(slice);
}
