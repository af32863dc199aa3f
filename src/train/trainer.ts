import { assert } from '../core/assert.ts';
import { InputError, throwIfCancelled } from '../core/errors.ts';
import { countersSince } from '../gpu/counters.ts';
import type { EngineDevice } from '../gpu/device.ts';
import { adamw, decideStep, type ParameterBank } from '../gpu/kernels/optimizer.ts';
import { guardWithRecorder, type Recorder } from '../gpu/recorder.ts';
import type { Adapter, LoraPair } from '../model/adapter.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import { countingBuffers, PlanSink, ropeBytesOf } from '../model/planner.ts';
import { uploadRopeTable } from '../model/ropeUpload.ts';
import { loadWeights, type LoadProgress } from '../model/weightLoader.ts';
import { allocateWeights, destroyWeights } from '../model/weightPlan.ts';
import { mixSeed } from './adapt.ts';
import { createBanks, initialBanks, modulePaths, pairPlaces, readPair, writePair } from './lora.ts';
import { createTrainingMemory, trainingRanges } from './memory.ts';
import { recordRow, recordWhole, type PassInput, type Recording, type TrainingModel } from './pass.ts';
import { planTrainer, takeScratch, type TrainerPlan } from './plan.ts';
import {
  ignoredLabel,
  type EvaluationReport,
  type StepReport,
  type TrainedTensors,
  type TrainerOptions,
  type TrainerState,
  type TrainingPlan,
  type TrainingRow,
} from './types.ts';

export interface TrainerHandlers {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LoadProgress) => void;
  readonly onKernels?: (done: number, total: number) => void;
}

/** Submits that are with the GPU at a time: they keep it busy, and what follows a cancellation waits for them. */
const queuedSubmits = 8;

/** Sum of the weights of a row's supervised tokens. */
function supervisedOf(row: TrainingRow): { count: number; weight: number } {
  let count = 0;
  let weight = 0;
  row.labels.forEach((label, i) => {
    if (label === ignoredLabel) return;
    count++;
    weight += row.tokenWeights?.[i] ?? 1;
  });
  return { count, weight };
}

/**
 * A frozen checkpoint on the GPU with adapters in training: steps of AdamW on their gradients, evaluation, adapters
 * and state out and in. One step at a time. All sums have a fixed order: equal calls give equal bytes on one device.
 */
export class Trainer {
  readonly engine: EngineDevice;
  readonly checkpoint: Checkpoint;
  readonly options: TrainerOptions;
  readonly plan: TrainingPlan;
  private readonly recorder: Recorder;
  private readonly planned: TrainerPlan;
  private readonly model: TrainingModel;
  private done = 0;

  private constructor(recorder: Recorder, checkpoint: Checkpoint, planned: TrainerPlan) {
    const { engine } = recorder;
    const { buffers, maxBindingBytes } = engine;
    const { config } = checkpoint;
    const { options } = planned.plan;
    this.engine = engine;
    this.recorder = recorder;
    recorder.mostInFlight = queuedSubmits;
    this.checkpoint = checkpoint;
    this.options = options;
    this.plan = planned.plan;
    this.planned = planned;
    this.model = {
      config,
      layout: planned.layout,
      weights: allocateWeights(buffers, planned.weights, maxBindingBytes),
      banks: createBanks(buffers, planned.layout),
      memory: createTrainingMemory(buffers, config, {
        maxLength: options.maxLength,
        checkpointing: options.checkpointing,
        mlpChunkTokens: options.mlpChunkTokens ?? 0,
        maxBindingBytes,
      }),
      rope: buffers.range('rope/table', ropeBytesOf(config, options.maxLength)),
    };
    takeScratch((name, sizeBytes) => engine.scratch.take(name, sizeBytes), planned.scratch);
  }

  /** Bytes of a run and what does not fit, before anything is allocated. Throws `InputError` for unusable options. */
  static plan(engine: EngineDevice, checkpoint: Checkpoint, options: TrainerOptions): TrainingPlan {
    return planTrainer(engine, checkpoint, options).plan;
  }

  /**
   * Plans, compiles, allocates, streams the weights and draws the initial adapters. Rejects with typed errors (what
   * does not fit, a file, the GPU, the cancellation); nothing stays allocated then.
   */
  static async create(
    engine: EngineDevice,
    checkpoint: Checkpoint,
    options: TrainerOptions,
    handlers: TrainerHandlers = {},
  ): Promise<Trainer> {
    const planned = planTrainer(engine, checkpoint, options);
    const problem = planned.plan.problems[0];
    if (problem) throw new InputError('does-not-fit', problem, { where: checkpoint.name });
    await engine.pipelines.prepare(planned.pipelines, handlers.onKernels, handlers.signal);
    const trainer = await guardWithRecorder(
      engine,
      'training memory',
      (recorder) => new Trainer(recorder, checkpoint, planned),
    );
    const { recorder } = trainer;
    try {
      uploadRopeTable(recorder, trainer.model.rope, checkpoint.config, options.maxLength);
      await loadWeights(recorder, checkpoint, planned.weights, trainer.model.weights, handlers);
      trainer.uploadBanks('values', initialBanks(planned.layout, options.lora.seed));
    } catch (error) {
      trainer.destroy();
      throw error;
    }
    return trainer;
  }

