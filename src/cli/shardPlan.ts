import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { compilerVersion } from '../compile/version.ts';
import { InputError, messageOf, UsageError } from '../core/errors.ts';
import { VerdictBook, type FiledVerdicts } from '../trajectories/folder/verdictBook.ts';
import type { NamedFile } from './compileFiles.ts';
import { prepareCompile, type CompileJob, type PreparedCompile } from './compileRun.ts';
import { openPlanned } from './folderInputs.ts';
import { lineBatches, lineFormat, type LineBatch } from './lineBatch.ts';
import { cannotWrite, makeFolder } from './outputFile.ts';

const planFormat = 'acc-compile-plan';
const planVersion = 2;

/** Input bytes of a shard, unless asked otherwise: some seconds of work, many times the start of a process. */
export const defaultShardBytes = 64 << 20;

/** What decides the output; a plan fixes it for all processes that work on it. */
type PlannedJob = Pick<CompileJob, 'tokenizer' | 'options' | 'curation' | 'toolVersion'>;

/**
 * One unit of work. `lines`: ranges of whole lines of a large JSON-lines file, each as start, end and number of the
 * first record; `files`: whole files, read in one go.
 */
export type Shard =
  | {
      readonly type: 'lines';
      readonly file: number;
      readonly format: string;
      readonly ranges: readonly (readonly [start: number, end: number, firstRecord: number])[];
    }
  | { readonly type: 'files'; readonly from: number; readonly to: number };

export interface CompilePlan {
  readonly job: PlannedJob;
  readonly prepared: PreparedCompile;
  readonly shards: readonly Shard[];
  /** SHA-256 of the plan's file: shards of another plan are told by it. */
  readonly sha256: string;
}

interface PlanFile {
  readonly format: typeof planFormat;
  readonly version: typeof planVersion;
  readonly compilerVersion: number;
  readonly job: PlannedJob;
  readonly files: readonly (NamedFile & { readonly book: number | null })[];
  readonly books: readonly (readonly WrittenVerdicts[])[];
  readonly inputs: PreparedCompile['inputs'];
  readonly databases: PreparedCompile['databases'];
  readonly benchmarks: PreparedCompile['benchmarks'];
  readonly issues: PreparedCompile['issues'];
  readonly shards: readonly Shard[];
}

interface WrittenVerdicts {
  readonly file: string;
  readonly reach: string;
  readonly byId: readonly (readonly [string, unknown])[];
  readonly own: unknown;
  readonly patches: readonly (readonly [string, string])[];
}

/** Reads the inputs once (names, hashes, line ends) and writes `plan.json` into the folder. */
export async function writePlan(job: CompileJob, folder: string, shardBytes: number): Promise<CompilePlan> {
  await makeFolder(folder);
  const prepared = await prepareCompile(job, refuseStream);
  const shards = await cutShards(prepared, shardBytes);
  const { files, books, inputs } = prepared;
  const { tokenizer, options, curation, toolVersion } = job;
  const absolute = <File extends NamedFile>(file: File): File => ({
    ...file,
    path: resolve(file.path),
    ...(file.parts ? { parts: file.parts.map(absolute) } : {}),
  });
  const written: PlanFile = {
    format: planFormat,
    version: planVersion,
    compilerVersion,
    job: {
      // A folder is found wherever the other processes start; a name stays.
      tokenizer: existsSync(tokenizer) ? resolve(tokenizer) : tokenizer,
      ...{ options, curation, toolVersion },
    },
    files: files.map(({ verdicts, ...file }) => ({
      ...absolute(file),
      book: verdicts ? books.indexOf(verdicts) : null,
    })),
    books: books.map((book) => book.files.map(writeVerdicts)),
    inputs,
    databases: prepared.databases.map(({ file, hash }) => ({ file: absolute(file), hash })),
    benchmarks: prepared.benchmarks.map(({ file, hash }) => ({ file: absolute(file), hash })),
    issues: prepared.issues,
    shards,
  };
  const path = join(folder, 'plan.json');
  try {
    await writeFile(`${path}.part`, `${JSON.stringify(written)}\n`);
    await rename(`${path}.part`, path);
  } catch (error) {
    throw cannotWrite(path, error);
  }
  return readPlan(folder);
}

