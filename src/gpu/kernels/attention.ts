import { assert } from '../../core/assert.ts';
import combineSource from '../../../shaders/forward/attention_combine.wgsl?raw';
import decodeSource from '../../../shaders/forward/attention_decode.wgsl?raw';
import quadSource from '../../../shaders/forward/attention_quad.wgsl?raw';
import slicesSource from '../../../shaders/forward/attention_slices.wgsl?raw';
import threadSource from '../../../shaders/forward/attention_thread.wgsl?raw';
import tileSource from '../../../shaders/forward/attention_tile.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import type { EngineDevice } from '../device.ts';
import { defineKernel, type KernelSink, type KernelVariant } from '../kernel.ts';
import { kvPageSections, kvRowVectors, type KvLayout, type KvPage, type Rows } from '../tensors.ts';
import { checkShape, reduceModule, sureLanes, vectors } from './common.ts';

/**
 * Inputs of `attention`: causal softmax attention of T new queries over the cache, grouped heads, online softmax
 * in f32. Query row t is cache token firstToken + t and sees tokens from max(segmentStarts[t], own - window + 1)
 * to its own.
 */
export interface Attention {
  /** [T, H·D], after norm and rotation. */
  readonly q: Rows;
  readonly numHeads: number;
  readonly kv: KvLayout;
  /** Pages that hold tokens 0 … firstToken + T - 1. */
  readonly pages: readonly KvPage[];
  readonly firstToken: number;
  /** Multiplies q·k, usually 1/√D. */
  readonly scale: number;
  /** u32 [T]: first cache token of each row's document; null when all belongs to one. */
  readonly segmentStarts?: BufferRange | null;
  /** Keys seen, the own one counted in; 0 or absent for all. */
  readonly window?: number;
  /** [T, H·D] */
  readonly out: Rows;
  /** f32 [T, H]: ln Σ exp(score), for the backward pass and statistics. */
  readonly logSumExp?: BufferRange | null;
  /** Distance, entropy and gold mass, computed on the way. */
  readonly statistics?: AttentionStatistics | null;
}

/** Where the statistics of every (query, head) go. */
export interface AttentionStatistics {
  /** One bit per cache token, `goldBitsBytes` long: set where the token lies in a gold piece. */
  readonly goldBits: BufferRange;
  /** f32 [T, H, 4]: mean distance i - j, entropy in nats, gold mass, 0. */
  readonly out: BufferRange;
}

/** Bytes of the bit set over a cache of `tokens`; the last block of keys may reach a word further. */
export function goldBitsBytes(tokens: number): number {
  return (Math.ceil(tokens / 32) + 1) * 4;
}

const bindings = {
  q: 'read',
  page: 'read',
  segmentStarts: 'read',
  out: 'read_write',
  logSumExp: 'read_write',
  partial: 'read_write',
} as const;
const params = {
  rows: 'u32',
  heads: 'u32',
  kvHeads: 'u32',
  firstToken: 'u32',
  pageFirst: 'u32',
  keyCount: 'u32',
  splits: 'u32',
  keysPerSplit: 'u32',
  firstSlice: 'u32',
  window: 'u32',
  scale: 'f32',
  qStart: 'u32',
  qStride: 'u32',
  outStart: 'u32',
  outStride: 'u32',
  valueSection: 'u32',
  keyScaleSection: 'u32',
  valueScaleSection: 'u32',
  vectors: 'u32',
  hasSegments: 'u32',
  hasLse: 'u32',
  carries: 'u32',
  finishes: 'u32',
} as const;

const alone = { statistics: 'statistics_none.wgsl' } as const;
const fused = { statistics: 'statistics_fused.wgsl' } as const;
const fusedBindings = { ...bindings, goldBits: 'read', statistics: 'read_write' } as const;

/** One thread per (query, head), no shared memory. */
export const attentionThreadKernel = defineKernel({
  name: 'forward/attention_thread',
  source: threadSource,
  modules: alone,
  bindings,
  params,
});

/** The same with statistics on the way. */
export const attentionThreadStatisticsKernel = defineKernel({
  name: 'forward/attention_thread',
  source: threadSource,
  modules: fused,
  bindings: fusedBindings,
  params,
});

