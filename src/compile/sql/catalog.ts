import { InputError, messageOf } from '../../core/errors.ts';
import { isObject, type JsonValue } from '../../core/json.ts';
import { detectDumpDialect, readDump } from './dumpReader.ts';
import { loadSqlite, SqlDatabase, type SqlCell } from './engine.ts';
import { parseCsv } from './observedRows.ts';
import { renderTable, tableQuery, type TableColumn } from './renderTable.ts';
import { identifier, stringLiteral, type SqlDialect } from './sqlTokens.ts';

export interface CatalogTable {
  readonly name: string;
  readonly columns: readonly TableColumn[];
  readonly rowCount: number;
}

/** One database of the files a user gave. Its tables are read-only. */
export interface CatalogDatabase {
  readonly name: string;
  readonly file: string;
  /** Dialect that queries of its trajectories are written in. */
  readonly dialect: SqlDialect;
  /** By lower-case name. */
  readonly tables: ReadonlyMap<string, CatalogTable>;
  readonly sql: SqlDatabase;
  /** The canonical rendering of a table (cached); null when it is longer than the limit. */
  render(table: CatalogTable): string | null;
}

export interface DatabaseFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** It lay among runs, nobody said that it is a database: where it is none, an issue says so. */
  readonly isFound?: boolean;
}

export interface CatalogIssue {
  readonly file: string;
  readonly message: string;
  /** Of a file of which nothing could be used. */
  readonly severity?: 'error';
  readonly code?: string;
}

/** A table longer than this (characters) is never packed: it is beyond any budget. */
const maxRenderedLength = 16_000_000;
const maxRows = 2_000_000;

/** The databases that SQL trajectories ran against. Made once a thread; `close` frees the memory. */
export class DatabaseCatalog {
  readonly databases: CatalogDatabase[] = [];
  readonly issues: CatalogIssue[] = [];

