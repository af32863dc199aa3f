import { expect, it } from 'vitest';
import type { MeasuredItem } from '../../src/mechanism/items.ts';
import { measureEach, type ItemMeasurement } from '../../src/mechanism/measure.ts';

const itemOf = (tokens: number): MeasuredItem =>
  ({ ids: Array<number>(tokens).fill(1) }) as unknown as MeasuredItem;

it('measures items in order and reports the tokens of all of them', async () => {
  const told: unknown[] = [];
  const done = await measureEach(
    [itemOf(3), itemOf(2)],
    {
      onProgress: (tokens, total) => told.push([tokens, total]),
      onItem: (_, count, total) => told.push(`${count} of ${total}`),
    },
    ({ ids }, { onProgress }) => {
      onProgress(1);
      onProgress(ids.length);
      return Promise.resolve({ tokens: ids.length } as unknown as ItemMeasurement);
    },
  );
  expect(done).toEqual([{ tokens: 3 }, { tokens: 2 }]);
  expect(told).toEqual([[1, 5], [3, 5], '1 of 2', [4, 5], [5, 5], '2 of 2']);
});
