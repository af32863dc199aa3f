import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { version as toolVersion } from '../../package.json';
import { readBenchmark } from '../compile/curate/benchmarkFile.ts';
import type { BenchmarkText } from '../compile/curate/decontaminate.ts';
import { datasetCard } from '../compile/datasetCard.ts';
import { makeRecipe, type RecipeFile } from '../compile/recipe.ts';
import { prettyJson } from '../compile/serialize.ts';
import { defaultCuration, StreamingCurator } from '../compile/setCurator.ts';
import { SetReducer, type ExampleMeta, type SetReport } from '../compile/setReducer.ts';
import type { CatalogIssue } from '../compile/sql/catalog.ts';
import type { Example, Rejection } from '../compile/types.ts';
import { throwIfCancelled } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { AppendFile } from '../storage/folder.ts';
import type { FoundDatabase } from '../trajectories/import.ts';
import { blobSource } from '../trajectories/io/sources.ts';
import type { Issue } from '../trajectories/schema.ts';
import type { StoredCompiledSet } from './compiledSet.ts';
import { planTasks, openedPath } from './compilePlan.ts';
import type { CompilePool } from './compilePool.ts';
import type { CompileSetup, CompileTask, ExampleFacts, MappedItem } from './compileTask.ts';
import { counterOf, needsSignatures } from './compileWorker.ts';
import { factsOf } from './exampleFacts.ts';
import { count } from './importJob.ts';
import type { JobHandle } from './jobs.ts';
import { reduceInOrder } from './orderedStreams.ts';
import type { ProjectSession } from './projectSession.ts';
import { readMember } from './projectFiles.ts';
import { journalLine, readJournal, type JournalEntry } from './runJournal.ts';
import { recipeTokenizer, type TokenizerShelf } from './tokenizers.ts';

/** What of an unfinished run is kept is brought up to date at least this often. */
const checkpointEveryMs = 10_000;
/** Lines are gathered to writes of this size. */
const writeBytes = 1 << 20;
/** Issues listed in the report. */
const listedIssues = 5000;

type MetaWithFacts = ExampleMeta & { readonly facts?: ExampleFacts };

/** Everything a run reads. */
export interface RunInputs {
  readonly session: ProjectSession;
  readonly tokenizers: Pick<TokenizerShelf, 'bytes' | 'chat'>;
  readonly pool: Pick<CompilePool, 'size' | 'prepare' | 'run' | 'sha256'>;
}

/** Writes lines in large pieces and hashes them on the way. */
class LineWriter {
  readonly #file: AppendFile;
  readonly #hash = sha256.create();
  readonly #encoder = new TextEncoder();
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  lines = 0;

  constructor(file: AppendFile) {
    this.#file = file;
  }

  /** Bytes including those not yet handed to the file. */
  get bytes(): number {
    return this.#file.sizeBytes + this.#waitingBytes;
  }

  /** Takes over what is already in the file. */
  async replay(): Promise<void> {
    const size = this.#file.sizeBytes;
    for (let start = 0; start < size; start += writeBytes * 4) {
      const bytes = await this.#file.read(start, Math.min(size, start + writeBytes * 4));
      this.#hash.update(bytes);
      for (const byte of bytes) if (byte === 10) this.lines++;
    }
  }

