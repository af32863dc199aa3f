import { mapOrdered } from '../compile/orderedMap.ts';
import type { MappedOutcome } from '../compile/setReducer.ts';
import type { VerdictBook } from '../trajectories/folder/verdictBook.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import { importFile, type IdRegistry } from '../trajectories/import.ts';
import { formats } from '../trajectories/formats/registry.ts';
import { defaultImportLimits, ImportRun } from '../trajectories/io/importRun.ts';
import type { Issue, Trajectory } from '../trajectories/schema.ts';
import { lineBatches, lineFormat, type LineBatch } from './lineBatch.ts';
import type { LineEvent, LineResult, RenamedDraft } from './lineReader.ts';
import { openPlanned, type PlannedFile } from './folderInputs.ts';
import { stdinSource, type NodeSource } from './nodeSource.ts';

/** Drafts that go to a thread together. */
const batchDrafts = 64;
const batchCharacters = 2_000_000;
/** Drafts pass through the import; whoever maps them completes them. */
const complete = (draft: DraftTrajectory): Trajectory => draft as Trajectory;

/** Who maps outside this thread; results come in any order. */
export interface OutcomeMapper {
  map(drafts: readonly DraftTrajectory[]): Promise<readonly MappedOutcome[]>;
  readLines(batch: LineBatch): Promise<LineResult>;
  readRenamed(batch: LineBatch, renamed: readonly RenamedDraft[]): Promise<readonly MappedOutcome[]>;
}

export interface InputReader {
  /** Threads; null maps here. */
  readonly pool: OutcomeMapper | null;
  readonly map: (drafts: readonly DraftTrajectory[]) => readonly MappedOutcome[];
  /** Units under way at once. */
  readonly concurrency: number;
  /** The books of verdicts as the threads number them. */
  readonly books: readonly VerdictBook[];
  /** Called in the order of the records, whatever thread was first. */
  readonly onOutcome: (outcome: MappedOutcome) => Promise<void>;
  readonly onIssue: (issue: Issue) => void;
  readonly onProgress: (doneBytes: number) => void;
}

/**
 * Reads all files in order and maps what they hold. With threads, large JSON-lines files are read by the threads
 * themselves, range by range; all others are read here and only mapped there. The results are the same.
 */
export async function readInputs(files: readonly PlannedFile[], reader: InputReader): Promise<void> {
  const ids: IdRegistry = new Map();
  let before = 0;
  let together: PlannedFile[] = [];
  const readTogether = async (): Promise<void> => {
    const bytes = together.reduce((sum, file) => sum + file.bytes, 0);
    await readDrafts(together, reader, ids, before - bytes);
    together = [];
  };
  for (const file of files) {
    const format = reader.pool && file.path !== '-' ? await formatOf(file) : null;
    if (reader.pool && format !== null) {
      await readTogether();
      await readLines(file, format, reader, reader.pool, ids, before, null);
    } else {
      together.push(file);
    }
    before += file.bytes;
  }
  await readTogether();
}

async function openInput(file: PlannedFile): Promise<NodeSource> {
  return file.path === '-' ? { ...(await stdinSource()), name: file.name } : openPlanned(file);
}

async function formatOf(file: PlannedFile): Promise<string | null> {
  const source = await openInput(file);
  try {
    return await lineFormat(source);
  } finally {
    await source.close();
  }
}

/** Files that are read in one go. `skipRecords`: records of the (only) file that were told already. */
export async function readDrafts(
  files: readonly PlannedFile[],
  reader: InputReader,
  ids: IdRegistry,
  before: number,
  skipRecords = 0,
): Promise<void> {
  const { pool } = reader;
  await mapOrdered(
    // Alone, each is mapped as soon as it is read: what is held meanwhile the garbage collector would copy.
    draftBatches(files, reader, ids, before, skipRecords, pool ? batchDrafts : 1),
    async (drafts) => (pool ? pool.map(drafts) : reader.map(drafts)),
    async (outcomes) => {
      for (const outcome of outcomes) await reader.onOutcome(outcome);
    },
    reader.concurrency,
  );
}

