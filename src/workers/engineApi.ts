import type { MeasuredExample } from '../check/checkExample.ts';
import type { Verdict, VerdictOptions } from '../check/verdicts.ts';
import type { GpuCounters } from '../gpu/counters.ts';
import type { AdapterFacts, EngineFeatures } from '../gpu/device.ts';
import type { SamplingOptions } from '../gpu/kernels/sampling.ts';
import type { JsonValue } from '../core/json.ts';
import type { MechanismDocument, MechanismOptions, QuerySet, SubjectKind } from '../mechanism/index.ts';
import type { LoadOptions, MemoryPlan } from '../model/planner.ts';
import type { Prompt } from '../model/prompt.ts';
import type { StoredModel } from '../storage/models.ts';
import type { Failure } from './dataApi.ts';
import type { TrainingApi, TrainingEvent } from './trainingApi.ts';
import type { WorkerFailure } from './workerLink.ts';

/**
 * The engine worker: the one owner of the GPU device and of the model on it. Everything here is cloneable data.
 * Expected failures are values; a thrown error is a bug. Progress and tokens come as events, batched to one call
 * an animation frame.
 */

/** A failure with the plan that was made and the nearest options that should work. */
export interface EngineFailure extends Failure {
  readonly plan: MemoryPlan | null;
  readonly suggestion: LoadOptions | null;
}
export type EngineResult<T> = { readonly ok: true; readonly value: T } | EngineFailure;

/** 0 no WebGPU, 1 software adapter, 2 GPU in single precision, 3 GPU with half precision. */
export type CapabilityTier = 0 | 1 | 2 | 3;

/** What runs a model: the WGSL engine, or onnxruntime-web's WASM on the CPU. */
export type Runtime = 'webgpu' | 'wasm';

/** What computes here. */
export interface GpuProbe {
  readonly tier: CapabilityTier;
  /** Why this tier and what it means, in sentences for the reader. */
  readonly title: string;
  readonly detail: string;
  readonly adapter: AdapterFacts | null;
  readonly adapterName: string;
  readonly features: EngineFeatures | null;
  readonly limits: {
    readonly maxBufferBytes: number;
    readonly maxBindingBytes: number;
    readonly workgroupStorageBytes: number;
  } | null;
  /** Threads that onnxruntime-web's WASM has here; 1 where the page is not cross-origin isolated. */
  readonly wasmThreads: number;
}

/** Where a checkpoint is taken from. */
export type ModelSource =
  | {
      readonly type: 'folder';
      readonly name: string;
      readonly files: readonly { readonly path: string; readonly file: File }[];
    }
  | { readonly type: 'handle'; readonly handle: FileSystemDirectoryHandle }
  | { readonly type: 'url'; readonly url: string; readonly relay?: MessagePort }
  | { readonly type: 'stored'; readonly id: string };

/** Where a PEFT adapter is taken from. */
export type AdapterSource = Exclude<ModelSource, { readonly type: 'stored' }>;

/** What a PEFT LoRA adapter changes, after every tensor of it was matched to the opened checkpoint. */
export interface AdapterCard {
  readonly name: string;
  readonly origin: string;
  /** Step of training that it was kept at; null for a finished adapter. */
  readonly step: number | null;
  /** sha256 of config and weights, hex. */
  readonly sha256: string;
  /** The checkpoint it was trained on, as its config names it. */
  readonly baseModel: string | null;
  readonly parameterCount: number;
  /** Smallest and largest; experts and attention may differ. */
  readonly ranks: readonly [number, number];
  readonly scales: readonly [number, number];
  /** Names of the projections, e.g. `q_proj`. */
  readonly targets: readonly string[];
  /** Ascending. */
  readonly layers: readonly number[];
  readonly adaptsExperts: boolean;
}

/** A model that comes with the page, as `models/index.json` lists it. */
export interface BundledModel {
  readonly name: string;
  readonly url: string;
  readonly note: string | null;
}

export interface ModelList {
  readonly bundled: readonly BundledModel[];
  readonly stored: readonly StoredModel[];
  /** Why nothing can be kept here; null when it can. */
  readonly storageProblem: string | null;
}

