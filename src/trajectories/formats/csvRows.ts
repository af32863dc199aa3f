import { parseCsv } from '../../core/csv.ts';
import type { JsonObject } from '../../core/json.ts';
import { detectBest } from '../detectBest.ts';
import { relocated } from '../blocks/relocate.ts';
import type {
  Detection,
  DraftTrajectory,
  FormatAdapter,
  FormatContext,
  FormatSample,
  RawRecord,
} from '../format.ts';
import { csvSegment } from '../sourcePath.ts';

const lookedRows = 20;
const lookedCharacters = 64 * 1024;
const sureOfTable = 0.9;

/**
 * A log in a table: each row is a record (a run, or a span of one) that another format knows, its cells text or
 * JSON text. Tables that none of them knows are data that SQL agents work on.
 */
export function csvRows(formats: readonly FormatAdapter[]): FormatAdapter {
  return {
    id: 'csv-rows',
    label: 'Rows of a CSV table',
    // The format of the rows may need all of them.
    unit: 'file',
    detect: (sample) => {
      const [record] = sample.records;
      const found = sample.container === 'text' && record ? readerOf(formats, record) : null;
      if (!found) return null;
      // What only looks at the text sees tags in it, but not the table.
      const certainty = Math.max(found.certainty, sureOfTable);
      return { certainty, evidence: `${found.evidence}, in rows of a table` };
    },
    read: (records, context) => records.flatMap((record) => readTable(formats, record, context)),
  };
}

interface Reader extends Detection {
  readonly adapter: FormatAdapter;
  readonly separator: string;
}

/** The surest format for the first rows of a table. */
function readerOf(formats: readonly FormatAdapter[], record: RawRecord): Reader | null {
  if (typeof record.value !== 'string') return null;
  const separator = separatorOf(record.value);
  if (separator === null) return null;
  const isCut = lookedCharacters < record.value.length;
  const all = parseCsv(record.value.slice(0, lookedCharacters), separator);
  const rows = (isCut ? all.slice(0, -1) : all).slice(0, lookedRows);
  if (rows.length === 0) return null;
  const records = rows.map((value, index) => ({ ...record, record: index, value }));
  const sample: FormatSample = { file: record.file, container: 'rows', records, envelope: null };
  const best = detectBest(sample, formats);
  return best && { ...best.detection, adapter: best.adapter, separator };
}

/** What stands between the names of a header; null when the first line is none. */
function separatorOf(text: string): string | null {
  const end = text.indexOf('\n');
  const line = text.slice(text.startsWith('\ufeff') ? 1 : 0, end).trim();
  if (end < 0 || end > 10_000) return null;
  for (const separator of [',', '\t', ';']) {
    const names = line.split(separator).map((name) => name.replace(/^"|"$/g, ''));
    if (names.length > 1 && names.every((name) => /^[A-Za-z_][\w .-]{0,79}$/.test(name))) return separator;
  }
  return null;
}

function readTable(
  formats: readonly FormatAdapter[],
  record: RawRecord,
  context: FormatContext,
): DraftTrajectory[] {
  if (typeof record.value !== 'string') return [];
  const reader = readerOf(formats, record);
  if (!reader) return [];
  const { adapter, separator } = reader;
  const rows = parseCsv(record.value, separator).map((value, row) => rowOf(record, value, row));
  const segment = csvSegment(separator);
  const drafts =
    adapter.unit === 'file'
      ? adapter.read(rows, context)
      : rows.flatMap((row) => adapter.read([row], context));
  return drafts.map((draft) => ({
    ...relocated(draft, (at) => ({
      ...at,
      record: record.record,
      path: `/${segment}/${at.record}${at.path}`,
    })),
    source: { ...draft.source, record: record.record },
  }));
}

function rowOf(record: RawRecord, value: JsonObject, row: number): RawRecord {
  // Empty cells are those that a row does not fill.
  const filled = Object.fromEntries(Object.entries(value).filter(([, cell]) => cell !== ''));
  return { ...record, record: row, value: filled };
}
