import { Buffers, Scratch, type BufferRange } from '../gpu/buffers.ts';
import { newCounters } from '../gpu/counters.ts';
import type { EngineDevice } from '../gpu/device.ts';
import { variantKey, type KernelCall, type KernelSink } from '../gpu/kernel.ts';
import type { PipelineRequest } from '../gpu/pipelineCache.ts';
import { greedySampling, sampleTokens } from '../gpu/kernels/sampling.ts';
import { recorderBytes } from '../gpu/recorder.ts';
import { workUnits } from '../gpu/timeBudget.ts';
import { rowsBytes, sliceRows, type KvType, type WeightType } from '../gpu/tensors.ts';
import { createActivations, createSamplingBuffers } from './activations.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { ModelConfig } from './config.ts';
import { recordForward, type ForwardModel } from './forward.ts';
import { KvCache } from './kvCache.ts';
import { positionsNote } from './rope.ts';
import { stagingBytesOf } from './weightLoader.ts';
import { allocateWeights, planWeights, weightTypesOf, type WeightPlan } from './weightPlan.ts';

/** How a model is to be held and run. */
export interface LoadOptions {
  readonly weightType: WeightType;
  readonly kvType: KvType;
  /** Most tokens of one conversation, prompt and reply together. */
  readonly contextLength: number;
  /** Tokens of the prompt that run at a time. */
  readonly chunkTokens: number;
}

export const defaultLoadOptions: LoadOptions = {
  weightType: 'f16',
  kvType: 'f16',
  contextLength: 4096,
  chunkTokens: 512,
};

/** Bytes a model will take on the GPU, before anything is allocated. */
export interface MemoryPlan {
  readonly options: LoadOptions;
  readonly weightBytes: number;
  readonly kvBytes: number;
  readonly activationBytes: number;
  readonly ropeBytes: number;
  readonly scratchBytes: number;
  /** Kernel parameters, sampling records, the copy that results are read back through. */
  readonly overheadBytes: number;
  /** Peak while loading: weights and staging. */
  readonly loadingBytes: number;
  readonly totalBytes: number;
  /** Bytes that one more token of context costs. */
  readonly kvBytesPerToken: number;
  readonly largestBufferBytes: number;
  /** Sentences on what does not fit and what to change; empty when all fits the adapter's limits. */
  readonly problems: readonly string[];
}

export interface ModelPlan {
  readonly memory: MemoryPlan;
  readonly weights: WeightPlan;
  /** Kernel variants that prefill and decode need, to be compiled in parallel. */
  readonly pipelines: readonly PipelineRequest[];
  /** Rows of logits kept at a time. */
  readonly logitRows: number;
}

/** Buffers that are only counted: the allocating code itself is the plan, so the two cannot drift apart. */
export function countingBuffers(): { buffers: Buffers; largestBytes: () => number } {
  let largest = 0;
  const device = {
    limits: { maxBufferSize: Number.MAX_SAFE_INTEGER },
    createBuffer: ({ size }: { size: number }) => {
      largest = Math.max(largest, size);
      return { destroy: () => undefined };
    },
  } as unknown as GPUDevice;
  return { buffers: new Buffers(device, newCounters()), largestBytes: () => largest };
}

/** Takes the calls of a pass without running it: sizes of scratch memory, kernel variants, the work they are. */
export class PlanSink implements KernelSink {
  readonly pipelines = new Map<string, PipelineRequest>();
  /** Sum over all calls, in the units of `TimeBudget`. */
  workUnits = 0;
  private readonly memory: Scratch;

  constructor(
    readonly engine: EngineDevice,
    buffers: Buffers,
  ) {
    this.memory = new Scratch(buffers);
  }

  dispatch<B extends string, P extends string>(call: KernelCall<B, P>): void {
    this.pipelines.set(variantKey(call.kernel, call.variant), { kernel: call.kernel, variant: call.variant });
    this.workUnits += workUnits(call.cost);
  }

  scratch(name: string, sizeBytes: number): BufferRange {
    return this.memory.take(name, sizeBytes);
  }

  /** Nothing to plan: no memory, no kernel. */
  clear(): void {
    return;
  }

  /** Scratch memory by name, as it will be taken. */
  get scratchSizes(): ReadonlyMap<string, number> {
    return this.memory.sizes;
  }

  get scratchBytes(): number {
    return this.memory.sizeBytes;
  }
}

