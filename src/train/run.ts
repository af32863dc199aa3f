import { CancelledError, messageOf, type WorkbenchError } from '../core/errors.ts';
import { GpuDeviceLostError } from '../gpu/errors.ts';
import type { AdapterChoices } from '../gpu/variants.ts';
import type { Adapter } from '../model/adapter.ts';
import type { TrainConfig } from './config.ts';
import { joinRow, RowOrder, type ExampleEntry, type RowPlan, type TrainingData } from './dataset.ts';
import { summariseLoad } from './expertLoad.ts';
import type { HeldOutPoint, NotFiniteEvidence, RunEnd } from './runRecord.ts';
import { learningRateAt } from './schedule.ts';
import type { EvaluationReport, StepReport, TrainerState, TrainingRow } from './types.ts';

/** What the run needs of the engine's trainer. */
export interface RunTrainer {
  /** Kernel variants that it computes with; absent where there are no kernels. */
  readonly kernels?: AdapterChoices;
  step(
    batches: readonly (readonly TrainingRow[])[],
    learningRate: number,
    signal?: AbortSignal,
    onShare?: (share: number) => void,
  ): Promise<StepReport>;
  evaluate(rows: readonly TrainingRow[], signal?: AbortSignal): Promise<EvaluationReport>;
  adapter(): Promise<Adapter>;
  state(): Promise<TrainerState>;
  restore(state: TrainerState): void | Promise<void>;
}

/** What a run counts, besides the trainer's arrays; saved with every checkpoint. */
export interface RunCounters {
  readonly step: number;
  readonly processedTokens: number;
  readonly supervisedTokens: number;
  readonly flops: number;
  readonly elapsedMs: number;
  readonly heldOut: readonly HeldOutPoint[];
  readonly best: HeldOutPoint | null;
  readonly deviceLosses: readonly { readonly step: number; readonly resumedFrom: number }[];
  /** Kernel variants that the run computes with; null in checkpoints that do not say. */
  readonly kernels: AdapterChoices | null;
}

export const startCounters: RunCounters = {
  step: 0,
  processedTokens: 0,
  supervisedTokens: 0,
  flops: 0,
  elapsedMs: 0,
  heldOut: [],
  best: null,
  deviceLosses: [],
  kernels: null,
};

/** One line of `metrics.jsonl`. `loss` is the one before the update. */
export interface StepMetrics {
  readonly step: number;
  readonly loss: number;
  readonly learningRate: number;
  readonly gradNorm: number;
  readonly supervisedTokens: number;
  readonly elapsedMs: number;
  readonly processedTokens: number;
  readonly tokenAccuracy: number;
  readonly entropy: number;
  readonly auxLoss: number | null;
  /** As in `StepReport`; null without MoE layers, and in metrics that were written before it was kept. */
  readonly zLoss: number | null;
  /** As in `LoadSummary`, null alike. */
  readonly loadImbalance: number | null;
  readonly effectiveExperts: number | null;
  readonly epoch: number;
  readonly tokensPerSecond: number;
}

/** Where checkpoints of a run lie. `best` is kept apart from the row of numbered ones. */
export interface RunStore {
  save(kind: 'latest' | 'best', state: TrainerState, counters: RunCounters): Promise<void>;
  /** Kernel variants of the latest checkpoint, without its arrays; null where it does not say. */
  kernels(): Promise<AdapterChoices | null>;
  /** Null when there is none. */
  load(
    kind: 'latest' | 'best',
  ): Promise<{ readonly state: TrainerState; readonly counters: RunCounters } | null>;
  /** Keeps the adapter as it is after this step, apart from the checkpoints to go on from. */
  keepAdapter(step: number, adapter: Adapter): Promise<void>;
  /** Takes metrics of steps after this one away: they will be written again. */
  rewindMetrics(step: number): Promise<void>;
  appendMetrics(metrics: StepMetrics): Promise<void>;
}

