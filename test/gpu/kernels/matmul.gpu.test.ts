import { describe, expect, it } from 'vitest';
import type { EngineDevice } from '../../../src/gpu/device.ts';
import { gatedMatmul, matmul } from '../../../src/gpu/kernels/matmul.ts';
import { swiglu } from '../../../src/gpu/kernels/swiglu.ts';
import { weightTypes, type WeightType } from '../../../src/gpu/tensors.ts';
import type { KernelChoices } from '../../../src/gpu/variants.ts';
import { engineModes, gpuSkipReason, hasGpu, testEngine } from '../../helpers/gpu.ts';
import { Harness } from '../harness.ts';
import { matmulReference, randomMatrix, relativeError, tolerance } from '../reference/numbers.ts';

/** Rows, columns, reduction length: awkward sizes around the tiles of every variant. */
const shapes = [
  [1, 1, 1],
  [1, 65, 127],
  [3, 17, 63],
  [8, 1000, 64],
  [17, 63, 65],
  [63, 127, 17],
  [65, 64, 1000],
  [127, 3, 64],
] as const;

const silu = (x: number): number => x / (1 + Math.exp(-x));

describe.skipIf(!hasGpu)(hasGpu ? 'matmul' : `matmul (${gpuSkipReason})`, { timeout: 300_000 }, () => {
  for (const mode of engineModes) {
    const variants: Partial<KernelChoices>[] = [
      { matmul: 'register', matvec: 'thread' },
      { matmul: 'shared', matvec: 'lanes' },
      ...(mode.options.subgroups === false ? [] : [{ matmul: 'lanes' as const }]),
    ];
    for (const choice of variants) {
      // Each variant meets every type, in one mode or the other: compiling takes most of the time.
      const plain = mode.options.subgroups === false;
      const types: readonly WeightType[] =
        choice.matmul === 'lanes' ? weightTypes : plain ? ['f16', 'int8'] : ['f32', 'int4'];
      it(`agrees with f64 in weights of ${types.join(', ')}: ${choice.matmul ?? ''}, ${mode.name}`, async () => {
        const engine = (await testEngine(mode.options)) as EngineDevice;
        engine.choices = { ...engine.choices, ...choice };
        const h = new Harness(engine);
        for (const [rows, cols, k] of shapes) {
          const x = randomMatrix(`x${rows}`, rows, k);
          const w = randomMatrix(`w${cols}`, cols, k, 0.5);
          const input = h.rows(x);
          for (const type of types) {
            const { weight, values } = h.weight(type, w);
            const out = h.emptyRows(rows, cols);
            matmul(h.recorder, { x: input, weight, out });
            const error = relativeError(await h.read(out), matmulReference(x, values).data);
            expect(error, `${rows}×${cols}×${k} ${type}`).toBeLessThan(tolerance('f32', k));
          }
        }
        h.dispose();
      });
    }

    it(`adds bias and residual, with weights in several parts: ${mode.name}`, async () => {
      const engine = (await testEngine(mode.options)) as EngineDevice;
      const h = new Harness(engine);
      for (const rows of [1, 3, 33]) {
        const x = randomMatrix('x', rows, 96);
        const w = randomMatrix('w', 100, 96);
        const bias = randomMatrix('b', 1, 100);
        const residual = randomMatrix('r', rows, 100);
        for (const type of ['f32', 'int8'] as const) {
          const { weight, values } = h.weight(type, w, 4096);
          expect(weight.parts.length).toBeGreaterThan(2);
          const out = h.emptyRows(rows, 100);
          matmul(h.recorder, {
            x: h.rows(x),
            weight,
            out,
            bias: h.floats(bias.data),
            residual: h.rows(residual),
          });
          const expected = matmulReference(x, values).data.map(
            (value, i) => value + bias.data[i % 100]! + residual.data[i]!,
          );
          expect(relativeError(await h.read(out), expected)).toBeLessThan(tolerance('f32', 96));
        }
      }
      h.dispose();
    });

    it(`gates: silu(x·gate)·(x·up), and swiglu alone: ${mode.name}`, async () => {
      const engine = (await testEngine(mode.options)) as EngineDevice;
      const h = new Harness(engine);
      for (const rows of [1, 17]) {
        const x = randomMatrix('x', rows, 64);
        const w = randomMatrix('w', 2 * 52, 64, 0.2);
        const out = h.emptyRows(rows, 52);
        const products = matmulReference(x, w).data;
        const expected = new Float64Array(rows * 52).map((_, i) => {
          const [row, col] = [Math.floor(i / 52), i % 52];
          return silu(products[row * 104 + col]!) * products[row * 104 + 52 + col]!;
        });
        gatedMatmul(h.recorder, { x: h.rows(x), weight: h.weight('f32', w).weight, out });
        expect(relativeError(await h.read(out), expected)).toBeLessThan(tolerance('f32', 64));
        const alone = h.emptyRows(rows, 52);
        swiglu(h.recorder, { gateUp: h.rows({ rows, cols: 104, data: products }), out: alone });
        expect(relativeError(await h.read(alone), expected)).toBeLessThan(tolerance('f32', 1));
      }
      h.dispose();
    });
  }

  it('multiplies in f16 within the error of halves where that is allowed, with weights that are no f32', async (context) => {
    const engine = (await testEngine()) as EngineDevice;
    if (!engine.features.f16) return context.skip('this adapter has no shader-f16');
    const usual = engine.choices;
    engine.choices = { ...usual, matmul: 'shared', sharedTiles: 'f16' };
    const h = new Harness(engine);
    for (const [rows, cols, k] of [...shapes, [64, 64, 64], [65, 129, 1000]] as const) {
      if (rows < 40) continue;
      const x = randomMatrix(`x${rows}`, rows, k);
      const input = h.rows(x);
      for (const type of weightTypes) {
        const { weight, values } = h.weight(type, randomMatrix(`w${cols}`, cols, k, 0.5));
        const out = h.emptyRows(rows, cols);
        matmul(h.recorder, { x: input, weight, out, allowHalf: true });
        const error = relativeError(await h.read(out), matmulReference(x, values).data);
        expect(error, `${rows}×${cols}×${k} ${type}`).toBeLessThan(
          tolerance(type === 'f32' ? 'f32' : 'f16', k),
        );
        if (type !== 'f32') expect(error, 'is computed in halves').toBeGreaterThan(1e-5);
      }
    }
    engine.choices = usual;
    h.dispose();
  });

  it('gives the same bits in every run', async () => {
    const engine = (await testEngine()) as EngineDevice;
    const h = new Harness(engine);
    const x = h.rows(randomMatrix('x', 65, 127));
    const { weight } = h.weight('f32', randomMatrix('w', 63, 127));
    const out = h.emptyRows(65, 63);
    matmul(h.recorder, { x, weight, out });
    const first = await h.read(out);
    matmul(h.recorder, { x, weight, out });
    expect(await h.read(out)).toEqual(first);
    h.dispose();
  });
});
