import { draftOf, noOutcome } from '../blocks/draft.ts';
import { StepBuilder } from '../blocks/stepBuilder.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { GroundTruth, Outcome } from '../schema.ts';
import { lineEnd } from '../extract/spans.ts';
import {
  looksLikeReact,
  questionKind,
  reactParts,
  readReactText,
  type ReactPart,
} from './reactTranscript.ts';

/** Plain-text ReAct logs: `Question:` blocks of Thought, Action and Observation lines under section headings. */
export const reactText: FormatAdapter = {
  id: 'react-text-log',
  label: 'ReAct text log',
  unit: 'file',
  detect,
  read(records) {
    const section: Section = { name: '', success: null };
    return records.flatMap((record) => readLog(record, section));
  },
};

interface Section {
  name: string;
  success: boolean | null;
}

function detect(sample: FormatSample): Detection | null {
  const found = sample.records.some(
    (record) => typeof record.value === 'string' && looksLikeReact(record.value),
  );
  return found ? { certainty: 0.85, evidence: 'lines "Thought n:" and "Action n:" in plain text' } : null;
}

const HEADING = /^\s*[-=*#]{3,}\s*(.*?)\s*[-=*#]*\s*$/;

function readLog(record: RawRecord, section: Section): DraftTrajectory[] {
  if (typeof record.value !== 'string') return [];
  const text = record.value;
  const starts: { at: number; section: Section }[] = [];
  for (let line = 0; line < text.length;) {
    const end = lineEnd(text, line);
    const head = text.slice(line, Math.min(end, line + 120));
    const heading = HEADING.exec(head)?.[1];
    if (heading) Object.assign(section, { name: heading, success: sectionVerdict(heading) });
    else if (/^\s*(?:Question|Claim)\s*:/.test(head)) starts.push({ at: line, section: { ...section } });
    line = end + 1;
  }
  if (starts.length === 0 && looksLikeReact(text)) starts.push({ at: 0, section: { ...section } });
  return starts.map((start, i) =>
    readBlock(
      record,
      text,
      start.at,
      starts[i + 1]?.at ?? text.length,
      start.section,
      starts.length > 1 ? i : null,
    ),
  );
}

function sectionVerdict(heading: string): boolean | null {
  if (/incorrect|wrong|fail|halted/i.test(heading)) return false;
  return /\bcorrect\b|success/i.test(heading) ? true : null;
}

function readBlock(
  record: RawRecord,
  text: string,
  start: number,
  end: number,
  section: Section,
  number: number | null,
): DraftTrajectory {
  const builder = new StepBuilder(record.file, record.record);
  const truth = correctAnswer(text, start, end);
  const stop = Math.min(end, truth?.lineStart ?? end, headingStart(text, start, end));
  const parts = splitReflections(text, reactParts(text, start, stop));
  const { answer, verdict } = readReactText(builder, text, '', parts);
  const question = parts.find((part) => part.label === 'question');
  const id = `${record.file}#${String(record.record)}`;
  return draftOf(record, reactText.id, builder, {
    id: number === null ? id : `${id}.${String(number)}`,
    ...questionKind(builder.steps),
    task: question
      ? { text: text.slice(question.start, question.end).trim(), at: builder.position(''), via: 'Question:' }
      : null,
    finalAnswer: answer,
    groundTruth: truth && truthOf(truth.value, builder),
    outcome: outcomeOf(verdict, section),
    metadata: section.name === '' ? {} : { section: section.name },
  });
}

/** Reflections on earlier attempts are glued to the question: they are no part of it. */
function splitReflections(text: string, parts: readonly ReactPart[]): ReactPart[] {
  return parts.map((part) => {
    if (part.label !== 'question') return part;
    const attempt = text.indexOf('You have attempted to answer following question before', part.start);
    return attempt >= 0 && attempt < part.end ? { ...part, end: attempt } : part;
  });
}

function headingStart(text: string, start: number, end: number): number {
  for (let line = lineEnd(text, start) + 1; line < end; line = lineEnd(text, line) + 1) {
    const mark = text.charAt(line);
    if ((mark === '-' || mark === '=' || mark === '#') && /^[-=#*]{6,}/.test(text.slice(line, line + 8)))
      return line;
  }
  return end;
}

function correctAnswer(
  text: string,
  start: number,
  end: number,
): { value: string; lineStart: number } | null {
  const at = text.lastIndexOf('\nCorrect answer:', end);
  if (at < start) return null;
  const from = at + '\nCorrect answer:'.length;
  return { value: text.slice(from, lineEnd(text, from)).trim(), lineStart: at };
}

function truthOf(value: string, builder: StepBuilder): GroundTruth | null {
  if (value === '') return null;
  return { form: 'text', values: [value], at: builder.position(''), via: 'Correct answer:' };
}

/** The verdict of the last observation counts before the section the run stands in. */
function outcomeOf(verdict: string | null, section: Section): Outcome {
  const line = verdict?.split('\n', 1)[0] ?? '';
  const said = /INCORRECT/i.test(line) ? false : /Answer is CORRECT/i.test(line) ? true : null;
  const reward = /reward\s*=\s*(True|False|1|0)/.exec(line)?.[1];
  if (said !== null) return { success: said, reward: said ? 1 : 0, reason: line.slice(0, 80) };
  if (reward !== undefined) {
    const success = reward === 'True' || reward === '1';
    return { success, reward: success ? 1 : 0, reason: line.slice(0, 80) };
  }
  if (section.success !== null) {
    return { success: section.success, reward: null, reason: `stands under "${section.name}"` };
  }
  return noOutcome;
}
