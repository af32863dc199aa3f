import { describe, expect, it } from 'vitest';
import { Rng } from '../../../src/core/rng.ts';
import type { EngineDevice } from '../../../src/gpu/device.ts';
import { attention } from '../../../src/gpu/kernels/attention.ts';
import { attentionBack, attentionInputBack } from '../../../src/gpu/kernels/attentionBack.ts';
import { crossEntropy } from '../../../src/gpu/kernels/crossEntropy.ts';
import { dropout } from '../../../src/gpu/kernels/dropout.ts';
import { planTiles } from '../../../src/gpu/kernels/matmul.ts';
import { segmentExperts } from '../../../src/gpu/kernels/moe.ts';
import { balanceLoss, routeBack, routerStatistics, swigluBack } from '../../../src/gpu/kernels/moeBack.ts';
import { adamw, decideStep } from '../../../src/gpu/kernels/optimizer.ts';
import { outerSum } from '../../../src/gpu/kernels/outerSum.ts';
import { groupedProduct, product } from '../../../src/gpu/kernels/product.ts';
import { rmsNormBack } from '../../../src/gpu/kernels/rmsNormBack.ts';
import { kvPageSections, weightTypes, type KvPage, type Rows } from '../../../src/gpu/tensors.ts';
import type { KernelChoices } from '../../../src/gpu/variants.ts';
import { adapterName, engineModes, gpuSkipReason, hasGpu, testEngine } from '../../helpers/gpu.ts';
import { Harness, threadsOfHeads, withChoices } from '../harness.ts';
import { attentionInputReference, attentionReference, ropeTable } from '../reference/attention.ts';
import { centralDifferences } from '../reference/differences.ts';
import {
  matmulReference,
  randomMatrix,
  relativeError,
  tolerance,
  type Matrix,
} from '../reference/numbers.ts';

const transpose = ({ rows, cols, data }: Matrix): Matrix => ({
  rows: cols,
  cols: rows,
  data: Float64Array.from({ length: rows * cols }, (_, i) => data[(i % rows) * cols + Math.floor(i / rows)]!),
});

const silu = (x: number): number => x / (1 + Math.exp(-x));

/** Rows [first, first + count) of a matrix. */
const part = ({ cols, data }: Matrix, first: number, count: number): Matrix => ({
  rows: count,
  cols,
  data: data.subarray(first * cols, (first + count) * cols),
});

/** The mode whose code does without subgroups and whose limits are the narrowest. */
const isPlain = ({ options }: (typeof engineModes)[number]): boolean => options.subgroups === false;

/**
 * Ways through attention's gradient; llvmpipe would compile the quads, which only long runs choose there, for many
 * seconds. Tiles know no subgroups: they are the same code in both modes and run in the plain one.
 */
function attentionChoices(
  headDim: number,
  mode: (typeof engineModes)[number],
): readonly KernelChoices['attention'][] {
  const tiles: readonly KernelChoices['attention'][] = isPlain(mode) ? ['tile'] : [];
  if (headDim === 64) return [adapterName === 'lavapipe' ? 'thread' : 'quad'];
  return headDim === 32 && adapterName !== 'lavapipe' ? ['thread', 'quad', ...tiles] : ['thread', ...tiles];
}

const slopes = new Map<string, Float64Array>();
/** The same reference for every mode. */
function once(key: string, make: () => Float64Array): Float64Array {
  const known = slopes.get(key) ?? make();
  slopes.set(key, known);
  return known;
}

/** Algorithms of the products: together the modes meet all, and what is the same code in both is compiled in one. */
function productChoices(mode: (typeof engineModes)[number]): readonly Partial<KernelChoices>[] {
  return isPlain(mode) ? [{ matmul: 'register' }, { matmul: 'shared' }] : [{ matmul: 'lanes' }];
}

