import type { BufferRange } from '../buffers.ts';
import type { KvLayout, KvPage, Rows } from '../tensors.ts';

/**
 * Inputs of `attention`: causal softmax attention of T new queries over the cache, grouped heads, online softmax
 * in f32. Query row t is cache token firstToken + t and sees tokens from max(segmentStarts[t], own - window + 1)
 * to its own.
 */
export interface Attention {
  /** [T, H·D], after norm and rotation. */
  readonly q: Rows;
  readonly numHeads: number;
  readonly kv: KvLayout;
  /** Pages that hold tokens 0 … firstToken + T - 1. */
  readonly pages: readonly KvPage[];
  readonly firstToken: number;
  /** Multiplies q·k, usually 1/√D. */
  readonly scale: number;
  /** u32 [T]: first cache token of each row's document; null when all belongs to one. */
  readonly segmentStarts?: BufferRange | null;
  /** Keys seen, the own one counted in; 0 or absent for all. */
  readonly window?: number;
  /** [T, H·D] */
  readonly out: Rows;
  /** f32 [T, H]: ln Σ exp(score), for the backward pass and statistics. */
  readonly logSumExp?: BufferRange | null;
}
