import source from '../../../shaders/forward/rms_norm.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import type { Rows } from '../tensors.ts';
import { checkShape, reduceModule, vectors } from './common.ts';

/** Inputs of `rmsNorm`: out = x·rsqrt(mean(x²) + eps)·weight per row; with `add`, x + add is normed and also written to `sum`. */
export interface RmsNorm {
  /** [T, C] */
  readonly x: Rows;
  /** f32 [C], padded to a multiple of 4. */
  readonly weight: BufferRange;
  readonly eps: number;
  /** [T, C] */
  readonly out: Rows;
  /** Residual addition fused in: `add` [T, C] is added to x first, the sum goes to `sum` [T, C]. */
  readonly residual?: { readonly add: Rows; readonly sum: Rows };
}

export const rmsNormKernel = defineKernel({
  name: 'forward/rms_norm',
  source,
  bindings: { x: 'read', weight: 'read', add: 'read', out: 'read_write', sum: 'read_write' },
  params: {
    rows: 'u32',
    cols: 'u32',
    vectors: 'u32',
    eps: 'f32',
    xStart: 'u32',
    xStride: 'u32',
    outStart: 'u32',
    outStride: 'u32',
    addStart: 'u32',
    addStride: 'u32',
    sumStart: 'u32',
    sumStride: 'u32',
    hasResidual: 'u32',
  },
});

/** Root-mean-square norm over the rows, see `RmsNorm`. */
export function rmsNorm(sink: KernelSink, { x, weight, eps, out, residual }: RmsNorm): void {
  const { engine } = sink;
  checkShape('rmsNorm out', out, x.rows, x.cols);
  if (residual) {
    checkShape('rmsNorm add', residual.add, x.rows, x.cols);
    checkShape('rmsNorm sum', residual.sum, x.rows, x.cols);
  }
  const add = vectors(residual?.add ?? x);
  const sum = vectors(residual?.sum ?? x);
  sink.dispatch({
    kernel: rmsNormKernel,
    variant: {
      overrides: { WORKGROUP_SIZE: engine.choices.rowThreads },
      modules: { reduce: reduceModule(engine) },
    },
    buffers: {
      x: x.range,
      weight,
      add: residual?.add.range ?? engine.nullRange,
      out: out.range,
      sum: residual?.sum.range ?? engine.nullOutput,
    },
    params: {
      rows: x.rows,
      cols: x.cols,
      vectors: Math.ceil(x.cols / 4),
      eps,
      xStart: vectors(x).start,
      xStride: vectors(x).stride,
      outStart: vectors(out).start,
      outStride: vectors(out).stride,
      addStart: add.start,
      addStride: add.stride,
      sumStart: sum.start,
      sumStride: sum.stride,
      hasResidual: residual ? 1 : 0,
    },
    workgroups: x.rows,
    cost: { flops: 4 * x.rows * x.cols, bytes: (residual ? 20 : 12) * x.rows * x.cols },
  });
}
