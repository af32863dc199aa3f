import { Worker } from 'node:worker_threads';
import type { MappedOutcome } from '../compile/setReducer.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import type { MapperSetup } from './compileMapperThread.ts';

/** Worker threads that run the map step; batches go to whichever is idle. */
export class CompilePool {
  private readonly workers: Worker[] = [];
  private readonly idle: Worker[] = [];
  private readonly waiting: { drafts: readonly DraftTrajectory[]; id: number }[] = [];
  private readonly running = new Map<
    number,
    { resolve: (outcomes: MappedOutcome[]) => void; reject: (error: Error) => void }
  >();
  private nextId = 0;
  private failure: Error | null = null;

  /** Starts `size` threads; each loads tokenizer and databases itself. */
  static async start(size: number, setup: MapperSetup): Promise<CompilePool> {
    const { threadTask } = await import('./compileThread.ts');
    const pool = new CompilePool();
    // The build gives the thread's module a file of its own beside this one.
    const url = new URL('./compileThread.mjs', import.meta.url);
    const starts: Promise<void>[] = [];
    for (let index = 0; index < size; index++) {
      const worker = new Worker(url, { workerData: { task: threadTask, setup }, execArgv: [] });
      pool.workers.push(worker);
      starts.push(pool.attach(worker));
    }
    await Promise.all(starts);
    return pool;
  }

  map(drafts: readonly DraftTrajectory[]): Promise<MappedOutcome[]> {
    if (this.failure) return Promise.reject(this.failure);
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.running.set(id, { resolve, reject });
      this.waiting.push({ drafts, id });
      this.dispatch();
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.terminate()));
  }

  private attach(worker: Worker): Promise<void> {
    return new Promise((resolve, reject) => {
      worker.on('message', (message: { ready?: true; id?: number; outcomes?: MappedOutcome[] }) => {
        if (message.ready) resolve();
        else if (message.id !== undefined && message.outcomes) {
          this.running.get(message.id)?.resolve(message.outcomes);
          this.running.delete(message.id);
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
