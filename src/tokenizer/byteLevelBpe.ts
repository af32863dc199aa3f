import { AddedTokenFinder } from './addedTokens.ts';
import { BoundaryRules } from './boundary.ts';
import { PairMerger } from './bpe.ts';
import type { BpeModel } from './bpeModel.ts';
import { spelledBytes } from './byteAlphabet.ts';
import { SCRIPT_SPACE, SPACE } from './categories.ts';
import { genericSplitter, type Splitter } from './genericSplitter.ts';
import { MergeTable } from './mergeTable.ts';
import { cl100kScanner, gpt2Scanner, o200kScanner, type Scanner } from './scanners.ts';
import type { Tokenizer } from './types.ts';
import type { Vocabulary } from './vocabulary.ts';
import { LONGEST_CACHED, WordCache } from './wordCache.ts';

/** Long texts are taken in chunks of about this many characters, so scratch space stays small. */
const CHUNK = 1 << 17;
/** How far back a cut is looked for from the end of a chunk. */
const LONGEST_SEARCH = 1 << 12;

const scanners: Readonly<Record<string, Scanner>> = {
  qwen2: cl100kScanner(1),
  cl100k: cl100kScanner(3),
  o200k: o200kScanner,
  gpt2: gpt2Scanner(SPACE),
  'gpt2-script-space': gpt2Scanner(SCRIPT_SPACE),
};

/**
 * A byte-level BPE tokenizer (GPT-2, Qwen, Llama 3, cl100k, o200k) made to count fast: text becomes UTF-8 once,
 * a hand-written scanner cuts it into pre-tokens, and those seen before are found by their bytes in a bounded
 * cache. Holds scratch space: use one instance per thread. Results never depend on earlier calls.
 */
export class ByteLevelBpe implements Tokenizer {
  readonly name: string;
  readonly sha256: string;
  readonly vocabSize: number;
  private readonly model: BpeModel;
  private readonly merger: PairMerger;
  private readonly cache = new WordCache();
  private readonly scan: Scanner;
  private readonly splitter: Splitter | null;
  private readonly vocabulary: Vocabulary;
  private readonly rawFinder: AddedTokenFinder;
  private readonly normalizedFinder: AddedTokenFinder;
  private readonly idOfAdded = new Map<string, number>();
  private readonly addedOfId = new Map<number, string>();
  private readonly boundaries: BoundaryRules;
  private readonly encoder = new TextEncoder();
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  private scratch = new Uint8Array(CHUNK * 3);
  private sectionScratch = new Uint8Array(0);
  /** Where ids go; null while only counting. */
  private output: Uint32Array | null = null;
  private outputEnd = 0;

  constructor(model: BpeModel) {
    this.model = model;
    this.name = model.name;
    this.sha256 = model.sha256;
    this.vocabulary = model.vocabulary;
    const { preTokenization, normalization } = model;
    if (preTokenization.kind === 'scanner') {
      this.scan = scanners[preTokenization.scanner] ?? o200kScanner;
      this.splitter = null;
    } else {
      this.scan = preTokenization.thenGpt2 ? gpt2Scanner(SCRIPT_SPACE) : (_bytes, _start, end) => end;
      this.splitter = genericSplitter(preTokenization.configs);
    }
    const idOfByte = new Int32Array(256);
    for (let byte = 0; byte < 256; byte++) idOfByte[byte] = this.vocabulary.find(Uint8Array.of(byte), 0, 1);
    this.merger = new PairMerger(new MergeTable(model.merges), idOfByte);
    const raw: { content: string; id: number }[] = [];
    const normalized: { content: string; id: number }[] = [];
    let largest = this.vocabulary.size - 1;
    for (const { content, id, normalized: isNormalized } of model.addedTokens) {
      largest = Math.max(largest, id);
      this.idOfAdded.set(content, id);
      this.addedOfId.set(id, content);
      if (isNormalized && normalization !== null) {
        normalized.push({ content: content.normalize(normalization), id });
      } else raw.push({ content, id });
    }
    this.vocabSize = largest + 1;
    this.rawFinder = new AddedTokenFinder(raw);
    this.normalizedFinder = new AddedTokenFinder(normalized);
    this.boundaries = new BoundaryRules(model);
  }

  encode(text: string): Uint32Array {
    this.output = new Uint32Array(Math.max(16, text.length >> 1));
    this.outputEnd = 0;
    try {
      this.run(text);
      return this.output.slice(0, this.outputEnd);
    } finally {
      this.output = null;
    }
  }

  count(text: string): number {
    this.output = null;
    return this.run(text);
  }

  isSafeCut(text: string, at: number): boolean {
    return this.boundaries.isSafe(text, at);
  }