  /** Steps that changed the adapters so far. */
  get stepsDone(): number {
    return this.done;
  }

  /**
   * One optimiser step over a window of micro-batches: gradients add up over all rows, divided by the window's
   * supervised tokens, are clipped, and AdamW changes the adapters, all without coming back from the GPU; one readback
   * at the end. A cancelled or failed step changes nothing. `onShare` hears how much of it is done, 0 … 1.
   */
  async step(
    microBatches: readonly (readonly TrainingRow[])[],
    learningRate: number,
    signal?: AbortSignal,
    onShare?: (share: number) => void,
  ): Promise<StepReport> {
    const started = performance.now();
    const countersBefore = { ...this.engine.counters };
    const { config } = this.model;
    const rows = microBatches.flat();
    rows.forEach((row) => this.checkRow(row));
    let supervisedTokens = 0;
    let weightSum = 0;
    let processedTokens = 0;
    for (const row of rows) {
      const { count, weight } = supervisedOf(row);
      supervisedTokens += count;
      weightSum += weight;
      processedTokens += row.ids.length;
    }
    if (!(weightSum > 0)) {
      throw new InputError('nothing-supervised', 'The step has no token to learn from', {
        expected: 'at least one label and a positive weight',
        advice: 'leave such rows out, or see why their answers were cut',
      });
    }
    const [bytes, loadBytes] = await this.runStep(rows, weightSum, learningRate, signal, onShare);
    const [lossSum, correct, entropySum, aux, z, norm, , finite] = new Float32Array(bytes!);
    const isFinite = finite === 1;
    if (isFinite) this.done++;
    return {
      step: isFinite ? this.done : this.done + 1,
      loss: lossSum! / weightSum,
      gradNorm: norm!,
      learningRate,
      supervisedTokens,
      processedTokens,
      tokenAccuracy: correct! / supervisedTokens,
      entropy: entropySum! / supervisedTokens,
      auxLoss: config.moe ? aux! / rows.length : null,
      zLoss: config.moe ? z! / rows.length : null,
      expertLoad: loadBytes ? splitLoad(loadBytes, config.moe!.numExperts, config) : null,
      finite: isFinite,
      elapsedMs: performance.now() - started,
      counters: countersSince(countersBefore, this.engine.counters),
    };
  }

  /** Loss over rows, without dropout and without changing anything; one readback. */
  async evaluate(rows: readonly TrainingRow[], signal?: AbortSignal): Promise<EvaluationReport> {
    const { recorder, model } = this;
    rows.forEach((row) => this.checkRow(row));
    recorder.clear(model.memory.statistics);
    let supervisedTokens = 0;
    let weightSum = 0;
    try {
      for (const row of rows) {
        throwIfCancelled(signal, 'evaluating');
        const { count, weight } = supervisedOf(row);
        if (count === 0) continue;
        supervisedTokens += count;
        weightSum += weight;
        const input = this.uploadRow(row, { dropout: null, balanceFactor: 0 });
        await this.record(recordRow(recorder, model, input, null), 'evaluating', signal);
      }
    } catch (error) {
      recorder.discard();
      throw error;
    }
    const statistics = await recorder.readFloats(model.memory.statistics);
    return {
      lossSum: statistics[0]!,
      weightSum,
      supervisedTokens,
      correctTokens: statistics[1]!,
    };
  }

  /** Gradients of the last step by module path, before clipping: for checks. */
  async gradients(): Promise<ReadonlyMap<string, { readonly a: Float32Array; readonly b: Float32Array }>> {
    const banks = await this.readBanks('gradients');
    return new Map(pairPlaces(this.model.layout).map((place) => [place.path, readPair(banks, place)]));
  }

  /** The adapters as they are; a shared expert pair stands under each expert's path. */
  async adapter(name = 'training'): Promise<Adapter> {
    const banks = await this.readBanks('values');
    const pairs = new Map<string, LoraPair>();
    for (const place of pairPlaces(this.model.layout)) {
      const { site, module, path } = place;
      const { a, b } = readPair(banks, place);
      const pair: LoraPair = {
        a,
        b,
        rank: site.rank,
        inFeatures: site.inFeatures,
        outFeatures: module.outFeatures,
        scale: site.scale,
      };
      const paths = path.includes('*') ? modulePaths(path, site.experts) : [path];
      for (const one of paths) pairs.set(one, pair);
    }
    return { name, sha256: '', baseModel: null, pairs };
  }

