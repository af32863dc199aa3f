import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { defaultCompileOptions } from '../../src/compile/options.ts';
import { CancelledError } from '../../src/core/errors.ts';
import type { Folder } from '../../src/storage/folder.ts';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import { ProjectStore } from '../../src/storage/projects.ts';
import { CompileService } from '../../src/workers/compileService.ts';
import type { CompileSetup, CompileTask, MappedItem } from '../../src/workers/compileTask.ts';
import { CompileWorker } from '../../src/workers/compileWorker.ts';
import { EventHub } from '../../src/workers/eventHub.ts';
import { runImport } from '../../src/workers/importJob.ts';
import { JobRunner } from '../../src/workers/jobs.ts';
import { ProjectSession } from '../../src/workers/projectSession.ts';
import { TokenizerShelf } from '../../src/workers/tokenizers.ts';

/** Batches after which the pool breaks off, as for a cancel. */
const limits = vi.hoisted(() => ({ batches: Infinity }));

// Its workers are the browser's: here the work is done in this thread.
vi.mock('../../src/workers/compilePool.ts', () => ({
  CompilePool: class {
    readonly size = 1;
    readonly #worker = new CompileWorker();
    sha256 = (blob: Blob) => this.#worker.sha256(blob);
    close = () => undefined;

    async prepare(setup: CompileSetup) {
      await this.#worker.prepare(setup);
      return [];
    }

    run(task: CompileTask, push: (items: readonly MappedItem[]) => Promise<void>) {
      return this.#worker.run(task, async (items) => {
        if (limits.batches-- <= 0) throw new CancelledError('Compile');
        await push(items);
      });
    }
  },
}));

const samples = resolve(import.meta.dirname, '../../public/samples');
const names = ['search-runs.jsonl', 'software-runs.jsonl', 'tidemark__tidemark-27.traj'];

async function newService() {
  const store = new ProjectStore(new MemoryFolder());
  const hub = new EventHub();
  const session = new ProjectSession(await store.create('a', 'Mine', 0, false), store, hub, () => 0);
  const job = { id: 'import', signal: new AbortController().signal, progress: () => undefined, finish: () => undefined }; // prettier-ignore
  const sources = names.map((name) => {
    const file = new File([readFileSync(resolve(samples, name))], name);
    return { type: 'file' as const, file, path: name };
  });
  await runImport(session, sources, job, true);
  const jobs = new JobRunner(hub);
  const service = new CompileService(session, new TokenizerShelf(() => ''), jobs, hub, { poolSize: 1 });
  return { session, jobs, service };
}

/** A disk that takes no more bytes at the end of a file. */
function fillDisk(folder: Folder) {
  const open = folder.openAppend.bind(folder);
  return vi.spyOn(folder, 'openAppend').mockImplementation(async (...given) => {
    const append = (): void => {
      throw new Error('the disk is full');
    };
    return Object.assign(await open(...given), { append });
  });
}

describe('a run that is taken up in the tab where it stopped', () => {
  it('holds each example once, although the disk was full meanwhile', async () => {
    const { session, jobs, service } = await newService();
    limits.batches = 1;
    const { jobId, setId } = await service.start({
      name: null,
      options: { ...defaultCompileOptions, countTokens: false },
      tokenizerId: 'qwen3',
      selection: { type: 'all' },
      databaseFileIds: [],
      benchmarkFileIds: [],
    });
    expect(await jobs.ended(jobId)).toMatchObject({ phase: 'cancelled' });
    const [stopped] = service.listSets();

    limits.batches = 1;
    const folder = session.folder.folder('sets').folder(setId);
    const disk = fillDisk(folder);
    const full = await jobs.ended((await service.resume(setId)).jobId);
    expect(full).toMatchObject({ phase: 'failed', message: 'the disk is full' });
    expect(service.listSets()[0]?.exampleCount).toBeGreaterThan(stopped?.exampleCount ?? 0);

    disk.mockRestore();
    limits.batches = Infinity;
    expect(await jobs.ended((await service.resume(setId)).jobId)).toMatchObject({ phase: 'done' });
    const { ids } = await service.questions(setId);
    expect(new Set(ids).size).toBe(ids.length);
    const lines = await folder.readText('examples.jsonl');
    expect(lines?.trimEnd().split('\n').map((line) => (JSON.parse(line) as { id: string }).id)).toEqual(ids); // prettier-ignore
  });
});
