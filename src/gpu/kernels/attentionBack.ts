import { assert } from '../../core/assert.ts';
import inputSource from '../../../shaders/backward/attention_input_back.wgsl?raw';
import keyQuadSource from '../../../shaders/backward/attention_key_quad.wgsl?raw';
import keyTileSource from '../../../shaders/backward/attention_key_tile.wgsl?raw';
import keyThreadSource from '../../../shaders/backward/attention_key_thread.wgsl?raw';
import queryQuadSource from '../../../shaders/backward/attention_query_quad.wgsl?raw';
import queryTileSource from '../../../shaders/backward/attention_query_tile.wgsl?raw';
import queryThreadSource from '../../../shaders/backward/attention_query_thread.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import type { EngineDevice } from '../device.ts';
import { defineKernel, type KernelSink, type KernelVariant } from '../kernel.ts';
import { kvPageSections, type KvLayout, type KvPage, type Rows } from '../tensors.ts';
import { quadOwned, quadVariant } from './attention.ts';
import { checkShape, headLanes, sureLanes, vectors } from './common.ts';

/**
 * Inputs of `attentionBack`: gradients of q, k and v (as attention takes them: normed and rotated) from that of its
 * output, in O(T) memory. Scores are made again from the saved log-sum-exp; one kernel owns queries, one owns keys, and
 * key gradients are summed over the query heads of their group inside. Rows are tokens 0 … T-1, all in the pages (f32).
 */
export interface AttentionBack {
  /** [T, H·D] */
  readonly q: Rows;
  readonly numHeads: number;
  readonly kv: KvLayout;
  readonly pages: readonly KvPage[];
  readonly scale: number;
  /** u32 [T]: first row of each row's document, and the row behind its last; null when all belongs to one. */
  readonly segments: { readonly starts: BufferRange; readonly ends: BufferRange } | null;
  readonly window: number;
  /** [T, H·D]: the output, and its gradient. */
  readonly out: Rows;
  readonly gradOut: Rows;
  /** f32 [T, H] */
  readonly logSumExp: BufferRange;
  /** f32 [T, H], scratch for Σ_d gradOut · out. */
  readonly delta: BufferRange;
  /** [T, (H + 2K)·D]: gradients of query heads, key heads, value heads. */
  readonly grad: Rows;
}

/** Inputs of `attentionInputBack`: `grad` becomes that of the q/k/v projection's output, in place. */
export interface AttentionInputBack {
  /** [T, (H + 2K)·D]: the projection's output. */
  readonly qkv: Rows;
  readonly numHeads: number;
  readonly kv: KvLayout;
  readonly qNorm: BufferRange | null;
  readonly kNorm: BufferRange | null;
  readonly eps: number;
  readonly rope: BufferRange | null;
  readonly positions: BufferRange;
  /** [T, (H + 2K)·D] */
  readonly grad: Rows;
}

const params = {
  rows: 'u32',
  heads: 'u32',
  kvHeads: 'u32',
  pageFirst: 'u32',
  keyCount: 'u32',
  window: 'u32',
  scale: 'f32',
  qStart: 'u32',
  qStride: 'u32',
  outStart: 'u32',
  outStride: 'u32',
  gradOutStart: 'u32',
  gradOutStride: 'u32',
  gradStart: 'u32',
  gradStride: 'u32',
  valueColumns: 'u32',
  valueSection: 'u32',
  vectors: 'u32',
  hasSegments: 'u32',
  accumulates: 'u32',
} as const;
const queryBindings = {
  q: 'read',
  page: 'read',
  segmentStarts: 'read',
  out: 'read',
  gradOut: 'read',
  logSumExp: 'read',
  delta: 'read_write',
  grad: 'read_write',
} as const;
const keyBindings = {
  q: 'read',
  page: 'read',
  segmentEnds: 'read',
  gradOut: 'read',
  logSumExp: 'read',
  delta: 'read',
  grad: 'read_write',
} as const;

/** One thread per (query, head). */
export const attentionQueryThreadKernel = defineKernel({
  name: 'backward/attention_query_thread',
  source: queryThreadSource,
  bindings: queryBindings,
  params,
});

/** One thread per (key, kv head). */
export const attentionKeyThreadKernel = defineKernel({
  name: 'backward/attention_key_thread',
  source: keyThreadSource,
  bindings: keyBindings,
  params,
});

