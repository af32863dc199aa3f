import { numberedLines } from '../trajectories/extract/fileWindow.ts';
import { COMMAND_KEYS, argumentText } from '../trajectories/extract/toolClass.ts';
import type { Trajectory } from '../trajectories/schema.ts';
import type { Look } from './contextDocument.ts';

/** A file as a run shows it. */
export interface OpenedText {
  /** Its lines; each line never shown is `unseenLine`. */
  readonly text: string;
  readonly isWhole: boolean;
}

/** Stands for a line that the run never shows; no tool prints it. */
export const unseenLine = '\0';

/** Line numbers beyond this are a misreading. */
const maxLines = 200_000;

/** The file that the looks before a step show, from all its windows; null when no line has a known place. */
export function openedText(trajectory: Trajectory, looks: readonly Look[], step: number): OpenedText | null {
  const lines: string[] = [];
  for (const look of looks) {
    if (look.isError || look.seen.how !== 'opened' || look.seen.stepIndex >= step) continue;
    const shown = shownLines(look);
    const first = look.seen.lines?.first ?? 1;
    if (shown === null || first < 1 || first + shown.length > maxLines) continue;
    if (first === 1 && isWhole(trajectory, look)) return { text: shown.join('\n'), isWhole: true };
    while (lines.length < first - 1) lines.push(unseenLine);
    shown.forEach((line, index) => (lines[first - 1 + index] = line));
  }
  return lines.length === 0 ? null : { text: lines.join('\n'), isWhole: false };
}

/** The lines of a look without the numbers of its viewer; null when they are not what its range says. */
function shownLines(look: Look): string[] | null {
  const { lines } = look.seen;
  if (lines === null) return null;
  const shown = look.text.split('\n');
  const numbers = shown.map((line) => /^\s*(\d+)(?:\t|→|:|$)/.exec(line));
  if (numbers.every((match, index) => match !== null && Number(match[1]) === lines.first + index)) {
    return shown.map((line, index) => line.slice(numbers[index]![0].length));
  }
  const isPlain = numberedLines(look.text, 0, look.text.length) === null;
  return isPlain && shown.length === lines.last - lines.first + 1 ? shown : null;
}

const rangeKeys =
  /^(?:view_range|line_range|offset|limit|start|end|start_line|end_line|line_start|line_end|line_number)$/;
const saysMore = /truncat|clipped|omitted|more lines|lines? total|of \d+ (?:total )?lines/i;

/** Viewers stop here without a word. */
const longestView = 2000;

/** True for a look at a whole file: nothing in its call narrows it, and its tool says nothing of more lines. */
function isWhole(trajectory: Trajectory, look: Look): boolean {
  const result = trajectory.steps[look.seen.stepIndex];
  if (result?.type !== 'toolResult' || result.callStep === null || look.seen.isTruncated) return false;
  if ((look.seen.lines?.last ?? longestView) >= longestView) return false;
  const call = trajectory.steps[result.callStep];
  if (call?.type !== 'toolCall' || call.arguments === null) return false;
  if (Object.keys(call.arguments).some((key) => rangeKeys.test(key))) return false;
  const command = argumentText(call, ...COMMAND_KEYS);
  const isViewer = command === null || command === 'view';
  if (!isViewer && !/\bcat\s+(?:-n\s+)?["']?[\w./@+-]+["']?\s*$/.test(command)) return false;
  return !saysMore.test(result.text.replace(look.text, ''));
}
