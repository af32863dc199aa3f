import type { ByteSource, Progress } from '../core/byteSource.ts';
import { CancelledError, InputError, messageOf } from '../core/errors.ts';
import { completeTrajectory } from './extract/complete.ts';
import type { VerdictBook } from './folder/verdictBook.ts';
import type { DraftTrajectory, FormatAdapter } from './format.ts';
import { formats as allFormats } from './formats/registry.ts';
import {
  defaultImportLimits,
  ImportRun,
  trackedSource,
  type IdRegistry,
  type ImportLimits,
} from './io/importRun.ts';
import { importSource } from './io/importSource.ts';
import type { ImportEvent, TrajectoryLocator } from './io/locator.ts';
import { openAt } from './io/openAt.ts';
import type { Trajectory } from './schema.ts';

export type { IdRegistry } from './io/importRun.ts';
export type {
  ContainerStep,
  FoundDatabase,
  ImportEvent,
  ImportTotals,
  RecognisedFile,
  TrajectoryLocator,
} from './io/locator.ts';

export interface ImportOptions {
  readonly signal?: AbortSignal;
  /** Called with each progress event too, for callers that do not walk the events. */
  readonly onProgress?: (progress: Progress) => void;
  /** Ids already given; share one map between the files of one import. */
  readonly ids?: IdRegistry;
  readonly limits?: Partial<ImportLimits>;
  /** What other files of the folder say about the runs of this one, from `planFolder`. */
  readonly verdicts?: VerdictBook;
  /** The file is one of a folder: what is no run of an agent is then nothing to worry about. */
  readonly isMember?: boolean;
  /** The formats to recognise, all known ones by default. */
  readonly formats?: readonly FormatAdapter[];
  /** How drafts become trajectories; tests of the reading alone replace it. */
  readonly complete?: (draft: DraftTrajectory) => Trajectory;
}

/**
 * Reads a file of trajectories, whatever it is packed in, and yields what it finds as it finds it. Memory is
 * bounded whatever the file's size, except that a run which fills a whole file is held as one.
 * Bad data never throws: it becomes issues. Throws `CancelledError` within 200 ms of an abort, and
 * `InputError` when the source itself cannot be read.
 */
export async function* importFile(
  source: ByteSource,
  options: ImportOptions = {},
): AsyncGenerator<ImportEvent> {
  const run = newRun(source, options);
  const tracked = trackedSource(source, run);
  const deliver = function* (): Generator<ImportEvent> {
    for (const event of run.take()) {
      if (event.type === 'progress') options.onProgress?.(event.progress);
      yield event;
    }
  };
  try {
    for await (const pause of importSource(run, tracked)) {
      void pause;
      yield* deliver();
    }
  } catch (error) {
    yield* deliver();
    if (error instanceof CancelledError || error instanceof InputError) throw error;
    throw new InputError('unreadable-file', messageOf(error), { where: source.name });
  }
  run.reportUnlisted();
  if (source.sizeBytes !== null) run.reached(source.sizeBytes);
  run.progress('Done');
  yield* deliver();
  yield { type: 'done', totals: { ...run.totals, bytes: run.doneBytes } };
}

/**
 * Reads one trajectory again, and only it where its file allows that: by byte range, row or archive entry.
 * Compressed streams are passed through up to it with bounded memory. Throws `InputError` when the file no
 * longer holds what the locator says.
 */
export async function openTrajectory(
  source: ByteSource,
  locator: TrajectoryLocator,
  options: Omit<ImportOptions, 'onProgress' | 'ids'> = {},
): Promise<Trajectory> {
  const run = newRun(source, options);
  const trajectory = await openAt(run, source, locator);
  if (trajectory) return trajectory;
  throw new InputError('record-not-found', 'The file does not hold this trajectory any more', {
    where: `${locator.file}, record ${locator.record}`,
    expected: `a record of format ${locator.format}`,
    advice: 'Import the file again.',
  });
}

function newRun(source: ByteSource, options: ImportOptions): ImportRun {
  return new ImportRun({
    formats: options.formats ?? allFormats,
    complete: options.complete ?? completeTrajectory,
    signal: options.signal,
    limits: { ...defaultImportLimits, ...options.limits },
    ids: options.ids ?? new Map<string, number>(),
    verdicts: options.verdicts,
    isMember: options.isMember ?? false,
    totalBytes: source.sizeBytes,
    what: `Importing ${source.name}`,
  });
}
