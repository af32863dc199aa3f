import { parseCsv } from '../core/csv.ts';
import { isObject, type JsonValue } from '../core/json.ts';

/** Appends one key to a JSON Pointer, escaped as RFC 6901 says. */
export function joinPath(path: string, key: string | number): string {
  // Nearly all keys need no escaping, and paths are built for every step of every run.
  if (typeof key === 'number' || !(key.includes('~') || key.includes('/'))) return `${path}/${key}`;
  return `${path}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/** Segment that enters a string holding JSON text. */
export const JSON_TEXT_SEGMENT = '!json';

/** Segment that enters a text holding a table: its rows follow, counted from 0 behind the header. */
const CSV_TEXT_SEGMENTS: Readonly<Record<string, string>> = { '!csv': ',', '!tsv': '\t', '!ssv': ';' };

/** The segment that enters a table whose cells stand between these separators. */
export function csvSegment(separator: string): string {
  const found = Object.entries(CSV_TEXT_SEGMENTS).find(([, one]) => one === separator);
  return found?.[0] ?? '!csv';
}

/** The value at a pointer, entering JSON and CSV text at their segments; undefined when there is none. */
function valueAt(record: JsonValue, path: string): JsonValue | undefined {
  if (path === '') return record;
  let value: JsonValue | undefined = record;
  for (const raw of path.slice(1).split('/')) {
    const segment = raw.replaceAll('~1', '/').replaceAll('~0', '~');
    if (segment === JSON_TEXT_SEGMENT && typeof value === 'string') {
      try {
        value = JSON.parse(value) as JsonValue;
      } catch {
        return undefined;
      }
    } else if (Object.hasOwn(CSV_TEXT_SEGMENTS, segment) && typeof value === 'string') {
      value = parseCsv(value, CSV_TEXT_SEGMENTS[segment]);
    } else if (Array.isArray(value)) {
      value = value[Number(segment)];
    } else if (isObject(value) && Object.hasOwn(value, segment)) {
      value = value[segment];
    } else {
      return undefined;
    }
  }
  return value;
}

/** The string at a pointer, or null when the value there is not a string. */
export function textAt(record: JsonValue, path: string): string | null {
  const value = valueAt(record, path);
  return typeof value === 'string' ? value : null;
}
