/**
 * Character classes that pre-tokenizer patterns ask for, as bits per code point.
 * The tables are filled from the engine's own Unicode data, so they agree with its regular expressions.
 */
export const LETTER = 1;
export const NUMBER = 2;
/** White_Space: what `\s` means in the patterns of a `Split`. */
export const SPACE = 4;
/** `\r` and `\n`. */
export const NEWLINE = 8;
/** Lu, Lt, Lm, Lo, M. */
export const UPPERISH = 16;
/** Ll, Lm, Lo, M. */
export const LOWERISH = 32;
/** `\s` of JavaScript, which the built-in pattern of `ByteLevel` uses in the reference: U+FEFF, not U+0085. */
export const SCRIPT_SPACE = 64;

const patterns: readonly (readonly [number, string])[] = [
  [LETTER, '\\p{L}'],
  [NUMBER, '\\p{N}'],
  [SPACE, '\\p{White_Space}'],
  [NEWLINE, '\\r\\n'],
  [UPPERISH, '\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}'],
  [LOWERISH, '\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}'],
  [SCRIPT_SPACE, '\\s'],
];

/** Marks the bits of all characters of `text`, whose code points start at `first`, `width` units each. */
function classify(text: string, width: number, into: Uint8Array): void {
  for (const [bit, members] of patterns) {
    for (const match of text.matchAll(new RegExp(`[${members}]+`, 'gu'))) {
      const from = match.index / width;
      const to = (match.index + match[0].length) / width;
      for (let i = from; i < to; i++) into[i]! |= bit;
    }
  }
}

function classifyBasicPlane(): Uint8Array {
  const table = new Uint8Array(0x10000);
  // Surrogates are left out: alone they belong to no class, together they would read as other characters.
  const low = Array.from({ length: 0xd800 }, (_, code) => String.fromCharCode(code)).join('');
  classify(low, 1, table.subarray(0, 0xd800));
  const high = Array.from({ length: 0x2000 }, (_, i) => String.fromCharCode(0xe000 + i)).join('');
  classify(high, 1, table.subarray(0xe000));
  return table;
}

let basicPlane: Uint8Array | undefined;
const astralPages = new Map<number, Uint8Array>();

/** Bits of the code points below 0x10000. */
export function basicPlaneClasses(): Uint8Array {
  basicPlane ??= classifyBasicPlane();
  return basicPlane;
}

/** Bits of one code point at or above 0x10000; pages of 256 are filled when first asked for. */
export function astralClass(codePoint: number): number {
  const page = codePoint >>> 8;
  let table = astralPages.get(page);
  if (!table) {
    table = new Uint8Array(256);
    const text = Array.from({ length: 256 }, (_, i) => String.fromCodePoint((page << 8) + i)).join('');
    classify(text, 2, table);
    astralPages.set(page, table);
  }
  return table[codePoint & 255] ?? 0;
}

/** Bits of any code point. */
export function classOf(codePoint: number): number {
  return codePoint < 0x10000 ? (basicPlaneClasses()[codePoint] ?? 0) : astralClass(codePoint);
}