/** Other processes read the inputs by their paths, later. */
async function refuseStream(file: NamedFile): Promise<NamedFile> {
  if (!file.isStream) return file;
  throw new UsageError('bad-option', 'standard input and pipes cannot be cut into shards', {
    where: file.name,
    advice: 'save it to a file first',
  });
}

/** @throws InputError when the folder holds no plan of this version */
export async function readPlan(folder: string): Promise<CompilePlan> {
  const path = join(folder, 'plan.json');
  let bytes: Buffer;
  let value: PlanFile;
  try {
    bytes = await readFile(path);
    value = JSON.parse(bytes.toString('utf8')) as PlanFile;
  } catch (error) {
    throw new InputError('no-plan', `there is no plan that can be read (${messageOf(error)})`, {
      where: path,
      advice: 'make one with acc compile FILE… --plan DIR',
    });
  }
  if (
    value.format !== planFormat ||
    value.version !== planVersion ||
    value.compilerVersion !== compilerVersion
  ) {
    throw new InputError('foreign-plan', 'the plan is of another version', {
      where: path,
      expected: `${planFormat} ${planVersion} of compiler ${compilerVersion}`,
      actual: `${String(value.format)} ${String(value.version)} of compiler ${String(value.compilerVersion)}`,
      advice: 'plan again, and use one version of acc everywhere',
    });
  }
  const books = value.books.map((book) => VerdictBook.from(book.map(readVerdicts)));
  return {
    job: value.job,
    prepared: {
      files: value.files.map(({ book, ...file }) => ({
        ...file,
        ...(book === null ? {} : { verdicts: books[book]! }),
      })),
      books,
      inputs: value.inputs,
      databases: value.databases,
      benchmarks: value.benchmarks,
      issues: value.issues,
    },
    shards: value.shards,
    sha256: createHash('sha256').update(bytes).digest('hex'),
  };
}

/** Where the result of a shard lies. */
export function shardPath(folder: string, shard: number): string {
  return join(folder, `shard-${String(shard).padStart(6, '0')}.jsonl`);
}

/** The ranges of a shard as the threads read them. */
export function batchesOf({ prepared }: CompilePlan, shard: Shard & { type: 'lines' }): LineBatch[] {
  const file = prepared.files[shard.file]!;
  const book = file.verdicts ? prepared.books.indexOf(file.verdicts) : null;
  const place = { path: file.path, file: file.name, format: shard.format, book };
  return shard.ranges.map(([start, end, firstRecord]) => ({ ...place, start, end, firstRecord }));
}

/** Large JSON-lines files are cut at line ends; other files stay whole, small ones together. */
async function cutShards({ files, books }: PreparedCompile, shardBytes: number): Promise<Shard[]> {
  const shards: Shard[] = [];
  let from = 0;
  let bytes = 0;
  const endFiles = (to: number): void => {
    if (to > from) shards.push({ type: 'files', from, to });
    from = to;
    bytes = 0;
  };
  for (const [index, file] of files.entries()) {
    const source = await openPlanned(file);
    try {
      const format = await lineFormat(source);
      if (format === null) {
        if (bytes > 0 && bytes + file.bytes > shardBytes) endFiles(index);
        bytes += file.bytes;
        continue;
      }
      endFiles(index);
      from = index + 1;
      let ranges: [number, number, number][] = [];
      let size = 0;
      const book = file.verdicts ? books.indexOf(file.verdicts) : null;
      for await (const batch of lineBatches(source, { path: file.path, file: file.name, format, book })) {
        ranges.push([batch.start, batch.end, batch.firstRecord]);
        size += batch.end - batch.start;
        if (size < shardBytes) continue;
        shards.push({ type: 'lines', file: index, format, ranges });
        ranges = [];
        size = 0;
      }
      if (ranges.length > 0) shards.push({ type: 'lines', file: index, format, ranges });
    } finally {
      await source.close();
    }
  }
  endFiles(files.length);
  return shards;
}

function writeVerdicts({ file, found, reach }: FiledVerdicts): WrittenVerdicts {
  return { file, reach, byId: [...found.byId], own: found.own, patches: [...found.patches] };
}

function readVerdicts({ file, reach, byId, own, patches }: WrittenVerdicts): FiledVerdicts {
  const found = { byId: new Map(byId), own, patches: new Map(patches) };
  return { file, reach, found: found as FiledVerdicts['found'] };
}