/** Tokens that the planned cache must hold when the pass starts, so that the longest attention is planned. */
function planPasses(sink: PlanSink, model: ForwardModel, options: LoadOptions): void {
  const chunk = Math.min(options.chunkTokens, options.contextLength);
  const { activations } = model;
  sampleTokens(sink, {
    logits: sliceRows(activations.logits, 0, 1),
    options: greedySampling,
    step: 0,
    tokens: activations.tokens,
    record: activations.positions,
  });
  model.cache.reserve(options.contextLength);
  const last = options.contextLength - chunk;
  for (const packed of [false, true]) {
    recordForward(sink, model, { count: chunk, firstToken: 0, packed, logitRows: 1 });
    recordForward(sink, model, { count: chunk, firstToken: last, packed, logitRows: 1 });
  }
  // A last chunk of any size, and decoding.
  for (const count of [1, 2, 8, 9, 17, 64]) {
    if (count > chunk) break;
    recordForward(sink, model, {
      count,
      firstToken: options.contextLength - count,
      packed: false,
      logitRows: 1,
    });
    recordForward(sink, model, { count, firstToken: 0, packed: false, logitRows: 1 });
  }
}

function describeProblems(
  engine: EngineDevice,
  config: ModelConfig,
  options: LoadOptions,
  largest: number,
): string[] {
  const problems: string[] = [];
  const mb = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
  const limit = Math.min(engine.device.limits.maxBufferSize, engine.maxBindingBytes);
  if (largest > limit) {
    problems.push(
      `The largest buffer would take ${mb(largest)}, this adapter allows ${mb(limit)}: choose a smaller weight type, a shorter context or smaller prompt chunks.`,
    );
  }
  const trained = config.maxPositionEmbeddings;
  if (options.contextLength > trained) {
    problems.push(
      `The context of ${options.contextLength} tokens is longer than the ${trained} positions the model was made for.${positionsNote(config)}`,
    );
  }
  return problems;
}

/** Plans memory and kernels of a checkpoint on a device. Allocates nothing on the GPU. */
export function planModel(
  engine: EngineDevice,
  checkpoint: Checkpoint,
  options: LoadOptions,
  logitRows = 1,
): ModelPlan {
  const { config } = checkpoint;
  const { buffers, largestBytes } = countingBuffers();
  const mark = (): (() => number) => {
    const before = buffers.allocatedBytes;
    return () => buffers.allocatedBytes - before;
  };
  const maxBinding = engine.maxBindingBytes;
  const weights = planWeights(config, checkpoint.expertLayout, weightTypesOf(options.weightType));
  const forWeights = mark();
  const allocated = allocateWeights(buffers, weights, maxBinding);
  const weightBytes = forWeights();
  const forRope = mark();
  const rope = buffers.range('rope/table', ropeBytesOf(config, options.contextLength));
  const ropeBytes = forRope();
  const forActivations = mark();
  const activations = createActivations(
    buffers,
    config,
    Math.min(options.chunkTokens, options.contextLength),
    logitRows,
  );
  const activationBytes = forActivations();
  const cache = new KvCache(buffers, config, options.kvType, options.contextLength, maxBinding);
  const sink = new PlanSink(engine, buffers);
  planPasses(sink, { config, weights: allocated, activations, cache, rope }, options);
  const kvBytes = cache.sizeBytes;
  const forOverhead = mark();
  createSamplingBuffers(buffers, config);
  const overheadBytes = forOverhead() + recorderBytes + rowsBytes(1, config.vocabSize);
  const largest = largestBytes();
  return {
    weights,
    pipelines: [...sink.pipelines.values()],
    logitRows,
    memory: {
      options,
      weightBytes,
      kvBytes,
      activationBytes,
      ropeBytes,
      scratchBytes: sink.scratchBytes,
      overheadBytes,
      loadingBytes: weightBytes + 2 * stagingBytesOf(checkpoint),
      totalBytes: weightBytes + ropeBytes + activationBytes + kvBytes + sink.scratchBytes + overheadBytes,
      kvBytesPerToken: Math.ceil(kvBytes / Math.max(1, cache.capacityTokens)),
      largestBufferBytes: largest,
      problems: describeProblems(engine, config, options, largest),
    },
  };
}

/** Bytes of the rotation table: cos and sin of D/2 angles a position. */
export function ropeBytesOf(config: ModelConfig, contextLength: number): number {
  return contextLength * config.headDim * 4;
}