/** Drafts of the files in order, in batches of bounded size. */
export async function* draftBatches(
  files: readonly PlannedFile[],
  { onIssue, onProgress }: Pick<InputReader, 'onIssue' | 'onProgress'>,
  ids: IdRegistry,
  before: number,
  skipRecords: number,
  mostDrafts = batchDrafts,
): AsyncGenerator<DraftTrajectory[]> {
  let done = before;
  let batch: DraftTrajectory[] = [];
  let size = 0;
  for (const file of files) {
    const source = await openInput(file);
    try {
      const { verdicts, isMember } = file;
      const options = { ids, complete, isMember, ...(verdicts ? { verdicts } : {}) };
      for await (const event of importFile(source, options)) {
        if (event.type === 'issue') {
          if ((event.issue.record ?? Infinity) >= skipRecords) onIssue(event.issue);
        } else if (event.type === 'progress') onProgress(done + event.progress.doneBytes);
        else if (event.type === 'trajectory' && event.locator.record >= skipRecords) {
          batch.push(event.trajectory);
          for (const step of event.trajectory.steps) size += step.text.length;
          if (batch.length < mostDrafts && size < batchCharacters) continue;
          yield batch;
          batch = [];
          size = 0;
        }
      }
    } finally {
      await source.close();
    }
    done += file.bytes;
  }
  if (batch.length > 0) yield batch;
}

/**
 * A JSON-lines file that the threads read. Where its lines turn out damaged, the rest of it is read here.
 * @param cut its ranges where they are known; null finds them
 */
export async function readLines(
  file: PlannedFile,
  format: string,
  reader: InputReader,
  pool: OutcomeMapper,
  ids: IdRegistry,
  before: number,
  cut: Iterable<LineBatch> | null,
): Promise<void> {
  const idsBefore = new Map(ids);
  const run = new ImportRun({
    formats,
    complete,
    signal: undefined,
    limits: defaultImportLimits,
    ids,
    totalBytes: file.bytes,
    what: `Importing ${file.name}`,
  });
  const source = cut ? null : await openInput(file);
  const state: { brokenFrom: number | null } = { brokenFrom: null };
  const book = file.verdicts ? reader.books.indexOf(file.verdicts) : null;
  const place = { path: file.path, file: file.name, format, book };
  const batches = async function* (): AsyncGenerator<LineBatch> {
    for await (const batch of cut ?? lineBatches(source!, place)) {
      if (state.brokenFrom !== null) return;
      yield batch;
    }
  };
  try {
    await mapOrdered(
      batches(),
      async (batch): Promise<{ batch: LineBatch; result: LineResult }> => ({
        batch,
        result: await pool.readLines(batch),
      }),
      async ({ batch, result }) => {
        if (state.brokenFrom !== null) return;
        if (!result.isRegular) {
          state.brokenFrom = batch.firstRecord;
          return;
        }
        await takeBatch(batch, result.events, format, run, reader, pool);
        reader.onProgress(before + batch.end);
      },
      reader.concurrency,
    );
  } finally {
    await source?.close();
  }
  if (state.brokenFrom === null) {
    run.reportUnlisted();
    for (const event of run.take()) if (event.type === 'issue') reader.onIssue(event.issue);
    return;
  }
  ids.clear();
  for (const [id, count] of idsBefore) ids.set(id, count);
  await readDrafts([file], reader, ids, before, state.brokenFrom);
}

/** Makes the ids of a batch unique, has the runs compiled again whose id changed, and tells all in order. */
async function takeBatch(
  batch: LineBatch,
  events: readonly LineEvent[],
  format: string,
  run: ImportRun,
  reader: InputReader,
  pool: OutcomeMapper,
): Promise<void> {
  const renamed: RenamedDraft[] = [];
  const outcomes: (MappedOutcome | null)[] = [];
  for (const event of events) {
    if ('issue' in event) run.report(event.issue);
    else {
      const { id, record, draft, outcome } = event;
      const place = { type: 'file' } as const;
      const where = { file: batch.file, chain: [], layout: 'json-lines', envelope: null, key: null } as const;
      // Only the id matters here: the run itself stays with its thread.
      run.trajectory({ id } as DraftTrajectory, { ...where, place, format, record, draft });
      for (const told of run.take()) {
        if (told.type === 'issue') reader.onIssue(told.issue);
        else if (told.type === 'trajectory') {
          const isNew = told.locator.id === id;
          outcomes.push(isNew ? outcome : null);
          if (!isNew) renamed.push({ record, draft, id: told.locator.id });
        }
      }
      continue;
    }
    for (const told of run.take()) if (told.type === 'issue') reader.onIssue(told.issue);
  }
  const again = renamed.length > 0 ? await pool.readRenamed(batch, renamed) : [];
  let next = 0;
  for (const outcome of outcomes) await reader.onOutcome(outcome ?? again[next++]!);
}
