import { assert } from '../../core/assert.ts';
import outerSource from '../../../shaders/backward/outer_sum.wgsl?raw';
import slicesSource from '../../../shaders/backward/sum_slices.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import type { Rows } from '../tensors.ts';
import { vectors } from './common.ts';
import type { ExpertSegments } from './moe.ts';

/**
 * Inputs of `outerSum`: grad[M, N] += scale · Σ_r p[r, M]ᵀ · q[r, N], the gradient of a low-rank matrix. Over expert
 * segments rows are sorted rows and every expert has its own [M, N], unless `shared`. Sums have a fixed order.
 */
export interface OuterSum {
  /** [rows, M]; with `pTokens` [T, M], gathered by the token of a sorted row. M and N are multiples of 4. */
  readonly p: Rows;
  readonly q: Rows;
  /** f32 [M, N], or [E, M, N]. */
  readonly grad: BufferRange;
  readonly scale?: number;
  readonly experts?: {
    readonly segments: ExpertSegments;
    readonly perToken: number;
    /** One matrix for all experts. */
    readonly shared: boolean;
    readonly pTokens: boolean;
    readonly qTokens: boolean;
    /** f32 [T, k]: rows count by their pair's weight. */
    readonly weights?: BufferRange | null;
  };
}

export const outerSumKernel = defineKernel({
  name: 'backward/outer_sum',
  source: outerSource,
  bindings: { p: 'read', q: 'read', order: 'read', tiles: 'read', weights: 'read', g: 'read_write' },
  params: {
    rows: 'u32',
    slices: 'u32',
    rowsPerSlice: 'u32',
    mVectors: 'u32',
    nVectors: 'u32',
    pStart: 'u32',
    pStride: 'u32',
    qStart: 'u32',
    qStride: 'u32',
    gStart: 'u32',
    gSlice: 'u32',
    perToken: 'u32',
    grouped: 'u32',
    pTokens: 'u32',
    qTokens: 'u32',
    weighted: 'u32',
    scale: 'f32',
    accumulates: 'u32',
  },
});

export const sumSlicesKernel = defineKernel({
  name: 'backward/sum_slices',
  source: slicesSource,
  bindings: { parts: 'read', g: 'read_write' },
  params: { vectors: 'u32', slices: 'u32', gStart: 'u32' },
});

/** Fewest rows worth a slice. */
const minSliceRows = 64;

/** The gradient of a low-rank matrix, see `OuterSum`. */
export function outerSum(sink: KernelSink, { p, q, grad, scale = 1, experts }: OuterSum): void {
  const { engine } = sink;
  assert(p.cols % 4 === 0 && q.cols % 4 === 0, `outerSum of [${p.cols}] × [${q.cols}]`);
  const rows = experts ? experts.segments.pairs : p.rows;
  assert(experts !== undefined || q.rows === rows, `outerSum of ${p.rows} and ${q.rows} rows`);
  const mVectors = p.cols / 4;
  const nVectors = q.cols / 4;
  const matrix = p.cols * nVectors;
  const grouped = experts !== undefined && !experts.shared;
  const wanted = engine.facts.software ? 128 : 8192;
  const cut = grouped
    ? 1
    : Math.max(1, Math.min(Math.ceil(wanted / (mVectors * nVectors)), Math.floor(rows / minSliceRows)));
  const rowsPerSlice = Math.ceil(rows / cut);
  const slices = grouped ? experts.segments.experts : Math.ceil(rows / rowsPerSlice);
  const direct = grouped || slices === 1;
  const target = direct ? grad : sink.scratch('outer sum', slices * matrix * 16);
  const threads = engine.choices.flatThreads;
  sink.dispatch({
    kernel: outerSumKernel,
    variant: { overrides: { WORKGROUP_SIZE: threads } },
    buffers: {
      p: p.range,
      q: q.range,
      order: experts?.segments.order ?? engine.nullRange,
      tiles: experts?.segments.tiles ?? engine.nullRange,
      weights: experts?.weights ?? engine.nullRange,
      g: target,
    },
    params: {
      rows,
      slices,
      rowsPerSlice,
      mVectors,
      nVectors,
      pStart: vectors(p).start,
      pStride: vectors(p).stride,
      qStart: vectors(q).start,
      qStride: vectors(q).stride,
      gStart: 0,
      gSlice: matrix,
      perToken: experts?.perToken ?? 1,
      grouped: grouped ? 1 : 0,
      pTokens: experts?.pTokens ? 1 : 0,
      qTokens: experts?.qTokens ? 1 : 0,
      weighted: experts?.weights ? 1 : 0,
      scale,
      accumulates: direct ? 1 : 0,
    },
    workgroups: Math.ceil((slices * mVectors * nVectors) / threads),
    cost: { flops: 2 * rows * p.cols * q.cols, bytes: 4 * rows * (p.cols + q.cols) },
  });
  if (direct) return;
  sink.dispatch({
    kernel: sumSlicesKernel,
    variant: {},
    buffers: { parts: target, g: grad },
    params: { vectors: matrix, slices, gStart: 0 },
    workgroups: Math.ceil(matrix / 64),
    cost: { flops: slices * matrix * 4, bytes: slices * matrix * 16 },
  });
}
