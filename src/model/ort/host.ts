import {
  EnvironmentError,
  InputError,
  messageOf,
  throwIfCancelled,
  WorkbenchError,
} from '../../core/errors.ts';
import type { Adapter } from '../adapter.ts';
import type { Checkpoint } from '../checkpoint.ts';
import type { HostFailure, HostGenerateOptions, HostPlan, HostResult } from '../host.ts';
import type { LoadOptions, MemoryPlan } from '../planner.ts';
import { positionsNote } from '../rope.ts';
import { sampleLogits } from '../sampleLogits.ts';
import type { GeneratedToken } from '../session.ts';
import { maxModelBytes, onnxWeightBytes, writeQwen3Onnx, type OnnxModel } from './qwen3Onnx.ts';
import type { OrtRunner } from './session.ts';

/** Starts onnxruntime on a model, here or in a worker. */
export type OpenRunner = (model: OnnxModel) => Promise<OrtRunner>;

/** Measuring takes so many tokens at a time, so that the attention weights of all layers stay small. */
const mechanismChunk = 64;
/** What 32-bit WebAssembly can address, less what the runtime itself takes. */
const heapBytes = 3.8e9;

/** What the options become on this runtime: it holds and computes in f32. */
function ortOptions(options: LoadOptions): LoadOptions {
  return { ...options, weightType: 'f32', kvType: 'f32' };
}

/**
 * Bytes a checkpoint will take under onnxruntime, with what does not fit.
 * @param mechanism the attention weights of all layers come out, a chunk of tokens at a time
 */
function planOrt(checkpoint: Checkpoint, given: LoadOptions, mechanism = false): MemoryPlan {
  const options = ortOptions(given);
  const { config } = checkpoint;
  const chunk = Math.min(options.chunkTokens, options.contextLength);
  const weightBytes = onnxWeightBytes(checkpoint);
  const kvRow = config.numHiddenLayers * 2 * config.numKeyValueHeads * config.headDim * 4;
  // The past goes in while the present comes out, both also on the page's side of the boundary.
  const kvBytesPerToken = 4 * kvRow;
  const kvBytes = kvBytesPerToken * options.contextLength;
  const width = config.moe
    ? config.moe.numExpertsPerTok * config.moe.moeIntermediateSize
    : config.intermediateSize;
  // Attention weights a token: of one layer at a time, or of all of them.
  const weightRows = config.numAttentionHeads * (mechanism ? config.numHiddenLayers + 1 : 1);
  const activationBytes =
    4 * chunk * (weightRows * options.contextLength + 6 * config.hiddenSize + 3 * width) +
    4 * config.vocabSize;
  const ropeBytes = options.contextLength * config.headDim * 4;
  const problems: string[] = [];
  const millions = (bytes: number): string => `${Math.round(bytes / 4e6)} million`;
  if (weightBytes > maxModelBytes) {
    problems.push(
      `onnxruntime takes at most ${millions(maxModelBytes)} weights in one file, this model has ${millions(weightBytes)}: choose a smaller one, or a browser with WebGPU.`,
    );
  } else if (2 * weightBytes + kvBytes / 2 + activationBytes > heapBytes) {
    problems.push(
      'This does not fit the 4 GB that WebAssembly can address: choose a shorter context or smaller prompt chunks.',
    );
  }
  if (options.contextLength > config.maxPositionEmbeddings) {
    problems.push(
      `The context of ${options.contextLength} tokens is longer than the ${config.maxPositionEmbeddings} positions the model was made for.${positionsNote(config)}`,
    );
  }
  return {
    options,
    weightBytes,
    kvBytes,
    activationBytes,
    ropeBytes,
    scratchBytes: 0,
    overheadBytes: 0,
    // The file and what is made of it.
    loadingBytes: 3 * weightBytes,
    totalBytes: weightBytes + kvBytes + activationBytes + ropeBytes,
    kvBytesPerToken,
    largestBufferBytes: Math.max(weightBytes, activationBytes),
    problems,
  };
}

