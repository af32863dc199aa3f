import source from '../../../shaders/backward/dropout.wgsl?raw';
import { defineKernel, type KernelSink } from '../kernel.ts';
import type { Rows } from '../tensors.ts';
import { checkShape, vectors } from './common.ts';

/** Inputs of `dropout`: out (+)= x · mask / (1 - rate), the mask a hash of (seed, row, column). */
export interface Dropout {
  /** [T, C] */
  readonly x: Rows;
  /** [T, C], or with `copies` [T · copies, C]: each row as often in a row, every copy with a mask of its own. */
  readonly out: Rows;
  readonly copies?: number;
  readonly rate: number;
  /** u32 */
  readonly seed: number;
  /** Number of the first row, so that chunks of one matrix get the mask of the whole. */
  readonly firstRow?: number;
  readonly accumulate?: boolean;
}

export const dropoutKernel = defineKernel({
  name: 'backward/dropout',
  source,
  bindings: { x: 'read', out: 'read_write' },
  params: {
    rows: 'u32',
    vectors: 'u32',
    seed: 'u32',
    firstRow: 'u32',
    copies: 'u32',
    threshold: 'u32',
    factor: 'f32',
    xStart: 'u32',
    xStride: 'u32',
    outStart: 'u32',
    outStride: 'u32',
    accumulates: 'u32',
  },
});

/** Drops elements at random, the same ones for the same seed; see `Dropout`. */
export function dropout(sink: KernelSink, input: Dropout): void {
  const { x, out, rate, seed, firstRow = 0, copies = 1, accumulate = false } = input;
  checkShape('dropout out', out, x.rows * copies, x.cols);
  const rowVectors = Math.ceil(x.cols / 4);
  sink.dispatch({
    kernel: dropoutKernel,
    variant: {},
    buffers: { x: x.range, out: out.range },
    params: {
      rows: out.rows,
      vectors: rowVectors,
      seed,
      firstRow,
      copies,
      threshold: Math.floor(rate * 2 ** 32),
      factor: 1 / (1 - rate),
      xStart: vectors(x).start,
      xStride: vectors(x).stride,
      outStart: vectors(out).start,
      outStride: vectors(out).stride,
      accumulates: accumulate ? 1 : 0,
    },
    workgroups: Math.ceil((out.rows * rowVectors) / 64),
    cost: { flops: 20 * out.rows * x.cols, bytes: 12 * out.rows * x.cols },
  });
}
