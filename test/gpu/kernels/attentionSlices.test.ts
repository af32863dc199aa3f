import { describe, expect, it } from 'vitest';
import type { EngineDevice } from '../../../src/gpu/device.ts';
import { attention } from '../../../src/gpu/kernels/attention.ts';
import { asRows, kvPageSections, type KvLayout } from '../../../src/gpu/tensors.ts';
import { countingBuffers, PlanSink } from '../../../src/model/planner.ts';
import type { KernelCall } from '../../../src/gpu/kernel.ts';

const kv: KvLayout = { type: 'f16', numKeyValueHeads: 2, headDim: 128 };
const numHeads = 8;
const capacity = 4096;
/** Workgroups that the made-up adapter wants: two heads' tiles, so 32 slices of the keys. */
const attentionWorkgroups = 64;

/** Slices into which one query's keys are cut, page by page. */
function slices(tokens: number): number[] {
  const { buffers } = countingBuffers();
  const range = (sizeBytes: number) => buffers.range('test', sizeBytes);
  const found: number[] = [];
  class Sink extends PlanSink {
    override dispatch<B extends string, P extends string>(call: KernelCall<B, P>): void {
      const { splits } = call.params as Partial<Record<string, number>>;
      if (splits !== undefined) found.push(splits);
    }
  }
  const engine = {
    features: { subgroups: false },
    choices: { attention: 'tile', attentionWorkgroups },
    nullRange: range(256),
    nullOutput: range(256),
    nullStatistics: range(256),
  } as unknown as EngineDevice;
  const row = () => asRows(range(numHeads * kv.headDim * 4), 1, numHeads * kv.headDim);
  attention(new Sink(engine, buffers), {
    q: row(),
    out: row(),
    numHeads,
    kv,
    pages: Array.from({ length: Math.ceil(tokens / capacity) }, (_, index) => ({
      range: range(kvPageSections(kv, capacity).sizeBytes),
      firstToken: index * capacity,
      capacity,
    })),
    firstToken: tokens - 1,
    scale: 1,
  });
  return found;
}

const total = (parts: readonly number[]): number => parts.reduce((sum, part) => sum + part, 0);

describe('attention of one query', () => {
  it('is cut into as many slices as keep the adapter busy, however many pages hold the keys', () => {
    expect(slices(capacity)).toEqual([32]);
    expect(slices(2 * capacity)).toEqual([16, 16]);
    for (const pages of [3, 8, 31, 32]) expect(total(slices(pages * capacity))).toBe(32);
    expect(total(slices(64 * capacity))).toBe(64);
  });

  it('gives a page no more slices than its keys are worth', () => {
    expect(slices(200)).toEqual([1]);
    expect(slices(capacity + 100)).toEqual([16, 1]);
  });
});