export interface RunHandlers {
  /** After every step. `report` has what is too large to keep: expert loads, counters. */
  readonly onStep?: (metrics: StepMetrics, report: StepReport) => void;
  readonly onHeldOut?: (point: HeldOutPoint, isBest: boolean) => void;
  /** What has been measured on held-out examples so far: after each time, and when a run goes on. Waited for. */
  readonly onMeasured?: (counters: RunCounters) => Promise<void>;
  readonly onCheckpoint?: (step: number) => void;
  readonly onDeviceLoss?: (lostAt: number, resumedFrom: number, reason: string) => void;
  /** How much of the present step is done, 0 … 1; steps on long contexts take minutes. */
  readonly onStepShare?: (share: number) => void;
  /** What is being done, for a line of progress. */
  readonly onPhase?: (phase: 'training' | 'evaluating' | 'saving' | 'paused' | 'recovering') => void;
}

export interface RunSettings {
  readonly config: TrainConfig;
  readonly data: TrainingData;
  readonly plan: RowPlan;
  /** A fresh trainer as at step 0, with these kernels where it can; asked again after each loss of the device. */
  readonly openTrainer: (kernels: AdapterChoices | null) => Promise<RunTrainer>;
  readonly store: RunStore;
  /** Operations that training on documents of these lengths takes. */
  readonly flopsOf: (lengths: readonly number[]) => number;
  readonly clock?: () => number;
}

export interface RunOutcome {
  readonly end: Exclude<RunEnd, 'running' | 'failed'>;
  readonly counters: RunCounters;
  readonly notFinite: NotFiniteEvidence | null;
  /** The adapter to save (the best one, or the last) and the step it is of. Null where no step was done. */
  readonly adapter: { readonly adapter: Adapter; readonly step: number } | null;
}

/** Losses of the device without a step between, after which it is given up. */
const mostLosses = 3;

/**
 * Drives a trainer through a run: order of rows, accumulation, schedule, held-out loss, checkpoints, pause and stop.
 * A stop leaves a checkpoint; a run that goes on from one gives the same bytes as one that was never stopped.
 */
export class TrainingRun {
  private readonly settings: RunSettings;
  private readonly handlers: RunHandlers;
  private readonly clock: () => number;
  private readonly order: RowOrder;
  private trainer: RunTrainer | null = null;
  private counters: RunCounters = startCounters;
  private lastLosses: number[] = [];
  private gate: { readonly opened: Promise<void>; readonly open: () => void } | null = null;

  constructor(settings: RunSettings, handlers: RunHandlers = {}) {
    this.settings = settings;
    this.handlers = handlers;
    this.clock = settings.clock ?? (() => performance.now());
    this.order = new RowOrder(settings.plan, settings.config);
  }

  /** Waits before the next step until `resume`. */
  pause(): void {
    if (this.gate) return;
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.gate = { opened, open };
  }

  resume(): void {
    this.gate?.open();
    this.gate = null;
  }

  get isPaused(): boolean {
    return this.gate !== null;
  }

  /**
   * Trains to the end, from the latest checkpoint of the store where there is one. Aborting the signal stops after
   * (or, in long steps, within) the present step and saves a checkpoint. Rejects with what cannot be handled here.
   */
  async run(signal?: AbortSignal): Promise<RunOutcome> {
    let losses = 0;
    for (;;) {
      try {
        if (!this.trainer) await this.open();
        return await this.steps(signal, () => {
          losses = 0;
        });
      } catch (error) {
        if (!(error instanceof GpuDeviceLostError) || ++losses > mostLosses) throw error;
        this.trainer = null;
        await this.noteLoss(error);
      }
    }
  }

  private async open(): Promise<void> {
    const { openTrainer, store } = this.settings;
    const { deviceLosses } = this.counters;
    const trainer = await openTrainer((await store.kernels()) ?? this.counters.kernels);
    // Only now: opening may have cleared what another run left.
    const saved = await store.load('latest');
    if (saved) await trainer.restore(saved.state);
    const counters = { ...(saved?.counters ?? startCounters), kernels: trainer.kernels ?? null };
    // A loss that was noted since the checkpoint is still a fact of the run.
    this.counters =
      deviceLosses.length > counters.deviceLosses.length ? { ...counters, deviceLosses } : counters;
    await store.rewindMetrics(this.counters.step);
    if (saved) await this.handlers.onMeasured?.(this.counters);
    this.trainer = trainer;
  }

