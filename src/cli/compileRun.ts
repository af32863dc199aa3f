import { readFile } from 'node:fs/promises';
import { benchmarkTexts } from '../compile/curate/benchmarkRows.ts';
import type { BenchmarkText } from '../compile/curate/decontaminate.ts';
import { datasetCard } from '../compile/datasetCard.ts';
import { mapOrdered } from '../compile/orderedMap.ts';
import { makeRecipe, type Recipe } from '../compile/recipe.ts';
import { prettyJson } from '../compile/serialize.ts';
import { StreamingCurator, type CurationOptions } from '../compile/setCurator.ts';
import { SetReducer, type CompileSink, type MappedOutcome, type SetReport } from '../compile/setReducer.ts';
import type { CompileOptions } from '../compile/types.ts';
import type { JsonValue } from '../core/json.ts';
import { InputError } from '../core/errors.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import { importFile } from '../trajectories/import.ts';
import type { Issue, Trajectory } from '../trajectories/schema.ts';
import { hashFile, isDatabaseFile, listFiles, type NamedFile } from './compileFiles.ts';
import { startMapper, type Mapper, type MapperSetup } from './compileMapperThread.ts';
import { OutputFolder, StandardOutput } from './compileOutput.ts';
import { CompilePool } from './compilePool.ts';
import { openTokenizer } from './compileTokenizer.ts';
import { fileSource, stdinSource } from './nodeSource.ts';

export interface CompileJob {
  readonly inputs: readonly string[];
  /** Output folder; null writes examples to standard output. */
  readonly out: string | null;
  readonly tokenizer: string;
  readonly databases: readonly string[];
  readonly benchmarks: readonly string[];
  readonly options: CompileOptions;
  readonly curation: CurationOptions;
  readonly jobs: number;
  readonly toolVersion: string;
  /** Called now and then while reading. */
  readonly onProgress: (progress: {
    doneBytes: number;
    totalBytes: number;
    accepted: number;
    seen: number;
  }) => void;
}

export interface CompileOutcomeSummary {
  readonly report: SetReport;
  readonly recipe: Recipe;
}

/** Drafts that go to a thread together. */
const batchDrafts = 64;
const batchCharacters = 2_000_000;
/** Issues listed in the report; the import itself also limits them by file and kind. */
const listedIssues = 5000;

/** Imports, compiles, reduces and writes. The output does not depend on the number of jobs. */
export async function runCompile(job: CompileJob): Promise<CompileOutcomeSummary> {
  const { files, databases } = await sortInputs(job);
  const hashes = await Promise.all(files.filter((file) => file.path !== '-').map(hashFile));
  const benchmarkFiles = await listFiles(job.benchmarks);
  const setup: MapperSetup = {
    options: job.options,
    tokenizer: job.tokenizer,
    databases,
    curation: job.curation,
    benchmarks: await loadBenchmarks(benchmarkFiles),
    hashes: Object.fromEntries(hashes.map((item) => [item.file, item.sha256])),
  };
  const issues: Issue[] = [];
  const folder = job.out === null ? null : await OutputFolder.open(job.out);
  const sink: CompileSink = folder ?? new StandardOutput();
  try {
    const { reducer, curator, databaseIssues } = await compileFiles(job, files, setup, sink, issues);
    const listed = [...databaseIssues, ...issues].slice(0, listedIssues) as unknown as JsonValue;
    const report = await reducer.finish(listed);
    const split = curator.split(job.options.seed);
    const output = folder
      ? await folder.finish(split ? new Set(split.eval) : null)
      : { file: '-', sha256: '', bytes: 0, lines: report.accepted.length };
    const tokenizer = job.options.countTokens ? (await openTokenizer(job.tokenizer)).tokenizer : null;
    const recipe = makeRecipe({
      toolVersion: job.toolVersion,
      options: job.options,
      tokenizer: tokenizer && { name: tokenizer.name, sha256: tokenizer.sha256 },
      inputs: hashes,
      databases: await Promise.all(databases.map(hashFile)),
      benchmarks: await Promise.all(benchmarkFiles.map(hashFile)),
      curation: { ...job.curation },
      output,
    });
    if (folder) {
      await folder.write('report.json', prettyJson(reportDocument(report)));
      await folder.write('recipe.json', prettyJson(recipe));
      await folder.write('README.md', datasetCard(report, recipe));
    }
    return { report, recipe };
  } catch (error) {
    await folder?.abandon();
    throw error;
  }
}

/** The report in its written key order. */
function reportDocument(report: SetReport): Record<string, unknown> {
  return {
    options: report.options,
    counts: report.counts,
    accepted: report.accepted,
    rejections: report.rejections,
    ledger: report.ledger,
    licenses: report.licenses,
    issues: report.issues,
  };
}