/** One thread per four (query, head) pairs, for heads of 32 and 64; no shared memory. */
export const attentionQuadKernel = defineKernel({
  name: 'forward/attention_quad',
  source: quadSource,
  modules: alone,
  bindings,
  params,
});

/** The same with statistics on the way. */
export const attentionQuadStatisticsKernel = defineKernel({
  name: 'forward/attention_quad',
  source: quadSource,
  modules: fused,
  bindings: fusedBindings,
  params,
});

/** One thread per few (query, head) pairs and slice of keys, for few queries and heads of 32 and 64; no shared memory. */
export const attentionSlicesKernel = defineKernel({
  name: 'forward/attention_slices',
  source: slicesSource,
  modules: alone,
  bindings,
  params,
});

/** A workgroup per 32 (query, head) pairs, keys and values staged in shared memory. */
export const attentionTileKernel = defineKernel({
  name: 'forward/attention_tile',
  source: tileSource,
  modules: alone,
  bindings,
  params,
});

/** The same with statistics on the way. */
export const attentionTileStatisticsKernel = defineKernel({
  name: 'forward/attention_tile',
  source: tileSource,
  modules: fused,
  bindings: fusedBindings,
  params,
});

/** One workgroup per query row, up to four heads and a range of keys. */
export const attentionDecodeKernel = defineKernel({
  name: 'forward/attention_decode',
  source: decodeSource,
  bindings,
  params,
});

export const attentionCombineKernel = defineKernel({
  name: 'forward/attention_combine',
  source: combineSource,
  bindings: { partial: 'read', out: 'read_write', logSumExp: 'read_write' },
  params: {
    rows: 'u32',
    heads: 'u32',
    vectors: 'u32',
    slices: 'u32',
    outStart: 'u32',
    outStride: 'u32',
    hasLse: 'u32',
  },
});

/** A page's share of the keys and into how many slices it is cut. */
interface PageWork {
  readonly page: KvPage;
  readonly keyCount: number;
  readonly splits: number;
}

/** A kernel, its variant and how many tiles one slice of keys takes. */
interface AttentionPlan {
  readonly kernel: typeof attentionThreadKernel;
  /** The same with statistics; null where it has none. */
  readonly withStatistics: typeof attentionThreadStatisticsKernel | null;
  readonly variant: KernelVariant;
  readonly tiles: number;
  /** Tiles and slices that share a workgroup. */
  readonly perWorkgroup: number;
  /** Fewest keys worth a slice. */
  readonly minKeys: number;
}

/** Queries up to this many go to the kernel that spreads keys over threads. */
const fewRows = 4;
const threads = 32;

const quadThreads = 16;
const sliceThreads = 8;
/** Pairs or keys that a workgroup of the quad kernels owns. */
export const quadOwned = 4 * quadThreads;

/** What makes a quad kernel for this head dimension; null where the kernels that take any are to run. */
export function quadVariant(engine: EngineDevice, headDim: number) {
  if (engine.choices.attention !== 'quad' || (headDim !== 32 && headDim !== 64)) return null;
  const suffix = sureLanes(engine) > 0 ? 'lanes' : 'plain';
  return {
    overrides: { WORKGROUP_SIZE: quadThreads },
    constants: { HALVES: headDim / 32 },
    modules: { keys: `key_four_${suffix}.wgsl`, pairs: `pair_four_${suffix}.wgsl` },
  };
}

