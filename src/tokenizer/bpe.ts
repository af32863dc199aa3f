import { type MergeTable, NO_MERGE } from './mergeTable.ts';

/** Above this many bytes a heap finds the next merge; below, looking at all pairs is quicker. */
const SCAN_LIMIT = 96;
/** Position part of a heap key: keys are `rank * POSITIONS + position`, exact in a double. */
const POSITIONS = 2 ** 31;

/**
 * Byte-pair encoding of one pre-token: merges the pair of lowest rank, the leftmost of equal ones, until none is
 * left. Holds scratch arrays, so one instance serves one thread.
 */
export class PairMerger {
  private readonly merges: MergeTable;
  private readonly idOfByte: Int32Array;
  /** Rank of the merge of two single bytes, by `left * 256 + right`. */
  private readonly byteRanks: Int32Array;
  private ids = new Int32Array(256);
  private ranks = new Int32Array(256);
  private next = new Int32Array(0);
  private previous = new Int32Array(0);
  private heap = new Float64Array(0);
  private heapSize = 0;

  /** @param idOfByte the id of the token that is one byte, for all 256 bytes. */
  constructor(merges: MergeTable, idOfByte: Int32Array) {
    this.merges = merges;
    this.idOfByte = idOfByte;
    this.byteRanks = new Int32Array(65536);
    for (let left = 0; left < 256; left++) {
      for (let right = 0; right < 256; right++) {
        this.byteRanks[left * 256 + right] = merges.rank(idOfByte[left]!, idOfByte[right]!);
      }
    }
  }

  /**
   * Encodes bytes [start, end) (not empty). The ids are `output.subarray(0, result)`, valid until the next call.
   */
  encode(bytes: Uint8Array, start: number, end: number): number {
    const length = end - start;
    if (length > this.ids.length) {
      const size = Math.max(length, this.ids.length * 2);
      this.ids = new Int32Array(size);
      this.ranks = new Int32Array(size);
    }
    const { ids, ranks, idOfByte, byteRanks } = this;
    for (let i = 0; i < length - 1; i++) {
      const byte = bytes[start + i]!;
      ids[i] = idOfByte[byte]!;
      ranks[i] = byteRanks[byte * 256 + bytes[start + i + 1]!]!;
    }
    ids[length - 1] = idOfByte[bytes[end - 1]!]!;
    ranks[length - 1] = NO_MERGE;
    return length <= SCAN_LIMIT ? this.mergeByScan(length) : this.mergeByHeap(length);
  }

  /** The ids of the last `encode`. */
  get output(): Int32Array {
    return this.ids;
  }

  /** Forgets the scratch space of an unusually long pre-token. */
  trim(): void {
    if (this.ids.length <= 65536) return;
    this.ids = new Int32Array(256);
    this.ranks = new Int32Array(256);
    this.next = new Int32Array(0);
    this.previous = new Int32Array(0);
    this.heap = new Float64Array(0);
  }

  private mergeByScan(length: number): number {
    const { ids, ranks, merges } = this;
    for (;;) {
      let best = NO_MERGE;
      let at = -1;
      for (let i = 0; i < length - 1; i++) {
        const rank = ranks[i]!;
        if (rank < best) {
          best = rank;
          at = i;
        }
      }
      if (at < 0) return length;
      ids[at] = merges.results[best]!;
      length--;
      for (let i = at + 1; i < length; i++) {
        ids[i] = ids[i + 1]!;
        ranks[i] = ranks[i + 1]!;
      }
      ranks[at] = at + 1 < length ? merges.rank(ids[at]!, ids[at + 1]!) : NO_MERGE;
      if (at > 0) ranks[at - 1] = merges.rank(ids[at - 1]!, ids[at]!);
    }
  }

  /** The same through a linked list and a heap with lazy deletion: O(n log n) for text without boundaries. */
  private mergeByHeap(length: number): number {
    if (this.next.length < length) {
      this.next = new Int32Array(length);
      this.previous = new Int32Array(length);
    }
    const { ids, ranks, merges, next, previous } = this;
    if (this.heap.length < length) this.heap = new Float64Array(length * 2);
    let size = 0;
    for (let i = 0; i < length; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
      const rank = ranks[i]!;
      if (rank !== NO_MERGE) this.heap[size++] = rank * POSITIONS + i;
    }
    this.heapSize = size;
    for (let i = (size >> 1) - 1; i >= 0; i--) this.sink(i);
    while (this.heapSize > 0) {
      const key = this.pop();
      const rank = Math.floor(key / POSITIONS);
      const at = key - rank * POSITIONS;
      // A stale key: the token here was merged into another or its pair changed.
      if (ranks[at] !== rank) continue;
      const gone = next[at]!;
      const after = next[gone]!;
      ids[at] = merges.results[rank]!;
      ranks[gone] = NO_MERGE;
      next[at] = after;
      if (after < length) previous[after] = at;
      this.rerank(at, after < length ? merges.rank(ids[at], ids[after]!) : NO_MERGE);
      const before = previous[at]!;
      if (before >= 0) this.rerank(before, merges.rank(ids[before]!, ids[at]));
    }
    let count = 0;
    for (let i = 0; i < length; i = next[i]!) ids[count++] = ids[i]!;
    return count;
  }

  private rerank(at: number, rank: number): void {
    this.ranks[at] = rank;
    if (rank !== NO_MERGE) this.push(rank * POSITIONS + at);
  }

  private push(key: number): void {
    if (this.heapSize === this.heap.length) {
      const larger = new Float64Array(Math.max(64, this.heap.length * 2));
      larger.set(this.heap);
      this.heap = larger;
    }
    const { heap } = this;
    let at = this.heapSize++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= key) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = key;
  }

  private pop(): number {
    const { heap } = this;
    const top = heap[0]!;
    this.heapSize--;
    if (this.heapSize > 0) {
      heap[0] = heap[this.heapSize]!;
      this.sink(0);
    }
    return top;
  }

  private sink(at: number): void {
    const { heap, heapSize } = this;
    const key = heap[at]!;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heapSize) break;
      if (child + 1 < heapSize && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= key) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = key;
  }
}