  /**
   * Loads SQLite files, SQL dumps (MySQL, PostgreSQL, SQLite), CSV files and AgentBench tasks (JSON lines with
   * `table.table_info`), recognised by content. Problems of one file become issues.
   * @throws InputError when a file is none of these and was not merely found
   */
  static async load(files: readonly DatabaseFile[]): Promise<DatabaseCatalog> {
    const catalog = new DatabaseCatalog();
    const sqlite = files.length > 0 ? await loadSqlite() : null;
    for (const file of files) {
      const open = (bytes: Uint8Array | null): SqlDatabase => new SqlDatabase(sqlite!, bytes);
      try {
        if (isSqliteFile(file.bytes)) catalog.addSqlite(file, open);
        else catalog.addText(file, new TextDecoder().decode(file.bytes), open);
      } catch (error) {
        if (!file.isFound) throw error;
        const code = error instanceof InputError ? error.code : 'bad-database';
        catalog.issues.push({ file: file.name, message: messageOf(error), severity: 'error', code });
      }
    }
    catalog.databases.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.file < b.file ? -1 : 1));
    return catalog;
  }

  close(): void {
    for (const database of this.databases) database.sql.close();
  }

  private addSqlite(file: DatabaseFile, open: (bytes: Uint8Array | null) => SqlDatabase): void {
    try {
      this.add(baseName(file.name), file.name, 'sqlite', open(file.bytes));
    } catch (error) {
      throw new InputError('bad-database', 'the SQLite file cannot be read', {
        where: file.name,
        actual: messageOf(error),
        advice: 'check that the download is complete',
      });
    }
  }

  private addText(file: DatabaseFile, text: string, open: (bytes: Uint8Array | null) => SqlDatabase): void {
    const start = text.slice(0, 4096).trimStart();
    if (start.startsWith('{') || start.startsWith('[')) this.addTableTasks(file, text, open);
    else if (/\.csv$/i.test(file.name) && !/^\s*(?:CREATE|INSERT|--|\/\*)/i.test(start))
      this.addCsv(file, text, open);
    else if (/\b(?:CREATE|INSERT|COPY)\s/i.test(text.slice(0, 1_000_000))) this.addDump(file, text, open);
    else {
      throw new InputError('unknown-database', 'the database file is not recognised', {
        where: file.name,
        expected: 'an SQLite file, an SQL dump, a CSV file or AgentBench tasks',
      });
    }
  }

  private addDump(file: DatabaseFile, text: string, open: (bytes: Uint8Array | null) => SqlDatabase): void {
    const dialect = detectDumpDialect(text);
    const byName = new Map<string, SqlDatabase>();
    const report = (offset: number, message: string): void => {
      if (this.issues.length < 1000)
        this.issues.push({ file: file.name, message: `at character ${offset}: ${message}` });
    };
    for (const { database, sql } of readDump(text, dialect, baseName(file.name), (issue) =>
      report(issue.offset, issue.message),
    )) {
      let target = byName.get(database);
      if (!target) {
        target = open(null);
        target.load('BEGIN');
        byName.set(database, target);
      }
      try {
        target.load(sql);
      } catch (error) {
        report(0, `${sql.slice(0, 80)}…: ${messageOf(error)}`);
      }
    }
    for (const [name, database] of byName) {
      database.load('COMMIT');
      this.add(name, file.name, dialect, database);
    }
  }

  private addCsv(file: DatabaseFile, text: string, open: (bytes: Uint8Array | null) => SqlDatabase): void {
    const [header, ...rows] = parseCsv(text);
    if (!header) throw new InputError('empty-database', 'the CSV file is empty', { where: file.name });
    const columns = header.map((name) => ({ name, type: 'TEXT' }));
    const database = open(null);
    fillTable(database, baseName(file.name), columns, rows);
    this.add(baseName(file.name), file.name, 'sqlite', database);
  }

  /** AgentBench tasks: each has its own table; a task is its own database named after the line. */
  private addTableTasks(
    file: DatabaseFile,
    text: string,
    open: (bytes: Uint8Array | null) => SqlDatabase,
  ): void {
    const lines = text.trimStart().startsWith('[') ? null : text.split('\n');
    const records: JsonValue[] = lines
      ? lines.flatMap((line) => parseRecord(line))
      : ((): JsonValue[] => {
          const value = parseRecord(text)[0];
          return Array.isArray(value) ? value : [];
        })();
    let found = 0;
    records.forEach((record, index) => {
      const table = isObject(record) ? record['table'] : null;
      const tables = Array.isArray(table) ? table : [table];
      const usable = tables.filter((item) => isObject(item) && isObject(item['table_info']));
      if (usable.length === 0) return;
      const database = open(null);
      for (const item of usable) addTableInfo(database, item!);
      this.add(`${baseName(file.name)}-${index}`, file.name, 'mysql', database);
      found++;
    });
    if (found === 0) {
      throw new InputError('unknown-database', 'the JSON file holds no tables', {
        where: file.name,
        expected: 'records with table.table_name and table.table_info',
      });
    }
  }

  private add(name: string, file: string, dialect: SqlDialect, sql: SqlDatabase): void {
    const tables = readTables(sql);
    sql.freeze();
    const rendered = new Map<string, string | null>();
    this.databases.push({
      name,
      file,
      dialect,
      tables,
      sql,
      render(table) {
        let text = rendered.get(table.name);
        if (text === undefined) {
          text = renderCatalogTable(sql, table);
          rendered.set(table.name, text);
        }
        return text;
      },
    });
  }
}

function parseRecord(line: string): JsonValue[] {
  if (line.trim() === '') return [];
  try {
    return [JSON.parse(line) as JsonValue];
  } catch {
    return [];
  }
}

