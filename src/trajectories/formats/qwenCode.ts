import { isObject, type JsonValue } from '../../core/json.ts';
import { lastAssistantText } from '../blocks/answers.ts';
import { contentTexts } from '../blocks/contentParts.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { filledField, idField, listField, numberField, objectField, stringField } from '../blocks/fields.ts';
import { readGeminiParts } from '../blocks/gemini.ts';
import { isInjectedText } from '../blocks/injected.ts';
import { splitAtQuestions, type SessionPiece } from '../blocks/questions.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import { fileStem } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';
import { mainChain, toLines, type SessionLine } from './claudeCodeTree.ts';

/**
 * Qwen Code session: the lines of a Claude Code session with messages of the Gemini API in them (`parts`), and
 * results in lines of type `tool_result`. One trajectory for each question.
 */
export const qwenCode: FormatAdapter = {
  id: 'qwen-code',
  label: 'Qwen Code session',
  unit: 'file',
  detect: (sample) => {
    const found = sample.records.some(
      ({ value }) =>
        isObject(value) &&
        'sessionId' in value &&
        'parentUuid' in value &&
        listField(objectField(value, 'message'), 'parts') !== null,
    );
    return found ? { certainty: 0.97, evidence: 'lines with sessionId, parentUuid and message.parts' } : null;
  },
  read,
};

function read(records: readonly RawRecord[]): DraftTrajectory[] {
  const first = records[0]!;
  const chain = mainChain(toLines(records)).filter(({ value }) => objectField(value, 'message') !== null);
  const parts = splitAtQuestions(chain, describe);
  const session = chain.map(({ value }) => idField(value, 'sessionId')).find((id) => id !== null);
  const id = session ?? fileStem(first.file);
  return parts.map((part, index) => readPart(first, part, parts.length === 1 ? id : `${id}/${index + 1}`));
}

function partsOf(line: SessionLine): JsonValue[] {
  return listField(objectField(line.value, 'message'), 'parts') ?? [];
}

function describe(line: SessionLine): SessionPiece {
  const texts = line.type === 'user' ? contentTexts(partsOf(line), '') : [];
  return {
    isQuestion: texts.some(({ text }) => text.trim() !== '' && !isInjectedText(text)),
    isModel: line.type === 'assistant',
    hasCall: partsOf(line).some((part) => objectField(part, 'functionCall') !== null),
  };
}

function readPart(file: RawRecord, lines: readonly SessionLine[], id: string): DraftTrajectory {
  const builder = new StepBuilder(file.file, lines[0]?.record ?? 0);
  let model: string | null = null;
  let inputTokens: number | null = null;
  let outputTokens: number | null = null;
  for (const line of lines) {
    builder.record = line.record;
    builder.timestamp = stringField(line.value, 'timestamp') ?? undefined;
    const isModel = line.type === 'assistant';
    if (isModel) builder.beginTurn();
    readGeminiParts(builder, isModel ? 'assistant' : 'user', partsOf(line), '/message/parts');
    model ??= stringField(line.value, 'model');
    const usage = objectField(line.value, 'usageMetadata');
    if (!usage) continue;
    inputTokens = (inputTokens ?? 0) + (numberField(usage, 'promptTokenCount') ?? 0);
    outputTokens = (outputTokens ?? 0) + (numberField(usage, 'candidatesTokenCount') ?? 0);
  }
  builder.timestamp = undefined;
  const cwd = lines.map(({ value }) => filledField(value, 'cwd')).find((path) => path !== null);
  return draftOf({ ...file, record: 0 }, qwenCode.id, builder, {
    id,
    task: taskFromSteps(builder.steps),
    finalAnswer: lastAssistantText(builder.steps),
    outcome: { ...noOutcome, reason: 'sessions record neither success nor reward' },
    model,
    usage: { inputTokens, outputTokens, costUsd: null },
    metadata: cwd ? { cwd } : {},
  });
}
