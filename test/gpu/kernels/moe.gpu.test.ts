import { describe, expect, it } from 'vitest';
import { Rng } from '../../../src/core/rng.ts';
import type { EngineDevice } from '../../../src/gpu/device.ts';
import { moeExperts, routeTokens } from '../../../src/gpu/kernels/moe.ts';
import type { KernelChoices } from '../../../src/gpu/variants.ts';
import type { WeightType } from '../../../src/gpu/tensors.ts';
import { engineModes, gpuSkipReason, hasGpu, testEngine } from '../../helpers/gpu.ts';
import { Harness } from '../harness.ts';
import {
  matmulReference,
  randomMatrix,
  relativeError,
  tolerance,
  type Matrix,
} from '../reference/numbers.ts';

const silu = (x: number): number => x / (1 + Math.exp(-x));

/** Each token through its own experts, one after the other, in f64. */
function expertsReference(
  x: Matrix,
  gateUp: Matrix,
  down: Matrix,
  indices: readonly number[],
  weights: readonly number[],
  perToken: number,
  width: number,
): Float64Array {
  const out = new Float64Array(x.rows * x.cols);
  for (let pair = 0; pair < indices.length; pair++) {
    const token = Math.floor(pair / perToken);
    const expert = indices[pair]!;
    const row = { rows: 1, cols: x.cols, data: x.data.subarray(token * x.cols, (token + 1) * x.cols) };
    const part = (from: Matrix, rows: number): Matrix => ({
      rows,
      cols: from.cols,
      data: from.data.subarray(expert * rows * from.cols, (expert + 1) * rows * from.cols),
    });
    const products = matmulReference(row, part(gateUp, 2 * width)).data;
    const hidden = products.subarray(0, width).map((gate, i) => silu(gate) * products[width + i]!);
    const y = matmulReference({ rows: 1, cols: width, data: hidden }, part(down, x.cols)).data;
    y.forEach((value, c) => {
      out[token * x.cols + c] = out[token * x.cols + c]! + weights[pair]! * value;
    });
  }
  return out;
}

describe.skipIf(!hasGpu)(
  hasGpu ? 'mixture of experts' : `mixture of experts (${gpuSkipReason})`,
  { timeout: 300_000 },
  () => {
    for (const mode of engineModes) {
      it(`routes: softmax over all, top k, ties to the lowest index: ${mode.name}`, async () => {
        const engine = (await testEngine(mode.options)) as EngineDevice;
        const h = new Harness(engine);
        for (const [rowThreads, tokens, experts, k, normalize] of [
          [1, 1, 3, 1, true],
          [1, 17, 65, 4, true],
          [1, 5, 512, 32, false],
          [16, 3, 128, 8, true],
          [128, 17, 65, 4, false],
        ] as const) {
          engine.choices = { ...engine.choices, rowThreads };
          const x = randomMatrix('x', tokens, 36);
          const router = randomMatrix('router', experts, 36);
          // Expert 2 is a copy of expert 0: equal logits.
          if (experts > 4) router.data.copyWithin(2 * 36, 0, 36);
          const indices = h.empty('indices', tokens * k * 4);
          const weights = h.empty('weights', tokens * k * 4);
          const call = {
            x: h.rows(x),
            router: h.weight('f32', router).weight,
            perToken: k,
            normalize,
            indices,
            weights,
          };
          routeTokens(h.recorder, call);
          const got = await h.recorder.readUints(indices);
          const gotWeights = await h.recorder.readFloats(weights);
          const logits = matmulReference(x, router).data;
          for (let t = 0; t < tokens; t++) {
            const row = [...logits.subarray(t * experts, (t + 1) * experts)];
            const total = row.reduce((sum, logit) => sum + Math.exp(logit), 0);
            const order = row.map((_, e) => e).sort((a, b) => row[b]! - row[a]! || a - b);
            const chosen = order.slice(0, k);
            expect([...got.subarray(t * k, (t + 1) * k)]).toEqual(chosen);
            const mass = chosen.reduce((sum, e) => sum + Math.exp(row[e]!), 0);
            const expected = chosen.map((e) => Math.exp(row[e]!) / (normalize ? mass : total));
            expect(relativeError(gotWeights.subarray(t * k, (t + 1) * k), expected)).toBeLessThan(1e-5);
          }
          // Forced: the same indices reversed give the same weights reversed.
          const forced = h.uints([...got.subarray(0, tokens * k)].reverse());
          const again = h.empty('weights', tokens * k * 4);
          routeTokens(h.recorder, { ...call, indices: forced, weights: again, forced: true });
          if (tokens === 1) {
            expect([...(await h.recorder.readFloats(again))].slice(0, k)).toEqual(
              [...gotWeights.subarray(0, k)].reverse(),
            );
          }
        }
        h.dispose();
      });

      const choices: Partial<KernelChoices>[] = [
        { matmul: mode.options.subgroups === false ? 'register' : 'lanes', matvec: 'thread' },
        { matmul: 'shared', matvec: 'lanes' },
      ];
      for (const choice of choices) {
        it(`runs each token through its experts: ${choice.matmul ?? ''}, ${mode.name}`, async () => {
          const engine = (await testEngine(mode.options)) as EngineDevice;
          engine.choices = { ...engine.choices, ...choice };
          const h = new Harness(engine);
          for (const [tokens, experts, k, width, hidden, type, partBytes] of [
            [1, 8, 2, 20, 36, 'f32', 0],
            [2, 5, 3, 32, 64, 'int8', 16384],
            [17, 3, 1, 12, 32, 'f32', 0],
            [65, 16, 4, 80, 144, 'f32', 220000],
            [127, 8, 8, 32, 32, 'int4', 0],
          ] as [number, number, number, number, number, WeightType, number][]) {
            const rng = new Rng(tokens);
            const x = randomMatrix('x', tokens, hidden);
            const gateUp = randomMatrix('gateUp', experts * 2 * width, hidden, 0.3);
            const down = randomMatrix('down', experts * hidden, width, 0.3);
            const indices = Array.from({ length: tokens }, () => {
              // Some experts get no token: draw from all but the last.
              const pool = rng.shuffle(Array.from({ length: experts }, (_, e) => e));
              return pool.filter((e) => e < experts - 1 || k === experts).slice(0, k);
            }).flat();
            const weights = indices.map(() => Math.fround(rng.next()));
            const residual = randomMatrix('residual', tokens, hidden);
            const limit = partBytes || engine.maxBindingBytes;
            const gpuGateUp = h.weight(type, gateUp, limit, 2 * width);
            const gpuDown = h.weight(type, down, limit, hidden);
            if (partBytes) expect(gpuGateUp.weight.parts.length).toBeGreaterThan(1);
            const out = h.emptyRows(tokens, hidden);
            moeExperts(h.recorder, {
              x: h.rows(x),
              indices: h.uints(indices),
              weights: h.floats(weights),
              perToken: k,
              gateUp: { weight: gpuGateUp.weight, experts },
              down: { weight: gpuDown.weight, experts },
              out,
              residual: h.rows(residual),
            });
            const expected = expertsReference(
              x,
              gpuGateUp.values,
              gpuDown.values,
              indices,
              weights,
              k,
              width,
            ).map((value, i) => value + residual.data[i]!);
            const what = `${tokens} tokens, ${experts} experts, ${type}`;
            expect(relativeError(await h.read(out), expected), what).toBeLessThan(
              tolerance('f32', hidden * 2),
            );
          }
          h.dispose();
        });
      }
    }
  },
);
