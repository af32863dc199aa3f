/** What a materialised attention in f64 needs; K and V as [tokens, KV, D], q as [T, H, D]. */
export interface AttentionCase {
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly rows: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly firstToken: number;
  readonly scale: number;
  readonly segmentStarts?: readonly number[];
  readonly window?: number;
}

/**
 * Output [T, H, D], log-sum-exp [T, H] and the softmax weights by t·H + h over all tokens (0 where unseen), every score
 * computed and kept.
 */
export function attentionReference(input: AttentionCase): {
  out: Float64Array;
  logSumExp: Float64Array;
  weights: Float64Array[];
} {
  const { q, k, v, rows, heads, kvHeads, headDim, firstToken, scale } = input;
  const out = new Float64Array(rows * heads * headDim);
  const logSumExp = new Float64Array(rows * heads);
  const weights: Float64Array[] = [];
  for (let t = 0; t < rows; t++) {
    const own = firstToken + t;
    const first = Math.max(input.segmentStarts?.[t] ?? 0, input.window ? own + 1 - input.window : 0);
    for (let h = 0; h < heads; h++) {
      const kvHead = Math.floor(h / (heads / kvHeads));
      const scores: number[] = [];
      for (let j = first; j <= own; j++) {
        let score = 0;
        for (let d = 0; d < headDim; d++) {
          score += q[(t * heads + h) * headDim + d]! * k[(j * kvHeads + kvHead) * headDim + d]!;
        }
        scores.push(score * scale);
      }
      const most = Math.max(...scores);
      const total = scores.reduce((sum, score) => sum + Math.exp(score - most), 0);
      logSumExp[t * heads + h] = most + Math.log(total);
      const kept = new Float64Array(firstToken + rows);
      weights.push(kept);
      scores.forEach((score, index) => {
        const p = Math.exp(score - most) / total;
        kept[first + index] = p;
        for (let d = 0; d < headDim; d++) {
          const at = (t * heads + h) * headDim + d;
          out[at] = out[at]! + p * v[((first + index) * kvHeads + kvHead) * headDim + d]!;
        }
      });
    }
  }
  return { out, logSumExp, weights };
}

/** What norms and rotates queries and keys, values aside. */
export interface HeadTransform {
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** [2, D]: of the queries, of the keys. */
  readonly norms: Float64Array;
  readonly eps: number;
  /** As `ropeTable` gives it. */
  readonly rope: Float32Array<ArrayBuffer>;
  /** By token: row of `rope`. */
  readonly positions: readonly number[];
}

/** q, k and v as attention takes them, of their projection [T, (H + 2·KV)·D]. */
export function attentionInputReference(
  qkv: Float64Array,
  { heads, kvHeads, headDim, norms, eps, rope, positions }: HeadTransform,
): Float64Array {
  const out = qkv.slice();
  const half = headDim / 2;
  positions.forEach((position, t) => {
    for (let head = 0; head < heads + kvHeads; head++) {
      const at = (t * (heads + 2 * kvHeads) + head) * headDim;
      const row = qkv.subarray(at, at + headDim);
      const factor = 1 / Math.sqrt(row.reduce((sum, x) => sum + x * x, 0) / headDim + eps);
      const norm = norms.subarray(head < heads ? 0 : headDim);
      for (let j = 0; j < half; j++) {
        const cos = rope[position * headDim + j]!;
        const sin = rope[position * headDim + half + j]!;
        const a = row[j]! * factor * norm[j]!;
        const b = row[j + half]! * factor * norm[j + half]!;
        out[at + j] = a * cos - b * sin;
        out[at + j + half] = b * cos + a * sin;
      }
    }
  });
  return out;
}

/** RoPE table [positions, D]: cos of the D/2 angles, then their sin. */
export function ropeTable(positions: number, headDim: number, theta = 1e4): Float32Array<ArrayBuffer> {
  const table = new Float32Array(positions * headDim);
  for (let p = 0; p < positions; p++) {
    for (let j = 0; j < headDim / 2; j++) {
      const angle = p * theta ** ((-2 * j) / headDim);
      table[p * headDim + j] = Math.cos(angle);
      table[p * headDim + headDim / 2 + j] = Math.sin(angle);
    }
  }
  return table;
}
