import source from '../../../shaders/backward/rms_norm_back.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import type { Rows } from '../tensors.ts';
import { checkShape, groupReduction, vectors } from './common.ts';

/** Inputs of `rmsNormBack`: dx (+)= gradient of the norm of `x` by x, given that of its result, `dy`. */
export interface RmsNormBack {
  /** [T, C], what was normed. */
  readonly x: Rows;
  /** f32 [C], frozen. */
  readonly weight: BufferRange;
  readonly eps: number;
  /** [rows, C] */
  readonly dy: Rows;
  /** [T, C] */
  readonly dx: Rows;
  readonly accumulate?: boolean;
  /** u32 [rows]: the row of x and dx that each row of dy belongs to, each at most once; null for the same rows. */
  readonly rowIndex?: BufferRange | null;
}

export const rmsNormBackKernel = defineKernel({
  name: 'backward/rms_norm_back',
  source,
  bindings: { x: 'read', weight: 'read', dy: 'read', rowIndex: 'read', dx: 'read_write' },
  params: {
    cols: 'u32',
    vectors: 'u32',
    eps: 'f32',
    xStart: 'u32',
    xStride: 'u32',
    dyStart: 'u32',
    dyStride: 'u32',
    dxStart: 'u32',
    dxStride: 'u32',
    gathered: 'u32',
    accumulates: 'u32',
  },
});

/** Gradient of the root-mean-square norm, see `RmsNormBack`. */
export function rmsNormBack(sink: KernelSink, input: RmsNormBack): void {
  const { engine } = sink;
  const { x, weight, eps, dy, dx, accumulate = false, rowIndex = null } = input;
  checkShape('rmsNormBack dy', dy, dy.rows, x.cols);
  checkShape('rmsNormBack dx', dx, rowIndex ? dx.rows : dy.rows, x.cols);
  sink.dispatch({
    kernel: rmsNormBackKernel,
    variant: groupReduction(engine),
    buffers: { x: x.range, weight, dy: dy.range, rowIndex: rowIndex ?? engine.nullRange, dx: dx.range },
    params: {
      cols: x.cols,
      vectors: Math.ceil(x.cols / 4),
      eps,
      xStart: vectors(x).start,
      xStride: vectors(x).stride,
      dyStart: vectors(dy).start,
      dyStride: vectors(dy).stride,
      dxStart: vectors(dx).start,
      dxStride: vectors(dx).stride,
      gathered: rowIndex ? 1 : 0,
      accumulates: accumulate ? 1 : 0,
    },
    workgroups: dy.rows,
    cost: { flops: 12 * dy.rows * x.cols, bytes: 24 * dy.rows * x.cols },
  });
}
