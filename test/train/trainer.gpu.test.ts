import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/core/rng.ts';
import { Trainer } from '../../src/train/trainer.ts';
import type { TrainingRow } from '../../src/train/types.ts';
import { ModelSession } from '../../src/model/session.ts';
import { engineDevice, fixtureCheckpoint, smallLoad } from '../helpers/engine.ts';
import { engineModes, gpuSkipReason, hasGpu } from '../helpers/gpu.ts';
import {
  fixtureOptions,
  fixtureTrainer,
  normError,
  referenceRow,
  referenceState,
  trainingReference,
  type TrainerChanges,
} from '../helpers/training.ts';

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

const everything: TrainerChanges = {
  maxLength: 192,
  mlpChunkTokens: 64,
  lora: { trainRouter: true, auxLossCoef: 0.1, dropout: 0.25 },
};

describe.skipIf(!hasGpu)(hasGpu ? 'trainer' : `trainer (${gpuSkipReason})`, { timeout: 600_000 }, () => {
  for (const mode of engineModes) {
    for (const variant of ['dense', 'moe']) {
      it(`losses and norms of 50 steps are PyTorch's: ${variant}, ${mode.name}`, async () => {
        const reference = await trainingReference<{
          model: string;
          learningRate: number;
          warmupSteps: number;
          weightDecay: number;
          maxGradNorm: number;
          losses: number[];
          gradNorms: number[];
        }>(`curve-${variant}`);
        const engine = (await engineDevice(mode.options))!;
        const trainer = await fixtureTrainer(engine, reference.model, {
          weightDecay: reference.weightDecay,
          maxGradNorm: reference.maxGradNorm,
        });
        trainer.restore(referenceState(reference, 'start.'));
        for (const [step, loss] of reference.losses.entries()) {
          const rate = reference.learningRate * Math.min(1, (step + 1) / reference.warmupSteps);
          const report = await trainer.step([[referenceRow(reference, `.${step % 4}`)]], rate);
          expect(Math.abs(report.loss - loss), `loss of step ${step}`).toBeLessThan(1e-3);
          const norm = reference.gradNorms[step]!;
          expect(Math.abs(report.gradNorm / norm - 1), `norm of step ${step}`).toBeLessThan(1e-2);
        }
        trainer.destroy();
        engine.destroy();
      });
    }
  }

  it('computes layers again to the same bytes, on any number of chunks, and runs repeat', async () => {
    const row = randomRow('checkpoint', 170, [0, 70, 75]);
    const engine = (await engineDevice())!;
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
    engine.destroy();
  });

  it('learns from packed documents as from separate ones, and from any division of a window alike', async () => {
    const row = randomRow('packed', 120, [0, 50, 57]);
    const engine = (await engineDevice())!;
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
    engine.destroy();
  });

  it('repeats a run byte for byte, also from a saved state, with one readback and no new buffer a step', async () => {
    const rows = [randomRow('a', 60), randomRow('b', 90, [0, 40])];
    const engine = (await engineDevice())!;
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
    const whole = await run(6);
    expect(await run(6)).toEqual(whole);
    expect(await run(3, await run(3))).toEqual(whole);
    engine.destroy();
  });

  it('takes what it planned, linear in the length', async () => {
    const engine = (await engineDevice())!;
    const checkpoint = await fixtureCheckpoint('tiny-moe');
    for (const maxLength of [128, 512]) {
      const options = fixtureOptions({ maxLength, mlpChunkTokens: 64 });
      const plan = Trainer.plan(engine, checkpoint, options);
      const before = engine.buffers.allocatedBytes;
      const trainer = await Trainer.create(engine, checkpoint, options);
      await trainer.step([[randomRow('plan', maxLength)]], 1e-3);
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
    engine.destroy();
  });

  it('changes nothing in a step whose numbers are not finite, and says so', async () => {
    const engine = (await engineDevice())!;
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
    engine.destroy();
  });

  for (const changes of [
    {},
    { expertRank: 2, useRslora: true },
    { sharedExpertAdapter: true, trainRouter: true },
  ]) {
    it(`its adapter, merged, has its loss: ${JSON.stringify(changes)}`, async () => {
      const engine = (await engineDevice())!;
      const trainer = await fixtureTrainer(engine, 'tiny-moe', { lora: changes });
      const row = randomRow('merge', 60);
      let loss = Infinity;
      for (let step = 0; step < 8; step++) ({ loss } = await trainer.step([[row]], 2e-2));
      const own = await trainer.evaluate([row]);
      expect(own.lossSum / own.weightSum).toBeLessThan(loss);
      const session = await ModelSession.load(engine, trainer.checkpoint, smallLoad, {
        adapter: await trainer.adapter(),
      });
      const logits = await session.allLogits(row.ids);
      const vocabulary = session.checkpoint.config.vocabSize;
      let merged = 0;
      row.labels.forEach((label, t) => {
        if (label < 0) return;
        const scores = logits.subarray(t * vocabulary, (t + 1) * vocabulary);
        const most = Math.max(...scores);
        merged += most + Math.log(scores.reduce((sum, s) => sum + Math.exp(s - most), 0)) - scores[label]!;
      });
      expect(Math.abs(merged - own.lossSum) / own.supervisedTokens).toBeLessThan(1e-5);
      session.destroy();
      trainer.destroy();
      engine.destroy();
    });
  }
});
