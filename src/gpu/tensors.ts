import { assert } from '../core/assert.ts';
import { bindingAlignment, roundUp, subRange, type BufferRange, type Buffers } from './buffers.ts';

/**
 * A matrix of f32 activations, row-major. `stride` and `start` count f32 elements and are multiples of 4, so
 * that kernels load vec4; columns `cols … stride-1` are padding, which every producer writes as zero.
 */
export interface Rows {
  readonly range: BufferRange;
  readonly rows: number;
  readonly cols: number;
  readonly stride: number;
  /** First element within the range. */
  readonly start: number;
}

/** Elements from one row to the next for `cols` columns. */
export function rowStride(cols: number): number {
  return roundUp(cols, 4);
}

/** Bytes of `[rows, cols]` f32 activations. */
export function rowsBytes(rows: number, cols: number): number {
  return Math.max(rows * rowStride(cols) * 4, 16);
}

/** Views a range as `[rows, cols]` f32. */
export function asRows(range: BufferRange, rows: number, cols: number): Rows {
  assert(rowsBytes(rows, cols) <= range.size, `[${rows}, ${cols}] does not fit ${range.buffer.label}`);
  return { range, rows, cols, stride: rowStride(cols), start: 0 };
}

/** A new zeroed `[rows, cols]` buffer, owned by the caller. */
export function createRows(buffers: Buffers, label: string, rows: number, cols: number): Rows {
  return asRows(buffers.range(label, rowsBytes(rows, cols)), rows, cols);
}

/** Rows [first, first + count) of a matrix, without copying. */
export function sliceRows(x: Rows, first: number, count: number): Rows {
  assert(first >= 0 && first + count <= x.rows, `rows ${first}+${count} of ${x.rows}`);
  return { ...x, rows: count, start: x.start + first * x.stride };
}

/** Columns [first, first + count) of a matrix, without copying; `first` is a multiple of 4. */
export function sliceCols(x: Rows, first: number, count: number): Rows {
  assert(first % 4 === 0 && first + count <= x.stride, `columns ${first}+${count} of ${x.cols}`);
  return { ...x, cols: count, start: x.start + first };
}

/** How a weight matrix is kept. int8 and int4 hold one f16 scale per 32 columns of a row. */
export type WeightType = 'f32' | 'f16' | 'int8' | 'int4';

export const weightTypes: readonly WeightType[] = ['f32', 'f16', 'int8', 'int4'];

/** Columns that share a scale. */
export const quantBlock = 32;

/** The number kernels know a weight type by (`override WEIGHT_TYPE`). */
export const weightTypeCode: Readonly<Record<WeightType, number>> = { f32: 0, f16: 1, int8: 2, int4: 3 };

const bitsPerWeight: Readonly<Record<WeightType, number>> = { f32: 32, f16: 16, int8: 8, int4: 4 };

/** Columns as stored: padded with zeros so that a row fills whole vec4<u32> and whole blocks. */
export function paddedCols(type: WeightType, cols: number): number {
  return roundUp(cols, type === 'f32' ? 4 : type === 'f16' ? 8 : quantBlock);
}

/** Bytes of the numbers of `rows` rows (scales not counted). */
function weightDataBytes(type: WeightType, rows: number, cols: number): number {
  return (rows * paddedCols(type, cols) * bitsPerWeight[type]) / 8;
}

/** Bytes of the scales of `rows` rows: f16, two to a u32, rows packed without gaps. */
function weightScaleBytes(type: WeightType, rows: number, cols: number): number {
  if (type === 'f32' || type === 'f16') return 0;
  return roundUp((rows * paddedCols(type, cols) * 2) / quantBlock, 4);
}

/** A block of rows of a weight matrix, small enough for one binding. */
interface WeightPart {
  readonly firstRow: number;
  readonly rows: number;
  readonly data: BufferRange;
  /** null for f32 and f16. */
  readonly scales: BufferRange | null;
}

/** A frozen weight matrix `[rows, cols]` (out features × in features, as in the checkpoint), split by rows. */
export interface Weight {
  readonly label: string;
  readonly type: WeightType;
  readonly rows: number;
  readonly cols: number;
  readonly parts: readonly WeightPart[];
}

/**
 * Rows of one part: as many as fit a binding together with their scales, a multiple of `rowGroup` (an expert's rows, so
 * that no expert is cut), except where a single group is too large already.
 */