/** What the headers and configs of a checkpoint tell. */
export interface ModelCard {
  readonly name: string;
  readonly origin: string;
  readonly architecture: 'qwen3' | 'qwen3_moe';
  readonly parameterCount: number;
  /** Parameters that one token passes through. */
  readonly activeParameterCount: number;
  readonly fileBytes: number;
  readonly files: readonly { readonly name: string; readonly sizeBytes: number | null }[];
  readonly dtypes: readonly string[];
  readonly layerCount: number;
  readonly hiddenSize: number;
  readonly headCount: number;
  readonly kvHeadCount: number;
  readonly headDim: number;
  readonly vocabSize: number;
  readonly contextLength: number;
  readonly ropeScaling: string | null;
  readonly tiedEmbeddings: boolean;
  /** By layer. */
  readonly layers: readonly {
    readonly mlp: 'dense' | 'moe';
    readonly slidingWindow: number | null;
  }[];
  readonly experts: { readonly count: number; readonly perToken: number; readonly layout: string } | null;
  readonly tokenizer: {
    readonly vocabSize: number;
    readonly hasChatTemplate: boolean;
    /** Set when a slower implementation must run it. */
    readonly slowBecause: string | null;
  } | null;
  readonly eosTokenIds: readonly number[];
  readonly licence: string | null;
  /** Sampling that the model's makers recommend (`generation_config.json`). */
  readonly recommended: Partial<SamplingOptions>;
  readonly unusedTensorCount: number;
  /** True when this is a copy kept on this computer. */
  readonly kept: boolean;
}

export interface PlanReport {
  readonly memory: MemoryPlan;
  /** The nearest options that fit; null when these do, or none does. */
  readonly suggestion: MemoryPlan | null;
}

/** Memory of the device in bytes, as the engine's account has it. */
export interface EngineMemory {
  readonly allocatedBytes: number;
  readonly peakBytes: number;
  readonly groups: readonly { readonly group: string; readonly sizeBytes: number }[];
}

export interface LoadedModel {
  readonly runtime: Runtime;
  /** Longest example that can be measured inside it here. */
  readonly measurableTokens: number;
  /** Merged into the weights; null without one. */
  readonly adapter: AdapterCard | null;
  readonly options: LoadOptions;
  readonly memory: EngineMemory;
  readonly plannedBytes: number;
  readonly tookMs: number;
  readonly kernelCount: number;
  /** Kernels that the graphics driver does not compile; others do their work. */
  readonly refusedKernels: readonly string[];
}

export interface GenerateRequest {
  readonly prompt: Prompt;
  readonly sampling: SamplingOptions;
  readonly maxNewTokens: number;
  /** Goes on past the model's stop tokens. */
  readonly ignoreStops?: boolean;
  /** Names the reply in token events; without it none are sent. */
  readonly replyId?: number;
}

/** A token of the reply. `text` is empty until the bytes of a character are complete. */
export interface ReplyToken {
  readonly id: number;
  readonly text: string;
  /** Natural logarithm of its probability before any sampling filter. */
  readonly logprob: number;
  readonly top: readonly { readonly id: number; readonly text: string; readonly logprob: number }[];
  readonly isStop: boolean;
}

export interface GenerationReport {
  readonly text: string;
  readonly ids: readonly number[];
  readonly promptTokens: number;
  /** Of them, already in the cache from the last conversation. */
  readonly reusedTokens: number;
  /** The prompt ends with an opened `<think>`: the reply begins as reasoning. */
  readonly opensThinking: boolean;
  readonly stoppedBy: 'stop-token' | 'length' | 'context' | 'reader';
  readonly promptMs: number;
  readonly replyMs: number;
  readonly promptTokensPerSecond: number;
  readonly tokensPerSecond: number;
  readonly contextTokens: number;
  readonly memory: EngineMemory;
  /** Null where no GPU was asked. */
  readonly counters: GpuCounters | null;
  readonly recoveries: number;
}

/** A greedy reply on one runtime. */
export interface RuntimeReply {
  readonly ids: readonly number[];
  readonly promptTokensPerSecond: number;
  readonly tokensPerSecond: number;
}

