import { describe, expect, it } from 'vitest';
import type { EngineDevice } from '../../../src/gpu/device.ts';
import { attention, goldBitsBytes } from '../../../src/gpu/kernels/attention.ts';
import {
  attentionStatistics,
  headNumbers,
  queryCopies,
  queryMeasured,
  sumAttentionRows,
} from '../../../src/gpu/kernels/attentionStatistics.ts';
import type { KvLayout, KvType } from '../../../src/gpu/tensors.ts';
import { adapterName, engineModes, gpuSkipReason, hasGpu, testEngine } from '../../helpers/gpu.ts';
import { fill, kept, makePages } from '../cache.ts';
import { Harness } from '../harness.ts';
import { attentionReference } from '../reference/attention.ts';
import { massBetween, queryReference } from '../reference/attentionStatistics.ts';
import { randomMatrix, type Matrix } from '../reference/numbers.ts';

interface Case {
  readonly rows: number;
  readonly firstToken: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly pages: readonly number[];
  readonly window?: number;
  readonly type: KvType;
  /** Every n-th row is a query. */
  readonly every: number;
}

const cases: readonly Case[] = [
  { rows: 7, firstToken: 0, heads: 2, kvHeads: 1, headDim: 16, pages: [8], type: 'f32', every: 1 },
  { rows: 65, firstToken: 0, heads: 4, kvHeads: 2, headDim: 32, pages: [128], type: 'f32', every: 1 },
  { rows: 33, firstToken: 90, heads: 3, kvHeads: 1, headDim: 48, pages: [64, 64], type: 'f16', every: 3 },
  {
    rows: 40,
    firstToken: 0,
    heads: 2,
    kvHeads: 2,
    headDim: 64,
    pages: [64],
    window: 9,
    type: 'int8',
    every: 2,
  },
  { rows: 2, firstToken: 510, heads: 8, kvHeads: 2, headDim: 128, pages: [600], type: 'f32', every: 1 },
];
/** llvmpipe takes some ten seconds for each kernel variant; SwiftShader goes through all. */
const fewCases = adapterName === 'lavapipe' ? cases.slice(1, 3) : cases;
const sinkTokens = 4;
const gold: readonly (readonly [number, number])[] = [
  [1, 3],
  [30, 37],
  [64, 90],
];
const distanceEdges = [0, 1, 2, 4, 8, 16, 21, 32, 64, 128, 256, 512];

const isGold = (token: number): boolean => gold.some(([start, end]) => token >= start && token < end);

/** Relative 1e-4, the bar for every statistic; below it, rounding of a sum of 1. */
function expectClose(actual: number, expected: number, what: string, loose = 1): void {
  const allowed = loose * (1e-4 * Math.abs(expected) + 2e-6);
  expect(Math.abs(actual - expected), `${what}: ${actual}, expected ${expected}`).toBeLessThan(allowed);
}

function makeInputs(shape: Case, scaleUp = 3): { q: Matrix; k: Matrix; v: Matrix; tokens: number } {
  const tokens = shape.firstToken + shape.rows;
  return {
    tokens,
    q: randomMatrix(`q${tokens}`, shape.rows, shape.heads * shape.headDim, scaleUp),
    k: randomMatrix(`k${tokens}`, tokens, shape.kvHeads * shape.headDim),
    v: randomMatrix(`v${tokens}`, tokens, shape.kvHeads * shape.headDim),
  };
}

/** Weights [T·H] of the case in f64, over keys as the cache keeps them. */
function reference(shape: Case, { q, k, v }: ReturnType<typeof makeInputs>): Float64Array[] {
  const { rows, firstToken, heads, kvHeads, headDim, type } = shape;
  return attentionReference({
    q: q.data,
    k: kept(type, k, headDim).data,
    v: kept(type, v, headDim).data,
    rows,
    heads,
    kvHeads,
    headDim,
    firstToken,
    scale: headDim ** -0.5,
    ...(shape.window ? { window: shape.window } : {}),
  }).weights;
}

