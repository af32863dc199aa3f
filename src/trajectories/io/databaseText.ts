import { decodeUtf8 } from './parseRecord.ts';
import type { FoundDatabase } from './locator.ts';

const LOOKED_BYTES = 256 * 1024;
const LOOKED_LINES = 12;
const MAX_COLUMNS = 2000;

/** Tells whether text is an SQL dump or a CSV table, and what it names. Null for any other text. */
export function databaseOfText(
  bytes: Uint8Array,
  isWhole: boolean,
): Pick<FoundDatabase, 'kind' | 'names'> | null {
  const { text } = decodeUtf8(bytes.subarray(0, LOOKED_BYTES));
  const tables = sqlTables(text);
  if (tables) return { kind: 'sql-dump', names: tables };
  const columns = csvColumns(text, isWhole && bytes.length <= LOOKED_BYTES);
  return columns && { kind: 'csv', names: columns };
}

const STATEMENT =
  /^\s*(?:CREATE\s+(?:TEMP(?:ORARY)?\s+)?TABLE|INSERT\s+INTO|DROP\s+TABLE|COPY\s+\S+\s*\(|PRAGMA\s+foreign_keys|BEGIN\s+TRANSACTION)\b/im;
const CREATE_TABLE =
  /\bCREATE\s+(?:TEMP(?:ORARY)?\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?((?:["`[]?[\w$]+["`\]]?\.)?["`[]?[\w$ ]+?["`\]]?)\s*\(/gi;

/** Names of the tables that an SQL dump creates; null when the text is no dump. */
function sqlTables(text: string): string[] | null {
  // Prose may quote a statement; a dump has one on its first lines that is no comment.
  const code = text.replace(/^\s*--.*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, '');
  const beginning = code.trimStart().slice(0, 4000);
  if (!STATEMENT.test(beginning) || !beginning.includes(';')) return null;
  const firstWord = /^[A-Za-z]+/.exec(beginning)?.[0].toUpperCase() ?? '';
  const openers = [
    'CREATE',
    'INSERT',
    'DROP',
    'SET',
    'PRAGMA',
    'BEGIN',
    'USE',
    'COPY',
    'ALTER',
    'SELECT',
    'START',
    'LOCK',
  ];
  if (!openers.includes(firstWord)) return null;
  const names = [...code.matchAll(CREATE_TABLE)].map((match) => (match[1] ?? '').replace(/["`[\]]/g, ''));
  return [...new Set(names)];
}

/** Column names when the first lines are rows of equal length under a header of distinct names. */
function csvColumns(text: string, isWhole: boolean): string[] | null {
  for (const separator of [',', '\t', ';']) {
    const rows = csvRows(text, separator, isWhole);
    const header = rows[0];
    if (!header || header.length < 2 || header.length > MAX_COLUMNS || rows.length < 2) continue;
    const isTable = rows.every((row) => row.length === header.length);
    const names = header.map((name) => name.trim());
    const isHeader =
      new Set(names).size === names.length &&
      names.every((name) => name.length > 0 && name.length <= 80 && !/[.!?:](?:\s|$)|\n/.test(name));
    if (isTable && isHeader) return names;
  }
  return null;
}

function csvRows(text: string, separator: string, isWhole: boolean): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let at = 0; at < text.length && rows.length < LOOKED_LINES; at++) {
    const character = text[at] ?? '';
    if (isQuoted) {
      if (character !== '"') cell += character;
      else if (text[at + 1] === '"') cell += text[++at] ?? '';
      else isQuoted = false;
    } else if (character === '"' && cell === '') {
      isQuoted = true;
    } else if (character === separator) {
      row.push(cell);
      cell = '';
    } else if (character === '\n') {
      row.push(cell.replace(/\r$/, ''));
      cell = '';
      if (row.length > 1 || row[0] !== '') rows.push(row);
      row = [];
    } else {
      cell += character;
    }
  }
  if (isWhole && rows.length < LOOKED_LINES && (row.length > 0 || cell !== '')) rows.push([...row, cell]);
  return rows;
}
