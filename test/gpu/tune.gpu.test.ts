import { describe, expect, it, vi } from 'vitest';
import { ShaderCompileError } from '../../src/gpu/errors.ts';
import { tuneKernels, type ChoiceStore } from '../../src/gpu/tune.ts';
import { gpuSkipReason, hasGpu, testEngine } from '../helpers/gpu.ts';
import { withChoices } from './harness.ts';

class MemoryStore implements ChoiceStore {
  readonly values = new Map<string, string>();
  load = async (key: string): Promise<string | null> => this.values.get(key) ?? null;
  save = async (key: string, value: string): Promise<void> => void this.values.set(key, value);
}

describe.skipIf(!hasGpu)(hasGpu ? 'tuneKernels' : `tuneKernels (${gpuSkipReason})`, () => {
  it('measures once per adapter, in samples of a length, and frees what it used', async () => {
    const engine = (await testEngine())!;
    const { buffers, counters, choices: inUse } = engine;
    const { dispatches } = counters;
    const store = new MemoryStore();
    const before = buffers.allocatedBytes;
    // Each dispatch takes a millisecond: all are equally fast.
    const clock = (): number => counters.dispatches;
    const report = await tuneKernels(engine, { store, clock, sampleMs: 4 });
    expect(buffers.allocatedBytes).toBe(before);
    const names = report.measured.filter(({ operation }) => operation === 'matmul').map((m) => m.choice);
    expect(names[0]).toBe(inUse.matmul);
    expect(names.includes('shared in f16')).toBe(engine.features.f16);
    expect(new Set(report.measured.map(({ medianMs }) => medianMs))).toEqual(new Set([1]));
    // A probe; then by alternative a first run, 1, 2 and 4 runs, and two samples more of 4.
    expect(counters.dispatches - dispatches).toBe(1 + report.measured.length * 16);
    expect(report.choices).toEqual(inUse);
    expect(engine.choices).toEqual(report.choices);

    const again = await tuneKernels(engine, { store });
    expect(again).toMatchObject({ fromStore: true, measured: [], choices: report.choices });
    // What is stored but makes no sense here is measured anew.
    for (const key of store.values.keys()) store.values.set(key, '{"matmul":"__proto__"}');
    expect((await tuneKernels(engine, { store, limitMs: 0 })).fromStore).toBe(false);
  });

  it.for([0.95, 0.5])(
    'lets a kernel of %d times the time of that in use replace it only below 0.9',
    async (share) => {
      const engine = (await testEngine())!;
      const { matmul } = engine.choices;
      let now = 0;
      const clock = (): number => (now += engine.choices.matmul === matmul ? 1 : share);
      await withChoices(engine, {}, async () => {
        const { choices } = await tuneKernels(engine, { clock });
        expect(choices.matmul === matmul).toBe(share > 0.9);
      });
    },
  );

  it('leaves out what the driver does not compile, also when it was in use', async () => {
    const engine = (await testEngine())!;
    const { matmul } = engine.choices;
    const before = engine.buffers.allocatedBytes;
    const prepare = engine.pipelines.prepare.bind(engine.pipelines);
    const refusing = vi
      .spyOn(engine.pipelines, 'prepare')
      .mockImplementation((requests) =>
        requests.some(({ kernel }) => kernel.name === `forward/matmul_${matmul}`)
          ? Promise.reject(new ShaderCompileError(matmul, 'refused', []))
          : prepare(requests),
      );
    await withChoices(engine, {}, async () => {
      // Time is up after the first alternative, but one that works must be found.
      let now = 0;
      const { choices, refused, measured } = await tuneKernels(engine, { clock: () => now++, limitMs: 1 });
      expect(refused).toMatchObject([{ operation: 'matmul', choice: matmul }]);
      expect(choices.matmul).not.toBe(matmul);
      expect(new Set(measured.map(({ operation }) => operation))).toEqual(new Set(['matmul']));
      // What was refused is known again with the stored choices.
      const store = new MemoryStore();
      await tuneKernels(engine, { store, sampleMs: 0, limitMs: Infinity });
      const again = await tuneKernels(engine, { store });
      expect(again).toMatchObject({ fromStore: true, refused: [{ operation: 'matmul', choice: matmul }] });
    });
    expect(engine.buffers.allocatedBytes).toBe(before);
    refusing.mockRestore();
  });
});
