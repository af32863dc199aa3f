/**
 * Similarity of two texts with the semantics of CPython's `difflib.SequenceMatcher(None, a, b).ratio()`:
 * longest-matching-block recursion over Unicode code points, with the popularity heuristic ("autojunk").
 * Source of the rules: CPython 3.11, Lib/difflib.py. The result depends on the order of the arguments.
 */

/** The code points of a text, without normalisation; lone surrogates stand for themselves. */
export function codePointsOf(text: string): Uint32Array {
  const points = new Uint32Array(text.length);
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!;
    if (point > 0xffff) i++;
    points[count++] = point;
  }
  return points.subarray(0, count);
}

export interface MatchingBlock {
  readonly aStart: number;
  readonly bStart: number;
  readonly size: number;
}

/** Positions of each code point in b; code points that are too frequent in a long b cannot seed a match. */
function indexPositions(b: Uint32Array, autojunk: boolean): Map<number, Uint32Array> {
  const counts = new Map<number, number>();
  for (const point of b) counts.set(point, (counts.get(point) ?? 0) + 1);
  const limit = autojunk && b.length >= 200 ? Math.floor(b.length / 100) + 1 : Infinity;
  const positions = new Map<number, Uint32Array>();
  const filled = new Map<number, number>();
  for (const [point, count] of counts) {
    if (count <= limit) positions.set(point, new Uint32Array(count));
  }
  for (let j = 0; j < b.length; j++) {
    const list = positions.get(b[j]!);
    if (!list) continue;
    const at = filled.get(b[j]!) ?? 0;
    list[at] = j;
    filled.set(b[j]!, at + 1);
  }
  return positions;
}

/** First index of an ascending list whose value is at least `bound`. */
function lowerBound(list: Uint32Array, bound: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list[middle]! < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

class BlockFinder {
  private readonly positions: Map<number, Uint32Array>;
  /** Length of the match that ends at (previous row, j), valid where `stamps` holds that row's number. */
  private lengths: Int32Array;
  private nextLengths: Int32Array;
  private stamps: Int32Array;
  private nextStamps: Int32Array;
  private row = 0;

  constructor(
    private readonly a: Uint32Array,
    private readonly b: Uint32Array,
    autojunk: boolean,
  ) {
    this.positions = indexPositions(b, autojunk);
    this.lengths = new Int32Array(b.length);
    this.nextLengths = new Int32Array(b.length);
    this.stamps = new Int32Array(b.length);
    this.nextStamps = new Int32Array(b.length);
  }

  /** The longest block in the window: earliest in a, then earliest in b; then grown over popular characters. */
  longest(aLow: number, aHigh: number, bLow: number, bHigh: number): MatchingBlock {
    const { a, b } = this;
    let aStart = aLow;
    let bStart = bLow;
    let size = 0;
    this.row += 2; // no row of an earlier window can be the previous row of this one
    for (let i = aLow; i < aHigh; i++) {
      this.row++;
      const list = this.positions.get(a[i]!);
      if (list) {
        for (let at = lowerBound(list, bLow); at < list.length; at++) {
          const j = list[at]!;
          if (j >= bHigh) break;
          const length = (j > 0 && this.stamps[j - 1] === this.row - 1 ? this.lengths[j - 1]! : 0) + 1;
          this.nextLengths[j] = length;
          this.nextStamps[j] = this.row;
          if (length > size) {
            aStart = i - length + 1;
            bStart = j - length + 1;
            size = length;
          }
        }
      }
      [this.lengths, this.nextLengths] = [this.nextLengths, this.lengths];
      [this.stamps, this.nextStamps] = [this.nextStamps, this.stamps];
    }
    while (aStart > aLow && bStart > bLow && a[aStart - 1] === b[bStart - 1]) {
      aStart--;
      bStart--;
      size++;
    }
    while (aStart + size < aHigh && bStart + size < bHigh && a[aStart + size] === b[bStart + size]) size++;
    return { aStart, bStart, size };
  }
}

/** All matching blocks in order of position, adjacent ones not merged (their sizes add up the same). */
export function matchingBlocks(a: Uint32Array, b: Uint32Array, autojunk = true): MatchingBlock[] {
  const finder = new BlockFinder(a, b, autojunk);
  const blocks: MatchingBlock[] = [];
  const windows: [number, number, number, number][] = [[0, a.length, 0, b.length]];
  for (let window = windows.pop(); window; window = windows.pop()) {
    const [aLow, aHigh, bLow, bHigh] = window;
    const block = finder.longest(aLow, aHigh, bLow, bHigh);
    if (block.size === 0) continue;
    blocks.push(block);
    if (aLow < block.aStart && bLow < block.bStart) windows.push([aLow, block.aStart, bLow, block.bStart]);
    const aEnd = block.aStart + block.size;
    const bEnd = block.bStart + block.size;
    if (aEnd < aHigh && bEnd < bHigh) windows.push([aEnd, aHigh, bEnd, bHigh]);
  }
  return blocks.sort((left, right) => left.aStart - right.aStart || left.bStart - right.bStart);
}

/** `SequenceMatcher(None, a, b, autojunk).ratio()`: 2·M / (|a| + |b|), and 1 when both are empty. */
export function sequenceRatio(a: string, b: string, autojunk = true): number {
  const left = codePointsOf(a);
  const right = codePointsOf(b);
  const total = left.length + right.length;
  if (total === 0) return 1;
  let matched = 0;
  for (const block of matchingBlocks(left, right, autojunk)) matched += block.size;
  return (2 * matched) / total;
}
