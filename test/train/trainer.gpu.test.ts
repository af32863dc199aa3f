import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CancelledError } from '../../src/core/errors.ts';
import { Rng } from '../../src/core/rng.ts';
import { ModelSession } from '../../src/model/session.ts';
import { peftFiles, peftSha256 } from '../../src/train/peft.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { LoraOptions, TrainingRow } from '../../src/train/types.ts';
import { fixtureCheckpoint, smallLoad } from '../helpers/engine.ts';
import { engineModes, gpuSkipReason, hasGpu, testEngine } from '../helpers/gpu.ts';
import { maxAbsDifference } from '../helpers/reference.ts';
import {
  fixtureOptions,
  fixtureTrainer,
  normError,
  referenceRow,
  referenceState,
  trainingReference,
  type TrainerChanges,
} from '../helpers/training.ts';
import { describeTraining } from './trainingCases.ts';

/** Tokens of the tiny vocabulary, some supervised; `documentStarts` packs them. */
function randomRow(seed: string, tokens: number, documentStarts: readonly number[] = [0]): TrainingRow {
  const rng = new Rng(seed);
  const ids = Uint32Array.from({ length: tokens }, () => rng.below(311));
  const labels = Int32Array.from(ids, (_, t) => {
    const isLast = t + 1 === tokens || documentStarts.includes(t + 1);
    return !isLast && rng.next() < 0.4 ? ids[t + 1]! : -100;
  });
  return { ids, labels, documentStarts };
}

/** Documents of a packed row as rows of their own. */
function separated({ ids, labels, documentStarts }: TrainingRow): TrainingRow[] {
  return documentStarts.map((start, i) => {
    const end = documentStarts[i + 1] ?? ids.length;
    return { ids: ids.slice(start, end), labels: labels.slice(start, end), documentStarts: [0] };
  });
}

/** Every gradient of one step from the same initial adapters, B drawn at random so that A learns too. */
async function gradientsOf(
  trainer: Trainer,
  batches: readonly (readonly TrainingRow[])[],
): Promise<Map<string, Float32Array>> {
  const state = await trainer.state();
  const rng = new Rng('b');
  for (const { loraB } of state.tensors.values()) {
    for (let i = 0; i < loraB.length; i++) loraB[i] = rng.normal() * 0.05;
  }
  trainer.restore(state);
  const report = await trainer.step(batches, 0);
  expect(report.finite).toBe(true);
  const found = new Map<string, Float32Array>();
  for (const [path, { a, b }] of await trainer.gradients()) found.set(`${path} A`, a).set(`${path} B`, b);
  return found;
}

function expectClose(
  actual: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, Float32Array>,
  limit: number,
): void {
  for (const [name, values] of expected) {
    expect(normError(actual.get(name)!, values), name).toBeLessThanOrEqual(limit);
  }
}

/** What PyTorch computed from the exported folder (test/reference/make_export_fixtures.py). */
interface Exported {
  readonly sha256: string;
  readonly config: string;
  readonly ids: number[];
  readonly labels: number[];
  readonly lossSum: number;
  readonly lastLogits: number[];
}

const exportedVariants: Record<string, Partial<LoraOptions>> = {
  rslora: { expertRank: 2, useRslora: true },
  shared: { sharedExpertAdapter: true, trainRouter: true },
  'some-layers': { targets: ['layers.1.*.v_proj', 'layers.2.mlp.experts.*', 'layers.2.*.q_proj'] },
};
const exportedPath = resolve(import.meta.dirname, '../fixtures/peft/exported.json');
/** A folder to write the adapters to, for PyTorch to read. */
const writeTo = process.env['ACC_EXPORT_TO'];

const everything: TrainerChanges = {
  maxLength: 192,
  mlpChunkTokens: 64,
  lora: { trainRouter: true, auxLossCoef: 0.1, dropout: 0.25 },
};

