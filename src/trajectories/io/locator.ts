import type { Progress } from '../../core/byteSource.ts';
import type { Beside } from '../folder/verdictBook.ts';
import type { FormatSample } from '../format.ts';
import type { Issue, Trajectory } from '../schema.ts';

/** One step from a file's bytes to the bytes inside it. Offsets are bytes of the enclosing level. */
export type ContainerStep =
  | { readonly type: 'gzip' | 'zstd' | 'utf-16le' | 'utf-16be' }
  | {
      readonly type: 'zip';
      readonly entry: string;
      /** Offset of the local header. */
      readonly headerOffset: number;
      readonly method: number;
      readonly compressedSize: number;
      readonly uncompressedSize: number;
    }
  | { readonly type: 'tar'; readonly entry: string; readonly start: number; readonly end: number }
  /** Entries of one archive that are read one after another, a line break behind each. */
  | { readonly type: 'parts'; readonly entry: string; readonly parts: readonly ContainerStep[] };

/** Where the bytes or rows of one record lie in its file. `file`: the run is all records of the file. */
export type RecordPlace =
  | { readonly type: 'bytes'; readonly start: number; readonly end: number }
  | {
      readonly type: 'row';
      readonly row: number;
      /** In a large row group: for each of its columns, a page to read from (its offset and first row). */
      readonly pages: readonly (readonly [offset: number, firstRow: number])[] | null;
    }
  | { readonly type: 'file' };

/**
 * What surrounds the record lists of a file.
 * `ranges`: the file is one object; `head` and `tail` are the bytes before and after its list `member`.
 * `wrapped` records are read as that object with a list of one. `member`: another file of the same archive.
 * `beside`: files that lie beside the run say how it ended; around it may be another envelope.
 */
export type EnvelopePlace =
  | {
      readonly type: 'ranges';
      readonly member: string;
      readonly isArray: boolean;
      readonly isWrapped: boolean;
      readonly headEnd: number;
      /** Start of what follows the list; null when it was not read (the list never ended). */
      readonly tailStart: number | null;
      readonly tailEnd: number | null;
    }
  | { readonly type: 'member'; readonly chain: readonly ContainerStep[] }
  | { readonly type: 'beside'; readonly beside: Beside; readonly envelope: EnvelopePlace | null };

/**
 * Enough to read one trajectory again without reading the others: plain data, safe to store.
 * Positions hold as long as the file's bytes do.
 */
export interface TrajectoryLocator {
  /** Id of the trajectory, as made unique within its import. */
  readonly id: string;
  /** Name of the file the record is in; members of archives are joined by '!/'. */
  readonly file: string;
  /** From the opened source to that file, outermost first; empty when it is the source itself. */
  readonly chain: readonly ContainerStep[];
  readonly layout: FormatSample['container'];
  /** Id of the adapter that read it. */
  readonly format: string;
  readonly record: number;
  readonly key: string | null;
  readonly place: RecordPlace;
  readonly envelope: EnvelopePlace | null;
  /** Which of the trajectories that the adapter made of this record (or file). */
  readonly draft: number;
}

/** A file (or member of an archive) whose format was recognised. */
export interface RecognisedFile {
  readonly file: string;
  readonly format: string;
  readonly label: string;
  /** One sentence: what in the content says so. */
  readonly evidence: string;
  readonly certainty: number;
  readonly layout: FormatSample['container'];
  readonly chain: readonly ContainerStep[];
  readonly sizeBytes: number | null;
}

/** A database or table file that SQL trajectories may refer to. It is reported, not read. */
export interface FoundDatabase {
  readonly file: string;
  readonly kind: 'sqlite' | 'sql-dump' | 'csv';
  readonly chain: readonly ContainerStep[];
  readonly sizeBytes: number | null;
  /** Tables named near the start of an SQL dump, or columns of a CSV header; empty for SQLite. */
  readonly names: readonly string[];
}

/** Totals at the end of an import. */
export interface ImportTotals {
  readonly files: number;
  readonly records: number;
  readonly trajectories: number;
  readonly issues: number;
  readonly bytes: number;
}

/** What `importFile` yields, in the order of the file. */
export type ImportEvent =
  | { readonly type: 'file'; readonly file: RecognisedFile }
  | { readonly type: 'trajectory'; readonly trajectory: Trajectory; readonly locator: TrajectoryLocator }
  | { readonly type: 'database'; readonly database: FoundDatabase }
  | { readonly type: 'issue'; readonly issue: Issue }
  | { readonly type: 'progress'; readonly progress: Progress }
  | { readonly type: 'done'; readonly totals: ImportTotals };