function addTableInfo(database: SqlDatabase, table: JsonValue): void {
  if (!isObject(table) || !isObject(table['table_info'])) return;
  const { columns, rows } = table['table_info'];
  const name = typeof table['table_name'] === 'string' ? table['table_name'] : 'table';
  if (!Array.isArray(columns) || !Array.isArray(rows)) return;
  const names = columns.map((column) => {
    const text = (key: string): string => {
      const value = isObject(column) ? column[key] : column;
      return typeof value === 'string' ? value : '';
    };
    const isNumeric = /^(?:INT|BIGINT|FLOAT|DOUBLE|REAL)/i.test(text('type'));
    return { name: text('name'), type: isNumeric ? 'NUMERIC' : 'TEXT' };
  });
  fillTable(
    database,
    name,
    names,
    rows.filter(Array.isArray).map((row) => row.map((cell) => (cell === null ? null : String(cell)))),
  );
}

function fillTable(
  database: SqlDatabase,
  name: string,
  columns: readonly TableColumn[],
  rows: readonly (readonly (string | null)[])[],
): void {
  const seen = new Map<string, number>();
  const unique = columns.map((column) => {
    const key = column.name.toLowerCase();
    const count = seen.get(key) ?? 0;
    seen.set(key, count + 1);
    return { ...column, name: count === 0 ? column.name : `${column.name}_${count + 1}` };
  });
  const isNumeric = unique.map(
    (column, index) =>
      column.type === 'NUMERIC' ||
      rows.every(
        (row) => /^-?\d{1,15}(?:\.\d+)?$/.test(row[index] ?? '0') && !/^-?0\d/.test(row[index] ?? '0'),
      ),
  );
  const definitions = unique.map(
    (column, index) => `${identifier(column.name)} ${isNumeric[index] ? 'NUMERIC' : 'TEXT COLLATE NOCASE'}`,
  );
  database.load(`CREATE TABLE ${identifier(name)} (${definitions.join(', ')})`);
  for (let start = 0; start < rows.length; start += 200) {
    const values = rows.slice(start, start + 200).map((row) => {
      const cells = unique.map((_, index) => {
        const cell = row[index];
        return cell === null || cell === undefined ? 'NULL' : stringLiteral(cell);
      });
      return `(${cells.join(',')})`;
    });
    database.load(`INSERT INTO ${identifier(name)} VALUES ${values.join(',')}`);
  }
}

function readTables(sql: SqlDatabase): Map<string, CatalogTable> {
  const tables = new Map<string, CatalogTable>();
  const names = sql.query(
    "SELECT name FROM sqlite_master WHERE type IN ('table','view') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name",
    100_000,
  );
  if (!names.ok) throw new Error(names.reason);
  for (const [cell] of names.result.rows) {
    const name = String(cell);
    const info = sql.query(`SELECT name, type FROM pragma_table_info(${stringLiteral(name)})`);
    const count = sql.query(`SELECT count(*) FROM ${identifier(name)}`);
    if (!info.ok || !count.ok) continue;
    tables.set(name.toLowerCase(), {
      name,
      columns: info.result.rows.map((row) => ({ name: String(row[0]), type: String(row[1] ?? '') })),
      rowCount: Number(count.result.rows[0]?.[0] ?? 0),
    });
  }
  return tables;
}

function renderCatalogTable(sql: SqlDatabase, table: CatalogTable): string | null {
  if (table.rowCount > maxRows) return null;
  const run = sql.query(tableQuery(table.name, maxRows), maxRows);
  if (!run.ok || run.result.isCut) return null;
  const text = renderTable(table.columns, run.result.rows as SqlCell[][]);
  return text.length > maxRenderedLength ? null : text;
}

function isSqliteFile(bytes: Uint8Array): boolean {
  return bytes.length >= 16 && new TextDecoder('latin1').decode(bytes.subarray(0, 15)) === 'SQLite format 3';
}

function baseName(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return name.replace(/(?:\.(?:mysql|sqlite3?|sql|db|csv|jsonl?|pg|postgres))+$/i, '') || name;
}
