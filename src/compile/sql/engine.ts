import sqlite3InitModule, { type Database, type Sqlite3Static } from '@sqlite.org/sqlite-wasm';
import { messageOf } from '../../core/errors.ts';

/** A cell of a result. Blobs are given as `x'…'` text, integers beyond 2^53 as bigint. */
export type SqlCell = string | number | bigint | null;

export interface SqlResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly SqlCell[])[];
  /** More rows than the limit were there. */
  readonly isCut: boolean;
}
export type SqlRun =
  { readonly ok: true; readonly result: SqlResult } | { readonly ok: false; readonly reason: string };

/**
 * Virtual-machine steps a query may take, in callbacks of `stepsPerCall`. A count, not a clock: the same
 * query stops at the same place on every machine, so results stay byte-identical.
 */
const stepsPerCall = 20_000;
const maxCalls = 5_000;
const maxCellLength = 1_000_000;

let engine: Promise<Sqlite3Static> | null = null;

/** The SQLite WASM module, started once a thread; no network, no file system. */
export function loadSqlite(): Promise<Sqlite3Static> {
  engine ??= startSqlite();
  return engine;
}

async function startSqlite(): Promise<Sqlite3Static> {
  type Init = (options: { print: () => void; printErr: () => void }) => Promise<Sqlite3Static>;
  const silent = (): void => {};
  // SQLite reports failures as results; what it also writes to the console would spoil a command's output.
  const scope = globalThis as { sqlite3ApiConfig?: object };
  scope.sqlite3ApiConfig = { log: silent, debug: silent, warn: silent, error: silent };
  try {
    return await (sqlite3InitModule as unknown as Init)({ print: silent, printErr: silent });
  } finally {
    delete scope.sqlite3ApiConfig;
  }
}

/** An in-memory database that queries may only read. Owned by the catalog that opened it. */
export class SqlDatabase {
  private readonly sqlite: Sqlite3Static;
  private readonly handle: Database;
  private calls = 0;

  constructor(sqlite: Sqlite3Static, bytes: Uint8Array | null) {
    this.sqlite = sqlite;
    const { capi, wasm } = sqlite;
    this.handle = new sqlite.oo1.DB(':memory:', 'c');
    if (bytes) {
      const pointer = wasm.allocFromTypedArray(new Uint8Array(bytes));
      const flags = capi.SQLITE_DESERIALIZE_FREEONCLOSE | capi.SQLITE_DESERIALIZE_RESIZEABLE;
      const code = capi.sqlite3_deserialize(
        this.handle.pointer!,
        'main',
        pointer,
        bytes.length,
        bytes.length,
        flags,
      );
      if (code !== 0) throw new Error(`SQLite cannot open the file (code ${code})`);
    }
    capi.sqlite3_limit(this.handle.pointer!, capi.SQLITE_LIMIT_LENGTH, 64 << 20);
    capi.sqlite3_progress_handler(
      this.handle.pointer!,
      stepsPerCall,
      () => (++this.calls > maxCalls ? 1 : 0),
      0,
    );
  }

  /** Runs statements of our own making (loading a dump). */
  load(sql: string): void {
    this.calls = 0;
    this.handle.exec(sql);
  }

  /** From here on only SELECT-like statements run; anything else is refused by the authorizer. */
  freeze(): void {
    const { capi } = this.sqlite;
    const allowed = new Set<number>([
      capi.SQLITE_SELECT,
      capi.SQLITE_READ,
      capi.SQLITE_FUNCTION,
      capi.SQLITE_RECURSIVE,
    ]);
    this.addFunctions();
    capi.sqlite3_set_authorizer(
      this.handle.pointer!,
      (_: unknown, action: number) => (allowed.has(action) ? capi.SQLITE_OK : capi.SQLITE_DENY),
      0,
    );
  }

  /** Runs one query with limits on work, rows and cell size; failures are values. */
  query(sql: string, maxRows = 10_000): SqlRun {
    this.calls = 0;
    const columns: string[] = [];
    const rows: SqlCell[][] = [];
    try {
      const statement = this.handle.prepare(sql);
      try {
        if (statement.columnCount === 0) return { ok: false, reason: 'the statement gives no rows' };
        columns.push(...statement.getColumnNames());
        while (statement.step()) {
          if (rows.length === maxRows) return { ok: true, result: { columns, rows, isCut: true } };
          rows.push((statement.get([]) as unknown[]).map(cellOf));
        }
      } finally {
        statement.finalize();
      }
    } catch (error) {
      const text = messageOf(error);
      const stopped = this.calls > maxCalls;
      return {
        ok: false,
        reason: stopped
          ? `the query was stopped after ${(stepsPerCall * maxCalls) / 1e6} million steps`
          : text.replace(/^SQLITE_\w+: sqlite3 result code \d+: /, ''),
      };
    }
    return { ok: true, result: { columns, rows, isCut: false } };
  }

  close(): void {
    this.handle.close();
  }

  /** MySQL functions that SQLite lacks; all deterministic. */
  private addFunctions(): void {
    const add = (name: string, run: (...values: SqlCell[]) => SqlCell, arity: number): void => {
      const call = (_: unknown, ...values: unknown[]): SqlCell => run(...values.map(cellOf));
      this.handle.createFunction(name, call as never, { arity, deterministic: true });
    };
    add(
      'acc_left',
      (text, count) =>
        text === null || count === null ? null : String(text).slice(0, Math.max(0, Number(count))),
      2,
    );
    add(
      'acc_right',
      (text, count) =>
        text === null || count === null ? null : Number(count) <= 0 ? '' : String(text).slice(-Number(count)),
      2,
    );
    add(
      'acc_concat',
      (...parts) => (parts.some((part) => part === null) ? null : parts.map(String).join('')),
      -1,
    );
    add('year', (date) => datePart(date, 0, 4), 1);
    add('month', (date) => datePart(date, 5, 7), 1);
    add('day', (date) => datePart(date, 8, 10), 1);
    add('char_length', (text) => (text === null ? null : [...String(text)].length), 1);
    add('ucase', (text) => (text === null ? null : String(text).toUpperCase()), 1);
    add('lcase', (text) => (text === null ? null : String(text).toLowerCase()), 1);
    add(
      'locate',
      (part, text) =>
        part === null || text === null
          ? null
          : String(text).toLowerCase().indexOf(String(part).toLowerCase()) + 1,
      2,
    );
  }
}

function datePart(date: SqlCell, start: number, end: number): number | null {
  if (date === null) return null;
  const text = String(date);
  const part = Number(text.slice(start, end));
  return /^\d{4}/.test(text) && text.length >= end && Number.isInteger(part) ? part : null;
}

function cellOf(value: unknown): SqlCell {
  if (value === null || value === undefined) return null;
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  if (typeof value === 'string') return value.length > maxCellLength ? value.slice(0, maxCellLength) : value;
  if (value instanceof Uint8Array || value instanceof Int8Array) {
    let hex = '';
    for (const byte of value.subarray(0, 4096)) hex += (byte & 255).toString(16).padStart(2, '0');
    return `x'${hex}'`;
  }
  return typeof value === 'boolean' ? Number(value) : JSON.stringify(value);
}