function planAttention(engine: EngineDevice, { q, numHeads, kv, statistics }: Attention): AttentionPlan {
  const group = numHeads / kv.numKeyValueHeads;
  // Private arrays come in three sizes, so that not every head dimension is a pipeline of its own.
  const constants = { D4: kv.headDim <= 64 ? 16 : kv.headDim <= 128 ? 32 : 64 };
  const kvModule = `kv_${kv.type}.wgsl`;
  const quad = quadVariant(engine, kv.headDim);
  if (q.rows <= fewRows && !statistics && quad) {
    const pairs = q.rows * group;
    const own = pairs > 2 ? 4 : pairs;
    return {
      kernel: attentionSlicesKernel,
      withStatistics: null,
      variant: {
        overrides: { WORKGROUP_SIZE: sliceThreads },
        constants: { HALVES: quad.constants.HALVES, PAIRS: own },
        modules: { kv: kvModule, keys: 'key_four_plain.wgsl' },
      },
      tiles: Math.ceil(pairs / own) * kv.numKeyValueHeads,
      perWorkgroup: sliceThreads,
      minKeys: 16,
    };
  }
  if (q.rows <= fewRows && !statistics) {
    const heads = group % 4 === 0 ? 4 : group % 2 === 0 ? 2 : 1;
    return {
      kernel: attentionDecodeKernel,
      withStatistics: null,
      variant: {
        constants: { ...constants, HEADS: heads },
        modules: { kv: kvModule, reduce: reduceModule(engine) },
      },
      tiles: (q.rows * numHeads) / heads,
      perWorkgroup: 1,
      minKeys: 128,
    };
  }
  if (engine.choices.attention === 'tile') {
    return {
      kernel: attentionTileKernel,
      withStatistics: attentionTileStatisticsKernel,
      variant: {
        constants: { CHUNKS: kv.headDim <= 64 ? 2 : kv.headDim <= 128 ? 4 : 8 },
        modules: { kv: kvModule },
      },
      tiles: Math.ceil((q.rows * group) / 32) * kv.numKeyValueHeads,
      perWorkgroup: 1,
      minKeys: 256,
    };
  }
  if (quad) {
    return {
      kernel: attentionQuadKernel,
      withStatistics: attentionQuadStatisticsKernel,
      variant: { ...quad, modules: { kv: kvModule, keys: quad.modules.keys } },
      tiles: Math.ceil((q.rows * group) / quadOwned) * kv.numKeyValueHeads,
      perWorkgroup: 1,
      minKeys: 256,
    };
  }
  const lanes = sureLanes(engine);
  // Small heads are worth unrolled loops (twice as fast on llvmpipe); larger ones only take longer to compile.
  return {
    kernel: attentionThreadKernel,
    withStatistics: attentionThreadStatisticsKernel,
    variant: {
      overrides: { WORKGROUP_SIZE: threads },
      constants: { ...constants, FIXED: kv.headDim <= 32 ? kv.headDim / 4 : 0 },
      modules: {
        kv: kvModule,
        keys: lanes === 0 ? 'keys_plain.wgsl' : lanes === 4 ? 'keys_lanes4.wgsl' : 'keys_lanes8.wgsl',
      },
    },
    tiles: Math.ceil((q.rows * group) / threads) * kv.numKeyValueHeads,
    perWorkgroup: 1,
    minKeys: 256,
  };
}

