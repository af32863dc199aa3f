import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { objectField, stringField } from '../blocks/fields.ts';
import { chatRole } from '../blocks/openaiChat.ts';
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
import { joinPath } from '../sourcePath.ts';

/**
 * Rows of a data set in another shape than one object each: inside a `row` (the rows API of Hugging Face), as
 * columns of a whole table (pandas), or with the columns of a list of messages (`{"from": […], "value": […]}`,
 * as `datasets` keeps lists of objects). They are read by the formats that know the rows themselves.
 */
export function wrappedRows(formats: readonly FormatAdapter[]): FormatAdapter {
  return {
    id: 'wrapped-rows',
    label: 'Rows of a data set, wrapped or as columns',
    unit: 'record',
    detect: (sample) => {
      const found = readerOf(formats, sample);
      return found && { certainty: found.certainty, evidence: `${found.evidence}, in ${found.shape}` };
    },
    read: (records, context) => records.flatMap((record) => readRows(formats, record, context)),
  };
}

/** A row as its format knows it, and where in the record a path of it leads. */
interface Row {
  readonly value: JsonObject;
  readonly shape: string;
  readonly locate: (path: string) => string;
  readonly key: string | null;
}

interface Reader extends Detection {
  readonly adapter: FormatAdapter;
  readonly shape: string;
}

/** The surest format for the rows of a sample; only formats of single records can be meant. */
function readerOf(formats: readonly FormatAdapter[], sample: FormatSample): Reader | null {
  const rows = sample.records.slice(0, 5).flatMap((record) => {
    const found = rowsOf(record.value).slice(0, 5);
    return found.map((row) => ({ row, record: { ...record, value: row.value } }));
  });
  const first = rows[0];
  if (!first) return null;
  const unwrapped = { ...sample, container: 'rows', records: rows.map(({ record }) => record) } as const;
  const best = detectBest(
    unwrapped,
    formats.filter(({ unit }) => unit === 'record'),
  );
  return best && { ...best.detection, adapter: best.adapter, shape: first.row.shape };
}

function readRows(
  formats: readonly FormatAdapter[],
  record: RawRecord,
  context: FormatContext,
): DraftTrajectory[] {
  const sample = { file: record.file, container: 'rows', records: [record], envelope: null } as const;
  const adapter = readerOf(formats, sample)?.adapter;
  if (!adapter) return [];
  const rows = rowsOf(record.value);
  return rows.flatMap((row) =>
    adapter
      .read([{ ...record, key: row.key ?? record.key, value: row.value }], context)
      .map((draft) => asRow(draft, row, rows.length > 1)),
  );
}

/** The draft with all its places in the record as it is. */
function asRow(draft: DraftTrajectory, row: Row, isOneOfMany: boolean): DraftTrajectory {
  const { id, source } = draft;
  const isUnnamed = id === `${source.file}#${source.record}`;
  const moved = relocated(draft, (at) => ({ ...at, path: row.locate(at.path) }));
  return isOneOfMany && isUnnamed && row.key !== null ? { ...moved, id: `${id}.${row.key}` } : moved;
}

/** The rows that a record holds in one of the shapes; none when it is no such record. */
function rowsOf(value: JsonValue): Row[] {
  if (!isObject(value)) return [];
  const row = objectField(value, 'row');
  if (row && 'row_idx' in value) {
    const inner = withMessageRows(row) ?? { value: row, locate: (path: string) => path };
    return [{ value: inner.value, shape: 'a row', key: null, locate: (path) => `/row${inner.locate(path)}` }];
  }
  const columns = tableRows(value);
  if (columns.length > 0) return columns;
  const messages = withMessageRows(value);
  return messages ? [{ ...messages, shape: 'columns of messages', key: null }] : [];
}

const maxTableRows = 1_000_000;

/** Rows of `{"column": {"0": …, "1": …}}`, as pandas writes a table by default. */
function tableRows(value: JsonObject): Row[] {
  const columns = Object.entries(value);
  const first = columns[0]?.[1];
  const keys = isObject(first) ? Object.keys(first) : [];
  const isTable =
    columns.length > 1 &&
    keys.length > 0 &&
    keys.length < maxTableRows &&
    keys.every((key) => /^\d+$/.test(key)) &&
    columns.every(([, column]) => isObject(column) && Object.keys(column).length === keys.length);
  if (!isTable) return [];
  return keys.map((key) => ({
    value: Object.fromEntries(
      columns.map(([name, column]) => [name, isObject(column) ? (column[key] ?? null) : null]),
    ),
    shape: 'columns',
    key,
    locate: (path) => {
      const end = path.indexOf('/', 1);
      const head = end < 0 ? path : path.slice(0, end);
      return path === '' ? path : joinPath(head, key) + path.slice(head.length);
    },
  }));
}

const messageKeys = ['conversations', 'messages', 'conversation'];

/** A record whose messages are kept as columns, with a list of messages instead; null for all others. */
function withMessageRows(value: JsonObject): Pick<Row, 'value' | 'locate'> | null {
  for (const name of messageKeys) {
    const columns = objectField(value, name);
    const roles = columns?.['from'] ?? columns?.['role'];
    if (!columns || !Array.isArray(roles) || !roles.every((role) => typeof role === 'string')) continue;
    const lists = Object.entries(columns).filter(
      (entry): entry is [string, JsonValue[]] => Array.isArray(entry[1]) && entry[1].length === roles.length,
    );
    const rows = roles.map((_, index) =>
      Object.fromEntries(lists.map(([key, list]) => [key, list[index] ?? null])),
    );
    if (!rows.some((row) => chatRole(stringField(row, 'from') ?? stringField(row, 'role')) !== null))
      continue;
    const pattern = new RegExp(`^/${name}/(\\d+)/([^/]+)`);
    return {
      value: { ...value, [name]: rows },
      locate: (path) => path.replace(pattern, `/${name}/$2/$1`),
    };
  }
  return null;
}
