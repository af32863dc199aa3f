import type { TrainConfig } from '../train/config.ts';
import type { DroppedExample } from '../train/dataset.ts';
import type { MaskOptions } from '../train/masks.ts';
import type { StepMetrics } from '../train/run.ts';
import type { HeldOutPoint, RunRecord } from '../train/runRecord.ts';
import type { TrainingPlan } from '../train/types.ts';
import type { Example } from '../compile/types.ts';
import type { MaskView } from './dataApi.ts';
import type { AdapterCard, EngineResult, ModelSource } from './engineApi.ts';

/** Where training examples are taken from: JSON lines, and what of them is left or held out. */
export interface TrainingSource {
  readonly name: string;
  readonly file: File;
  readonly excluded: readonly string[];
  readonly heldOut: readonly string[];
  /** The compiled set it is, for going on after a reload; null for a dropped file. */
  readonly setId: string | null;
}

/** What the data of a run come to under a config and the opened model. */
export interface TrainingFacts {
  readonly name: string;
  readonly sha256: string;
  readonly examples: number;
  readonly trained: number;
  readonly heldOut: number;
  readonly rows: number;
  /** Tokens and supervised tokens of one epoch. */
  readonly tokens: number;
  readonly supervisedTokens: number;
  readonly longest: number;
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Operations of the whole run. */
  readonly flops: number;
  /** The first of those that are not trained on, with reasons. */
  readonly dropped: readonly DroppedExample[];
  readonly droppedCount: number;
  /** Learnt replies whose reasoning the chat template leaves out. */
  readonly hiddenReasoning: number;
  readonly controls: readonly string[];
  /** Tokens of each trained example, for a glance at lengths. At most 10,000. */
  readonly lengths: Uint32Array;
}

/** Data and memory of a run before it starts. */
export interface TrainingPreview {
  readonly facts: TrainingFacts | null;
  /** Why the data cannot be trained on with this config. */
  readonly dataProblem: {
    readonly message: string;
    readonly advice: string | null;
    readonly longest: number | null;
  } | null;
  readonly plan: TrainingPlan | null;
  readonly planProblem: string | null;
  /** Changes to the config with which it fits, nearest first. */
  readonly fits: readonly {
    readonly words: string;
    readonly changes: Partial<TrainConfig>;
    readonly totalBytes: number;
  }[];
}

/** A model that can be opened again after a reload without being chosen again. */
export type LastingModel = Extract<ModelSource, { readonly type: 'stored' } | { readonly type: 'url' }>;

/** Where a run's examples and model came from; null for what the reader has to choose again. */
export interface RunSource {
  readonly setId: string | null;
  readonly model: LastingModel | null;
}

/** A run kept in the browser. */
export interface StoredRun extends RunSource {
  readonly id: string;
  readonly record: RunRecord;
  /** Step of the newest checkpoint; null without one. */
  readonly checkpointStep: number | null;
  readonly checkpointBytes: number;
  readonly bestStep: number | null;
  /** Steps whose adapters were kept (`keepCheckpoints`), ascending. */
  readonly keptSteps: readonly number[];
  /** True when an adapter was saved. */
  readonly hasAdapter: boolean;
}

export type TrainingPhase =
  'reading' | 'kernels' | 'weights' | 'training' | 'evaluating' | 'saving' | 'paused' | 'recovering';

/** The part of a step that is shown but not kept. */
export interface StepDetails {
  readonly allocatedBytes: number;
  readonly peakBytes: number;
  /** Share of the tokens that each expert took, by MoE layer; null without experts. */
  readonly expertLoad: readonly Float32Array[] | null;
  readonly submits: number;
  readonly readbacks: number;
}

export type TrainingEvent =
  | {
      readonly type: 'training-phase';
      readonly phase: TrainingPhase;
      readonly done: number;
      readonly total: number;
    }
  | { readonly type: 'training-steps'; readonly steps: readonly StepMetrics[]; readonly details: StepDetails }
  | { readonly type: 'training-held-out'; readonly point: HeldOutPoint; readonly isBest: boolean }
  | { readonly type: 'training-checkpoint'; readonly step: number }
  | {
      readonly type: 'training-device-lost';
      readonly lostAt: number;
      readonly resumedFrom: number;
      readonly reason: string;
    }
  | { readonly type: 'training-record'; readonly runId: string; readonly record: RunRecord };

export interface StartTraining {
  readonly config: TrainConfig;
  /** Goes on with this run; the data must be what it was started with. */
  readonly resume: string | null;
  readonly model: LastingModel | null;
}

/** Training in the engine worker. One run at a time; it has the device to itself. */
export interface TrainingApi {
  /** Defaults of a config, and what each of its keys means. */
  describeTraining(): Promise<{
    readonly defaults: TrainConfig;
    readonly meanings: Readonly<Record<string, string>>;
  }>;
  /** Chooses the data and says what they come to. Progress comes as events. */
  openTrainingData(source: TrainingSource, config: TrainConfig): Promise<EngineResult<TrainingPreview>>;
  /** The same for the chosen data and another config. */
  previewTraining(config: TrainConfig): Promise<EngineResult<TrainingPreview>>;
  /** Trains; resolves when the run has ended or stopped. */
  startTraining(request: StartTraining): Promise<EngineResult<StoredRun>>;
  pauseTraining(paused: boolean): Promise<void>;
  /** Stops after a checkpoint. */
  stopTraining(): Promise<void>;
  listRuns(): Promise<readonly StoredRun[]>;
  readRunMetrics(id: string): Promise<readonly StepMetrics[]>;
  deleteRun(id: string): Promise<void>;
  /** The files of a run to save: the PEFT pair and the record; null for what is not there. */
  runFiles(id: string): Promise<EngineResult<readonly File[]>>;
  /** The adapter of a run for the opened model: merged by its next load. */
  useRunAdapter(id: string): Promise<EngineResult<AdapterCard>>;
  /** Opens the adapters that a run kept at its checkpoints, so that they can be measured; what `load` merges stays. */
  openRunCheckpoints(id: string): Promise<EngineResult<readonly AdapterCard[]>>;
  /** Writes the opened model with a run's adapter merged in as one safetensors file. */
  writeMerged(id: string, handle: FileSystemFileHandle): Promise<EngineResult<number>>;
  /** What is learnt of an example with the opened model's tokenizer and chat template. */
  inspectTraining(example: Example, options: MaskOptions): Promise<EngineResult<MaskView>>;
  /** The same of the n-th example of the chosen data, from 0. */
  inspectEntry(index: number): Promise<EngineResult<{ readonly view: MaskView; readonly total: number }>>;
  /** A held-out example of the chosen data, or the first one: what it asks and what it expects. */
  readTrainingExample(
    id: string,
  ): Promise<
    EngineResult<{ readonly messages: readonly { readonly role: string; readonly content: string }[] }>
  >;
}
