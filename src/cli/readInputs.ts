import { mapOrdered } from '../compile/orderedMap.ts';
import type { MappedOutcome } from '../compile/setReducer.ts';
import { InputError } from '../core/errors.ts';
import type { VerdictBook } from '../trajectories/folder/verdictBook.ts';
import type { DraftTrajectory } from '../trajectories/format.ts';
import { importFile, type IdRegistry, type ImportEvent } from '../trajectories/import.ts';
import { formats } from '../trajectories/formats/registry.ts';
import { defaultImportLimits, ImportRun } from '../trajectories/io/importRun.ts';
import type { Issue, Trajectory } from '../trajectories/schema.ts';
import { lineBatches, lineFormat, type LineBatch } from './lineBatch.ts';
import type { LineEvent, LineResult, OpenedEvent, OpenedLines, RenamedDraft } from './lineReader.ts';
import { openPlanned, type PlannedFile } from './folderInputs.ts';
import { leftOutIssue } from './nodeSource.ts';

/** Drafts that go to a thread together. */
const batchDrafts = 64;
const batchCharacters = 2_000_000;
/** Drafts pass through the import; whoever maps them completes them. */
const complete = (draft: DraftTrajectory): Trajectory => draft as Trajectory;

/** Who maps outside this thread; results come in any order. */
export interface OutcomeMapper {
  map(drafts: readonly DraftTrajectory[]): Promise<readonly MappedOutcome[]>;
  /** Reads and compiles a batch; its runs have the ids that they have by themselves. */
  readLines(batch: LineBatch): Promise<LineResult>;
  /** Only reads it; `readRenamed` then compiles its runs under their final ids. */
  openLines?(batch: LineBatch): Promise<OpenedLines>;
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
    const format = reader.pool ? await formatOf(file) : null;
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

async function formatOf(file: PlannedFile): Promise<string | null> {
  try {
    const source = await openPlanned(file);
    try {
      return await lineFormat(source);
    } finally {
      await source.close();
    }
  } catch (error) {
    // It is told of the file when it is read.
    if (isUnreadable(error)) return null;
    throw error;
  }
}

function isUnreadable(error: unknown): error is InputError {
  return error instanceof InputError && error.code === 'unreadable-file';
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

/**
 * Drafts of the files in order, in batches of bounded size. A file that can no longer be read becomes an issue, and the
 * others are read.
 */
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
    try {
      for await (const event of importPlanned(file, ids)) {
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
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      onIssue(leftOutIssue(file.name, error));
    }
    done += file.bytes;
  }
  if (batch.length > 0) yield batch;
}

async function* importPlanned(file: PlannedFile, ids: IdRegistry): AsyncGenerator<ImportEvent> {
  const { verdicts, isMember } = file;
  const source = await openPlanned(file);
  try {
    yield* importFile(source, { ids, complete, isMember, ...(verdicts ? { verdicts } : {}) });
  } finally {
    await source.close();
  }
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
  const source = cut ? null : await openPlanned(file);
  const state: { brokenFrom: number | null } = { brokenFrom: null };
  const book = file.verdicts ? reader.books.indexOf(file.verdicts) : null;
  const place = { path: file.path, file: file.name, format, book };
  const batches = async function* (): AsyncGenerator<LineBatch> {
    for await (const batch of cut ?? lineBatches(source!, place)) {
      if (state.brokenFrom !== null) return;
      yield batch;
    }
  };
  // Ids are given in the order of the records, whatever batch was read first; then all are compiled at once.
  let naming: Promise<unknown> = Promise.resolve();
  const mapBatch = async (batch: LineBatch): Promise<Told[] | null> => {
    const reading = pool.openLines?.(batch) ?? pool.readLines(batch);
    // A failure is met in its turn; until then it must not count as unhandled.
    reading.catch(() => undefined);
    const turn = naming.then(async () => {
      const { isRegular, events } = await reading;
      if (state.brokenFrom !== null) return null;
      if (isRegular) return nameRuns(batch, events, format, run);
      state.brokenFrom = batch.firstRecord;
      return null;
    });
    naming = turn.catch(() => undefined);
    const named = await turn;
    if (!named) return null;
    const compiled = named.wanted.length > 0 ? await pool.readRenamed(batch, named.wanted) : [];
    let next = 0;
    return named.told.map((one) => ('issue' in one ? one : { outcome: one.outcome ?? compiled[next++]! }));
  };
  try {
    await mapOrdered(
      batches(),
      async (batch) => ({ batch, told: await mapBatch(batch) }),
      async ({ batch, told }) => {
        if (!told) return;
        for (const one of told) {
          if ('issue' in one) reader.onIssue(one.issue);
          else await reader.onOutcome(one.outcome);
        }
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

type Told = { readonly issue: Issue } | { readonly outcome: MappedOutcome };

interface NamedRuns {
  /** In order; an outcome that is null is the next of `wanted`. */
  readonly told: readonly (Told | { readonly outcome: null })[];
  /** Runs to compile: those that wait for it, and those whose id is not the one they were compiled under. */
  readonly wanted: readonly RenamedDraft[];
}

/** Makes the ids of a batch unique. */
function nameRuns(
  batch: LineBatch,
  events: readonly (LineEvent | OpenedEvent)[],
  format: string,
  run: ImportRun,
): NamedRuns {
  const told: (Told | { outcome: null })[] = [];
  const wanted: RenamedDraft[] = [];
  for (const event of events) {
    if ('issue' in event) run.report(event.issue);
    else {
      const place = { type: 'file' } as const;
      const where = { file: batch.file, chain: [], layout: 'json-lines', envelope: null, key: null } as const;
      const { id, record, draft } = event;
      // Only the id matters here: the run itself stays with its thread.
      run.trajectory({ id } as DraftTrajectory, { ...where, place, format, record, draft });
    }
    for (const each of run.take()) {
      if (each.type === 'issue') told.push({ issue: each.issue });
      else if (each.type === 'trajectory' && !('issue' in event)) {
        const { id } = each.locator;
        const outcome = 'outcome' in event && id === event.id ? event.outcome : null;
        if (!outcome) wanted.push({ record: event.record, draft: event.draft, id });
        told.push({ outcome });
      }
    }
  }
  return { told, wanted };
}
