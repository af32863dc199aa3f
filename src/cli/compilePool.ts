import { Worker } from 'node:worker_threads';
import type { MappedOutcome } from '../compile/setReducer.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import type { MapperFacts, MapperSetup } from './compileMapperThread.ts';
import type { ThreadMessage, ThreadResult, ThreadTask } from './compileThread.ts';
import type { LineBatch } from './lineBatch.ts';
import { batchKey, type LineResult, type OpenedLines, type RenamedDraft } from './lineReader.ts';
import { errorOf } from './threadFailure.ts';

interface Waiting {
  readonly id: number;
  readonly task: ThreadTask;
  /** The only thread that can do it; null for any. */
  readonly worker: Worker | null;
}

interface Running {
  readonly resolve: (result: ThreadResult) => void;
  readonly reject: (error: Error) => void;
}

/** Young generation of a thread: most of what compiling makes is garbage at once. */
const youngMegabytes = 48;

/** Worker threads that run the map step; work goes to whichever is idle. */
export class CompilePool {
  private readonly workers: Worker[] = [];
  private readonly idle: Worker[] = [];
  private readonly waiting: Waiting[] = [];
  private readonly running = new Map<number, Running>();
  /** Which thread keeps the runs of a batch that was opened. */
  private readonly owners = new Map<string, Worker>();
  private nextId = 0;
  private failure: Error | null = null;
  private started: MapperFacts | null = null;

  /** Starts `size` threads; each loads tokenizer and databases itself. */
  static async start(size: number, setup: MapperSetup): Promise<CompilePool> {
    const { threadTask } = await import('./compileThread.ts');
    const pool = new CompilePool();
    // The build gives the thread's module a file of its own beside this one.
    const url = new URL('./compileThread.mjs', import.meta.url);
    const starts: Promise<void>[] = [];
    for (let index = 0; index < size; index++) {
      const worker = new Worker(url, {
        workerData: { task: threadTask, setup },
        execArgv: [],
        resourceLimits: { maxYoungGenerationSizeMb: youngMegabytes },
      });
      pool.workers.push(worker);
      starts.push(pool.attach(worker));
    }
    try {
      await Promise.all(starts);
    } catch (error) {
      await pool.stop();
      throw error;
    }
    return pool;
  }

  /** What the threads found in tokenizer and databases; the same in each. */
  get facts(): MapperFacts {
    if (!this.started) throw new Error('the pool has not started');
    return this.started;
  }

  map(drafts: readonly DraftTrajectory[]): Promise<readonly MappedOutcome[]> {
    return this.run({ type: 'drafts', drafts }) as Promise<readonly MappedOutcome[]>;
  }

  readLines(batch: LineBatch): Promise<LineResult> {
    return this.run({ type: 'lines', batch }) as Promise<LineResult>;
  }

  openLines(batch: LineBatch): Promise<OpenedLines> {
    return this.run({ type: 'open', batch }) as Promise<OpenedLines>;
  }

  /** Goes before all other work: what follows in the output waits for it. */
  readRenamed(batch: LineBatch, renamed: readonly RenamedDraft[]): Promise<readonly MappedOutcome[]> {
    const worker = this.owners.get(batchKey(batch)) ?? null;
    this.owners.delete(batchKey(batch));
    const task = { type: 'renamed', batch, renamed } as const;
    return this.run(task, true, worker) as Promise<readonly MappedOutcome[]>;
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private run(task: ThreadTask, isUrgent = false, worker: Worker | null = null): Promise<ThreadResult> {
    if (this.failure) return Promise.reject(this.failure);
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.running.set(id, { resolve, reject });
      if (isUrgent) this.waiting.unshift({ id, task, worker });
      else this.waiting.push({ id, task, worker });
      this.dispatch();
    });
  }

  private attach(worker: Worker): Promise<void> {
    return new Promise((resolve, reject) => {
      worker.on('message', (message: ThreadMessage) => {
        if ('unready' in message) {
          reject(errorOf(message.unready));
          return;
        }
        if ('ready' in message) {
          this.started = message.ready;
          resolve();
        } else {
          const task = this.running.get(message.id);
          this.running.delete(message.id);
          if ('failure' in message) task?.reject(errorOf(message.failure));
          else task?.resolve(message.result);
        }
        this.idle.push(worker);
        this.dispatch();
      });
      worker.on('error', (error) => {
        this.failure = error;
        for (const task of this.running.values()) task.reject(error);
        this.running.clear();
        reject(error);
      });
    });
  }

  private dispatch(): void {
    for (const worker of [...this.idle]) {
      const next = this.waiting.findIndex((one) => one.worker === null || one.worker === worker);
      if (next < 0) continue;
      const [{ id, task }] = this.waiting.splice(next, 1) as [Waiting];
      if (task.type === 'open') this.owners.set(batchKey(task.batch), worker);
      this.idle.splice(this.idle.indexOf(worker), 1);
      worker.postMessage({ id, task });
    }
  }
}
