import { CancelledError, EnvironmentError, InputError, WorkbenchError } from '../core/errors.ts';
import type { EngineDevice } from '../gpu/device.ts';
import { GpuDeviceLostError, GpuOutOfMemoryError } from '../gpu/errors.ts';
import type { Adapter } from './adapter.ts';
import type { Checkpoint } from './checkpoint.ts';
import { advisePlan } from './hostAdvice.ts';
import { planModel, type LoadOptions, type MemoryPlan } from './planner.ts';
import { ModelSession, type GeneratedToken, type GenerateOptions, type LoadHandlers } from './session.ts';

/** A plan with the nearest one that fits, when it does not. */
export interface HostPlan {
  readonly memory: MemoryPlan;
  readonly advice: MemoryPlan | null;
}

/** What went wrong while holding or running a model, with the plan that was made and one that may work. */
export interface HostFailure {
  readonly ok: false;
  readonly error: WorkbenchError;
  readonly plan: MemoryPlan | null;
  readonly advice: MemoryPlan | null;
}
export type HostResult<T> = { readonly ok: true; readonly value: T } | HostFailure;

/** Tells the shell that the device went away and came back. */
export type RecoveryEvent =
  | { readonly phase: 'lost'; readonly reason: string }
  | { readonly phase: 'recovered'; readonly replayedTokens: number; readonly tookMs: number };

export interface HostOptions {
  /** A fresh device; asked again after each loss. */
  readonly openDevice: () => Promise<EngineDevice>;
  readonly onRecovery?: (event: RecoveryEvent) => void;
  /** Milliseconds now, for the time a recovery took. */
  readonly clock?: () => number;
}

export interface HostGenerateOptions extends GenerateOptions {
  /** Goes on past the checkpoint's own stop tokens. */
  readonly ignoreStops?: boolean;
}

interface Loaded {
  readonly session: ModelSession;
  readonly checkpoint: Checkpoint;
  readonly options: LoadOptions;
  readonly adapter: Adapter | undefined;
}

/** Devices lost in a row, without a token between, after which trying again is given up. */
const mostLosses = 2;
/** After an allocation failed, a plan is trusted to fit only when it is clearly smaller. */
const trustedShare = 0.75;

/**
 * Keeps a model usable over the loss of its device: opens a new one, loads the weights again, replays the
 * conversation and goes on. One load or generation at a time.
 */
export class ModelHost {
  private readonly settings: HostOptions;
  private readonly clock: () => number;
  private device: EngineDevice | null = null;
  private loaded: Loaded | null = null;
  private closed = false;
  private working = false;
  /** A recovery under way while nothing else runs; work that follows waits for it. */
  private healing: Promise<void> | null = null;

  constructor(settings: HostOptions) {
    this.settings = settings;
    this.clock = settings.clock ?? (() => performance.now());
  }

  get session(): ModelSession | null {
    return this.loaded?.session ?? null;
  }

  /** The device, opened at first use and again after a loss. Rejects with `GpuUnavailableError`. */
  async engine(): Promise<EngineDevice> {
    if (this.closed) throw new EnvironmentError('closed', 'The engine was closed');
    if (this.device && !(this.device.failure instanceof GpuDeviceLostError)) return this.device;
    const device = await this.settings.openDevice();
    this.device = device;
    void device.lost.then((error) => {
      if (this.closed || this.device !== device) return;
      this.settings.onRecovery?.({ phase: 'lost', reason: error.message });
      // Running work notices by itself and heals with the tokens it has.
      if (!this.working && this.loaded) this.healing = this.healIdle();
    });
    return device;
  }

  /** Plans without allocating; with the nearest options that fit when these do not. */
  async plan(checkpoint: Checkpoint, options: LoadOptions): Promise<HostResult<HostPlan>> {
    return this.attempt(null, async () => {
      const engine = await this.engine();
      const { memory } = planModel(engine, checkpoint, options);
      const advice = memory.problems.length > 0 ? advisePlan(engine, checkpoint, options, null) : null;
      return { memory, advice };
    });
  }

  /** Loads a checkpoint in place of the present one. A device lost meanwhile is replaced and the load repeated. */
  async load(
    checkpoint: Checkpoint,
    options: LoadOptions,
    handlers: LoadHandlers = {},
  ): Promise<HostResult<ModelSession>> {
    return this.exclusive(async () => {
      this.drop();
      let plan: MemoryPlan | null = null;
      for (let losses = 0; ; losses++) {
        try {
          const engine = await this.engine();
          plan = planModel(engine, checkpoint, options).memory;
          engine.buffers.resetPeak();
          const session = await this.open(engine, checkpoint, options, handlers);
          return { ok: true, value: session };
        } catch (error) {
          if (this.isLoss(error) && losses < mostLosses) continue;
          return this.failureOf(error, checkpoint, options, plan);
        }
      }
    });
  }

  /** Frees the model; the device stays. */
  unload(): void {
    this.drop();
  }

