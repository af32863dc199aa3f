import type { JsonValue } from '../core/json.ts';
import type { Issue, Trajectory } from './schema.ts';

/** One parsed record of a file, with where it lies. */
export interface RawRecord {
  readonly file: string;
  readonly record: number;
  /** Byte range in the (decompressed) file; null for columnar sources. */
  readonly byteStart: number | null;
  readonly byteEnd: number | null;
  /** Key of the entry when the file is an object keyed by task id. */
  readonly key: string | null;
  /** The parsed value: JSON, a table row as an object, or the text itself for plain text. */
  readonly value: JsonValue;
}

/** The first records of a file and what surrounds them: all that recognition may look at. */
export interface FormatSample {
  readonly file: string;
  readonly container: 'json' | 'json-lines' | 'json-array' | 'json-map' | 'text' | 'rows';
  /** At most the first twenty records. */
  readonly records: readonly RawRecord[];
  /** Top-level object around the records (e.g. `{meta, logs}`) without the record list; null if there is none. */
  readonly envelope: JsonValue | null;
}

/** Why a file is (or is not) of a format. `certainty` 0 … 1; the highest wins, ties by registry order. */
export interface Detection {
  readonly certainty: number;
  readonly evidence: string;
}

export interface FormatContext {
  readonly envelope: JsonValue | null;
  report(issue: Issue): void;
}

/**
 * Reads one format. Adapters never throw on bad data: they report issues and return what can be had.
 * They fill everything but `kind`, `documents`, `queries`, which `extract/` derives from the steps
 * (an adapter may give them when the format states them outright).
 */
export interface FormatAdapter {
  readonly id: string;
  readonly label: string;
  /** `record`: each record is a run (or several). `file`: all records of the file together are. */
  readonly unit: 'record' | 'file';
  detect(sample: FormatSample): Detection | null;
  /** For unit `record` called once a record, for unit `file` once with all records of the file. */
  read(records: readonly RawRecord[], context: FormatContext): DraftTrajectory[];
}

/** What an adapter returns; the extractors complete it to a `Trajectory`. */
export type DraftTrajectory = Omit<Trajectory, 'kind' | 'documents' | 'queries' | 'tools' | 'issues'> &
  Partial<Pick<Trajectory, 'kind' | 'documents' | 'queries'>> & { readonly issues?: readonly Issue[] };
