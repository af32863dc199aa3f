/**
 * A map from 64-bit hashes to two 32-bit numbers in typed arrays (16 bytes an entry at most half full), for
 * millions of n-grams. Grows by doubling up to a fixed number of entries.
 */
export class GramIndex {
  private slots: Uint32Array;
  private mask: number;
  private entries = 0;
  private readonly mostEntries: number;

  constructor(mostEntries: number) {
    this.mostEntries = mostEntries;
    this.mask = 1023;
    this.slots = new Uint32Array(1024 * 4);
  }

  get size(): number {
    return this.entries;
  }

  /** Position of an entry for `value`, or -1. */
  find(low: number, high: number): number {
    const { slots, mask } = this;
    let slot = low & mask;
    for (;;) {
      const at = slot * 4;
      // The third number is stored plus one, so zero marks a free slot.
      if (slots[at + 2] === 0) return -1;
      if (slots[at] === low && slots[at + 1] === high) return at;
      slot = (slot + 1) & mask;
    }
  }

  first(at: number): number {
    return this.slots[at + 2]! - 1;
  }

  second(at: number): number {
    return this.slots[at + 3]!;
  }

  /** Changes the first number of an entry found. */
  setFirst(at: number, value: number): void {
    this.slots[at + 2] = value + 1;
  }

  /** Adds what `find` did not find; false when the index is full. */
  add(low: number, high: number, first: number, second: number): boolean {
    if (this.entries >= this.mostEntries) return false;
    if (this.entries * 2 > this.mask) this.grow();
    this.place(low, high, first + 1, second);
    this.entries++;
    return true;
  }

  private place(low: number, high: number, first: number, second: number): void {
    const { slots, mask } = this;
    let slot = low & mask;
    while (slots[slot * 4 + 2] !== 0) slot = (slot + 1) & mask;
    slots[slot * 4] = low;
    slots[slot * 4 + 1] = high;
    slots[slot * 4 + 2] = first;
    slots[slot * 4 + 3] = second;
  }

  private grow(): void {
    const old = this.slots;
    this.mask = this.mask * 2 + 1;
    this.slots = new Uint32Array((this.mask + 1) * 4);
    for (let at = 0; at < old.length; at += 4) {
      if (old[at + 2] !== 0) this.place(old[at]!, old[at + 1]!, old[at + 2]!, old[at + 3]!);
    }
  }
}