  decode(ids: ArrayLike<number>): string {
    const { bytes, offsets, size } = this.vocabulary;
    const parts: string[] = [];
    let pending: number[] = [];
    const flush = (): void => {
      if (pending.length > 0) parts.push(this.decoder.decode(Uint8Array.from(pending)));
      pending = [];
    };
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      const added = this.addedOfId.get(id);
      if (added !== undefined) {
        flush();
        parts.push(added);
      } else if (id < size) {
        for (let at = offsets[id]!; at < offsets[id + 1]!; at++) pending.push(bytes[at]!);
      }
    }
    flush();
    return parts.join('');
  }

  tokenToId(token: string): number | null {
    const added = this.idOfAdded.get(token);
    if (added !== undefined) return added;
    const bytes = spelledBytes(token);
    const id = bytes && bytes.length > 0 ? this.vocabulary.find(bytes, 0, bytes.length) : -1;
    if (id >= 0) return id;
    return this.model.unspelled.find(([text]) => text === token)?.[1] ?? null;
  }

  /** Handles the text in chunks cut where a boundary is certain. */
  private run(text: string): number {
    let total = 0;
    let start = 0;
    while (start < text.length) {
      const end = this.chunkEnd(text, start);
      total += this.runChunk(start === 0 && end === text.length ? text : text.slice(start, end));
      start = end;
    }
    if (this.scratch.length > CHUNK * 12) this.scratch = new Uint8Array(CHUNK * 3);
    this.merger.trim();
    return total;
  }

  private chunkEnd(text: string, start: number): number {
    // Ordinary text has a cut every few characters; text without any is taken in ever longer chunks.
    for (let length = CHUNK; start + length < text.length; length *= 2) {
      const end = start + length;
      const lowest = end - LONGEST_SEARCH;
      for (let at = end; at > lowest; at--) {
        if (this.boundaries.isSafe(text, at)) return at;
      }
    }
    return text.length;
  }

  private runChunk(text: string): number {
    if (this.scratch.length < text.length * 3) {
      this.scratch = new Uint8Array(Math.max(text.length * 3, CHUNK * 3));
    }
    const { scratch: bytes } = this;
    const length = this.encoder.encodeInto(text, bytes).written;
    const form = this.model.normalization;
    // All ASCII text is normal in every form; a part of normal text is normal.
    const isNormal = form === null || length === text.length || text.normalize(form) === text;
    let total = 0;
    let from = 0;
    while (from < length) {
      const found = this.rawFinder.next(bytes, from, length);
      const sectionEnd = found ? this.rawFinder.foundStart : length;
      if (sectionEnd > from) {
        total += isNormal
          ? this.runNormalized(bytes, from, sectionEnd)
          : this.normalizeSection(bytes, from, sectionEnd);
      }
      if (!found) break;
      this.emit(this.rawFinder.foundId);
      total++;
      from = this.rawFinder.foundEnd;
    }
    return total;
  }

  private normalizeSection(bytes: Uint8Array, start: number, end: number): number {
    const section = this.decoder.decode(bytes.subarray(start, end));
    const text = section.normalize(this.model.normalization ?? 'NFC');
    // The reference looks a whole section up among the added tokens after normalising it.
    const added = this.idOfAdded.get(text);
    if (added !== undefined) {
      this.emit(added);
      return 1;
    }
    if (this.sectionScratch.length < text.length * 3) this.sectionScratch = new Uint8Array(text.length * 3);
    const target = this.sectionScratch;
    const total = this.runNormalized(target, 0, this.encoder.encodeInto(text, target).written);
    if (this.sectionScratch.length > CHUNK * 12) this.sectionScratch = new Uint8Array(0);
    return total;
  }

  private runNormalized(bytes: Uint8Array, start: number, end: number): number {
    if (this.normalizedFinder.isEmpty) return this.runPlain(bytes, start, end);
    let total = 0;
    let from = start;
    while (from < end) {
      const found = this.normalizedFinder.next(bytes, from, end);
      const sectionEnd = found ? this.normalizedFinder.foundStart : end;
      if (sectionEnd > from) total += this.runPlain(bytes, from, sectionEnd);
      if (!found) break;
      this.emit(this.normalizedFinder.foundId);
      total++;
      from = this.normalizedFinder.foundEnd;
    }
    return total;
  }

  /** Text without added tokens. */
  private runPlain(bytes: Uint8Array, start: number, end: number): number {
    if (this.splitter === null) return this.runPieces(bytes, start, end);
    let total = 0;
    for (const piece of this.splitter(this.decoder.decode(bytes.subarray(start, end)))) {
      const pieceBytes = this.encoder.encode(piece);
      if (pieceBytes.length > 0) total += this.runPieces(pieceBytes, 0, pieceBytes.length);
    }
    return total;
  }

  private runPieces(bytes: Uint8Array, start: number, end: number): number {
    const { scan, cache, output } = this;
    let total = 0;
    let from = start;
    while (from < end) {
      const to = scan(bytes, from, end);
      if (to - from <= LONGEST_CACHED) {
        const at = cache.find(bytes, from, to);
        if (at < 0) total += this.encodePiece(bytes, from, to, true);
        else {
          const count = cache.count(at);
          total += count;
          if (output !== null) this.copyCached(at, count);
        }
      } else total += this.encodePiece(bytes, from, to, false);
      from = to;
    }
    return total;
  }

  private encodePiece(bytes: Uint8Array, start: number, end: number, remember: boolean): number {
    const { merger } = this;
    let count = 0;
    if (this.model.ignoreMerges) {
      const id = this.vocabulary.find(bytes, start, end);
      if (id >= 0) {
        merger.output[0] = id;
        count = 1;
      }
    }
    if (count === 0) count = merger.encode(bytes, start, end);
    const ids = merger.output;
    if (remember) this.cache.put(bytes, start, end, ids, count);
    if (this.output !== null) {
      this.reserve(count);
      const { output, outputEnd } = this;
      for (let i = 0; i < count; i++) output[outputEnd + i] = ids[i]!;
      this.outputEnd += count;
    }
    return count;
  }

  private copyCached(at: number, count: number): void {
    this.reserve(count);
    if (this.output !== null) this.cache.copyIds(at, this.output, this.outputEnd);
    this.outputEnd += count;
  }

  private emit(id: number): void {
    if (this.output === null) return;
    this.reserve(1);
    this.output[this.outputEnd++] = id;
  }

  private reserve(count: number): void {
    if (this.output === null || this.outputEnd + count <= this.output.length) return;
    const larger = new Uint32Array(Math.max(this.output.length * 2, this.outputEnd + count));
    larger.set(this.output.subarray(0, this.outputEnd));
    this.output = larger;
  }
}