  /**
   * Generates like `ModelSession.generate`; a lost device is replaced, prompt and tokens so far are replayed,
   * and the reply goes on. Failures come as the generator's return value.
   */
  async *generate(
    ids: ArrayLike<number>,
    options: HostGenerateOptions,
  ): AsyncGenerator<GeneratedToken, HostResult<null>, void> {
    await this.healing;
    if (this.working) return this.failure(new InputError('busy', 'The engine is busy with other work'));
    this.working = true;
    const tokens = Array.from(ids);
    const promptLength = tokens.length;
    let lossesInRow = 0;
    try {
      for (;;) {
        const loaded = this.loaded;
        if (!loaded) return this.failure(new InputError('no-model', 'No model is loaded'));
        try {
          const made = tokens.length - promptLength;
          const stops = options.ignoreStops ? [] : loaded.checkpoint.config.eosTokenIds;
          const rest = loaded.session.generate(tokens, {
            ...options,
            maxNewTokens: options.maxNewTokens - made,
            firstStep: made,
            stopIds: [...stops, ...(options.stopIds ?? [])],
          });
          for await (const token of rest) {
            lossesInRow = 0;
            tokens.push(token.token);
            yield token;
            if (token.isStop) return { ok: true, value: null };
          }
          return { ok: true, value: null };
        } catch (error) {
          if (!this.isLoss(error) || lossesInRow++ >= mostLosses) {
            return this.failureOf(error, loaded.checkpoint, loaded.options, loaded.session.plan.memory);
          }
          await this.reload(loaded, tokens.length);
          if (tokens.length - promptLength >= options.maxNewTokens) return { ok: true, value: null };
        }
      }
    } catch (error) {
      return this.failureOf(error, null, null, null);
    } finally {
      this.working = false;
    }
  }

  /** Frees everything and ends the device. */
  close(): void {
    this.closed = true;
    this.drop();
    this.device?.destroy();
    this.device = null;
  }

  private async open(
    engine: EngineDevice,
    checkpoint: Checkpoint,
    options: LoadOptions,
    handlers: LoadHandlers,
  ): Promise<ModelSession> {
    // The stop tokens are handed to each generation instead, so that one may go on past them.
    const config = { ...checkpoint.config, eosTokenIds: [] };
    const session = await ModelSession.load(engine, { ...checkpoint, config }, options, handlers);
    this.loaded = { session, checkpoint, options, adapter: handlers.adapter };
    return session;
  }

  private async reload(lost: Loaded, replayedTokens: number): Promise<void> {
    const startMs = this.clock();
    const engine = await this.engine();
    // The old buffers went with their device: there is nothing to free.
    await this.open(engine, lost.checkpoint, lost.options, lost.adapter ? { adapter: lost.adapter } : {});
    this.settings.onRecovery?.({ phase: 'recovered', replayedTokens, tookMs: this.clock() - startMs });
  }

  private async healIdle(): Promise<void> {
    const lost = this.loaded;
    if (!lost) return;
    const conversation = [...lost.session.cachedTokens];
    try {
      await this.reload(lost, conversation.length);
      if (conversation.length > 0) await this.loaded?.session.prefill(conversation, { wantLogits: false });
    } catch {
      // The next use meets the same trouble and reports it.
      this.loaded = null;
    } finally {
      this.healing = null;
    }
  }

  private drop(): void {
    const { loaded } = this;
    this.loaded = null;
    if (loaded && !(loaded.session.engine.failure instanceof GpuDeviceLostError)) loaded.session.destroy();
  }

  private async exclusive<T>(work: () => Promise<HostResult<T>>): Promise<HostResult<T>> {
    await this.healing;
    if (this.working) return this.failure(new InputError('busy', 'The engine is busy with other work'));
    this.working = true;
    try {
      return await work();
    } finally {
      this.working = false;
    }
  }

  private isLoss(error: unknown): boolean {
    return error instanceof GpuDeviceLostError || this.device?.failure instanceof GpuDeviceLostError;
  }

  private async attempt<T>(plan: MemoryPlan | null, work: () => Promise<T>): Promise<HostResult<T>> {
    try {
      return { ok: true, value: await work() };
    } catch (error) {
      if (error instanceof WorkbenchError) return { ok: false, error, plan, advice: null };
      throw error;
    }
  }

  private failure(error: WorkbenchError): HostFailure {
    return { ok: false, error, plan: this.loaded?.session.plan.memory ?? null, advice: null };
  }

  /** An expected failure with a plan that may work; bugs are thrown on. The device is fit for use again after it. */
  private failureOf(
    error: unknown,
    checkpoint: Checkpoint | null,
    options: LoadOptions | null,
    plan: MemoryPlan | null,
  ): HostFailure {
    if (!(error instanceof WorkbenchError)) throw error;
    const { device } = this;
    const lost = device?.failure instanceof GpuDeviceLostError;
    if (!(error instanceof CancelledError) && !(error instanceof InputError)) {
      this.loaded?.session.abandon();
      device?.clearFailure();
    }
    let advice: MemoryPlan | null = null;
    if (device && !lost && checkpoint && options) {
      if (error instanceof GpuOutOfMemoryError) {
        const limit = (plan?.totalBytes ?? error.allocatedBytes) * trustedShare;
        advice = advisePlan(device, checkpoint, options, limit);
      } else if (error.code === 'does-not-fit') {
        advice = advisePlan(device, checkpoint, options, null);
      }
    }
    return { ok: false, error, plan, advice };
  }
}