/** One thread per four (query, head) pairs, for heads of 32 and 64. */
export const attentionQueryQuadKernel = defineKernel({
  name: 'backward/attention_query_quad',
  source: queryQuadSource,
  bindings: queryBindings,
  params,
});

/** One thread per four keys, for heads of 32 and 64. */
export const attentionKeyQuadKernel = defineKernel({
  name: 'backward/attention_key_quad',
  source: keyQuadSource,
  bindings: keyBindings,
  params,
});

/** A workgroup per 32 (query, head) pairs, staged in shared memory. */
export const attentionQueryTileKernel = defineKernel({
  name: 'backward/attention_query_tile',
  source: queryTileSource,
  bindings: queryBindings,
  params,
});

/** A workgroup per 32 keys of a kv head, staged in shared memory. */
export const attentionKeyTileKernel = defineKernel({
  name: 'backward/attention_key_tile',
  source: keyTileSource,
  bindings: keyBindings,
  params,
});

export const attentionInputBackKernel = defineKernel({
  name: 'backward/attention_input_back',
  source: inputSource,
  bindings: {
    qkv: 'read',
    qNorm: 'read',
    kNorm: 'read',
    rope: 'read',
    positions: 'read',
    grad: 'read_write',
  },
  params: {
    rows: 'u32',
    heads: 'u32',
    queryHeads: 'u32',
    half: 'u32',
    eps: 'f32',
    inputStart: 'u32',
    inputStride: 'u32',
    gradStart: 'u32',
    gradStride: 'u32',
    hasNorm: 'u32',
    hasRope: 'u32',
  },
});

/** Pairs or keys that a workgroup owns, quads apart. */
const threads = 32;

function planAttentionBack(engine: EngineDevice, headDim: number) {
  if (engine.choices.attention === 'tile') {
    const variant: KernelVariant = { constants: { CHUNKS: headDim <= 64 ? 2 : headDim <= 128 ? 4 : 8 } };
    return {
      owned: threads,
      query: { kernel: attentionQueryTileKernel, variant },
      key: { kernel: attentionKeyTileKernel, variant },
    };
  }
  const quad = quadVariant(engine, headDim);
  if (quad) {
    return {
      owned: quadOwned,
      query: { kernel: attentionQueryQuadKernel, variant: { ...quad, modules: { keys: quad.modules.keys } } },
      key: { kernel: attentionKeyQuadKernel, variant: { ...quad, modules: { pairs: quad.modules.pairs } } },
    };
  }
  const lanes = sureLanes(engine);
  const suffix = lanes === 0 ? 'plain' : lanes === 4 ? 'lanes4' : 'lanes8';
  // As in forward: small heads are worth unrolled loops.
  const choices = {
    overrides: { WORKGROUP_SIZE: threads },
    constants: {
      D4: headDim <= 64 ? 16 : headDim <= 128 ? 32 : 64,
      FIXED: headDim <= 32 ? headDim / 4 : 0,
    },
  };
  return {
    owned: threads,
    query: {
      kernel: attentionQueryThreadKernel,
      variant: { ...choices, modules: { keys: `keys_${suffix}.wgsl` } },
    },
    key: {
      kernel: attentionKeyThreadKernel,
      variant: { ...choices, modules: { pairs: `pairs_${suffix}.wgsl` } },
    },
  };
}

