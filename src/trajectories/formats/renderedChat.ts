import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { answerFromSteps } from '../blocks/answers.ts';
import { draftOf } from '../blocks/draft.ts';
import { filledField, idField, smallFieldsExcept, stringField } from '../blocks/fields.ts';
import { readAssistantText, readUserText } from '../blocks/openaiChat.ts';
import { parseObject, StepBuilder, trimmedSlice, wholeText } from '../blocks/stepBuilder.ts';
import { readTaggedUser } from '../blocks/tagText.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import { isTemplateText, templateTurns, type TemplateTurn } from '../blocks/templateTurns.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import { asTask, rolloutOutcome, rolloutQuestion, rolloutTruth } from './rolloutRecord.ts';

/**
 * Runs kept as one text that a chat template wrote (ChatML, Llama 3, harmony, or the bare role names that
 * decoding without special tokens leaves): prompt and output of a rollout, or both in one column.
 */
export const renderedChat: FormatAdapter = {
  id: 'rendered-chat',
  label: 'Chat as one text (verl, SkyRL, ChatML, harmony)',
  unit: 'record',
  detect,
  read: (records) => records.map(readRecord),
};

/** Columns of the prompt and of what the model went on with. */
const sides = [
  ['input', 'output'],
  ['input_prompt', 'output_response'],
  ['prompt', 'response'],
  ['prompt', 'completion'],
  ['prompt', 'output'],
  ['prompt', 'generated_text'],
] as const;
const wholeKeys = [
  'text',
  'completion',
  'output',
  'response',
  'sequences_str',
  'full_text',
  'rollout',
  'trajectory',
];

interface RenderedPart {
  readonly text: string;
  readonly path: string;
  /** The prompt before it opened the model's turn. */
  readonly continues: boolean;
}

/** True for a text that is a chat from its first mark on, the model's word included: documents show templates too. */
function isWholeChat(text: string): boolean {
  const turns = templateTurns(text);
  const before = text.slice(0, turns[0]?.start ?? 0).replace(/<[^<>\n]{1,60}>|\[gMASK\]/g, '');
  const speaks = turns.some(
    ({ role, start, end }) => role === 'assistant' && text.slice(start, end).trim() !== '',
  );
  return speaks && turns.length > 1 && /^\w{0,20}$/.test(before.trim());
}

/** The texts of a record that hold its chat, in order; none when they are in no template. */
function partsOf(value: JsonValue | undefined): RenderedPart[] {
  if (typeof value === 'string')
    return isWholeChat(value) ? [{ text: value, path: '', continues: false }] : [];
  for (const [prompt, output] of sides) {
    const before = filledField(value, prompt);
    const after = filledField(value, output);
    if (before === null || after === null || !isTemplateText(before)) continue;
    return [
      { text: before, path: `/${prompt}`, continues: false },
      { text: after, path: `/${output}`, continues: true },
    ];
  }
  for (const key of wholeKeys) {
    const text = filledField(value, key);
    if (text !== null && isTemplateText(text)) return [{ text, path: `/${key}`, continues: false }];
  }
  return [];
}

function detect(sample: FormatSample): Detection | null {
  const looked = sample.records.slice(0, 5);
  const found = looked.filter(({ value }) => partsOf(value).length > 0);
  if (found.length === 0 || found.length * 2 < looked.length) return null;
  return { certainty: 0.84, evidence: 'a text with the marks of a chat template between its turns' };
}

function readRecord(record: RawRecord): DraftTrajectory {
  const value: JsonObject = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const parts = partsOf(record.value);
  const turns = parts.flatMap((part) =>
    templateTurns(part.text, part.continues).map((turn) => ({ part, turn })),
  );
  const question = rolloutQuestion(value);
  if (question && !turns.some(({ turn }) => turn.role === 'user')) builder.message('user', question);
  for (const { part, turn } of turns) readTurn(builder, part, turn);
  return draftOf(record, renderedChat.id, builder, {
    id: idField(value, 'id') ?? idField(value, 'uid') ?? `${record.file}#${record.record}`,
    instanceId: idField(value, 'qid') ?? idField(value, 'instance_id') ?? idField(value, 'id'),
    task: asTask(builder, question) ?? taskFromSteps(builder.steps),
    database: idField(value, 'db_id'),
    finalAnswer: answerFromSteps(builder.steps),
    groundTruth: rolloutTruth(builder, value),
    outcome: rolloutOutcome(value),
    model: stringField(value, 'model'),
    metadata: smallFieldsExcept(value, [...sides.flat(), ...wholeKeys]),
  });
}

function readTurn(builder: StepBuilder, { text, path }: RenderedPart, turn: TemplateTurn): void {
  const { role, start, end } = turn;
  const slice = trimmedSlice(text, path, start, end);
  // A prompt may end in the tag that opens the model's thought.
  if (!slice?.range || slice.text === '<think>') return;
  if (turn.channel !== null || turn.recipient !== null) {
    const name = (turn.recipient ?? turn.name).replace(/^functions\./, '');
    if (role === 'tool') builder.toolResult(slice, { name: turn.name.replace(/^functions\./, '') });
    else if (turn.recipient !== null) builder.toolCall(slice, { name, arguments: parseObject(slice.text) });
    else if (turn.channel === 'analysis') builder.reasoning(slice);
    else builder.message(role, slice);
  } else if (role === 'system') builder.message('system', slice);
  else {
    builder.within(text, slice.range.start, slice.range.end, (part) => {
      if (role === 'assistant') {
        builder.beginTurn();
        readAssistantText(builder, part, path);
      } else if (role === 'user') readUserText(builder, part, path);
      else if (!readTaggedUser(builder, part, path)) builder.toolResult(wholeText(part, path));
    });
  }
}
