import { closeSync, openSync, readSync } from 'node:fs';
import type { MappedOutcome } from '../compile/setReducer.ts';
import type { JsonValue } from '../core/json.ts';
import type { VerdictBook } from '../trajectories/folder/verdictBook.ts';
import type { DraftTrajectory, FormatAdapter } from '../trajectories/format.ts';
import { formatById } from '../trajectories/formats/registry.ts';
import { formats } from '../trajectories/formats/registry.ts';
import { defaultImportLimits, ImportRun } from '../trajectories/io/importRun.ts';
import { reportNotes } from '../trajectories/io/importText.ts';
import { parseLargeRecord } from '../trajectories/io/parseLarge.ts';
import { parseRecord } from '../trajectories/io/parseRecord.ts';
import { RecordSink } from '../trajectories/io/recordSink.ts';
import { LARGE_RECORD_BYTES, MAX_RECORD_BYTES } from '../trajectories/io/splitter.ts';
import { skipBlank } from '../trajectories/io/valueScanner.ts';
import type { Issue, Trajectory } from '../trajectories/schema.ts';
import type { LineBatch } from './lineBatch.ts';
import { unreadable } from './nodeSource.ts';

/** What a thread found in a line, in order. A run is told with the id it has by itself. */
export type LineEvent =
  | { readonly issue: Issue }
  | {
      readonly id: string;
      readonly record: number;
      /** Which of the runs of the record. */
      readonly draft: number;
      readonly outcome: MappedOutcome;
    };

/** A run that was read but waits to be compiled: its id may have been given before, which the main thread knows. */
export type OpenedEvent =
  { readonly issue: Issue } | { readonly id: string; readonly record: number; readonly draft: number };

/** What `open` found; `isRegular` as in `LineResult`. */
export interface OpenedLines {
  readonly isRegular: boolean;
  readonly events: readonly OpenedEvent[];
}

/** A run to compile under the id that the main thread made. */
export interface RenamedDraft {
  readonly record: number;
  readonly draft: number;
  readonly id: string;
}

export interface LineResult {
  /** False when the lines are not one sound record each: then the file is read in one go from its beginning. */
  readonly isRegular: boolean;
  readonly events: readonly LineEvent[];
}

const irregular: LineResult = { isRegular: false, events: [] };
const newline = 0x0a;
/** Files kept open. */
const openFiles = 8;

/** Leaves ids as they are: uniqueness needs the whole set, so the main thread sees to it. */
export class NoIds extends Map<string, number> {
  override get(): undefined {
    return undefined;
  }
  override set(): this {
    return this;
  }
}

type MapDraft = (draft: DraftTrajectory) => MappedOutcome;

/** Reads ranges of lines in a thread: bytes, JSON, adapter, compile. */
export class LineReader {
  private readonly files = new Map<string, number>();
  /** Batches that were opened and wait to be compiled. */
  private readonly opened = new Map<string, readonly LineItem[]>();
  private readonly mapDraft: MapDraft;
  private readonly books: readonly VerdictBook[];

  constructor(mapDraft: MapDraft, books: readonly VerdictBook[]) {
    this.mapDraft = mapDraft;
    this.books = books;
  }

  async read(batch: LineBatch): Promise<LineResult> {
    const events: LineEvent[] = [];
    for await (const line of this.lines(batch)) {
      if (line === null) return irregular;
      for (const item of line) {
        if ('issue' in item) events.push(item);
        else {
          const { draft, record, index } = item;
          events.push({ id: draft.id, record, draft: index, outcome: this.mapDraft(draft) });
        }
      }
    }
    return { isRegular: true, events };
  }

  /** Reads a batch and keeps its runs until `readRenamed` compiles them. */
  async open(batch: LineBatch): Promise<OpenedLines> {
    const items: LineItem[] = [];
    for await (const line of this.lines(batch)) {
      if (line === null) return irregular;
      items.push(...line);
    }
    this.opened.set(batchKey(batch), items);
    return {
      isRegular: true,
      events: items.map((item) =>
        'issue' in item ? item : { id: item.draft.id, record: item.record, draft: item.index },
      ),
    };
  }

