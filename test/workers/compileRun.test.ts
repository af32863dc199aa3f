import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { defaultCompileOptions } from '../../src/compile/options.ts';
import { defaultCuration } from '../../src/compile/setCurator.ts';
import type { CompileOptions } from '../../src/compile/types.ts';
import { CancelledError } from '../../src/core/errors.ts';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import { ProjectStore } from '../../src/storage/projects.ts';
import { StoredCompiledSet } from '../../src/workers/compiledSet.ts';
import { planTasks } from '../../src/workers/compilePlan.ts';
import { runCompile, type RunInputs } from '../../src/workers/compileRun.ts';
import { CompileWorker } from '../../src/workers/compileWorker.ts';
import type { CompiledSet } from '../../src/workers/dataApi.ts';
import { EventHub } from '../../src/workers/eventHub.ts';
import { runImport } from '../../src/workers/importJob.ts';
import type { JobHandle } from '../../src/workers/jobs.ts';
import { ProjectSession } from '../../src/workers/projectSession.ts';

const samples = resolve(import.meta.dirname, '../../public/samples');
const sampleFile = (name: string): File => new File([readFileSync(resolve(samples, name))], name);

function job(signal = new AbortController().signal): JobHandle {
  return { id: 'job', signal, progress: () => undefined, finish: () => undefined };
}

async function openSession(names: readonly string[]): Promise<ProjectSession> {
  const store = new ProjectStore(new MemoryFolder());
  const stored = await store.create('p', 'Test', 0, false);
  const session = new ProjectSession(stored, store, new EventHub(), () => 0);
  const sources = names.map((name) => ({ type: 'file' as const, file: sampleFile(name), path: name }));
  await runImport(session, sources, job(), true);
  return session;
}

/** The pool's work in this thread: `size` workers whose tasks interleave. `failAfter` breaks off like a cancel. */
function inputsOf(session: ProjectSession, size: number, failAfter = Infinity): RunInputs {
  const workers = Array.from({ length: size }, () => ({
    worker: new CompileWorker(),
    idle: Promise.resolve(),
  }));
  let batches = 0;
  let turn = 0;
  return {
    session,
    tokenizers: {
      bytes: () => Promise.reject(new Error('tokens are not counted in this test')),
      chat: () => Promise.reject(new Error('tokens are not counted in this test')),
    },
    pool: {
      size,
      sha256: (blob) => new CompileWorker().sha256(blob),
      prepare: async (setup) => {
        for (const { worker } of workers) await worker.prepare(setup);
        return [];
      },
      run: async (task, push) => {
        const member = workers[turn++ % size];
        if (!member) throw new Error('no worker');
        // A worker does one task at a time.
        const done = member.idle.then(() =>
          member.worker.run(task, async (items) => {
            if (++batches > failAfter) throw new CancelledError('Compile');
            await push(items);
          }),
        );
        member.idle = done.catch(() => undefined);
        await done;
      },
    },
  };
}

function newSet(
  session: ProjectSession,
  id: string,
  options: Partial<CompileOptions>,
  curation = defaultCuration,
): StoredCompiledSet {
  const databaseFileIds = [...session.files.values()]
    .filter((file) => file.databases.length > 0)
    .map((file) => file.info.id);
  const info: CompiledSet = {
    id,
    name: id,
    createdAt: 0,
    phase: 'running',
    request: {
      name: id,
      options: { ...defaultCompileOptions, countTokens: false, ...options },
      tokenizerId: 'qwen3',
      selection: { type: 'all' },
      databaseFileIds,
      benchmarkFileIds: [],
      curation,
    },
    trajectoryCount: session.index.length,
    exampleCount: 0,
    rejectionCount: 0,
    excludedCount: 0,
    sizeBytes: 0,
    sha256: null,
    stale: null,
  };
  return new StoredCompiledSet(session.folder.folder('sets').folder(id), info);
}

const allRows = (session: ProjectSession): ReadonlySet<number> =>
  new Set(Array.from({ length: session.index.length }, (_, row) => row));
const names = [
  'search-runs.jsonl',
  'software-runs.jsonl',
  'tidemark__tidemark-27.traj',
  'sql-runs.json',
  'sundrift_fishing.sqlite',
];

async function compiled(
  session: ProjectSession,
  id: string,
  size: number,
  options: Partial<CompileOptions> = {},
): Promise<string> {
  const set = newSet(session, id, options);
  await runCompile(inputsOf(session, size), set, allRows(session), job(), () => undefined);
  return digest(await set.folder.readText('examples.jsonl'));
}

/** Lines and hash: a difference is then told in a line, not in pages. */
function digest(text: string | null): string {
  const lines = (text ?? '').split('\n').length - 1;
  return `${lines} lines, ${createHash('sha256')
    .update(text ?? '')
    .digest('hex')}`;
}

