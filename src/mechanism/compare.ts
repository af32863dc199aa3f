import { InputError } from '../core/errors.ts';
import {
  discoveries,
  excludesZero,
  ItemBootstrap,
  type BootstrapOptions,
  type ItemDifference,
} from './bootstrap.ts';
import type { AttentionRow, MechanismDocument, MechanismSubject, RoutingRow } from './document.ts';
import { readerOf, type HeadMetric } from './headMetrics.ts';

/**
 * What may be said of one cell. A difference counts when its 95 % interval excludes zero and it remains after
 * Benjamini and Hochberg's correction over all cells (5 %). `changed-by-acc`: those to the baseline and to the control
 * count, both in one direction. `differs`: that to the baseline counts, but that to the control does not, or goes the
 * other way: the control moved further. `no-control`: it counts and there is no control to hold it against. `unclear`:
 * it does not count. `no-interval`: fewer than `fewestItems` items, or none whose values were kept.
 */
type Claim = 'changed-by-acc' | 'differs' | 'no-control' | 'unclear' | 'no-interval';

/** One head, expert or layer under baseline and comparison, before anything is claimed. */
export interface CellDifferences {
  readonly layer: number;
  /** Head or expert. */
  readonly index: number;
  readonly before: number | null;
  readonly after: number | null;
  readonly difference: ItemDifference;
  /** comparison − control; null without a control. */
  readonly againstControl: ItemDifference | null;
}

export interface CellComparison extends CellDifferences {
  /** Whether comparison − control counts, whatever the baseline. */
  readonly differsFromControl: boolean;
  readonly claim: Claim;
}

export interface Comparison {
  readonly cells: readonly CellComparison[];
  /** Cells that `isClaimed`. */
  readonly claimed: number;
  /** Items measured; an interval needs at least `fewestItems`. */
  readonly items: number;
}

/** Whether a cell is drawn at full strength: changed by ACC, or different where there is no control. */
export function isClaimed({ claim }: Pick<CellComparison, 'claim'>): boolean {
  return claim === 'changed-by-acc' || claim === 'no-control';
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

/** One cell's value and per-item values. */
export interface Cell {
  readonly layer: number;
  /** Head or expert. */
  readonly index: number;
  readonly value: number | null;
  readonly perItem: readonly (number | null)[];
}

/** By cell: whether a difference counts among all of them. */
export function counting(differences: readonly (ItemDifference | null)[]): boolean[] {
  const found = discoveries(differences.map((difference) => difference?.p ?? null));
  return differences.map((each, cell) => found[cell] === true && each !== null && excludesZero(each));
}

/** What may be claimed of the cells of one statistic. */
export function claimCells(cells: readonly CellDifferences[], hasControl: boolean): CellComparison[] {
  const differs = counting(cells.map(({ difference }) => difference));
  const differsFromControl = counting(cells.map(({ againstControl }) => againstControl));
  const claimOf = ({ difference, againstControl }: CellDifferences, at: number): Claim => {
    if (difference.interval === null) return 'no-interval';
    if (!differs[at]) return 'unclear';
    if (!hasControl) return 'no-control';
    // Where the control moved further the same way, the two have opposite signs: nothing here is ACC's own.
    const isOneWay = Math.sign(difference.mean) === Math.sign(againstControl?.mean ?? 0);
    return differsFromControl[at] && isOneWay ? 'changed-by-acc' : 'differs';
  };
  return cells.map((cell, at) => ({
    ...cell,
    differsFromControl: differsFromControl[at]!,
    claim: claimOf(cell, at),
  }));
}

/** comparison − baseline of each cell that both have, in the order of `before`, and what may be claimed. */
export function compareCells(
  bootstrap: ItemBootstrap,
  before: readonly Cell[],
  after: readonly Cell[],
  control: readonly Cell[] | null,
): Comparison {
  const keyOf = ({ layer, index }: Cell): string => `${layer}/${index}`;
  const others = new Map(after.map((cell) => [keyOf(cell), cell]));
  const controls = control && new Map(control.map((cell) => [keyOf(cell), cell]));
  const paired = before.flatMap((cell): CellDifferences[] => {
    const other = others.get(keyOf(cell));
    if (!other) return [];
    const held = controls?.get(keyOf(cell));
    const { layer, index } = cell;
    const difference = bootstrap.difference(cell.perItem, other.perItem);
    const againstControl = held ? bootstrap.difference(held.perItem, other.perItem) : null;
    return [{ layer, index, before: cell.value, after: other.value, difference, againstControl }];
  });
  const cells = claimCells(paired, control !== null);
  return { cells, claimed: cells.filter(isClaimed).length, items: bootstrap.items };
}

/** By item: what its values weigh in the pooled average of a statistic. */
export function weightsOf(document: MechanismDocument, statistic: string): number[] {
  return document.items.map((item) =>
    statistic === 'retrievalScore' ? (item.copySteps ?? item.queryTokens) : item.queryTokens,
  );
}

function compareBy(
  document: MechanismDocument,
  statistic: string,
  names: ComparisonNames,
  options: BootstrapOptions,
  cellsOf: (subject: MechanismSubject) => readonly Cell[],
): Comparison {
  const control = controlOf(document, names);
  return compareCells(
    new ItemBootstrap(weightsOf(document, statistic), options),
    cellsOf(subjectNamed(document, names.baseline)),
    cellsOf(subjectNamed(document, names.comparison)),
    control && cellsOf(control),
  );
}

/**
 * Every head of one metric, comparison − baseline, with item-level intervals and what may be claimed. Throws
 * `InputError` for a subject that the document lacks.
 */
export function compareAttention(
  document: MechanismDocument,
  metric: HeadMetric,
  names: ComparisonNames,
  options: BootstrapOptions = {},
): Comparison {
  const read = readerOf(document, metric);
  return compareBy(document, metric, names, options, ({ attention }) =>
    attention.map((row: AttentionRow) => ({
      layer: row.layer,
      index: row.head,
      value: read.value(row),
      perItem: read.perItem(row) ?? [],
    })),
  );
}

/** Every expert's frequency or weight, as `compareAttention`. */
export function compareRouting(
  document: MechanismDocument,
  statistic: 'frequency' | 'weight',
  names: ComparisonNames,
  options: BootstrapOptions = {},
): Comparison {
  return compareBy(document, statistic, names, options, ({ routing }) =>
    routing.map((row: RoutingRow) => ({
      layer: row.layer,
      index: row.expert,
      value: row[statistic],
      perItem: row.perItem[statistic] ?? [],
    })),
  );
}

/** |A ∩ B| / |A ∪ B| of two head sets; null when both are empty. */
export function headOverlap(a: readonly string[], b: readonly string[]): number | null {
  const union = new Set([...a, ...b]);
  if (union.size === 0) return null;
  const other = new Set(b);
  return a.filter((head) => other.has(head)).length / union.size;
}
