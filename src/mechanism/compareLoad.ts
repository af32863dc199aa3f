import { fewestItems } from '../core/distributions.ts';
import { resampleDifferences, type BootstrapOptions, type ItemDifference } from './bootstrap.ts';
import { claimCells, type CellComparison, type CellDifferences } from './compare.ts';
import type { MechanismDocument, MechanismSubject, RouterSummary } from './document.ts';
import { expertLoad, jensenShannon } from './load.ts';

/**
 * Summaries of a layer's load that can be told for any choice of the items from how often each item chose each expert.
 * The busiest expert's load could, but a maximum of resamples says little about the maximum.
 */
export const loadSummaries = ['effectiveExperts', 'gini', 'kindDivergence'] as const;
export type LoadSummary = (typeof loadSummaries)[number];

/** Who is compared. */
interface LoadSubjects {
  readonly baseline: MechanismSubject;
  readonly comparison: MechanismSubject;
  readonly control: MechanismSubject | null;
}

/** A summary of one layer as the document holds it; of the divergences of pairs of kinds the mean. */
export function summaryValue(row: RouterSummary, name: LoadSummary): number | null {
  if (name !== 'kindDivergence') return row[name];
  const { length } = row.kindDivergence;
  return length > 0 ? row.kindDivergence.reduce((sum, { value }) => sum + value, 0) / length : null;
}

/** The items that have query tokens, in the order of the document. */
interface UsedItems {
  readonly items: readonly number[];
  readonly weights: readonly number[];
  /** Place of each item's kind among the kinds. */
  readonly kinds: readonly number[];
  /** Every kind has items enough to be drawn from alone. */
  readonly areKindsDrawn: boolean;
}

function usedItems(all: MechanismDocument['items']): UsedItems {
  const items = all.flatMap(({ queryTokens }, item) => (queryTokens > 0 ? [item] : []));
  const names = [...new Set(items.map((item) => all[item]!.kind))];
  const kinds = items.map((item) => names.indexOf(all[item]!.kind));
  const areKindsDrawn = names.every((_, kind) => kinds.filter((each) => each === kind).length >= fewestItems);
  return { items, weights: items.map((item) => all[item]!.queryTokens), kinds, areKindsDrawn };
}

/** [used items, experts]: frequencies in one layer; null where they were not kept for every item and expert. */
function frequenciesOf(
  subject: MechanismSubject | null,
  layer: number,
  experts: number,
  { items }: UsedItems,
): Float64Array | null {
  const rows = subject?.routing.filter((row) => row.layer === layer) ?? [];
  if (rows.length !== experts) return null;
  const out = new Float64Array(items.length * experts);
  for (const { expert, perItem } of rows) {
    for (const [at, item] of items.entries()) {
      const value = perItem.frequency?.[item] ?? null;
      if (value === null) return null;
      out[at * experts + expert] = value;
    }
  }
  return out;
}

/** Mean divergence over the pairs of loads; NaN with fewer than two. */
function divergenceOf(loads: readonly Float64Array[]): number {
  let sum = 0;
  let pairs = 0;
  for (let a = 0; a < loads.length; a++) {
    for (let b = a + 1; b < loads.length; b++) {
      const value = jensenShannon(loads[a]!, loads[b]!);
      if (value === null) continue;
      sum += value;
      pairs++;
    }
  }
  return pairs > 0 ? sum / pairs : NaN;
}

/** load += weight × values from `at` on. */
function addTo(load: Float64Array, values: Float64Array, at: number, weight: number): void {
  const { length } = load;
  for (let e = 0; e < length; e++) load[e]! += weight * values[at + e]!;
}

/** Reads the summaries, in the order of `loadSummaries`, of one layer when each item counts so many times. */
class LoadReader {
  /** By kind: [experts]. */
  readonly #loads: readonly Float64Array[];
  readonly #all: Float64Array;

  constructor(
    private readonly used: UsedItems,
    private readonly experts: number,
  ) {
    const kinds = Math.max(-1, ...used.kinds) + 1;
    this.#loads = Array.from({ length: kinds }, () => new Float64Array(experts));
    this.#all = new Float64Array(experts);
  }

