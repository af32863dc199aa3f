import { describe, expect, it } from 'vitest';
import { requestEngineDevice } from '../../src/gpu/device.ts';
import { tuneKernels, type ChoiceStore } from '../../src/gpu/tune.ts';
import { gpuSkipReason, hasGpu, nodeGpu } from '../helpers/gpu.ts';

class MemoryStore implements ChoiceStore {
  readonly values = new Map<string, string>();
  load = async (key: string): Promise<string | null> => this.values.get(key) ?? null;
  save = async (key: string, value: string): Promise<void> => void this.values.set(key, value);
}

describe.skipIf(!hasGpu)(hasGpu ? 'tuneKernels' : `tuneKernels (${gpuSkipReason})`, () => {
  it('measures once per adapter, keeps the fastest, and frees what it used', async () => {
    const engine = await requestEngineDevice((await nodeGpu())!);
    const store = new MemoryStore();
    const before = engine.buffers.allocatedBytes;
    const report = await tuneKernels(engine, { store, limitMs: 60_000 });
    expect(engine.buffers.allocatedBytes).toBe(before);
    const matmuls = report.measured.filter(({ operation }) => operation === 'matmul');
    const fastest = matmuls.reduce((a, b) => (b.medianMs < a.medianMs ? b : a));
    expect(report.choices.matmul).toBe(fastest.choice.replace(' in f16', ''));
    expect(matmuls.some(({ choice }) => choice === 'shared in f16')).toBe(engine.features.f16);
    expect(engine.choices).toEqual(report.choices);

    const again = await tuneKernels(engine, { store });
    expect(again).toMatchObject({ fromStore: true, measured: [], choices: report.choices });
    // What is stored but makes no sense here is measured anew.
    for (const key of store.values.keys()) store.values.set(key, '{"matmul":"__proto__"}');
    expect((await tuneKernels(engine, { store, limitMs: 0 })).fromStore).toBe(false);
    engine.destroy();
  });
});
