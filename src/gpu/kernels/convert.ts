import type { BufferRange } from '../buffers.ts';
import type { Weight } from '../tensors.ts';

/** Number formats in which checkpoints arrive. */
export type SourceType = 'f32' | 'f16' | 'bf16';

/**
 * Inputs of `convertRows`: raw little-endian numbers of rows [firstRow, firstRow + rows) of a checkpoint tensor, as
 * they lie in the file, become rows of a weight in its own type (int8 and int4 are quantised here).
 */
export interface ConvertRows {
  /** [rows, cols] numbers; padded to a multiple of 4 bytes. */
  readonly source: BufferRange;
  readonly sourceType: SourceType;
  readonly rows: number;
  readonly target: Weight;
  readonly firstRow: number;
}