describe.skipIf(!hasGpu)(
  hasGpu ? 'backward kernels' : `backward kernels (${gpuSkipReason})`,
  { timeout: 600_000 },
  () => {
    for (const mode of engineModes) {
      const withEngine = (name: string, action: (engine: EngineDevice, h: Harness) => Promise<void>): void =>
        it(`${name}: ${mode.name}`, async () => {
          const engine = (await testEngine(mode.options)) as EngineDevice;
          const h = new Harness(engine);
          await action(engine, h);
          h.dispose();
        });

      withEngine('products read a weight of any type across its rows', async (engine, h) => {
        for (const choices of productChoices(mode)) {
          await withChoices(engine, choices, async () => {
            for (const type of weightTypes) {
              for (const [rows, depth, cols, limit] of [
                [1, 4, 4, 1 << 20],
                [67, 92, 68, 1 << 20],
                [33, 41, 100, 4096],
              ] as const) {
                const x = randomMatrix('x', rows, depth);
                const { weight, values } = h.weight(type, randomMatrix('w', depth, cols), limit);
                const start = randomMatrix('y', rows, cols);
                const out = h.rows(start);
                product(h.recorder, {
                  x: h.rows(x),
                  weight,
                  out,
                  transposed: true,
                  scale: 0.5,
                  accumulate: true,
                });
                const expected = matmulReference(x, transpose(values)).data.map(
                  (value, i) => 0.5 * value + start.data[i]!,
                );
                expect(relativeError(await h.read(out), expected), `${type} ${rows}`).toBeLessThan(
                  4 * tolerance('f32', depth),
                );
              }
            }
          });
        }
      });

      withEngine(
        'products and sums over expert segments agree with one expert at a time',
        async (engine, h) => {
          const [tokens, perToken, experts, depth, cols] = [29, 3, 5, 20, 24];
          const rng = new Rng('experts');
          const indices = Array.from({ length: tokens }, () =>
            rng.shuffle([0, 1, 2, 4]).slice(0, perToken),
          ).flat();
          const pairs = tokens * perToken;
          // Stable sort by expert: what the segments hold.
          const order = indices.map((_, pair) => pair).sort((a, b) => indices[a]! - indices[b]! || a - b);
          const x = randomMatrix('x', tokens, depth);
          const weights = Float32Array.from({ length: pairs }, () => rng.next());
          for (const choices of productChoices(mode)) {
            await withChoices(engine, choices, async () => {
              for (const type of ['f32', 'int4'] as const) {
                for (const shared of [false, true]) {
                  const stacked = shared ? 1 : experts;
                  const { weight, values } = h.weight(
                    type,
                    randomMatrix('w', stacked * depth, cols),
                    1 << 20,
                    depth,
                  );
                  const plan = planTiles(engine, pairs / experts, cols);
                  const segments = segmentExperts(h.recorder, {
                    indices: h.uints(indices),
                    pairs,
                    gateUp: { weight: h.weight('f32', randomMatrix('a', experts * 4, 4)).weight, experts },
                    down: { weight: h.weight('f32', randomMatrix('b', experts * 4, 4)).weight, experts },
                    plan,
                  });
                  const out = h.emptyRows(pairs, cols);
                  groupedProduct(h.recorder, {
                    x: h.rows(x),
                    weight: { weight, experts: stacked },
                    shared,
                    out,
                    transposed: true,
                    segments,
                    plan,
                    perToken,
                    fromTokens: true,
                    toPairs: true,
                  });
                  const expected = new Float64Array(pairs * cols);
                  const sums = new Float64Array(stacked * depth * cols);
                  const q = randomMatrix('q', pairs, cols);
                  indices.forEach((expert, pair) => {
                    const token = Math.floor(pair / perToken);
                    const own = part(values, (shared ? 0 : expert) * depth, depth);
                    expected.set(matmulReference(part(x, token, 1), transpose(own)).data, pair * cols);
                    const sorted = order.indexOf(pair);
                    for (let m = 0; m < depth; m++) {
                      for (let n = 0; n < cols; n++) {
                        const at = ((shared ? 0 : expert) * depth + m) * cols + n;
                        sums[at] =
                          sums[at]! +
                          2 * weights[pair]! * x.data[token * depth + m]! * q.data[sorted * cols + n]!;
                      }
                    }
                  });
                  expect(relativeError(await h.read(out), expected)).toBeLessThan(tolerance('f32', depth));
                  const grad = h.floats(new Float32Array(sums.length).fill(1));
                  outerSum(h.recorder, {
                    p: h.rows(x),
                    q: h.rows(q),
                    grad,
                    scale: 2,
                    experts: {
                      segments,
                      perToken,
                      shared,
                      pTokens: true,
                      qTokens: false,
                      weights: h.floats(weights),
                    },
                  });
                  const got = await h.recorder.readFloats(grad);
                  expect(
                    relativeError(
                      got,
                      sums.map((value) => value + 1),
                    ),
                  ).toBeLessThan(tolerance('f32', pairs));
                }
              }
            });
          }
        },
      );

      withEngine('outerSum adds rows in slices', async (_engine, h) => {
        const [p, q] = [randomMatrix('p', 333, 8), randomMatrix('q', 333, 36)];
        const grad = h.floats(new Float32Array(8 * 36).fill(0.5));
        outerSum(h.recorder, { p: h.rows(p), q: h.rows(q), grad, scale: 3 });
        const expected = matmulReference(transpose(p), transpose(q)).data.map((value) => 3 * value + 0.5);
        expect(relativeError(await h.recorder.readFloats(grad), expected)).toBeLessThan(
          tolerance('f32', 333),
        );
      });

      withEngine('rmsNormBack is the slope of the norm', async (_engine, h) => {
        const [rows, cols] = [3, 68];
        const [x, weight, dy] = [
          randomMatrix('x', rows, cols),
          randomMatrix('w', 1, cols),
          randomMatrix('g', rows, cols),
        ];
        const norm = (values: Float64Array): Float64Array =>
          values.map((value, i) => {
            const row = values.subarray(Math.floor(i / cols) * cols, (Math.floor(i / cols) + 1) * cols);
            return (
              (value / Math.sqrt(row.reduce((sum, v) => sum + v * v, 0) / cols + 1e-6)) *
              weight.data[i % cols]!
            );
          });
        const expected = centralDifferences(norm, x.data, dy.data);
        const start = randomMatrix('start', rows, cols);
        // Rows in another order, as the loss gathers them.
        const dx = h.rows(start);
        const permuted = {
          ...dy,
          data: Float64Array.from([2, 0, 1].flatMap((r) => [...part(dy, r, 1).data])),
        };
        rmsNormBack(h.recorder, {
          x: h.rows(x),
          weight: h.floats(weight.data),
          eps: 1e-6,
          dy: h.rows(permuted),
          dx,
          accumulate: true,
          rowIndex: h.uints([2, 0, 1]),
        });
        const sum = expected.map((value, i) => value + start.data[i]!);
        expect(relativeError(await h.read(dx), sum)).toBeLessThan(1e-5);
      });

      withEngine('swigluBack is the slope of the activation and of the routing weight', async (engine, h) => {
        const [rows, width] = [6, 20];
        const order = [3, 0, 5, 1, 4, 2];
        const weights = Float32Array.from([0.3, 0.7, 0.1, 0.9, 0.5, 0.25]);
        const x = randomMatrix('x', rows, 2 * width, 2);
        const z = randomMatrix('z', rows, width);
        const activation = (values: Float64Array, factors: ArrayLike<number>): Float64Array =>
          Float64Array.from({ length: rows * width }, (_, i) => {
            const [r, c] = [Math.floor(i / width), i % width];
            return (
              factors[order[r]!]! * silu(values[r * 2 * width + c]!) * values[r * 2 * width + width + c]!
            );
          });
        const gateUp = h.rows(x);
        const gradWeights = h.empty('gradWeights', rows * 4);
        swigluBack(h.recorder, {
          gateUp,
          z: h.rows(z),
          routing: { order: h.uints(order), weights: h.floats(weights), gradWeights },
        });
        const slope = centralDifferences((values) => activation(values, weights), x.data, z.data);
        expect(relativeError(await h.read(gateUp), slope)).toBeLessThan(1e-5);
        const byWeight = centralDifferences((w) => activation(x.data, w), Float64Array.from(weights), z.data);
        expect(
          relativeError((await h.recorder.readFloats(gradWeights)).subarray(0, rows), byWeight),
        ).toBeLessThan(1e-5);
        expect(engine.failure).toBeNull();
      });

      withEngine(
        'routeBack is the slope of both kinds of routing and of the balancing loss',
        async (_engine, h) => {
          const [tokens, experts, k] = [70, 10, 3];
          const logits = randomMatrix('logits', tokens, experts);
          const chosen = Array.from({ length: tokens }, (_, t) =>
            Array.from({ length: experts }, (_, e) => e)
              .sort((a, b) => logits.data[t * experts + b]! - logits.data[t * experts + a]!)
              .slice(0, k),
          ).flat();
          const direction = randomMatrix('dw', tokens, k);
          const softmax = (values: Float64Array, t: number): number[] => {
            const row = Array.from(values.subarray(t * experts, (t + 1) * experts), Math.exp);
            const total = row.reduce((sum, value) => sum + value, 0);
            return row.map((value) => value / total);
          };
          const routing = (values: Float64Array, normalize: boolean): Float64Array =>
            Float64Array.from(
              Array.from({ length: tokens }, (_, t) => {
                const p = softmax(values, t);
                const own = chosen.slice(t * k, (t + 1) * k).map((e) => p[e]!);
                const sum = normalize ? own.reduce((a, b) => a + b, 0) : 1;
                return own.map((value) => value / sum);
              }).flat(),
            );
          // E · Σ F_e P_e, F fixed: the choice has no slope.
          const frequency = Array.from(
            { length: experts },
            (_, e) => chosen.filter((one) => one === e).length / tokens,
          );
          const balancing = (values: Float64Array): number => {
            let loss = 0;
            for (let t = 0; t < tokens; t++) {
              softmax(values, t).forEach((p, e) => {
                loss += (experts * frequency[e]! * p) / tokens;
              });
            }
            return loss;
          };
          const rows = h.rows(logits);
          const indices = h.uints(chosen);
          const totals = h.empty('totals', (2 * experts + 4) * 4);
          const load = h.floats(new Float32Array(experts));
          const balance = h.empty('balance', experts * 4);
          const statistics = h.floats(new Float32Array(8));
          routerStatistics(h.recorder, { logits: rows, indices, perToken: k, layer: 0, totals, load });
          balanceLoss(h.recorder, { totals, layers: 1, experts, tokens, factor: 0.5, balance, statistics });
          const loss = (await h.recorder.readFloats(statistics))[3]!;
          expect(Math.abs(loss - balancing(logits.data))).toBeLessThan(1e-5);
          const counts = [...(await h.recorder.readFloats(load)).subarray(0, experts)];
          expect(counts).toEqual(frequency.map((value) => Math.round(value * tokens)));
          for (const normalize of [true, false]) {
            const weights = routing(logits.data, normalize);
            const grad = h.emptyRows(tokens, experts);
            routeBack(h.recorder, {
              logits: rows,
              perToken: k,
              normalize,
              indices,
              weights: h.floats(weights),
              gradWeights: h.floats(direction.data),
              balance,
              grad,
            });
            const slope = centralDifferences(
              (values) => routing(values, normalize),
              logits.data,
              direction.data,
            );
            const balanceSlope = centralDifferences(
              (values) => Float64Array.of(balancing(values)),
              logits.data,
              Float64Array.of(0.5),
            );
            const expected = slope.map((value, i) => value + balanceSlope[i]!);
            expect(relativeError(await h.read(grad), expected)).toBeLessThan(1e-5);
          }
        },
      );

      withEngine('crossEntropy is the slope of the loss, in place', async (_engine, h) => {
        const [rows, vocabulary] = [5, 83];
        const logits = randomMatrix('logits', rows, vocabulary, 3);
        const labels = [0, 82, 17, 40, 3];
        const weights = [1, 0.5, 2, 0, 1];
        const losses = (values: Float64Array): Float64Array =>
          Float64Array.from(labels, (label, r) => {
            const row = values.subarray(r * vocabulary, (r + 1) * vocabulary);
            const most = Math.max(...row);
            const lse = most + Math.log(row.reduce((sum, value) => sum + Math.exp(value - most), 0));
            return weights[r]! * (lse - row[label]!);
          });
        const range = h.rows(logits);
        const out = h.empty('rows', rows * 16);
        crossEntropy(h.recorder, {
          logits: range,
          first: 0,
          labels: h.uints(labels),
          weights: h.floats(weights),
          rows: out,
          scale: 0.25,
        });
        const got = await h.recorder.readFloats(out);
        const own = labels.map((_, r) => got[r * 4]!);
        expect(relativeError(own, losses(logits.data))).toBeLessThan(1e-5);
        const slope = centralDifferences(losses, logits.data, new Float64Array(rows).fill(0.25));
        expect(relativeError(await h.read(range), slope)).toBeLessThan(1e-5);
      });

      for (const [headDim, heads, kvHeads, window, capacity, starts] of [
        [16, 4, 2, 0, 64, null],
        [32, 2, 1, 0, 64, [0, 9, 10]],
        [16, 3, 1, 7, 16, [0, 18]],
        [64, 3, 1, 7, 16, [0, 18]],
        [128, 2, 2, 0, 64, null],
      ] as const) {
        withEngine(
          `attentionBack is the slope of attention, D ${headDim}, window ${window}`,
          async (engine, h) => {
            const rows = headDim === 128 ? 3 : 21;
            const layout = { type: 'f32', numKeyValueHeads: kvHeads, headDim } as const;
            const segmentStarts = Array.from({ length: rows }, (_, t) =>
              Math.max(0, ...(starts ?? [0]).filter((start) => start <= t)),
            );
            const segmentEnds = segmentStarts.map(
              (start) => (starts ?? [0]).find((other) => other > start) ?? rows,
            );
            const q = randomMatrix('q', rows, heads * headDim);
            const k = randomMatrix('k', rows, kvHeads * headDim);
            const v = randomMatrix('v', rows, kvHeads * headDim);
            const direction = randomMatrix('g', rows, heads * headDim);
            const scale = headDim ** -0.5;
            const forward = (all: Float64Array): Float64Array => {
              const [a, b] = [q.data.length, q.data.length + k.data.length];
              return attentionReference({
                q: all.subarray(0, a),
                k: all.subarray(a, b),
                v: all.subarray(b),
                rows,
                heads,
                kvHeads,
                headDim,
                firstToken: 0,
                scale,
                segmentStarts,
                ...(window > 0 ? { window } : {}),
              }).out;
            };
            const all = Float64Array.from([...q.data, ...k.data, ...v.data]);
            const slope = once(`${headDim}/${window}`, () =>
              centralDifferences(forward, all, direction.data),
            );
            const pages: KvPage[] = [];
            for (let firstToken = 0; firstToken < rows; firstToken += capacity) {
              const { value, sizeBytes } = kvPageSections(layout, capacity);
              const data = new Float32Array(sizeBytes / 4);
              const width = kvHeads * headDim;
              data.set(k.data.subarray(firstToken * width, (firstToken + capacity) * width));
              data.set(v.data.subarray(firstToken * width, (firstToken + capacity) * width), value * 4);
              pages.push({ range: h.bytes('page', data), firstToken, capacity });
            }
            const qRows = h.rows(q);
            const segments = starts ? { starts: h.uints(segmentStarts), ends: h.uints(segmentEnds) } : null;
            for (const choice of attentionChoices(headDim, mode)) {
              await withChoices(engine, { attention: choice }, async () => {
                const out = h.emptyRows(rows, heads * headDim);
                const logSumExp = h.empty('lse', rows * heads * 4);
                attention(h.recorder, {
                  q: qRows,
                  numHeads: heads,
                  kv: layout,
                  pages,
                  firstToken: 0,
                  scale,
                  segmentStarts: segments?.starts ?? null,
                  window,
                  out,
                  logSumExp,
                });
                const grad = h.emptyRows(rows, (heads + 2 * kvHeads) * headDim);
                attentionBack(h.recorder, {
                  q: qRows,
                  numHeads: heads,
                  kv: layout,
                  pages,
                  scale,
                  segments,
                  window,
                  out,
                  gradOut: h.rows(direction),
                  logSumExp,
                  delta: h.empty('delta', rows * heads * 4),
                  grad,
                });
                const got = await h.read(grad);
                const [qCols, kCols] = [heads * headDim, kvHeads * headDim];
                const columns = (first: number, count: number): Float64Array =>
                  Float64Array.from({ length: rows * count }, (_, i) => {
                    const row = Math.floor(i / count);
                    return got[row * (qCols + 2 * kCols) + first + (i % count)]!;
                  });
                const [a, b] = [q.data.length, q.data.length + k.data.length];
                expect(relativeError(columns(0, qCols), slope.subarray(0, a))).toBeLessThan(2e-5);
                expect(relativeError(columns(qCols, kCols), slope.subarray(a, b))).toBeLessThan(2e-5);
                expect(relativeError(columns(qCols + kCols, kCols), slope.subarray(b))).toBeLessThan(2e-5);
              });
            }
          },
        );
      }

      // The same code in both modes, five times over.
      if (isPlain(mode)) {
        withEngine('attentionInputBack is the slope of head norms and rotation', async (engine, h) => {
          for (const [headDim, threads] of threadsOfHeads) {
            const [rows, heads, kvHeads] = [3, 2, 1];
            const cols = (heads + 2 * kvHeads) * headDim;
            const x = randomMatrix('x', rows, cols);
            const direction = randomMatrix('g', rows, cols);
            const norms = randomMatrix('norm', 2, headDim).data;
            const positions = [0, 5, 2];
            const [rope, eps] = [ropeTable(8, headDim), 1e-6];
            const transform = { heads, kvHeads, headDim, norms, eps, rope, positions };
            const slope = once(`input${headDim}`, () =>
              centralDifferences((qkv) => attentionInputReference(qkv, transform), x.data, direction.data),
            );
            for (const headThreads of threads) {
              await withChoices(engine, { headThreads }, async () => {
                const grad = h.rows(direction);
                attentionInputBack(h.recorder, {
                  qkv: h.rows(x),
                  numHeads: heads,
                  kv: { type: 'f32', numKeyValueHeads: kvHeads, headDim },
                  qNorm: h.floats(norms.subarray(0, headDim)),
                  kNorm: h.floats(norms.subarray(headDim)),
                  eps,
                  rope: h.bytes('rope', rope),
                  positions: h.uints(positions),
                  grad,
                });
                expect(relativeError(await h.read(grad), slope)).toBeLessThan(1e-5);
              });
            }
          }
        });
      }

      withEngine('dropout keeps 1 - rate of the elements, the same ones in chunks', async (_engine, h) => {
        const ones: Matrix = { rows: 64, cols: 36, data: new Float64Array(64 * 36).fill(1) };
        const x = h.rows(ones);
        const [whole, other] = [h.emptyRows(64, 36), h.emptyRows(64, 36)];
        dropout(h.recorder, { x, out: whole, rate: 0.25, seed: 7 });
        dropout(h.recorder, { x, out: other, rate: 0.25, seed: 8 });
        const mask = await h.read(whole);
        const kept = mask.filter((value) => value !== 0);
        expect(new Set(kept)).toEqual(new Set([Math.fround(4 / 3)]));
        expect(Math.abs(kept.length / mask.length - 0.75)).toBeLessThan(0.04);
        expect(await h.read(other)).not.toEqual(mask);
        const tail: Rows = { ...x, rows: 24 };
        const chunk = h.emptyRows(24, 36);
        dropout(h.recorder, { x: tail, out: chunk, rate: 0.25, seed: 7, firstRow: 40 });
        expect(await h.read(chunk)).toEqual(mask.slice(40 * 36));
      });

      withEngine('adamw is torch.optim.AdamW in f64, with clipping', async (_engine, h) => {
        const size = 5000;
        const values = Float64Array.from(randomMatrix('v', 1, size).data);
        const [m, s] = [new Float64Array(size), new Float64Array(size)];
        const bank = {
          values: h.floats(values),
          gradients: h.empty('g', size * 4),
          first: h.floats(m),
          second: h.floats(s),
        };
        const statistics = h.floats(new Float32Array(8));
        const options = { learningRate: 1e-2, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1 };
        for (let step = 1; step <= 5; step++) {
          const g = randomMatrix(`g${step}`, 1, size, step).data;
          h.recorder.upload(bank.gradients, Float32Array.from(g));
          decideStep(h.recorder, [bank.gradients], 20, statistics);
          adamw(h.recorder, bank, statistics, { ...options, step });
          const norm = Math.sqrt(g.reduce((sum, value) => sum + value * value, 0));
          const factor = Math.min(1, 20 / (norm + 1e-6));
          const [, , , , , gotNorm, gotFactor, finite] = await h.recorder.readFloats(statistics);
          expect(Math.abs(gotNorm! / norm - 1)).toBeLessThan(1e-6);
          expect(Math.abs(gotFactor! / factor - 1)).toBeLessThan(1e-6);
          expect(finite).toBe(1);
          for (let i = 0; i < size; i++) {
            const gradient = g[i]! * factor;
            m[i] = 0.9 * m[i]! + 0.1 * gradient;
            s[i] = 0.99 * s[i]! + 0.01 * gradient ** 2;
            const step1 = m[i]! / (1 - 0.9 ** step);
            const step2 = Math.sqrt(s[i]! / (1 - 0.99 ** step)) + 1e-8;
            values[i] = values[i]! * (1 - 1e-3) - (1e-2 * step1) / step2;
          }
        }
        const got = (await h.recorder.readFloats(bank.values)).subarray(0, size);
        expect(relativeError(got, values)).toBeLessThan(1e-5);
      });
    }
  },
);