describe('a compile run', () => {
  it('writes the same bytes whatever the number of workers, and others for another seed', async () => {
    const session = await openSession(names);
    const alone = await compiled(session, 'one', 1);
    expect(alone).toMatch(/^8 lines/);
    expect(await compiled(session, 'three', 3)).toBe(alone);
    expect(await compiled(session, 'seed', 2, { seed: 7 })).not.toBe(alone);
  });

  it('goes on after an interruption, and ends with the same files', async () => {
    const session = await openSession(names);
    const whole = await compiled(session, 'whole', 1);
    const set = newSet(session, 'broken', {});
    const broken = runCompile(inputsOf(session, 1, 2), set, allRows(session), job(), () => undefined);
    await expect(broken).rejects.toThrow('cancelled');
    expect(set.info.phase).toBe('interrupted');
    expect(set.checkpoint?.trajectoryCount).toBe(7);

    // As after a reload: from disk.
    const again = await StoredCompiledSet.restore(session.folder.folder('sets').folder('broken'));
    if (!again) throw new Error('the set was not kept');
    expect(again.table.length).toBe(set.table.length);
    await runCompile(inputsOf(session, 2), again, allRows(session), job(), () => undefined);
    expect(digest(await again.folder.readText('examples.jsonl'))).toBe(whole);
    expect(again.info).toMatchObject({ phase: 'complete', exampleCount: 8, rejectionCount: 3 });
    const reports = await Promise.all(
      ['whole', 'broken'].map((id) => session.folder.folder('sets').folder(id).readText('report.json')),
    );
    expect(digest(reports[1] ?? null)).toBe(digest(reports[0] ?? null));
  });

  it('goes on from its checkpoint when the page ends after an exclusion', async () => {
    const session = await openSession(names);
    const whole = newSet(session, 'whole', {});
    await runCompile(inputsOf(session, 1), whole, allRows(session), job(), () => undefined);
    const set = newSet(session, 'edited', {});
    const countRows = (): void => {
      set.info = { ...set.info, exampleCount: set.table.length };
    };
    const broken = runCompile(inputsOf(session, 1, 1), set, allRows(session), job(), countRows);
    await expect(broken).rejects.toThrow('cancelled');
    const rowCount = set.table.length;

    // What is on disk after an exclusion while rows beyond the checkpoint are made.
    const onDisk: Promise<StoredCompiledSet | null>[] = [];
    const exclude = (): void => {
      countRows();
      if (set.table.length === rowCount || onDisk.length > 0) return;
      const excluded = set.exclude([set.table.id.at(0)], true, 'exclude one');
      onDisk.push(excluded.then(() => StoredCompiledSet.restore(set.folder)));
    };
    const inputs = inputsOf(session, 1);
    let batches = 0;
    const run: RunInputs['pool']['run'] = (task, push) =>
      inputs.pool.run(task, async (items) => {
        if (batches++ === 0) return push(items);
        await vi.waitUntil(() => onDisk[0]);
        throw new CancelledError('Compile');
      });
    const edited = { ...inputs, pool: { ...inputs.pool, run } };
    const ended = runCompile(edited, set, allRows(session), job(), exclude);
    await expect(ended).rejects.toThrow('cancelled');

    const again = await onDisk[0];
    if (!again) throw new Error('the set was not kept');
    expect([again.table.length, again.info.exampleCount]).toEqual([rowCount, rowCount]);
    await runCompile(inputsOf(session, 1), again, allRows(session), job(), () => undefined);
    const lines = (of: StoredCompiledSet) => of.folder.readText('examples.jsonl');
    expect(digest(await lines(again))).toBe(digest(await lines(whole)));
    expect(again.table.length).toBe(whole.table.length);
    expect(again.positions(10)).toEqual(whole.positions(10));
    expect(again.excluded.size).toBe(1);
  });

  it('holds out an evaluation split, and names the rest as examples.jsonl', async () => {
    const session = await openSession(names);
    const set = newSet(session, 'split', {}, { dedup: 'exact', threshold: 0.8, evalShare: 0.4 });
    await runCompile(inputsOf(session, 1), set, allRows(session), job(), () => undefined);
    const heldOut = set.table.heldOut.size;
    expect(heldOut).toBeGreaterThan(0);
    const recipe = JSON.parse((await set.folder.readText('recipe.json')) ?? '{}') as {
      output: { lines: number; sha256: string };
    };
    expect(recipe.output.lines).toBe(8 - heldOut);
    const all = (await set.folder.readText('examples.jsonl')) ?? '';
    const train = all
      .split('\n')
      .filter((line) => line !== '' && !set.table.heldOut.has((JSON.parse(line) as { id: string }).id));
    expect(recipe.output.sha256).toBe(
      createHash('sha256')
        .update(train.map((line) => `${line}\n`).join(''))
        .digest('hex'),
    );
    const read = await StoredCompiledSet.restore(set.folder);
    expect(read?.table.heldOut.size).toBe(heldOut);
  });

  it('keeps exclusions with undo and redo', async () => {
    const session = await openSession(names);
    const set = newSet(session, 'edits', {});
    await runCompile(inputsOf(session, 1), set, allRows(session), job(), () => undefined);
    const ids = [0, 1, 2].map((row) => set.table.id.at(row));
    await set.exclude(ids.slice(0, 2), true, 'exclude two');
    await set.exclude(ids, true, 'exclude three');
    expect(set.excluded.size).toBe(3);
    expect(await set.undo()).toEqual({ undo: 'exclude two', redo: 'exclude three' });
    expect([...set.excluded]).toEqual(ids.slice(0, 2));
    await set.undo();
    await set.redo();
    const read = await StoredCompiledSet.restore(set.folder);
    expect([...(read?.excluded ?? [])]).toEqual(ids.slice(0, 2));
    expect(read?.history()).toEqual({ undo: 'exclude two', redo: 'exclude three' });
  });
});

