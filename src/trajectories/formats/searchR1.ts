import { isObject, type JsonValue } from '../../core/json.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import {
  filledField,
  idField,
  listField,
  numberField,
  objectField,
  smallFieldsExcept,
  stringField,
} from '../blocks/fields.ts';
import { chatRole } from '../blocks/openaiChat.ts';
import { findTag } from '../blocks/tagText.ts';
import { StepBuilder, trimmedSlice, wholeText } from '../blocks/stepBuilder.ts';
import { answerOfLastText, questionRange, textTruth } from '../extract/answers.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { GroundTruth, Outcome } from '../schema.ts';
import { joinPath } from '../sourcePath.ts';

/**
 * Search-R1, ASearcher and their relatives: `<search>` or `<access>` by the model, `<information>` or `<page>`
 * by the tool, in one text (with the prompt before it) or in the assistant's messages.
 */
export const searchR1: FormatAdapter = {
  id: 'search-r1',
  label: 'Search-R1 / ASearcher',
  unit: 'record',
  detect,
  read: (records) => records.map(readRecord),
};

const CALL_TAGS: Readonly<Record<string, string>> = {
  search: 'search',
  access: 'visit',
  visit: 'visit',
  python: 'python',
};
const RESULT_TAGS = [
  'information',
  'page',
  'result',
  'results',
  'documents',
  'search_results',
  'observation',
];
const TEXT_KEYS = [
  'response',
  'sequences_str',
  'full_text',
  'output',
  'completion',
  'generated_text',
  'text',
  'trajectory',
  'rollout',
];
const PROMPT_KEYS = ['prompt', 'question', 'query', 'input'];

/** A call and what came back, right behind it or after the marks of a chat template. */
const answeredCall = new RegExp(
  `<(search|access)>[^<]{0,4000}</\\1>\\s*(?:<\\|[^|<>]{1,40}\\|>\\s*(?:\\w{1,20}\\s*)?){0,3}<(?:${RESULT_TAGS.join('|')})>`,
);

/** True when a text searches by tags and is answered: markup of web pages has tags of these names too. */
function isTagged(text: string): boolean {
  return (text.includes('<search>') || text.includes('<access>')) && answeredCall.test(text);
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
      return name && role === 'assistant' && /<(?:search|access)>/.test(text)
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
  const user = builder.steps.find((step) => step.type === 'message' && step.role === 'user');
  const range = user ? taggedQuestion(user.text) : null;
  return draftOf(record, searchR1.id, builder, {
    id: idField(value, 'id') ?? `${record.file}#${String(record.record)}`,
    instanceId: idField(value, 'id') ?? idField(value, 'qid'),
    task:
      user && range && range.end > range.start
        ? { text: user.text.slice(range.start, range.end), at: user.at, via: range.via }
        : null,
    finalAnswer: answerOfLastText(builder.steps),
    groundTruth: truthOf(builder, value),
    outcome: outcomeOf(value),
    metadata: smallFieldsExcept(value, [...TEXT_KEYS, ...PROMPT_KEYS, 'messages', 'conversations']),
  });
}

/** Search-R1 writes the question on the last line of its instructions, after their example answer. */
function taggedQuestion(text: string): ReturnType<typeof questionRange> {
  const found = questionRange(text);
  if (found.start > 0 || !text.startsWith('Answer the given question.')) return found;
  const mark = text.indexOf(' Question: ');
  const start = mark < 0 ? found.start : mark + ' Question: '.length;
  return start < found.end && mark >= 0 ? { start, end: found.end, via: 'text after "Question:"' } : found;
}

/** The prompt beside the transcript, or the part of the transcript before the model's first turn. */
function readPrompt(builder: StepBuilder, value: JsonValue, transcripts: readonly Transcript[]): void {
  const [first] = transcripts;
  if (!first) return;
  const end = promptEnd(first.text);
  const inside = trimmedSlice(first.text, first.path, 0, end);
  if (inside) {
    builder.message('user', inside);
    return;
  }
  for (const key of PROMPT_KEYS) {
    const text = filledField(value, key);
    if (text !== null) {
      builder.message('user', wholeText(text, `/${key}`));
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

function readTags(builder: StepBuilder, text: string, path: string, from: number): void {
  let shown = from;
  const flush = (end: number): void => {
    const slice = trimmedSlice(text, path, shown, end);
    if (slice && !/^<\|[\w]+\|>$/.test(slice.text)) builder.message('assistant', slice);
  };
  for (let at = text.indexOf('<', from); at >= 0;) {
    const name = /^<([a-z_]{3,16})>/.exec(text.slice(at, at + 20))?.[1];
    const isCall = name !== undefined && Object.hasOwn(CALL_TAGS, name);
    const isThought = name === 'think' || name === 'reasoning';
    const isResult = name !== undefined && RESULT_TAGS.includes(name);
    const span = name !== undefined && (isCall || isThought || isResult) ? findTag(text, name, at) : null;
    if (!span || name === undefined) {
      at = text.indexOf('<', at + 1);
      continue;
    }
    flush(at);
    const slice = trimmedSlice(text, path, span.innerStart, span.innerEnd);
    if (slice) {
      if (isThought) builder.reasoning(slice);
      else if (isCall) builder.toolCall(slice, { name: CALL_TAGS[name] ?? name });
      else builder.toolResult(slice);
    }
    shown = span.outerEnd;
    at = text.indexOf('<', shown);
  }
  flush(text.length);
}

function truthOf(builder: StepBuilder, value: JsonValue): GroundTruth | null {
  const model = objectField(value, 'reward_model');
  const truth = objectField(model, 'ground_truth');
  if (truth) {
    const found = textTruth(
      truth['target'] ?? truth['answer'],
      builder.position('/reward_model/ground_truth'),
      'reward_model.ground_truth',
    );
    if (found) return found;
  }
  for (const key of ['golden_answers', 'ground_truth', 'answer', 'gold', 'target', 'answers', 'label']) {
    const item = isObject(value) ? value[key] : undefined;
    const found = textTruth(isObject(item) ? item['target'] : item, builder.position(joinPath('', key)), key);
    if (found) return found;
  }
  return null;
}

function outcomeOf(value: JsonValue): Outcome {
  for (const key of ['reward', 'score', 'em', 'exact_match', 'acc']) {
    const reward = numberField(value, key);
    if (reward !== null) return { success: reward >= 1, reward, reason: `${key} = ${String(reward)}` };
  }
  return noOutcome;
}
