import { assert } from '../core/assert.ts';
import type { TensorLocation } from './safetensors.ts';

const f16Scratch = new DataView(new ArrayBuffer(4));

/** The f32 value of f16 bits. */
function f16BitsToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Little-endian F32, F16 or BF16 bytes as f32 numbers. */
export function decodeFloats(dtype: TensorLocation['dtype'], bytes: Uint8Array): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (dtype === 'F32') {
    return Float32Array.from({ length: bytes.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
  }
  const out = new Float32Array(bytes.byteLength / 2);
  if (dtype === 'BF16') {
    for (let i = 0; i < out.length; i++) {
      f16Scratch.setUint32(0, view.getUint16(2 * i, true) << 16);
      out[i] = f16Scratch.getFloat32(0);
    }
    return out;
  }
  assert(dtype === 'F16', `no float decoding for ${dtype}`);
  for (let i = 0; i < out.length; i++) out[i] = f16BitsToNumber(view.getUint16(2 * i, true));
  return out;
}

/** Reads one tensor whole, as f32: for small tensors and for other runtimes; the engine streams raw bytes instead. */
export async function readTensorFloats(tensor: TensorLocation): Promise<Float32Array> {
  return decodeFloats(tensor.dtype, await tensor.source.read(tensor.start, tensor.end));
}
