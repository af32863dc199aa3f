import { messageOf } from '../../core/errors.ts';
import type { JsonValue } from '../../core/json.ts';
import type { Detection, DraftTrajectory, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import type { ImportRun } from './importRun.ts';
import type { ContainerStep, EnvelopePlace, RecordPlace } from './locator.ts';
import { detectBest } from '../detectBest.ts';

/** Files of one archive that are told as one. */
export interface LeafGroup {
  readonly file: string;
  readonly chain: readonly ContainerStep[];
  readonly sizeBytes: number | null;
  /** Formats already told. */
  readonly announced: Set<string>;
}

/** A file that records come from, as its trajectories will name it. */
export interface Leaf {
  readonly file: string;
  readonly chain: readonly ContainerStep[];
  readonly sizeBytes: number | null;
  /** The file is a member of an archive: that it is of no use there is less of a problem. */
  readonly isMember: boolean;
  /** The archive that stands for all its members when their format is told (Inspect logs); null for itself. */
  readonly group: LeafGroup | null;
}

/** How the records of a file are presented to adapters. */
export interface Presentation {
  readonly layout: FormatSample['container'];
  readonly envelope: JsonValue | null;
  readonly envelopePlace: EnvelopePlace | null;
}

/** Certainty that makes a line of a session file count as a run of another format. */
const FOREIGN = 0.9;
/** Unrecognised records that are tried one by one before the file is given up. */
const TRIED_RECORDS = 2000;

/** Runs an adapter; what it throws on odd data becomes an issue of the record. */
export function readWith(
  run: ImportRun,
  adapter: FormatAdapter,
  records: readonly RawRecord[],
  envelope: JsonValue | null,
): DraftTrajectory[] {
  const first = records[0];
  try {
    return adapter.read(records, { envelope, report: (issue) => run.report(issue) });
  } catch (error) {
    const isDeep = error instanceof RangeError;
    const code = isDeep ? 'deep-nesting' : 'adapter-failure';
    const message = isDeep
      ? 'The record is nested more deeply than can be walked; it was left out.'
      : `The record could not be read as ${adapter.label} (${messageOf(error)}); it was left out.`;
    const detail = { record: first?.record ?? null, byteOffset: first?.byteStart ?? null };
    run.issue('error', code, message, { file: first?.file ?? '', ...detail });
    return [];
  }
}

function isEmpty(draft: DraftTrajectory): boolean {
  return draft.steps.length === 0 && draft.task === null && draft.finalAnswer === null;
}

/**
 * Takes the records of one file in order and hands out trajectories: record by record, or all together for
 * formats whose run is a file. A record that does not fit the file's format is tried against the others.
 */
export class RecordSink {
  readonly #run: ImportRun;
  readonly #leaf: Leaf;
  readonly #presentation: Presentation;
  #main: FormatAdapter | null = null;
  readonly #announced = new Set<string>();
  /** Records of formats whose run is the whole file, by format. */
  readonly #collected = new Map<FormatAdapter, RawRecord[]>();
  #collectedBytes = 0;
  #unfit = 0;
  #isGivenUp = false;

  constructor(run: ImportRun, leaf: Leaf, presentation: Presentation) {
    this.#run = run;
    this.#leaf = leaf;
    this.#presentation = presentation;
  }

  /** True when nothing of the file was recognised for so long that the rest need not be read. */
  get isGivenUp(): boolean {
    return this.#isGivenUp;
  }

  get foundFormat(): boolean {
    return this.#announced.size > 0;
  }

  /** Declares the format of the file. */
  begin(adapter: FormatAdapter, detection: Detection): void {
    this.#main = adapter;
    this.#announce(adapter, detection);
  }

  accept(record: RawRecord, place: RecordPlace): void {
    this.#run.totals.records++;
    const main = this.#main;
    if (main?.unit === 'record') {
      const issuesBefore = this.#run.totals.issues;
      const drafts = readWith(this.#run, main, [record], this.#presentation.envelope);
      if (drafts.some((draft) => !isEmpty(draft))) this.#emit(main, drafts, record, place);
      else if (this.#tryOthers(record, place)) return;
      else if (drafts.length > 0) this.#emit(main, drafts, record, place);
      else if (this.#run.totals.issues === issuesBefore) this.#reportUnfit(record);
    } else if (main) {
      const foreign = this.#foreignRecord(main, record);
      if (foreign) this.#readAs(foreign.adapter, foreign.detection, record, place);
      else this.#collect(main, record);
    } else if (!this.#tryOthers(record, place)) {
      this.#unfit++;
      if (!this.foundFormat && this.#unfit >= TRIED_RECORDS) this.#isGivenUp = true;
      if (this.foundFormat) this.#reportUnfit(record);
    }
  }

  /** Reads the formats whose run is the whole file; called after the last record. */
  finish(): void {
    for (const [adapter, records] of this.#collected) {
      const drafts = readWith(this.#run, adapter, records, this.#presentation.envelope);
      const first = records[0];
      if (first) this.#emit(adapter, drafts, { ...first, record: 0, key: null }, { type: 'file' });
      if (drafts.length === 0) {
        const message = `The file looks like ${adapter.label}, but no run was found in it.`;
        this.#run.issue('warning', 'no-trajectory', message, { file: this.#leaf.file });
      }
    }
  }

  #reportUnfit(record: RawRecord): void {
    const label = this.#main?.label ?? 'any known format';
    const message = `The record does not fit ${label}, nor another format; it was left out.`;
    const detail = { file: this.#leaf.file, record: record.record, byteOffset: record.byteStart };
    this.#run.issue('warning', 'unrecognised-record', message, detail);
  }

  #tryOthers(record: RawRecord, place: RecordPlace): boolean {
    const others = this.#run.options.formats.filter((format) => format !== this.#main);
    const best = detectBest(this.#sampleOf(record), others);
    if (!best) return false;
    this.#readAs(best.adapter, best.detection, record, place);
    return true;
  }

  #readAs(adapter: FormatAdapter, detection: Detection, record: RawRecord, place: RecordPlace): void {
    if (adapter.unit === 'file') {
      this.#announce(adapter, detection);
      this.#collect(adapter, record);
      return;
    }
    const drafts = readWith(this.#run, adapter, [record], this.#presentation.envelope);
    if (drafts.length === 0) {
      this.#reportUnfit(record);
      return;
    }
    this.#announce(adapter, detection);
    this.#emit(adapter, drafts, record, place);
  }

  /** A record of a session file that is plainly a run of its own in another format. */
  #foreignRecord(
    main: FormatAdapter,
    record: RawRecord,
  ): { adapter: FormatAdapter; detection: Detection } | null {
    const sample = this.#sampleOf(record);
    if (detectBest(sample, [main])) return null;
    const others = this.#run.options.formats.filter((format) => format.unit === 'record');
    const best = detectBest(sample, others);
    return best && best.detection.certainty >= FOREIGN ? best : null;
  }

  #sampleOf(record: RawRecord): FormatSample {
    const { layout, envelope } = this.#presentation;
    return { file: record.file, container: layout, records: [record], envelope };
  }

  #collect(adapter: FormatAdapter, record: RawRecord): void {
    const { maxSessionBytes } = this.#run.options.limits;
    const size = (record.byteEnd ?? 0) - (record.byteStart ?? 0);
    if (this.#collectedBytes + size > maxSessionBytes) {
      const message = `The run is longer than the ${maxSessionBytes} bytes that are read as one; its records from here on were left out.`;
      if (this.#collectedBytes <= maxSessionBytes) {
        const detail = { file: this.#leaf.file, record: record.record, byteOffset: record.byteStart };
        this.#run.issue('error', 'session-too-large', message, detail);
      }
      this.#collectedBytes = Infinity;
      return;
    }
    this.#collectedBytes += size;
    const records = this.#collected.get(adapter);
    if (records) records.push(record);
    else this.#collected.set(adapter, [record]);
  }

  #announce(adapter: FormatAdapter, detection: Detection): void {
    if (this.#announced.has(adapter.id)) return;
    this.#announced.add(adapter.id);
    const { group } = this.#leaf;
    if (group?.announced.has(adapter.id)) return;
    group?.announced.add(adapter.id);
    const { file, chain, sizeBytes } = group ?? this.#leaf;
    this.#run.push({
      type: 'file',
      file: {
        file,
        format: adapter.id,
        label: adapter.label,
        evidence: detection.evidence,
        certainty: detection.certainty,
        layout: this.#presentation.layout,
        chain,
        sizeBytes,
      },
    });
  }

  #emit(
    adapter: FormatAdapter,
    drafts: readonly DraftTrajectory[],
    record: RawRecord,
    place: RecordPlace,
  ): void {
    for (const [index, draft] of drafts.entries()) {
      try {
        this.#run.trajectory(draft, {
          file: this.#leaf.file,
          chain: this.#leaf.chain,
          layout: this.#presentation.layout,
          format: adapter.id,
          record: record.record,
          key: record.key,
          place,
          envelope: this.#presentation.envelopePlace,
          draft: index,
        });
      } catch (error) {
        const message = `The trajectory could not be completed (${messageOf(error)}); it was left out.`;
        const detail = { file: this.#leaf.file, record: record.record, byteOffset: record.byteStart };
        this.#run.issue('error', 'adapter-failure', message, detail);
      }
    }
  }
}
