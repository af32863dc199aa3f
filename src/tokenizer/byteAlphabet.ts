/**
 * The alphabet in which byte-level tokenizers spell bytes: printable Latin-1 characters stand for themselves,
 * the 68 other bytes for U+0100 onwards in ascending order (GPT-2, `bytes_to_unicode`).
 */
const charOfByte = new Uint16Array(256);
const byteOfChar = new Int16Array(512).fill(-1);

let nextExtra = 256;
for (let byte = 0; byte < 256; byte++) {
  const printable =
    (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || (byte >= 0xae && byte <= 0xff);
  const char = printable ? byte : nextExtra++;
  charOfByte[byte] = char;
  byteOfChar[char] = byte;
}

/** The bytes that a vocabulary entry spells, or null when a character is outside the alphabet. */
export function spelledBytes(token: string): Uint8Array | null {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const char = token.charCodeAt(i);
    const byte = char < 512 ? byteOfChar[char]! : -1;
    if (byte < 0) return null;
    bytes[i] = byte;
  }
  return bytes;
}

/** The vocabulary's spelling of one byte. */
export function spellByte(byte: number): string {
  return String.fromCharCode(charOfByte[byte] ?? 0);
}