  private async noteLoss(error: WorkbenchError): Promise<void> {
    this.handlers.onPhase?.('recovering');
    const lostAt = this.counters.step;
    const resumedFrom = (await this.settings.store.load('latest'))?.counters.step ?? 0;
    const deviceLosses = [...this.counters.deviceLosses, { step: lostAt, resumedFrom }];
    this.counters = { ...this.counters, deviceLosses };
    this.handlers.onDeviceLoss?.(lostAt, resumedFrom, messageOf(error));
  }

  private get device(): RunTrainer {
    if (!this.trainer) throw new Error('Internal error: the run has no trainer');
    return this.trainer;
  }

  private async steps(signal: AbortSignal | undefined, onProgress: () => void): Promise<RunOutcome> {
    const { config, plan } = this.settings;
    if (this.counters.step === 0 && plan.heldOut.length > 0 && this.counters.heldOut.length === 0) {
      if (!(await this.measured(signal))) return this.finish('stopped');
    }
    while (this.counters.step < plan.totalSteps) {
      if (this.gate && !signal?.aborted) await this.waitAtGate(signal);
      if (signal?.aborted) return this.finish('stopped');
      const outcome = await this.oneStep(signal);
      if (outcome === 'stopped') return this.finish('stopped');
      if (outcome !== null) return this.finish('not-finite', outcome);
      onProgress();
      const { step } = this.counters;
      const every = config.evalSteps ?? plan.stepsPerEpoch;
      if (plan.heldOut.length > 0 && (step % every === 0 || step === plan.totalSteps)) {
        if (!(await this.measured(signal))) return this.finish('stopped');
        if (this.hasStalled()) return this.finish('early-stop');
      }
      if (config.checkpointSteps > 0 && step % config.checkpointSteps === 0 && step < plan.totalSteps) {
        await this.save();
      }
    }
    return this.finish('finished');
  }

  private async waitAtGate(signal: AbortSignal | undefined): Promise<void> {
    // What was trained so far must survive the page being closed while it waits.
    await this.save();
    this.handlers.onPhase?.('paused');
    await Promise.race([
      this.gate?.opened,
      new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
    ]);
  }

  private async oneStep(signal: AbortSignal | undefined): Promise<NotFiniteEvidence | 'stopped' | null> {
    const { config, plan, data, store, flopsOf } = this.settings;
    this.handlers.onPhase?.('training');
    const startMs = this.clock();
    const index = this.counters.step;
    const { epoch, batches } = this.order.at(index);
    const entries: ExampleEntry[] = [];
    const rows: TrainingRow[][] = [];
    for (const batch of batches) {
      const made: TrainingRow[] = [];
      for (const row of batch) {
        const documents = plan.rows[row] ?? [];
        entries.push(...documents);
        const encoded = [];
        for (const entry of documents) encoded.push(await data.encode(entry));
        made.push(joinRow(encoded, config.lossWeighting));
      }
      rows.push(made);
    }
    const learningRate = learningRateAt(config, index, plan.totalSteps);
    let report: StepReport;
    try {
      report = await this.device.step(rows, learningRate, signal, this.handlers.onStepShare);
    } catch (error) {
      if (error instanceof CancelledError) return 'stopped';
      throw error;
    }
    if (!report.finite || !Number.isFinite(report.loss)) {
      return {
        step: index + 1,
        loss: Number.isFinite(report.loss) ? report.loss : null,
        gradNorm: Number.isFinite(report.gradNorm) ? report.gradNorm : null,
        learningRate,
        examples: entries.map(({ id, line, tokens }) => ({ id, line, tokens })),
        lastLosses: this.lastLosses,
      };
    }
    const elapsedMs = this.clock() - startMs;
    this.counters = {
      ...this.counters,
      step: index + 1,
      processedTokens: this.counters.processedTokens + report.processedTokens,
      supervisedTokens: this.counters.supervisedTokens + report.supervisedTokens,
      flops: this.counters.flops + flopsOf(entries.map(({ tokens }) => tokens)),
      elapsedMs: this.counters.elapsedMs + elapsedMs,
    };
    this.lastLosses = [...this.lastLosses.slice(-19), report.loss];
    const load = report.expertLoad && summariseLoad(report.expertLoad);
    const metrics: StepMetrics = {
      step: index + 1,
      loss: report.loss,
      learningRate,
      gradNorm: report.gradNorm,
      supervisedTokens: report.supervisedTokens,
      elapsedMs: this.counters.elapsedMs,
      processedTokens: report.processedTokens,
      tokenAccuracy: report.tokenAccuracy,
      entropy: report.entropy,
      auxLoss: report.auxLoss,
      zLoss: report.zLoss,
      loadImbalance: load?.loadImbalance ?? null,
      effectiveExperts: load?.effectiveExperts ?? null,
      epoch,
      tokensPerSecond: elapsedMs > 0 ? (1000 * report.processedTokens) / elapsedMs : 0,
    };
    await store.appendMetrics(metrics);
    this.handlers.onStep?.(metrics, report);
    return null;
  }

