import type { ByteSource } from '../../core/byteSource.ts';
import { withBeside, type Beside, type VerdictBook } from '../folder/verdictBook.ts';
import type { DraftTrajectory, FormatAdapter } from '../format.ts';
import type { Issue, Severity, Trajectory } from '../schema.ts';
import { defaultInflateLimits, type InflateLimits, type ReportDamage } from './inflate.ts';
import type { ImportEvent, TrajectoryLocator } from './locator.ts';
import { MAX_RECORD_BYTES } from './splitter.ts';
import { Yielder } from './yielder.ts';

/** Issues of one code in one file that are listed singly; the rest are counted. */
const LISTED_ISSUES = 200;
const PROGRESS_EVERY_MS = 100;

/** Ids given out so far; share one between imports that go into one list. */
export type IdRegistry = Map<string, number>;

/** Bounds of an import; the defaults suit a browser tab. */
export interface ImportLimits {
  readonly inflate: InflateLimits;
  /** Archives within archives. */
  readonly maxDepth: number;
  /** Records of a format whose run is a whole file are collected up to this many bytes of input. */
  readonly maxSessionBytes: number;
  /** An archive or table file inside a compressed stream is unpacked into memory up to this size. */
  readonly maxUnpackedBytes: number;
  /** Largest file that is read as one record when it has no list to be cut at. */
  readonly maxRecordBytes: number;
  /** A file that is one JSON object is read as one record up to this size, and cut at its large list above. */
  readonly maxWholeBytes: number;
}

export const defaultImportLimits: ImportLimits = {
  inflate: defaultInflateLimits,
  maxDepth: 5,
  maxSessionBytes: 256 * 1024 * 1024,
  maxUnpackedBytes: 128 * 1024 * 1024,
  maxRecordBytes: MAX_RECORD_BYTES,
  maxWholeBytes: 32 * 1024 * 1024,
};

export interface RunOptions {
  readonly formats: readonly FormatAdapter[];
  readonly complete: (draft: DraftTrajectory) => Trajectory;
  readonly signal: AbortSignal | undefined;
  readonly limits: ImportLimits;
  readonly ids: IdRegistry;
  /** Verdicts of the folder that the file lies in. */
  readonly verdicts?: VerdictBook | undefined;
  /** The file is one of a folder, as those of an archive are. */
  readonly isMember?: boolean;
  readonly totalBytes: number | null;
  readonly what: string;
}

export interface IssueDetail {
  readonly file: string;
  readonly record?: number | null;
  readonly byteOffset?: number | null;
  readonly path?: string | null;
}

/** State of one import: the events not yet handed out, counts, ids, issues, the clock. */
export class ImportRun {
  readonly options: RunOptions;
  readonly yielder: Yielder;
  readonly totals = { files: 0, records: 0, trajectories: 0, issues: 0 };
  #events: ImportEvent[] = [];
  #doneBytes = 0;
  #lastProgress = performance.now();
  readonly #issueCounts = new Map<string, { count: number; issue: Issue }>();
  readonly #damage = new Set<string>();
  /** What the files around the present one say about runs, the outermost folder first. */
  readonly #books: VerdictBook[] = [];

  constructor(options: RunOptions) {
    this.options = options;
    if (options.verdicts) this.#books.push(options.verdicts);
    this.yielder = new Yielder(options.signal, options.what);
  }

  get doneBytes(): number {
    return this.#doneBytes;
  }

  push(event: ImportEvent): void {
    this.#events.push(event);
  }

  /** The events since the last call, with a progress event when one is due. */
  take(): ImportEvent[] {
    const now = performance.now();
    if (now - this.#lastProgress >= PROGRESS_EVERY_MS) {
      this.#lastProgress = now;
      this.progress('Reading');
    }
    const events = this.#events;
    this.#events = [];
    return events;
  }