function rowsPerPart(
  type: WeightType,
  rows: number,
  cols: number,
  maxBindingBytes: number,
  rowGroup = 1,
): number {
  // Parts start at a multiple of four rows, since the matrix product writes four columns at once.
  const step = rowGroup % 4 === 0 ? rowGroup : rowGroup % 2 === 0 ? rowGroup * 2 : rowGroup * 4;
  if (rows <= step) return rows;
  const stepBytes = weightDataBytes(type, step, cols) + weightScaleBytes(type, step, cols);
  let fit = Math.floor(maxBindingBytes / stepBytes) * step;
  // What aligning the scales takes is not in `stepBytes`.
  while (partBytes(type, fit, cols) > maxBindingBytes) fit -= step;
  assert(
    fit > 0,
    `one group of ${step} rows × ${cols} ${type} exceeds a binding of ${maxBindingBytes} bytes`,
  );
  return Math.min(rows, fit);
}

/** Bytes that `createWeight` will allocate: what the planner counts. */
export function weightBytes(
  type: WeightType,
  rows: number,
  cols: number,
  maxBindingBytes: number,
  rowGroup = 1,
): number {
  const step = rowsPerPart(type, rows, cols, maxBindingBytes, rowGroup);
  let total = 0;
  for (let first = 0; first < rows; first += step) {
    total += partBytes(type, Math.min(step, rows - first), cols);
  }
  return total;
}

function partBytes(type: WeightType, rows: number, cols: number): number {
  const data = weightDataBytes(type, rows, cols);
  const scales = weightScaleBytes(type, rows, cols);
  return scales === 0 ? roundUp(data, 16) : roundUp(data, bindingAlignment) + roundUp(scales, 16);
}

/** Makes the zeroed buffers of a weight, one per part, owned by the caller (`destroyWeight`). */
export function createWeight(
  buffers: Buffers,
  label: string,
  type: WeightType,
  rows: number,
  cols: number,
  maxBindingBytes: number,
  rowGroup = 1,
): Weight {
  const step = rowsPerPart(type, rows, cols, maxBindingBytes, rowGroup);
  const parts: WeightPart[] = [];
  for (let firstRow = 0; firstRow < rows; firstRow += step) {
    const count = Math.min(step, rows - firstRow);
    const range = buffers.range(
      step === rows ? label : `${label} rows ${firstRow}`,
      partBytes(type, count, cols),
    );
    const dataBytes = weightDataBytes(type, count, cols);
    const scaleBytes = weightScaleBytes(type, count, cols);
    parts.push({
      firstRow,
      rows: count,
      data: subRange(range, 0, roundUp(dataBytes, 16)),
      scales:
        scaleBytes === 0
          ? null
          : subRange(range, roundUp(dataBytes, bindingAlignment), roundUp(scaleBytes, 16)),
    });
  }
  return { label, type, rows, cols, parts };
}

export function destroyWeight(buffers: Buffers, weight: Weight): void {
  for (const part of weight.parts) buffers.destroy(part.data.buffer);
}

/** How keys and values are kept. int8 holds one f32 scale per (token, kv head). */
export type KvType = 'f32' | 'f16' | 'int8';

export const kvTypeCode: Readonly<Record<KvType, number>> = { f32: 0, f16: 1, int8: 2 };

/**
 * Keys and values of `capacity` consecutive tokens of one layer: sections K, V, and for int8 the scales of K
 * and V, in one range. A cache is a list of pages; growing it adds a page and copies nothing.
 */
export interface KvPage {
  readonly range: BufferRange;
  readonly firstToken: number;
  readonly capacity: number;
}

/** The shape that all pages of a layer share. */
export interface KvLayout {
  readonly type: KvType;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
}

/** vec4<u32> per (token, kv head) row of K or of V. `headDim` is a multiple of 16. */
export function kvRowVectors(layout: KvLayout): number {
  return (layout.headDim * (layout.type === 'f32' ? 4 : layout.type === 'f16' ? 2 : 1)) / 16;
}

/** Starts of the sections of a page in vec4<u32> units, and its size in bytes. */
export function kvPageSections(
  layout: KvLayout,
  capacity: number,
): { value: number; keyScale: number; valueScale: number; sizeBytes: number } {
  const rows = capacity * layout.numKeyValueHeads;
  const section = rows * kvRowVectors(layout);
  const scaleSection = layout.type === 'int8' ? Math.ceil(rows / 4) : 0;
  return {
    value: section,
    keyScale: 2 * section,
    valueScale: 2 * section + scaleSection,
    sizeBytes: (2 * section + 2 * scaleSection) * 16,
  };
}
