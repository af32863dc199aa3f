import type { BufferRange } from '../buffers.ts';
import type { Rows, Weight } from '../tensors.ts';

/** Inputs of `embedTokens`: out[t] = table[tokens[t]]. */
export interface EmbedTokens {
  /** u32 [T]; an id outside the table gives a row of zeros. */
  readonly tokens: BufferRange;
  /** [V, C] in any weight type, split over any number of parts. */
  readonly table: Weight;
  /** [T, C] */
  readonly out: Rows;
}
