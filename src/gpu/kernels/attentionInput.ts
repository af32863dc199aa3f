import type { BufferRange } from '../buffers.ts';
import type { KvLayout, KvPage, Rows } from '../tensors.ts';

/**
 * Inputs of `attentionInput`: splits the output of the q/k/v projection, norms q and k per head (if weights are
 * given), rotates them (half-split pairs j, j + D/2), writes q out and k, v into the cache.
 */
export interface AttentionInput {
  /** [T, (H + 2·K)·D]: query heads, key heads, value heads. */
  readonly qkv: Rows;
  readonly numHeads: number;
  readonly kv: KvLayout;
  /** f32 [D] each; null where the model has no QK-norm. */
  readonly qNorm: BufferRange | null;
  readonly kNorm: BufferRange | null;
  readonly eps: number;
  /** f32 [positions, D]: cos of the D/2 angles, then their sin; null for layers without rotation. */
  readonly rope: BufferRange | null;
  /** u32 [T]: row of `rope` for each token (restarts in packed documents). */
  readonly positions: BufferRange;
  /** The cache's pages, in order and without gaps; tokens firstToken … firstToken + T - 1 must lie inside. */
  readonly pages: readonly KvPage[];
  readonly firstToken: number;
  /** [T, H·D] */
  readonly q: Rows;
}