  /** Compiles runs of a batch under the ids given, in the order of the records. */
  async readRenamed(batch: LineBatch, renamed: readonly RenamedDraft[]): Promise<MappedOutcome[]> {
    const ids = new Map(renamed.map((item) => [`${item.record}/${item.draft}`, item.id]));
    const outcomes: MappedOutcome[] = [];
    const kept = this.opened.get(batchKey(batch));
    this.opened.delete(batchKey(batch));
    for await (const line of kept ? [kept] : this.lines(batch)) {
      for (const item of line ?? []) {
        if ('issue' in item) continue;
        const id = ids.get(`${item.record}/${item.index}`);
        if (id === undefined) continue;
        outcomes.push(this.mapDraft(id === item.draft.id ? item.draft : { ...item.draft, id }));
      }
    }
    return outcomes;
  }

  /** What each line holds; null where a line is not one sound record of a format of single records. */
  private async *lines(batch: LineBatch): AsyncGenerator<readonly LineItem[] | null> {
    const adapter = formatById(batch.format);
    const bytes = this.bytesOf(batch);
    if (!adapter || bytes.length < batch.end - batch.start) {
      yield null;
      return;
    }
    let record = batch.firstRecord;
    let lineStart = 0;
    while (lineStart < bytes.length) {
      const found = bytes.indexOf(newline, lineStart);
      const end = found === -1 ? bytes.length : found;
      const start = skipBlank(bytes, lineStart, end);
      lineStart = end + 1;
      if (start === end) continue;
      const verdicts = batch.book === null ? undefined : this.books[batch.book];
      const at = batch.start + start;
      const items = await readLine(bytes.subarray(start, end), batch, at, record, adapter, verdicts);
      yield items;
      if (items === null) return;
      record++;
    }
  }

  private bytesOf({ path, file: name, start, end }: LineBatch): Uint8Array {
    const file = this.files.get(path) ?? this.openFile(path, name);
    const bytes = Buffer.allocUnsafe(end - start);
    let done = 0;
    while (done < bytes.length) {
      const count = readSync(file, bytes, done, bytes.length - done, start + done);
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  }

  private openFile(path: string, name: string): number {
    if (this.files.size >= openFiles) {
      for (const open of this.files.values()) closeSync(open);
      this.files.clear();
    }
    try {
      const file = openSync(path, 'r');
      this.files.set(path, file);
      return file;
    } catch (error) {
      throw unreadable(name, error);
    }
  }
}

/** Tells batches of one job apart. */
export function batchKey({ path, start }: LineBatch): string {
  return `${start} ${path}`;
}

type LineItem =
  | { readonly issue: Issue }
  | { readonly draft: DraftTrajectory; readonly record: number; readonly index: number };

/** The runs and issues of one record, as the import of the whole file tells them; null when only that can tell. */
async function readLine(
  bytes: Uint8Array,
  batch: LineBatch,
  start: number,
  record: number,
  adapter: FormatAdapter,
  verdicts: VerdictBook | undefined,
): Promise<LineItem[] | null> {
  if (bytes.length > MAX_RECORD_BYTES) return null;
  const run = new ImportRun({
    formats,
    complete: (draft) => draft as Trajectory,
    signal: undefined,
    limits: defaultImportLimits,
    ids: new NoIds(),
    verdicts,
    totalBytes: null,
    what: 'Compiling',
  });
  const parsed =
    bytes.length > LARGE_RECORD_BYTES ? await parseLargeRecord(bytes, run.yielder) : parseRecord(bytes);
  if (!parsed.ok) return null;
  reportNotes(run, batch.file, record, start, parsed.notes);
  const value: JsonValue = parsed.value;
  if (value) {
    const leaf = { file: batch.file, chain: [], sizeBytes: null, isMember: false, group: null };
    const sink = new RecordSink(run, leaf, { layout: 'json-lines', envelope: null, envelopePlace: null });
    sink.begin(adapter, { certainty: 1, evidence: '' });
    const end = start + bytes.length;
    sink.accept(
      { file: batch.file, record, byteStart: start, byteEnd: end, key: null, value },
      { type: 'bytes', start, end },
    );
  }
  const items: LineItem[] = [];
  let issues = 0;
  for (const event of run.take()) {
    if (event.type === 'trajectory')
      items.push({ draft: event.trajectory, record, index: event.locator.draft });
    else if (event.type === 'issue') {
      issues++;
      items.push({ issue: event.issue });
    } else if (event.type === 'file' && formatById(event.file.format)?.unit !== 'record') return null;
  }
  // So many issues of one kind that the run stopped listing them: the count must be that of the file.
  return issues === run.totals.issues ? items : null;
}
