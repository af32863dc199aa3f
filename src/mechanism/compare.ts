import { InputError } from '../core/errors.ts';
import {
  excludesZero,
  holmRejected,
  ItemBootstrap,
  type BootstrapOptions,
  type ItemDifference,
} from './bootstrap.ts';
import type {
  AttentionRow,
  AttentionStatistic,
  MechanismDocument,
  MechanismSubject,
  RoutingRow,
} from './document.ts';

/**
 * What may be said of one cell. `changed-by-acc`: its difference to the control excludes zero (95 %). `differs`: its
 * difference to the baseline does, but that to the control does not. `no-control`: it differs from the baseline and
 * there is no control to hold it against. `unclear`: the interval holds zero. `no-interval`: fewer than two items.
 */
export type Claim = 'changed-by-acc' | 'differs' | 'no-control' | 'unclear' | 'no-interval';

/** One head or expert under baseline and comparison. */
export interface CellComparison {
  readonly layer: number;
  /** Head or expert. */
  readonly index: number;
  readonly before: number | null;
  readonly after: number | null;
  readonly difference: ItemDifference;
  /** comparison − control; null without a control. */
  readonly againstControl: ItemDifference | null;
  readonly claim: Claim;
}

export interface Comparison {
  readonly cells: readonly CellComparison[];
  /** Of the cells that are claimed (or differ, without a control): how many remain after Holm's correction over all. */
  readonly claimed: number;
  readonly claimedAfterHolm: number;
  /** By cell: whether it remains after Holm's correction. */
  readonly survivesHolm: readonly boolean[];
  /** Items measured; an interval needs at least two. */
  readonly items: number;
}

export interface ComparisonNames {
  readonly baseline: string;
  readonly comparison: string;
  /** Absent: the document's subject of kind `control`, unless that is one of the two; null: none. */
  readonly control?: string | null;
}

function subjectNamed(document: MechanismDocument, name: string): MechanismSubject {
  const found = document.subjects.find((subject) => subject.name === name);
  if (found) return found;
  throw new InputError('unknown-subject', `There is no subject "${name}"`, {
    expected: document.subjects.map((subject) => `"${subject.name}"`).join(', '),
  });
}

function controlOf(document: MechanismDocument, names: ComparisonNames): MechanismSubject | null {
  if (names.control === null) return null;
  if (names.control !== undefined) return subjectNamed(document, names.control);
  const found = document.subjects.find(({ kind }) => kind === 'control');
  return found && found.name !== names.baseline && found.name !== names.comparison ? found : null;
}

function claimOf(difference: ItemDifference, againstControl: ItemDifference | null): Claim {
  if (difference.interval === null) return 'no-interval';
  if (againstControl && excludesZero(againstControl)) return 'changed-by-acc';
  if (!excludesZero(difference)) return 'unclear';
  return againstControl ? 'differs' : 'no-control';
}

/** One cell's value and per-item values. */
interface Cell {
  readonly layer: number;
  readonly index: number;
  readonly value: number | null;
  readonly perItem: readonly (number | null)[];
}

function compareCells(
  bootstrap: ItemBootstrap,
  items: number,
  before: readonly Cell[],
  after: readonly Cell[],
  control: readonly Cell[] | null,
): Comparison {
  const keyOf = ({ layer, index }: Cell): string => `${layer}/${index}`;
  const others = new Map(after.map((cell) => [keyOf(cell), cell]));
  const controls = control && new Map(control.map((cell) => [keyOf(cell), cell]));
  const cells: CellComparison[] = [];
  for (const cell of before) {
    const other = others.get(keyOf(cell));
    if (!other) continue;
    const held = controls?.get(keyOf(cell));
    const difference = bootstrap.difference(cell.perItem, other.perItem);
    const againstControl = held ? bootstrap.difference(held.perItem, other.perItem) : null;
    cells.push({
      layer: cell.layer,
      index: cell.index,
      before: cell.value,
      after: other.value,
      difference,
      againstControl,
      claim: claimOf(difference, againstControl),
    });
  }
  const survivesHolm = holmRejected(cells.map((cell) => (cell.againstControl ?? cell.difference).p));
  const isClaimed = ({ claim }: CellComparison): boolean =>
    claim === 'changed-by-acc' || claim === 'no-control';
  return {
    cells,
    claimed: cells.filter(isClaimed).length,
    claimedAfterHolm: cells.filter((cell, index) => isClaimed(cell) && survivesHolm[index]).length,
    survivesHolm,
    items,
  };
}

