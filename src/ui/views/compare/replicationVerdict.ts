import { signed } from '../../../core/points.ts';
import type { ReplicationBenchmark, ReplicationDifference } from '../../../evaluate/replication.ts';

export const benchmarkNames: Readonly<Record<ReplicationBenchmark, string>> = {
  mrcr: 'MRCR-style',
  graphwalks: 'GraphWalks-style',
  'short-tasks': 'Short tasks',
};

export const range = ([low, high]: readonly [number, number], show: (value: number) => string): string =>
  `${show(low)} … ${show(high)}`;

/**
 * Differences over all lengths: a row for each pair of arms, with the mean and interval in points under each of the
 * benchmarks, – where it was not asked.
 */
export function differenceRows(
  differences: readonly ReplicationDifference[],
  benchmarks: readonly ReplicationBenchmark[],
): readonly { readonly after: string; readonly before: string; readonly cells: readonly string[] }[] {
  const together = differences.filter(({ tokens }) => tokens === null);
  const pairs = new Map(together.map(({ after, before }) => [`${after} ${before}`, { after, before }]));
  return [...pairs.values()].map(({ after, before }) => ({
    after,
    before,
    cells: benchmarks.map((benchmark) => {
      const found = together.find(
        (each) => each.after === after && each.before === before && each.benchmark === benchmark,
      );
      return found ? `${signed(found.mean)} (${range(found.interval, signed)})` : '–';
    }),
  }));
}

/**
 * What a replication says of ACC against the model alone, a sentence for each benchmark over all lengths: ahead or behind
 * only where the interval leaves zero out and p stays below 0.05 after Holm's correction over all differences.
 */
export function verdictsOf(differences: readonly ReplicationDifference[]): readonly string[] {
  return differences
    .filter(({ tokens, before, after }) => tokens === null && before === 'base' && after === 'acc')
    .map(({ benchmark, mean, interval, p, holmP }) => {
      const chance = holmP ?? p;
      const numbers = `(${signed(mean)} points, ${range(interval, signed)}; p ${chance.toPrecision(2)} after Holm’s correction)`;
      const isClear = chance < 0.05;
      const name = benchmarkNames[benchmark];
      if (isClear && interval[0] > 0) return `${name}: ACC is ahead of the base model ${numbers}.`;
      if (isClear && interval[1] < 0) return `${name}: ACC is behind the base model ${numbers}.`;
      return `${name}: no difference between ACC and the base model is shown ${numbers}.`;
    });
}
