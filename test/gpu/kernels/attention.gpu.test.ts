import { describe, expect, it } from 'vitest';
import type { EngineDevice } from '../../../src/gpu/device.ts';
import { attention } from '../../../src/gpu/kernels/attention.ts';
import { attentionInput } from '../../../src/gpu/kernels/attentionInput.ts';
import { type KvLayout, type KvType } from '../../../src/gpu/tensors.ts';
import { adapterName, engineModes, gpuSkipReason, hasGpu, testEngine } from '../../helpers/gpu.ts';
import { fill, kept, makePages } from '../cache.ts';
import { Harness, threadsOfHeads, withChoices } from '../harness.ts';
import { attentionInputReference, attentionReference, ropeTable } from '../reference/attention.ts';
import { randomMatrix, relativeError, tolerance } from '../reference/numbers.ts';

interface Shape {
  readonly rows: number;
  readonly firstToken: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Capacities of the cache's pages. */
  readonly pages: readonly number[];
  readonly window?: number;
  readonly segments?: boolean;
  readonly types: readonly KvType[];
}

const shapes: readonly Shape[] = [
  { rows: 1, firstToken: 0, heads: 1, kvHeads: 1, headDim: 16, pages: [8], types: ['f32'] },
  { rows: 17, firstToken: 0, heads: 4, kvHeads: 2, headDim: 32, pages: [64], types: ['f32', 'f16', 'int8'] },
  { rows: 63, firstToken: 2, heads: 3, kvHeads: 1, headDim: 48, pages: [40, 40], types: ['f32'] },
  { rows: 65, firstToken: 0, heads: 4, kvHeads: 4, headDim: 64, pages: [127], window: 17, types: ['f32'] },
  {
    rows: 33,
    firstToken: 31,
    heads: 2,
    kvHeads: 1,
    headDim: 128,
    pages: [16, 16, 64],
    segments: true,
    types: ['f16'],
  },
  { rows: 9, firstToken: 3, heads: 2, kvHeads: 2, headDim: 256, pages: [12], types: ['int8'] },
  {
    rows: 1,
    firstToken: 999,
    heads: 8,
    kvHeads: 2,
    headDim: 32,
    pages: [1000],
    types: ['f32'],
  },
  {
    rows: 1,
    firstToken: 700,
    heads: 6,
    kvHeads: 3,
    headDim: 80,
    pages: [256, 512],
    window: 300,
    types: ['f32'],
  },
  {
    rows: 3,
    firstToken: 126,
    heads: 16,
    kvHeads: 2,
    headDim: 128,
    pages: [64, 64, 1],
    segments: true,
    types: ['int8'],
  },
  { rows: 2, firstToken: 65, heads: 3, kvHeads: 1, headDim: 256, pages: [67], types: ['f16'] },
  {
    rows: 3,
    firstToken: 426,
    heads: 4,
    kvHeads: 2,
    headDim: 64,
    pages: [64, 256, 256],
    window: 190,
    segments: true,
    types: ['f16', 'int8'],
  },
];