describe('a folder of runs in the page', () => {
  const event = (id: number, more: object): string =>
    JSON.stringify({ id: `e${id}`, timestamp: 't', source: 'agent', ...more });
  const patch = 'diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x = 1\n+x = 2\n';
  const files: Readonly<Record<string, string>> = {
    'runs/demo__a-1/events/event-00001-a.json': event(1, {
      ...{ kind: 'MessageEvent', source: 'user' },
      llm_message: { role: 'user', content: [{ type: 'text', text: 'Fix the value of x in a.py' }] },
    }),
    'runs/demo__a-1/events/event-00002-b.json': event(2, {
      ...{ kind: 'ActionEvent', thought: [], tool_name: 'terminal', tool_call_id: 'c' },
      action: { command: 'cat a.py' },
    }),
    'runs/demo__a-1/events/event-00003-c.json': event(3, {
      ...{ kind: 'ObservationEvent', tool_name: 'terminal', tool_call_id: 'c', action_id: 'e2' },
      observation: { content: [{ type: 'text', text: 'x = 1' }], exit_code: 0 },
    }),
    'runs/report.json': JSON.stringify({ resolved_ids: ['demo__a-1'], unresolved_ids: ['demo__a-2'] }),
    'runs/preds.json': JSON.stringify({ 'demo__a-1': { model_name_or_path: 'm', model_patch: patch } }),
  };

  it('becomes one trajectory an event folder, with the verdict and patch that lie beside it', async () => {
    const folder = Object.entries(files).map(([path, text]) => ({ path, file: new File([text], path) }));
    const session = await openSession([]);
    await runImport(session, [{ type: 'folder', path: 'runs', files: folder }], job(), true);
    expect(session.index.length).toBe(1);
    expect(session.index.row(0, (id) => id)).toMatchObject({ success: true, kind: 'swe' });
    const [read] = [...session.files.values()];
    expect(read?.info).toMatchObject({ keptBy: 'copy', errorCount: 0 });
    // Compiled from the packed copy: as after a reload, the loose files are no longer there.
    const set = newSet(session, 'joined', {});
    await runCompile(inputsOf(session, 2), set, allRows(session), job(), () => undefined);
    const example = JSON.parse((await set.folder.readText('examples.jsonl')) ?? '{}') as { answer: string };
    expect(example.answer).toBe(patch.trimEnd());
    const recipe = JSON.parse((await set.folder.readText('recipe.json')) ?? '{}') as {
      inputs: { file: string }[];
    };
    expect(recipe.inputs.map(({ file }) => file)).toEqual([
      'runs/demo__a-1/events/*',
      'runs/preds.json',
      'runs/report.json',
    ]);
  });

  it('joins reports to runs that were chosen file by file', async () => {
    const session = await openSession([]);
    const chosen = { 'demo__a-1.jsonl': Object.entries(files).slice(0, 3), 'report.json': null };
    const sources = Object.entries(chosen).map(([path, events]) => {
      const text = events ? events.map(([, line]) => line).join('\n') : (files['runs/report.json'] ?? '');
      return { type: 'file' as const, file: new File([text], path), path };
    });
    await runImport(session, sources, job(), true);
    expect(session.index.length).toBe(1);
    expect(session.index.row(0, (id) => id).success).toBe(true);
    expect(session.listFiles().map(({ role }) => role)).toEqual(['trajectories', 'companion']);
  });
});

describe('the plan of a run', () => {
  it('reads plain records by their place and compressed ones by passing through once', async () => {
    const session = await openSession(['search-runs.jsonl', 'sql-runs.json']);
    const plan = planTasks(session.index, (row) => row !== 1);
    expect(plan.map(({ path, mode, items }) => [path, mode, items.map(({ number }) => number)])).toEqual([
      ['search-runs.jsonl', 'seek', [0, 2, 3, 4]],
      ['sql-runs.json', 'seek', [0, 1, 2]],
    ]);
    const packed = new Blob([readFileSync(resolve(samples, 'search-runs.jsonl'))])
      .stream()
      .pipeThrough(new CompressionStream('gzip'));
    const file = new File([await new Response(packed).blob()], 'runs.jsonl.gz');
    await runImport(session, [{ type: 'file', file, path: file.name }], job(), true);
    const [task] = planTasks(session.index, (row) => row >= 9);
    expect([task?.mode, task?.items.map(({ number }) => number)]).toEqual(['stream', [1, 2, 3, 4]]);
  });
});