/** The longest context, in tokens, at which a checkpoint can be measured under onnxruntime; 0 for none. */
export function ortMeasureLimit(checkpoint: Checkpoint): number {
  const most = checkpoint.config.maxPositionEmbeddings;
  const fits = (contextLength: number): boolean => {
    const load = { weightType: 'f32', kvType: 'f32', contextLength, chunkTokens: mechanismChunk } as const;
    return planOrt(checkpoint, load, true).problems.length === 0;
  };
  let low = 0;
  let high = most;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** `planOrt` with the nearest shorter context that fits. */
export function adviseOrt(checkpoint: Checkpoint, options: LoadOptions, mechanism = false): HostPlan {
  const memory = planOrt(checkpoint, options, mechanism);
  if (memory.problems.length === 0) return { memory, advice: null };
  const chunkTokens = Math.min(options.chunkTokens, mechanismChunk);
  let contextLength = Math.min(options.contextLength, checkpoint.config.maxPositionEmbeddings);
  for (; contextLength >= 16; contextLength >>= 1) {
    const advice = planOrt(checkpoint, { ...options, contextLength, chunkTokens }, mechanism);
    if (advice.problems.length === 0) return { memory, advice };
  }
  return { memory, advice: null };
}

/** A checkpoint under onnxruntime with the conversation it holds: what `ModelSession` is for the engine. */
export class OrtModel {
  readonly plan: { readonly memory: MemoryPlan };
  private cached: number[] = [];

  constructor(
    readonly checkpoint: Checkpoint,
    memory: MemoryPlan,
    private readonly runner: OrtRunner,
  ) {
    this.plan = { memory };
  }

  /** Tokens in the cache. */
  get cachedTokens(): readonly number[] {
    return this.cached;
  }

  /** Forgets the conversation. */
  reset(): void {
    this.cached = [];
  }

  /**
   * Runs `ids` after what is cached, in chunks; gives the outputs of each chunk to `onChunk` and those of the last back.
   * Cancellable between chunks (what ran stays cached).
   */
  async prefill(
    ids: ArrayLike<number>,
    outputsOf: (first: number, count: number) => readonly string[],
    handlers: {
      readonly chunkTokens?: number;
      readonly signal?: AbortSignal;
      readonly onProgress?: (doneTokens: number, totalTokens: number) => void;
      readonly onChunk?: (
        outputs: Readonly<Record<string, Float32Array>>,
        first: number,
        count: number,
      ) => void;
    } = {},
  ): Promise<Readonly<Record<string, Float32Array>>> {
    const { contextLength, chunkTokens } = this.plan.memory.options;
    const { vocabSize } = this.checkpoint.config;
    const list = Array.from(ids);
    const wrong = list.findIndex((id) => !(Number.isInteger(id) && id >= 0 && id < vocabSize));
    if (wrong >= 0) {
      throw new InputError('bad-token', `Token ${wrong} is not in the vocabulary`, {
        expected: `0 … ${vocabSize - 1}`,
        actual: String(list[wrong]),
        advice: 'the tokenizer belongs to another model',
      });
    }
    if (this.cached.length + list.length > contextLength) {
      throw new InputError('prompt-too-long', 'The prompt is longer than the context', {
        expected: `at most ${contextLength} tokens`,
        actual: `${this.cached.length + list.length}`,
      });
    }
    const step = handlers.chunkTokens ?? chunkTokens;
    let outputs: Readonly<Record<string, Float32Array>> = {};
    for (let first = 0; first < list.length; first += step) {
      throwIfCancelled(handlers.signal, 'reading the prompt');
      const part = list.slice(first, first + step);
      try {
        outputs = await this.runner.run(part, this.cached.length, outputsOf(first, part.length));
      } catch (error) {
        this.cached = [];
        throw ortFailure(error);
      }
      this.cached.push(...part);
      handlers.onChunk?.(outputs, first, part.length);
      handlers.onProgress?.(first + part.length, list.length);
    }
    return outputs;
  }

  /** The residual stream after the last layer [T, C] of a text by itself. The conversation is lost. */
  async hidden(ids: ArrayLike<number>): Promise<Float32Array> {
    this.cached = [];
    try {
      return (await this.runner.run(ids, 0, ['hidden'], true))['hidden']!;
    } catch (error) {
      throw ortFailure(error);
    }
  }

  /** Logits [V] after `ids`, which follow what is cached. */
  async nextLogits(ids: ArrayLike<number>, signal?: AbortSignal): Promise<Float32Array> {
    const last = ids.length;
    const wanted = (first: number, count: number): readonly string[] =>
      first + count === last ? ['logits'] : [];
    return (await this.prefill(ids, wanted, signal ? { signal } : {}))['logits']!;
  }

  /** Generates after the prompt as `ModelSession.generate` does, with the same draws. */
  async *generate(
    ids: ArrayLike<number>,
    options: HostGenerateOptions,
  ): AsyncGenerator<GeneratedToken, void, void> {
    const prompt = Array.from(ids);
    if (prompt.length === 0)
      throw new InputError('empty-prompt', 'The prompt is empty', { expected: 'at least one token' });
    const own = options.ignoreStops ? [] : this.checkpoint.config.eosTokenIds;
    const stops = new Set([...own, ...(options.stopIds ?? [])]);
    const seen = new Set(prompt);
    let shared = 0;
    while (shared < Math.min(this.cached.length, prompt.length - 1) && this.cached[shared] === prompt[shared])
      shared++;
    this.cached.length = shared;
    const rest = prompt.slice(shared);
    const wanted = (first: number, count: number): readonly string[] =>
      first + count === rest.length ? ['logits'] : [];
    let { logits } = await this.prefill(rest, wanted, {
      ...(options.signal ? { signal: options.signal } : {}),
      onProgress: (done) => options.onPrefill?.(shared + done, prompt.length),
    });
    for (let step = 0; step < options.maxNewTokens; step++) {
      throwIfCancelled(options.signal, 'generating');
      const sample = sampleLogits(logits!, options.sampling, (options.firstStep ?? 0) + step, seen);
      seen.add(sample.token);
      const isStop = stops.has(sample.token);
      yield { ...sample, position: this.cached.length, isStop };
      const isFull = this.cached.length >= this.plan.memory.options.contextLength;
      if (isStop || isFull || step + 1 === options.maxNewTokens) return;
      logits = await this.nextLogits([sample.token]);
    }
  }

  async release(): Promise<void> {
    await this.runner.release();
  }
}

function ortFailure(error: unknown): WorkbenchError {
  if (error instanceof WorkbenchError) return error;
  return new EnvironmentError('onnxruntime', 'onnxruntime could not run the model', {
    actual: messageOf(error),
    advice: 'load it again; with a shorter context if memory was short',
  });
}

/** What a load under onnxruntime is to hold besides generation. */
export interface OrtLoadHandlers {
  readonly signal?: AbortSignal;
  readonly adapter?: Adapter;
  /** For measuring: attention weights and router scores come out, in small chunks. */
  readonly mechanism?: boolean;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** Holds one model under onnxruntime, as `ModelHost` does on the engine. */
export class OrtHost {
  private loaded: OrtModel | null = null;
  private working = false;

  constructor(private readonly openRunner: OpenRunner) {}

  get session(): OrtModel | null {
    return this.loaded;
  }

  /** Loads a checkpoint in place of the present one. */
  async load(
    checkpoint: Checkpoint,
    given: LoadOptions,
    handlers: OrtLoadHandlers = {},
  ): Promise<HostResult<OrtModel>> {
    await this.unload();
    const { mechanism = false } = handlers;
    const { chunkTokens } = given;
    const options = {
      ...given,
      chunkTokens: mechanism ? Math.min(chunkTokens, mechanismChunk) : chunkTokens,
    };
    const { memory, advice } = adviseOrt(checkpoint, options, mechanism);
    const failure = (error: WorkbenchError): HostFailure => ({ ok: false, error, plan: memory, advice });
    const problem = memory.problems[0];
    if (problem) return failure(new InputError('does-not-fit', problem, { where: checkpoint.name }));
    try {
      const model = await writeQwen3Onnx(checkpoint, {
        maxPositions: options.contextLength,
        lastLogitsOnly: true,
        hidden: !mechanism,
        mechanism,
        onProgress: (done, total) => {
          throwIfCancelled(handlers.signal, 'loading the model');
          handlers.onProgress?.(done, total);
        },
        ...(handlers.adapter ? { adapter: handlers.adapter } : {}),
      });
      this.loaded = new OrtModel(checkpoint, memory, await this.openRunner(model));
      return { ok: true, value: this.loaded };
    } catch (error) {
      return failure(ortFailure(error));
    }
  }

  /** Generates on the loaded model; failures come as the generator's return value, as `ModelHost.generate` gives them. */
  async *generate(
    ids: ArrayLike<number>,
    options: HostGenerateOptions,
  ): AsyncGenerator<GeneratedToken, HostResult<null>, void> {
    const fail = (error: WorkbenchError): HostFailure => ({
      ok: false,
      error,
      plan: this.loaded?.plan.memory ?? null,
      advice: null,
    });
    if (this.working) return fail(new InputError('busy', 'The engine is busy with other work'));
    if (!this.loaded) return fail(new InputError('no-model', 'No model is loaded'));
    this.working = true;
    try {
      yield* this.loaded.generate(ids, options);
      return { ok: true, value: null };
    } catch (error) {
      if (!(error instanceof WorkbenchError)) throw error;
      return fail(error);
    } finally {
      this.working = false;
    }
  }

  /** Ends the session and frees its memory. */
  async unload(): Promise<void> {
    const { loaded } = this;
    this.loaded = null;
    await loaded?.release().catch(() => undefined);
  }
}
