import { Decompress as ZstdDecompress } from 'fzstd';
import { Gunzip, Inflate } from 'fflate';
import type { ByteSource } from '../../core/byteSource.ts';
import { Crc32 } from '../../core/crc32.ts';
import { CancelledError, messageOf } from '../../core/errors.ts';
import { joinBytes, sequentialSource } from './sources.ts';

/** Bounds that keep a small hostile file from becoming an endless one. */
export interface InflateLimits {
  /** Bytes that may come out of one compressed file whatever its size. */
  readonly freeBytes: number;
  /** Beyond `freeBytes`: largest ratio of bytes out to bytes in. */
  readonly maxRatio: number;
}

export const defaultInflateLimits: InflateLimits = { freeBytes: 1024 ** 3, maxRatio: 200 };

/** Something wrong with the compressed bytes; what came out before it stays good. */
interface ContainerDamage {
  readonly code: 'truncated-archive' | 'damaged-archive' | 'zip-bomb' | 'checksum-mismatch';
  readonly message: string;
  /** Offset in the compressed bytes, near the damage. */
  readonly byteOffset: number | null;
}
export type ReportDamage = (damage: ContainerDamage) => void;

export type Compression = 'gzip' | 'zstd' | 'deflate';

/** First pushes are tiny and grow while the ratio stays ordinary, so that a bomb cannot burst in one push. */
const SMALLEST_PUSH = 1024;
const LARGEST_PUSH = 64 * 1024;
const SUSPICIOUS_RATIO = 30;
/** Output is handed on in pieces of about this size. */
const PIECE_BYTES = 1024 * 1024;
/** Windows beyond this (zstd --long=29 and up) would need as much memory. */
const MAX_ZSTD_WINDOW = 256 * 1024 * 1024;

interface Decoder {
  push(chunk: Uint8Array, isLast: boolean): void;
}

/** Bytes of the compressed file that are kept to find a trailer: a member's header may hold a long file name. */
const KEPT_BYTES = 4096;

/** What an archive's directory says of a member; null where it says nothing. */
interface StatedContent {
  readonly sizeBytes: number | null;
  /** Of the content after decompression. */
  readonly crc32: number | null;
}

const unstated: StatedContent = { sizeBytes: null, crc32: null };

/** Compares content with checksums while it passes. */
interface ContentCheck {
  read(piece: Uint8Array): void;
  wrote(bytes: Uint8Array): void;
  /** A member ends here. @param end offset in the compressed file */
  memberEnds(end?: number): void;
  /** Offset, in the compressed file, of the checksum of the first member that differs. */
  readonly wrongAt: number | null;
}

/** Compares the content of one member with the CRC-32 of its archive's directory. */
class StatedCheck implements ContentCheck {
  readonly #crc = new Crc32();
  readonly #stated: number;
  wrongAt: number | null = null;

  constructor(stated: number) {
    this.#stated = stated;
  }

  read(): void {}

  wrote(bytes: Uint8Array): void {
    this.#crc.update(bytes);
  }

  memberEnds(): void {
    if (this.#crc.value !== this.#stated) this.wrongAt = 0;
  }
}

/** Compares each member of a gzip file with the CRC-32 and size behind its data. */
class GzipCheck implements ContentCheck {
  #crc = new Crc32();
  #size = 0;
  /** The end of what was read, and how much was read. */
  #tail: Uint8Array = new Uint8Array(0);
  #readBytes = 0;
  wrongAt: number | null = null;

  read(piece: Uint8Array): void {
    this.#tail = joinBytes([this.#tail.subarray(-KEPT_BYTES), piece]);
    this.#readBytes += piece.length;
  }

  wrote(bytes: Uint8Array): void {
    this.#crc.update(bytes);
    this.#size += bytes.length;
  }

