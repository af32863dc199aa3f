import { InputError } from '../core/errors.ts';

/** Free space of open rows: how many have exactly n tokens left, searchable for the least that is enough. */
class FreeSpace {
  private readonly rows: number[][];
  private readonly counts: Uint32Array;
  private readonly leaves: number;

  constructor(capacity: number) {
    this.rows = Array.from({ length: capacity + 1 });
    this.leaves = 2 ** Math.ceil(Math.log2(capacity + 1));
    this.counts = new Uint32Array(2 * this.leaves);
  }

  put(row: number, space: number): void {
    (this.rows[space] ??= []).push(row);
    for (let node = this.leaves + space; node >= 1; node >>= 1) this.counts[node]!++;
  }

  /** Takes out the row with the least space of at least `length`; null when none has it. */
  takeBest(length: number): { readonly row: number; readonly space: number } | null {
    const space = this.smallestFrom(length);
    const row = space === null ? undefined : this.rows[space]?.pop();
    if (space === null || row === undefined) return null;
    for (let node = this.leaves + space; node >= 1; node >>= 1) this.counts[node]!--;
    return { row, space };
  }

  private smallestFrom(length: number): number | null {
    let node = this.leaves + length;
    if (node >= 2 * this.leaves) return null;
    if (this.counts[node]! > 0) return length;
    // Up to the first right neighbour with rows, then down its left side.
    while (node > 1 && (node & 1 || this.counts[node + 1] === 0)) node >>= 1;
    if (node <= 1) return null;
    node++;
    while (node < this.leaves) node = this.counts[2 * node]! > 0 ? 2 * node : 2 * node + 1;
    return node - this.leaves;
  }
}

/**
 * Packs documents into rows of at most `capacity` tokens by best-fit-decreasing: longest first, each into the row
 * it leaves the least space in. Equal input gives equal rows. No document is cut.
 * @param lengths tokens of each document
 * @returns for each row the documents in it, ascending; rows in the order of their first document
 * @throws InputError when a document alone is longer than a row
 */
export function packRows(lengths: readonly number[], capacity: number): number[][] {
  const order = lengths.map((_, index) => index).sort((a, b) => lengths[b]! - lengths[a]! || a - b);
  const free = new FreeSpace(capacity);
  const rows: number[][] = [];
  for (const index of order) {
    const length = lengths[index]!;
    if (length > capacity) {
      throw new InputError('row-too-long', `Document ${index} is longer than a row`, {
        expected: `at most ${capacity} tokens`,
        actual: `${length}`,
      });
    }
    const best = free.takeBest(length);
    const row = best ? best.row : rows.push([]) - 1;
    rows[row]!.push(index);
    free.put(row, (best ? best.space : capacity) - length);
  }
  for (const row of rows) row.sort((a, b) => a - b);
  return rows.sort((a, b) => a[0]! - b[0]!);
}
