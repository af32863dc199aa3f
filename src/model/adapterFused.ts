import type { ModelConfig } from './config.ts';
import type { LoraPair } from './adapter.ts';

/** A fused expert tensor and how PEFT's two matrices for it lie. */
export interface FusedTarget {
  readonly parameter: 'gate_up_proj' | 'down_proj';
  /**
   * Releases of PEFT before `[E, out, in]` tensors were known to it took the middle axis for the input: A then
   * has `out` columns and B `in` rows, and the change of the weight is the transpose of B · A.
   */
  readonly swapped: boolean;
  /** Rank of each expert. */
  readonly rank: number;
}

/**
 * What the matrices A [E·r, in] and B [out, r·E] below `….mlp.experts` adapt, told by their shapes: the names only
 * say in which order PEFT wrapped the two tensors. Null when they fit neither.
 */
export function fusedTargetOf(
  aShape: readonly number[],
  bShape: readonly number[],
  config: ModelConfig,
): FusedTarget | null {
  const { moe, hiddenSize: c } = config;
  if (!moe) return null;
  const width = moe.moeIntermediateSize;
  const rank = (aShape[0] ?? 0) / moe.numExperts;
  if (!Number.isInteger(rank) || rank < 1 || bShape[1] !== aShape[0]) return null;
  const fits = (input: number, out: number): boolean => aShape[1] === input && bShape[0] === out;
  const target = (parameter: FusedTarget['parameter'], swapped: boolean): FusedTarget => ({
    parameter,
    swapped,
    rank,
  });
  if (fits(c, 2 * width)) return target('gate_up_proj', false);
  if (fits(width, c)) return target('down_proj', false);
  if (fits(2 * width, c)) return target('gate_up_proj', true);
  if (fits(c, width)) return target('down_proj', true);
  return null;
}

/**
 * Takes the fused form apart into one pair per expert and projection. A's row of expert e and direction j is
 * e·r + j, B's column j·E + e.
 *
 * @param experts module path that ends in `.mlp.experts`
 * @param a [E·r, in], or [E·r, out] when swapped
 * @param b [out, r·E], or [in, r·E] when swapped
 */
export function unfusePairs(
  experts: string,
  { parameter, swapped, rank }: FusedTarget,
  a: Float32Array,
  b: Float32Array,
  scale: number,
  config: ModelConfig,
): Map<string, LoraPair> {
  const pairs = new Map<string, LoraPair>();
  const { numExperts, moeIntermediateSize: width } = config.moe!;
  const c = config.hiddenSize;
  const [inFeatures, outFeatures] = parameter === 'down_proj' ? [width, c] : [c, 2 * width];
  const aColumns = swapped ? outFeatures : inFeatures;
  for (let e = 0; e < numExperts; e++) {
    // Both as rows of `rank` and columns: [in, r] and [out, r] by expert, whichever matrix each came from.
    const fromA = (column: number, j: number): number => a[(e * rank + j) * aColumns + column]!;
    const fromB = (row: number, j: number): number => b[row * rank * numExperts + j * numExperts + e]!;
    const [inputOf, outputOf] = swapped ? [fromB, fromA] : [fromA, fromB];
    const expertA = new Float32Array(rank * inFeatures);
    for (let j = 0; j < rank; j++) {
      for (let i = 0; i < inFeatures; i++) expertA[j * inFeatures + i] = inputOf(i, j);
    }
    const parts: readonly (readonly [string, number, number])[] =
      parameter === 'down_proj'
        ? [['down_proj', 0, c]]
        : [
            ['gate_proj', 0, width],
            ['up_proj', width, width],
          ];
    for (const [name, firstRow, rows] of parts) {
      const expertB = new Float32Array(rows * rank);
      for (let o = 0; o < rows; o++) {
        for (let j = 0; j < rank; j++) expertB[o * rank + j] = outputOf(firstRow + o, j);
      }
      pairs.set(`${experts}.${e}.${name}`, {
        a: expertA,
        b: expertB,
        rank,
        inFeatures,
        outFeatures: rows,
        scale,
      });
    }
  }
  return pairs;
}
