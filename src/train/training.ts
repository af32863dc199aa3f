import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { ByteSource } from '../core/byteSource.ts';
import { CancelledError, messageOf } from '../core/errors.ts';
import type { EngineDevice } from '../gpu/device.ts';
import type { WeightType } from '../gpu/tensors.ts';
import type { AdapterChoices } from '../gpu/variants.ts';
import type { Adapter } from '../model/adapter.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import { chatTemplateOf, chatTemplateSource } from '../model/prompt.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import { trainerOptionsOf, type TrainConfig } from './config.ts';
import { planRows, TrainingData, type IndexOptions, type RowPlan } from './dataset.ts';
import { ExampleEncoder, type MaskOptions } from './masks.ts';
import { peftFiles, peftSha256, type PeftFiles } from './peft.ts';
import { TrainingRun, type RunHandlers, type RunOutcome, type RunTrainer } from './run.ts';
import {
  dataFacts,
  hashCheckpoint,
  runIdentity,
  trainingFlops,
  type ModelHash,
  type RunRecord,
} from './runRecord.ts';
import { FolderRunStore, type RunFolder } from './runStore.ts';
import { stateFromAdapter } from './startAdapter.ts';
import type { TrainerOptions } from './types.ts';

/** Weights of at most this size in f32 are held so: rounding them would save nothing worth having. */
const smallWeightBytes = 64 * 2 ** 20;

/** What `weightType: "auto"` stands for with a checkpoint. */
export function automaticWeightType(checkpoint: Checkpoint): WeightType {
  let elements = 0;
  for (const { shape } of checkpoint.tensors.values())
    elements += shape.reduce((product, n) => product * n, 1);
  return elements * 4 <= smallWeightBytes ? 'f32' : 'f16';
}

/** The encoder of a checkpoint's chat template and stop tokens. */
export function encoderOf(
  checkpoint: Checkpoint,
  tokenizer: Tokenizer,
  options: MaskOptions,
): ExampleEncoder {
  const named = checkpoint.tokenizerConfig?.['eos_token'];
  const ends = new Set(checkpoint.config.eosTokenIds.map((id) => tokenizer.decode([id])));
  if (typeof named === 'string') ends.add(named);
  ends.add('<|im_end|>');
  return new ExampleEncoder(tokenizer, chatTemplateOf(checkpoint.tokenizerConfig), [...ends], options);
}

/** Data, split and hashes of a run, before anything is put on the GPU. */
export interface PreparedTraining {
  readonly config: TrainConfig;
  readonly options: TrainerOptions;
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer;
  readonly data: TrainingData;
  readonly plan: RowPlan;
  readonly model: ModelHash;
  readonly startAdapter: Adapter | null;
  readonly identity: string;
  /** Of the chat template that the examples go through. */
  readonly templateSha256: string;
}

export interface PrepareInput {
  readonly config: TrainConfig;
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer;
  readonly source: ByteSource;
  readonly startAdapter?: Adapter | null;
  /** Where they were read before: the source indexed with these options, the checkpoint's hash. */
  readonly data?: TrainingData;
  readonly model?: ModelHash;
}

/** Reads the data once, splits and packs it. @throws InputError for data that cannot be trained on */
export async function prepareTraining(
  input: PrepareInput,
  options: IndexOptions = {},
): Promise<PreparedTraining> {
  const { config, checkpoint, tokenizer, source, startAdapter = null } = input;
  const encoder = encoderOf(checkpoint, tokenizer, { superviseNewline: config.superviseNewline });
  const data = input.data ?? (await TrainingData.index(source, encoder, { ...options, turns: config.turns }));
  const plan = planRows(data, config);
  const model = input.model ?? (await hashCheckpoint(checkpoint));
  return {
    config,
    options: trainerOptionsOf(config, automaticWeightType(checkpoint)),
    checkpoint,
    tokenizer,
    data,
    plan,
    model,
    startAdapter,
    identity: runIdentity(config, data.sha256, model, [
      startAdapter?.sha256 ?? null,
      plan.heldOut.map(({ id }) => id).join('\n'),
    ]),
    templateSha256: bytesToHex(sha256(utf8ToBytes(chatTemplateSource(checkpoint.tokenizerConfig)))),
  };
}

/** A trainer on a device, as `Trainer` of trainer.ts is. */
export interface OpenedTrainer extends RunTrainer {
  readonly engine: EngineDevice;
  readonly trainableParameters: number;
  readonly plannedBytes: number;
  destroy(): void;
}

export interface TrainHandlers extends RunHandlers {
  readonly onRecord?: (record: RunRecord) => void;
}

export interface TrainSettings {
  readonly folder: RunFolder;
  /** A trainer as at step 0 on a device that works; asked again after a loss. `kernels` as in `RunSettings`. */
  readonly openTrainer: (
    prepared: PreparedTraining,
    kernels: AdapterChoices | null,
  ) => Promise<OpenedTrainer>;
  readonly version: string;
  /** Wall clock, for the record. */
  readonly now: () => Date;
  readonly signal?: AbortSignal;
  /** Hears of the run when it can be paused. */
  readonly onRun?: (run: TrainingRun) => void;
}

export interface TrainResult {
  readonly record: RunRecord;
  readonly outcome: RunOutcome;
  /** Null where no step was done. */
  readonly files: PeftFiles | null;
}

