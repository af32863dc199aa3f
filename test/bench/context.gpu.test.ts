import { describe, expect, it } from 'vitest';
import { runContextLength } from '../../src/bench/contextBench.ts';
import { engineDevice } from '../helpers/engine.ts';
import { gpuSkipReason } from '../helpers/gpu.ts';

describe('memory over context length', () => {
  it('grows linearly, as planned, with no buffer of T × T', async (context) => {
    const engine = await engineDevice();
    if (!engine) return context.skip(gpuSkipReason);
    const [short, middle, long] = [
      (await runContextLength(engine, 1024)).memory,
      (await runContextLength(engine, 2048)).memory,
      (await runContextLength(engine, 4096)).memory,
    ];
    for (const memory of [short, middle, long]) {
      expect(memory.allocatedBytes).toBeLessThanOrEqual(memory.plannedBytes * 1.05);
      // One attention matrix of one head.
      expect(memory.largestBufferBytes).toBeLessThan(memory.tokens ** 2);
    }
    // Pages of the cache make it grow in steps, but never faster than the length.
    expect(long.allocatedBytes).toBeLessThanOrEqual(4 * short.allocatedBytes);
    expect(long.largestBufferBytes).toBeLessThanOrEqual(4 * short.largestBufferBytes);
    engine.destroy();
  });
});
