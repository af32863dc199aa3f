import type { QueryRun, SourcePosition, Step, TextRef, ToolCallStep, ToolResultStep } from '../schema.ts';
import { joinPath, JSON_TEXT_SEGMENT } from '../sourcePath.ts';
import { readSql } from './sqlTables.ts';
import { trimmedSpan } from './spans.ts';
import { argumentEntry, argumentText, classifyCall, looksLikeSql, SQL_KEYS } from './toolClass.ts';

const DATABASE_KEYS = [
  'database',
  'db',
  'db_name',
  'db_id',
  'database_name',
  'database_path',
  'db_path',
  'file_path',
];

/** The results that answer each call, by the call's step index. */
export function resultsByCall(steps: readonly Step[]): Map<number, ToolResultStep> {
  const results = new Map<number, ToolResultStep>();
  for (const step of steps) {
    if (step.type === 'toolResult' && step.callStep !== null && !results.has(step.callStep)) {
      results.set(step.callStep, step);
    }
  }
  return results;
}

/**
 * The SQL statements of a run in order: arguments of SQL tools, statements given to database clients in a
 * shell, and fenced SQL in messages of runs that called no SQL tool (then never executed: no result).
 */
export function extractQueries(steps: readonly Step[], database: string | null): QueryRun[] {
  const runs: QueryRun[] = [];
  const results = resultsByCall(steps);
  let current = database;
  for (const step of steps) {
    if (step.type !== 'toolCall' || step.isDemonstration) continue;
    for (const found of sqlOfCall(step)) {
      const facts = readSql(found.sql);
      const result = results.get(step.index) ?? null;
      current = facts.usedDatabase ?? current;
      runs.push({
        stepIndex: step.index,
        sql: found.sql,
        at: found.at,
        database: found.database ?? current,
        tables: facts.tables,
        isSchemaQuery: facts.isSchemaQuery,
        succeeded: result ? (isSubmission(step) ? verdict(result) : succeeded(result)) : null,
        // A submission is answered by a verdict, not by rows.
        result: result && !isSubmission(step) ? resultSpan(result) : null,
      });
    }
  }
  if (runs.length === 0) return writtenQueries(steps, database);
  const named = current === null ? (databaseInResults(results) ?? databaseInPrompt(steps)) : null;
  return named === null ? runs : runs.map((run) => ({ ...run, database: run.database ?? named }));
}

/** MySQL names the database in the messages of failed statements: `Table 'pets_1.petid' doesn't exist`. */
function databaseInResults(results: ReadonlyMap<number, ToolResultStep>): string | null {
  for (const result of results.values()) {
    const name = /\bTable '([\w$-]+)\.[^'\n]+' doesn't exist/.exec(result.text.slice(0, 300))?.[1];
    if (name !== undefined) return name;
  }
  return null;
}

