import type { JsonValue } from '../core/json.ts';
import { textAt } from '../trajectories/sourcePath.ts';
import type { DatabaseCatalog } from './sql/catalog.ts';
import type { EvidenceSource } from './types.ts';

/** The text of a piece read from its source again; null when the source does not hold it. */
export function resolveRecordEvidence(source: EvidenceSource, record: JsonValue): string | null {
  const whole = textAt(record, source.path);
  if (whole === null) return null;
  const end = source.end ?? whole.length;
  return end > whole.length ? null : whole.slice(source.start ?? 0, end);
}

/** The canonical rendering of the table a piece stands for; null when the catalog has no such table. */
export function resolveTableEvidence(source: EvidenceSource, catalog: DatabaseCatalog): string | null {
  const [, databaseName, tableName] = source.path
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const database = catalog.databases.find((item) => item.file === source.file && item.name === databaseName);
  const table = database?.tables.get((tableName ?? '').toLowerCase());
  return database && table ? database.render(table) : null;
}