/** Causal attention over the paged cache, see `Attention`. */
export function attention(sink: KernelSink, input: Attention): void {
  const { engine } = sink;
  const { q, numHeads, kv, firstToken, out } = input;
  const { headDim, numKeyValueHeads } = kv;
  const rows = q.rows;
  const window = input.window ?? 0;
  checkShape('attention q', q, rows, numHeads * headDim);
  checkShape('attention out', out, rows, numHeads * headDim);
  assert(numHeads % numKeyValueHeads === 0, `${numHeads} heads do not divide over ${numKeyValueHeads}`);
  assert(headDim % 16 === 0 && headDim <= 256, `head dimension ${headDim}`);

  const plan = planAttention(engine, input);
  const tokens = firstToken + rows;
  const oldest = window > 0 ? Math.max(firstToken - window + 1, 0) : 0;
  const visible = input.pages
    .map((page) => ({ page, keyCount: Math.min(page.capacity, tokens - page.firstToken) }))
    .filter(({ page, keyCount }) => keyCount > 0 && page.firstToken + keyCount > oldest);
  assert(visible.length > 0, 'attention without keys');
  // Few queries: cut the keys so that enough workgroups run, each page into its share of the slices.
  const wanted = Math.ceil((engine.choices.attentionWorkgroups * plan.perWorkgroup) / plan.tiles);
  // Statistics travel with the state, which only goes from page to page.
  const mostSplits = (keyCount: number): number =>
    input.statistics ? 1 : Math.max(1, Math.floor(keyCount / plan.minKeys));
  const sharesUpTo = (index: number): number => Math.floor((index * wanted) / visible.length);
  const work: readonly PageWork[] = visible.map(({ page, keyCount }, index) => {
    const share = Math.max(1, sharesUpTo(index + 1) - sharesUpTo(index));
    return { page, keyCount, splits: Math.min(share, mostSplits(keyCount)) };
  });
  // Many queries go through the pages in turn, taking the state along; few queries do all slices at once.
  const isCut = wanted > 1 && visible.some(({ keyCount }) => mostSplits(keyCount) > 1);
  const carry = plan.kernel !== attentionDecodeKernel && !isCut;
  const direct = work.length === 1 && work[0]?.splits === 1;
  const slices = carry ? 1 : work.reduce((sum, { splits }) => sum + splits, 0);
  const partial = direct
    ? engine.nullOutput
    : sink.scratch('attention', slices * rows * numHeads * (headDim / 4 + (input.statistics ? 2 : 1)) * 16);
  const logSumExp = input.logSumExp ?? engine.nullStatistics;

  let slice = 0;
  work.forEach(({ page, keyCount, splits }, index) => {
    const sections = kvPageSections(kv, page.capacity);
    const pairs = rows * numHeads;
    // Causal: on average half of the keys that lie in the queries' own range.
    const seen = Math.max(keyCount - rows / 2, keyCount / 2);
    const buffers = {
      q: q.range,
      page: page.range,
      segmentStarts: input.segmentStarts ?? engine.nullRange,
      out: out.range,
      logSumExp,
      partial,
    };
    const call = {
      variant: plan.variant,
      params: {
        rows,
        heads: numHeads,
        kvHeads: numKeyValueHeads,
        firstToken,
        pageFirst: page.firstToken,
        keyCount,
        splits,
        keysPerSplit: Math.ceil(keyCount / splits / 8) * 8,
        firstSlice: slice,
        window,
        scale: input.scale,
        qStart: vectors(q).start,
        qStride: vectors(q).stride,
        outStart: vectors(out).start,
        outStride: vectors(out).stride,
        // Sections count vec4<u32>; the kernel counts elements of four numbers, and u32 for scales.
        valueSection: (page.capacity * numKeyValueHeads * headDim) / 4,
        keyScaleSection: sections.keyScale * 4,
        valueScaleSection: sections.valueScale * 4,
        vectors: headDim / 4,
        hasSegments: input.segmentStarts ? 1 : 0,
        hasLse: input.logSumExp ? 1 : 0,
        carries: carry && index > 0 ? 1 : 0,
        finishes: direct || (carry && index === work.length - 1) ? 1 : 0,
      },
      workgroups: Math.ceil((plan.tiles * splits) / plan.perWorkgroup),
      cost: {
        flops: 4 * pairs * seen * headDim,
        bytes: 2 * keyCount * numKeyValueHeads * kvRowVectors(kv) * 16 + 8 * pairs * headDim,
      },
    };
    const { statistics } = input;
    if (statistics && plan.withStatistics) {
      sink.dispatch({
        ...call,
        kernel: plan.withStatistics,
        buffers: { ...buffers, goldBits: statistics.goldBits, statistics: statistics.out },
      });
    } else sink.dispatch({ ...call, kernel: plan.kernel, buffers });
    if (!carry) slice += splits;
  });
  if (carry || direct) return;
  sink.dispatch({
    kernel: attentionCombineKernel,
    variant: {},
    buffers: { partial, out: out.range, logSumExp },
    params: {
      rows,
      heads: numHeads,
      vectors: headDim / 4,
      slices,
      outStart: vectors(out).start,
      outStride: vectors(out).stride,
      hasLse: input.logSumExp ? 1 : 0,
    },
    workgroups: Math.ceil((rows * numHeads * headDim) / 4 / 32),
    cost: { flops: 4 * slices * rows * numHeads * headDim, bytes: 4 * slices * rows * numHeads * headDim },
  });
}