const PROMPT_DATABASE =
  /(?:\b[Dd]atabase name is|\bdb_id["']?\s*[:=]|\b[Dd]atabase(?: name)?\s*[:=]|\bthe database (?:called|named))\s*["'`]?([A-Za-z][\w.-]{1,80})/g;
const NOT_A_NAME =
  /^(?:sqlite3?|mysql|mariadb|postgres\w*|snowflake|bigquery|duckdb|oracle|mssql|sql|schema|engine|dialect|type|tables?|the|a|an|and|is|with|name|none|null)$/i;
/** Characters of a prompt in which the database's name is looked for. */
const PROMPT_LENGTH = 40000;

/** The database that a prompt names: `the database name is X`, `db_id: X`, `Database: X`. */
function databaseInPrompt(steps: readonly Step[]): string | null {
  for (const step of steps) {
    if (step.type !== 'message' || step.role === 'assistant') continue;
    for (const match of step.text.slice(0, PROMPT_LENGTH).matchAll(PROMPT_DATABASE)) {
      const name = match[1]?.replace(/[.-]+$/, '') ?? '';
      if (name !== '' && !NOT_A_NAME.test(name)) return name;
    }
  }
  return null;
}

interface FoundSql {
  readonly sql: string;
  readonly at: SourcePosition;
  readonly database: string | null;
}

function sqlOfCall(call: ToolCallStep): FoundSql[] {
  const type = classifyCall(call);
  if (type === 'sql' || type === 'answer') {
    const entry = argumentEntry(call, ...SQL_KEYS, 'final_answer', 'answer');
    const text = entry?.text ?? (call.arguments === null ? call.text : '');
    const sql = bareSql(text);
    if (sql === '' || (type === 'answer' && !looksLikeSql(sql))) return [];
    if (type === 'sql' && !looksLikeSql(sql) && !/\bselect\b/i.test(sql)) return [];
    return [
      {
        sql,
        at: argumentPosition(call, entry?.key ?? null),
        database: databaseName(argumentText(call, ...DATABASE_KEYS)),
      },
    ];
  }
  if (type === 'shell') return clientQueries(call);
  return [];
}

function argumentPosition(call: ToolCallStep, key: string | null): SourcePosition {
  if (key === null) return call.at;
  if (call.range === null) return { ...call.at, path: joinPath(call.at.path, key) };
  const isJson = call.range.start === 0 && call.text.trimStart().startsWith('{');
  return isJson ? { ...call.at, path: joinPath(`${call.at.path}/${JSON_TEXT_SEGMENT}`, key) } : call.at;
}

/** The statement without a code fence, an `execute[…]` around it or the tool's own name before it. */
export function bareSql(text: string): string {
  let sql = text.trim();
  const fence = /^```(?:sql|sqlite|mysql|postgresql)?\s*\n?([\s\S]*?)```\s*$/i.exec(sql);
  if (fence) sql = (fence[1] ?? '').trim();
  const wrapped = /^(?:execute|submit|run)\s*\[([\s\S]*)\]\s*$/i.exec(sql);
  if (wrapped) sql = (wrapped[1] ?? '').trim();
  return sql;
}

/** `path/to/concert_singer.sqlite` names concert_singer. */
function databaseName(text: string | null): string | null {
  if (text === null) return null;
  const name = (text.split('/').pop() ?? text).replace(/\.(?:sqlite3?|db|duckdb|sql)$/i, '').trim();
  return name === '' || name.length > 120 ? null : name;
}

const CLIENT =
  /(?:^|[\s;&|(])(sqlite3|duckdb|psql|mysql|clickhouse-client|bq\s+query|snowsql)\s([^\n]*?)(["'])((?:(?!\3)[\s\S]){6,20000}?)\3/g;

/** Statements given to a database client on the command line. */
function clientQueries(call: ToolCallStep): FoundSql[] {
  const command =
    argumentText(call, 'command', 'cmd', 'keystrokes') ?? (call.arguments === null ? call.text : null);
  if (command === null || !/sqlite3|duckdb|psql|mysql|clickhouse|bq\s+query|snowsql/.test(command)) return [];
  const found: FoundSql[] = [];
  for (const match of command.slice(0, 100000).matchAll(CLIENT)) {
    const sql = (match[4] ?? '').trim();
    if (!looksLikeSql(sql) && !/^\.(?:schema|tables)\b/.test(sql)) continue;
    const name = /(\S+\.(?:sqlite3?|db|duckdb))\b/.exec(match[2] ?? '')?.[1] ?? null;
    found.push({
      sql,
      at: argumentPosition(call, call.arguments ? 'command' : null),
      database: databaseName(name),
    });
  }
  return found;
}

/** Statements in fenced blocks of the model's messages, where no tool ran any. */
function writtenQueries(steps: readonly Step[], database: string | null): QueryRun[] {
  const runs: QueryRun[] = [];
  let named: string | null | undefined;
  for (const step of steps) {
    if (step.type !== 'message' || step.role !== 'assistant' || step.isDemonstration) continue;
    for (const block of fencedBlocks(step.text)) {
      const sql = step.text.slice(block.start, block.end).trim();
      if (block.label !== 'sql' && !(block.label === '' && looksLikeSql(sql))) continue;
      if (sql === '') continue;
      const facts = readSql(sql);
      // Only now is the prompt worth reading.
      if (named === undefined) named = database ?? databaseInPrompt(steps);
      runs.push({
        stepIndex: step.index,
        sql,
        at: step.at,
        database: facts.usedDatabase ?? named,
        tables: facts.tables,
        isSchemaQuery: facts.isSchemaQuery,
        succeeded: null,
        result: null,
      });
    }
  }
  return runs;
}

/** Fenced code of a Markdown text: label in lower case, and the range of the code. */
function fencedBlocks(text: string): { label: string; start: number; end: number }[] {
  const blocks: { label: string; start: number; end: number }[] = [];
  for (let open = text.indexOf('```'); open >= 0;) {
    const line = text.indexOf('\n', open);
    if (line < 0) break;
    const close = text.indexOf('```', line);
    if (close < 0) break;
    const label = text
      .slice(open + 3, line)
      .trim()
      .toLowerCase();
    blocks.push({ label, start: line + 1, end: close });
    open = text.indexOf('```', close + 3);
  }
  return blocks;
}

const SQL_ERROR =
  /^\s*(?:[[({"']*\s*)?(?:execution result[^\n]*\n\s*)?(?:error\b|errors?:|sql error|\w*(?:operational|programming|database|syntax|integrity|internal|data)error\b|error executing|an error occurred|exception\b|traceback|failed\b|failure|invalid\b|no such (?:table|column)|syntax error|unknown (?:column|table|database)|ambiguous column|\d{4,6} \([0-9A-Z]{5}\)|parse(?:r)? error|binder error|catalog error|query failed|could not execute|unable to execute|not authorized|access denied|timeout|timed out)/i;

/** Whether an observation is a result, judged by how it begins; null when it says nothing. */
function succeeded(result: ToolResultStep): boolean | null {
  if (result.isError) return false;
  const text = result.text.slice(0, 600);
  const status = /"(?:success|ok|is_success)"\s*:\s*(true|false)/.exec(text)?.[1];
  if (status) return status === 'true';
  if (/"error"\s*:\s*"[^"]/.test(text)) return false;
  if (SQL_ERROR.test(text)) return false;
  return true;
}

function isSubmission(call: ToolCallStep): boolean {
  return /submit|terminate|finish/i.test(call.name);
}

function verdict(result: ToolResultStep): boolean | null {
  const text = result.text.slice(0, 300);
  if (/not correct|incorrect|failed|wrong|error/i.test(text)) return false;
  return /\bcorrect|success|passed/i.test(text) ? true : null;
}

function resultSpan(result: ToolResultStep): TextRef | null {
  return trimmedSpan(result, 0, result.text.length);
}
