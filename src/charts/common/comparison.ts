import { counted } from './numbers.ts';
import type { PaintName } from './geometry.ts';

/** Which of the three conditions something belongs to: colour and dash in every chart. */
export type Condition = 'baseline' | 'comparison' | 'control';

export const conditionPaint: Readonly<Record<Condition, PaintName>> = {
  baseline: 'conditionBase',
  comparison: 'conditionAcc',
  control: 'conditionSft',
};
/** The baseline is dashed, the control dotted: colour is never alone. */
export const conditionDash: Readonly<Record<Condition, string | null>> = {
  baseline: '6 4',
  comparison: null,
  control: '2 3',
};
/** The same for programs that draw the table. */
export const conditionStyle = { baseline: 'dashed', comparison: 'plain', control: 'dotted' } as const;

/** Who is compared with whom, on what: printed beside every chart. */
export interface ComparisonSpec {
  readonly model: string;
  readonly baseline: string;
  readonly comparison: string | null;
  readonly control: string | null;
  readonly items: number;
  readonly queryTokens: number;
  readonly queries: 'answer' | 'all';
  readonly sinkTokens: number;
  /** True when the baseline here is the control: what is clear goes beyond matched training. */
  readonly isAgainstControl?: boolean;
}

/** What is measured. */
export interface MetricSpec {
  /** Stable name. */
  readonly key: string;
  /** In a sentence: "sink-excluded distance". */
  readonly label: string;
  readonly unit: string;
  readonly formula: string;
  readonly source: string;
  /** A mark that needs no measurement: 0.5 for uniform attention. */
  readonly reference?: { readonly value: number; readonly label: string };
  /** Fixed ends of the scale; null follows the data. */
  readonly domain?: readonly [number, number];
}

/** A difference with its interval over items; `clear`: excludes zero after correction over all cells. */
export interface Change {
  readonly values: readonly (number | null)[];
  readonly low: readonly (number | null)[];
  readonly high: readonly (number | null)[];
  readonly clear: readonly boolean[];
  /** False where there are too few items for an interval: nothing is claimed then. */
  readonly hasIntervals: boolean;
}

/** "12 items, 1,024 answer tokens, sinks: first 4 keys" */
export function dataWords({ items, queryTokens, queries, sinkTokens }: ComparisonSpec): string {
  const tokens = `${queryTokens.toLocaleString('en-US')} ${queries === 'answer' ? 'rationale and answer' : ''} query tokens`;
  return `${counted(items, 'item')}, ${tokens.replace('  ', ' ')}, sink rule: first ${sinkTokens} keys`;
}

/** Items from which an interval can be drawn. */
const leastItems = 3;

/** Why differences have no intervals, in words. */
export function whyNoInterval({ items }: Pick<ComparisonSpec, 'items'>): string {
  return items < leastItems ? 'too few items' : 'values of each item were not kept';
}

/** What is compared and what is claimed: causes only against a control. */
export function claimWords(spec: ComparisonSpec, hasIntervals: boolean): string {
  const { baseline, comparison, control } = spec;
  if (comparison === null) return `Shows ${baseline} alone; choose a comparison in the bar above.`;
  if (!hasIntervals) {
    return `Compares ${comparison} with ${baseline}. No intervals (${whyNoInterval(spec)}): nothing is claimed.`;
  }
  const method = '95 % bootstrap intervals over items, Benjamini–Hochberg q = 0.05 over all cells';
  if (spec.isAgainstControl) {
    return `Full strength: ${comparison} differs from ${baseline === 'control' ? 'the control' : `the control ${baseline}`}, trained on as many tokens (${method}).`;
  }
  return control === null
    ? `Full strength: ${comparison} − ${baseline} excludes 0 (${method}). Without a control this says that they differ, not what changed them.`
    : `Full strength: changed by ${comparison}, that is, ${comparison} − ${baseline} and ${comparison} − ${control} both exclude 0, in one direction (${method}).`;
}
