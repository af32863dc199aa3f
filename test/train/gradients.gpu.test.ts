import { describe, expect, it } from 'vitest';
import { engineDevice } from '../helpers/engine.ts';
import { engineModes, gpuSkipReason, hasGpu } from '../helpers/gpu.ts';
import {
  fixtureTrainer,
  normError,
  referenceRow,
  referenceState,
  trainingReference,
} from '../helpers/training.ts';

describe.skipIf(!hasGpu)(hasGpu ? 'gradients' : `gradients (${gpuSkipReason})`, { timeout: 300_000 }, () => {
  for (const mode of engineModes) {
    for (const variant of ['dense', 'dense-sliding', 'moe', 'moe-packed', 'moe-router']) {
      it(`of every adapter are PyTorch's: ${variant}, ${mode.name}`, async () => {
        const reference = await trainingReference<{
          loss: number;
          overrides: Record<string, unknown>;
          trainRouter: boolean;
          auxLossCoef: number;
          auxLoss: number;
        }>(`train-${variant}`);
        const engine = (await engineDevice(mode.options))!;
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
        engine.destroy();
      });
    }
  }
});
