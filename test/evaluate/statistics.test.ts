import { describe, expect, it } from 'vitest';
import { tTwoSidedP } from '../../src/core/distributions.ts';
import { Rng } from '../../src/core/rng.ts';
import { estimate, holm, mcNemarP, pairedBootstrap, tQuantile } from '../../src/evaluate/statistics.ts';

describe('statistics', () => {
  it('knows Student’s t (values of printed tables)', () => {
    expect(tQuantile(0.95, 1)).toBeCloseTo(12.7062, 3);
    expect(tQuantile(0.95, 2)).toBeCloseTo(4.30265, 4);
    expect(tQuantile(0.95, 4)).toBeCloseTo(2.77645, 4);
    expect(tQuantile(0.99, 30)).toBeCloseTo(2.75, 3);
    expect(tTwoSidedP(2.0, 10)).toBeCloseTo(0.07339, 4);
  });

  it('says nothing of the spread of one value', () => {
    expect(estimate([0.5])).toEqual({ n: 1, mean: 0.5, standardDeviation: null, interval: null });
    const three = estimate([1, 2, 3]);
    expect(three.standardDeviation).toBeCloseTo(1, 12);
    expect(three.interval![1] - 2).toBeCloseTo(4.30265 / Math.sqrt(3), 4);
  });

  it('finds a true difference and none where there is none, the same from the same seed', () => {
    const rng = new Rng('scores');
    const scores = (shift: number) =>
      [0, 1, 2].map(() => Array.from({ length: 200 }, () => 0.5 + shift + 0.2 * rng.normal()));
    const base = scores(0);
    const better = pairedBootstrap(base, scores(0.08), { resamples: 2000, seed: 1 });
    expect(better.interval[0]).toBeGreaterThan(0);
    expect(better.mean).toBeCloseTo(0.08, 1);
    const same = pairedBootstrap(base, scores(0), { resamples: 2000, seed: 1 });
    expect(same.interval[0]).toBeLessThan(0);
    expect(same.interval[1]).toBeGreaterThan(0);
    expect(pairedBootstrap(base, base, { resamples: 500, seed: 1 })).toEqual(
      pairedBootstrap(base, base, { resamples: 500, seed: 1 }),
    );
  });

  it('is no surer for seeds that say the same again', () => {
    const rng = new Rng('scores');
    const [zeros, scores] = [() => 0, () => rng.normal()].map((make) => Array.from({ length: 100 }, make));
    const width = (seeds: number): number => {
      const rows = (row: number[] | undefined) => Array.from({ length: seeds }, () => row!);
      const [low, high] = pairedBootstrap(rows(zeros), rows(scores), { resamples: 4000 }).interval;
      return high - low;
    };
    // The standard error of the mean of 100 items, both ways.
    expect(width(1)).toBeCloseTo((2 * 1.96) / 10, 1);
    expect(width(3) / width(1)).toBeCloseTo(1, 1);
  });

  it('tests discordant pairs exactly (binomial) and corrects by Holm', () => {
    expect(mcNemarP(0, 0)).toBe(1);
    expect(mcNemarP(1, 9)).toBeCloseTo(0.021484375, 12);
    expect(mcNemarP(5, 5)).toBe(1);
    expect(holm([0.01, 0.04, 0.03])).toEqual([0.03, 0.06, 0.06]);
  });
});
