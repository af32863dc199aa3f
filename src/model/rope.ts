import type { ModelConfig } from './config.ts';

export interface RopeFrequencies {
  /** [headDim / 2], rounded to f32 as the reference implementation stores them. */
  readonly inverse: Float32Array;
  /** On cos and sin both, so that scores scale by its square. */
  readonly attentionFactor: number;
}

/**
 * Inverse frequencies θ^(−2j/D) with the checkpoint's scaling. Dynamic scaling changes none of them up to the file's
 * positions, and more are refused: beyond them every text would have its own by its length.
 * Source: transformers `modeling_rope_utils.py`; YaRN: arXiv 2309.00071.
 */
export function ropeFrequencies(config: ModelConfig): RopeFrequencies {
  const { headDim, ropeTheta, ropeScaling } = config;
  const half = headDim / 2;
  const base = (theta: number) =>
    Float64Array.from({ length: half }, (_, j) => theta ** ((-2 * j) / headDim));
  if (!ropeScaling || ropeScaling.type === 'dynamic')
    return { inverse: Float32Array.from(base(ropeTheta)), attentionFactor: 1 };
  if (ropeScaling.type === 'linear') {
    return { inverse: Float32Array.from(base(ropeTheta), (f) => f / ropeScaling.factor), attentionFactor: 1 };
  }
  const { factor, originalMaxPositionEmbeddings: original, betaFast, betaSlow, truncate } = ropeScaling;
  const dimensionOf = (turns: number) =>
    (headDim * Math.log(original / (turns * 2 * Math.PI))) / (2 * Math.log(ropeTheta));
  let low = dimensionOf(betaFast);
  let high = dimensionOf(betaSlow);
  if (truncate) {
    low = Math.floor(low);
    high = Math.ceil(high);
  }
  low = Math.max(low, 0);
  high = Math.min(high, headDim - 1);
  if (low === high) high += 0.001;
  const inverse = Float32Array.from(base(ropeTheta), (f, j) => {
    const ramp = Math.min(Math.max((j - low) / (high - low), 0), 1);
    return (ramp * f) / factor + (1 - ramp) * f;
  });
  return { inverse, attentionFactor: ropeScaling.attentionFactor };
}

/** Why more positions are refused, where the file's scaling could be taken for them; to end a sentence with. */
export function positionsNote({ ropeScaling }: ModelConfig): string {
  if (ropeScaling?.type !== 'dynamic') return '';
  return ' Its dynamic rope scaling beyond them, which differs from text to text by its length, is not supported.';
}

/**
 * cos and sin of positions [first, first + count), each [count, headDim / 2] f32. The angle is the f32 product
 * position × frequency, as the reference forms it; its cosine is then exact: WGSL's is not, beyond [−π, π].
 */
export function ropeTable(
  frequencies: RopeFrequencies,
  first: number,
  count: number,
): { readonly cos: Float32Array; readonly sin: Float32Array } {
  const { inverse, attentionFactor } = frequencies;
  const half = inverse.length;
  const cos = new Float32Array(count * half);
  const sin = new Float32Array(count * half);
  for (let t = 0; t < count; t++) {
    for (let j = 0; j < half; j++) {
      const angle = Math.fround((first + t) * inverse[j]!);
      cos[t * half + j] = Math.cos(angle) * attentionFactor;
      sin[t * half + j] = Math.sin(angle) * attentionFactor;
    }
  }
  return { cos, sin };
}
