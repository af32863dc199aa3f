import { InputError } from '../core/errors.ts';
import {
  discoveries,
  excludesZero,
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
 * What may be said of one cell. A difference counts when its 95 % interval excludes zero and it remains after
 * Benjamini and Hochberg's correction over all cells (5 %). `changed-by-acc`: those to the baseline and to the control
 * count. `differs`: only that to the baseline does. `no-control`: it counts and there is no control to hold it against.
 * `unclear`: it does not count. `no-interval`: fewer than `fewestItems` items.
 */
type Claim = 'changed-by-acc' | 'differs' | 'no-control' | 'unclear' | 'no-interval';

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

/** By cell: whether a difference counts. */
function counting(differences: readonly (ItemDifference | null)[]): boolean[] {
  const found = discoveries(differences.map((difference) => difference?.p ?? null));
  return differences.map((each, cell) => found[cell] === true && each !== null && excludesZero(each));
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
  const paired = before.flatMap((cell) => {
    const other = others.get(keyOf(cell));
    if (!other) return [];
    const held = controls?.get(keyOf(cell));
    const difference = bootstrap.difference(cell.perItem, other.perItem);
    const againstControl = held ? bootstrap.difference(held.perItem, other.perItem) : null;
    return [{ cell, other, difference, againstControl }];
  });
  const differs = counting(paired.map(({ difference }) => difference));
  const differsFromControl = counting(paired.map(({ againstControl }) => againstControl));
  const claimOf = (at: number): Claim => {
    if (paired[at]!.difference.interval === null) return 'no-interval';
    if (!differs[at]) return 'unclear';
    if (control === null) return 'no-control';
    return differsFromControl[at] ? 'changed-by-acc' : 'differs';
  };
  const cells = paired.map(({ cell, other, difference, againstControl }, at): CellComparison => ({
    layer: cell.layer,
    index: cell.index,
    before: cell.value,
    after: other.value,
    difference,
    againstControl,
    differsFromControl: differsFromControl[at]!,
    claim: claimOf(at),
  }));
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
 * Every head of one statistic, comparison − baseline, with item-level intervals and what may be claimed. Throws
 * `InputError` for a subject that the document lacks.
 */
export function compareAttention(
  document: MechanismDocument,
  statistic: AttentionStatistic,
  names: ComparisonNames,
  options: BootstrapOptions = {},
): Comparison {
  return compareBy(document, statistic, names, options, ({ attention }) =>
    attention.map((row: AttentionRow) => ({
      layer: row.layer,
      index: row.head,
      value: row[statistic],
      perItem: row.perItem[statistic] ?? [],
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
