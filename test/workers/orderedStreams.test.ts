import { describe, expect, it } from 'vitest';
import { reduceInOrder } from '../../src/workers/orderedStreams.ts';

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe('reducing in order', () => {
  it('hands batches over in the order of the units, whatever order they are made in', async () => {
    const taken: string[] = [];
    await reduceInOrder<number, string>(
      [30, 1, 10, 0],
      3,
      async (ms, push) => {
        for (const part of ['a', 'b', 'c', 'd']) {
          await pause(ms / 4);
          await push(`${ms}${part}`);
        }
      },
      async (batch) => {
        taken.push(batch);
      },
    );
    expect(taken).toEqual([30, 1, 10, 0].flatMap((ms) => ['a', 'b', 'c', 'd'].map((part) => `${ms}${part}`)));
  });

  it('makes a fast unit wait for its turn, so that memory stays bounded', async () => {
    let waiting = 0;
    let most = 0;
    await reduceInOrder<number, number>(
      [0, 1, 2, 3],
      4,
      async (unit, push) => {
        for (let i = 0; i < 20; i++) {
          if (unit === 0) await pause(1);
          waiting++;
          most = Math.max(most, waiting);
          await push(i);
        }
      },
      async () => {
        waiting--;
      },
    );
    expect(most).toBeLessThanOrEqual(8);
  });

  it('stops with the first failure', async () => {
    const run = reduceInOrder<number, number>(
      [1, 2],
      2,
      async (unit, push) => {
        await push(unit);
        if (unit === 1) throw new Error('unit 1 failed');
      },
      async () => undefined,
    );
    await expect(run).rejects.toThrow('unit 1 failed');
  });
});