  /** Everything that changes while training, bit for bit. */
  async state(): Promise<TrainerState> {
    const values = await this.readBanks('values');
    const first = await this.readBanks('first');
    const second = await this.readBanks('second');
    const tensors = new Map<string, TrainedTensors>();
    for (const place of pairPlaces(this.model.layout)) {
      const [w, m, v] = [values, first, second].map((banks) => readPair(banks, place));
      tensors.set(place.path, {
        rank: place.site.rank,
        inFeatures: place.site.inFeatures,
        outFeatures: place.module.outFeatures,
        loraA: w!.a,
        loraB: w!.b,
        mA: m!.a,
        mB: m!.b,
        vA: v!.a,
        vB: v!.b,
      });
    }
    return { step: this.done, tensors };
  }

  /** Goes on from a state of the same options. Throws `InputError` when it does not fit; nothing changes then. */
  restore(state: TrainerState): void {
    const { layout } = this.model;
    const places = pairPlaces(layout);
    const banks = (): Float32Array<ArrayBuffer>[] =>
      layout.bankBytes.map((bytes) => new Float32Array(bytes / 4));
    const [values, first, second] = [banks(), banks(), banks()];
    for (const place of places) {
      const tensors = state.tensors.get(place.path);
      const { rank, inFeatures } = place.site;
      const { outFeatures } = place.module;
      const fits =
        tensors?.rank === rank && tensors.inFeatures === inFeatures && tensors.outFeatures === outFeatures;
      if (!fits) {
        throw new InputError('wrong-state', `The saved state of "${place.path}" does not fit this run`, {
          expected: `A [${rank}, ${inFeatures}] and B [${outFeatures}, ${rank}]`,
          actual: tensors
            ? `A [${tensors.rank}, ${tensors.inFeatures}] and B [${tensors.outFeatures}, ${tensors.rank}]`
            : 'nothing',
          advice: 'resume with the options that the run was started with',
        });
      }
      writePair(values, place, tensors.loraA, tensors.loraB);
      writePair(first, place, tensors.mA, tensors.mB);
      writePair(second, place, tensors.vA, tensors.vB);
    }
    if (places.length !== state.tensors.size) {
      throw new InputError('wrong-state', 'The saved state holds adapters that this run does not train', {
        expected: `${places.length} pairs`,
        actual: `${state.tensors.size}`,
        advice: 'resume with the options that the run was started with',
      });
    }
    this.uploadBanks('values', values);
    this.uploadBanks('first', first);
    this.uploadBanks('second', second);
    this.done = state.step;
  }

  /** Frees all memory of the run. The device stays. */
  destroy(): void {
    const { buffers } = this.engine;
    const { weights, banks, memory, rope } = this.model;
    destroyWeights(buffers, this.planned.weights, weights);
    for (const bank of banks) {
      for (const range of [bank.values, bank.gradients, bank.first, bank.second])
        buffers.destroy(range.buffer);
    }
    for (const range of [...trainingRanges(memory), rope]) buffers.destroy(range.buffer);
    this.recorder.dispose();
    this.engine.scratch.clear();
    buffers.sweep();
  }

  /** Carries a step out; gives its statistics and, with experts, their loads. When it fails nothing was changed. */
  private async runStep(
    rows: readonly TrainingRow[],
    weightSum: number,
    learningRate: number,
    signal: AbortSignal | undefined,
    onShare: ((share: number) => void) | undefined,
  ): Promise<ArrayBuffer[]> {
    const { recorder, model, options } = this;
    const { statistics, router } = model.memory;
    const { dropout: rate, seed, auxLossCoef } = options.lora;
    try {
      for (const [index, row] of rows.entries()) {
        throwIfCancelled(signal, 'training');
        const input = this.uploadRow(row, {
          dropout: rate > 0 ? { rate, seed: mixSeed(seed, this.done, index) } : null,
          balanceFactor: auxLossCoef / rows.length,
        });
        // After the upload, which would submit what is recorded before it.
        if (index === 0) this.clearStep();
        if (onShare) this.tellShares(input, (share) => onShare((index + share) / rows.length));
        await this.record(recordRow(recorder, model, input, 1 / weightSum), 'training', signal);
      }
      throwIfCancelled(signal, 'training');
      const gradients = model.banks.map((bank) => bank.gradients);
      decideStep(recorder, gradients, options.maxGradNorm, statistics);
      for (const bank of model.banks) {
        adamw(recorder, bank, statistics, { ...options, learningRate, step: this.done + 1 });
      }
      return await recorder.read(statistics, ...(router ? [router.load] : []));
    } catch (error) {
      // The sums begin anew with the next step.
      recorder.discard();
      throw error;
    } finally {
      recorder.onWorkDone = null;
    }
  }

