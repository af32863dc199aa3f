import type { BufferRange } from '../gpu/buffers.ts';
import type { EngineDevice } from '../gpu/device.ts';
import { adamw, decideStep, statisticsWords } from '../gpu/kernels/optimizer.ts';
import type { PipelineRequest } from '../gpu/pipelineCache.ts';
import { recorderBytes } from '../gpu/recorder.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import { countingBuffers, PlanSink, ropeBytesOf } from '../model/planner.ts';
import { positionsNote } from '../model/rope.ts';
import { allocateWeights, planWeights, weightTypesOf, type WeightPlan } from '../model/weightPlan.ts';
import { createBanks, planLora, type LoraLayout } from './lora.ts';
import { createTrainingMemory } from './memory.ts';
import { recordRow, recordWhole, type PassInput, type TrainingModel } from './pass.ts';
import type { TrainerOptions, TrainingPlan } from './types.ts';

/** A plan with what the trainer needs to carry it out. */
export interface TrainerPlan {
  readonly plan: TrainingPlan;
  readonly weights: WeightPlan;
  readonly layout: LoraLayout;
  /** Kernel variants, to be compiled in parallel. */
  readonly pipelines: readonly PipelineRequest[];
  /** Scratch memory by name. */
  readonly scratch: ReadonlyMap<string, number>;
}

/** Lengths of rows whose kernels and scratch memory are planned: the longest, and some shorter ones. */
function plannedLengths(maxLength: number): number[] {
  const lengths = [maxLength];
  for (const length of [Math.ceil(maxLength / 2), Math.ceil(maxLength / 4), 64, 17]) {
    if (length < maxLength && !lengths.includes(length)) lengths.push(length);
  }
  return lengths;
}

function planSteps(sink: PlanSink, model: TrainingModel, options: TrainerOptions): void {
  const { lora, maxLength } = options;
  for (const tokens of plannedLengths(maxLength)) {
    const input: PassInput = {
      tokens,
      packed: true,
      supervised: tokens,
      dropout: lora.dropout > 0 ? { rate: lora.dropout, seed: 0 } : null,
      balanceFactor: lora.auxLossCoef,
    };
    recordWhole(recordRow(sink, model, input, 1));
    if (input.dropout) recordWhole(recordRow(sink, model, { ...input, dropout: null }, null));
  }
  const { statistics } = model.memory;
  decideStep(
    sink,
    model.banks.map((bank) => bank.gradients),
    options.maxGradNorm,
    statistics,
  );
  for (const bank of model.banks) adamw(sink, bank, statistics, { ...options, learningRate: 0, step: 1 });
}

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

function describeProblems(
  engine: EngineDevice,
  checkpoint: Checkpoint,
  options: TrainerOptions,
  largest: number,
): string[] {
  const problems: string[] = [];
  const { maxBufferSize } = engine.device.limits;
  const limit = Math.min(maxBufferSize, engine.maxBindingBytes);
  if (largest > limit) {
    problems.push(
      `The largest buffer would take ${mebibytes(largest)}, this adapter allows ${mebibytes(limit)}: choose a shorter length${options.checkpointing ? '' : ' or checkpointing'}.`,
    );
  }
  const positions = checkpoint.config.maxPositionEmbeddings;
  const longest = options.longestExample ?? options.maxLength;
  if (longest > positions) {
    problems.push(
      `Rows of ${longest} tokens are longer than the ${positions} positions the model was made for.${positionsNote(checkpoint.config)}`,
    );
  }
  if (checkpoint.config.hiddenSize % 4 !== 0) {
    problems.push(`A hidden size of ${checkpoint.config.hiddenSize} cannot be trained: it must divide by 4.`);
  }
  return problems;
}

/** Plans memory and kernels of a training run. Allocates nothing on the GPU. Throws `InputError` for unusable options. */
export function planTrainer(
  engine: EngineDevice,
  checkpoint: Checkpoint,
  options: TrainerOptions,
): TrainerPlan {
  const { config } = checkpoint;
  const maxBindingBytes = engine.maxBindingBytes;
  const layout = planLora(config, options.lora, maxBindingBytes);
  const weights = planWeights(config, checkpoint.expertLayout, weightTypesOf(options.weightType));
  const { buffers, largestBytes } = countingBuffers();
  const model: TrainingModel = {
    config,
    layout,
    weights: allocateWeights(buffers, weights, maxBindingBytes),
    banks: createBanks(buffers, layout),
    memory: createTrainingMemory(buffers, config, {
      maxLength: options.maxLength,
      checkpointing: options.checkpointing,
      mlpChunkTokens: options.mlpChunkTokens ?? 0,
      maxBindingBytes,
    }),
    rope: buffers.range('rope/table', ropeBytesOf(config, options.maxLength)),
  };
  const sink = new PlanSink(engine, buffers);
  planSteps(sink, model, options);
  const groups = new Map(buffers.bytesByGroup().map(({ group, sizeBytes }) => [group, sizeBytes]));
  const bytes = (group: string): number => groups.get(group) ?? 0;
  const experts = config.moe ? config.moe.numExperts * config.layers.length * 4 : 0;
  // Through one copy comes back what a step tells, and a bank at a time whenever a checkpoint is saved.
  const stepBytes = statisticsWords * 4 + experts;
  const overheadBytes = bytes('rope') + recorderBytes + Math.max(stepBytes, ...layout.bankBytes);
  const parts = {
    weightBytes: bytes('weights'),
    adapterBytes: bytes('adapter'),
    keptBytes: bytes('kept'),
    layerBytes: bytes('layer') + bytes('scratch'),
    chunkBytes: bytes('chunk'),
    lossBytes: bytes('loss'),
    overheadBytes,
  };
  const perToken = parts.keptBytes + bytes('layer');
  return {
    weights,
    layout,
    pipelines: [...sink.pipelines.values()],
    scratch: sink.scratchSizes,
    plan: {
      options,
      trainableParameters: layout.trainableParameters,
      ...parts,
      totalBytes: Object.values(parts).reduce((sum, part) => sum + part, 0),
      bytesPerToken: Math.ceil(perToken / options.maxLength),
      largestBufferBytes: largestBytes(),
      problems: describeProblems(engine, checkpoint, options, largestBytes()),
    },
  };
}

/** Takes all planned scratch memory at once, so that no later step creates a buffer. */
export function takeScratch(
  take: (name: string, sizeBytes: number) => BufferRange,
  scratch: ReadonlyMap<string, number>,
): void {
  for (const [name, sizeBytes] of scratch) take(name, sizeBytes);
}
