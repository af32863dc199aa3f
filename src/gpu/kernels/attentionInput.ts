import { assert } from '../../core/assert.ts';
import source from '../../../shaders/forward/attention_input.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import { kvPageSections, kvTypeCode, type KvLayout, type KvPage, type Rows } from '../tensors.ts';
import { checkShape, headLanes, vectors } from './common.ts';

/**
 * Inputs of `attentionInput`: splits the output of the q/k/v projection, norms q and k per head (if weights are
 * given), rotates them (half-split pairs j, j + D/2), writes q out and k, v into the cache.
 */
export interface AttentionInput {
  /** [T, (H + 2·K)·D]: query heads, key heads, value heads. */
  readonly qkv: Rows;
  readonly numHeads: number;
  readonly kv: KvLayout;
  /** f32 [D] each; null where the model has no QK-norm. */
  readonly qNorm: BufferRange | null;
  readonly kNorm: BufferRange | null;
  readonly eps: number;
  /** f32 [positions, D]: cos of the D/2 angles, then their sin; null for layers without rotation. */
  readonly rope: BufferRange | null;
  /** u32 [T]: row of `rope` for each token (restarts in packed documents). */
  readonly positions: BufferRange;
  /** The cache's pages, in order and without gaps; tokens firstToken … firstToken + T - 1 must lie inside. */
  readonly pages: readonly KvPage[];
  readonly firstToken: number;
  /** [T, H·D] */
  readonly q: Rows;
}

export const attentionInputKernel = defineKernel({
  name: 'forward/attention_input',
  source,
  bindings: {
    qkv: 'read',
    qNorm: 'read',
    kNorm: 'read',
    rope: 'read',
    positions: 'read',
    q: 'read_write',
    page: 'read_write',
  },
  params: {
    rows: 'u32',
    heads: 'u32',
    kvHeads: 'u32',
    half: 'u32',
    eps: 'f32',
    firstRow: 'u32',
    pageRow: 'u32',
    inputStart: 'u32',
    inputStride: 'u32',
    outStart: 'u32',
    outStride: 'u32',
    valueSection: 'u32',
    keyScaleSection: 'u32',
    valueScaleSection: 'u32',
    hasNorm: 'u32',
    hasRope: 'u32',
  },
});

/** Norms, rotates and stores queries, keys and values, see `AttentionInput`; one dispatch per page written. */
export function attentionInput(sink: KernelSink, input: AttentionInput): void {
  const { engine } = sink;
  const { qkv, numHeads, kv, pages, firstToken, q } = input;
  const { headDim, numKeyValueHeads } = kv;
  assert(headDim % 16 === 0, `head dimension ${headDim} is not a multiple of 16`);
  assert((input.qNorm === null) === (input.kNorm === null), 'q and k are normed both or not at all');
  const allHeads = numHeads + 2 * numKeyValueHeads;
  checkShape('attentionInput qkv', qkv, qkv.rows, allHeads * headDim);
  checkShape('attentionInput q', q, qkv.rows, numHeads * headDim);
  const lanes = headLanes(engine, headDim);
  let written = 0;
  for (const page of pages) {
    const first = Math.max(firstToken, page.firstToken);
    const end = Math.min(firstToken + qkv.rows, page.firstToken + page.capacity);
    if (first >= end) continue;
    const sections = kvPageSections(kv, page.capacity);
    sink.dispatch({
      kernel: attentionInputKernel,
      variant: {
        overrides: {
          LANES: lanes,
          KV_TYPE: kvTypeCode[kv.type],
        },
      },
      buffers: {
        qkv: qkv.range,
        qNorm: input.qNorm ?? engine.nullRange,
        kNorm: input.kNorm ?? engine.nullRange,
        rope: input.rope ?? engine.nullRange,
        positions: input.positions,
        q: q.range,
        page: page.range,
      },
      params: {
        rows: end - first,
        heads: numHeads,
        kvHeads: numKeyValueHeads,
        half: headDim / 8,
        eps: input.eps,
        firstRow: first - firstToken,
        pageRow: first - page.firstToken,
        inputStart: vectors(qkv).start,
        inputStride: vectors(qkv).stride,
        outStart: vectors(q).start,
        outStride: vectors(q).stride,
        // Sections count vec4<u32>, the kernel u32.
        valueSection: sections.value * 4,
        keyScaleSection: sections.keyScale * 4,
        valueScaleSection: sections.valueScale * 4,
        hasNorm: input.qNorm ? 1 : 0,
        hasRope: input.rope ? 1 : 0,
      },
      workgroups: Math.ceil(((end - first) * allHeads * lanes) / 64),
      cost: { flops: 12 * (end - first) * allHeads * headDim, bytes: 8 * (end - first) * allHeads * headDim },
    });
    written += end - first;
  }
  assert(written === qkv.rows, `${qkv.rows - written} tokens lie outside the pages of the cache`);
}
