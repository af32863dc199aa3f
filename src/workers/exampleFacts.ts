import type { Example, ExampleEvidence } from '../compile/types.ts';
import type { ExampleFacts } from './compileTask.ts';

const previewLength = 160;

/** The start of a text on one line, cut between characters. */
function preview(text: string): string {
  const line = text
    .slice(0, previewLength * 4)
    .replace(/\s+/g, ' ')
    .trim();
  if (line.length <= previewLength) return line;
  const code = line.charCodeAt(previewLength - 2);
  return `${line.slice(0, code >= 0xd800 && code < 0xdc00 ? previewLength - 2 : previewLength - 1)}…`;
}

/** What the table and the position chart need of an example. */
export function factsOf(example: Example): ExampleFacts {
  const content = example.messages.find((message) => message.role === 'user')?.content ?? '';
  const place = (piece: ExampleEvidence): number =>
    content.length === 0 ? 0 : (piece.start + piece.end) / 2 / content.length;
  const tally = { pass: 0, warn: 0, fail: 0, skipped: 0 };
  for (const check of example.verification) tally[check.status]++;
  return {
    questionPreview: preview(example.question),
    answerPreview: preview(example.answer),
    trajectoryId: example.source.trajectoryId,
    droppedCount: example.dropped.length,
    failCount: tally.fail,
    warnCount: tally.warn,
    passCount: tally.pass,
    goldPlaces: example.evidence.filter((piece) => piece.role === 'gold').map(place),
    distractorPlaces: example.evidence.filter((piece) => piece.role === 'distractor').map(place),
  };
}