/** The loaded model beside onnxruntime on the same checkpoint and tokens. */
export interface RuntimeCheck {
  readonly model: string;
  readonly adapter: string | null;
  /** As the engine holds it; onnxruntime holds f32. */
  readonly options: LoadOptions;
  readonly gpu: string;
  readonly threads: number;
  readonly promptTokens: number;
  readonly engine: RuntimeReply;
  readonly onnxruntime: RuntimeReply;
  /** The engine's reply through both: the largest difference of the logits before each token. */
  readonly rows: readonly {
    readonly position: number;
    readonly token: number;
    readonly text: string;
    readonly difference: number;
  }[];
  readonly maxDifference: number;
  /** The largest logit by size, for scale. */
  readonly maxLogit: number;
  /** Where the greedy replies part, and how far apart the two tokens' logits lie there; null when they never do. */
  readonly firstDifference: {
    readonly index: number;
    readonly engine: number;
    readonly onnxruntime: number;
    readonly gap: number;
  } | null;
}

/** What to measure inside the opened checkpoint. */
export interface MeasureRequest {
  /** Names the run in events. */
  readonly runId: number;
  /** Examples as compiled: lines of `examples.jsonl`. */
  readonly rows: readonly JsonValue[];
  /** In order; the first is what the others are held against. Adapters by the sha256 of `listAdapters`. */
  readonly subjects: readonly {
    readonly name: string;
    readonly kind: SubjectKind;
    readonly adapterSha256: string | null;
    readonly step?: number;
  }[];
  readonly options: Partial<MechanismOptions>;
  /** Of what the examples come from, for the record. */
  readonly dataHash: string | null;
}
export interface MeasureReport {
  readonly document: MechanismDocument;
  /** Examples that were left out, and why. */
  readonly rejected: readonly { readonly id: string; readonly reason: string }[];
}

/** A head or an expert to look at in the text of one example. */
export interface LookRequest {
  /** The example as compiled. */
  readonly row: JsonValue;
  /** Hash of the tokens that were measured: others are refused. Null for any. */
  readonly hash: string | null;
  /** Null for the base; else of `listAdapters`. */
  readonly adapterSha256: string | null;
  readonly layer: number;
  readonly picked: { readonly head: number } | { readonly expert: number };
  /** Whose attention is averaged. */
  readonly queries: QuerySet;
}

/** One token among the strongest. */
export interface LookToken {
  readonly text: string;
  /** Of a head: where it stands, and its share of the attention. */
  readonly position: number | null;
  readonly share: number;
  /** Of an expert: times it was chosen for the token, of how many. */
  readonly chosen: number | null;
  readonly occurs: number | null;
}

export interface LookReport {
  readonly what: 'head' | 'expert';
  readonly text: string;
  /** [T + 1]: where each token begins in the text. */
  readonly starts: Uint32Array;
  /**
   * [T]: of a head, the attention on the token over an even share of it (1: as much as every token would have); of an
   * expert, its gate, 0 where it is not chosen.
   */
  readonly values: Float32Array;
  /** Neighbouring tokens that share one value: 1 up to 2,048 tokens. */
  readonly tokensPerValue: number;
  readonly top: readonly LookToken[];
}

/** An example to score with and without its evidence. */
export interface EvidenceCheckRequest {
  /** As compiled. */
  readonly row: JsonValue;
  /** Also each gold piece left out in turn, and alone. */
  readonly pieces: boolean;
}

/** What the loaded model makes of an answer with and without its evidence. */
export interface EvidenceCheck extends MeasuredExample {
  readonly model: string;
  readonly adapter: string | null;
  readonly verdicts: readonly Verdict[];
  /** Gold pieces that the answer needs; null where that was not measured. */
  readonly necessaryPieces: number | null;
  readonly thresholds: VerdictOptions;
}

