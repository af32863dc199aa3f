import { expect, it } from 'vitest';
import { histogramOf } from '../../src/workers/tableQuery.ts';

it('counts rejected values apart over the same bins; far ones in the last', () => {
  const values = [10, 20, 90];
  const rows = Uint32Array.from(values.keys());
  const plain = histogramOf(
    rows,
    (row) => values[row]!,
    () => 'search',
    { binWidth: 50 },
  );
  expect([plain.edges, plain.rejected]).toEqual([[0, 50, 100], undefined]);
  const { edges, series, rejected, count, p95 } = histogramOf(
    rows,
    (row) => values[row]!,
    () => 'search',
    { binWidth: 50 },
    [
      { kind: 'swe', value: 120 },
      { kind: 'swe', value: 1_000_000 },
    ],
  );
  expect(edges).toEqual([0, 50, 100, 150, 200]);
  expect([series, count, p95]).toEqual([[{ kind: 'search', counts: [2, 1, 0, 0] }], 3, 90]);
  expect(rejected).toEqual([{ kind: 'swe', counts: [0, 0, 1, 1] }]);
});
