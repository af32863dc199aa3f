import type { ByteSource } from '../../core/byteSource.ts';
import type { ContainerStep } from './locator.ts';
import { asciiField, isTarHeader } from './sniff.ts';
import type { ReportDamage } from './inflate.ts';
import { joinBytes } from './sources.ts';

type TarStep = ContainerStep & { readonly type: 'tar' };

/** A regular file in the archive. `bytes` are its content when it is small enough to be kept. */
export interface TarMember {
  readonly step: TarStep;
  readonly bytes: Uint8Array | null;
}

const BLOCK = 512;
/** Long names and extended headers are a few hundred bytes; more than this is damage. */
const MAX_META_BYTES = 1024 * 1024;

/** Takes exact numbers of bytes from a stream of chunks, and counts them. */
class StreamReader {
  readonly #iterator: AsyncIterator<Uint8Array>;
  #chunk = new Uint8Array(0);
  position = 0;

  constructor(stream: AsyncIterable<Uint8Array>) {
    this.#iterator = stream[Symbol.asyncIterator]();
  }

  /** The next `length` bytes, fewer at the end. */
  async take(length: number): Promise<Uint8Array> {
    const pieces: Uint8Array[] = [];
    let missing = length;
    while (missing > 0 && (await this.#fill())) {
      const piece = this.#chunk.subarray(0, missing);
      pieces.push(piece);
      this.#chunk = this.#chunk.subarray(piece.length);
      missing -= piece.length;
      this.position += piece.length;
    }
    return joinBytes(pieces);
  }

  /** Passes over bytes without keeping them. */
  async skip(length: number): Promise<void> {
    let missing = length;
    while (missing > 0 && (await this.#fill())) {
      const count = Math.min(missing, this.#chunk.length);
      this.#chunk = this.#chunk.subarray(count);
      missing -= count;
      this.position += count;
    }
  }

  async close(): Promise<void> {
    await this.#iterator.return?.();
  }

  async #fill(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const next = await this.#iterator.next();
      if (next.done) return false;
      this.#chunk = next.value as Uint8Array<ArrayBuffer>;
    }
    return true;
  }
}

/**
 * The regular files of a tar archive in order, in one pass (ustar, GNU long names, pax).
 * Contents up to `keepBytes` come along; larger ones are read later through their offsets.
 */
export async function* readTar(
  source: ByteSource,
  keepBytes: number,
  report: ReportDamage,
  signal?: AbortSignal,
): AsyncGenerator<TarMember> {
  const reader = new StreamReader(source.stream(0, signal));
  try {
    let longName: string | null = null;
    let longSize: number | null = null;
    for (;;) {
      const header = await reader.take(BLOCK);
      if (header.length < BLOCK || header.every((byte) => byte === 0)) return;
      if (!isTarHeader(header)) {
        const message = 'A header of the tar archive is damaged; the files after it were not read.';
        report({ code: 'damaged-archive', message, byteOffset: reader.position - BLOCK });
        return;
      }
      const size = longSize ?? tarNumber(header, 124, 12);
      const type = String.fromCharCode(header[156] ?? 0);
      const padded = Math.ceil(size / BLOCK) * BLOCK;
      if ('xgLK'.includes(type) && type !== '\0') {
        const meta = await reader.take(Math.min(padded, MAX_META_BYTES));
        await reader.skip(Math.max(0, padded - MAX_META_BYTES));
        if (type === 'L') longName = new TextDecoder().decode(meta.subarray(0, size)).replace(/\0.*$/s, '');
        if (type === 'x') {
          const pax = paxRecords(meta.subarray(0, size));
          longName = pax.get('path') ?? longName;
          longSize = pax.has('size') ? Number(pax.get('size')) : longSize;
        }
        continue;
      }
      const prefix = asciiField(header, 257, 5) === 'ustar' ? utf8Field(header, 345, 155) : '';
      const shortName = utf8Field(header, 0, 100);
      const entry: string = longName ?? (prefix ? `${prefix}/${shortName}` : shortName);
      longName = longSize = null;
      const start = reader.position;
      const isFile = (type === '0' || type === '\0' || type === '7') && !entry.endsWith('/');
      const bytes = isFile && size <= keepBytes ? await reader.take(size) : null;
      if (isFile && (size === 0 || size > keepBytes || (bytes && bytes.length > 0))) {
        yield { step: { type: 'tar', entry, start, end: start + size }, bytes };
      }
      await reader.skip(start + padded - reader.position);
      if (reader.position < start + size) {
        const message = `The archive ends inside "${entry}".`;
        report({ code: 'truncated-archive', message, byteOffset: reader.position });
        return;
      }
    }
  } finally {
    await reader.close();
  }
}

function utf8Field(bytes: Uint8Array, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end === -1 ? field : field.subarray(0, end));
}

/** Octal digits, or big-endian binary when the first bit is set (sizes over 8 GiB). */
function tarNumber(bytes: Uint8Array, at: number, length: number): number {
  if (((bytes[at] ?? 0) & 0x80) !== 0) {
    let value = (bytes[at] ?? 0) & 0x7f;
    for (let k = 1; k < length; k++) value = value * 256 + (bytes[at + k] ?? 0);
    return value;
  }
  return parseInt(asciiField(bytes, at, length).trim() || '0', 8) || 0;
}

/** Records `LENGTH KEY=VALUE\n`. */
function paxRecords(bytes: Uint8Array): Map<string, string> {
  const records = new Map<string, string>();
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at);
    const length = space === -1 ? 0 : Number(new TextDecoder().decode(bytes.subarray(at, space)));
    if (!(length > 0)) break;
    const record = new TextDecoder().decode(bytes.subarray(space + 1, at + length - 1));
    const equals = record.indexOf('=');
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}