export type EngineEvent =
  | {
      readonly type: 'measure';
      readonly runId: number;
      readonly subject: string;
      readonly index: number;
      readonly subjects: number;
      readonly stage: 'loading' | 'kernels' | 'tokens';
      readonly done: number;
      readonly total: number;
    }
  | { readonly type: 'measure-partial'; readonly runId: number; readonly document: MechanismDocument }
  | {
      readonly type: 'load';
      readonly stage: 'tuning' | 'kernels' | 'weights';
      readonly done: number;
      readonly total: number;
    }
  | { readonly type: 'copy'; readonly doneBytes: number; readonly totalBytes: number }
  | { readonly type: 'embed'; readonly done: number; readonly total: number }
  | { readonly type: 'check'; readonly done: number; readonly total: number }
  | { readonly type: 'score'; readonly done: number; readonly total: number }
  | { readonly type: 'prefill'; readonly done: number; readonly total: number }
  | { readonly type: 'tokens'; readonly replyId: number; readonly tokens: readonly ReplyToken[] }
  | TrainingEvent
  | { readonly type: 'device-lost'; readonly reason: string }
  /** Said by the page's end: the worker went away with all that was open in it. */
  | { readonly type: 'worker-gone'; readonly failure: WorkerFailure }
  | { readonly type: 'device-recovered'; readonly replayedTokens: number; readonly tookMs: number };

export interface EngineApi extends TrainingApi {
  /** @param baseUrl address of the page, below which bundled models lie */
  start(onEvents: (events: readonly EngineEvent[]) => void, baseUrl: string): Promise<void>;
  /** Training runs are kept in this project from now on; until the first call they wait. */
  openProject(id: string): Promise<void>;
  probe(): Promise<GpuProbe>;
  /** Measures a product of 128 × 1024 × 256 numbers; null without WebGPU. */
  measureSpeed(): Promise<{ readonly gflops: number } | null>;
  listModels(): Promise<ModelList>;
  /** Reads configs and headers; the checkpoint becomes the one that `plan` and `load` mean. */
  openModel(source: ModelSource): Promise<EngineResult<ModelCard>>;
  /** Reads a PEFT LoRA adapter for the opened checkpoint; `load` merges it from now on. */
  openAdapter(source: AdapterSource): Promise<EngineResult<AdapterCard>>;
  /** Loads without an adapter from now on; what is loaded stays as it is. */
  closeAdapter(): Promise<void>;
  /** What `plan` and `load` mean from now on; what is loaded stays as it is. */
  setRuntime(runtime: Runtime): Promise<void>;
  /** Runs the same tokens through the loaded model and through onnxruntime. Needs a model loaded on the engine. */
  checkRuntimes(request: {
    readonly prompt: Prompt;
    readonly maxNewTokens: number;
  }): Promise<EngineResult<RuntimeCheck>>;
  /**
   * One vector per text by the loaded model: the mean over the tokens of the residual stream after the last layer, each
   * token's brought to length 1 first, so that no token outweighs the others. Texts are cut at their first 256 tokens.
   */
  embed(
    texts: readonly string[],
  ): Promise<EngineResult<{ readonly data: Float32Array; readonly dim: number; readonly name: string }>>;
  plan(options: LoadOptions): Promise<EngineResult<PlanReport>>;
  load(options: LoadOptions): Promise<EngineResult<LoadedModel>>;
  unload(): Promise<void>;
  /** Copies the opened checkpoint into the browser's storage; goes on where a stopped copy ended. */
  keepModel(): Promise<EngineResult<StoredModel>>;
  deleteStored(id: string): Promise<EngineResult<null>>;
  /** Adapters that were opened for this checkpoint in this visit. */
  listAdapters(): Promise<readonly AdapterCard[]>;
  /** Loads each subject in turn and measures it; the model that was loaded before is loaded again at the end. */
  measure(request: MeasureRequest): Promise<EngineResult<MeasureReport>>;
  /** Runs one example and tells where a head looks, or which tokens an expert is chosen for. */
  look(request: LookRequest): Promise<EngineResult<LookReport>>;
  /** Scores the answer of one example under its context, the question alone, and parts of its evidence. */
  checkEvidence(request: EvidenceCheckRequest): Promise<EngineResult<EvidenceCheck>>;
  /** Stops loading, copying, generating or measuring, whichever runs. */
  cancel(): Promise<void>;
  generate(request: GenerateRequest): Promise<EngineResult<GenerationReport>>;
  countTokens(prompt: Prompt): Promise<EngineResult<number>>;
  encode(text: string): Promise<EngineResult<readonly number[]>>;
  decode(ids: readonly number[]): Promise<EngineResult<string>>;
}
