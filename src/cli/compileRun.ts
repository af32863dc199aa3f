import { resolve } from 'node:path';
import { readBenchmark } from '../compile/curate/benchmarkFile.ts';
import type { BenchmarkText } from '../compile/curate/decontaminate.ts';
import { datasetCard } from '../compile/datasetCard.ts';
import { estimateCounter, type TokenCounter } from '../compile/countText.ts';
import { makeRecipe, type Recipe, type RecipeFile } from '../compile/recipe.ts';
import { prettyJson } from '../compile/serialize.ts';
import { StreamingCurator, type CurationOptions } from '../compile/setCurator.ts';
import { SetReducer, type CompileSink, type SetReport } from '../compile/setReducer.ts';
import type { CompileOptions } from '../compile/types.ts';
import { InputError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { VerdictBook } from '../trajectories/folder/verdictBook.ts';
import type { Issue } from '../trajectories/schema.ts';
import {
  hashFiles,
  isDatabaseFile,
  listGroups,
  refuseTwice,
  type HashedFile,
  type NamedFile,
} from './compileFiles.ts';
import { planInputs, type PlannedFile } from './folderInputs.ts';
import {
  startMapper,
  type DatabaseInput,
  type MapperFacts,
  type MapperSetup,
} from './compileMapperThread.ts';
import { checkOutputFolder, OutputFolder, StandardOutput } from './compileOutput.ts';
import { CompilePool } from './compilePool.ts';
import { openTokenizer } from './compileTokenizer.ts';
import { fileSource, leftOutIssue, unreadable } from './nodeSource.ts';
import { readInputs, type InputReader } from './readInputs.ts';
import { Spool } from './spool.ts';

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

/** Issues listed in the report; the import itself also limits them by file and kind. */
const listedIssues = 5000;

/** The inputs as they were found on disk. */
export interface PreparedCompile {
  readonly files: readonly PlannedFile[];
  readonly books: readonly VerdictBook[];
  /** Of all files and of the reports beside them, for the recipe. */
  readonly inputs: readonly RecipeFile[];
  readonly databases: readonly HashedFile<DatabaseInput>[];
  readonly benchmarks: readonly HashedFile[];
  /** Of files that were found but cannot be read. */
  readonly issues: readonly Issue[];
}

/** Where mapped outcomes come from. */
export interface OutcomeSource {
  readonly facts: MapperFacts;
  readonly counter: TokenCounter;
  read(reader: Pick<InputReader, 'onOutcome' | 'onIssue' | 'onProgress'>): Promise<void>;
}

/** Imports, compiles, reduces and writes. The output does not depend on the number of jobs. */
export async function runCompile(job: CompileJob): Promise<CompileOutcomeSummary> {
  if (job.out !== null) await checkOutputFolder(job.out);
  const spool = new Spool();
  let pool: CompilePool | null = null;
  try {
    const prepared = await prepareCompile(job, (file) => spool.keep(file));
    const setup = await mapperSetup(job, prepared);
    pool = job.jobs > 1 ? await CompilePool.start(job.jobs, setup) : null;
    // The main thread maps itself when it is alone.
    const mapper = pool ? null : await startMapper(setup);
    return await writeSet(job, prepared, {
      facts: pool?.facts ?? mapper!.facts,
      counter: mapper?.counter ?? (await counterOfReducer(job)),
      read: (reader) =>
        readInputs(prepared.files, {
          ...reader,
          pool,
          books: prepared.books,
          map: (drafts) => mapper!.map(drafts),
          concurrency: pool ? job.jobs * 2 : 1,
        }),
    });
  } finally {
    await pool?.stop();
    await spool.close();
  }
}

/** Gives a file that can be read again and again: streams are copied, or refused. */
type KeepFile = (file: NamedFile) => Promise<NamedFile>;

/**
 * Finds and hashes all files of a job. Inputs and what lies beside them are left out where they cannot be read.
 * @throws InputError when a path does not exist, and where nothing is left
 */
export async function prepareCompile(
  job: Pick<CompileJob, 'inputs' | 'databases' | 'benchmarks'>,
  keep: KeepFile,
): Promise<PreparedCompile> {
  refuseTwice([...job.inputs, ...job.databases, ...job.benchmarks]);
  const planned = await planInputs(job.inputs, isDatabaseFile);
  const issues: Issue[] = [];
  const leaveOut = ({ name }: NamedFile, error: unknown): void => {
    issues.push(leftOutIssue(name, unreadable(name, error)));
  };
  const files = await hashFiles(await keepAll(planned.files, keep), leaveOut);
  const [lost] = issues;
  if (files.length === 0 && lost) throw new InputError(lost.code, lost.message);
  const reports = await hashFiles(planned.reports, leaveOut);
  const named = await keepAll(await listNamed(job.databases), keep);
  const found = databaseInputs(named, await keepAll(planned.leftOut, keep));
  const databases = await hashFiles(found, (file, error) => {
    if (!file.isFound) throw error;
    leaveOut(file, error);
  });
  const benchmarks = await hashFiles(await keepAll(await listNamed(job.benchmarks), keep), refuse);
  return {
    files: files.map(({ file }) => file),
    books: [...new Set(files.flatMap(({ file }) => file.verdicts ?? []))],
    // Verdicts beside runs decide which are compiled.
    inputs: [...files, ...reports].map(({ hash }) => hash),
    databases,
    benchmarks,
    issues: [...issues, ...planned.remarks.slice(0, listedIssues)],
  };
}

async function listNamed(paths: readonly string[]): Promise<NamedFile[]> {
  return (await listGroups(paths)).flat();
}

async function keepAll<File extends NamedFile>(files: readonly File[], keep: KeepFile): Promise<File[]> {
  const kept: File[] = [];
  for (const file of files) kept.push({ ...file, ...(await keep(file)) });
  return kept;
}

function refuse(_: NamedFile, error: unknown): never {
  throw error;
}

/** A file named in two ways is one file: as two databases it would make every run ambiguous. */
function databaseInputs(named: readonly NamedFile[], found: readonly NamedFile[]): DatabaseInput[] {
  const place = ({ path }: NamedFile): string => resolve(path);
  const isNamed = new Set(named.map(place));
  const unique = new Map([...named, ...found].map((file) => [place(file), file]));
  return [...unique].map(([path, file]) => ({ ...file, isFound: !isNamed.has(path) }));
}

/** What the map step needs of a job. */
export async function mapperSetup(
  job: Pick<CompileJob, 'options' | 'tokenizer' | 'curation'>,
  { inputs, books, databases, benchmarks }: PreparedCompile,
): Promise<MapperSetup> {
  return {
    options: job.options,
    tokenizer: job.tokenizer,
    databases: databases.map(({ file }) => file),
    curation: job.curation,
    benchmarks: await loadBenchmarks(benchmarks.map(({ file }) => file)),
    hashes: Object.fromEntries(inputs.map((item) => [item.file, item.sha256])),
    books: books.map((book) => book.files),
  };
}

/** The reduce step over all outcomes, and the output folder. Needs no input file. */
export async function writeSet(
  job: Pick<CompileJob, 'out' | 'options' | 'curation' | 'toolVersion' | 'onProgress'>,
  { files, inputs, databases, benchmarks, issues: before }: PreparedCompile,
  source: OutcomeSource,
): Promise<CompileOutcomeSummary> {
  const issues: Issue[] = [...before];
  const folder = job.out === null ? null : await OutputFolder.open(job.out);
  const sink: CompileSink = folder ?? new StandardOutput();
  try {
    const curator = new StreamingCurator(job.curation);
    const signs = job.curation.dedup !== 'none' || job.curation.evalShare > 0 || benchmarks.length > 0;
    const reducer = new SetReducer(job.options, sink, source.counter, signs ? curator : null);
    const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
    let seen = 0;
    let accepted = 0;
    await source.read({
      onOutcome: async (outcome) => {
        seen++;
        if (!('rejection' in outcome)) accepted++;
        await reducer.add(outcome);
      },
      onIssue: (issue) => {
        if (issues.length < listedIssues) issues.push(issue);
      },
      onProgress: (doneBytes) => job.onProgress({ doneBytes, totalBytes, accepted, seen }),
    });
    const listed = [...source.facts.databaseIssues, ...issues].slice(0, listedIssues) as unknown as JsonValue;
    const report = await reducer.finish(listed);
    const split = curator.split(job.options.seed);
    const output = folder
      ? await folder.finish(split ? new Set(split.eval) : null)
      : { file: '-', sha256: '', bytes: 0, lines: report.accepted.length };
    const recipe = makeRecipe({
      toolVersion: job.toolVersion,
      options: job.options,
      tokenizer: source.facts.tokenizer,
      inputs,
      databases: databases.map(({ hash }) => hash),
      benchmarks: benchmarks.map(({ hash }) => hash),
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

async function loadBenchmarks(files: readonly NamedFile[]): Promise<BenchmarkText[]> {
  const texts: BenchmarkText[] = [];
  for (const file of files) {
    const source = await fileSource(file.path, file.name);
    try {
      texts.push(...(await readBenchmark(source)));
    } finally {
      await source.close();
    }
  }
  return texts;
}

/** With threads only the control that adds foreign evidence counts tokens in the main thread. */
export async function counterOfReducer({
  options,
  tokenizer,
}: Pick<CompileJob, 'options' | 'tokenizer'>): Promise<TokenCounter> {
  const counts = options.countTokens && options.control === 'random-context';
  return counts ? (await openTokenizer(tokenizer)).counter : estimateCounter;
}
