import { InputError } from '../core/errors.ts';
import { subRange, type BufferRange, type Buffers } from '../gpu/buffers.ts';
import type { KernelSink } from '../gpu/kernel.ts';
import { crossEntropy } from '../gpu/kernels/crossEntropy.ts';
import { matmul } from '../gpu/kernels/matmul.ts';
import { rmsNorm } from '../gpu/kernels/rmsNorm.ts';
import type { PipelineRequest } from '../gpu/pipelineCache.ts';
import { createRows, rowStride, sliceRows, type Rows } from '../gpu/tensors.ts';
import { countingBuffers, PlanSink } from '../model/planner.ts';
import type { ModelSession } from '../model/session.ts';
import type { ScoredTokens } from './example.ts';

/** How probable an answer is, token by token, given all before it. */
export interface AnswerScore {
  /** Σ ln p of its tokens. */
  readonly total: number;
  /** `total` by token: nats. */
  readonly mean: number;
  /** Whether each token is the most probable one: greedy decoding writes this very answer. */
  readonly greedy: boolean;
}

export interface ScoreHandlers {
  readonly signal?: AbortSignal;
  readonly onProgress?: (doneTokens: number, totalTokens: number) => void;
}

/** Bytes that one block of logits may take. */
const blockBytes = 64 * 2 ** 20;
const mostBlockRows = 512;

interface ScoringBuffers {
  /** [block, C] */
  readonly normed: Rows;
  /** [block, V] */
  readonly logits: Rows;
  /** u32 and f32 [context] */
  readonly labels: BufferRange;
  readonly weights: BufferRange;
  /** vec4 [context]: −ln p, whether it is the most probable token, entropy. */
  readonly rows: BufferRange;
}

/** Makes the buffers (owned by the caller). With counting buffers this is the memory plan. */
function createScoringBuffers(buffers: Buffers, session: ModelSession): ScoringBuffers {
  const { config } = session.checkpoint;
  const { contextLength } = session.plan.memory.options;
  const most = Math.min(blockBytes, session.engine.maxBindingBytes) / (rowStride(config.vocabSize) * 4);
  const block = Math.max(1, Math.min(mostBlockRows, contextLength, Math.floor(most)));
  return {
    normed: createRows(buffers, 'check/normed', block, config.hiddenSize),
    logits: createRows(buffers, 'check/logits', block, config.vocabSize),
    labels: buffers.range('check/labels', contextLength * 4),
    weights: buffers.range('check/weights', contextLength * 4),
    rows: buffers.range('check/rows', contextLength * 16),
  };
}

/** Records the losses of hidden states [count, C] whose labels begin at `first`, a block of logits at a time. */
function recordLosses(
  sink: KernelSink,
  session: ModelSession,
  buffers: ScoringBuffers,
  hidden: Rows,
  first: number,
): void {
  const { weights, checkpoint } = session;
  const block = buffers.logits.rows;
  for (let at = 0; at < hidden.rows; at += block) {
    const count = Math.min(block, hidden.rows - at);
    const normed = sliceRows(buffers.normed, 0, count);
    const logits = sliceRows(buffers.logits, 0, count);
    const eps = checkpoint.config.rmsNormEps;
    rmsNorm(sink, { x: sliceRows(hidden, at, count), weight: weights.finalNorm, eps, out: normed });
    matmul(sink, { x: normed, weight: weights.head ?? weights.embed, out: logits });
    const { labels, weights: ones, rows } = buffers;
    crossEntropy(sink, { logits, first: first + at, labels, weights: ones, rows, scale: null });
  }
}

/** What scoring takes beside the loaded model: it grows with the context by 24 bytes a token alone. */
export interface ScoringPlan {
  readonly bufferBytes: number;
  readonly scratchBytes: number;
  readonly pipelines: readonly PipelineRequest[];
}