  progress(stage: string): void {
    const { totalBytes } = this.options;
    const doneItems = this.totals.trajectories;
    const progress = { stage, doneBytes: this.#doneBytes, totalBytes, doneItems, totalItems: null };
    this.push({ type: 'progress', progress });
  }

  /** Notes that the opened file was read up to here. */
  reached(offset: number): void {
    if (offset > this.#doneBytes) this.#doneBytes = offset;
  }

  issue(severity: Severity, code: string, message: string, detail: IssueDetail): void {
    const { file, record = null, byteOffset = null, path = null } = detail;
    this.report({ severity, code, message, file, record, path, byteOffset });
  }

  /** Lists an issue; after many of one kind in one file the rest are only counted. */
  report(issue: Issue): void {
    this.totals.issues++;
    const key = `${issue.file}\n${issue.code}`;
    const seen = this.#issueCounts.get(key);
    if (!seen) this.#issueCounts.set(key, { count: 1, issue });
    else seen.count++;
    if ((seen?.count ?? 1) <= LISTED_ISSUES) this.push({ type: 'issue', issue });
  }

  /** States how many issues were counted without being listed. */
  reportUnlisted(): void {
    for (const { count, issue } of this.#issueCounts.values()) {
      if (count <= LISTED_ISSUES) continue;
      const message = `${count - LISTED_ISSUES} more issues of this kind are not listed.`;
      this.push({ type: 'issue', issue: { ...issue, message, record: null, path: null, byteOffset: null } });
    }
  }

  /** A reporter of damage in a container; a file that is streamed several times reports it once. */
  damageReporter(file: string): ReportDamage {
    return ({ code, message, byteOffset }) => {
      const key = `${file}\n${code}\n${String(byteOffset)}`;
      if (this.#damage.has(key)) return;
      this.#damage.add(key);
      this.issue(code === 'checksum-mismatch' ? 'warning' : 'error', code, message, { file, byteOffset });
    };
  }

  /** An archive with verdicts of its own is entered. */
  enterFolder(verdicts: VerdictBook): void {
    this.#books.push(verdicts);
  }

  leaveFolder(): void {
    this.#books.pop();
  }

  /** Completes a draft, makes its id unique and hands it out. */
  trajectory(draft: DraftTrajectory, locator: Omit<TrajectoryLocator, 'id'>): void {
    const id = this.#uniqueId(draft.id, locator);
    const beside = this.#besideOf(draft, locator.file);
    const joined = withBeside(draft, beside);
    const trajectory = this.options.complete(id === draft.id ? joined : { ...joined, id });
    this.totals.trajectories++;
    const envelope = beside
      ? ({ type: 'beside', beside, envelope: locator.envelope } as const)
      : locator.envelope;
    this.push({ type: 'trajectory', trajectory, locator: { id, ...locator, envelope } });
  }

  /** The nearest folder that says something about a run. */
  #besideOf(draft: DraftTrajectory, file: string): Beside | null {
    for (let i = this.#books.length - 1; i >= 0; i--) {
      const found = this.#books[i]!.find(draft, file);
      if (found) return found;
    }
    return null;
  }

  #uniqueId(wanted: string, locator: Omit<TrajectoryLocator, 'id'>): string {
    const { ids } = this.options;
    const seen = ids.get(wanted);
    if (seen === undefined) {
      ids.set(wanted, 1);
      return wanted;
    }
    let count = seen;
    let id: string;
    do id = `${wanted}~${++count}`;
    while (ids.has(id));
    ids.set(wanted, count);
    ids.set(id, 1);
    const message = `Another trajectory has the id "${wanted}"; this one is called "${id}".`;
    this.issue('info', 'duplicate-id', message, { file: locator.file, record: locator.record });
    return id;
  }
}

/** The opened file, telling the run how far it has been streamed. */
export function trackedSource(source: ByteSource, run: ImportRun): ByteSource {
  return {
    name: source.name,
    sizeBytes: source.sizeBytes,
    seekable: source.seekable,
    read: (start, end) => source.read(start, end),
    async *stream(start = 0, signal) {
      let at = start;
      for await (const chunk of source.stream(start, signal)) {
        at += chunk.length;
        run.reached(at);
        yield chunk;
      }
    },
  };
}
