import type { BufferRange } from '../buffers.ts';
import type { Rows, Weight } from '../tensors.ts';

/**
 * Inputs of `matmul`: out[T, N] = x[T, K] · weight[N, K]ᵀ (+ bias[N]) (+ residual[T, N]). Any weight type; up to 8
 * rows run as matrix-vector products. `residual` may not be `out` itself.
 */
export interface Matmul {
  readonly x: Rows;
  readonly weight: Weight;
  readonly out: Rows;
  /** f32 [N] */
  readonly bias?: BufferRange | null;
  readonly residual?: Rows | null;
}

/** Inputs of `gatedMatmul`: out[T, I] = silu(x · gateᵀ) · (x · upᵀ), the gate rows first in `weight` [2·I, C]. */
export interface GatedMatmul {
  readonly x: Rows;
  readonly weight: Weight;
  readonly out: Rows;
}