  /** The byte range of the line, without its line break. */
  add(line: string): { readonly start: number; readonly end: number } {
    const start = this.bytes;
    const bytes = this.#encoder.encode(`${line}\n`);
    this.#hash.update(bytes);
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    this.lines++;
    if (this.#waitingBytes >= writeBytes) this.drain();
    return { start, end: start + bytes.length - 1 };
  }

  drain(): void {
    // One by one: after a full disk those that are written must not be written again.
    for (let bytes = this.#waiting[0]; bytes; bytes = this.#waiting[0]) {
      this.#file.append(bytes);
      this.#waiting.shift();
      this.#waitingBytes -= bytes.length;
    }
  }

  sha256(): string {
    return bytesToHex(this.#hash.clone().digest());
  }
}

/** Loads what every worker of a run needs. */
export async function setupOf(
  inputs: RunInputs,
  set: Pick<StoredCompiledSet, 'info'>,
): Promise<{
  readonly setup: CompileSetup;
  readonly databases: readonly RecipeFile[];
  readonly benchmarks: readonly RecipeFile[];
}> {
  const { session, tokenizers } = inputs;
  const { request } = set.info;
  const options = {
    ...request.options,
    kindOverrides: { ...Object.fromEntries(session.kindOverrides), ...request.options.kindOverrides },
  };
  const databases = await databasesOf(inputs, request.databaseFileIds);
  const benchmarks = await benchmarksOf(inputs, request.benchmarkFileIds);
  return {
    databases: databases.map(({ recipe }) => recipe),
    benchmarks: benchmarks.map(({ recipe }) => recipe),
    setup: {
      options,
      tokenizer: options.countTokens ? await tokenizers.bytes(request.tokenizerId, session) : null,
      databases: databases.map(({ recipe, blob }) => ({ name: recipe.file, blob })),
      curation: request.curation ?? defaultCuration,
      benchmarks: benchmarks.flatMap(({ texts }) => texts),
    },
  };
}

/** sha256 of an input, worked out once for each. */
export async function hashOf(
  { session, pool }: Pick<RunInputs, 'session' | 'pool'>,
  fileId: number,
  path: string,
  blob: Blob,
): Promise<string> {
  const file = session.files.get(fileId);
  const known = file?.hashes.get(path);
  if (known !== undefined) return known;
  const hash = await pool.sha256(blob);
  file?.hashes.set(path, hash);
  session.changed();
  return hash;
}

async function databasesOf(
  inputs: RunInputs,
  fileIds: readonly number[],
): Promise<{ readonly recipe: RecipeFile; readonly blob: Blob }[]> {
  const found: { recipe: RecipeFile; blob: Blob }[] = [];
  for (const fileId of fileIds) {
    const file = inputs.session.files.get(fileId);
    for (const database of file?.databases ?? []) {
      const blob = await databaseBytes(inputs.session, fileId, database);
      const hash = await hashOf(inputs, fileId, database.file, blob);
      found.push({ blob, recipe: { file: database.file, sha256: hash, bytes: blob.size } });
    }
  }
  return found;
}

async function databaseBytes(
  session: ProjectSession,
  fileId: number,
  database: FoundDatabase,
): Promise<Blob> {
  return readMember(session, fileId, openedPath(database.file), database.chain);
}

async function benchmarksOf(
  inputs: RunInputs,
  fileIds: readonly number[],
): Promise<{ readonly recipe: RecipeFile; readonly texts: readonly BenchmarkText[] }[]> {
  const found: { recipe: RecipeFile; texts: BenchmarkText[] }[] = [];
  for (const fileId of fileIds) {
    const file = inputs.session.files.get(fileId);
    for (const { path } of file?.bytes?.members ?? []) {
      const blob = await readMember(inputs.session, fileId, path, []);
      const texts = await readBenchmark(blobSource(path, blob));
      const hash = await hashOf(inputs, fileId, path, blob);
      found.push({ texts, recipe: { file: path, sha256: hash, bytes: blob.size } });
    }
  }
  return found;
}

/** A planned task with its file and hash. */
async function taskOf(
  inputs: RunInputs,
  planned: ReturnType<typeof planTasks>[number],
): Promise<CompileTask> {
  const { fileId, path, mode, items, window } = planned;
  const blob = await readMember(inputs.session, fileId, path, []);
  return { mode, items, window, source: { path, blob, sha256: await hashOf(inputs, fileId, path, blob) } };
}

/** The task that compiles one trajectory, for the preview. */
export async function previewTask(inputs: RunInputs, row: number): Promise<CompileTask> {
  const [planned] = planTasks(inputs.session.index, (other) => other === row);
  if (!planned) throw new Error('Internal error: nothing was planned for a row');
  return taskOf(inputs, planned);
}

/**
 * Compiles the rows of a set, or goes on where an interrupted run stopped. The bytes written depend on inputs,
 * options and their order only, not on the number of workers or on interruptions.
 */
export async function runCompile(
  inputs: RunInputs,
  set: StoredCompiledSet,
  rows: ReadonlySet<number>,
  job: JobHandle,
  onRows: () => void,
): Promise<void> {
  const { session, pool } = inputs;
  const { checkpoint } = set;
  job.progress({ stage: 'loading tokenizer and databases', totalItems: rows.size });
  const { setup, databases, benchmarks } = await setupOf(inputs, set);
  throwIfCancelled(job.signal, 'Compile');
  const databaseIssues = await pool.prepare(setup);
  const examplesFile = await set.folder.openAppend('examples.jsonl', checkpoint?.examplesBytes ?? 0);
  const journalFile = await set.folder.openAppend('journal.jsonl', checkpoint?.journalBytes ?? 0);
  set.writing = examplesFile;
  const examples = new LineWriter(examplesFile);
  const journal = new LineWriter(journalFile);
  const live: Rejection[] = [];
  set.liveRejections = live;

  let replaying = false;
  const sink = {
    example: (line: string, meta: MetaWithFacts): void => {
      if (replaying) return;
      const { start, end } = examples.add(line);
      set.addRow(meta, meta.facts ?? factsOf(JSON.parse(line) as Example), start, end);
    },
  };
  const curator = new StreamingCurator(setup.curation);
  const reducer = new SetReducer(
    setup.options,
    sink,
    counterOf(setup),
    needsSignatures(setup) ? curator : null,
  );

  let done = 0;
  /** False between the lines of one trajectory. */
  let isWhole = true;
  let savedAt = performance.now();
  const save = async (phase: 'running' | 'interrupted'): Promise<void> => {
    examples.drain();
    journal.drain();
    examplesFile.flush();
    journalFile.flush();
    savedAt = performance.now();
    const exampleCount = set.table.length;
    set.checkpoint = {
      trajectoryCount: done,
      exampleCount,
      examplesBytes: examples.bytes,
      journalBytes: journal.bytes,
    };
    set.info = {
      ...set.info,
      phase,
      exampleCount,
      rejectionCount: done - exampleCount,
      sizeBytes: examples.bytes,
    };
    await set.save(true);
  };

  try {
    if (checkpoint) {
      job.progress({ stage: 'taking up the interrupted run' });
      await examples.replay();
      const text = new TextDecoder().decode(await journalFile.read(0, checkpoint.journalBytes));
      replaying = true;
      for (const entry of readJournal(text)) {
        await reducer.add(
          'rejection' in entry
            ? entry
            : { line: '', meta: entry.meta, signature: entry.signature, example: null },
        );
        done++;
      }
      replaying = false;
    } else set.clearRows();

    const remaining = skipFirst(rows, done);
    const tasks = planTasks(session.index, (row) => remaining.has(row));
    let batchCount = 0;
    await reduceInOrder<ReturnType<typeof planTasks>[number], readonly MappedItem[]>(
      tasks,
      pool.size + 1,
      async (planned, push) => {
        throwIfCancelled(job.signal, 'Compile');
        await pool.run(await taskOf(inputs, planned), push);
      },
      async (items) => {
        for (const { outcome, facts } of items) {
          throwIfCancelled(job.signal, 'Compile');
          isWhole = false;
          journal.add(entryOf(outcome));
          if ('rejection' in outcome) {
            live.push(outcome.rejection);
            await reducer.add(outcome);
          } else await reducer.add({ ...outcome, meta: { ...outcome.meta, facts } as ExampleMeta });
          done++;
          isWhole = true;
        }
        job.progress({ stage: 'compiling', doneItems: done, doneBytes: examples.bytes });
        if (batchCount++ % 4 === 0) onRows();
        // Random context holds examples back, so that its state cannot be taken up again.
        if (performance.now() - savedAt > checkpointEveryMs && isResumable(set)) await save('running');
      },
    );
    const report = await reducer.finish(issuesOf(session, rows, databaseIssues));
    examples.drain();
    const split = curator.split(setup.options.seed);
    const output = split
      ? await holdOut(set, examplesFile, new Set(split.eval))
      : { sha256: examples.sha256(), bytes: examples.bytes, lines: examples.lines };
    await finish(inputs, set, rows, { setup, databases, benchmarks }, report, output);
    job.finish(
      `${count(set.info.exampleCount, 'example', 'examples')}, ${count(set.info.rejectionCount, 'rejection', 'rejections')}`,
    );
  } catch (error) {
    if (isResumable(set)) {
      // Else what was saved last stays: journal and examples tell of different trajectories.
      if (isWhole) await save('interrupted');
    } else {
      set.clearRows();
      set.checkpoint = null;
      set.info = { ...set.info, phase: 'failed', exampleCount: 0, rejectionCount: 0 };
      await set.save(true);
    }
    throw error;
  } finally {
    set.writing = null;
    examplesFile.close();
    journalFile.close();
    onRows();
  }
}

/** Runs whose reduce step can be brought to the same state again from the journal. */
function isResumable(set: StoredCompiledSet): boolean {
  return set.info.request.options.control !== 'random-context';
}

function entryOf(outcome: MappedItem['outcome']): string {
  const entry: JournalEntry =
    'rejection' in outcome ? outcome : { meta: outcome.meta, signature: outcome.signature };
  return journalLine(entry).trimEnd();
}

function skipFirst(rows: ReadonlySet<number>, skipped: number): ReadonlySet<number> {
  return skipped === 0 ? rows : new Set([...rows].sort((a, b) => a - b).slice(skipped));
}

/** Issues of the files compiled, those of databases first, then those of verdicts beside runs. */
function issuesOf(
  session: ProjectSession,
  rows: ReadonlySet<number>,
  databaseIssues: readonly CatalogIssue[],
): JsonValue {
  const fileIds = new Set([...rows].map((row) => session.index.fileId.at(row)));
  const issues: (Issue | CatalogIssue)[] = [...databaseIssues];
  const verdictFiles = [...fileIds].flatMap((fileId) => session.files.get(fileId)?.verdictFiles ?? []);
  for (const fileId of new Set([...verdictFiles.map((file) => file.fileId), ...fileIds]))
    issues.push(...(session.files.get(fileId)?.issues.kept ?? []));
  return issues.slice(0, listedIssues) as unknown as JsonValue;
}

/**
 * Marks the evaluation split, and tells size and hash of the rest: what `examples.jsonl` holds when the split is
 * written to a file of its own. Here all lines stay in one file, and exports part them.
 */
async function holdOut(
  set: StoredCompiledSet,
  file: AppendFile,
  ids: ReadonlySet<string>,
): Promise<{ readonly sha256: string; readonly bytes: number; readonly lines: number }> {
  const { table } = set;
  const hash = sha256.create();
  let bytes = 0;
  let lines = 0;
  for (let row = 0; row < table.length; row++) {
    if (ids.has(table.id.at(row))) continue;
    const line = await file.read(table.start.at(row), table.end.at(row) + 1);
    hash.update(line);
    bytes += line.length;
    lines++;
  }
  table.heldOut = ids;
  await set.folder.writeText('held-out.json', JSON.stringify([...ids]));
  return { sha256: bytesToHex(hash.digest()), bytes, lines };
}

async function finish(
  inputs: RunInputs,
  set: StoredCompiledSet,
  rows: ReadonlySet<number>,
  parts: Awaited<ReturnType<typeof setupOf>>,
  report: SetReport,
  output: { readonly sha256: string; readonly bytes: number; readonly lines: number },
): Promise<void> {
  const { session, tokenizers } = inputs;
  const { request } = set.info;
  const chat = parts.setup.tokenizer ? await tokenizers.chat(request.tokenizerId, session) : null;
  const recipe = makeRecipe({
    toolVersion,
    options: parts.setup.options,
    tokenizer: chat && recipeTokenizer(chat),
    inputs: [...recipeInputs(session, rows), ...(await verdictInputs(inputs, rows))],
    databases: parts.databases,
    benchmarks: parts.benchmarks,
    curation: { ...parts.setup.curation },
    output: { file: 'examples.jsonl', ...output },
  });
  const document = {
    options: report.options,
    counts: report.counts,
    accepted: report.accepted,
    rejections: report.rejections,
    ledger: report.ledger,
    licenses: report.licenses,
    issues: report.issues,
  };
  await set.folder.writeText('report.json', prettyJson(document));
  await set.folder.writeText('recipe.json', prettyJson(recipe));
  await set.folder.writeText('README.md', datasetCard(report, recipe));
  set.checkpoint = null;
  set.liveRejections = report.rejections;
  set.info = {
    ...set.info,
    phase: 'complete',
    exampleCount: report.accepted.length,
    rejectionCount: report.rejections.length,
    sizeBytes: output.bytes,
    sha256: output.sha256,
  };
  await set.save(true);
}

function recipeInputs(session: ProjectSession, rows: ReadonlySet<number>): RecipeFile[] {
  const inputs = new Map<string, RecipeFile>();
  for (const row of [...rows].sort((a, b) => a - b)) {
    const file = session.files.get(session.index.fileId.at(row));
    const path = openedPath(session.index.file.at(row));
    if (!file || inputs.has(`${file.info.id}/${path}`)) continue;
    const bytes = file.bytes?.members.find((member) => member.path === path)?.sizeBytes ?? 0;
    inputs.set(`${file.info.id}/${path}`, { file: path, sha256: file.hashes.get(path) ?? '', bytes });
  }
  return [...inputs.values()];
}

/** The files that say how the runs ended: they decide which are compiled. */
async function verdictInputs(inputs: RunInputs, rows: ReadonlySet<number>): Promise<RecipeFile[]> {
  const { session } = inputs;
  const found = new Map<string, RecipeFile>();
  for (const id of new Set([...rows].sort((a, b) => a - b).map((row) => session.index.fileId.at(row)))) {
    for (const { fileId, path } of session.files.get(id)?.verdictFiles ?? []) {
      const key = `${fileId}/${path}`;
      const blob = found.has(key) ? null : await session.files.get(fileId)?.bytes?.blobOf(path);
      if (!blob) continue;
      const sha256 = await hashOf(inputs, fileId, path, blob);
      found.set(key, { file: path, sha256, bytes: blob.size });
    }
  }
  return [...found.values()];
}