/** Runs shapes and compares outputs and log-sum-exps with the materialised reference. */
async function compare(engine: EngineDevice, cases: readonly Shape[]): Promise<void> {
  const h = new Harness(engine);
  for (const shape of cases) {
    const { rows, firstToken, heads, kvHeads, headDim } = shape;
    const tokens = firstToken + rows;
    const q = randomMatrix(`q${tokens}`, rows, heads * headDim);
    const k = randomMatrix(`k${tokens}`, tokens, kvHeads * headDim);
    const v = randomMatrix(`v${tokens}`, tokens, kvHeads * headDim);
    const segmentStarts = shape.segments
      ? Array.from({ length: rows }, (_, t) => Math.floor((firstToken + t) / 20) * 20)
      : undefined;
    for (const type of shape.types) {
      const layout: KvLayout = { type, numKeyValueHeads: kvHeads, headDim };
      const expected = attentionReference({
        q: q.data,
        k: kept(type, k, headDim).data,
        v: kept(type, v, headDim).data,
        rows,
        heads,
        kvHeads,
        headDim,
        firstToken,
        scale: headDim ** -0.5,
        ...(segmentStarts ? { segmentStarts } : {}),
        ...(shape.window ? { window: shape.window } : {}),
      });
      const pages = makePages(h, layout, shape.pages);
      fill(h, layout, pages, heads, k, v);
      const out = h.emptyRows(rows, heads * headDim);
      const logSumExp = h.empty('lse', rows * heads * 4);
      attention(h.recorder, {
        q: h.rows(q),
        numHeads: heads,
        kv: layout,
        pages,
        firstToken,
        scale: headDim ** -0.5,
        segmentStarts: segmentStarts ? h.uints(segmentStarts) : null,
        window: shape.window ?? 0,
        out,
        logSumExp,
      });
      // int8: a value that lies between two steps may go either way on the GPU.
      const limit = tolerance('f32', tokens) * 4 + (type === 'int8' ? 1e-2 : 0);
      const what = `${JSON.stringify(shape)} ${type}`;
      expect(relativeError(await h.read(out), expected.out), what).toBeLessThan(limit);
      const lse = (await h.recorder.readFloats(logSumExp)).subarray(0, rows * heads);
      expect(relativeError(lse, expected.logSumExp), what).toBeLessThan(limit);
    }
    h.dispose();
  }
}

