import { Worker } from 'node:worker_threads';
import type { MappedOutcome } from '../compile/setReducer.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import type { MapperFacts, MapperSetup } from './compileMapperThread.ts';
import type { ThreadMessage, ThreadTask } from './compileThread.ts';
import type { LineBatch } from './lineBatch.ts';
import type { LineResult, RenamedDraft } from './lineReader.ts';

interface Waiting {
  readonly id: number;
  readonly task: ThreadTask;
}

interface Running {
  readonly resolve: (result: readonly MappedOutcome[] | LineResult) => void;
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
    await Promise.all(starts);
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

  /** Goes before all other work: the main thread waits for it. */
  readRenamed(batch: LineBatch, renamed: readonly RenamedDraft[]): Promise<readonly MappedOutcome[]> {
    return this.run({ type: 'renamed', batch, renamed }, true) as Promise<readonly MappedOutcome[]>;
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private run(task: ThreadTask, isUrgent = false): Promise<readonly MappedOutcome[] | LineResult> {
    if (this.failure) return Promise.reject(this.failure);
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.running.set(id, { resolve, reject });
      if (isUrgent) this.waiting.unshift({ id, task });
      else this.waiting.push({ id, task });
      this.dispatch();
    });
  }

  private attach(worker: Worker): Promise<void> {
    return new Promise((resolve, reject) => {
      worker.on('message', (message: ThreadMessage) => {
        if ('ready' in message) {
          this.started = message.ready;
          resolve();
        } else {
          const task = this.running.get(message.id);
          this.running.delete(message.id);
          if ('failure' in message) task?.reject(new Error(message.failure));
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
    while (this.idle.length > 0 && this.waiting.length > 0)
      this.idle.pop()!.postMessage(this.waiting.shift()!);
  }
}
