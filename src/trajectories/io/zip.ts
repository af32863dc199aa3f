import type { ByteSource } from '../../core/byteSource.ts';
import { checkedSource, inflatedSource, type InflateLimits, type ReportDamage } from './inflate.ts';
import type { ContainerStep } from './locator.ts';
import { rangeSource, sequentialSource } from './sources.ts';

export type ZipStep = ContainerStep & { readonly type: 'zip' };

/** One file of an archive, as its directory states it. */
export interface ZipEntry {
  readonly step: ZipStep;
  readonly isDirectory: boolean;
  readonly isEncrypted: boolean;
  /** CRC-32 of the content; null where the archive states none. */
  readonly crc32: number | null;
}

/** The directory of an archive. `isRebuilt`: the end of the archive is missing, entries were searched for. */
export interface ZipDirectory {
  readonly entries: readonly ZipEntry[];
  readonly isRebuilt: boolean;
}

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const END64 = 0x06064b50;
const END64_LOCATOR = 0x07064b50;
const DESCRIPTOR = 0x08074b50;
const END_SEARCH = 65_557;
const MAX_DIRECTORY_BYTES = 256 * 1024 * 1024;
const STORED = 0;
const DEFLATE = 8;
const ZSTD = 93;
const UNKNOWN32 = 0xffffffff;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function decodeName(bytes: Uint8Array): string {
  // Names without the UTF-8 flag are code page 437 by the letter and UTF-8 in practice.
  return new TextDecoder().decode(bytes);
}

/** Reads the central directory (zip64 too) without touching the entries; searches for entries when it is lost. */
export async function readZipDirectory(source: ByteSource, sizeBytes: number): Promise<ZipDirectory> {
  const tailStart = Math.max(0, sizeBytes - END_SEARCH);
  const tail = await source.read(tailStart, sizeBytes);
  const view = viewOf(tail);
  for (let at = tail.length - 22; at >= 0; at--) {
    if (view.getUint32(at, true) !== END) continue;
    let size = view.getUint32(at + 12, true);
    let offset = view.getUint32(at + 16, true);
    let isLarge = false;
    if (offset === UNKNOWN32 || size === UNKNOWN32 || view.getUint16(at + 10, true) === 0xffff) {
      const end64 = await readEnd64(source, tailStart + at);
      if (end64) ({ size, offset } = end64);
      isLarge = end64 !== null;
    }
    // An archive behind a prefix (self-extracting, concatenated): offsets count from its own start. With zip64
    // the records between directory and end would be taken for one.
    const shift = tailStart + at - size - offset;
    const start = shift > 0 && !isLarge ? shift : 0;
    if (size > MAX_DIRECTORY_BYTES || offset + start + size > sizeBytes) continue;
    const entries = parseDirectory(await source.read(offset + start, offset + start + size), start);
    if (entries) return { entries, isRebuilt: false };
  }
  return { entries: await searchEntries(source), isRebuilt: true };
}

async function readEnd64(
  source: ByteSource,
  endAt: number,
): Promise<{ size: number; offset: number } | null> {
  if (endAt < 20) return null;
  const locator = viewOf(await source.read(endAt - 20, endAt));
  if (locator.byteLength < 20 || locator.getUint32(0, true) !== END64_LOCATOR) return null;
  const at = Number(locator.getBigUint64(8, true));
  const record = viewOf(await source.read(at, at + 56));
  if (record.byteLength < 56 || record.getUint32(0, true) !== END64) return null;
  return { size: Number(record.getBigUint64(40, true)), offset: Number(record.getBigUint64(48, true)) };
}

function parseDirectory(bytes: Uint8Array, shift: number): ZipEntry[] | null {
  const view = viewOf(bytes);
  const entries: ZipEntry[] = [];
  let at = 0;
  while (at + 46 <= bytes.length && view.getUint32(at, true) === CENTRAL) {
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const commentLength = view.getUint16(at + 32, true);
    const extraAt = at + 46 + nameLength;
    if (extraAt + extraLength > bytes.length) return null;
    const entry = decodeName(bytes.subarray(at + 46, extraAt));
    const sizes = {
      uncompressedSize: view.getUint32(at + 24, true),
      compressedSize: view.getUint32(at + 20, true),
      headerOffset: view.getUint32(at + 42, true),
    };
    applyZip64(view, extraAt, extraAt + extraLength, sizes);
    sizes.headerOffset += shift;
    entries.push({
      step: { type: 'zip', entry, method: view.getUint16(at + 10, true), ...sizes },
      isDirectory: entry.endsWith('/'),
      isEncrypted: (view.getUint16(at + 8, true) & 1) === 1,
      // Some writers that stream leave it at 0.
      crc32: view.getUint32(at + 16, true) || null,
    });
    at = extraAt + extraLength + commentLength;
  }
  return at === 0 && bytes.length > 0 ? null : entries;
}

