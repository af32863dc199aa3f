import type { BufferRange } from '../buffers.ts';
import type { Rows } from '../tensors.ts';

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
