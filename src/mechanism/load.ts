/** How unevenly a layer's choices fall on its experts; `frequency` [E] sums to k. */
export interface ExpertLoad {
  readonly gini: number;
  readonly maxOverMean: number;
  readonly effectiveExperts: number;
}

/** −Σ p ln p of weights that need not sum to 1; 0 for none. */
export function entropyOf(weights: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < weights.length; i++) total += weights[i]!;
  if (total <= 0) return 0;
  let entropy = 0;
  for (let i = 0; i < weights.length; i++) {
    const p = weights[i]! / total;
    if (p > 0) entropy -= p * Math.log(p);
  }
  return entropy;
}

/** Gini coefficient, largest over mean, e^entropy. */
export function expertLoad(frequency: ArrayLike<number>): ExpertLoad {
  const n = frequency.length;
  const sorted = new Float64Array(frequency).sort();
  const total = sorted.reduce((sum, value) => sum + value, 0);
  if (total <= 0) return { gini: 0, maxOverMean: 0, effectiveExperts: 0 };
  let ranked = 0;
  for (let index = 0; index < n; index++) ranked += (2 * (index + 1) - n - 1) * sorted[index]!;
  return {
    gini: ranked / (n * total),
    maxOverMean: (sorted[n - 1]! * n) / total,
    effectiveExperts: Math.exp(entropyOf(frequency)),
  };
}

/** Jensen-Shannon divergence in nats of two lists of weights, each taken as a distribution; null when one is empty. */
export function jensenShannon(a: ArrayLike<number>, b: ArrayLike<number>): number | null {
  let [sumA, sumB] = [0, 0];
  for (let e = 0; e < a.length; e++) {
    sumA += a[e]!;
    sumB += b[e]!;
  }
  if (sumA <= 0 || sumB <= 0) return null;
  const middle = new Float64Array(a.length);
  for (let e = 0; e < a.length; e++) middle[e] = (a[e]! / sumA + b[e]! / sumB) / 2;
  return Math.max(0, entropyOf(middle) - (entropyOf(a) + entropyOf(b)) / 2);
}
