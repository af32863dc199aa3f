import type { GpuCounters } from '../gpu/counters.ts';
import type { WeightType } from '../gpu/tensors.ts';

/** A label of positions where nothing is learnt. */
export const ignoredLabel = -100;

/** One row of tokens that goes through the model at once: one document or several packed ones. */
export interface TrainingRow {
  /** [T] */
  readonly ids: Uint32Array;
  /** [T]: the token that position i is to predict, `ignoredLabel` where nothing is learnt; already shifted. */
  readonly labels: Int32Array;
  /** First token of each document, ascending, starting with 0: positions restart, attention stays within. */
  readonly documentStarts: readonly number[];
  /** [T]: weight of each supervised token in the loss; 1 where absent. */
  readonly tokenWeights?: Float32Array;
}

/** What is trained: low-rank pairs y += scale · B(A(dropout(x))), scale = alpha / rank (or / √rank). */
export interface LoraOptions {
  readonly rank: number;
  readonly alpha: number;
  readonly useRslora: boolean;
  /** Probability that an input of A is dropped, 0 … 1 (exclusive). Every pair draws its own mask, each expert's too. */
  readonly dropout: number;
  /** Patterns on module paths: a whole path or its end at a dot, `*` for any part, e.g. `q_proj`, `layers.3.*.v_proj`. */
  readonly targets: readonly string[];
  /** Rank of each expert's pair; `rank` where absent. The scale stays that of `expertRank`: alpha / expertRank. */
  readonly expertRank?: number;
  /** One pair for all experts of a layer and projection instead of one for each. */
  readonly sharedExpertAdapter?: boolean;
  /** Also adapts the routers (`mlp.gate`). */
  readonly trainRouter: boolean;
  /**
   * Weight of the load-balancing loss; 0 leaves it out of training (it is reported all the same). Each row has its own,
   * that of transformers' load_balancing_loss_func, and the rows of a step are averaged: with one row a step this is
   * what transformers adds; with more it takes the rows of a micro-batch together and adds one a micro-batch.
   */
  readonly auxLossCoef: number;
  /** Of the initial A and of dropout. */
  readonly seed: number;
}

export interface TrainerOptions {
  readonly lora: LoraOptions;
  /** How the frozen weights are kept. */
  readonly weightType: WeightType;
  /** Most tokens of a row. */
  readonly maxLength: number;
  /** Tokens of the longest example, where it is known and rows hold several: positions begin anew at each. */
  readonly longestExample?: number;
  /** true: only each layer's input is kept and the rest recomputed; false: faster, more memory. Same results, bit for bit. */
  readonly checkpointing: boolean;
  /** Tokens that pass through an MLP or the experts at a time; 0 or absent for a suitable number. */
  readonly mlpChunkTokens?: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** Largest norm of all gradients together; larger ones are scaled down. 0 turns it off. */
  readonly maxGradNorm: number;
}

export const defaultLoraOptions: LoraOptions = {
  rank: 8,
  alpha: 16,
  useRslora: false,
  dropout: 0,
  targets: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
  trainRouter: false,
  auxLossCoef: 0,
  seed: 0,
};

export const defaultTrainerOptions: TrainerOptions = {
  lora: defaultLoraOptions,
  weightType: 'f16',
  maxLength: 2048,
  checkpointing: true,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0,
  maxGradNorm: 1,
};

/** What one optimiser step did; everything was read back at once. */
export interface StepReport {
  /** 1 for the first step. */
  readonly step: number;
  /** Mean over the window's supervised tokens (weighted by `tokenWeights`), before the update, without the auxiliary loss. */
  readonly loss: number;
  /** Norm of all gradients together, before clipping. */
  readonly gradNorm: number;
  readonly learningRate: number;
  readonly supervisedTokens: number;
  readonly processedTokens: number;
  /** Share of supervised tokens whose most probable next token is the label. */
  readonly tokenAccuracy: number;
  /** Mean entropy of the predicted distributions at supervised positions, nats. */
  readonly entropy: number;
  /** Load-balancing loss (mean over rows; balanced: k, collapsed: E); null without MoE layers. */
  readonly auxLoss: number | null;
  /** Mean over tokens and layers of (log-sum-exp of the router's logits)²; null without MoE layers. */
  readonly zLoss: number | null;
  /** Pairs (token, expert) by MoE layer and expert [E]; null without MoE layers. */
  readonly expertLoad: readonly Float32Array[] | null;
  /** false: loss or norm was not finite, nothing was changed and the step does not count. */
  readonly finite: boolean;
  readonly elapsedMs: number;
  readonly counters: GpuCounters;
}

export interface EvaluationReport {
  /** Σ weight · cross-entropy. */
  readonly lossSum: number;
  /** Σ weight: divides `lossSum`. */
  readonly weightSum: number;
  readonly supervisedTokens: number;
  readonly correctTokens: number;
}

/** All that a run needs to go on bit for bit, besides its data and options. */
export interface TrainerState {
  /** Steps done. */
  readonly step: number;
  /** By module path. Shared expert pairs stand under the path with `*` for the expert. */
  readonly tensors: ReadonlyMap<string, TrainedTensors>;
}

/** One pair with its optimiser state; every array is row-major, A [r, in], B [out, r]. */
export interface TrainedTensors {
  readonly rank: number;
  readonly inFeatures: number;
  readonly outFeatures: number;
  readonly loraA: Float32Array;
  readonly loraB: Float32Array;
  /** First and second moments. */
  readonly mA: Float32Array;
  readonly mB: Float32Array;
  readonly vA: Float32Array;
  readonly vB: Float32Array;
}

/** Bytes a training run will take on the GPU, before anything is allocated. */
export interface TrainingPlan {
  readonly options: TrainerOptions;
  readonly trainableParameters: number;
  readonly weightBytes: number;
  /** Adapters, their gradients and both moments. */
  readonly adapterBytes: number;
  /** What is kept of every layer between forward and backward. */
  readonly keptBytes: number;
  /** The layer being computed, both directions. */
  readonly layerBytes: number;
  /** One chunk of MLP or experts. */
  readonly chunkBytes: number;
  /** Logits of one block of supervised rows and what belongs to it. */
  readonly lossBytes: number;
  readonly overheadBytes: number;
  readonly totalBytes: number;
  readonly bytesPerToken: number;
  readonly largestBufferBytes: number;
  /** Sentences on what does not fit and what to change; empty when all fits. */
  readonly problems: readonly string[];
}
