import { describe, expect, it } from 'vitest';
import type { EngineDevice } from '../../../src/gpu/device.ts';
import { convertRows, type SourceType } from '../../../src/gpu/kernels/convert.ts';
import { embedTokens } from '../../../src/gpu/kernels/embedding.ts';
import { rmsNorm } from '../../../src/gpu/kernels/rmsNorm.ts';
import { createWeight, destroyWeight, weightTypes } from '../../../src/gpu/tensors.ts';
import { engineModes, gpuSkipReason, hasGpu, testEngine } from '../../helpers/gpu.ts';
import { Harness } from '../harness.ts';
import { fromHalf, randomMatrix, relativeError, toHalf, tolerance } from '../reference/numbers.ts';
import { packWeight } from '../reference/weights.ts';

/** A matrix as a checkpoint file holds it, and the values that survive. */
function sourceOf(
  type: SourceType,
  values: Float64Array,
): { bytes: Uint8Array<ArrayBuffer>; kept: Float64Array } {
  const padded = new Uint8Array(Math.ceil((values.length * (type === 'f32' ? 4 : 2)) / 4) * 4);
  const view = new DataView(padded.buffer);
  const kept = values.map((value, i) => {
    if (type === 'f32') {
      view.setFloat32(i * 4, value, true);
      return Math.fround(value);
    }
    if (type === 'f16') {
      view.setUint16(i * 2, toHalf(value), true);
      return fromHalf(toHalf(value));
    }
    // bf16: the upper half of an f32
    const scratch = new DataView(new ArrayBuffer(4));
    scratch.setFloat32(0, value);
    const upper = scratch.getUint16(0);
    view.setUint16(i * 2, upper, true);
    scratch.setUint16(2, 0);
    return scratch.getFloat32(0);
  });
  return { bytes: padded, kept };
}

describe.skipIf(!hasGpu)(hasGpu ? 'row kernels' : `row kernels (${gpuSkipReason})`, () => {
  for (const mode of engineModes) {
    it(`rmsNorm agrees with f64: ${mode.name}`, async () => {
      const engine = (await testEngine(mode.options)) as EngineDevice;
      const h = new Harness(engine);
      for (const threads of [1, 16, 128]) {
        engine.choices = { ...engine.choices, rowThreads: threads };
        for (const [rows, cols] of [
          [1, 3],
          [3, 65],
          [17, 1000],
        ] as const) {
          const x = randomMatrix('x', rows, cols);
          const weight = randomMatrix('w', 1, cols);
          const expected = x.data.map((value, i) => {
            const row = x.data.subarray(Math.floor(i / cols) * cols, (Math.floor(i / cols) + 1) * cols);
            const mean = row.reduce((total, one) => total + one * one, 0) / cols;
            return (value / Math.sqrt(mean + 1e-6)) * weight.data[i % cols]!;
          });
          const out = h.emptyRows(rows, cols);
          rmsNorm(h.recorder, { x: h.rows(x), weight: h.floats(weight.data), eps: 1e-6, out });
          expect(relativeError(await h.read(out), expected)).toBeLessThan(tolerance('f32', cols));
        }
      }
      h.dispose();
    });

    it(`embedTokens gathers from tables in several parts; unknown ids give zeros: ${mode.name}`, async () => {
      const engine = (await testEngine(mode.options)) as EngineDevice;
      const h = new Harness(engine);
      const table = randomMatrix('table', 127, 65);
      const tokens = [126, 0, 63, 64, 5, 5, 127, 4_000_000_000];
      for (const type of weightTypes) {
        const { weight, values } = h.weight(type, table, 4096);
        expect(weight.parts.length).toBeGreaterThan(1);
        const out = h.emptyRows(tokens.length, 65);
        embedTokens(h.recorder, { tokens: h.uints(tokens), table: weight, out });
        const expected = tokens.flatMap((token) =>
          Array.from({ length: 65 }, (_, c) => (token < 127 ? values.data[token * 65 + c]! : 0)),
        );
        // int8 and int4: one multiplication, which the GPU rounds to f32.
        expect(relativeError(await h.read(out), expected)).toBeLessThan(tolerance('f32', 1));
      }
      h.dispose();
    });

    it(`convertRows gives the bytes of the reference packing: ${mode.name}`, async () => {
      const engine = (await testEngine(mode.options)) as EngineDevice;
      const h = new Harness(engine);
      for (const [sourceType, rows, cols, limit] of [
        ['f32', 7, 65, 1200],
        ['f16', 12, 64, 1 << 20],
        ['bf16', 33, 96, 4096],
        ['bf16', 3, 1, 1 << 20],
      ] as const) {
        const matrix = randomMatrix(`c${rows}`, rows, cols);
        const { bytes, kept } = sourceOf(sourceType, matrix.data);
        const source = h.bytes('source', bytes);
        for (const type of weightTypes) {
          const target = createWeight(engine.buffers, 'test/target', type, rows, cols, limit);
          // In two calls, the second from the middle of the source.
          const half = Math.floor(rows / 4) * 2;
          if (half > 0) convertRows(h.recorder, { source, sourceType, rows: half, target, firstRow: 0 });
          convertRows(h.recorder, {
            source,
            sourceType,
            sourceFirst: half * cols,
            rows: rows - half,
            target,
            firstRow: half,
          });
          for (const part of target.parts) {
            const expected = packWeight(type, { rows, cols, data: kept }, part.firstRow, part.rows);
            const data = await h.recorder.readUints(part.data);
            if (type === 'f32' || type === 'f16') {
              expect(data.subarray(0, expected.data.length)).toEqual(expected.data);
              continue;
            }
            // A quotient that lies between two steps may be rounded either way by 1/scale's last bit.
            const got = new Uint8Array(data.buffer, 0, expected.data.byteLength);
            const want = new Uint8Array(expected.data.buffer);
            const different = got.filter((byte, i) => byte !== want[i]).length;
            expect(different / got.length, `${type} from ${sourceType}`).toBeLessThan(0.02);
            const scales = await h.recorder.readUints(part.scales!);
            expect(scales.subarray(0, expected.scales.length)).toEqual(expected.scales);
          }
          destroyWeight(engine.buffers, target);
        }
      }
      h.dispose();
    });
  }
});
