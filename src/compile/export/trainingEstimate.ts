/** Shape of Qwen3-30B-A3B, from its config.json. */
export const recipeModel = {
  name: 'Qwen/Qwen3-30B-A3B-Thinking-2507',
  layers: 48,
  hiddenSize: 2048,
  heads: 32,
  numKeyValueHeads: 4,
  headDim: 128,
  moeIntermediateSize: 768,
  numExperts: 128,
  numExpertsPerTok: 8,
  parameters: 30.53e9,
  activeParameters: 3.35e9,
  expertParameters: 28.99e9,
} as const;

/** Tokens of a compiled set, for the estimate of a training run. */
export interface SetTokens {
  readonly examples: number;
  readonly tokens: number;
  /** Sum of the squares of the examples' lengths: what attention costs. */
  readonly squares: number;
}

const { layers, hiddenSize, heads, numKeyValueHeads, headDim, moeIntermediateSize, numExpertsPerTok } =
  recipeModel;

/**
 * Bytes that a step keeps for activations of one sequence, in 2-byte numbers: the input of every layer, and all of
 * one layer while it is computed again (norms, q, k, v, output, experts' gate, up, product and gathered input).
 */
export function activationBytes(tokens: number): { checkpoints: number; layer: number } {
  const attention = 2 * heads * headDim + 2 * numKeyValueHeads * headDim + 4 * hiddenSize;
  const experts = numExpertsPerTok * (3 * moeIntermediateSize + hiddenSize);
  return {
    checkpoints: 2 * tokens * hiddenSize * layers,
    layer: 2 * tokens * (attention + experts),
  };
}

/** Adapter of rank r on q, k, v and o of every layer: r (in + out) numbers each. */
export function attentionAdapterParameters(rank: number): number {
  const query = heads * headDim;
  const keyValue = numKeyValueHeads * headDim;
  return layers * rank * (2 * (hiddenSize + query) + 2 * (hiddenSize + keyValue));
}

/**
 * Floating-point operations of one pass over the set with activations computed again. Linear layers: 2 operations a
 * parameter and token forward, again, for the input's gradient and (full training) for the weights' gradient.
 * Attention: causal scores and values, 2 T² H D a layer forward, taken 4.5 times with the backward pass.
 */
export function trainingOperations(set: SetTokens, isFull: boolean): { linear: number; attention: number } {
  return {
    linear: (isFull ? 8 : 6) * recipeModel.activeParameters * set.tokens,
    attention: 4.5 * 2 * layers * heads * headDim * set.squares,
  };
}
