import { Rng } from '../../core/rng.ts';
import { forEachGram, mix32, type TextWords } from './words.ts';

export interface MinHashOptions {
  readonly seed: number;
  /** Words per shingle; texts with fewer words are one shingle. */
  readonly shingleWords: number;
  /** Length of a signature, a multiple of `bands`. */
  readonly size: number;
  /** Bands of the signature; two texts are compared when one band is equal. */
  readonly bands: number;
  /** Estimated Jaccard similarity of the shingle sets from which two texts are near-duplicates. */
  readonly threshold: number;
}

/** 16 bands of 8 rows: pairs of similarity 0.71 are compared with probability ½, of 0.85 with 99 %. */
export const defaultMinHash: MinHashOptions = {
  seed: 0,
  shingleWords: 5,
  size: 128,
  bands: 16,
  threshold: 0.8,
};

const EMPTY = 0xffffffff;

/**
 * MinHash signature of a text's word shingles, made with one permutation: a seeded permutation of the 32-bit
 * numbers spreads the shingles over `size` bins and the least of each bin is kept; an empty bin borrows from a
 * bin drawn by a seeded hash of its own index (densification, Shrivastava 2017), so equal positions of two
 * signatures are equal with the Jaccard similarity as probability. Null for a text without words.
 *
 * Depends on the text and options alone: signatures from any number of workers are the same.
 */
export function signatureOf(words: TextWords, options: MinHashOptions = defaultMinHash): Uint32Array | null {
  if (words.count === 0) return null;
  const { size } = options;
  const bins = new Uint32Array(size).fill(EMPTY);
  const isFilled = new Uint8Array(size);
  const rng = new Rng(`minhash/${options.seed}`);
  const key = rng.nextUint32();
  const factor = rng.nextUint32() | 1;
  forEachGram(words, Math.min(options.shingleWords, words.count), (low, high) => {
    const permuted = mix32(Math.imul(low ^ key, factor) ^ high);
    // The upper bits choose the bin, an independent mix of all of them is the value.
    const bin = Math.floor((permuted / 4294967296) * size);
    const value = mix32(permuted ^ 0x6a09e667);
    if (isFilled[bin] === 0 || value < bins[bin]!) bins[bin] = value;
    isFilled[bin] = 1;
    return true;
  });
  const signature = bins.slice();
  for (let bin = 0; bin < size; bin++) {
    for (let attempt = 1; isFilled[bin] === 0; attempt++) {
      const donor = Math.floor((mix32(Math.imul(bin + 1, factor) ^ (attempt + key)) / 4294967296) * size);
      if (isFilled[donor] === 0) continue;
      signature[bin] = bins[donor]!;
      break;
    }
  }
  return signature;
}

/** Estimated Jaccard similarity: the share of equal positions. */
export function similarity(a: Uint32Array, b: Uint32Array): number {
  let equal = 0;
  for (let i = 0; i < a.length; i++) if (a[i] === b[i]) equal++;
  return equal / a.length;
}

/** Keys of the signature's bands, for grouping: texts that share a key are candidates. */
export function bandKeys(signature: Uint32Array, bands: number): string[] {
  const rows = signature.length / bands;
  return Array.from({ length: bands }, (_, band) => {
    let low = band;
    let high = ~band;
    for (let i = band * rows; i < (band + 1) * rows; i++) {
      low = mix32(low ^ signature[i]!);
      high = mix32(Math.imul(high, 31) ^ signature[i]!);
    }
    return `${band}:${low.toString(36)}:${high.toString(36)}`;
  });
}