/** By item: what its values weigh in the pooled average of a statistic. */
function weightsOf(
  document: MechanismDocument,
  statistic: AttentionStatistic | 'frequency' | 'weight',
): number[] {
  return document.items.map((item) =>
    statistic === 'retrievalScore' ? (item.copySteps ?? item.queryTokens) : item.queryTokens,
  );
}

/**
 * Every head of one statistic, comparison − baseline, with item-level intervals and what may be claimed. Throws
 * `InputError` for a subject that the document lacks.
 */
export function compareAttention(
  document: MechanismDocument,
  statistic: AttentionStatistic,
  names: ComparisonNames,
  options: BootstrapOptions = {},
): Comparison {
  const cellsOf = ({ attention }: MechanismSubject): Cell[] =>
    attention.map((row: AttentionRow) => ({
      layer: row.layer,
      index: row.head,
      value: row[statistic],
      perItem: row.perItem[statistic] ?? [],
    }));
  const control = controlOf(document, names);
  return compareCells(
    new ItemBootstrap(weightsOf(document, statistic), options),
    document.items.length,
    cellsOf(subjectNamed(document, names.baseline)),
    cellsOf(subjectNamed(document, names.comparison)),
    control && cellsOf(control),
  );
}

/** Every expert's frequency or weight, as `compareAttention`. */
export function compareRouting(
  document: MechanismDocument,
  statistic: 'frequency' | 'weight',
  names: ComparisonNames,
  options: BootstrapOptions = {},
): Comparison {
  const cellsOf = ({ routing }: MechanismSubject): Cell[] =>
    routing.map((row: RoutingRow) => ({
      layer: row.layer,
      index: row.expert,
      value: row[statistic],
      perItem: row.perItem[statistic] ?? [],
    }));
  const control = controlOf(document, names);
  return compareCells(
    new ItemBootstrap(weightsOf(document, statistic), options),
    document.items.length,
    cellsOf(subjectNamed(document, names.baseline)),
    cellsOf(subjectNamed(document, names.comparison)),
    control && cellsOf(control),
  );
}

/** Heads with a retrieval score above `threshold` (Wu et al.: 0.1), as `layer/head`, highest first. */
export function retrievalHeads(subject: MechanismSubject, threshold = 0.1): string[] {
  return subject.attention
    .filter(({ retrievalScore }) => (retrievalScore ?? 0) > threshold)
    .sort((a, b) => (b.retrievalScore ?? 0) - (a.retrievalScore ?? 0))
    .map(({ layer, head }) => `${layer}/${head}`);
}

/** |A ∩ B| / |A ∪ B| of two head sets; null when both are empty. */
export function headOverlap(a: readonly string[], b: readonly string[]): number | null {
  const union = new Set([...a, ...b]);
  if (union.size === 0) return null;
  const other = new Set(b);
  return a.filter((head) => other.has(head)).length / union.size;
}

/** goldMass / (goldMass + distractorMass) of a head, to be held against the items' mean goldTokenShare. */
export function goldShare(row: AttentionRow): number | null {
  const { goldMass, distractorMass } = row;
  if (goldMass === null || distractorMass === null || goldMass + distractorMass === 0) return null;
  return goldMass / (goldMass + distractorMass);
}