  memberEnds(end = this.#readBytes): void {
    const at = this.#tail.length - (this.#readBytes - end) - 8;
    if (at >= 0) {
      const trailer = new DataView(this.#tail.buffer, this.#tail.byteOffset + at, 8);
      const isRight =
        trailer.getUint32(0, true) === this.#crc.value && trailer.getUint32(4, true) === this.#size >>> 0;
      if (!isRight) this.wrongAt ??= end - 8;
    }
    this.#crc = new Crc32();
    this.#size = 0;
  }
}

function makeDecoder(
  kind: Compression,
  emit: (bytes: Uint8Array) => void,
  check: ContentCheck | null,
): Decoder {
  if (kind === 'zstd') {
    const zstd = new ZstdDecompress((bytes) => emit(bytes));
    return { push: (chunk, isLast) => zstd.push(chunk, isLast) as undefined };
  }
  const inflate = kind === 'gzip' ? new Gunzip() : new Inflate();
  inflate.ondata = (bytes) => emit(bytes);
  if (check && inflate instanceof Gunzip) inflate.onmember = (start) => check.memberEnds(start);
  return { push: (chunk, isLast) => inflate.push(chunk, isLast) };
}

/** Bytes that a zstd frame wants as its window, null when the header says nothing usable. */
export function zstdWindowBytes(head: Uint8Array): number | null {
  const descriptor = head[4];
  if (descriptor === undefined || head.length < 18) return null;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  if (!isSingleSegment) {
    const window = head[5] ?? 0;
    const base = 2 ** (10 + (window >> 3));
    return base + (base / 8) * (window & 7);
  }
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  const sizeBytes = [1, 2, 4, 8][descriptor >> 6] ?? 1;
  let size = 0;
  for (let k = sizeBytes - 1; k >= 0; k--) size = size * 256 + (head[5 + dictionaryBytes + k] ?? 0);
  return sizeBytes === 2 ? size + 256 : size;
}

/**
 * The bytes inside compressed bytes. Damage ends the stream early and is reported; it never throws.
 * Content that differs from its checksum is handed out and reported at its end.
 */
export function inflatedSource(
  parent: ByteSource,
  name: string,
  kind: Compression,
  report: ReportDamage,
  limits: InflateLimits = defaultInflateLimits,
  { sizeBytes, crc32 }: StatedContent = unstated,
): ByteSource {
  return sequentialSource(name, sizeBytes, (signal) => {
    const check = kind === 'gzip' ? new GzipCheck() : crc32 === null ? null : new StatedCheck(crc32);
    return inflate(parent, kind, check, report, limits, signal);
  });
}

/** Compares bytes that lie uncompressed in an archive with their CRC-32 whenever they are read from their start. */
export function checkedSource(source: ByteSource, crc32: number, report: ReportDamage): ByteSource {
  async function* checked(signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    const check = new StatedCheck(crc32);
    for await (const chunk of source.stream(0, signal)) {
      check.wrote(chunk);
      yield chunk;
    }
    check.memberEnds();
    reportMismatch(check, report);
  }
  return {
    ...source,
    stream: (start = 0, signal) => (start === 0 ? checked(signal) : source.stream(start, signal)),
  };
}

function reportMismatch(check: ContentCheck, report: ReportDamage): void {
  if (check.wrongAt === null) return;
  const message = 'The content does not match its checksum: some bytes are not what was packed.';
  report({ code: 'checksum-mismatch', message, byteOffset: check.wrongAt });
}

async function* inflate(
  parent: ByteSource,
  kind: Compression,
  check: ContentCheck | null,
  report: ReportDamage,
  limits: InflateLimits,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  let pieces: Uint8Array[] = [];
  let pending = 0;
  const emit = (bytes: Uint8Array): void => {
    if (bytes.length === 0) return;
    check?.wrote(bytes);
    pieces.push(bytes);
    pending += bytes.length;
  };
  const decoder = makeDecoder(kind, emit, check);
  const take = (): Uint8Array => {
    const joined = joinBytes(pieces);
    pieces = [];
    pending = 0;
    return joined;
  };
  let bytesIn = 0;
  let bytesOut = 0;
  let pushBytes = SMALLEST_PUSH;
  try {
    let isFirst = true;
    for await (const chunk of parent.stream(0, signal)) {
      if (isFirst && kind === 'zstd' && (zstdWindowBytes(chunk) ?? 0) > MAX_ZSTD_WINDOW) {
        const message = `The zstd window is larger than ${MAX_ZSTD_WINDOW} bytes; compress it again without --long or --ultra.`;
        report({ code: 'damaged-archive', message, byteOffset: 0 });
        return;
      }
      isFirst = false;
      for (let at = 0; at < chunk.length;) {
        const piece = chunk.subarray(at, at + pushBytes);
        const before = pending;
        check?.read(piece);
        decoder.push(piece, false);
        at += piece.length;
        bytesIn += piece.length;
        const made = pending - before;
        bytesOut += made;
        if (bytesOut > limits.freeBytes && bytesOut > bytesIn * limits.maxRatio) {
          const message = `More than ${limits.maxRatio} times its size came out of the compressed file; it was left there, since it looks like a decompression bomb.`;
          report({ code: 'zip-bomb', message, byteOffset: bytesIn });
          if (pending > 0) yield take();
          return;
        }
        pushBytes =
          made > piece.length * SUSPICIOUS_RATIO ? SMALLEST_PUSH : Math.min(LARGEST_PUSH, pushBytes * 2);
        if (pending >= PIECE_BYTES) yield take();
      }
    }
    decoder.push(new Uint8Array(0), true);
    if (pending > 0) yield take();
    check?.memberEnds();
    if (check) reportMismatch(check, report);
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    if (pending > 0) yield take();
    const reason = messageOf(error);
    const isCut = /unexpected EOF|invalid length/i.test(reason);
    report({
      code: isCut ? 'truncated-archive' : 'damaged-archive',
      message: isCut
        ? 'The compressed file ends before its data does; what it holds up to there was read.'
        : `The compressed data is damaged (${reason}); what comes before was read.`,
      byteOffset: bytesIn,
    });
  }
}
