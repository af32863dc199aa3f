import { Rng } from '../core/rng.ts';
import { tTwoSidedP } from '../evaluate/statistics.ts';

/** Differences of many cells with intervals over items. Arrays by cell. */
export interface PairedChange {
  readonly values: (number | null)[];
  readonly low: (number | null)[];
  readonly high: (number | null)[];
  readonly clear: boolean[];
  readonly hasIntervals: boolean;
}

/** Fewer items give no interval. */
export const fewestItems = 3;
const resamples = 1000;
const falseDiscoveryRate = 0.05;

/** Cells whose p passes Benjamini and Hochberg's step-up rule. */
export function benjaminiHochberg(p: readonly (number | null)[], rate = falseDiscoveryRate): boolean[] {
  const order = p.flatMap((value, cell) => (value === null ? [] : [cell])).sort((a, b) => p[a]! - p[b]!);
  let last = -1;
  order.forEach((cell, rank) => {
    if (p[cell]! <= (rate * (rank + 1)) / order.length) last = rank;
  });
  const passes = p.map(() => false);
  for (let rank = 0; rank <= last; rank++) passes[order[rank]!] = true;
  return passes;
}

/**
 * after − before by cell: the difference of the pooled values, its 95 % percentile interval from a bootstrap over
 * items (the same resamples for all cells), and whether it is clear: the interval excludes 0 and the paired t test
 * over items passes Benjamini and Hochberg over all cells.
 *
 * `itemsBefore`, `itemsAfter`: by cell, one value an item; absent where not measured per item.
 * `weights`: query tokens by item, by which items count in the pooled values.
 */
export function pairedChange(
  before: readonly (number | null)[],
  after: readonly (number | null)[],
  itemsBefore: readonly (readonly (number | null)[] | undefined)[],
  itemsAfter: readonly (readonly (number | null)[] | undefined)[],
  weights: readonly number[],
): PairedChange {
  const count = weights.length;
  const values = after.map((value, cell) =>
    value === null || before[cell] == null ? null : value - before[cell],
  );
  const empty = values.map(() => null);
  const hasItems =
    itemsBefore.some((row) => row !== undefined) && itemsAfter.some((row) => row !== undefined);
  if (count < fewestItems || !hasItems) {
    return { values, low: empty, high: [...empty], clear: values.map(() => false), hasIntervals: false };
  }
  const rng = new Rng(1);
  const draws = Array.from({ length: resamples }, () => {
    const times = new Float64Array(count);
    for (let n = 0; n < count; n++) times[rng.below(count)]! += 1;
    return times;
  });
  const low: (number | null)[] = [];
  const high: (number | null)[] = [];
  const p: (number | null)[] = [];
  const means = new Float64Array(resamples);
  for (let cell = 0; cell < values.length; cell++) {
    const [a, b] = [itemsBefore[cell], itemsAfter[cell]];
    const differences: number[] = [];
    const weight: number[] = [];
    const at: number[] = [];
    for (let item = 0; item < count && a && b; item++) {
      const [x, y] = [a[item] ?? null, b[item] ?? null];
      if (x === null || y === null) continue;
      differences.push(y - x);
      weight.push(weights[item] ?? 0);
      at.push(item);
    }
    if (differences.length < fewestItems) {
      low.push(null);
      high.push(null);
      p.push(null);
      continue;
    }
    let used = 0;
    for (const times of draws) {
      let sum = 0;
      let total = 0;
      for (let n = 0; n < at.length; n++) {
        const share = times[at[n]!]! * weight[n]!;
        sum += share * differences[n]!;
        total += share;
      }
      if (total > 0) means[used++] = sum / total;
    }
    const drawn = means.slice(0, used).sort();
    low.push(drawn[Math.floor(0.025 * (used - 1))] ?? null);
    high.push(drawn[Math.ceil(0.975 * (used - 1))] ?? null);
    p.push(pairedP(differences));
  }
  const passes = benjaminiHochberg(p);
  const clear = values.map(
    (_, cell) => passes[cell] === true && ((low[cell] ?? 0) > 0 || (high[cell] ?? 0) < 0),
  );
  return { values, low, high, clear, hasIntervals: true };
}

/** Two-sided p of the paired t test. */
function pairedP(differences: readonly number[]): number {
  const n = differences.length;
  const mean = differences.reduce((sum, value) => sum + value, 0) / n;
  const variance = differences.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  if (variance === 0) return mean === 0 ? 1 : 0;
  return tTwoSidedP(mean / Math.sqrt(variance / n), n - 1);
}