/** The zip64 extra field holds, in this order, exactly those numbers that did not fit 32 bits. */
function applyZip64(
  view: DataView,
  from: number,
  to: number,
  sizes: { uncompressedSize: number; compressedSize: number; headerOffset: number },
): void {
  for (let at = from; at + 4 <= to; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue;
    let value = at + 4;
    const end = Math.min(to, value + view.getUint16(at + 2, true));
    for (const key of ['uncompressedSize', 'compressedSize', 'headerOffset'] as const) {
      if (sizes[key] !== UNKNOWN32 || value + 8 > end) continue;
      sizes[key] = Number(view.getBigUint64(value, true));
      value += 8;
    }
    return;
  }
}

/** Finds entries by their local headers, for archives whose end was cut off. */
async function searchEntries(source: ByteSource): Promise<ZipEntry[]> {
  const entries: ZipEntry[] = [];
  const marks: { at: number; isEntry: boolean }[] = [];
  let carry = new Uint8Array(0);
  let base = 0;
  for await (const chunk of source.stream(0)) {
    const bytes = new Uint8Array(carry.length + chunk.length);
    bytes.set(carry);
    bytes.set(chunk, carry.length);
    const view = viewOf(bytes);
    let at = bytes.indexOf(0x50);
    while (at !== -1 && at + 4 <= bytes.length) {
      const signature = view.getUint32(at, true);
      if (signature === LOCAL) marks.push({ at: base + at, isEntry: true });
      else if (signature === CENTRAL || signature === DESCRIPTOR)
        marks.push({ at: base + at, isEntry: false });
      at = bytes.indexOf(0x50, at + 1);
    }
    carry = bytes.slice(Math.max(0, bytes.length - 3));
    base += bytes.length - carry.length;
  }
  const size = base + carry.length;
  for (const [index, mark] of marks.entries()) {
    if (!mark.isEntry) continue;
    const header = viewOf(await source.read(mark.at, mark.at + 30));
    if (header.byteLength < 30) continue;
    const flags = header.getUint16(6, true);
    const nameLength = header.getUint16(26, true);
    const dataAt = mark.at + 30 + nameLength + header.getUint16(28, true);
    const entry = decodeName(await source.read(mark.at + 30, mark.at + 30 + nameLength));
    const stated = header.getUint32(18, true);
    const isStated = (flags & 8) === 0 && stated !== UNKNOWN32;
    const limit = marks[index + 1]?.at ?? size;
    entries.push({
      step: {
        type: 'zip',
        entry,
        headerOffset: mark.at,
        method: header.getUint16(8, true),
        compressedSize: isStated ? Math.min(stated, size - dataAt) : Math.max(0, limit - dataAt),
        uncompressedSize: isStated ? header.getUint32(22, true) : UNKNOWN32,
      },
      isDirectory: entry.endsWith('/'),
      isEncrypted: (flags & 1) === 1,
      crc32: (isStated && header.getUint32(14, true)) || null,
    });
  }
  return entries;
}

/** True when the entry's compression is one that we read. */
export function isReadableMethod(method: number): boolean {
  return method === STORED || method === DEFLATE || method === ZSTD;
}

/**
 * The bytes of one entry, found from its local header; the other entries are not read.
 * @param crc32 what the content is compared with whenever all of it is read; null compares nothing
 */
export async function openZipEntry(
  archive: ByteSource,
  step: ZipStep,
  name: string,
  report: ReportDamage,
  limits?: InflateLimits,
  crc32: number | null = null,
): Promise<ByteSource> {
  const header = viewOf(await archive.read(step.headerOffset, step.headerOffset + 30));
  const isHeader = header.byteLength === 30 && header.getUint32(0, true) === LOCAL;
  if (!isHeader) {
    const message = `The archive has no entry at byte ${step.headerOffset}, where its directory says.`;
    report({ code: 'damaged-archive', message, byteOffset: step.headerOffset });
    return sequentialSource(name, 0, async function* () {});
  }
  const start = step.headerOffset + 30 + header.getUint16(26, true) + header.getUint16(28, true);
  const data = rangeSource(archive, name, start, start + step.compressedSize);
  if (step.method === STORED) return crc32 === null ? data : checkedSource(data, crc32, report);
  const sizeBytes = step.uncompressedSize === UNKNOWN32 ? null : step.uncompressedSize;
  const kind = step.method === ZSTD ? 'zstd' : 'deflate';
  return inflatedSource(data, name, kind, report, limits, { sizeBytes, crc32 });
}
