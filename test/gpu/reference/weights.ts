import { paddedCols, quantBlock, type WeightType } from '../../../src/gpu/tensors.ts';
import { fromHalf, toHalf, type Matrix } from './numbers.ts';

/** A weight matrix as bytes for the GPU, and the values those bytes stand for. */
export interface PackedWeight {
  readonly data: Uint32Array<ArrayBuffer>;
  readonly scales: Uint32Array<ArrayBuffer>;
  readonly values: Matrix;
}

/** Packs rows [first, first + rows) in a weight type, the way the engine's own conversion does. */
export function packWeight(type: WeightType, source: Matrix, first = 0, rows = source.rows): PackedWeight {
  const { cols } = source;
  const padded = paddedCols(type, cols);
  const values = new Float64Array(rows * cols);
  const at = (r: number, c: number): number => (c < cols ? source.data[(first + r) * cols + c]! : 0);
  const set = (r: number, c: number, value: number): void => {
    if (c < cols) values[r * cols + c] = value;
  };
  const result = (data: Uint32Array<ArrayBuffer>, scales: Uint16Array<ArrayBuffer>): PackedWeight => ({
    data,
    scales: new Uint32Array(scales.buffer),
    values: { rows, cols, data: values },
  });
  if (type === 'f32') {
    const data = new Float32Array(rows * padded);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < padded; c++) {
        data[r * padded + c] = at(r, c);
        set(r, c, at(r, c));
      }
    return result(new Uint32Array(data.buffer), new Uint16Array(0));
  }
  if (type === 'f16') {
    const data = new Uint16Array(rows * padded);
    for (let r = 0; r < rows; r++)
      for (let c = 0; c < padded; c++) {
        data[r * padded + c] = toHalf(at(r, c));
        set(r, c, fromHalf(toHalf(at(r, c))));
      }
    return result(new Uint32Array(data.buffer), new Uint16Array(0));
  }
  const blocks = padded / quantBlock;
  const bytes = new Uint8Array((rows * padded) / (type === 'int8' ? 1 : 2));
  const scales = new Uint16Array(Math.ceil((rows * blocks) / 2) * 2);
  for (let r = 0; r < rows; r++) {
    for (let b = 0; b < blocks; b++) {
      let extreme = 0;
      for (let c = b * quantBlock; c < (b + 1) * quantBlock; c++) {
        if (Math.abs(at(r, c)) > Math.abs(extreme)) extreme = at(r, c);
      }
      // int8: the largest magnitude becomes 127; int4: the largest, with its sign, becomes -8.
      const half = toHalf(Math.fround(type === 'int8' ? Math.abs(extreme) / 127 : extreme / -8));
      const scale = fromHalf(half);
      scales[r * blocks + b] = half;
      for (let c = b * quantBlock; c < (b + 1) * quantBlock; c++) {
        const ratio = scale === 0 ? 0 : Math.fround(at(r, c) * Math.fround(1 / scale));
        const even = roundHalfEven(ratio);
        const index = r * padded + c;
        if (type === 'int8') {
          const quant = Math.max(-127, Math.min(127, even));
          bytes[index] = quant & 255;
          set(r, c, quant * scale);
        } else {
          const quant = Math.max(-8, Math.min(7, even));
          bytes[index >> 1] = bytes[index >> 1]! | ((quant + 8) << ((index & 1) * 4));
          set(r, c, quant * scale);
        }
      }
    }
  }
  return result(new Uint32Array(bytes.buffer), scales);
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}
