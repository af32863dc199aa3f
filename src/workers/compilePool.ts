import { proxy, type Remote } from 'comlink';
import type { CatalogIssue } from '../compile/sql/catalog.ts';
import { CancelledError, InputError } from '../core/errors.ts';
import type { CompileSetup, CompileTask, CompileWorkerApi, MappedItem } from './compileTask.ts';
import { linkWorker, type WorkerLink } from './workerLink.ts';

interface Member {
  readonly link: WorkerLink<CompileWorkerApi>;
  isFree: boolean;
}

/** Workers that run the map step in parallel. Ended at once by `close`, whatever they are doing. */
export class CompilePool {
  readonly #members: Member[] = [];
  readonly #waiting: ((member: Member) => void)[] = [];
  readonly size: number;
  #stop: (reason: Error) => void = () => undefined;
  /** Rejects what is under way when the pool is closed. */
  readonly #stopped = new Promise<never>((_, reject) => {
    this.#stop = reject;
  });

  constructor(size: number) {
    this.size = size;
    this.#stopped.catch(() => undefined);
  }

  #start(): Member {
    const worker = new Worker(new URL('./compile.worker.ts', import.meta.url), {
      type: 'module',
      name: `compile-${this.#members.length + 1}`,
    });
    const link = linkWorker<CompileWorkerApi>(worker, {
      does: 'compiles',
      kept: 'The examples made so far are kept: resume to go on from there.',
      results: { prepare: true },
      endsByError: true,
    });
    const member = { link, isFree: true };
    this.#members.push(member);
    return member;
  }

  /** Gives every worker the options, tokenizer and databases of a run. */
  async prepare(setup: CompileSetup): Promise<readonly CatalogIssue[]> {
    while (this.#members.length < this.size) this.#start();
    const answers = await Promise.all(
      this.#members.map((member) => Promise.race([member.link.remote.prepare(setup), this.#stopped])),
    );
    let issues: readonly CatalogIssue[] = [];
    for (const answer of answers) {
      if (!answer.ok) throw new InputError('cannot-prepare', answer.message);
      issues = answer.databaseIssues;
    }
    return issues;
  }

  async #free(): Promise<Member> {
    const free = this.#members.find((member) => member.isFree);
    if (free) {
      free.isFree = false;
      return free;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #release(member: Member): void {
    const next = this.#waiting.shift();
    if (next) next(member);
    else member.isFree = true;
  }

  async #use<T>(work: (remote: Remote<CompileWorkerApi>) => Promise<T>): Promise<T> {
    const member = await this.#free();
    try {
      return await Promise.race([work(member.link.remote), this.#stopped]);
    } finally {
      this.#release(member);
    }
  }

  /** Hands over the outcomes of one task in batches, in the order of its items; waits while `push` does. */
  async run(task: CompileTask, push: (batch: readonly MappedItem[]) => Promise<void>): Promise<void> {
    await this.#use((remote) => remote.run(task, proxy(push)));
  }

  preview(task: CompileTask): ReturnType<CompileWorkerApi['preview']> {
    return this.#use((remote) => remote.preview(task));
  }

  /** sha256 of a file, hex; does not need `prepare`. */
  async sha256(blob: Blob): Promise<string> {
    while (this.#members.length < this.size) this.#start();
    return this.#use((remote) => remote.sha256(blob));
  }

  /** Ends the workers at once; what they were doing rejects as cancelled. */
  close(): void {
    this.#stop(new CancelledError('Compile'));
    for (const { link } of this.#members.splice(0)) link.end();
  }
}