async function sortInputs(job: CompileJob): Promise<{ files: NamedFile[]; databases: NamedFile[] }> {
  const files: NamedFile[] = [];
  const databases = await listFiles(job.databases);
  for (const input of job.inputs) {
    if (input === '-') {
      files.push({ path: '-', name: 'stdin', bytes: 0 });
      continue;
    }
    for (const file of await listFiles([input])) {
      ((await isDatabaseFile(file)) ? databases : files).push(file);
    }
  }
  return { files, databases };
}

async function loadBenchmarks(files: readonly NamedFile[]): Promise<BenchmarkText[]> {
  const texts: BenchmarkText[] = [];
  for (const file of files) {
    const content = await readFile(file.path, 'utf8');
    let rows: JsonValue[];
    try {
      const value = JSON.parse(content) as JsonValue;
      rows = Array.isArray(value) ? value : [value];
    } catch {
      rows = content.split('\n').flatMap((line) => parseLine(line));
    }
    const found = rows.flatMap((row, index) => benchmarkTexts(file.name, index, row));
    if (found.length === 0) {
      throw new InputError('bad-benchmark', 'no benchmark questions were found', {
        where: file.name,
        expected: 'JSON or JSON lines with a question, prompt or answer column',
      });
    }
    texts.push(...found);
  }
  return texts;
}

function parseLine(line: string): JsonValue[] {
  if (line.trim() === '') return [];
  try {
    return [JSON.parse(line) as JsonValue];
  } catch {
    return [];
  }
}

interface Reading {
  readonly reducer: SetReducer;
  readonly curator: StreamingCurator;
  readonly databaseIssues: readonly unknown[];
}

async function compileFiles(
  job: CompileJob,
  files: readonly NamedFile[],
  setup: MapperSetup,
  sink: CompileSink,
  issues: Issue[],
): Promise<Reading> {
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  // The main thread maps itself when it is alone; with a pool it only needs the counter of a control.
  const mapper = await startMapper(job.jobs > 1 ? { ...setup, databases: [], benchmarks: [] } : setup);
  const pool = job.jobs > 1 ? await CompilePool.start(job.jobs, setup) : null;
  const curator = new StreamingCurator(job.curation);
  const signs = job.curation.dedup !== 'none' || job.curation.evalShare > 0 || setup.benchmarks.length > 0;
  const reducer = new SetReducer(job.options, sink, mapper.counter, signs ? curator : null);
  let seen = 0;
  let accepted = 0;
  const state = { doneBytes: 0 };
  try {
    await mapOrdered(
      batches(files, issues, (doneBytes) => {
        state.doneBytes = doneBytes;
        job.onProgress({ doneBytes, totalBytes, accepted, seen });
      }),
      (drafts) => (pool ? pool.map(drafts) : mapHere(mapper, drafts)),
      async (outcomes) => {
        for (const outcome of outcomes) {
          seen++;
          if (!('rejection' in outcome)) accepted++;
          await reducer.add(outcome);
        }
        job.onProgress({ doneBytes: state.doneBytes, totalBytes, accepted, seen });
      },
      pool ? job.jobs * 2 : 1,
    );
  } finally {
    await pool?.stop();
  }
  return { reducer, curator, databaseIssues: mapper.databaseIssues };
}

async function mapHere(mapper: Mapper, drafts: readonly DraftTrajectory[]): Promise<MappedOutcome[]> {
  return mapper.map(drafts);
}

/** Drafts of all files in order, in batches of bounded size. */
async function* batches(
  files: readonly NamedFile[],
  issues: Issue[],
  onProgress: (doneBytes: number) => void,
): AsyncGenerator<DraftTrajectory[]> {
  const ids = new Map<string, number>();
  let before = 0;
  let batch: DraftTrajectory[] = [];
  let size = 0;
  for (const file of files) {
    const source =
      file.path === '-'
        ? { ...(await stdinSource()), name: file.name }
        : await fileSource(file.path, file.name);
    try {
      // Drafts are completed by the threads; here they only pass through.
      for await (const event of importFile(source, { ids, complete: (draft) => draft as Trajectory })) {
        if (event.type === 'issue' && issues.length < listedIssues) issues.push(event.issue);
        else if (event.type === 'progress') onProgress(before + event.progress.doneBytes);
        else if (event.type === 'trajectory') {
          batch.push(event.trajectory);
          for (const step of event.trajectory.steps) size += step.text.length;
          if (batch.length < batchDrafts && size < batchCharacters) continue;
          yield batch;
          batch = [];
          size = 0;
        }
      }
    } finally {
      await source.close();
    }
    before += file.bytes;
  }
  if (batch.length > 0) yield batch;
}
