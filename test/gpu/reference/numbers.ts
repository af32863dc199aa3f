import { Rng } from '../../../src/core/rng.ts';

/** f64 matrix, row-major: what every reference computes with. */
export interface Matrix {
  readonly rows: number;
  readonly cols: number;
  readonly data: Float64Array;
}

/** Values that f32 holds exactly, normally distributed, so that the GPU and the reference start from the same. */
export function randomMatrix(seed: string, rows: number, cols: number, deviation = 1): Matrix {
  const rng = new Rng(seed);
  const data = new Float64Array(rows * cols);
  for (let i = 0; i < data.length; i++) data[i] = Math.fround(rng.normal() * deviation);
  return { rows, cols, data };
}

/** The bits of the half nearest to `value`, ties to even. */
export function toHalf(value: number): number {
  const scratch = new DataView(new ArrayBuffer(4));
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = Math.abs(value);
  if (Number.isNaN(value)) return 0x7e00;
  if (magnitude >= 65520) return sign | 0x7c00;
  const exponent = magnitude < 2 ** -14 ? -14 : Math.floor(Math.log2(magnitude));
  const step = 2 ** (exponent - 10);
  const scaled = magnitude / step;
  let whole = Math.floor(scaled);
  const rest = scaled - whole;
  if (rest > 0.5 || (rest === 0.5 && whole % 2 === 1)) whole++;
  return sign | (whole + (exponent + 14) * 1024);
}

/** The value of a half. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}

/** The number formats whose rounding a test meets. */
export type Precision = 'f32' | 'f16' | 'int8' | 'int4';

/**
 * Largest difference allowed between a GPU result and f64, relative to the size of the terms that were added:
 * rounding grows with the root of the reduction length. Weights are compared after their own rounding, so only
 * arithmetic (f32 everywhere) and stored outputs count.
 */
export function tolerance(output: 'f32' | 'f16', reductionLength: number): number {
  const unit = output === 'f16' ? 2 ** -11 : 2 ** -23;
  return unit * (4 + 2 * Math.sqrt(reductionLength));
}

/** Largest |actual - expected| relative to the root-mean-square of the expected values (or 1e-30). */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let squares = 0;
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    squares += expected[i]! ** 2;
    const difference = Math.abs(actual[i]! - expected[i]!);
    // NaN must not pass.
    if (!(difference <= worst)) worst = difference;
  }
  return worst / Math.max(Math.sqrt(squares / Math.max(expected.length, 1)), 1e-30);
}

/** y = x · wᵀ in f64. */
export function matmulReference(x: Matrix, w: Matrix): Matrix {
  const data = new Float64Array(x.rows * w.rows);
  for (let i = 0; i < x.rows; i++) {
    for (let j = 0; j < w.rows; j++) {
      let sum = 0;
      for (let k = 0; k < x.cols; k++) sum += x.data[i * x.cols + k]! * w.data[j * w.cols + k]!;
      data[i * w.rows + j] = sum;
    }
  }
  return { rows: x.rows, cols: w.rows, data };
}
