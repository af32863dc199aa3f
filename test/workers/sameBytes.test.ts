import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { run } from '../../src/cli/commands/compile.ts';
import { defaultCompileOptions } from '../../src/compile/options.ts';
import type { Recipe } from '../../src/compile/recipe.ts';
import { defaultCuration } from '../../src/compile/setCurator.ts';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import { ProjectStore } from '../../src/storage/projects.ts';
import { StoredCompiledSet } from '../../src/workers/compiledSet.ts';
import { runCompile } from '../../src/workers/compileRun.ts';
import { CompileWorker } from '../../src/workers/compileWorker.ts';
import { EventHub } from '../../src/workers/eventHub.ts';
import { runImport } from '../../src/workers/importJob.ts';
import type { JobHandle } from '../../src/workers/jobs.ts';
import { ProjectSession } from '../../src/workers/projectSession.ts';
import { TokenizerShelf } from '../../src/workers/tokenizers.ts';

const root = resolve(import.meta.dirname, '../..');
const runs = join(root, 'public/samples/search-runs.jsonl');
const model = join(root, 'public/models/world-moe-3m');

/** What the page makes of the sample runs when these files are imported together with them. */
async function inPage(tokenizerFiles: Readonly<Record<string, string>>): Promise<[string, Recipe]> {
  const store = new ProjectStore(new MemoryFolder());
  const session = new ProjectSession(await store.create('p', 'Test', 0, false), store, new EventHub(), () => 0); // prettier-ignore
  const job: JobHandle = { id: 'job', signal: new AbortController().signal, progress: () => undefined, finish: () => undefined }; // prettier-ignore
  const sources = Object.entries({ 'search-runs.jsonl': runs, ...tokenizerFiles }).map(([path, from]) => ({
    ...{ type: 'file' as const, path },
    file: new File([readFileSync(from)], path),
  }));
  await runImport(session, sources, job, true);
  expect([...session.files.values()].map(({ info }) => info.errorCount)).toEqual(sources.map(() => 0));
  const tokenizers = new TokenizerShelf(() => '');
  const [tokenizerId = ''] = tokenizers.list(session).flatMap(({ id }) => (id === 'qwen3' ? [] : [id]));
  const set = new StoredCompiledSet(session.folder.folder('sets').folder('s'), {
    ...{ id: 's', name: 's', createdAt: 0, phase: 'running', trajectoryCount: session.index.length },
    ...{ exampleCount: 0, rejectionCount: 0, excludedCount: 0, sizeBytes: 0, sha256: null, stale: null },
    request: {
      ...{ name: 's', options: defaultCompileOptions, tokenizerId, selection: { type: 'all' } },
      ...{ databaseFileIds: [], benchmarkFileIds: [], curation: defaultCuration },
    },
  });
  const worker = new CompileWorker();
  const pool = {
    size: 1,
    sha256: (blob: Blob) => worker.sha256(blob),
    prepare: async (setup: Parameters<typeof worker.prepare>[0]) => {
      const answer = await worker.prepare(setup);
      if (!answer.ok) throw new Error(answer.message);
      return answer.databaseIssues;
    },
    run: (...given: Parameters<typeof worker.run>) => worker.run(...given),
  };
  const rows = new Set(Array.from({ length: session.index.length }, (_, row) => row));
  await runCompile({ session, tokenizers, pool }, set, rows, job, () => undefined);
  const recipe = JSON.parse((await set.folder.readText('recipe.json')) ?? '{}') as Recipe;
  return [(await set.folder.readText('examples.jsonl')) ?? '', recipe];
}

async function onCommandLine(): Promise<[string, Recipe]> {
  const out = mkdtempSync(join(tmpdir(), 'acc-same-bytes-'));
  onTestFinished(() => rmSync(out, { recursive: true }));
  await run([runs, '--tokenizer', model, '--out', out, '--quiet']);
  const read = (name: string): string => readFileSync(join(out, name), 'utf8');
  return [read('examples.jsonl'), JSON.parse(read('recipe.json')) as Recipe];
}

it('page and command line count under the chat template that came with the tokenizer, and write one set', async () => {
  const files = {
    'world-moe-3m.json': join(model, 'tokenizer.json'),
    'tokenizer_config.json': join(model, 'tokenizer_config.json'),
  };
  const [examples, recipe] = await inPage(files);
  const [expected, { tokenizer, output }] = await onCommandLine();
  expect(examples).toBe(expected);
  expect(recipe.tokenizer).toEqual(tokenizer);
  expect(recipe.output).toEqual(output);
  expect(tokenizer?.templateSha256).toMatch(/^[0-9a-f]{64}$/);
});

it('a tokenizer that came without a template is counted under Qwen3’s, and the recipe tells the two apart', async () => {
  const [examples, { tokenizer }] = await inPage({ 'world-moe-3m.json': join(model, 'tokenizer.json') });
  const [own, recipe] = await onCommandLine();
  expect(tokenizer?.sha256).toBe(recipe.tokenizer?.sha256);
  expect(tokenizer?.templateSha256).not.toBe(recipe.tokenizer?.templateSha256);
  const promptTokens = (lines: string): number =>
    (JSON.parse(lines.slice(0, lines.indexOf('\n'))) as { tokens: { prompt: number } }).tokens.prompt;
  expect(promptTokens(examples)).toBeGreaterThan(promptTokens(own));
});
