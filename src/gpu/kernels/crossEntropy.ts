import sumSource from '../../../shaders/backward/cross_entropy_sum.wgsl?raw';
import source from '../../../shaders/backward/cross_entropy.wgsl?raw';
import gatherSource from '../../../shaders/backward/gather_rows.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import type { Rows } from '../tensors.ts';
import { checkShape, groupReduction, vectors } from './common.ts';

/** Inputs of `crossEntropy`: losses of a block of rows of logits, which become their own gradients in place. */
export interface CrossEntropy {
  /** [block, V] */
  readonly logits: Rows;
  /** First row of the block among the supervised ones. */
  readonly first: number;
  /** u32 and f32 [S] */
  readonly labels: BufferRange;
  readonly weights: BufferRange;
  /** vec4 [S]: weight · loss, whether the label is the most probable token, entropy. */
  readonly rows: BufferRange;
  /** Of the gradient: usually one by the sum of all weights; null leaves the logits as they are. */
  readonly scale: number | null;
}

export const crossEntropyKernel = defineKernel({
  name: 'backward/cross_entropy',
  source,
  bindings: { labels: 'read', weights: 'read', logits: 'read_write', rows: 'read_write' },
  params: {
    first: 'u32',
    vocabulary: 'u32',
    logitStart: 'u32',
    logitStride: 'u32',
    scale: 'f32',
    differentiates: 'u32',
  },
});

export const crossEntropySumKernel = defineKernel({
  name: 'backward/cross_entropy_sum',
  source: sumSource,
  bindings: { rows: 'read', statistics: 'read_write' },
  params: { count: 'u32' },
});

export const gatherRowsKernel = defineKernel({
  name: 'backward/gather_rows',
  source: gatherSource,
  bindings: { x: 'read', rowIndex: 'read', out: 'read_write' },
  params: {
    rows: 'u32',
    vectors: 'u32',
    firstRow: 'u32',
    xStart: 'u32',
    xStride: 'u32',
    outStart: 'u32',
    outStride: 'u32',
  },
});

/** Loss and gradient of a block of logits, see `CrossEntropy`. */
export function crossEntropy(sink: KernelSink, input: CrossEntropy): void {
  const { engine } = sink;
  const { logits } = input;
  sink.dispatch({
    kernel: crossEntropyKernel,
    variant: groupReduction(engine),
    buffers: { labels: input.labels, weights: input.weights, logits: logits.range, rows: input.rows },
    params: {
      first: input.first,
      vocabulary: logits.cols,
      logitStart: logits.start,
      logitStride: logits.stride,
      scale: input.scale ?? 0,
      differentiates: input.scale === null ? 0 : 1,
    },
    workgroups: logits.rows,
    cost: { flops: 16 * logits.rows * logits.cols, bytes: 12 * logits.rows * logits.cols },
  });
}

/** Adds the first `count` rows' numbers to the step's statistics, in a fixed order. */
export function crossEntropySum(
  sink: KernelSink,
  rows: BufferRange,
  count: number,
  statistics: BufferRange,
): void {
  sink.dispatch({
    kernel: crossEntropySumKernel,
    variant: {},
    buffers: { rows, statistics },
    params: { count },
    workgroups: 1,
    cost: { flops: 4 * count, bytes: 16 * count },
  });
}

/** out[r] = x[rowIndex[firstRow + r]] */
export function gatherRows(
  sink: KernelSink,
  x: Rows,
  rowIndex: BufferRange,
  firstRow: number,
  out: Rows,
): void {
  checkShape('gatherRows out', out, out.rows, x.cols);
  const rowVectors = Math.ceil(x.cols / 4);
  sink.dispatch({
    kernel: gatherRowsKernel,
    variant: {},
    buffers: { x: x.range, rowIndex, out: out.range },
    params: {
      rows: out.rows,
      vectors: rowVectors,
      firstRow,
      xStart: vectors(x).start,
      xStride: vectors(x).stride,
      outStart: vectors(out).start,
      outStride: vectors(out).stride,
    },
    workgroups: Math.ceil((out.rows * rowVectors) / 64),
    cost: { flops: out.rows * x.cols, bytes: 8 * out.rows * x.cols },
  });
}
