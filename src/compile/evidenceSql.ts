import { readSql } from '../trajectories/extract/sqlTables.ts';
import type { QueryRun, Trajectory } from '../trajectories/schema.ts';
import {
  answeringQuery,
  changesData,
  maxAnswerRows,
  type FinalQuery,
  type RowsOf,
} from './answeringQuery.ts';
import {
  cleanTitle,
  refuse,
  sourceOfSpan,
  textOfSpan,
  type ContextDocument,
  type DroppedPiece,
  type Gathered,
  type GatherResult,
} from './contextDocument.ts';
import type { CatalogDatabase, CatalogTable, DatabaseCatalog } from './sql/catalog.ts';
import { compareRows } from './sql/compareResults.ts';
import type { SqlResult } from './sql/engine.ts';
import { bareTable, matchDatabase } from './sql/matchDatabase.ts';
import { readObservedRows, type ObservedRows } from './sql/observedRows.ts';
import { renderResult } from './sql/renderTable.ts';
import { translateQuery } from './sql/translate.ts';
import type { CheckResult } from './types.ts';
import { quote } from './verify.ts';

/**
 * SQL runs: the complete contents of the tables that the answering query reads are gold; other tables the agent
 * queried are tier-1 distractors, tables it only saw in the schema tier 2. The answer is the query's result, run
 * again on the packed tables and compared with what the log shows. Without the database the tables are put
 * together from the observations and the example is flagged `incomplete-table`.
 * @param isVerified false: the run is right only if its result equals that of the gold SQL
 */
export function gatherSql(
  trajectory: Trajectory,
  catalog: DatabaseCatalog | null,
  isVerified: boolean,
): GatherResult {
  const answering = answeringQuery(trajectory, rowsIn(trajectory, catalog), isVerified);
  if (!answering.ok) return answering;
  const { query, checks, flags } = answering;
  if (changesData(query.sql)) {
    return refuse(
      'answer',
      'changes-data',
      'the task changes the database; there is no result to reason about',
    );
  }
  const result = gatherFor(trajectory, query, catalog, isVerified);
  if (!result.ok) return result;
  const { gathered } = result;
  return {
    ok: true,
    gathered: { ...gathered, checks: [...checks, ...gathered.checks], flags: [...flags, ...gathered.flags] },
  };
}

/** The rows of the run's queries: those that the log shows, else those that a given database gives. */
function rowsIn(trajectory: Trajectory, catalog: DatabaseCatalog | null): RowsOf {
  return (run) => {
    const text = observedText(trajectory, run);
    const observed = text === null ? null : readObservedRows(text);
    if (observed || !catalog || changesData(run.sql)) return observed?.rows ?? null;
    const { candidates } = matchDatabase(catalog, trajectory.database, run.tables, [run.sql]);
    for (const database of candidates) {
      const again = database.sql.query(translateQuery(run.sql, database.dialect, database.name));
      if (again.ok) return again.result.rows;
    }
    return null;
  };
}

function gatherFor(
  trajectory: Trajectory,
  final: FinalQuery,
  catalog: DatabaseCatalog | null,
  isVerified: boolean,
): GatherResult {
  const usable = trajectory.queries.filter((query) => query.succeeded !== false && !query.isSchemaQuery);
  if (catalog && catalog.databases.length > 0) {
    const match = matchDatabase(catalog, trajectory.database, readSql(final.sql).tables, [
      ...usable.map((query) => query.sql),
      final.sql,
    ]);
    if (match.candidates.length > 0) {
      return gatherFromDatabase(trajectory, final, match.candidates, match.reason, isVerified);
    }
    if (!hasRows(final, trajectory))
      return refuse('evidence', 'no-database', `${match.reason}, and the log shows no result`);
  }
  if (!isVerified) {
    return refuse(
      'verify',
      'not-verified',
      'the gold SQL can only be compared on the database; give it with --database',
    );
  }
  return gatherFromObservations(trajectory, final);
}