/** Runs a prepared training to its end or stop, keeping record, metrics and checkpoints in the folder. */
export async function trainPrepared(
  prepared: PreparedTraining,
  settings: TrainSettings,
  handlers: TrainHandlers = {},
): Promise<TrainResult> {
  const { checkpoint, config, data, plan, startAdapter } = prepared;
  const { moe, numHiddenLayers: layerCount } = checkpoint.config;
  const peft = { baseModel: checkpoint.name, expertCount: moe?.numExperts ?? null, layerCount };
  const store = new FolderRunStore(settings.folder, prepared.identity, peft, prepared.templateSha256);
  let opened: OpenedTrainer | null = null;
  const openTrainer = async (kernels: AdapterChoices | null): Promise<RunTrainer> => {
    opened?.destroy();
    opened = null;
    const trainer = await settings.openTrainer(prepared, kernels);
    opened = trainer;
    if (startAdapter) {
      await trainer.restore(stateFromAdapter(await trainer.state(), startAdapter, prepared.options.lora));
    }
    return trainer;
  };
  const run = new TrainingRun(
    {
      config,
      data,
      plan,
      openTrainer,
      store,
      flopsOf: (lengths) => trainingFlops(checkpoint.config, lengths),
    },
    {
      ...handlers,
      // Kept at once: a run that is cut off has what was measured, the point before the first step too.
      onMeasured: async ({ heldOut, best }) => {
        record = { ...record, heldOut, best };
        await store.saveRecord(record);
      },
      onCheckpoint: (step) => {
        handlers.onCheckpoint?.(step);
        handlers.onRecord?.(record);
      },
    },
  );
  settings.onRun?.(run);
  let record = startRecord(prepared, settings);
  await store.saveRecord(record);
  handlers.onRecord?.(record);
  const completed = (changes: Partial<RunRecord>): RunRecord => ({
    ...record,
    ...deviceFacts(opened),
    endedAt: settings.now().toISOString(),
    ...changes,
  });
  try {
    const outcome = await run.run(settings.signal);
    const files = outcome.adapter ? peftFiles(outcome.adapter.adapter, peft) : null;
    const { counters } = outcome;
    record = completed({
      end: outcome.end,
      message: endText(outcome),
      ledger: {
        examples: plan.rows.reduce((sum, row) => sum + row.length, 0),
        rows: plan.rows.length,
        steps: counters.step,
        epochs: counters.step / plan.stepsPerEpoch,
        processedTokens: counters.processedTokens,
        supervisedTokens: counters.supervisedTokens,
        flops: counters.flops,
        elapsedMs: counters.elapsedMs,
      },
      heldOut: counters.heldOut,
      best: counters.best,
      adapter: files && outcome.adapter ? { step: outcome.adapter.step, sha256: peftSha256(files) } : null,
      deviceLosses: counters.deviceLosses,
      notFinite: outcome.notFinite,
    });
    await store.saveRecord(record);
    handlers.onRecord?.(record);
    return { record, outcome, files };
  } catch (error) {
    const isStop = error instanceof CancelledError;
    record = completed({ end: isStop ? 'stopped' : 'failed', message: messageOf(error) });
    await store.saveRecord(record);
    handlers.onRecord?.(record);
    throw error;
  } finally {
    const last = opened as OpenedTrainer | null;
    last?.destroy();
    // What was computed went with it: the device is fit for another run.
    last?.engine.clearFailure();
  }
}

function startRecord(prepared: PreparedTraining, settings: TrainSettings): RunRecord {
  const { checkpoint, config, data, plan, model, tokenizer, startAdapter } = prepared;
  return {
    format: 'acc-train-run-1',
    identity: prepared.identity,
    startedAt: settings.now().toISOString(),
    endedAt: null,
    end: 'running',
    message: null,
    config,
    resolved: {
      totalSteps: plan.totalSteps,
      stepsPerEpoch: plan.stepsPerEpoch,
      rowsPerStep: plan.rowsPerStep,
      weightType: prepared.options.weightType,
      startAdapter: startAdapter?.sha256 ?? null,
    },
    data: dataFacts(data, plan),
    model: { name: checkpoint.name, architecture: checkpoint.config.modelType, ...model },
    tokenizer: {
      name: tokenizer.name,
      sha256: tokenizer.sha256,
      templateSha256: prepared.templateSha256,
    },
    code: { version: settings.version },
    device: null,
    ledger: {
      examples: plan.rows.reduce((sum, row) => sum + row.length, 0),
      rows: plan.rows.length,
      steps: 0,
      epochs: 0,
      processedTokens: 0,
      supervisedTokens: 0,
      flops: 0,
      elapsedMs: 0,
    },
    trainableParameters: 0,
    memory: null,
    heldOut: [],
    best: null,
    adapter: null,
    deviceLosses: [],
    notFinite: null,
  };
}

function deviceFacts(opened: OpenedTrainer | null): Partial<RunRecord> {
  if (!opened) return {};
  const { engine, trainableParameters, plannedBytes } = opened;
  return {
    device: { adapter: engine.facts, features: engine.features, choices: engine.choices },
    trainableParameters,
    memory: { plannedBytes, peakBytes: engine.buffers.peakBytes },
  };
}

function endText({ end, counters, notFinite, adapter }: RunOutcome): string {
  switch (end) {
    case 'finished':
      return adapter && adapter.step < counters.step
        ? `finished; the adapter is that of step ${adapter.step}, whose held-out loss is the best`
        : 'finished';
    case 'early-stop':
      return `stopped early: the held-out loss has not fallen since step ${counters.best?.step ?? 0}`;
    case 'stopped':
      return `stopped after step ${counters.step}; it goes on from there`;
    case 'not-finite':
      return `step ${notFinite?.step ?? counters.step + 1} gave no finite number and was not applied: lower the learning rate, or look at the examples of that step`;
  }
}
