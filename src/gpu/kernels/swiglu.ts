import type { Rows } from '../tensors.ts';

/** Inputs of `swiglu`: out[T, I] = silu(gateUp[:, 0…I-1]) · gateUp[:, I…2·I-1]. I is a multiple of 4. */
export interface Swiglu {
  /** [T, 2·I] */
  readonly gateUp: Rows;
  /** [T, I] */
  readonly out: Rows;
}