describe.skipIf(!hasGpu)(hasGpu ? 'trainer' : `trainer (${gpuSkipReason})`, { timeout: 600_000 }, () => {
  for (const mode of engineModes) {
    for (const variant of ['dense', 'dense-sliding', 'moe', 'moe-packed', 'moe-router']) {
      it(`gradients of every adapter are PyTorch's: ${variant}, ${mode.name}`, async () => {
        const reference = await trainingReference<{
          loss: number;
          overrides: Record<string, unknown>;
          trainRouter: boolean;
          auxLossCoef: number;
          auxLoss: number;
        }>(`train-${variant}`);
        const engine = (await testEngine(mode.options))!;
        const { model, overrides, trainRouter, auxLossCoef } = reference;
        const trainer = await fixtureTrainer(
          engine,
          model,
          { lora: { trainRouter, auxLossCoef } },
          overrides,
        );
        trainer.restore(referenceState(reference, ''));
        const report = await trainer.step([[referenceRow(reference)]], 0);
        expect(report.finite).toBe(true);
        expect(Math.abs(report.loss - reference.loss)).toBeLessThan(1e-5);
        if (report.auxLoss !== null) {
          expect(Math.abs(report.auxLoss - reference.auxLoss)).toBeLessThan(1e-5);
        }
        const bad: string[] = [];
        for (const [path, pair] of await trainer.gradients()) {
          for (const [part, gradient] of Object.entries(pair)) {
            const { data } = reference.tensors.get(`grad.${path}.lora_${part.toUpperCase()}.weight`)!;
            const error = normError(gradient, data);
            if (!(error <= 1e-4)) bad.push(`${path} ${part}: ${error.toExponential(1)}`);
          }
        }
        expect(bad).toEqual([]);
        trainer.destroy();
      });
    }

    for (const variant of ['dense', 'moe']) {
      // Steps are slow on software adapters: the second mode, whose gradients are checked above, takes fewer.
      const steps = mode === engineModes[0] ? 50 : 15;
      it(`losses and norms of ${steps} steps are PyTorch's: ${variant}, ${mode.name}`, async () => {
        const reference = await trainingReference<{
          model: string;
          learningRate: number;
          warmupSteps: number;
          weightDecay: number;
          maxGradNorm: number;
          losses: number[];
          gradNorms: number[];
        }>(`curve-${variant}`);
        const engine = (await testEngine(mode.options))!;
        const trainer = await fixtureTrainer(engine, reference.model, {
          weightDecay: reference.weightDecay,
          maxGradNorm: reference.maxGradNorm,
        });
        trainer.restore(referenceState(reference, 'start.'));
        for (const [step, loss] of reference.losses.slice(0, steps).entries()) {
          const rate = reference.learningRate * Math.min(1, (step + 1) / reference.warmupSteps);
          const report = await trainer.step([[referenceRow(reference, `.${step % 4}`)]], rate);
          expect(Math.abs(report.loss - loss), `loss of step ${step}`).toBeLessThan(1e-3);
          const norm = reference.gradNorms[step]!;
          expect(Math.abs(report.gradNorm / norm - 1), `norm of step ${step}`).toBeLessThan(1e-2);
        }
        trainer.destroy();
      });
    }
  }

  it('computes layers again to the same bytes, on any number of chunks, and runs repeat', async () => {
    const row = randomRow('checkpoint', 170, [0, 70, 75]);
    const engine = (await testEngine())!;
    const results: Map<string, Float32Array>[] = [];
    for (const checkpointing of [true, false, true]) {
      const trainer = await fixtureTrainer(engine, 'tiny-moe', { ...everything, checkpointing });
      results.push(await gradientsOf(trainer, [[row]]));
      trainer.destroy();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[2]).toEqual(results[0]);
    const whole = await fixtureTrainer(engine, 'tiny-moe', {
      ...everything,
      mlpChunkTokens: 192,
      lora: { ...everything.lora, dropout: 0 },
    });
    const parts = await fixtureTrainer(engine, 'tiny-moe', {
      ...everything,
      lora: { ...everything.lora, dropout: 0 },
    });
    expectClose(await gradientsOf(parts, [[row]]), await gradientsOf(whole, [[row]]), 1e-5);
    whole.destroy();
    parts.destroy();
  });

  it('learns from packed documents as from separate ones, and from any division of a window alike', async () => {
    const row = randomRow('packed', 120, [0, 50, 57]);
    const engine = (await testEngine())!;
    const trainer = await fixtureTrainer(engine, 'tiny-moe', { maxLength: 128 });
    const packed = await gradientsOf(trainer, [[row]]);
    const apart = separated(row);
    const together = await gradientsOf(trainer, [apart]);
    expectClose(together, packed, 1e-5);
    expect(
      await gradientsOf(
        trainer,
        apart.map((one) => [one]),
      ),
    ).toEqual(together);
    // The window's gradient is that of its rows weighted by their supervised tokens.
    const count = (one: TrainingRow): number => one.labels.filter((label) => label >= 0).length;
    const total = apart.reduce((sum, one) => sum + count(one), 0);
    const summed = new Map<string, Float32Array>();
    for (const one of apart) {
      for (const [name, values] of await gradientsOf(trainer, [[one]])) {
        const sum = summed.get(name) ?? new Float32Array(values.length);
        summed.set(
          name,
          sum.map((value, i) => value + (values[i]! * count(one)) / total),
        );
      }
    }
    expectClose(summed, packed, 1e-5);
    trainer.destroy();
  });

  it('repeats a run byte for byte, also from a saved state, with one readback and no new buffer a step', async () => {
    const rows = [randomRow('a', 30), randomRow('b', 70, [0, 40])];
    const engine = (await testEngine())!;
    const run = async (steps: number, saved: Awaited<ReturnType<Trainer['state']>> | null = null) => {
      const trainer = await fixtureTrainer(engine, 'tiny-moe', everything);
      if (saved) trainer.restore(saved);
      for (let step = 0; step < steps; step++) {
        const { counters, finite } = await trainer.step([rows], 1e-2);
        expect(finite).toBe(true);
        expect(counters.readbacks).toBe(1);
        if (step > 0) expect(counters.buffersCreated).toBe(0);
      }
      const state = await trainer.state();
      trainer.destroy();
      return state;
    };
    const whole = await run(4);
    expect(await run(4)).toEqual(whole);
    expect(await run(2, await run(2))).toEqual(whole);
  });

  it('stops within a row, with nothing changed, and then steps to the bytes of one that was never stopped', async () => {
    const engine = (await testEngine())!;
    const row = randomRow('stop', 170, [0, 70]);
    const undisturbed = await fixtureTrainer(engine, 'tiny-moe', everything);
    await undisturbed.step([[row]], 1e-2);
    const expected = await undisturbed.state();
    undisturbed.destroy();
    // Each submit is so short that a row takes many: what a row of a long context does with any budget.
    const { submitBudgetMs } = engine;
    Object.assign(engine, { submitBudgetMs: 0.5 });
    try {
      const trainer = await fixtureTrainer(engine, 'tiny-moe', everything);
      const before = await trainer.state();
      const { submits } = engine.counters;
      const stop = new AbortController();
      const shares: number[] = [];
      const cancelled = trainer.step([[row]], 1e-2, stop.signal, (share) => {
        shares.push(share);
        stop.abort();
      });
      await expect(cancelled).rejects.toThrow(CancelledError);
      expect(shares[0]).toBeGreaterThan(0);
      expect(await trainer.state()).toEqual(before);
      const untilRead = engine.counters.submits - submits;
      const evaluating = new AbortController();
      const evaluation = trainer.evaluate([row], evaluating.signal);
      evaluating.abort();
      await expect(evaluation).rejects.toThrow(CancelledError);

      const told: number[] = [];
      const { counters } = await trainer.step([[row]], 1e-2, undefined, (share) => told.push(share));
      // What was with the GPU already, and nothing of the rest of the kernel that was being run.
      expect(counters.submits).toBeGreaterThan(100);
      expect(untilRead).toBeLessThan(25);
      expect(told).toEqual([...told].sort((a, b) => a - b));
      expect(counters.readbacks).toBe(1);
      expect(await trainer.state()).toEqual(expected);
      trainer.destroy();
    } finally {
      Object.assign(engine, { submitBudgetMs });
    }
  });

  it('drops inputs of every pair by a mask of its own, each expert’s too', async () => {
    const engine = (await testEngine())!;
    const trainer = await fixtureTrainer(engine, 'tiny-moe', { lora: { dropout: 0.5 } });
    // In the last layer only the second token has gradients: a dropped input is a column of zeros in that of A.
    const row = { ids: Uint32Array.of(5, 17), labels: Int32Array.of(-100, 99), documentStarts: [0] };
    const gradients = await gradientsOf(trainer, [[row]]);
    const masks = [...gradients]
      .filter(
        ([path, values]) => /layers\.2\.\S+(q|o|gate|up)_proj A$/.test(path) && values.some((v) => v !== 0),
      )
      .map(([path, values]) => {
        const width = values.length / 4;
        return {
          path,
          kept: Array.from({ length: width }, (_, i) =>
            [0, 1, 2, 3].some((r) => values[r * width + i] !== 0),
          ),
        };
      });
    // q, o, and gate and up of the token's experts.
    expect(masks.length).toBeGreaterThanOrEqual(6);
    for (const [index, { path, kept }] of masks.entries()) {
      const share = kept.filter(Boolean).length / kept.length;
      expect(share, path).toBeGreaterThan(0.2);
      expect(share, path).toBeLessThan(0.8);
      for (const other of masks.slice(0, index)) {
        const equal = kept.filter((value, i) => value === other.kept[i]).length / kept.length;
        expect(equal, `${path} and ${other.path}`).toBeLessThan(0.85);
      }
    }
    trainer.destroy();
  });

  it('its gradients with dropout are the slope of its loss under the same masks', async () => {
    const engine = (await testEngine())!;
    const trainer = await fixtureTrainer(engine, 'tiny-moe', { lora: { dropout: 0.3, trainRouter: true } });
    const row = randomRow('slope', 40);
    const gradients = await gradientsOf(trainer, [[row]]);
    const start = { ...(await trainer.state()), step: 0 };
    const length = Math.sqrt(
      [...gradients.values()].flatMap((g) => [...g]).reduce((sum, v) => sum + v * v, 0),
    );
    const lossAt = async (distance: number): Promise<number> => {
      const tensors = [...start.tensors].map(([path, pair]) => {
        const moved = (values: Float32Array, part: string) =>
          values.map((value, i) => value + (distance * gradients.get(`${path} ${part}`)![i]!) / length);
        return [path, { ...pair, loraA: moved(pair.loraA, 'A'), loraB: moved(pair.loraB, 'B') }] as const;
      });
      trainer.restore({ step: 0, tensors: new Map(tensors) });
      return (await trainer.step([[row]], 0)).loss;
    };
    // Further out tokens change their experts.
    const slope = ((await lossAt(5e-4)) - (await lossAt(-5e-4))) / 1e-3;
    expect(Math.abs(slope / length - 1)).toBeLessThan(0.01);
    trainer.destroy();
  });

  it('takes what it planned, linear in the length', async () => {
    const engine = (await testEngine())!;
    const checkpoint = await fixtureCheckpoint('tiny-moe');
    for (const [maxLength, rank] of [
      [128, 4],
      [512, 4],
      [128, 64],
    ] as const) {
      const options = fixtureOptions({ maxLength, mlpChunkTokens: 64, lora: { rank } });
      const plan = Trainer.plan(engine, checkpoint, options);
      const before = engine.buffers.allocatedBytes;
      const trainer = await Trainer.create(engine, checkpoint, options);
      await trainer.step([[randomRow('plan', maxLength)]], 1e-3);
      // As for a checkpoint: the adapters come back through a copy.
      await trainer.state();
      const taken = engine.buffers.allocatedBytes - before;
      expect(Math.abs(taken / plan.totalBytes - 1), `${taken} of ${plan.totalBytes}`).toBeLessThan(0.05);
      trainer.destroy();
      expect(engine.buffers.allocatedBytes).toBe(before);
    }
    const bytesPerToken = [2048, 4096, 8192, 16384, 32768].map(
      (maxLength) => Trainer.plan(engine, checkpoint, fixtureOptions({ maxLength })).totalBytes / maxLength,
    );
    // Scratch grows by steps, so no straight line: but a token never costs more in a longer row.
    expect(bytesPerToken).toEqual([...bytesPerToken].sort((a, b) => b - a));
  });

  it('changes nothing in a step whose numbers are not finite, and says so', async () => {
    const engine = (await testEngine())!;
    const trainer = await fixtureTrainer(engine, 'tiny-dense');
    const before = await trainer.state();
    const row = randomRow('nan', 40);
    // A loss beyond what f32 holds.
    const tokenWeights = new Float32Array(40).fill(3e38);
    const overflow = await trainer.step([[{ ...row, tokenWeights }]], 1e-2);
    expect(overflow.finite).toBe(false);
    expect(await trainer.state()).toEqual(before);
    expect((await trainer.step([[row]], 1e-2)).finite).toBe(true);
    expect(trainer.stepsDone).toBe(1);
    await expect(trainer.step([[randomRow('long', 65)]], 1e-2)).rejects.toThrow(/65 tokens/);
    await expect(trainer.step([[{ ...row, labels: new Int32Array(40).fill(-100) }]], 1e-2)).rejects.toThrow(
      /no token to learn from/,
    );
    trainer.destroy();
  });

  for (const [name, lora] of Object.entries(exportedVariants)) {
    it(`PyTorch reads the exported adapter to the same logits: ${name}`, async () => {
      const engine = (await testEngine())!;
      const trainer = await fixtureTrainer(engine, 'tiny-moe', { lora });
      const state = await trainer.state();
      const rng = new Rng(name);
      for (const { loraB } of state.tensors.values()) {
        for (let i = 0; i < loraB.length; i++) loraB[i] = rng.normal() * 0.3;
      }
      trainer.restore(state);
      const adapter = await trainer.adapter();
      const { moe, numHiddenLayers: layerCount } = trainer.checkpoint.config;
      const files = peftFiles(adapter, { baseModel: 'tiny-moe', expertCount: moe!.numExperts, layerCount });
      if (writeTo) {
        const folder = join(writeTo, name);
        mkdirSync(folder, { recursive: true });
        for (const file of ['adapter_config.json', 'adapter_model.safetensors'] as const)
          writeFileSync(join(folder, file), files[file]);
        return;
      }
      const expected = (JSON.parse(readFileSync(exportedPath, 'utf8')) as Record<string, Exported>)[name]!;
      expect(files['adapter_config.json']).toBe(expected.config);
      expect(peftSha256(files)).toBe(expected.sha256);
      const [ids, labels] = [Uint32Array.from(expected.ids), Int32Array.from(expected.labels)];
      const { lossSum } = await trainer.evaluate([{ ids, labels, documentStarts: [0] }]);
      expect(Math.abs(lossSum / expected.lossSum - 1)).toBeLessThan(1e-5);
      const session = await ModelSession.load(engine, trainer.checkpoint, smallLoad, { adapter });
      const logits = await session.allLogits(ids);
      const last = logits.subarray(logits.length - expected.lastLogits.length);
      expect(maxAbsDifference(last, expected.lastLogits)).toBeLessThan(1e-4);
      session.destroy();
      trainer.destroy();
    });
  }
});

describeTraining();
