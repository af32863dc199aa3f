/** Token texts as bytes, by id, in one array; ids without a token have length 0. */
export class Vocabulary {
  readonly size: number;
  /** Bytes of all tokens; token `id` is [offsets[id], offsets[id + 1]). */
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
  private index: Int32Array | undefined;

  constructor(bytes: Uint8Array, offsets: Uint32Array) {
    this.bytes = bytes;
    this.offsets = offsets;
    this.size = offsets.length - 1;
  }

  /** Id of the token that is exactly bytes [start, end), or -1. The index is made at the first call. */
  find(bytes: Uint8Array, start: number, end: number): number {
    this.index ??= this.buildIndex();
    const index = this.index;
    const mask = index.length - 1;
    let slot = hashBytes(bytes, start, end) & mask;
    for (;;) {
      const id = index[slot]!;
      if (id < 0) return -1;
      if (this.equals(id, bytes, start, end)) return id;
      slot = (slot + 1) & mask;
    }
  }

  private equals(id: number, bytes: Uint8Array, start: number, end: number): boolean {
    const from = this.offsets[id]!;
    if (this.offsets[id + 1]! - from !== end - start) return false;
    for (let i = start; i < end; i++) if (this.bytes[from + i - start] !== bytes[i]) return false;
    return true;
  }

  private buildIndex(): Int32Array {
    let capacity = 16;
    while (capacity < this.size * 2) capacity *= 2;
    const index = new Int32Array(capacity).fill(-1);
    for (let id = 0; id < this.size; id++) {
      const start = this.offsets[id]!;
      const end = this.offsets[id + 1]!;
      if (start === end) continue;
      let slot = hashBytes(this.bytes, start, end) & (capacity - 1);
      while (index[slot]! >= 0) slot = (slot + 1) & (capacity - 1);
      index[slot] = id;
    }
    return index;
  }
}

function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash ^ (hash >>> 16);
}