function observedText(trajectory: Trajectory, run: QueryRun | null): string | null {
  if (!run?.result) return null;
  return textOfSpan(trajectory, resultStep(trajectory, run), run.result);
}

/** Index of the step that holds a query's result. */
function resultStep(trajectory: Trajectory, run: QueryRun): number {
  const step = trajectory.steps.find(
    (candidate) => candidate.type === 'toolResult' && candidate.callStep === run.stepIndex,
  );
  return step?.index ?? run.stepIndex;
}

function hasRows(final: FinalQuery, trajectory: Trajectory): boolean {
  const text = observedText(trajectory, final.run);
  return text !== null && readObservedRows(text) !== null;
}

function gatherFromDatabase(
  trajectory: Trajectory,
  final: FinalQuery,
  candidates: readonly CatalogDatabase[],
  matchReason: string,
  isVerified: boolean,
): GatherResult {
  const text = observedText(trajectory, final.run);
  const observed = text === null ? null : readObservedRows(text);
  const attempts = candidates.map((database) => ({ database, ...execute(database, final.sql, observed) }));
  // A candidate whose result equals the log's is the right one; the order of names decides between equals.
  const chosen =
    attempts.find((attempt) => attempt.outcome === 'same') ??
    attempts.find((attempt) => attempt.result) ??
    attempts[0]!;
  const { database, result } = chosen;
  const isAmbiguous = attempts.filter((attempt) => attempt.outcome === chosen.outcome).length > 1;
  if (!result)
    return refuse(
      'answer',
      'sql-not-executable',
      `SQLite cannot run the query on ${database.name}: ${chosen.reason}`,
    );
  if (chosen.outcome === 'different') {
    return refuse(
      'answer',
      'sql-result-differs',
      `run again on ${database.name}, the query gives ${shape(result)}, ${quote(renderResult(result.rows.slice(0, 2)))}; ` +
        `the log shows ${shapeOf(observed!)}, ${quote(renderResult(observed!.rows.slice(0, 2)))}`,
    );
  }
  const checks: CheckResult[] = [
    { check: 'database', status: isAmbiguous ? 'warn' : 'pass', reason: `${database.name}: ${matchReason}` },
    {
      check: 'sql-reexecution',
      status: chosen.outcome === 'same' ? 'pass' : 'skipped',
      reason: chosen.reason,
    },
  ];
  if (!isVerified) {
    const verdict = compareWithGold(trajectory, database, result);
    if (verdict === null)
      return refuse('verify', 'not-verified', 'no gold SQL that runs on the database is known');
    if (verdict.status === 'fail') return refuse('verify', 'answer-differs', verdict.reason);
    checks.push(verdict);
  }
  const answerRefusal = refuseAnswer(result.rows.length, result.isCut);
  if (answerRefusal) return answerRefusal;
  const tables = tableDocuments(trajectory, database, final);
  if (!tables.ok) return tables.refusal;
  const flags = [
    ...(isAmbiguous ? ['ambiguous-database'] : []),
    ...(chosen.outcome === 'unknown' ? ['result-not-in-log'] : []),
    ...(chosen.isReordered ? ['rows-reordered'] : []),
  ];
  return {
    ok: true,
    gathered: {
      documents: tables.documents,
      answer: renderResult(result.rows),
      checks,
      flags,
      dropped: tables.dropped,
    },
  };
}

function refuseAnswer(rowCount: number, isCut: boolean): GatherResult | null {
  if (rowCount === 0)
    return refuse(
      'answer',
      'empty-result',
      'the query gives no rows, so there is nothing to find in the tables',
    );
  if (rowCount > maxAnswerRows || isCut) {
    return refuse(
      'answer',
      'answer-too-long',
      `the query gives ${isCut ? 'more than ' : ''}${rowCount} rows; an answer may have ${maxAnswerRows}`,
    );
  }
  return null;
}

