import { isObject, type JsonValue } from '../../core/json.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, listField, smallFieldsExcept, stringField } from '../blocks/fields.ts';
import { chatRole } from '../blocks/openaiChat.ts';
import { parseObject, StepBuilder, wholeText } from '../blocks/stepBuilder.ts';
import { outcomeFields } from '../blocks/swe.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { AnswerText, Outcome, Step } from '../schema.ts';
import { joinPath } from '../sourcePath.ts';
import { fieldTruth } from './chat.ts';
import { looksLikeReact, questionKind, reactParts, readReactText } from './reactTranscript.ts';

/**
 * FireAct and other fine-tuning sets of ReAct transcripts: `instruction`/`input`/`output` records, or chats
 * whose assistant texts are transcripts.
 */
export const fireAct: FormatAdapter = {
  id: 'react-fireact',
  label: 'ReAct fine-tuning set (FireAct)',
  unit: 'record',
  detect,
  read: (records) => records.map(readRecord),
};

const OUTPUT_KEYS = ['output', 'response', 'completion'];
const QUESTION_KEYS = ['instruction', 'question', 'prompt'];

function detect(sample: FormatSample): Detection | null {
  const looked = sample.records.slice(0, 5);
  const alpaca = looked.some((record) => {
    const text = OUTPUT_KEYS.map((key) => filledField(record.value, key)).find((value) => value !== null);
    return (
      text != null &&
      QUESTION_KEYS.some((key) => filledField(record.value, key) !== null) &&
      looksLikeReact(text)
    );
  });
  if (alpaca) return { certainty: 0.9, evidence: 'instruction and output, the output a ReAct transcript' };
  const chat = looked.some((record) =>
    messagesOf(record.value).some((message) => looksLikeReact(contentOf(message)?.text ?? '')),
  );
  return chat ? { certainty: 0.83, evidence: 'chat whose assistant text is a ReAct transcript' } : null;
}

function listKey(value: JsonValue): string | null {
  return ['messages', 'conversations', 'conversation'].find((key) => listField(value, key) !== null) ?? null;
}

function messagesOf(value: JsonValue): JsonValue[] {
  const key = listKey(value);
  return key === null ? [] : (listField(value, key) ?? []);
}

function contentOf(message: JsonValue): { key: string; text: string; role: string | null } | null {
  for (const key of ['content', 'value', 'text']) {
    const text = stringField(message, key);
    if (text !== null) {
      return { key, text, role: chatRole(stringField(message, 'role') ?? stringField(message, 'from')) };
    }
  }
  return null;
}

function readRecord(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const ends = listKey(value) === null ? readAlpaca(builder, value) : readChat(builder, value);
  return draftOf(record, fireAct.id, builder, {
    id: filledField(value, 'id') ?? `${record.file}#${String(record.record)}`,
    ...questionKind(builder.steps),
    task: questionOf(builder.steps),
    finalAnswer: ends.answer,
    ...(listKey(value) !== null && { groundTruth: fieldTruth(value, builder) }),
    outcome: outcomeOf(ends.verdict) ?? outcomeFields(value) ?? noOutcome,
    metadata: smallFieldsExcept(value, ['instruction', 'input', 'output', 'messages', 'conversations']),
  });
}

/** The first text of the user; where the model agreed to rules before it acted, the one that it then acted on. */
function questionOf(steps: readonly Step[]): AnswerText | null {
  const isTalk = (step: Step): boolean => step.type === 'message' && step.role !== 'system';
  const firstAction = steps.findIndex((step) => !isTalk(step) && step.type !== 'message');
  const talk = (firstAction < 0 ? steps : steps.slice(0, firstAction)).filter(isTalk);
  const users = talk.filter((step) => step.type === 'message' && step.role === 'user');
  const question = talk.length > users.length ? users.at(-1) : users[0];
  // ToolBench ends its questions in the word that starts the run.
  const text = question?.text.replace(/\n\s*Begin!\s*$/, '').trim();
  return question && text ? { text, at: question.at, via: 'the question' } : null;
}

interface Ends {
  answer: AnswerText | null;
  verdict: string | null;
}

function readAlpaca(builder: StepBuilder, value: JsonValue): Ends {
  const question = QUESTION_KEYS.find((key) => filledField(value, key) !== null);
  if (question) builder.message('user', wholeText(filledField(value, question) ?? '', `/${question}`));
  const input = filledField(value, 'input');
  if (input !== null) builder.message('user', wholeText(input, '/input'), question !== undefined);
  const output = OUTPUT_KEYS.find((key) => filledField(value, key) !== null);
  if (!output) return { answer: null, verdict: null };
  const text = filledField(value, output) ?? '';
  return readReactText(builder, text, `/${output}`, reactParts(text));
}

/** User texts after the first are observations, with or without their label; so are the turns of tools. */
function readChat(builder: StepBuilder, value: JsonValue): Ends {
  const key = listKey(value) ?? 'messages';
  const ends: Ends = { answer: null, verdict: null };
  for (const [i, message] of messagesOf(value).entries()) {
    const content = contentOf(message);
    if (!content) continue;
    const path = joinPath(`/${key}/${String(i)}`, content.key);
    const parts = reactParts(content.text);
    const first = parts[0]?.at ?? content.text.length;
    if (content.role === 'assistant' && parts.length > 0) {
      const found = readReactText(builder, content.text, path, parts);
      ends.answer = found.answer ?? ends.answer;
      ends.verdict = found.verdict ?? ends.verdict;
    } else if (content.role === 'user' && first === 0 && parts[0]?.label === 'observation') {
      const found = readReactText(builder, content.text, path, parts.slice(0, 1));
      ends.verdict = found.verdict ?? (ends.answer ? content.text : null);
    } else if (content.role === 'tool') readReturned(builder, content.text, path);
    else if (content.role === 'user' && builder.hasOpenCall)
      builder.toolResult(wholeText(content.text, path));
    else
      builder.message(
        content.role === 'assistant' ? 'assistant' : content.role === 'system' ? 'system' : 'user',
        wholeText(content.text, path),
      );
  }
  return ends;
}

/** ToolBench frames what an API returned as `{"error": …, "response": …}`. */
function readReturned(builder: StepBuilder, text: string, path: string): void {
  const frame = text.trimStart().startsWith('{') ? parseObject(text) : null;
  const response = stringField(frame, 'response');
  if (response === null) builder.toolResult(wholeText(text, path));
  else {
    const isError = filledField(frame, 'error') !== null;
    builder.toolResult(wholeText(response, `${path}/!json/response`), { isError });
  }
}

function outcomeOf(verdict: string | null): Outcome | null {
  const reward =
    verdict === null ? undefined : /reward\s*=\s*(True|False|[\d.]+)/i.exec(verdict)?.[1]?.toLowerCase();
  if (reward === undefined) return null;
  const number = reward === 'true' ? 1 : reward === 'false' ? 0 : Number(reward);
  return { success: number >= 1, reward: number, reason: `last observation: reward = ${reward}` };
}
