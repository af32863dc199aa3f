/** No merge: larger than any rank. */
export const NO_MERGE = 0x7fffffff;

const STRIDE = 3;

function hashPair(left: number, right: number): number {
  let hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return hash ^ (hash >>> 13);
}

/**
 * The merges of a BPE model by pair of token ids: rank (position in the list, lower merges first) and the id of
 * the merged token. Open addressing in one typed array; no allocation on look-up.
 */
export class MergeTable {
  /** `results[rank]` is the id of the merged token. */
  readonly results: Int32Array;
  private readonly slots: Int32Array;
  private readonly mask: number;

  /** @param merges `[left, right, result]` ids of each merge, in rank order; of equal pairs the last counts. */
  constructor(merges: Int32Array) {
    const count = merges.length / 3;
    let capacity = 16;
    while (capacity < count * 2) capacity *= 2;
    this.mask = capacity - 1;
    this.slots = new Int32Array(capacity * STRIDE).fill(-1);
    this.results = new Int32Array(count);
    const { slots, mask } = this;
    for (let rank = 0; rank < count; rank++) {
      const left = merges[rank * 3]!;
      const right = merges[rank * 3 + 1]!;
      this.results[rank] = merges[rank * 3 + 2]!;
      let slot = hashPair(left, right) & mask;
      let at = slot * STRIDE;
      while (slots[at + 2]! >= 0 && (slots[at] !== left || slots[at + 1] !== right)) {
        slot = (slot + 1) & mask;
        at = slot * STRIDE;
      }
      slots[at] = left;
      slots[at + 1] = right;
      slots[at + 2] = rank;
    }
  }

  /** Rank of the merge of two tokens, `NO_MERGE` when they do not merge. */
  rank(left: number, right: number): number {
    const { slots, mask } = this;
    let slot = hashPair(left, right) & mask;
    for (;;) {
      const at = slot * STRIDE;
      const rank = slots[at + 2]!;
      if (rank < 0) return NO_MERGE;
      if (slots[at] === left && slots[at + 1] === right) return rank;
      slot = (slot + 1) & mask;
    }
  }
}
