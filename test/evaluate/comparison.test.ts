import { describe, expect, it } from 'vitest';
import {
  compareScores,
  correctTogether,
  matrixItems,
  type ItemScore,
} from '../../src/evaluate/comparison.ts';

const names = { benchmark: 'aime', before: 'base', after: 'tuned' };

function scores(right: (index: number, seed: number) => boolean, seeds = 3, items = 40): ItemScore[] {
  return Array.from({ length: seeds * items }, (_, at) => {
    const [index, seed] = [Math.floor(at / seeds), at % seeds];
    const correct = right(index, seed);
    return { index, seed, score: correct ? 1 : 0, correct, slices: { year: index < 20 ? '2024' : '2025' } };
  });
}

describe('two subjects on the same items', () => {
  it('are compared pair by pair, overall and per slice', () => {
    const comparison = compareScores(
      scores((index) => index % 4 === 0),
      scores((index) => index % 4 === 0 || index < 20),
      names,
      { resamples: 500 },
    )!;
    expect(comparison).toMatchObject({
      items: 40,
      seeds: [0, 1, 2],
      leftOut: 0,
      matrix: { bothRight: 10, onlyBefore: 0, onlyAfter: 15, bothWrong: 15 },
    });
    const cells = matrixItems(
      scores((index) => index < 10),
      scores((index) => index >= 5 && index < 20),
    )!;
    const first = (items: readonly number[]) => [items[0], items.length];
    expect([cells.bothRight, cells.onlyBefore]).toEqual([[5, 6, 7, 8, 9], [0, 1, 2, 3, 4]]); // prettier-ignore
    expect([first(cells.onlyAfter), first(cells.bothWrong)]).toEqual([[10, 10], [20, 20]]); // prettier-ignore
    expect(comparison.overall.mean).toBeCloseTo(15 / 40, 12);
    expect(comparison.overall.interval[0]).toBeGreaterThan(0.2);
    expect(comparison.mcNemar).toBeCloseTo(2 ** -14, 12);
    expect(comparison.slices.map(({ label, mean }) => [label, mean])).toEqual([
      ['2024', 0.75],
      ['2025', 0],
    ]);
  });

  it('leave out what only one of them answered, and seeds that only one had', () => {
    const after = scores(() => true, 2).filter(({ index, seed }) => !(index === 5 && seed === 1));
    expect(
      compareScores(
        scores(() => false),
        after,
        names,
        { resamples: 50 },
      ),
    ).toMatchObject({ items: 39, seeds: [0, 1], leftOut: 1 });
    expect(
      compareScores(
        scores(() => true),
        [],
        names,
      ),
    ).toBeNull();
  });

  it('are corrected over the benchmarks compared together', () => {
    const one = compareScores(
      scores(() => false),
      scores((index) => index < 8),
      names,
      { resamples: 200 },
    )!;
    const none = compareScores(
      scores(() => false),
      scores(() => false),
      { ...names, benchmark: 'gpqa' },
      { resamples: 200 },
    )!;
    expect(one.holmP).toBeNull();
    const [first, second] = correctTogether([one, none]);
    expect(first!.holmP).toBeCloseTo(2 * one.mcNemar!, 12);
    expect(second!.holmP).toBe(1);
    expect(correctTogether([one])[0]!.holmP).toBeNull();
  });

  it('are corrected by the test of the score shown: F1 is not the exact set that McNemar counts', () => {
    const partly = scores(() => false).map((item) => ({ ...item, score: 0.5 }));
    const graded = compareScores(
      scores(() => false),
      partly,
      { ...names, benchmark: 'graphwalks' },
      { resamples: 200 },
    )!;
    expect(graded).toMatchObject({ isExact: false, mcNemar: 1, overall: { mean: 0.5 } });
    const [first] = correctTogether([graded, graded]);
    expect(first!.holmP).toBeCloseTo(2 * graded.overall.p, 12);
  });

  it('draw items within their bins: what differs from bin to bin is no doubt of the difference', () => {
    const bins = ['4,097–8,192', '8,193–16,384'];
    const item = (index: number, score: number, needles: string): ItemScore => ({ index, seed: 0, score, correct: null, slices: { needles, length: bins[index % 2]! } }); // prettier-ignore
    const compare = (needles: (index: number) => string, count = 40) =>
      compareScores(
        Array.from({ length: count }, (_, index) => item(index, 0, needles(index))),
        // Nothing is gained in the one bin, one point in the other.
        Array.from({ length: count }, (_, index) => item(index, index % 2, needles(index))),
        { ...names, benchmark: 'mrcr' },
        { resamples: 500 },
      )!;
    const binned = compare(() => '2');
    expect(binned).toMatchObject({ strata: ['length'], overall: { mean: 0.5, interval: [0.5, 0.5] } });
    // With one number of needles the cells would only repeat the lengths.
    expect(binned.slices.map(({ dimension, label, mean }) => [dimension, label, mean])).toEqual([
      ['length', '4,097–8,192', 0],
      ['length', '8,193–16,384', 1],
      ['needles', '2', 0.5],
    ]);
    const crossed = compare((index) => (index < 20 ? '2' : '4'));
    expect(crossed.strata).toEqual(['needles', 'length']);
    expect(crossed.slices.slice(4).map(({ dimension, label, mean }) => [dimension, label, mean])).toEqual([
      ['needles × length', '2 × 4,097–8,192', 0],
      ['needles × length', '2 × 8,193–16,384', 1],
      ['needles × length', '4 × 4,097–8,192', 0],
      ['needles × length', '4 × 8,193–16,384', 1],
    ]);
    // Bins of two items each would leave no doubt at all: they are drawn from together.
    const few = compare(() => '2', 4);
    expect(few.strata).toEqual([]);
    expect(few.overall.interval[1] - few.overall.interval[0]).toBeGreaterThan(0.5);
  });
});