/** Gradients of attention's inputs, see `AttentionBack`; two dispatches per page. */
export function attentionBack(sink: KernelSink, input: AttentionBack): void {
  const { engine } = sink;
  const { q, numHeads, kv, out, gradOut, grad, segments, window } = input;
  const { headDim, numKeyValueHeads } = kv;
  const rows = q.rows;
  const group = numHeads / numKeyValueHeads;
  checkShape('attentionBack q', q, rows, numHeads * headDim);
  checkShape('attentionBack out', out, rows, numHeads * headDim);
  checkShape('attentionBack gradOut', gradOut, rows, numHeads * headDim);
  checkShape('attentionBack grad', grad, rows, (numHeads + 2 * numKeyValueHeads) * headDim);
  assert(kv.type === 'f32', 'gradients need keys and values in f32');
  assert(headDim % 16 === 0 && headDim <= 256, `head dimension ${headDim}`);
  const plan = planAttentionBack(engine, headDim);
  const visible = window > 0 ? Math.min(window, rows / 2) : rows / 2;
  const pages = input.pages.filter((page) => page.firstToken < rows);
  const common = (page: KvPage) => ({
    rows,
    heads: numHeads,
    kvHeads: numKeyValueHeads,
    pageFirst: page.firstToken,
    keyCount: Math.min(page.capacity, rows - page.firstToken),
    window,
    scale: input.scale,
    qStart: vectors(q).start,
    qStride: vectors(q).stride,
    outStart: vectors(out).start,
    outStride: vectors(out).stride,
    gradOutStart: vectors(gradOut).start,
    gradOutStride: vectors(gradOut).stride,
    gradStride: vectors(grad).stride,
    valueColumns: (numKeyValueHeads * headDim) / 4,
    valueSection: kvPageSections(kv, page.capacity).value,
    vectors: headDim / 4,
    hasSegments: segments ? 1 : 0,
  });
  pages.forEach((page, index) => {
    sink.dispatch({
      kernel: plan.query.kernel,
      variant: plan.query.variant,
      buffers: {
        q: q.range,
        page: page.range,
        segmentStarts: segments?.starts ?? engine.nullRange,
        out: out.range,
        gradOut: gradOut.range,
        logSumExp: input.logSumExp,
        delta: input.delta,
        grad: grad.range,
      },
      params: { ...common(page), gradStart: vectors(grad).start, accumulates: index > 0 ? 1 : 0 },
      workgroups: Math.ceil((rows * group) / plan.owned) * numKeyValueHeads,
      cost: {
        flops: (6 * rows * visible * numHeads * headDim) / pages.length,
        bytes: 16 * rows * numHeads * headDim,
      },
    });
  });
  for (const page of pages) {
    const values = common(page);
    sink.dispatch({
      kernel: plan.key.kernel,
      variant: plan.key.variant,
      buffers: {
        q: q.range,
        page: page.range,
        segmentEnds: segments?.ends ?? engine.nullRange,
        gradOut: gradOut.range,
        logSumExp: input.logSumExp,
        delta: input.delta,
        grad: grad.range,
      },
      params: {
        ...values,
        gradStart: vectors(grad).start + (numHeads * headDim) / 4,
        accumulates: 0,
      },
      workgroups: Math.ceil(values.keyCount / plan.owned) * numKeyValueHeads,
      cost: {
        flops: (8 * rows * visible * numHeads * headDim) / pages.length,
        bytes: 16 * rows * numHeads * headDim,
      },
    });
  }
}

/** Back through rotation and head norms, see `AttentionInputBack`. */
export function attentionInputBack(sink: KernelSink, input: AttentionInputBack): void {
  const { engine } = sink;
  const { qkv, numHeads, kv, grad } = input;
  const heads = numHeads + kv.numKeyValueHeads;
  checkShape('attentionInputBack grad', grad, qkv.rows, qkv.cols);
  const lanes = headLanes(engine, kv.headDim);
  // Without norm and rotation the gradients are what they should be.
  if (!input.qNorm && !input.rope) return;
  sink.dispatch({
    kernel: attentionInputBackKernel,
    variant: { overrides: { LANES: lanes } },
    buffers: {
      qkv: qkv.range,
      qNorm: input.qNorm ?? engine.nullRange,
      kNorm: input.kNorm ?? engine.nullRange,
      rope: input.rope ?? engine.nullRange,
      positions: input.positions,
      grad: grad.range,
    },
    params: {
      rows: qkv.rows,
      heads,
      queryHeads: numHeads,
      half: kv.headDim / 8,
      eps: input.eps,
      inputStart: vectors(qkv).start,
      inputStride: vectors(qkv).stride,
      gradStart: vectors(grad).start,
      gradStride: vectors(grad).stride,
      hasNorm: input.qNorm ? 1 : 0,
      hasRope: input.rope ? 1 : 0,
    },
    workgroups: Math.ceil((qkv.rows * heads * lanes) / 64),
    cost: { flops: 20 * qkv.rows * qkv.cols, bytes: 12 * qkv.rows * qkv.cols },
  });
}