async function compareQueries(engine: EngineDevice, shape: Case): Promise<void> {
  const h = new Harness(engine);
  const { rows, firstToken, heads, kvHeads, headDim, type } = shape;
  const inputs = makeInputs(shape);
  const { tokens } = inputs;
  const weights = reference(shape, inputs);
  const layout: KvLayout = { type, numKeyValueHeads: kvHeads, headDim };
  const pages = makePages(h, layout, shape.pages);
  fill(h, layout, pages, heads, inputs.k, inputs.v);
  const q = h.rows(inputs.q);
  const logSumExp = h.empty('lse', rows * heads * 4);
  const window = shape.window ?? 0;
  const scale = headDim ** -0.5;
  const run = { q, numHeads: heads, kv: layout, pages, firstToken, scale, window };
  attention(h.recorder, { ...run, out: h.emptyRows(rows, heads * headDim), logSumExp });

  // Position segments: the sink, the pieces and every 25th token are boundaries.
  const positions = [...new Set([0, sinkTokens, ...gold.flat(), 25, 50, 75, 100])].sort((a, b) => a - b);
  // A list whose first two entries belong to another pass.
  const queryRows = Array.from({ length: rows }, (_, t) => t).filter((t) => t % shape.every === 0);
  const copies = queryRows.filter((t) => t % 2 === 0 && firstToken + t + 1 < tokens);
  const flags = (t: number): number =>
    (t === queryRows[0] ? 0 : queryMeasured) | (copies.includes(t) ? queryCopies : 0);
  const queries = h.uints([9, 9, 9, 9, ...queryRows.flatMap((t) => [t, flags(t)])]);
  // Token ids repeat, so that some best keys hold the next token.
  const ids = Array.from({ length: tokens }, (_, t) => (t * 7) % 3);
  const marks = h.uints(ids.map((id, t) => id + (isGold(t) ? 2 ** 31 : 0)));
  const width = headNumbers + positions.length + distanceEdges.length;
  const sums = h.empty('sums', heads * width * 4);
  attentionStatistics(h.recorder, {
    ...run,
    logSumExp,
    queries,
    firstQuery: 2,
    queryCount: queryRows.length,
    segments: h.uints([...positions, ...distanceEdges]),
    positionSegments: positions.length,
    distanceSegments: distanceEdges.length,
    sinkTokens,
    marks,
    wantsBest: true,
    sums,
  });
  const got = await h.recorder.readFloats(sums);
  const measured = queryRows.filter((t) => (flags(t) & queryMeasured) !== 0);
  for (let head = 0; head < heads; head++) {
    const expected = new Array<number>(width).fill(0);
    const add = (column: number, value: number): void => void (expected[column]! += value);
    for (const t of measured) {
      const own = firstToken + t;
      const row = weights[t * heads + head]!;
      const one = queryReference(row, own, { sinkTokens, window });
      add(0, one.distance);
      add(1, one.sinkExcludedDistance ?? 0);
      add(2, one.relativeDistance);
      add(3, one.entropy);
      add(4, one.normalizedEntropy);
      add(5, one.sinkExcludedDistance === null ? 0 : 1);
      add(7, 1);
      positions.forEach((start, s) =>
        add(headNumbers + s, massBetween(row, start, positions[s + 1] ?? tokens)),
      );
      distanceEdges.forEach((from, s) =>
        add(
          headNumbers + positions.length + s,
          massBetween(row, own + 1 - (distanceEdges[s + 1] ?? own + 1), own + 1 - from),
        ),
      );
    }
    for (const t of copies) {
      const { best } = queryReference(weights[t * heads + head]!, firstToken + t, { sinkTokens, window });
      if (isGold(best) && ids[best] === ids[firstToken + t + 1]) add(6, 1);
    }
    expected.forEach((value, column) =>
      expectClose(
        got[head * width + column]!,
        value,
        `${JSON.stringify(shape)} head ${head} column ${column}`,
      ),
    );
  }
  h.dispose();
}

async function compareFused(engine: EngineDevice, shape: Case): Promise<void> {
  const h = new Harness(engine);
  const { rows, firstToken, heads, kvHeads, headDim, type } = shape;
  const inputs = makeInputs(shape);
  const weights = reference(shape, inputs);
  const layout: KvLayout = { type, numKeyValueHeads: kvHeads, headDim };
  const pages = makePages(h, layout, shape.pages);
  fill(h, layout, pages, heads, inputs.k, inputs.v);
  const bits = new Uint32Array(goldBitsBytes(inputs.tokens) / 4);
  for (let t = 0; t < inputs.tokens; t++) if (isGold(t)) bits[t >>> 5]! |= 1 << (t & 31);
  const statistics = h.empty('statistics', rows * heads * 16);
  const window = shape.window ?? 0;
  const run = {
    q: h.rows(inputs.q),
    numHeads: heads,
    kv: layout,
    pages,
    firstToken,
    scale: headDim ** -0.5,
    window,
  };
  const out = h.emptyRows(rows, heads * headDim);
  attention(h.recorder, { ...run, out, statistics: { goldBits: h.uints(bits), out: statistics } });
  const flags = h.uints(Array.from({ length: rows }, (_, t) => (t % shape.every === 0 ? 1 : 0)));
  const sums = h.empty('sums', heads * headNumbers * 4);
  sumAttentionRows(h.recorder, { statistics, rows, numHeads: heads, firstToken, window, flags, sums });
  // The output is that of attention alone.
  const alone = h.emptyRows(rows, heads * headDim);
  if (rows > 4) {
    attention(h.recorder, { ...run, out: alone });
    expect(await h.read(out)).toEqual(await h.read(alone));
  }
  const perRow = await h.recorder.readFloats(statistics);
  const summed = await h.recorder.readFloats(sums);
  for (let head = 0; head < heads; head++) {
    const expected = [0, 0, 0, 0, 0, 0];
    for (let t = 0; t < rows; t++) {
      const own = firstToken + t;
      const row = weights[t * heads + head]!;
      const one = queryReference(row, own, { sinkTokens, window });
      const goldMass = gold.reduce((sum, [start, end]) => sum + massBetween(row, start, end), 0);
      const what = `${JSON.stringify(shape)} row ${t} head ${head}`;
      const at = (t * heads + head) * 4;
      expectClose(perRow[at]!, one.distance, `distance of ${what}`);
      expectClose(perRow[at + 1]!, one.entropy, `entropy of ${what}`);
      expectClose(perRow[at + 2]!, goldMass, `gold mass of ${what}`);
      if (t % shape.every !== 0) continue;
      const values = [one.distance, one.relativeDistance, one.entropy, one.normalizedEntropy, goldMass, 1];
      values.forEach((value, column) => (expected[column]! += value));
    }
    expected.forEach((value, column) =>
      expectClose(summed[head * headNumbers + column]!, value, `${JSON.stringify(shape)} column ${column}`),
    );
  }
  h.dispose();
}

