import type { BufferRange } from '../gpu/buffers.ts';
import type { KernelSink } from '../gpu/kernel.ts';
import { attention, type Attention, type AttentionStatistics } from '../gpu/kernels/attention.ts';
import { attentionInput } from '../gpu/kernels/attentionInput.ts';
import { embedTokens } from '../gpu/kernels/embedding.ts';
import { gatedMatmul, matmul } from '../gpu/kernels/matmul.ts';
import { moeExperts, routeTokens } from '../gpu/kernels/moe.ts';
import { rmsNorm } from '../gpu/kernels/rmsNorm.ts';
import { asRows, rowsBytes, sliceRows, type Rows } from '../gpu/tensors.ts';
import type { Activations } from './activations.ts';
import type { ModelConfig } from './config.ts';
import type { KvCache } from './kvCache.ts';
import { asExperts, type ModelWeights } from './weightPlan.ts';

/** What a pass may hand out on the way; called while recording, so copies and kernels land in order. */
export interface ForwardHooks {
  /** After layer `layer`: the residual stream [T, C]. */
  afterLayer?(layer: number, hidden: Rows): void;
  /** After the router of layer `layer`: u32 and f32 [T, k], and the scores of all experts [T, E]. */
  afterRouter?(layer: number, indices: BufferRange, weights: BufferRange, logits: Rows): void;
  /** f32 [T, H] log-sum-exp of layer `layer`, where the hook wants it written; null for none. */
  logSumExp?(layer: number): BufferRange | null;
  /** Where layer `layer` is to leave distance, entropy and gold mass of each query; null for nowhere. */
  attentionStatistics?(layer: number): AttentionStatistics | null;
  /** After the attention of layer `layer`, with what it read. */
  afterAttention?(layer: number, inputs: AttentionInputs): void;
}

/** What attention of a layer was computed from. */
type AttentionInputs = Pick<Attention, 'q' | 'numHeads' | 'kv' | 'pages' | 'firstToken' | 'scale'> & {
  readonly window: number;
};

/** The parts of a loaded model that a pass needs. */
export interface ForwardModel {
  readonly config: ModelConfig;
  readonly weights: ModelWeights;
  readonly activations: Activations;
  readonly cache: KvCache;
  /** f32 [contextLength, D]: cos of D/2 angles, then sin. */
  readonly rope: BufferRange;
}

export interface ForwardInput {
  /** Tokens of this pass, at most `activations.chunkTokens`; ids, positions are in the activations' buffers. */
  readonly count: number;
  /** Cache token of the first one. */
  readonly firstToken: number;
  /** Packed documents: `activations.segmentStarts` holds each row's document start. */
  readonly packed: boolean;
  /** Number of last rows whose logits are wanted; 0 for none, at most `activations.logitRows`. */
  readonly logitRows: number;
}

/**
 * Records one pass of T tokens through the model: embedding, layers, and logits of the last rows.
 * Pre-norm decoder: x ← x + attention(norm x); x ← x + mlp(norm x). Gives the logits [logitRows, V] or null.
 */
export function recordForward(
  sink: KernelSink,
  model: ForwardModel,
  input: ForwardInput,
  hooks: ForwardHooks = {},
): Rows | null {
  const { config, weights, cache, activations } = model;
  const { count, firstToken } = input;
  const { headDim, numAttentionHeads: numHeads, rmsNormEps: eps } = config;
  const take = (rows: Rows): Rows => sliceRows(rows, 0, count);
  const [hidden, middle] = [take(activations.hidden[0]), take(activations.hidden[1])];
  const normed = take(activations.normed);
  const qkv = take(activations.qkv);
  const q = take(activations.q);
  const attended = take(activations.attention);
  // Only where the input was normed: what goes into o and down may hold numbers beyond a half's range.
  const allowHalf = true;
  embedTokens(sink, { tokens: activations.tokens, table: weights.embed, out: hidden });
  weights.layers.forEach((layer, index) => {
    rmsNorm(sink, { x: hidden, weight: layer.inputNorm, eps, out: normed });
    matmul(sink, { x: normed, weight: layer.qkv, out: qkv, bias: layer.qkvBias, allowHalf });
    const pages = cache.pagesOf(index, firstToken + count);
    attentionInput(sink, {
      qkv,
      numHeads,
      kv: cache.layout,
      qNorm: layer.qNorm,
      kNorm: layer.kNorm,
      eps,
      rope: model.rope,
      positions: activations.positions,
      pages,
      firstToken,
      q,
    });
    const inputs: AttentionInputs = {
      q,
      numHeads,
      kv: cache.layout,
      pages,
      firstToken,
      scale: headDim ** -0.5,
      window: config.layers[index]!.slidingWindow ?? 0,
    };
    attention(sink, {
      ...inputs,
      segmentStarts: input.packed ? activations.segmentStarts : null,
      out: attended,
      logSumExp: hooks.logSumExp?.(index) ?? null,
      statistics: hooks.attentionStatistics?.(index) ?? null,
    });
    hooks.afterAttention?.(index, inputs);
    matmul(sink, { x: attended, weight: layer.o, out: middle, bias: layer.oBias, residual: hidden });
    rmsNorm(sink, { x: middle, weight: layer.postNorm, eps, out: normed });
    if (layer.mlp.kind === 'dense') {
      const inner = take(activations.mlp!);
      gatedMatmul(sink, { x: normed, weight: layer.mlp.gateUp, out: inner, allowHalf });
      matmul(sink, { x: inner, weight: layer.mlp.down, out: hidden, residual: middle });
    } else {
      const { numExperts, numExpertsPerTok: perToken, normTopkProb: normalize } = config.moe!;
      const { indices, weights: routing } = activations.routing!;
      const logits = asRows(sink.scratch('router logits', rowsBytes(count, numExperts)), count, numExperts);
      routeTokens(sink, {
        x: normed,
        router: layer.mlp.router,
        perToken,
        normalize,
        indices,
        weights: routing,
        logits,
      });
      hooks.afterRouter?.(index, indices, routing, logits);
      moeExperts(sink, {
        x: normed,
        indices,
        weights: routing,
        perToken,
        gateUp: asExperts(layer.mlp.gateUp, numExperts),
        down: asExperts(layer.mlp.down, numExperts),
        out: hidden,
        residual: middle,
        allowHalf,
      });
    }
    hooks.afterLayer?.(index, hidden);
  });
  if (input.logitRows === 0) return null;
  const last = sliceRows(hidden, count - input.logitRows, input.logitRows);
  const lastNormed = sliceRows(normed, 0, input.logitRows);
  const logits = sliceRows(activations.logits, 0, input.logitRows);
  rmsNorm(sink, { x: last, weight: weights.finalNorm, eps, out: lastNormed });
  matmul(sink, { x: lastNormed, weight: weights.head ?? weights.embed, out: logits });
  return logits;
}
