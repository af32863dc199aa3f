import { adaptersOf, addAdapters, type Adapter } from '../model/adapter.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import type { TensorDtype, TensorLocation } from '../model/safetensors.ts';
import { decodeFloats } from '../model/tensorData.ts';

/** Bytes of a tensor that are held at a time. */
const pieceBytes = 4 * 1024 * 1024;

const scratch = new DataView(new ArrayBuffer(8));

/** Bits of the nearest f16, ties to even; beyond the range ±infinity. */
function f16Bits(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  const sign = (bits >>> 16) & 0x8000;
  const exponent = (bits >>> 23) & 0xff;
  const fraction = bits & 0x7fffff;
  if (exponent === 255) return sign | 0x7c00 | (fraction ? 0x200 : 0);
  const shifted = exponent - 112;
  if (shifted >= 31) return sign | 0x7c00;
  if (shifted <= 0) {
    if (shifted < -10) return sign;
    const whole = fraction | 0x800000;
    const shift = 14 - shifted;
    const kept = whole >>> shift;
    const rest = whole & ((1 << shift) - 1);
    const half = 1 << (shift - 1);
    return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
  }
  const kept = (shifted << 10) | (fraction >>> 13);
  const rest = fraction & 0x1fff;
  return sign | (kept + (rest > 0x1000 || (rest === 0x1000 && (kept & 1) === 1) ? 1 : 0));
}

/** Bits of the nearest bf16, ties to even. */
function bf16Bits(value: number): number {
  scratch.setFloat32(0, value);
  const bits = scratch.getUint32(0);
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

function encodeFloats(dtype: TensorDtype, values: Float32Array): Uint8Array {
  if (dtype === 'F32') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const toBits = dtype === 'BF16' ? bf16Bits : f16Bits;
  const bits = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) bits[i] = toBits(values[i]!);
  return new Uint8Array(bits.buffer);
}

async function* tensorPieces(
  tensor: TensorLocation,
  checkpoint: Checkpoint,
  adapter: Adapter,
): AsyncGenerator<Uint8Array> {
  const { source, start, end, dtype, shape } = tensor;
  const changes = adaptersOf(adapter, checkpoint, tensor.name);
  if (changes.length === 0) {
    for (let at = start; at < end; at += pieceBytes) {
      yield await source.read(at, Math.min(end, at + pieceBytes));
    }
    return;
  }
  const width = shape.at(-1) ?? 1;
  const elementBytes = dtype === 'F32' ? 4 : 2;
  const rowBytes = width * elementBytes;
  const rows = (end - start) / rowBytes;
  const step = Math.max(1, Math.floor(pieceBytes / rowBytes));
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const from = start + row * rowBytes;
    const values = decodeFloats(dtype, await source.read(from, from + count * rowBytes));
    addAdapters(values, row, count, changes);
    yield encodeFloats(dtype, values);
  }
}

/**
 * The checkpoint with the adapter added to its weights, as the bytes of one `model.safetensors`: each tensor in its
 * own type (rounded once, to nearest even), W + scale · B · A. Made in pieces: no tensor is held whole.
 */
export async function* mergedWeights(checkpoint: Checkpoint, adapter: Adapter): AsyncGenerator<Uint8Array> {
  const tensors = [...checkpoint.tensors.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  let offset = 0;
  for (const { name, dtype, shape, start, end } of tensors) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + end - start] };
    offset += end - start;
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(text.length / 8) * 8;
  const lead = new Uint8Array(8 + padded).fill(0x20);
  new DataView(lead.buffer).setBigUint64(0, BigInt(padded), true);
  lead.set(text, 8);
  yield lead;
  for (const tensor of tensors) yield* tensorPieces(tensor, checkpoint, adapter);
}