  read(frequencies: Float64Array, times: Uint16Array): readonly number[] {
    const { kinds, weights, areKindsDrawn } = this.used;
    for (const load of this.#loads) load.fill(0);
    for (let item = 0; item < kinds.length; item++) {
      const weight = times[item]! * weights[item]!;
      if (weight > 0) addTo(this.#loads[kinds[item]!]!, frequencies, item * this.experts, weight);
    }
    this.#all.fill(0);
    for (const load of this.#loads) addTo(this.#all, load, 0, 1);
    const { effectiveExperts, gini } = expertLoad(this.#all);
    return [effectiveExperts, gini, areKindsDrawn ? divergenceOf(this.#loads) : NaN];
  }
}

const notKept: ItemDifference = { items: 0, mean: NaN, interval: null, p: null };

/** By summary: comparison − baseline and comparison − control of one layer. */
function layerDifferences(
  used: UsedItems,
  experts: number,
  [before, after, control]: readonly (Float64Array | null)[],
  options: BootstrapOptions,
): { readonly difference: ItemDifference; readonly againstControl: ItemDifference }[] {
  const width = loadSummaries.length;
  const others = [before, control];
  const reader = new LoadReader(used, experts);
  const strata = used.areKindsDrawn ? used.kinds : used.kinds.map(() => 0);
  const found = !after
    ? []
    : resampleDifferences(
        strata,
        2 * width,
        (times, out) => {
          const own = reader.read(after, times);
          others.forEach((other, which) => {
            const held = other && reader.read(other, times);
            for (let at = 0; at < width; at++) out[which * width + at] = held ? own[at]! - held[at]! : NaN;
          });
        },
        options,
      );
  return loadSummaries.map((_, at) => ({
    difference: found[at] ?? notKept,
    againstControl: found[width + at] ?? notKept,
  }));
}

/** Loads that all resamples together may add up, so that a large model's charts wait for a few seconds at most. */
const mostLoads = 1e9;

/** Resamples for a document with so many loads, 200 to 1,000: an interval from 200 is a little rougher. */
export function resamplesFor(loads: number): number {
  return Math.max(200, Math.min(1000, Math.floor(mostLoads / Math.max(1, loads))));
}

/**
 * Every layer's summaries of the load, comparison − baseline, with intervals over items and what may be claimed. Items
 * are drawn with replacement within their kind (`resamplesFor` times unless told otherwise), their loads pooled, and the
 * summary taken anew. Where a kind has fewer than `fewestItems`, all items are drawn together and the divergence has no interval;
 * where frequencies by item were not kept, nothing has one.
 */
export function compareLoad(
  { items, model }: Pick<MechanismDocument, 'items' | 'model'>,
  { baseline, comparison, control }: LoadSubjects,
  options: BootstrapOptions = {},
): Readonly<Record<LoadSummary, readonly CellComparison[]>> {
  const used = usedItems(items);
  const experts = model.experts ?? 0;
  const valueOf = (subject: MechanismSubject, layer: number, name: LoadSummary): number | null => {
    const row = subject.routerSummary.find((each) => each.layer === layer);
    return row ? summaryValue(row, name) : null;
  };
  const layers = baseline.routerSummary.map(({ layer }) => layer);
  const resamples = resamplesFor(layers.length * experts * used.items.length * (control ? 3 : 2));
  const found = layers.map((layer) => {
    const sides = [baseline, comparison, control].map((side) => frequenciesOf(side, layer, experts, used));
    return layerDifferences(used, experts, sides, { resamples, ...options });
  });
  const cellsOf = (name: LoadSummary, at: number): CellDifferences[] =>
    layers.map((layer, row) => ({
      layer,
      index: 0,
      before: valueOf(baseline, layer, name),
      after: valueOf(comparison, layer, name),
      difference: found[row]![at]!.difference,
      againstControl: control && found[row]![at]!.againstControl,
    }));
  const claimed = loadSummaries.map((name, at) => [name, claimCells(cellsOf(name, at), control !== null)]);
  return Object.fromEntries(claimed) as Record<LoadSummary, CellComparison[]>;
}
