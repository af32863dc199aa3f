import source from '../../../shaders/forward/rms_norm.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import type { Rows } from '../tensors.ts';
import { checkShape, rowReduction, vectors } from './common.ts';

/** Inputs of `rmsNorm`: out = x·rsqrt(mean(x²) + eps)·weight per row. */
export interface RmsNorm {
  /** [T, C] */
  readonly x: Rows;
  /** f32 [C], padded to a multiple of 4. */
  readonly weight: BufferRange;
  readonly eps: number;
  /** [T, C] */
  readonly out: Rows;
}

export const rmsNormKernel = defineKernel({
  name: 'forward/rms_norm',
  source,
  bindings: { x: 'read', weight: 'read', out: 'read_write' },
  params: {
    rows: 'u32',
    cols: 'u32',
    vectors: 'u32',
    eps: 'f32',
    xStart: 'u32',
    xStride: 'u32',
    outStart: 'u32',
    outStride: 'u32',
  },
});

/** Root-mean-square norm over the rows, see `RmsNorm`. */
export function rmsNorm(sink: KernelSink, { x, weight, eps, out }: RmsNorm): void {
  const { engine } = sink;
  checkShape('rmsNorm out', out, x.rows, x.cols);
  const { variant, workgroups } = rowReduction(engine, x.rows);
  sink.dispatch({
    kernel: rmsNormKernel,
    variant,
    buffers: { x: x.range, weight, out: out.range },
    params: {
      rows: x.rows,
      cols: x.cols,
      vectors: Math.ceil(x.cols / 4),
      eps,
      xStart: vectors(x).start,
      xStride: vectors(x).stride,
      outStart: vectors(out).start,
      outStride: vectors(out).stride,
    },
    workgroups,
    cost: { flops: 4 * x.rows * x.cols, bytes: 12 * x.rows * x.cols },
  });
}