interface Execution {
  readonly result: SqlResult | null;
  readonly outcome: 'same' | 'unknown' | 'different';
  readonly isReordered: boolean;
  readonly reason: string;
}

function execute(database: CatalogDatabase, sql: string, observed: ObservedRows | null): Execution {
  const run = database.sql.query(translateQuery(sql, database.dialect, database.name));
  if (!run.ok) return { result: null, outcome: 'unknown', isReordered: false, reason: run.reason };
  const { result } = run;
  if (observed === null) {
    return {
      result,
      outcome: 'unknown',
      isReordered: false,
      reason: `the query ran (${shape(result)}); the log shows no rows to compare with`,
    };
  }
  const comparison = compareRows(result.rows, observed.rows, observed.isCut);
  if (comparison === 'different')
    return { result, outcome: 'different', isReordered: false, reason: 'another result' };
  const isReordered = comparison === 'equal-in-another-order' && /\border\s+by\b/i.test(sql);
  const how =
    comparison === 'prefix'
      ? 'the rows that the log shows are among the result'
      : comparison === 'equal'
        ? 'the result equals the log'
        : 'the result has the rows of the log in another order';
  return {
    result,
    outcome: 'same',
    isReordered,
    reason: `run again on the packed tables: ${how} (${shape(result)})`,
  };
}

function shape(result: SqlResult): string {
  return `${result.rows.length} × ${result.columns.length} cells`;
}

function shapeOf(observed: ObservedRows): string {
  return `${observed.rows.length} × ${observed.rows[0]?.length ?? 0} cells`;
}

/** Result of the gold SQL against the agent's; null when there is none that runs. */
function compareWithGold(
  trajectory: Trajectory,
  database: CatalogDatabase,
  result: SqlResult,
): CheckResult | null {
  if (trajectory.groundTruth?.form !== 'sql') return null;
  for (const sql of trajectory.groundTruth.values) {
    const run = database.sql.query(translateQuery(sql, database.dialect, database.name));
    if (!run.ok) continue;
    const comparison = compareRows(result.rows, run.result.rows, false);
    const equal = comparison === 'equal' || comparison === 'equal-in-another-order';
    return {
      check: 'answer',
      status: equal ? 'pass' : 'fail',
      reason: equal
        ? 'the agent’s query gives the rows of the gold SQL'
        : `the agent's query gives ${shape(result)}, the gold SQL ${shape(run.result)} with other values`,
    };
  }
  return null;
}

interface TableDocuments {
  readonly ok: true;
  readonly documents: readonly ContextDocument[];
  readonly dropped: readonly DroppedPiece[];
}

/** Contents of the tables of the answering query (gold) and of the other tables the agent met (distractors). */
function tableDocuments(
  trajectory: Trajectory,
  database: CatalogDatabase,
  final: FinalQuery,
): TableDocuments | { readonly ok: false; readonly refusal: GatherResult } {
  const needed = new Set(readSql(final.sql).tables.map(bareTable));
  const queried = new Set(
    trajectory.queries
      .filter((query) => query.succeeded !== false && !query.isSchemaQuery)
      .flatMap((query) => query.tables.map(bareTable)),
  );
  const sawSchema = trajectory.queries.some((query) => query.isSchemaQuery && query.succeeded !== false);
  const documents: ContextDocument[] = [];
  const dropped: DroppedPiece[] = [];
  for (const [key, table] of database.tables) {
    const isGold = needed.has(key);
    if (!isGold && !queried.has(key) && !sawSchema) continue;
    const text = database.render(table);
    if (text === null) {
      if (isGold)
        return {
          ok: false,
          refusal: refuse(
            'budget',
            'table-too-large',
            `table ${table.name} (${table.rowCount} rows) is larger than any budget`,
          ),
        };
      dropped.push({
        title: `Table ${table.name}`,
        role: 'distractor',
        tokens: 0,
        reason: 'larger than any budget',
      });
      continue;
    }
    const first = firstMention(trajectory, key);
    documents.push({
      key: `${database.name}.${table.name}`,
      noun: 'Table',
      title: tableTitle(table),
      role: isGold ? 'gold' : 'distractor',
      tier: isGold ? 0 : queried.has(key) ? 1 : 2,
      turn: first.turn,
      step: first.step,
      windows: [
        {
          text,
          source: {
            file: database.file,
            record: 0,
            path: `/${escapeKey(database.name)}/${escapeKey(table.name)}`,
            turn: first.turn,
            start: 0,
            end: text.length,
            rendering: 'table',
          },
          alsoAt: [],
          label: null,
          isTruncated: false,
        },
      ],
    });
  }
  return { ok: true, documents, dropped };
}