  /** Held-out loss: Σ loss / Σ tokens over the set. False when it was stopped. */
  private async measured(signal: AbortSignal | undefined): Promise<boolean> {
    const { plan, data, config } = this.settings;
    this.handlers.onPhase?.('evaluating');
    const startMs = this.clock();
    const sum = { loss: 0, weight: 0, tokens: 0, correct: 0 };
    try {
      for (const entry of plan.heldOut) {
        if (signal?.aborted) return false;
        const row = joinRow([await data.encode(entry)], config.lossWeighting);
        const report = await this.device.evaluate([row], signal);
        sum.loss += report.lossSum;
        sum.weight += report.weightSum;
        sum.tokens += report.supervisedTokens;
        sum.correct += report.correctTokens;
      }
    } catch (error) {
      if (error instanceof CancelledError) return false;
      throw error;
    }
    const point: HeldOutPoint = {
      step: this.counters.step,
      loss: sum.loss / sum.weight,
      accuracy: sum.correct / Math.max(1, sum.tokens),
    };
    const { best, heldOut, elapsedMs } = this.counters;
    const isBest = Number.isFinite(point.loss) && (best === null || point.loss < best.loss);
    this.counters = {
      ...this.counters,
      heldOut: [...heldOut.filter(({ step }) => step < point.step), point],
      best: isBest ? point : best,
      elapsedMs: elapsedMs + this.clock() - startMs,
    };
    if (isBest && config.keepBest) {
      await this.settings.store.save('best', await this.device.state(), this.counters);
    }
    this.handlers.onHeldOut?.(point, isBest);
    await this.handlers.onMeasured?.(this.counters);
    return true;
  }

  private hasStalled(): boolean {
    const { earlyStopPatience } = this.settings.config;
    const { best, heldOut } = this.counters;
    if (earlyStopPatience === 0 || !best) return false;
    return heldOut.filter(({ step }) => step > best.step).length >= earlyStopPatience;
  }

  private async save(): Promise<void> {
    this.handlers.onPhase?.('saving');
    const { store, config } = this.settings;
    const { step } = this.counters;
    await store.save('latest', await this.device.state(), this.counters);
    if (config.keepCheckpoints && step > 0) await store.keepAdapter(step, await this.device.adapter());
    this.handlers.onCheckpoint?.(step);
  }

  private async finish(
    end: RunOutcome['end'],
    notFinite: NotFiniteEvidence | null = null,
  ): Promise<RunOutcome> {
    await this.save();
    const { store, config } = this.settings;
    const { step, best } = this.counters;
    const isDone = end === 'finished' || end === 'early-stop';
    let adapter: RunOutcome['adapter'] = null;
    if (isDone && config.keepBest && best && best.step < step) {
      const saved = await store.load('best');
      if (saved) {
        // The last state is in its checkpoint; the trainer now holds what is handed out.
        await this.device.restore(saved.state);
        adapter = { adapter: await this.device.adapter(), step: best.step };
      }
    }
    if (!adapter && step > 0) adapter = { adapter: await this.device.adapter(), step };
    return { end, counters: this.counters, notFinite, adapter };
  }
}
