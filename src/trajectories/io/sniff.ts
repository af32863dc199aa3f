/** What a file is by its first bytes, where these tell. Null: text, JSON or unknown binary data. */
export type Magic = 'zip' | 'gzip' | 'zstd' | 'parquet' | 'sqlite' | 'tar' | 'utf-16le' | 'utf-16be' | null;

/** Bytes of a file's beginning that recognition wants to see. */
export const HEAD_BYTES = 64 * 1024;

const TAR_BLOCK = 512;

function hasAscii(bytes: Uint8Array, at: number, text: string): boolean {
  for (let k = 0; k < text.length; k++) if (bytes[at + k] !== text.charCodeAt(k)) return false;
  return true;
}

/** Recognises a container by its magic bytes; names and extensions play no part. */
export function sniffMagic(head: Uint8Array): Magic {
  if (hasAscii(head, 0, 'PK\x03\x04') || hasAscii(head, 0, 'PK\x05\x06')) return 'zip';
  if (head[0] === 0x1f && head[1] === 0x8b && head[2] === 8) return 'gzip';
  if (hasAscii(head, 0, '\x28\xb5\x2f\xfd')) return 'zstd';
  // A skippable frame may come first: 184D2A50 … 5F, little-endian.
  if (head[0] !== undefined && head[0] >> 4 === 5 && hasAscii(head, 1, '\x2a\x4d\x18')) return 'zstd';
  if (hasAscii(head, 0, 'PAR1')) return 'parquet';
  if (hasAscii(head, 0, 'SQLite format 3\0')) return 'sqlite';
  if (isTarHeader(head)) return 'tar';
  return utf16Order(head);
}

/** True when a tar header block begins here: its checksum must fit, which old archives without `ustar` have too. */
export function isTarHeader(block: Uint8Array): boolean {
  if (block.length < TAR_BLOCK || block[0] === 0) return false;
  const stated = parseInt(asciiField(block, 148, 8).trim(), 8);
  if (!(stated > 0)) return false;
  let sum = 8 * 0x20;
  for (let k = 0; k < TAR_BLOCK; k++) if (k < 148 || k >= 156) sum += block[k]!;
  return sum === stated;
}

/** The text of a fixed-width field up to its first NUL. */
export function asciiField(bytes: Uint8Array, at: number, length: number): string {
  let text = '';
  for (let k = at; k < at + length; k++) {
    const byte = bytes[k];
    if (byte === undefined || byte === 0) break;
    text += String.fromCharCode(byte);
  }
  return text;
}

/** UTF-16 by its byte order mark, or by every other byte of the beginning being NUL. */
function utf16Order(head: Uint8Array): 'utf-16le' | 'utf-16be' | null {
  if (head[0] === 0xff && head[1] === 0xfe) return 'utf-16le';
  if (head[0] === 0xfe && head[1] === 0xff) return 'utf-16be';
  const length = Math.min(head.length & ~1, 64);
  if (length < 4) return null;
  let evenNul = 0;
  let oddNul = 0;
  for (let k = 0; k < length; k += 2) {
    if (head[k] === 0) evenNul++;
    if (head[k + 1] === 0) oddNul++;
  }
  const pairs = length / 2;
  if (evenNul === 0 && oddNul >= pairs * 0.9) return 'utf-16le';
  if (oddNul === 0 && evenNul >= pairs * 0.9) return 'utf-16be';
  return null;
}

/** True when bytes are no text in any encoding we read: many control characters. */
export function isBinary(head: Uint8Array): boolean {
  const length = Math.min(head.length, 4096);
  let control = 0;
  for (let k = 0; k < length; k++) {
    const byte = head[k]!;
    if (byte < 9 || (byte > 13 && byte < 32 && byte !== 27)) control++;
  }
  return control > length * 0.1;
}
