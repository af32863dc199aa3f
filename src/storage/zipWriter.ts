import { Crc32 } from '../core/crc32.ts';

/** Takes the bytes of an archive in order. */
export type WriteBytes = (bytes: Uint8Array) => Promise<void>;

/** Sizes and offsets from here on are written in the 64-bit form (zip64). */
const limit32 = 0xffffffff;
const stored = 0;
const deflated = 8;
/** Sizes and CRC follow the data; names are UTF-8. */
const flags = 0x0808;

interface WrittenEntry {
  readonly name: Uint8Array;
  readonly method: number;
  readonly crc: number;
  readonly compressedSize: number;
  readonly sizeBytes: number;
  readonly offset: number;
}

/** Little-endian fields one after another: `[bytes, value]`. */
function record(...fields: readonly (readonly [1 | 2 | 4 | 8, number])[]): Uint8Array {
  const bytes = new Uint8Array(fields.reduce((sum, [size]) => sum + size, 0));
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 8) view.setBigUint64(at, BigInt(value), true);
    else if (size === 4) view.setUint32(at, value, true);
    else view.setUint16(at, value, true);
    at += size;
  }
  return bytes;
}

/** What `raw` deflate makes of the chunks, as it comes. */
async function* deflate(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const stream = new CompressionStream('deflate-raw');
  const writer = stream.writable.getWriter();
  const feeding = (async () => {
    try {
      for await (const chunk of chunks) await writer.write(chunk as BufferSource);
      await writer.close();
    } catch (error) {
      await writer.abort(error).catch(() => undefined);
      throw error;
    }
  })();
  // Met below; until then it must not count as unhandled.
  feeding.catch(() => undefined);
  const reader = stream.readable.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
    await feeding;
  }
}

/**
 * Writes a zip archive front to back, holding a chunk at a time: the sizes of an entry follow its data, and all are
 * listed at the end (APPNOTE 6.3.9, with zip64 where 32 bits are too few).
 */
export class ZipWriter {
  readonly #write: WriteBytes;
  readonly #entries: WrittenEntry[] = [];
  #offset = 0;

  constructor(write: WriteBytes) {
    this.#write = write;
  }

  /** Bytes written so far. */
  get sizeBytes(): number {
    return this.#offset;
  }

  async #put(bytes: Uint8Array): Promise<void> {
    await this.#write(bytes);
    this.#offset += bytes.length;
  }

  /**
   * Adds a file.
   * @param sizeBytes what the chunks come to at most; decides the form of the header before they are read
   */
  async add(
    path: string,
    chunks: AsyncIterable<Uint8Array>,
    { sizeBytes, compress }: { readonly sizeBytes: number; readonly compress: boolean },
  ): Promise<void> {
    const name = new TextEncoder().encode(path);
    const method = compress ? deflated : stored;
    const offset = this.#offset;
    // Deflate adds at most some bytes to each block of what cannot be compressed.
    const isLarge = sizeBytes * 1.01 + 1024 >= limit32;
    const extra = isLarge ? record([2, 1], [2, 16], [8, 0], [8, 0]) : new Uint8Array(0);
    const unknown = isLarge ? limit32 : 0;
    // prettier-ignore
    await this.#put(record([4, 0x04034b50], [2, isLarge ? 45 : 20], [2, flags], [2, method], [4, 0x00210000], [4, 0],
      [4, unknown], [4, unknown], [2, name.length], [2, extra.length]));
    await this.#put(name);
    await this.#put(extra);
    const start = this.#offset;
    const crc = new Crc32();
    let size = 0;
    const counted = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of chunks) {
        crc.update(chunk);
        size += chunk.length;
        yield chunk;
      }
    };
    for await (const piece of compress ? deflate(counted()) : counted()) await this.#put(piece);
    const compressedSize = this.#offset - start;
    const width = isLarge ? 8 : 4;
    await this.#put(record([4, 0x08074b50], [4, crc.value], [width, compressedSize], [width, size]));
    this.#entries.push({ name, method, crc: crc.value, compressedSize, sizeBytes: size, offset });
  }

  /** Writes the directory; nothing can be added afterwards. */
  async finish(): Promise<void> {
    const start = this.#offset;
    for (const { name, method, crc, compressedSize, sizeBytes, offset } of this.#entries) {
      const isLarge = [compressedSize, sizeBytes, offset].some((value) => value >= limit32);
      const extra = isLarge
        ? record([2, 1], [2, 24], [8, sizeBytes], [8, compressedSize], [8, offset])
        : new Uint8Array(0);
      const short = (value: number): number => (isLarge ? limit32 : value);
      // prettier-ignore
      await this.#put(record([4, 0x02014b50], [2, 45], [2, 45], [2, flags], [2, method], [4, 0x00210000], [4, crc],
        [4, short(compressedSize)], [4, short(sizeBytes)], [2, name.length], [2, extra.length], [2, 0], [2, 0], [2, 0],
        [4, 0], [4, short(offset)]));
      await this.#put(name);
      await this.#put(extra);
    }
    const size = this.#offset - start;
    const count = this.#entries.length;
    const end64 = this.#offset;
    const isLarge = count >= 0xffff || start >= limit32 || size >= limit32;
    if (isLarge) {
      // prettier-ignore
      await this.#put(record([4, 0x06064b50], [8, 44], [2, 45], [2, 45], [4, 0], [4, 0], [8, count], [8, count], [8, size], [8, start]));
      await this.#put(record([4, 0x07064b50], [4, 0], [8, end64], [4, 1]));
    }
    const count16 = isLarge ? 0xffff : count;
    const short = (value: number): number => (isLarge ? limit32 : value);
    // prettier-ignore
    await this.#put(record([4, 0x06054b50], [2, 0], [2, 0], [2, count16], [2, count16], [4, short(size)], [4, short(start)], [2, 0]));
  }
}
