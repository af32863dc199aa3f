import type { ByteSource } from '../../src/core/byteSource.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { expectedTensors, openCheckpoint, type Checkpoint } from '../../src/model/checkpoint.ts';
import { readModelConfig } from '../../src/model/config.ts';

/** FNV-1a. */
function seedOf(name: string): number {
  let seed = 2166136261;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 16777619);
  return seed;
}

function scaleOf(name: string, shape: readonly number[]): number {
  if (shape.length === 1) return 1 / 64;
  if (name.includes('embed_tokens')) return 1 / 4;
  return 2 ** Math.round(Math.log2(1.4 / Math.sqrt(shape[shape.length - 1]!) / 4.3));
}

const bits = new DataView(new ArrayBuffer(4));

/** The upper half of an f32; the values here are exact in it. */
function bf16Bits(value: number): number {
  bits.setFloat32(0, value);
  return bits.getUint16(0);
}

function scrambled(value: number): number {
  let x = Math.imul(value, 2654435761);
  x ^= x >>> 15;
  x = Math.imul(x, 2246822519);
  return (x ^ (x >>> 13)) >>> 0;
}

const tableSize = 1 << 20;
/** Numbers in a row that are one piece of the table. */
const runLength = 4096;
const integers = Int8Array.from({ length: tableSize }, (_, index) => {
  const x = scrambled(index);
  return index % 32 === 0 ? (x & 1 ? 8 : -8) : (x % 15) - 7;
});

const tables = new Map<string, Uint16Array>();

/** The table as the bf16 numbers of a tensor. */
function tableOf(name: string, shape: readonly number[]): Uint16Array {
  const scale = scaleOf(name, shape);
  const offset = shape.length === 1 ? 1 : 0;
  // int8 keeps the vocabulary exactly when the largest number of a block is 127 steps of a sixteenth.
  const largest = /embed_tokens|lm_head/.test(name) ? 127 / 16 : 8;
  const values = Array.from({ length: 17 }, (_, i) =>
    bf16Bits(offset + Math.min(largest, Math.max(-largest, i - 8)) * scale),
  );
  const key = values.join();
  const table = tables.get(key) ?? Uint16Array.from(integers, (integer) => values[integer + 8]!);
  tables.set(key, table);
  return table;
}

/** Elements [first, first + count) of a tensor as bf16; test/reference/make_shape_fixtures.py makes the same numbers. */
function hashedNumbers(name: string, table: Uint16Array, first: number, count: number): Uint8Array {
  const seed = seedOf(name);
  const out = new Uint16Array(count);
  for (let at = 0; at < count;) {
    const index = first + at;
    const inRun = index % runLength;
    const place =
      (scrambled((Math.floor(index / runLength) + seed) | 0) % ((tableSize - runLength) / 32)) * 32;
    const length = Math.min(runLength - inRun, count - at);
    out.set(table.subarray(place + inRun, place + inRun + length), at);
    at += length;
  }
  return new Uint8Array(out.buffer);
}

/** A checkpoint of any size whose weights are computed as they are read; nothing of it is kept. */
export async function hashedCheckpoint(name: string, config: JsonObject): Promise<Checkpoint> {
  const parsed = readModelConfig(config);
  const tensors = [...expectedTensors(parsed, parsed.moe ? 'per-expert' : 'none')];
  let end = 0;
  const placed = tensors.map(([tensor, shape]) => {
    const start = end;
    end += 2 * shape.reduce((product, n) => product * n, 1);
    return { tensor, shape, start, end };
  });
  const header = new TextEncoder().encode(
    JSON.stringify(
      Object.fromEntries(
        placed.map(({ tensor, shape, start, end: stop }) => [
          tensor,
          { dtype: 'BF16', shape, data_offsets: [start, stop] },
        ]),
      ),
    ),
  );
  const dataStart = 8 + header.length;
  const prefix = new Uint8Array(dataStart);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(header.length), true);
  prefix.set(header, 8);
  /** Reads begin and end at whole numbers, as tensors do. */
  const read = (start: number, stop: number): Uint8Array => {
    const to = Math.min(stop, dataStart + end);
    const out = new Uint8Array(Math.max(0, to - start));
    if (start < dataStart) out.set(prefix.subarray(start, to));
    for (const { tensor, shape, start: tensorStart, end: tensorEnd } of placed) {
      const from = Math.max(start - dataStart, tensorStart);
      const until = Math.min(to - dataStart, tensorEnd);
      if (from >= until) continue;
      const [first, count] = [(from - tensorStart) / 2, (until - from) / 2];
      const bytes = hashedNumbers(tensor, tableOf(tensor, shape), first, count);
      out.set(bytes, from + dataStart - start);
    }
    return out;
  };
  const weights: ByteSource = {
    name: 'model.safetensors',
    sizeBytes: dataStart + end,
    seekable: true,
    read: (start, stop) => Promise.resolve(read(start, stop)),
    async *stream(start = 0) {
      for (let at = start; at < dataStart + end; at += 1 << 22) yield read(at, at + (1 << 22));
    },
  };
  const configBytes = new TextEncoder().encode(JSON.stringify(config));
  return openCheckpoint({
    name,
    open: (file) => {
      if (file === 'model.safetensors') return Promise.resolve(weights);
      if (file !== 'config.json') return Promise.resolve(null);
      return Promise.resolve({
        ...weights,
        name: file,
        sizeBytes: configBytes.length,
        async *stream() {
          yield configBytes;
        },
      });
    },
  });
}