function escapeKey(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

/** `singer (6 rows)`; the columns stand in the first line of the table. */
function tableTitle(table: CatalogTable): string {
  return cleanTitle(`${table.name} (${table.rowCount} ${table.rowCount === 1 ? 'row' : 'rows'})`, table.name);
}

/** Where the run first names a table in a query; a table never named counts as met with the first schema query. */
function firstMention(trajectory: Trajectory, table: string): { turn: number; step: number } {
  const query =
    trajectory.queries.find((candidate) => candidate.tables.some((name) => bareTable(name) === table)) ??
    trajectory.queries.find((candidate) => candidate.isSchemaQuery) ??
    trajectory.queries[0];
  const step = query ? query.stepIndex : 0;
  return { turn: trajectory.steps[step]?.turn ?? 0, step };
}

/**
 * Without the database: what the log shows of each table. The observation of the answering query itself stays
 * out (it is the answer); schema and knowledge look-ups are notes.
 */
function gatherFromObservations(trajectory: Trajectory, final: FinalQuery): GatherResult {
  const answerText = observedText(trajectory, final.run);
  if (answerText === null) {
    return refuse(
      'answer',
      'result-not-in-log',
      'the log does not show the result of the answering query; give its database with --database',
    );
  }
  const observed = readObservedRows(answerText);
  if (observed === null) {
    return refuse(
      'answer',
      'result-not-readable',
      `the result of the answering query cannot be read as rows: ${quote(answerText)}`,
    );
  }
  if (observed.isCut)
    return refuse('answer', 'result-cut', 'the log shows only part of the result of the answering query');
  const answerRefusal = refuseAnswer(observed.rows.length, false);
  if (answerRefusal) return answerRefusal;
  const answer = renderResult(observed.rows);
  const needed = new Set(readSql(final.sql).tables.map(bareTable));
  const groups = new Map<
    string,
    { role: 'gold' | 'distractor'; noun: 'Table' | 'Note'; title: string; runs: Piece[] }
  >();
  const answerPath = final.run?.result?.path ?? null;
  const taken = new Set<number>();
  for (const run of trajectory.queries) {
    const index = resultStep(trajectory, run);
    const text = observedText(trajectory, run);
    taken.add(index);
    if (text === null || text.trim() === '' || run.succeeded === false || run.result!.path === answerPath)
      continue;
    const tables = [...new Set(run.tables.map(bareTable))];
    const rows = readObservedRows(text);
    // The same rows under another query give the answer away as well.
    if (rows && rows.rows.length > 0 && renderResult(rows.rows) === answer) continue;
    if (run.isSchemaQuery || tables.length === 0) {
      addPiece(groups, 'schema', 'gold', 'Note', 'Database schema', { text, run, index });
    } else {
      const isNeeded = tables.some((table) => needed.has(table));
      const key = tables.join(', ');
      addPiece(groups, key, isNeeded ? 'gold' : 'distractor', 'Table', `${key} (part)`, { text, run, index });
    }
  }
  const tableParts = [...groups.values()].filter(
    (group) => group.role === 'gold' && group.noun === 'Table',
  ).length;
  if (tableParts === 0) {
    return refuse(
      'evidence',
      'no-table-contents',
      'the log shows no contents of the tables besides the answer; give the database with --database',
    );
  }
  const documents = [...groups].map(([key, group]) => observedDocument(trajectory, key, group));
  for (const note of noteDocuments(trajectory, taken)) documents.push(note);
  const gathered: Gathered = {
    documents,
    answer,
    checks: [
      {
        check: 'sql-reexecution',
        status: 'skipped',
        reason: 'no database was given; the answer is the result that the log shows',
      },
      {
        check: 'evidence-coverage',
        status: 'warn',
        reason: 'tables are put together from observations and may lack rows that the answer needs',
      },
    ],
    flags: ['incomplete-table'],
    dropped: [],
  };
  return { ok: true, gathered };
}

interface Piece {
  readonly text: string;
  readonly run: QueryRun;
  readonly index: number;
}
type Groups = Map<
  string,
  { role: 'gold' | 'distractor'; noun: 'Table' | 'Note'; title: string; runs: Piece[] }
>;

function addPiece(
  groups: Groups,
  key: string,
  role: 'gold' | 'distractor',
  noun: 'Table' | 'Note',
  title: string,
  piece: Piece,
): void {
  const group = groups.get(key);
  if (!group) groups.set(key, { role, noun, title, runs: [piece] });
  else if (!group.runs.some((other) => other.text === piece.text)) group.runs.push(piece);
}

function observedDocument(
  trajectory: Trajectory,
  key: string,
  group: { role: 'gold' | 'distractor'; noun: 'Table' | 'Note'; title: string; runs: Piece[] },
): ContextDocument {
  const first = group.runs[0]!;
  const turnOf = (piece: Piece): number => trajectory.steps[piece.index]?.turn ?? 0;
  return {
    key,
    noun: group.noun,
    title: cleanTitle(group.title, key),
    role: group.role,
    tier: group.role === 'gold' ? 0 : 1,
    turn: turnOf(first),
    step: first.index,
    windows: group.runs.map((piece) => ({
      text: piece.text,
      source: sourceOfSpan(piece.run.result!, turnOf(piece)),
      alsoAt: [],
      label:
        group.noun === 'Table' || group.runs.length > 1
          ? `rows of: ${cleanTitle(piece.run.sql, 'query')}`
          : null,
      isTruncated: false,
    })),
  };
}

/** Results of the other tools (schema look-ups, definitions): needed to understand the tables. */
function noteDocuments(trajectory: Trajectory, taken: ReadonlySet<number>): ContextDocument[] {
  const documents: ContextDocument[] = [];
  const seen = new Set<string>();
  for (const step of trajectory.steps) {
    if (
      step.type !== 'toolResult' ||
      step.isError ||
      step.isDemonstration ||
      step.range === null ||
      taken.has(step.index)
    )
      continue;
    const call = step.callStep === null ? undefined : trajectory.steps[step.callStep];
    const name = step.name ?? 'tool';
    if (
      !/schema|knowledge|definition|column|meaning|describe|doc|file|table/i.test(name) ||
      step.text.trim() === ''
    )
      continue;
    if (seen.has(step.text)) continue;
    seen.add(step.text);
    const argument =
      call?.type === 'toolCall' && call.arguments
        ? Object.values(call.arguments).find((value) => typeof value === 'string')
        : undefined;
    documents.push({
      key: `${name}:${step.index}`,
      noun: 'Note',
      title: cleanTitle(typeof argument === 'string' ? `${name}: ${argument}` : name, name),
      role: 'gold',
      tier: 0,
      turn: step.turn,
      step: step.index,
      windows: [
        {
          text: step.text,
          source: { ...step.at, turn: step.turn, start: step.range.start, end: step.range.end },
          alsoAt: [],
          label: null,
          isTruncated: step.isTruncated,
        },
      ],
    });
  }
  return documents;
}
