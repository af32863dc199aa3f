import { assert } from '../core/assert.ts';
import { InputError, throwIfCancelled } from '../core/errors.ts';
import { countersSince, type GpuCounters } from '../gpu/counters.ts';
import type { EngineDevice } from '../gpu/device.ts';
import {
  checkSampling,
  readSample,
  sampleRecordWords,
  sampleTokens,
  type Sample,
  type SamplingOptions,
} from '../gpu/kernels/sampling.ts';
import { guardWithRecorder, type Recorder } from '../gpu/recorder.ts';
import { rowStride, type Rows } from '../gpu/tensors.ts';
import { subRange, type BufferRange } from '../gpu/buffers.ts';
import {
  createActivations,
  createSamplingBuffers,
  destroyActivations,
  type Activations,
} from './activations.ts';
import type { Adapter } from './adapter.ts';
import type { Checkpoint } from './checkpoint.ts';
import { recordForward, type ForwardHooks, type ForwardModel } from './forward.ts';
import { KvCache } from './kvCache.ts';
import { planModel, ropeBytesOf, type LoadOptions, type ModelPlan } from './planner.ts';
import { uploadRopeTable } from './ropeUpload.ts';
import { loadWeights, type LoadProgress } from './weightLoader.ts';
import { allocateWeights, destroyWeights, type ModelWeights } from './weightPlan.ts';

/** One generated token with what it cost. */
export interface GeneratedToken extends Sample {
  /** Position in the conversation. */
  readonly position: number;
  readonly isStop: boolean;
}

export interface GenerateOptions {
  readonly maxNewTokens: number;
  readonly sampling: SamplingOptions;
  /** Number of the first draw, when a reply goes on after an interruption: the same draws follow. */
  readonly firstStep?: number;
  /** Ids that end the reply besides the checkpoint's own. */
  readonly stopIds?: readonly number[];
  readonly signal?: AbortSignal;
  readonly onPrefill?: (doneTokens: number, totalTokens: number) => void;
}

export interface LoadHandlers {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly onKernels?: (done: number, total: number) => void;
  /** Merged into the weights while they load. */
  readonly adapter?: Adapter;
}

/** Documents packed into one sequence: attention stays within each, positions restart. */
export interface PackedInput {
  /** First token of each document, ascending, starting with 0. */
  readonly documentStarts: readonly number[];
}

/** A checkpoint on the GPU with its cache: prefill, logits, generation. One conversation at a time. */
export class ModelSession {
  readonly engine: EngineDevice;
  readonly recorder: Recorder;
  readonly checkpoint: Checkpoint;
  readonly plan: ModelPlan;
  readonly cache: KvCache;
  readonly weights: ModelWeights;
  private readonly activations: Activations;
  private readonly rope: BufferRange;
  private readonly record: BufferRange;
  private readonly seen: BufferRange;
  /** Tokens whose keys and values the cache holds. */
  private cached: number[] = [];

  private constructor(recorder: Recorder, checkpoint: Checkpoint, plan: ModelPlan) {
    const { engine } = recorder;
    const { config } = checkpoint;
    const { options } = plan.memory;
    this.engine = engine;
    this.recorder = recorder;
    this.checkpoint = checkpoint;
    this.plan = plan;
    this.weights = allocateWeights(engine.buffers, plan.weights, engine.maxBindingBytes);
    this.activations = createActivations(
      engine.buffers,
      config,
      Math.min(options.chunkTokens, options.contextLength),
      plan.logitRows,
    );
    this.rope = engine.buffers.range('rope/table', ropeBytesOf(config, options.contextLength));
    this.cache = new KvCache(
      engine.buffers,
      config,
      options.kvType,
      options.contextLength,
      engine.maxBindingBytes,
    );
    ({ record: this.record, seen: this.seen } = createSamplingBuffers(engine.buffers, config));
  }

  /**
   * Plans, compiles, allocates and streams the weights. Rejects with typed errors: what does not fit, what is
   * wrong with a file, what the GPU refused, or the cancellation; nothing stays allocated then.
   */
  static async load(
    engine: EngineDevice,
    checkpoint: Checkpoint,
    options: LoadOptions & { readonly logitRows?: number },
    handlers: LoadHandlers = {},
  ): Promise<ModelSession> {
    const plan = planModel(engine, checkpoint, options, options.logitRows ?? 1);
    const problem = plan.memory.problems[0];
    if (problem) throw new InputError('does-not-fit', problem, { where: checkpoint.name });
    await engine.pipelines.prepare(plan.pipelines, handlers.onKernels, handlers.signal);
    const session = await guardWithRecorder(
      engine,
      'model memory',
      (recorder) => new ModelSession(recorder, checkpoint, plan),
    );
    const { recorder } = session;
    try {
      uploadRopeTable(recorder, session.rope, checkpoint.config, plan.memory.options.contextLength);
      await loadWeights(recorder, checkpoint, plan.weights, session.weights, handlers);
    } catch (error) {
      session.destroy();
      throw error;
    }
    return session;
  }