/** Plans by making the buffers and recording the kernels without a GPU. */
export function planScoring(session: ModelSession): ScoringPlan {
  const { buffers } = countingBuffers();
  const made = createScoringBuffers(buffers, session);
  const bufferBytes = buffers.allocatedBytes;
  const sink = new PlanSink(session.engine, buffers);
  const block = made.logits.rows;
  // Products of few rows have kernels of their own.
  for (const count of [1, 2, 8, 9, 17, 64, block].filter((each) => each <= block)) {
    const hidden = createRows(buffers, 'hidden', count, session.checkpoint.config.hiddenSize);
    recordLosses(sink, session, made, hidden, 0);
  }
  return { bufferBytes, scratchBytes: sink.scratchBytes, pipelines: [...sink.pipelines.values()] };
}

/**
 * Scores answers on a loaded model by one forward pass each, with logits of a block of answer tokens at a time, so that
 * nothing of the size of context × vocabulary exists. Contexts that begin alike share what the cache holds.
 */
export class AnswerScorer {
  private constructor(
    private readonly session: ModelSession,
    private readonly buffers: ScoringBuffers,
  ) {}

  /** Rejects with typed errors where memory or kernels cannot be had; nothing stays allocated then. */
  static async open(session: ModelSession, signal?: AbortSignal): Promise<AnswerScorer> {
    const { engine, recorder } = session;
    await engine.pipelines.prepare(planScoring(session).pipelines, undefined, signal);
    const buffers = await engine.guard('memory of the check', () =>
      createScoringBuffers(engine.buffers, session),
    );
    recorder.upload(buffers.weights, new Float32Array(buffers.weights.size / 4).fill(1));
    return new AnswerScorer(session, buffers);
  }

  /** Most tokens of a conversation. */
  get mostTokens(): number {
    return this.session.plan.memory.options.contextLength;
  }

  /** Forgets what was read, so that the next score depends on its own tokens alone. */
  reset(): void {
    this.session.reset();
  }

  async score({ ids, start, end }: ScoredTokens, handlers: ScoreHandlers = {}): Promise<AnswerScore> {
    const { session, buffers } = this;
    if (ids.length > this.mostTokens) {
      throw new InputError('context-too-short', 'An example is longer than the loaded context', {
        expected: `at most ${this.mostTokens} tokens`,
        actual: `${ids.length} tokens`,
        advice: 'load the model with a longer context, or leave the longest examples out',
      });
    }
    const count = end - start;
    // The token before the answer runs again, since it predicts the first of it; what follows the answer need not run.
    const kept = session.keepPrefix(ids.subarray(0, start));
    session.recorder.upload(buffers.labels, ids.slice(start, end));
    const last = session.checkpoint.config.layers.length - 1;
    await session.prefill(ids.subarray(kept, end - 1), {
      wantLogits: false,
      ...(handlers.signal ? { signal: handlers.signal } : {}),
      onProgress: (done) => handlers.onProgress?.(kept + done, end - 1),
      hooks: (firstRow, rows) => ({
        afterLayer: (layer, hidden) => {
          if (layer !== last) return;
          // Tokens [from, to) of this pass predict a token of the answer.
          const from = Math.max(start - 1 - kept - firstRow, 0);
          const to = Math.min(end - 1 - kept - firstRow, rows);
          if (to <= from) return;
          const predicting = sliceRows(hidden, from, to - from);
          recordLosses(session.recorder, session, buffers, predicting, kept + firstRow + from - (start - 1));
        },
      }),
    });
    const rows = await session.recorder.readFloats(subRange(buffers.rows, 0, count * 16));
    let total = 0;
    let greedy = true;
    for (let i = 0; i < count; i++) {
      total -= rows[4 * i]!;
      greedy &&= rows[4 * i + 1] === 1;
    }
    if (!Number.isFinite(total)) {
      throw new InputError('not-finite', 'The model gives the answer no finite probability', {
        advice: 'load its weights in a larger type',
      });
    }
    return { total, mean: total / count, greedy };
  }

  /** Frees the buffers and forgets what was read. The model stays loaded. */
  destroy(): void {
    const { normed, logits, labels, weights, rows } = this.buffers;
    for (const { buffer } of [normed.range, logits.range, labels, weights, rows]) {
      this.session.engine.buffers.destroy(buffer);
    }
    this.session.reset();
  }
}
