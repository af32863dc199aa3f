import { assert } from '../../core/assert.ts';
import combineSource from '../../../shaders/forward/attention_combine.wgsl?raw';
import threadSource from '../../../shaders/forward/attention_thread.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import { kvPageSections, kvRowVectors, type KvLayout, type KvPage, type Rows } from '../tensors.ts';
import { checkShape, sureLanes, vectors } from './common.ts';

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
}

export const attentionThreadKernel = defineKernel({
  name: 'forward/attention_thread',
  source: threadSource,
  bindings: {
    q: 'read',
    page: 'read',
    segmentStarts: 'read',
    out: 'read_write',
    logSumExp: 'read_write',
    partial: 'read_write',
  },
  params: {
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
  },
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
  },
});

/** A page's share of the keys and into how many slices it is cut. */
interface PageWork {
  readonly page: KvPage;
  readonly keyCount: number;
  readonly splits: number;
}

const threads = 32;

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

  const tokens = firstToken + rows;
  const oldest = window > 0 ? Math.max(firstToken - window + 1, 0) : 0;
  const tiles = Math.ceil((rows * (numHeads / numKeyValueHeads)) / threads) * numKeyValueHeads;
  const work: PageWork[] = [];
  for (const page of input.pages) {
    const keyCount = Math.min(page.capacity, tokens - page.firstToken);
    if (keyCount <= 0 || page.firstToken + keyCount <= oldest) continue;
    // Few queries: cut the keys so that enough workgroups run, in slices of whole blocks of eight.
    const wanted = Math.ceil(engine.choices.attentionWorkgroups / tiles);
    const splits = Math.max(1, Math.min(wanted, Math.floor(keyCount / 64)));
    work.push({ page, keyCount, splits });
  }
  assert(work.length > 0, 'attention without keys');
  // Many queries go through the pages in turn, taking the state along; few queries do all slices at once.
  const carry = work.every(({ splits }) => splits === 1);
  const slices = carry ? 1 : work.reduce((sum, { splits }) => sum + splits, 0);
  const direct = carry && work.length === 1;
  const width = headDim / 4 + 1;
  const partial = direct
    ? engine.nullOutput
    : sink.scratch('attention', slices * rows * numHeads * width * 16);
  const lanes = sureLanes(engine);
  const variant = {
    constants: { D4: headDim / 4 },
    modules: {
      kv: `kv_${kv.type}.wgsl`,
      keys: lanes === 0 ? 'keys_plain.wgsl' : lanes === 4 ? 'keys_lanes4.wgsl' : 'keys_lanes8.wgsl',
    },
  };

  let slice = 0;
  work.forEach(({ page, keyCount, splits }, index) => {
    const sections = kvPageSections(kv, page.capacity);
    // Sections count vec4<u32>; the kernel counts elements of four numbers, and u32 for scales.
    const toElements = (page.capacity * numKeyValueHeads * headDim) / 4;
    const pairs = rows * numHeads;
    // Causal: on average half of the page that holds the queries, all of the earlier ones.
    const seen = Math.max(keyCount - rows / 2, keyCount / 2);
    sink.dispatch({
      kernel: attentionThreadKernel,
      variant: {
        ...variant,
        overrides: {
          WORKGROUP_SIZE: threads,
          HAS_SEGMENTS: input.segmentStarts ? 1 : 0,
          HAS_LSE: input.logSumExp ? 1 : 0,
          CARRY: carry && index > 0 ? 1 : 0,
          FINAL: carry && index === work.length - 1 ? 1 : 0,
        },
      },
      buffers: {
        q: q.range,
        page: page.range,
        segmentStarts: input.segmentStarts ?? engine.nullRange,
        out: out.range,
        logSumExp: input.logSumExp ?? engine.nullLse,
        partial,
      },
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
        valueSection: toElements,
        keyScaleSection: sections.keyScale * 4,
        valueScaleSection: sections.valueScale * 4,
      },
      workgroups: tiles * splits,
      cost: {
        flops: 4 * pairs * seen * headDim,
        bytes: 2 * keyCount * numKeyValueHeads * kvRowVectors(kv) * 16 + 8 * pairs * headDim,
      },
    });
    if (!carry) slice += splits;
  });
  if (carry) return;
  sink.dispatch({
    kernel: attentionCombineKernel,
    variant: { overrides: { HAS_LSE: input.logSumExp ? 1 : 0 } },
    buffers: { partial, out: out.range, logSumExp: input.logSumExp ?? engine.nullOutput },
    params: {
      rows,
      heads: numHeads,
      vectors: headDim / 4,
      slices,
      outStart: vectors(out).start,
      outStride: vectors(out).stride,
    },
    workgroups: Math.ceil((rows * numHeads * headDim) / 4 / 32),
    cost: { flops: 4 * slices * rows * numHeads * headDim, bytes: 4 * slices * rows * numHeads * headDim },
  });
}
