import { isObject } from '../../core/json.ts';
import { draftOf } from '../blocks/draft.ts';
import { booleanField, filledField, idField, listField, smallFields, stringField } from '../blocks/fields.ts';
import { findFences } from '../blocks/tagText.ts';
import { StepBuilder, textSlice, trimmedSlice, wholeText } from '../blocks/stepBuilder.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { AnswerText, Outcome } from '../schema.ts';

/**
 * Who&When failure logs of multi-agent runs on GAIA and AssistantBench questions. Two families: Magentic-One
 * (the speaker is the `role`, an orchestrator instructs surfers) and CaptainAgent (the speaker is the `name`,
 * code blocks are run by a terminal).
 */
export const whoWhen: FormatAdapter = {
  id: 'who-and-when',
  label: 'Who&When multi-agent log',
  unit: 'record',
  detect,
  read: (records) => records.map(readRun),
};

function detect(sample: FormatSample): Detection | null {
  const value = sample.records[0]?.value;
  if (!isObject(value) || listField(value, 'history') === null) return null;
  if (!('mistake_agent' in value) && !('mistake_step' in value)) return null;
  return { certainty: 0.97, evidence: 'history with mistake_agent' };
}

/** Agents whose turns are what a tool brought back. */
const SURFER = /^(?:WebSurfer|FileSurfer|VideoSurfer|MultimodalWebSurfer)\b/;
const TERMINAL = /^(?:Computer_?[Tt]erminal|ComputerTerminal|Executor|CodeExecutor)\b/;
const INSTRUCTION = /^Orchestrator \(-> ([\w-]+)\)/;

function readRun(record: RawRecord): DraftTrajectory {
  const value = isObject(record.value) ? record.value : {};
  const builder = new StepBuilder(record.file, record.record);
  const question = filledField(value, 'question');
  for (const [i, message] of (listField(value, 'history') ?? []).entries()) {
    const content = stringField(message, 'content');
    if (content === null) continue;
    const name = stringField(message, 'name');
    const role = stringField(message, 'role') ?? '';
    readTurn(builder, name ?? role, content, `/history/${String(i)}/content`, i === 0);
  }
  builder.speaker = undefined;
  const truth = filledField(value, 'ground_truth') ?? idField(value, 'ground_truth');
  return draftOf(record, whoWhen.id, builder, {
    id: filledField(value, 'question_ID') ?? `${record.file}#${String(record.record)}`,
    instanceId: filledField(value, 'question_ID'),
    // The logs answer questions of two web-research sets, whatever the single agents did.
    kind: { kind: 'search', reason: kindReason(builder) },
    task:
      question === null
        ? null
        : { text: question.trim(), at: builder.position('/question'), via: 'question' },
    finalAnswer: answerOf(builder),
    groundTruth:
      truth === null
        ? null
        : { form: 'text', values: [truth], at: builder.position('/ground_truth'), via: 'ground_truth' },
    outcome: outcomeOf(value),
    metadata: smallFields(value, ['mistake_agent', 'mistake_step', 'mistake_reason', 'level']),
  });
}

function kindReason(builder: StepBuilder): string {
  const surfed = builder.steps.filter((step) => step.type === 'toolCall' && SURFER.test(step.name)).length;
  return surfed > 0
    ? `${String(surfed)} instructions to web and file surfers, for a research question`
    : 'Who&When logs answer web research questions (GAIA, AssistantBench)';
}

function readTurn(
  builder: StepBuilder,
  speaker: string,
  content: string,
  path: string,
  isFirst: boolean,
): void {
  builder.speaker = speaker === '' ? undefined : speaker;
  const whole = wholeText(content, path);
  const instruction = INSTRUCTION.exec(speaker)?.[1];
  if (isFirst || speaker === 'human') builder.message('user', whole);
  else if (instruction !== undefined && (SURFER.test(instruction) || TERMINAL.test(instruction))) {
    builder.toolCall(whole, { name: instruction });
  } else if (SURFER.test(speaker)) builder.toolResult(whole, { name: speaker });
  else if (TERMINAL.test(speaker)) {
    const isError = /exitcode: [1-9]|exit code: [1-9]/.test(content.slice(0, 200));
    builder.toolResult(whole, { isError });
  } else if (/thought|ledger/i.test(speaker)) builder.reasoning(whole);
  else readExpert(builder, content, path);
}

/** An expert's turn: text, and code blocks that the terminal will run. */
function readExpert(builder: StepBuilder, content: string, path: string): void {
  builder.beginTurn();
  const fences = findFences(content).filter((fence) => /^(?:python|sh|bash|shell)/i.test(fence.info));
  const end = fences[0]?.outerStart ?? content.length;
  const before = trimmedSlice(content, path, 0, end);
  if (before) builder.message('assistant', before);
  for (const [i, fence] of fences.entries()) {
    const code = textSlice(content, path, fence.start, fence.end);
    builder.toolCall(code, {
      name: /^python/i.test(fence.info) ? 'python' : 'shell',
      arguments: { code: code.text },
    });
    const after = trimmedSlice(content, path, fence.outerEnd, fences[i + 1]?.outerStart ?? content.length);
    if (after) builder.message('assistant', after);
  }
}

/** `FINAL ANSWER:` where the run printed one, else the last thing an agent said that is not the end signal. */
function answerOf(builder: StepBuilder): AnswerText | null {
  for (const step of builder.steps.toReversed()) {
    const at = step.text.lastIndexOf('FINAL ANSWER:');
    if (at >= 0 && step.type !== 'reasoning') {
      const line =
        step.text
          .slice(at + 'FINAL ANSWER:'.length)
          .split('\n', 1)[0]
          ?.trim() ?? '';
      if (line !== '') return { text: line, at: step.at, via: 'FINAL ANSWER:' };
    }
  }
  for (const step of builder.steps.toReversed()) {
    if (step.type !== 'message' && step.type !== 'reasoning') continue;
    if (step.type === 'message' && step.role !== 'assistant') continue;
    const text = step.text.replace(/\bTERMINATE\b\.?/g, '').trim();
    if (text !== '' && !/^(?:Next speaker|Request satisfied|No agent selected)/.test(text)) {
      return { text, at: step.at, via: `last turn of ${step.speaker ?? 'an agent'}` };
    }
  }
  return null;
}

function outcomeOf(value: DraftTrajectory['metadata']): Outcome {
  for (const key of ['is_correct', 'is_corrected']) {
    const verdict = booleanField(value, key);
    if (verdict !== null) return { success: verdict, reward: null, reason: `${key} = ${String(verdict)}` };
  }
  return { success: false, reward: null, reason: 'Who&When keeps failed runs only (mistake_agent is named)' };
}
