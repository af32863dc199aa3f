import { assert } from '../../core/assert.ts';
import source from '../../../shaders/forward/convert_rows.wgsl?raw';
import type { BufferRange } from '../buffers.ts';
import { defineKernel, type KernelSink } from '../kernel.ts';
import { paddedCols, quantBlock, weightTypeCode, type Weight } from '../tensors.ts';

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
  /** First number within `source`; 0 when absent. */
  readonly sourceFirst?: number;
  readonly rows: number;
  readonly target: Weight;
  readonly firstRow: number;
}

const sourceTypeCode: Readonly<Record<SourceType, number>> = { f32: 0, f16: 1, bf16: 2 };

/** Bytes of `count` numbers as they lie in a checkpoint. */
function sourceBytes(type: SourceType, count: number): number {
  return count * (type === 'f32' ? 4 : 2);
}

export const convertKernel = defineKernel({
  name: 'forward/convert_rows',
  source,
  bindings: { source: 'read', data: 'read_write', scales: 'read_write' },
  params: {
    rows: 'u32',
    cols: 'u32',
    blocks: 'u32',
    rowWords: 'u32',
    firstRow: 'u32',
    sourceFirst: 'u32',
  },
});

/**
 * Rows that a chunk of a tensor must be a multiple of (but for its last chunk): two rows' scales may share a word,
 * which only one call may write.
 */
export const convertRowStep = 2;

/** Converts or quantises raw rows into a weight, see `ConvertRows`. `firstRow` is even for int8 and int4. */
export function convertRows(sink: KernelSink, input: ConvertRows): void {
  const { source: raw, sourceType, rows, target, firstRow } = input;
  const { type, cols } = target;
  const quantised = type === 'int8' || type === 'int4';
  const end = firstRow + rows;
  assert(end <= target.rows, `rows ${firstRow}+${rows} of ${target.label} (${target.rows})`);
  assert(!quantised || firstRow % convertRowStep === 0, `${target.label}: rows start at odd ${firstRow}`);
  for (const part of target.parts) {
    const first = Math.max(firstRow, part.firstRow);
    const count = Math.min(end, part.firstRow + part.rows) - first;
    if (count <= 0) continue;
    const blocks = Math.ceil(paddedCols(type, cols) / quantBlock);
    const threads = quantised ? Math.ceil((count * blocks) / 2) : count * blocks;
    sink.dispatch({
      kernel: convertKernel,
      variant: {
        overrides: { SOURCE_TYPE: sourceTypeCode[sourceType], WEIGHT_TYPE: weightTypeCode[type] },
      },
      buffers: { source: raw, data: part.data, scales: part.scales ?? sink.engine.nullOutput },
      params: {
        rows: count,
        cols,
        blocks,
        rowWords: (paddedCols(type, cols) * { f32: 32, f16: 16, int8: 8, int4: 4 }[type]) / 32,
        firstRow: first - part.firstRow,
        sourceFirst: (input.sourceFirst ?? 0) + (first - firstRow) * cols,
      },
      workgroups: Math.ceil(threads / 64),
      cost: { flops: 8 * count * cols, bytes: sourceBytes(sourceType, count * cols) + part.data.size },
    });
  }
}
