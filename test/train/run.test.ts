import { describe, expect, it } from 'vitest';
import { GpuDeviceLostError } from '../../src/gpu/errors.ts';
import type { AdapterChoices } from '../../src/gpu/variants.ts';
import { summariseLoad } from '../../src/train/expertLoad.ts';
import { peftFiles } from '../../src/train/peft.ts';
import { readMetrics, runFileNames } from '../../src/train/runStore.ts';
import { exampleLine, fakeKernels, fakeRun, MemoryRunFolder } from './helpers.ts';

const lines = Array.from({ length: 5 }, (_, i) => exampleLine(`e${i}`, 3 + i));
const steps = (folder: MemoryRunFolder): number[] =>
  folder
    .text(runFileNames.metrics)
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { step: number }).step);

describe('a training run', () => {
  it('goes on from a stop byte for byte: 2N steps are N, a stop, and N more', async () => {
    const config = { steps: 12, schedule: 'constant', learningRate: 0.1, checkpointSteps: 0 };
    const whole = await fakeRun(lines, config);
    expect((await whole.run.run()).end).toBe('finished');

    const folder = new MemoryRunFolder();
    const stop = new AbortController();
    const first = await fakeRun(lines, config, {
      folder,
      handlers: { onStep: ({ step }) => step === 6 && stop.abort() },
    });
    const stopped = await first.run.run(stop.signal);
    expect([stopped.end, stopped.counters.step]).toEqual(['stopped', 6]);
    const second = await fakeRun(lines, config, { folder });
    expect((await second.run.run()).end).toBe('finished');

    for (const name of [runFileNames.latest, runFileNames.metrics]) {
      expect(folder.text(name)).toBe(whole.folder.text(name));
    }
    expect([...first.seen, ...second.seen]).toEqual(whole.seen);
  });

  it('is continued from its last checkpoint when the device is lost, and does not write a step twice', async () => {
    const config = { steps: 10, learningRate: 0.1, checkpointSteps: 4 };
    const whole = await fakeRun(lines, config);
    const expected = await whole.run.run();
    const losses: number[][] = [];
    const { run, folder } = await fakeRun(lines, config, {
      faults: { loseAt: 7 },
      handlers: { onDeviceLoss: (lostAt, from) => losses.push([lostAt, from]) },
    });
    const outcome = await run.run();
    expect(losses).toEqual([[6, 4]]);
    expect(outcome.counters.deviceLosses).toEqual([{ step: 6, resumedFrom: 4 }]);
    expect(steps(folder)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(outcome.adapter!.adapter.pairs).toEqual(expected.adapter!.adapter.pairs);
  });

  it('keeps the adapter of every checkpoint when asked, as a PEFT folder of its own', async () => {
    const config = { steps: 10, learningRate: 0.1, checkpointSteps: 4 };
    const names = ['checkpoint-4', 'checkpoint-8', 'checkpoint-10'];
    const { run, folder } = await fakeRun(lines, { ...config, keepCheckpoints: true });
    const outcome = await run.run();
    const weights = 'adapter_model.safetensors';
    const kept = [...folder.files.keys()].filter((name) => name.includes('/'));
    expect(kept.sort()).toEqual(
      names.flatMap((name) => [`${name}/adapter_config.json`, `${name}/${weights}`]).sort(),
    );
    const last = peftFiles(outcome.adapter!.adapter, { baseModel: 'fake', expertCount: null, layerCount: 1 });
    expect(folder.files.get(`checkpoint-10/${weights}`)).toEqual(last[weights]);
    expect(folder.files.get(`checkpoint-4/${weights}`)).not.toEqual(last[weights]);
    const without = await fakeRun(lines, config);
    await without.run.run();
    expect([...without.folder.files.keys()].some((name) => name.includes('/'))).toBe(false);
  });

  it('gives up when the device is lost again and again', async () => {
    const { run } = await fakeRun(lines, { steps: 2 }, { faults: { loseAlways: true } });
    await expect(run.run()).rejects.toThrow(GpuDeviceLostError);
  });

  it('stops at a step that is not finite, with its evidence and the state before it', async () => {
    const { run, folder } = await fakeRun(lines, { steps: 9, epochs: null }, { faults: { notFiniteAt: 4 } });
    const outcome = await run.run();
    expect(outcome.end).toBe('not-finite');
    expect(outcome.notFinite).toMatchObject({ step: 4, loss: null, gradNorm: 1 });
    expect(outcome.notFinite!.examples).toHaveLength(1);
    expect(outcome.notFinite!.lastLosses).toHaveLength(3);
    expect(steps(folder)).toEqual([1, 2, 3]);
    expect(outcome.adapter?.step).toBe(3);
  });

  it('measures held-out loss, keeps the best, and stops early when it no longer falls', async () => {
    const points: [number, boolean][] = [];
    const { run } = await fakeRun(
      lines,
      { steps: 20, epochs: null, evalShare: 0.2, evalSteps: 2, earlyStopPatience: 2, learningRate: 0.1 },
      {
        faults: { heldOut: [5, 4, 3, 3.5, 3.2, 1] },
        handlers: { onHeldOut: ({ loss }, isBest) => points.push([Number(loss.toFixed(6)), isBest]) },
      },
    );
    const outcome = await run.run();
    expect(points).toEqual([[5, true], [4, true], [3, true], [3.5, false], [3.2, false]]); // prettier-ignore
    expect([outcome.end, outcome.counters.step]).toEqual(['early-stop', 8]);
    expect(outcome.adapter?.step).toBe(4);
  });

  it('waits while paused, with what it has saved', async () => {
    const phases: string[] = [];
    const saved: number[] = [];
    const { run, folder } = await fakeRun(lines, { steps: 6, epochs: null }, {
      handlers: {
        onStep: ({ step }) => step === 2 && run.pause(),
        onCheckpoint: (step) => saved.push(step),
        onPhase: (phase) => {
          phases.push(phase);
          if (phase === 'saving' && run.isPaused) setTimeout(() => run.resume(), 5);
        },
      },
    }); // prettier-ignore
    expect((await run.run()).counters.step).toBe(6);
    expect(saved[0]).toBe(2);
    // What is shown while it waits.
    expect(phases[phases.indexOf('saving') + 1]).toBe('paused');
    expect(steps(folder)).toHaveLength(6);
  });

  it('refuses the checkpoint of another run', async () => {
    const { run, folder } = await fakeRun(lines, { steps: 2, epochs: null });
    await run.run();
    const other = await fakeRun(lines, { steps: 4, epochs: null }, { folder, identity: 'another run' });
    await expect(other.run.run()).rejects.toThrow(/checkpoint is of another run/);
  });

  it('refuses a checkpoint of another chat template; one that does not say its template is taken', async () => {
    const { run, folder } = await fakeRun(lines, { steps: 2 }, { templateSha256: 'a' });
    await run.run();
    const other = await fakeRun(lines, { steps: 4 }, { folder, templateSha256: 'b' });
    await expect(other.run.run()).rejects.toThrow(/another chat template.*expected sha256 a; found sha256 b/);
    const older = await fakeRun(lines, { steps: 2 });
    await older.run.run();
    const next = await fakeRun(lines, { steps: 4 }, { folder: older.folder, templateSha256: 'b' });
    expect((await next.run.run()).counters.step).toBe(4);
  });

  it('goes on with the kernels it began with, where others have been found faster since', async () => {
    const faster: AdapterChoices = {
      ...fakeKernels,
      choices: { ...fakeKernels.choices, matmul: 'shared' },
    };
    const first = await fakeRun(lines, { steps: 4 }, { faults: { loseAt: 3 } });
    await first.run.run();
    // Before any checkpoint a lost device is replaced by one with the same kernels too.
    expect(first.asked).toEqual([null, fakeKernels]);
    const second = await fakeRun(lines, { steps: 6 }, { folder: first.folder, kernels: faster });
    const { counters } = await second.run.run();
    expect(second.asked).toEqual([fakeKernels]);
    expect(counters.kernels).toEqual(fakeKernels);
    // Nothing is asked for where there is nothing to go on from.
    const other = await fakeRun(lines, { steps: 2 }, { kernels: faster });
    expect((await other.run.run()).counters.kernels).toEqual(faster);
    expect(other.asked).toEqual([null]);
  });

  it('reads metrics of versions that kept fewer numbers', async () => {
    const folder = new MemoryRunFolder();
    await folder.append(runFileNames.metrics, '{"step":1,"loss":2,"auxLoss":1.5}\n');
    expect(await readMetrics(folder)).toEqual([
      { step: 1, loss: 2, auxLoss: 1.5, zLoss: null, loadImbalance: null, effectiveExperts: null },
    ]);
  });
});

describe('the load of the experts', () => {
  it('is summed up as how many are used and how much the busiest gets', () => {
    const balanced = Float32Array.of(3, 3, 3, 3);
    const collapsed = Float32Array.of(0, 12, 0, 0);
    const expectSummary = (layers: Float32Array[], loadImbalance: number, effectiveExperts: number) => {
      const summary = summariseLoad(layers);
      expect(summary?.loadImbalance).toBeCloseTo(loadImbalance, 10);
      expect(summary?.effectiveExperts).toBeCloseTo(effectiveExperts, 10);
    };
    expectSummary([balanced], 1, 4);
    expectSummary([collapsed], 4, 1);
    // Layers count alike.
    expectSummary([balanced, collapsed], 2.5, 2.5);
    expect(summariseLoad([new Float32Array(4)])).toBeNull();
  });
});