describe.skipIf(!hasGpu)(hasGpu ? 'attention' : `attention (${gpuSkipReason})`, { timeout: 300_000 }, () => {
  for (const mode of engineModes) {
    // llvmpipe compiles this kernel, which is meant for GPUs and never chosen there, for ten seconds and more.
    it(`agrees with f64 in shared-memory tiles: ${mode.name}`, async (context) => {
      if (adapterName === 'lavapipe')
        return context.skip(
          'a kernel for GPUs, never chosen on llvmpipe, which compiles it for over ten seconds',
        );
      const engine = (await testEngine(mode.options)) as EngineDevice;
      const small = shapes.filter(({ rows }) => rows > 4);
      await withChoices(engine, { attention: 'tile' }, () =>
        compare(engine, mode.options.subgroups === false ? small.slice(3) : small.slice(0, 3)),
      );
    });

    // Of long runs (option longRun); without subgroups the kernels are those that SwiftShader is tested with.
    if (adapterName === 'lavapipe' && mode.options.subgroups !== false)
      it(`agrees with f64 in quads and slices, as in long runs on llvmpipe: ${mode.name}`, async () => {
        const engine = (await testEngine({ ...mode.options, longRun: true })) as EngineDevice;
        expect(engine.choices.attention).toBe('quad');
        await compare(
          engine,
          // One type each: every variant takes many seconds to compile.
          shapes
            .filter(({ headDim }) => headDim === 64)
            .map((shape) => ({ ...shape, types: [shape.types[0]!] })),
        );
      });

    it(`agrees with f64, over pages, windows and packed documents: ${mode.name}`, async () => {
      await compare((await testEngine(mode.options)) as EngineDevice, shapes);
    });

    // The same code in both modes, five times over.
    if (mode.options.subgroups !== false) continue;
    it(`norms and rotates q and k and stores them: ${mode.name}`, async () => {
      const engine = (await testEngine(mode.options)) as EngineDevice;
      const h = new Harness(engine);
      for (const [headDim, threads] of threadsOfHeads) {
        const [heads, kvHeads, rows] = headDim === 32 ? [4, 2, 17] : [2, 1, 5];
        const width = (heads + 2 * kvHeads) * headDim;
        const qkv = randomMatrix('qkv', rows, width);
        const norms = randomMatrix('norm', 2, headDim).data;
        const positions = Array.from({ length: rows }, (_, t) => (t * 7) % 11);
        const rope = ropeTable(11, headDim);
        const eps = 1e-6;
        const transform = { heads, kvHeads, headDim, norms, eps, rope, positions };
        const expected = attentionInputReference(qkv.data, transform);
        const layout: KvLayout = { type: 'f32', numKeyValueHeads: kvHeads, headDim };
        for (const headThreads of threads) {
          await withChoices(engine, { headThreads }, async () => {
            // The new tokens start inside the first page and end in the second.
            const pages = makePages(h, layout, [4, 32]);
            const q = h.emptyRows(rows, heads * headDim);
            attentionInput(h.recorder, {
              qkv: h.rows(qkv),
              numHeads: heads,
              kv: layout,
              qNorm: h.floats(norms.subarray(0, headDim)),
              kNorm: h.floats(norms.subarray(headDim)),
              eps,
              rope: h.bytes('rope', rope),
              positions: h.uints(positions),
              pages,
              firstToken: 2,
              q,
            });
            const gotQ = await h.read(q);
            const stored = await Promise.all(pages.map((page) => h.recorder.readFloats(page.range)));
            const kvWidth = kvHeads * headDim;
            for (let t = 0; t < rows; t++) {
              const row = expected.subarray(t * width, (t + 1) * width);
              const token = 2 + t;
              const page = token < 4 ? 0 : 1;
              const at = (page === 0 ? token : token - 4) * kvWidth;
              const valueAt = pages[page]!.capacity * kvWidth + at;
              const got = [
                ...gotQ.subarray(t * heads * headDim, (t + 1) * heads * headDim),
                ...stored[page]!.subarray(at, at + kvWidth),
                ...stored[page]!.subarray(valueAt, valueAt + kvWidth),
              ];
              expect(relativeError(got, row)).toBeLessThan(tolerance('f32', headDim));
            }
          });
        }
        h.dispose();
      }
    });
  }

  it('stores int8 bit for bit alike where threads share a head', async () => {
    const engine = (await testEngine()) as EngineDevice;
    const h = new Harness(engine);
    const [k, v] = [randomMatrix('k', 3, 2 * 128), randomMatrix('v', 3, 2 * 128)];
    const layout: KvLayout = { type: 'int8', numKeyValueHeads: 2, headDim: 128 };
    const caches: Uint32Array[] = [];
    for (const headThreads of [1, 16]) {
      await withChoices(engine, { headThreads }, async () => {
        const pages = makePages(h, layout, [4]);
        fill(h, layout, pages, 3, k, v);
        caches.push(await h.recorder.readUints(pages[0]!.range));
      });
    }
    expect(caches[1]).toEqual(caches[0]);
    h.dispose();
  });

  it('does not see what comes later: changing a later token leaves earlier rows bit-equal', async () => {
    const engine = (await testEngine()) as EngineDevice;
    const h = new Harness(engine);
    const layout: KvLayout = { type: 'f32', numKeyValueHeads: 1, headDim: 32 };
    const q = randomMatrix('q', 40, 64);
    const k = randomMatrix('k', 40, 32);
    const v = randomMatrix('v', 40, 32);
    const run = async (): Promise<Float64Array> => {
      const pages = makePages(h, layout, [64]);
      fill(h, layout, pages, 2, k, v);
      const out = h.emptyRows(40, 64);
      attention(h.recorder, {
        q: h.rows(q),
        numHeads: 2,
        kv: layout,
        pages,
        firstToken: 0,
        scale: 0.2,
        out,
      });
      return h.read(out);
    };
    const before = await run();
    expect(await run()).toEqual(before);
    k.data[39 * 32] = 9;
    const after = await run();
    expect(after.subarray(0, 39 * 64)).toEqual(before.subarray(0, 39 * 64));
    expect(after.subarray(39 * 64)).not.toEqual(before.subarray(39 * 64));
    h.dispose();
  });
});
