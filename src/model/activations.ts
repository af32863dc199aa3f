import type { BufferRange, Buffers } from '../gpu/buffers.ts';
import { createRows, type Rows } from '../gpu/tensors.ts';
import { sampleRecordWords } from '../gpu/kernels/sampling.ts';
import type { ModelConfig } from './config.ts';

/** The buffers between kernels for up to `chunkTokens` tokens at a time, made once. */
export interface Activations {
  readonly chunkTokens: number;
  /** Rows of `logits`. */
  readonly logitRows: number;
  /** u32 [chunk] */
  readonly tokens: BufferRange;
  /** u32 [chunk]: row of the rotation table. */
  readonly positions: BufferRange;
  /** u32 [chunk]: first cache token of each row's document. */
  readonly segmentStarts: BufferRange;
  /** [chunk, C]: the residual stream, in two buffers that take turns. */
  readonly hidden: readonly [Rows, Rows];
  /** [chunk, C] */
  readonly normed: Rows;
  /** [chunk, (H + 2K)·D] */
  readonly qkv: Rows;
  /** [chunk, H·D] */
  readonly q: Rows;
  readonly attention: Rows;
  /** [chunk, I] of dense layers; null when all layers are MoE. */
  readonly mlp: Rows | null;
  /** u32 and f32 [chunk, k]; null without MoE layers. */
  readonly routing: { readonly indices: BufferRange; readonly weights: BufferRange } | null;
  /** [logitRows, V] */
  readonly logits: Rows;
}

/** Makes the buffers (owned by the caller). With counting buffers this is the memory plan. */
export function createActivations(
  buffers: Buffers,
  config: ModelConfig,
  chunkTokens: number,
  logitRows: number,
): Activations {
  const { hiddenSize: c, numAttentionHeads: h, numKeyValueHeads: k, headDim: d } = config;
  const rows = (name: string, cols: number, count = chunkTokens): Rows =>
    createRows(buffers, `activations/${name}`, count, cols);
  const ints = (name: string, perToken = 1): BufferRange =>
    buffers.range(`activations/${name}`, chunkTokens * perToken * 4);
  const hasDense = config.layers.some((layer) => layer.mlp === 'dense');
  return {
    chunkTokens,
    logitRows,
    tokens: ints('tokens'),
    positions: ints('positions'),
    segmentStarts: ints('segment starts'),
    hidden: [rows('hidden 0', c), rows('hidden 1', c)],
    normed: rows('normed', c),
    qkv: rows('qkv', (h + 2 * k) * d),
    q: rows('q', h * d),
    attention: rows('attention', h * d),
    mlp: hasDense ? rows('mlp', config.intermediateSize) : null,
    routing: config.moe
      ? {
          indices: ints('expert indices', config.moe.numExpertsPerTok),
          weights: ints('expert weights', config.moe.numExpertsPerTok),
        }
      : null,
    logits: rows('logits', config.vocabSize, logitRows),
  };
}

/** Frees them. */
export function destroyActivations(buffers: Buffers, a: Activations): void {
  for (const rows of [...a.hidden, a.normed, a.qkv, a.q, a.attention, a.logits])
    buffers.destroy(rows.range.buffer);
  if (a.mlp) buffers.destroy(a.mlp.range.buffer);
  for (const range of [a.tokens, a.positions, a.segmentStarts]) buffers.destroy(range.buffer);
  if (a.routing) {
    buffers.destroy(a.routing.indices.buffer);
    buffers.destroy(a.routing.weights.buffer);
  }
}

/** What sampling keeps: the record that is read back, and the bit set of tokens already in the text. */
export function createSamplingBuffers(
  buffers: Buffers,
  config: ModelConfig,
): { record: BufferRange; seen: BufferRange } {
  return {
    record: buffers.range('sampling/record', sampleRecordWords(20) * 4),
    seen: buffers.range('sampling/seen', Math.ceil(config.vocabSize / 32) * 4),
  };
}
