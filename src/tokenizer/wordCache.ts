/** Pre-tokens longer than this are encoded anew each time. */
export const LONGEST_CACHED = 128;

const SLOTS = 1 << 16;
const MASK = SLOTS - 1;
const STRIDE = 4;
const MOST_ENTRIES = SLOTS / 2;
const BYTE_ARENA = 1 << 20;
const ID_ARENA = 1 << 18;

/**
 * Ids of pre-tokens seen before, found by their bytes without allocating. About 3 MB, never more: when it is full
 * it starts again empty, so results never depend on what it holds.
 *
 * A slot is four 32-bit numbers: hash, offset of the bytes, length * 65536 + token count (0: free slot), and the
 * offset of the ids.
 */
export class WordCache {
  private readonly slots = new Int32Array(SLOTS * STRIDE);
  private readonly arena = new Uint8Array(BYTE_ARENA);
  private readonly idArena = new Int32Array(ID_ARENA);
  private entries = 0;
  private arenaEnd = 0;
  private idEnd = 0;
  /** Where the last missed look-up ended, for `put`. */
  private missedSlot = 0;
  private missedHash = 0;

  /** Slot position of bytes [start, end), or -1 when they are not here (then `put` may follow). */
  find(bytes: Uint8Array, start: number, end: number): number {
    const { slots, arena } = this;
    const length = end - start;
    let hash = length;
    for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
    hash ^= hash >>> 15;
    let slot = hash & MASK;
    for (;;) {
      const at = slot * STRIDE;
      const packed = slots[at + 2]!;
      if (packed === 0) {
        this.missedSlot = at;
        this.missedHash = hash;
        return -1;
      }
      if (slots[at] === hash && packed >>> 16 === length) {
        let i = start;
        let j = slots[at + 1]!;
        while (i < end && bytes[i] === arena[j]) {
          i++;
          j++;
        }
        if (i === end) return at;
      }
      slot = (slot + 1) & MASK;
    }
  }

  /** Number of tokens at a slot position. */
  count(at: number): number {
    return this.slots[at + 2]! & 0xffff;
  }

  /** Copies the ids at a slot position to `into` from `offset`. */
  copyIds(at: number, into: Uint32Array, offset: number): void {
    const { idArena } = this;
    const from = this.slots[at + 3]!;
    const count = this.slots[at + 2]! & 0xffff;
    for (let i = 0; i < count; i++) into[offset + i] = idArena[from + i]!;
  }

  /** Stores what the last `find` missed. */
  put(bytes: Uint8Array, start: number, end: number, ids: Int32Array, count: number): void {
    const length = end - start;
    if (
      this.entries >= MOST_ENTRIES ||
      this.arenaEnd + length > BYTE_ARENA ||
      this.idEnd + count > ID_ARENA
    ) {
      this.clear();
      this.missedSlot = (this.missedHash & MASK) * STRIDE;
    }
    const { slots, arena, idArena } = this;
    const at = this.missedSlot;
    slots[at] = this.missedHash;
    slots[at + 1] = this.arenaEnd;
    slots[at + 2] = (length << 16) | count;
    slots[at + 3] = this.idEnd;
    for (let i = start; i < end; i++) arena[this.arenaEnd++] = bytes[i]!;
    for (let i = 0; i < count; i++) idArena[this.idEnd++] = ids[i]!;
    this.entries++;
  }

  private clear(): void {
    this.slots.fill(0);
    this.entries = 0;
    this.arenaEnd = 0;
    this.idEnd = 0;
  }
}