  private get model(): ForwardModel {
    return {
      config: this.checkpoint.config,
      weights: this.weights,
      activations: this.activations,
      cache: this.cache,
      rope: this.rope,
    };
  }

  /** Tokens in the cache. */
  get cachedTokens(): readonly number[] {
    return this.cached;
  }

  /** Forgets the conversation (its memory stays). */
  reset(): void {
    this.cached = [];
    this.cache.setLength(0);
  }

  /**
   * After a failed pass: forgets the conversation and what was recorded, and gives up all memory that grows, since
   * what it grew by may be void. The next pass makes it anew.
   */
  abandon(): void {
    this.recorder.discard();
    this.cached = [];
    this.cache.destroy();
    this.engine.scratch.clear();
    this.engine.buffers.sweep();
  }

  private checkIds(ids: ArrayLike<number>): void {
    const { vocabSize } = this.checkpoint.config;
    for (let i = 0; i < ids.length; i++) {
      const id = ids[i]!;
      if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
        throw new InputError('bad-token', `Token ${i} is not in the vocabulary`, {
          expected: `0 … ${vocabSize - 1}`,
          actual: String(id),
          advice: 'the tokenizer belongs to another model',
        });
      }
    }
  }

  /** Uploads the inputs of one pass and records it. */
  private recordPass(
    ids: ArrayLike<number>,
    start: number,
    count: number,
    logitRows: number,
    packed: PackedInput | null,
    hooks: ForwardHooks,
  ): Rows | null {
    const firstToken = this.cache.length;
    this.cache.reserve(firstToken + count);
    const { recorder, activations } = this;
    recorder.upload(
      activations.tokens,
      Uint32Array.from({ length: count }, (_, t) => ids[start + t]!),
    );
    const starts = packed ? documentStartOf(packed.documentStarts, firstToken, count) : null;
    recorder.upload(
      activations.positions,
      Uint32Array.from({ length: count }, (_, t) => firstToken + t - (starts?.[t] ?? 0)),
    );
    if (starts) recorder.upload(activations.segmentStarts, starts);
    const logits = recordForward(
      recorder,
      this.model,
      { count, firstToken, packed: packed !== null, logitRows },
      hooks,
    );
    this.cache.setLength(firstToken + count);
    for (let t = 0; t < count; t++) this.cached.push(ids[start + t]!);
    return logits;
  }

  /**
   * Runs `ids` after what is cached, in chunks; the logits of the last token are left on the GPU when
   * `wantLogits`. Cancellable between chunks (what ran stays cached).
   */
  async prefill(
    ids: ArrayLike<number>,
    options: {
      readonly wantLogits?: boolean;
      readonly packed?: PackedInput;
      readonly hooks?: (firstRow: number, count: number) => ForwardHooks;
      readonly signal?: AbortSignal;
      readonly onProgress?: (doneTokens: number, totalTokens: number) => void;
    } = {},
  ): Promise<Rows | null> {
    this.checkIds(ids);
    let logits: Rows | null = null;
    const { chunkTokens } = this.activations;
    for (let start = 0; start < ids.length; start += chunkTokens) {
      throwIfCancelled(options.signal, 'reading the prompt');
      const count = Math.min(chunkTokens, ids.length - start);
      const isLast = start + count === ids.length;
      const rows = isLast && options.wantLogits !== false ? 1 : 0;
      logits = this.recordPass(
        ids,
        start,
        count,
        rows,
        options.packed ?? null,
        options.hooks?.(start, count) ?? {},
      );
      if (!isLast) {
        this.recorder.submit();
        await this.recorder.settle(1);
      }
      options.onProgress?.(start + count, ids.length);
    }
    return logits;
  }

  /** Logits of every token of `ids` [T, V], from an empty cache: for checks; T × V numbers are read back. */
  async allLogits(
    ids: ArrayLike<number>,
    packed?: PackedInput,
    hooks: ForwardHooks = {},
  ): Promise<Float32Array> {
    this.checkIds(ids);
    this.reset();
    const { vocabSize } = this.checkpoint.config;
    const step = Math.min(this.activations.chunkTokens, this.activations.logitRows);
    const out = new Float32Array(ids.length * vocabSize);
    for (let start = 0; start < ids.length; start += step) {
      const count = Math.min(step, ids.length - start);
      const logits = this.recordPass(ids, start, count, count, packed ?? null, hooks);
      out.set(unpadded(await this.recorder.readFloats(logits!.range), count, vocabSize), start * vocabSize);
    }
    return out;
  }

  /** Logits of the last token of `ids` [V], from an empty cache. */
  async lastLogits(
    ids: ArrayLike<number>,
    options: Pick<GenerateOptions, 'signal' | 'onPrefill'> = {},
  ): Promise<Float32Array> {
    this.reset();
    return this.nextLogits(ids, options);
  }

  /** Logits [V] after `ids`, which follow what is cached. */
  async nextLogits(
    ids: ArrayLike<number>,
    options: Pick<GenerateOptions, 'signal' | 'onPrefill'> = {},
  ): Promise<Float32Array> {
    const logits = await this.prefill(ids, {
      ...(options.signal ? { signal: options.signal } : {}),
      ...(options.onPrefill ? { onProgress: options.onPrefill } : {}),
    });
    assert(logits !== null, 'a prompt of no tokens has no logits');
    const { vocabSize } = this.checkpoint.config;
    return unpadded(await this.recorder.readFloats(logits.range), 1, vocabSize);
  }

  /**
   * Generates after the prompt `ids`. Tokens already cached as a prefix of it are not run again. Each token
   * costs one submit and one readback; only the token (and its logprobs on request) comes back.
   */
  async *generate(
    ids: ArrayLike<number>,
    options: GenerateOptions,
  ): AsyncGenerator<GeneratedToken, void, void> {
    const prompt = Array.from(ids);
    if (prompt.length === 0)
      throw new InputError('empty-prompt', 'The prompt is empty', { expected: 'at least one token' });
    this.checkIds(prompt);
    checkSampling(options.sampling);
    const stops = new Set([...this.checkpoint.config.eosTokenIds, ...(options.stopIds ?? [])]);
    const shared = this.keepPrefix(prompt);
    this.markSeen(prompt);
    let logits = await this.prefill(prompt.slice(shared), {
      ...(options.signal ? { signal: options.signal } : {}),
      onProgress: (done) => options.onPrefill?.(shared + done, prompt.length),
    });
    for (let step = 0; step < options.maxNewTokens; step++) {
      throwIfCancelled(options.signal, 'generating');
      const sample = await this.drawToken(logits!, options.sampling, (options.firstStep ?? 0) + step);
      const isStop = stops.has(sample.token);
      yield { ...sample, position: this.cache.length, isStop };
      const isFull = this.cache.length >= this.plan.memory.options.contextLength;
      if (isStop || isFull || step + 1 === options.maxNewTokens) return;
      logits = this.recordDecode(sample.token);
    }
  }

  /** Keeps of the cache what the prompt begins with and gives its length; at least its last token runs again. */
  keepPrefix(prompt: ArrayLike<number>): number {
    const most = Math.min(this.cached.length, prompt.length - 1);
    let shared = 0;
    while (shared < most && this.cached[shared] === prompt[shared]) shared++;
    this.cached.length = shared;
    this.cache.setLength(shared);
    return shared;
  }

  private markSeen(prompt: readonly number[]): void {
    const bits = new Uint32Array(this.seen.size / 4);
    for (const id of prompt) bits[id >>> 5]! |= 1 << (id & 31);
    this.recorder.upload(this.seen, bits);
  }

  private async drawToken(logits: Rows, options: SamplingOptions, step: number): Promise<Sample> {
    sampleTokens(this.recorder, {
      logits,
      options,
      step,
      seen: options.repetitionPenalty === 1 ? null : this.seen,
      tokens: this.activations.tokens,
      record: this.record,
    });
    const [bytes] = await this.recorder.read(
      subRange(this.record, 0, sampleRecordWords(options.topLogprobs) * 4),
    );
    return readSample(bytes!, options.topLogprobs);
  }

  /** One token: its id is already in the tokens buffer, where sampling put it. */
  private recordDecode(token: number): Rows {
    const firstToken = this.cache.length;
    this.cache.reserve(firstToken + 1);
    this.recorder.upload(this.activations.positions, Uint32Array.of(firstToken));
    const logits = recordForward(this.recorder, this.model, {
      count: 1,
      firstToken,
      packed: false,
      logitRows: 1,
    });
    this.cache.setLength(firstToken + 1);
    this.cached.push(token);
    return logits!;
  }

  /** Exact counts of what `action` asked of WebGPU. */
  async counted<T>(action: () => Promise<T>): Promise<{ result: T; counters: GpuCounters }> {
    const before = { ...this.engine.counters };
    const result = await action();
    return { result, counters: countersSince(before, this.engine.counters) };
  }

  /** Frees all memory of the model. The device stays. */
  destroy(): void {
    const { buffers } = this.engine;
    destroyWeights(buffers, this.plan.weights, this.weights);
    destroyActivations(buffers, this.activations);
    this.cache.destroy();
    for (const range of [this.rope, this.record, this.seen]) buffers.destroy(range.buffer);
    this.recorder.dispose();
    this.engine.scratch.clear();
    buffers.sweep();
  }
}

/** For tokens [first, first + count): the first token of the document each belongs to. */
function documentStartOf(starts: readonly number[], first: number, count: number): Uint32Array<ArrayBuffer> {
  const out = new Uint32Array(count);
  let at = 0;
  for (let t = 0; t < count; t++) {
    while (at + 1 < starts.length && starts[at + 1]! <= first + t) at++;
    out[t] = starts[at] ?? 0;
  }
  return out;
}

/** Rows without the padding behind their columns. */
function unpadded(data: Float32Array, rows: number, cols: number): Float32Array {
  const stride = rowStride(cols);
  if (stride === cols) return data.subarray(0, rows * cols);
  const out = new Float32Array(rows * cols);
  for (let r = 0; r < rows; r++) out.set(data.subarray(r * stride, r * stride + cols), r * cols);
  return out;
}
