import type { Progress } from '../core/byteSource.ts';
import { CancelledError, messageOf } from '../core/errors.ts';
import type { Job, JobKind, JobPhase } from './dataApi.ts';
import type { EventHub } from './eventHub.ts';

/** Rates are over about this long, so that they follow changes without flickering. */
const rateWindowMs = 4000;

interface Mark {
  readonly atMs: number;
  readonly bytes: number;
  readonly items: number;
}

/** What running work reports to. */
export interface JobHandle {
  readonly id: string;
  readonly signal: AbortSignal;
  progress(changes: Partial<Progress>): void;
  /** Says how it ends well; shown in the tray. */
  finish(message: string): void;
}

interface Held {
  job: Job;
  readonly startMs: number;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
  marks: Mark[];
  progress: Progress;
}

/** Long work with progress, rate, remaining time and cancel. */
export class JobRunner {
  readonly #hub: EventHub;
  readonly #now: () => number;
  readonly #jobs = new Map<string, Held>();
  readonly #run = Date.now().toString(36);
  #count = 0;

  constructor(hub: EventHub, now: () => number = () => performance.now()) {
    this.#hub = hub;
    this.#now = now;
  }

  /**
   * Starts work and returns its id at once. A `CancelledError` ends the job as cancelled, any other error as
   * failed with its message; nothing is thrown on.
   */
  start(
    kind: JobKind,
    label: string,
    details: { readonly setId?: string; readonly resumable?: boolean },
    work: (job: JobHandle) => Promise<void>,
  ): string {
    // Unlike those of a worker that was here before, whose jobs the page may still show.
    const id = `${kind}-${this.#run}-${++this.#count}`;
    const controller = new AbortController();
    const startMs = this.#now();
    let message: string | null = null;
    const handle: JobHandle = {
      id,
      signal: controller.signal,
      progress: (changes) => this.#advance(id, changes),
      finish: (text) => {
        message = text;
      },
    };
    const run = async (): Promise<void> => {
      try {
        await work(handle);
        this.#end(id, controller.signal.aborted ? 'cancelled' : 'done', message);
      } catch (error) {
        if (error instanceof CancelledError || controller.signal.aborted) {
          this.#end(id, 'cancelled', message ?? 'stopped; what was done is kept');
        } else this.#end(id, 'failed', messageOf(error));
      }
    };
    let begin = (): void => undefined;
    const ended = new Promise<void>((resolve) => {
      begin = () => resolve(run());
    });
    this.#jobs.set(id, {
      startMs,
      controller,
      ended,
      marks: [{ atMs: startMs, bytes: 0, items: 0 }],
      progress: { stage: '', doneBytes: 0, totalBytes: null, doneItems: 0, totalItems: null },
      job: {
        id,
        kind,
        label,
        phase: 'running',
        stage: '',
        doneBytes: 0,
        totalBytes: null,
        doneItems: 0,
        totalItems: null,
        elapsedMs: 0,
        bytesPerSecond: null,
        itemsPerSecond: null,
        remainingMs: null,
        message: null,
        resumable: details.resumable ?? false,
        setId: details.setId ?? null,
      },
    });
    this.#emit(id);
    begin();
    return id;
  }

  cancel(id: string): void {
    const held = this.#jobs.get(id);
    if (held?.job.phase !== 'running') return;
    held.controller.abort();
  }

  /** Stops everything, for closing a project. */
  async cancelAll(): Promise<void> {
    for (const id of this.#jobs.keys()) this.cancel(id);
    await Promise.all([...this.#jobs.values()].map((held) => held.ended));
  }

  isRunning(): boolean {
    return [...this.#jobs.values()].some(({ job }) => job.phase === 'running');
  }

  get(id: string): Job | null {
    return this.#jobs.get(id)?.job ?? null;
  }

  /** Resolves when the job has ended, however it did. */
  async ended(id: string): Promise<Job | null> {
    await this.#jobs.get(id)?.ended;
    return this.get(id);
  }

  #advance(id: string, changes: Partial<Progress>): void {
    const held = this.#jobs.get(id);
    if (held?.job.phase !== 'running') return;
    held.progress = { ...held.progress, ...changes };
    const { progress } = held;
    const atMs = this.#now();
    const last = held.marks[held.marks.length - 1];
    if (last && atMs - last.atMs >= 100) {
      held.marks.push({ atMs, bytes: progress.doneBytes, items: progress.doneItems });
      held.marks = held.marks.filter((mark) => atMs - mark.atMs <= rateWindowMs);
    }
    const first = held.marks[0];
    const seconds = first ? (atMs - first.atMs) / 1000 : 0;
    const rate = (done: number, before: number): number | null =>
      seconds >= 0.3 ? Math.max(0, done - before) / seconds : null;
    const bytesPerSecond = rate(progress.doneBytes, first?.bytes ?? 0);
    const itemsPerSecond = rate(progress.doneItems, first?.items ?? 0);
    const remaining = (total: number | null, done: number, perSecond: number | null): number | null =>
      total !== null && perSecond !== null && perSecond > 0 ? ((total - done) / perSecond) * 1000 : null;
    held.job = {
      ...held.job,
      ...progress,
      elapsedMs: atMs - held.startMs,
      bytesPerSecond,
      itemsPerSecond,
      remainingMs:
        remaining(progress.totalBytes, progress.doneBytes, bytesPerSecond) ??
        remaining(progress.totalItems, progress.doneItems, itemsPerSecond),
    };
    this.#emit(id);
  }

  #end(id: string, phase: JobPhase, message: string | null): void {
    const held = this.#jobs.get(id);
    if (!held) return;
    const elapsedMs = this.#now() - held.startMs;
    const resumable = held.job.resumable && phase !== 'done';
    held.job = { ...held.job, phase, message, elapsedMs, remainingMs: null, stage: '', resumable };
    this.#emit(id);
  }

  #emit(id: string): void {
    const held = this.#jobs.get(id);
    if (held) this.#hub.emit({ type: 'job', job: held.job });
  }
}