  /** Records a row stage by stage, never far ahead of the GPU. Throws between stages when cancelled. */
  private async record(stages: Recording, what: string, signal: AbortSignal | undefined): Promise<void> {
    while (!stages.next().done) {
      await this.recorder.settle(queuedSubmits, signal);
      throwIfCancelled(signal, what);
    }
  }

  /** From here on `onShare` hears which share of a row's work, which is yet to be recorded, is done. */
  private tellShares(input: PassInput, onShare: (share: number) => void): void {
    const { recorder, engine, model } = this;
    const sink = new PlanSink(engine, countingBuffers().buffers);
    recordWhole(recordRow(sink, model, input, 1));
    const { submitted: before } = recorder.work;
    recorder.onWorkDone = () => {
      const { done } = recorder.work;
      if (done > before) onShare(Math.min(1, (done - before) / sink.workUnits));
    };
  }

  /** Sums of a step start at zero. */
  private clearStep(): void {
    const { memory, banks } = this.model;
    this.recorder.clear(memory.statistics);
    if (memory.router) this.recorder.clear(memory.router.load);
    for (const bank of banks) this.recorder.clear(bank.gradients);
  }

  private checkRow({ ids, labels, documentStarts, tokenWeights }: TrainingRow): void {
    const { maxLength } = this.options;
    const { vocabSize } = this.checkpoint.config;
    if (ids.length === 0 || ids.length > maxLength) {
      throw new InputError('bad-row', `A row has ${ids.length} tokens`, {
        expected: `1 to ${maxLength}`,
        advice: 'raise maxLength or choose what to do with longer examples',
      });
    }
    assert(labels.length === ids.length, `${labels.length} labels for ${ids.length} tokens`);
    assert(!tokenWeights || tokenWeights.length === ids.length, 'a weight for each token');
    const ascending = documentStarts.every(
      (start, i) => start < ids.length && (i === 0 ? start === 0 : start > documentStarts[i - 1]!),
    );
    assert(documentStarts.length > 0 && ascending, 'document starts ascend from 0');
    for (const [what, values] of [
      ['token', ids],
      ['label', labels],
    ] as const) {
      for (const id of values) {
        if (id === ignoredLabel && what === 'label') continue;
        if (id >= 0 && id < vocabSize) continue;
        throw new InputError('bad-row', `A ${what} lies outside the vocabulary`, {
          expected: `0 to ${vocabSize - 1}`,
          actual: String(id),
          advice: 'use the tokenizer that belongs to the model',
        });
      }
    }
  }

  /** One upload with everything a pass reads of its row. */
  private uploadRow(row: TrainingRow, rest: Pick<PassInput, 'dropout' | 'balanceFactor'>): PassInput {
    const { inputs } = this.model.memory;
    const { ids, labels, documentStarts, tokenWeights } = row;
    const words = inputs.sectionBytes / 4;
    const data = new Uint32Array(inputs.range.size / 4);
    const weights = new Float32Array(data.buffer);
    data.set(ids);
    let supervised = 0;
    documentStarts.forEach((start, index) => {
      const end = documentStarts[index + 1] ?? ids.length;
      for (let t = start; t < end; t++) {
        data[words + t] = t - start;
        data[2 * words + t] = start;
        data[3 * words + t] = end;
        const label = labels[t]!;
        if (label === ignoredLabel) continue;
        data[4 * words + supervised] = t;
        data[5 * words + supervised] = label;
        weights[6 * words + supervised] = tokenWeights?.[t] ?? 1;
        supervised++;
      }
    });
    this.recorder.upload(inputs.range, data);
    return { tokens: ids.length, packed: documentStarts.length > 1, supervised, ...rest };
  }

  private uploadBanks(part: keyof ParameterBank, data: readonly Float32Array<ArrayBuffer>[]): void {
    this.model.banks.forEach((bank, index) => {
      this.recorder.upload(bank[part], data[index]!);
    });
  }

  private async readBanks(part: keyof ParameterBank): Promise<Float32Array[]> {
    const banks: Float32Array[] = [];
    for (const bank of this.model.banks) banks.push(await this.recorder.readFloats(bank[part]));
    return banks;
  }
}

function splitLoad(
  bytes: ArrayBuffer,
  experts: number,
  config: Checkpoint['config'],
): readonly Float32Array[] {
  const all = new Float32Array(bytes);
  const layers = config.layers.filter(({ mlp }) => mlp === 'moe').length;
  return Array.from({ length: layers }, (_, layer) => all.slice(layer * experts, (layer + 1) * experts));
}