describe.skipIf(!hasGpu)(
  hasGpu ? 'attention statistics' : `attention statistics (${gpuSkipReason})`,
  { timeout: 300_000 },
  () => {
    for (const mode of engineModes) {
      it(`of chosen queries agree with a materialised f64 computation: ${mode.name}`, async () => {
        const engine = (await testEngine(mode.options)) as EngineDevice;
        for (const shape of fewCases) await compareQueries(engine, shape);
      });

      it(`computed on the way through attention agree with f64: ${mode.name}`, async () => {
        const engine = (await testEngine(mode.options)) as EngineDevice;
        for (const shape of fewCases) await compareFused(engine, shape);
      });

      it(`computed on the way through shared-memory tiles agree with f64: ${mode.name}`, async (context) => {
        if (adapterName === 'lavapipe')
          return context.skip(
            'a kernel for GPUs, never chosen on llvmpipe, which compiles it for ten seconds',
          );
        const engine = (await testEngine(mode.options)) as EngineDevice;
        const { choices } = engine;
        engine.choices = { ...choices, attention: 'tile' };
        for (const shape of mode.options.subgroups === false ? cases.slice(3) : cases.slice(1, 3)) {
          await compareFused(engine, shape);
        }
        engine.choices = choices;
      });
    }

    /** Statistics of one head whose scores are chosen: q = [1, 0 …], k_j = [score_j, 0 …]. */
    async function ofScores(
      scores: readonly number[],
    ): Promise<{ distance: number; entropy: number; relative: number }> {
      const h = new Harness((await testEngine()) as EngineDevice);
      const tokens = scores.length;
      const layout: KvLayout = { type: 'f32', numKeyValueHeads: 1, headDim: 16 };
      const pages = makePages(h, layout, [tokens]);
      const matrix = (rows: number, value: (r: number) => number): Matrix => {
        const data = new Float64Array(rows * 16);
        for (let r = 0; r < rows; r++) data[r * 16] = value(r);
        return { rows, cols: 16, data };
      };
      const k = matrix(tokens, (j) => scores[j]!);
      fill(h, layout, pages, 1, k, k);
      const q = h.rows(matrix(8, () => 1));
      const logSumExp = h.empty('lse', 8 * 4);
      const run = { q, numHeads: 1, kv: layout, pages, firstToken: tokens - 8, scale: 1, window: 0 };
      attention(h.recorder, { ...run, out: h.emptyRows(8, 16), logSumExp });
      const sums = h.empty('sums', (headNumbers + 2) * 4);
      attentionStatistics(h.recorder, {
        ...run,
        logSumExp,
        queries: h.uints([7, queryMeasured]),
        firstQuery: 0,
        queryCount: 1,
        segments: h.uints([0, 0]),
        positionSegments: 1,
        distanceSegments: 1,
        sinkTokens: 0,
        marks: h.uints(new Uint32Array(tokens)),
        wantsBest: false,
        sums,
      });
      const got = await h.recorder.readFloats(sums);
      h.dispose();
      return { distance: got[0]!, relative: got[2]!, entropy: got[3]! };
    }

    it('uniform attention has relative distance 0.5 and entropy ln T; a head that copies at distance d measures d', async () => {
      const uniform = await ofScores(new Array<number>(500).fill(0.25));
      expect(uniform.relative).toBeCloseTo(0.5, 5);
      expect(uniform.entropy).toBeCloseTo(Math.log(500), 4);
      const copying = await ofScores(Array.from({ length: 500 }, (_, j) => (j === 499 - 123 ? 60 : 0)));
      expect(copying.distance).toBeCloseTo(123, 4);
      expect(copying.entropy).toBeCloseTo(0, 5);
    });
  },
);
