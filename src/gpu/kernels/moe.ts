import type { BufferRange } from '../buffers.ts';
import type { Rows, Weight } from '../tensors.ts';

/**
 * Inputs of `routeTokens`: logits = x · routerᵀ in f32; softmax over all experts, then the k most probable, ties to
 * the lowest index. Indices come in order of falling probability.
 */
export interface RouteTokens {
  /** [T, C] */
  readonly x: Rows;
  /** [E, C], E ≤ 512. Keep it f32. */
  readonly router: Weight;
  /** k ≤ 32 */
  readonly perToken: number;
  /** Divide the k weights by their sum (`norm_topk_prob`). */
  readonly normalize: boolean;
  /** u32 [T, k] */
  readonly indices: BufferRange;
  /** f32 [T, k] */
  readonly weights: BufferRange;
  /** f32 [T, E], kept by the caller when given (statistics, backward). */
  readonly logits?: Rows;
  /** true: `indices` is an input (recomputation, comparisons) and only the weights are computed. */
  readonly forced?: boolean;
}

/** Expert matrices stacked by rows, expert e at rows [e·rowsPerExpert, …); parts never cut an expert. */
export interface ExpertWeight {
  readonly weight: Weight;
  readonly experts: number;
}

/** Inputs of `moeExperts`: out[t] = residual[t] + Σ_j weights[t, j] · down_e(silu(gate_e x) · up_e x), e = indices[t, j]. */
export interface MoeExperts {
  /** [T, C] */
  readonly x: Rows;
  /** u32 [T, k] and f32 [T, k] of `routeTokens`. */
  readonly indices: BufferRange;
  readonly weights: BufferRange;
  readonly perToken: number;
  /** [E·2I, C]: per expert gate rows, then up rows. */
  readonly gateUp: ExpertWeight;
  /** [E·C, I] */
  readonly down: ExpertWeight;
  /** [T, C] */
  readonly out: Rows;
  readonly residual?: Rows | null;
}

/**
 * Expert segments of T·k (token, slot) pairs: a stable sort by expert as data on the GPU. `order[r]` is the pair
 * t·k + j at sorted row r; rows of expert e are [starts[e], starts[e+1]).
 */
export interface ExpertSegments {
  readonly rows: number;
  readonly experts: number;
  /** u32 [T·k] */
  readonly order: BufferRange;
  /** u32 [E + 1] */
  readonly starts: BufferRange;
  /** u32 [tiles, 2]: expert and first sorted row of each tile of `tileRows` rows. */
  readonly tiles: BufferRange;
  readonly tileRows: number;
  readonly maxTiles: number;
}
