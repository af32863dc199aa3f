/** Statistics of one query's attention, from its softmax weights in f64. */
export interface QueryReference {
  readonly distance: number;
  /** null where no key lies beyond the sink. */
  readonly sinkExcludedDistance: number | null;
  readonly relativeDistance: number;
  readonly entropy: number;
  readonly normalizedEntropy: number;
  /** First token with the largest weight. */
  readonly best: number;
}

/** By the definitions of src/mechanism/definitions.ts, every weight looked at; `weights` by token, 0 where unseen. */
export function queryReference(
  weights: Float64Array,
  own: number,
  options: { readonly sinkTokens: number; readonly window?: number },
): QueryReference {
  let distance = 0;
  let entropy = 0;
  let beyond = 0;
  let beyondDistance = 0;
  let best = 0;
  for (let j = 0; j <= own; j++) {
    const p = weights[j]!;
    distance += p * (own - j);
    if (p > 0) entropy -= p * Math.log(p);
    if (j >= options.sinkTokens) {
      beyond += p;
      beyondDistance += p * (own - j);
    }
    if (p > weights[best]!) best = j;
  }
  const visible = options.window ? Math.min(own + 1, options.window) : own + 1;
  return {
    distance,
    sinkExcludedDistance: beyond > 0 ? beyondDistance / beyond : null,
    relativeDistance: own > 0 ? distance / own : 0,
    entropy,
    normalizedEntropy: visible > 1 ? entropy / Math.log(visible) : 0,
    best,
  };
}

/** Σ of the weights whose token lies in [start, end). */
export function massBetween(weights: Float64Array, start: number, end: number): number {
  let sum = 0;
  for (let j = Math.max(start, 0); j < Math.min(end, weights.length); j++) sum += weights[j]!;
  return sum;
}
