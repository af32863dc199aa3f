import { lastAssistantText } from '../blocks/answers.ts';
import { draftOf, noOutcome } from '../blocks/draft.ts';
import { decodedText, StepBuilder, trimmedSlice, type TextSlice } from '../blocks/stepBuilder.ts';
import { fileStem } from '../blocks/swe.ts';
import { taskFromSteps } from '../blocks/taskText.ts';
import { lineEnd } from '../extract/spans.ts';
import type { DraftTrajectory, FormatAdapter, RawRecord } from '../format.ts';

const sessionHead = '# aider chat started at ';

/**
 * Aider's `.aider.chat.history.md`: what the person asks stands behind `####`, what Aider says behind `>`, the
 * rest is the model's; its SEARCH/REPLACE blocks are the edits. One trajectory for each session with a question.
 */
export const aider: FormatAdapter = {
  id: 'aider',
  label: 'Aider chat history',
  unit: 'file',
  detect: (sample) => {
    const found = sample.records.some(
      ({ value }) => typeof value === 'string' && /(?:^|\n)# aider chat started at /.test(value),
    );
    return found ? { certainty: 0.95, evidence: '"# aider chat started at"' } : null;
  },
  read: (records) => records.flatMap(readHistory),
};

function readHistory(record: RawRecord): DraftTrajectory[] {
  if (typeof record.value !== 'string') return [];
  const text = record.value;
  const starts: number[] = [];
  for (let line = 0; line < text.length; line = lineEnd(text, line) + 1) {
    if (text.startsWith(sessionHead, line)) starts.push(line);
  }
  const sessions = starts.map((start, i) => readSession(record, text, start, starts[i + 1] ?? text.length));
  const asked = sessions.filter(({ task }) => task !== null);
  return asked.map((session, i) => ({
    ...session,
    id: asked.length === 1 ? fileStem(record.file) : `${fileStem(record.file)}/${i + 1}`,
  }));
}

type Voice = 'person' | 'aider' | 'model';

function readSession(record: RawRecord, text: string, start: number, end: number): DraftTrajectory {
  const builder = new StepBuilder(record.file, record.record);
  const head = lineEnd(text, start);
  let voice: Voice = 'aider';
  let from = head + 1;
  let isFenced = false;
  for (let line = from; line < end;) {
    const next = lineEnd(text, line) + 1;
    // In a fence of the model's, marks at the beginning of a line are code.
    if (voice === 'model' && text.startsWith('```', line)) isFenced = !isFenced;
    const isPerson = text.startsWith('#### ', line);
    const its: Voice = isPerson ? 'person' : text.startsWith('> ', line) ? 'aider' : 'model';
    const isBlank = text.slice(line, next).trim() === '';
    if (its !== voice && !isBlank && !isFenced) {
      addPart(builder, voice, text, from, line);
      voice = its;
      from = line;
    }
    line = next;
  }
  addPart(builder, voice, text, from, end);
  return draftOf({ ...record, record: 0 }, aider.id, builder, {
    task: taskFromSteps(builder.steps),
    finalAnswer: lastAssistantText(builder.steps),
    outcome: { ...noOutcome, reason: 'chat histories record neither success nor reward' },
    metadata: { startTime: text.slice(start + sessionHead.length, head).trim() },
  });
}

function addPart(builder: StepBuilder, voice: Voice, text: string, from: number, to: number): void {
  if (voice === 'model') readReply(builder, text, from, to);
  else if (voice === 'aider') {
    const slice = trimmedSlice(text, '', from, to);
    if (slice && builder.steps.length > 0) builder.other(slice, 'aider');
  } else {
    readQuestion(builder, text, from, to);
  }
}

/** A question, without the mark that each of its lines has. */
function readQuestion(builder: StepBuilder, text: string, from: number, to: number): void {
  const lines: TextSlice[] = [];
  for (let line = from; line < to; line = lineEnd(text, line) + 1) {
    const start = text.startsWith('#### ', line) ? line + 5 : line;
    const slice = trimmedSlice(text, '', start, Math.min(to, lineEnd(text, line)));
    if (slice) lines.push(slice);
  }
  const [first] = lines;
  if (!first) return;
  const whole = lines.map((line) => line.text).join('\n');
  builder.message('user', lines.length === 1 ? first : decodedText(whole, ''));
}

const searchMark = '<<<<<<< SEARCH\n';
const replaceMark = '>>>>>>> REPLACE';

function readReply(builder: StepBuilder, text: string, from: number, to: number): void {
  builder.beginTurn();
  let shown = from;
  const addText = (end: number): void => {
    const slice = trimmedSlice(text, '', shown, end);
    if (slice && !/^`{3,}$/.test(slice.text)) builder.message('assistant', slice);
  };
  for (let at = text.indexOf(searchMark, from); at >= 0 && at < to; at = text.indexOf(searchMark, shown)) {
    const close = text.indexOf(replaceMark, at);
    if (close < 0 || close > to) break;
    addText(at);
    const slice = trimmedSlice(text, '', at, close + replaceMark.length);
    if (slice)
      builder.toolCall(slice, {
        name: 'edit',
        arguments: { path: fileBefore(text, from, at), diff: slice.text },
      });
    shown = close + replaceMark.length;
  }
  addText(to);
}

/** The file named on the line before the fence around an edit. */
function fileBefore(text: string, from: number, at: number): string {
  const lines = text.slice(from, at).trimEnd().split('\n');
  const last = lines.at(-1)?.startsWith('```') ? lines.at(-2) : lines.at(-1);
  return last?.trim() ?? '';
}
