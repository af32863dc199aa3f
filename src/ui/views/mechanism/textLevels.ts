import type { LookReport } from '../../../workers/engineApi.ts';
import type { TextRange } from '../qa/highlights.ts';

/** Steps of the marks in the text, `mech-1` … `mech-6`. */
export const levelCount = 6;

/** Lifts from which a token takes each level: fixed, so that subjects and heads can be held against each other. */
export const liftSteps = [1, 2, 4, 8, 16, 32] as const;

/** Level 0 … 6 of a value: a head's lift by doubling, an expert's gate in sixths. */
export function levelOf(value: number, what: LookReport['what']): number {
  if (what === 'expert')
    return value > 0 ? Math.min(levelCount, Math.max(1, Math.ceil(value * levelCount))) : 0;
  return liftSteps.filter((step) => value >= step).length;
}

/** By level, from 1: the ranges of the text whose tokens have it; neighbours of one level are one range. */
export function levelRanges({ what, starts, values }: LookReport): TextRange[][] {
  const ranges = Array.from({ length: levelCount }, (): TextRange[] => []);
  let from = 0;
  for (let t = 1; t <= values.length; t++) {
    const level = levelOf(values[from]!, what);
    if (t < values.length && levelOf(values[t]!, what) === level) continue;
    const range = { start: starts[from]!, end: starts[t]! };
    if (level > 0 && range.end > range.start) ranges[level - 1]!.push(range);
    from = t;
  }
  return ranges;
}
