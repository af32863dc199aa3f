import { lastSqlBlock } from '../trajectories/blocks/answers.ts';
import { bareSql } from '../trajectories/extract/sql.ts';
import { looksLikeSql } from '../trajectories/extract/toolClass.ts';
import type { QueryRun, Trajectory } from '../trajectories/schema.ts';
import { refuse, type Refusal } from './contextDocument.ts';
import type { SqlCell } from './sql/engine.ts';
import { renderResult } from './sql/renderTable.ts';
import { fitResult, type ResultFit } from './sql/resultFit.ts';
import type { CheckResult } from './types.ts';
import { quote } from './verify.ts';

/** Rows of a result beyond which it is a listing, not an answer. */
export const maxAnswerRows = 200;

const check = 'answer-query';

/** The query whose result is the answer. */
export interface FinalQuery {
  readonly sql: string;
  /** The run of it whose result the log shows, if any. */
  readonly run: QueryRun | null;
}

export type AnsweringQuery =
  | {
      readonly ok: true;
      readonly query: FinalQuery;
      readonly checks: readonly CheckResult[];
      readonly flags: readonly string[];
    }
  | { readonly ok: false; readonly refusal: Refusal };

/** Rows that a query of the run gave, null where nobody knows them. */
export type RowsOf = (run: QueryRun) => readonly (readonly SqlCell[])[] | null;

/**
 * The query whose result answers the question: the submitted one; where the run ends with a value or in prose, the
 * last of those whose result fits the ground truth best, or without one the final answer. Runs go on asking after
 * they know the answer, so that the last query may be another one. Where nothing states the answer it is the last
 * query that gave rows.
 * @param isVerified false: the gold SQL decides later, so that a query need not fit
 */
export function answeringQuery(trajectory: Trajectory, rowsOf: RowsOf, isVerified: boolean): AnsweringQuery {
  const answer = bareSql(trajectory.finalAnswer?.text ?? '');
  const runs = trajectory.queries.filter((query) => !query.isSchemaQuery);
  if (isStatement(answer)) {
    const same = runs.filter((query) => sameSql(query.sql, answer));
    const run = same.findLast((query) => query.result !== null) ?? same.at(-1) ?? null;
    return found({ sql: answer, run }, null);
  }
  const candidates = runs.filter((query) => query.succeeded !== false && query.tables.length > 0);
  const last = candidates.at(-1);
  if (!last) return refuse('answer', 'no-query', 'the run ended without a query that gives rows');
  const stated = statedAnswer(trajectory);
  const quoted = stated?.isTruth ? undefined : quotedRun(answer, candidates);
  if (quoted) return found(finalQuery(quoted, runs), pass('the final answer quotes the query'));
  // Rows may have to be asked of a database: only where something can be compared with them.
  const known = (stated === null ? [] : candidates).flatMap((run) => {
    const rows = rowsOf(run);
    return rows === null ? [] : [{ run, rows }];
  });
  if (stated === null || known.length === 0 || changesData(last.sql))
    return found(finalQuery(last, runs), {
      check,
      status: 'skipped',
      reason: 'nothing tells which query gives the answer; it is the last one that gave rows',
    });
  const best = bestFit(known, stated);
  const whose = stated.isTruth ? 'the ground truth' : 'the final answer';
  if (best)
    return fitted(finalQuery(best.run, runs), best.fit, `${whose} ${quote(stated.texts[0]!)}`, stated);
  if (!isVerified) return found(finalQuery(last, runs), null);
  const shown = known.at(-1)!;
  return refuse(
    'answer',
    'answer-not-in-result',
    `no query of the run gives ${whose} ${quote(stated.texts[0]!)}; ` +
      `the last result is ${quote(renderResult(shown.rows.slice(0, 2)))}, of ${quote(shown.run.sql)}`,
  );
}

function pass(reason: string): CheckResult {
  return { check, status: 'pass', reason };
}

function found(query: FinalQuery, result: CheckResult | null): AnsweringQuery {
  return { ok: true, query, checks: result ? [result] : [], flags: [] };
}

function fitted(query: FinalQuery, fit: ResultFit, what: string, stated: StatedAnswer): AnsweringQuery {
  // Prose says more than the answer; a ground truth does not.
  if (stated.isTruth ? fit.isWhole : fit.isEveryRow) return found(query, pass(`its result holds ${what}`));
  const reason = `its result holds ${what} only in part, or more than that`;
  return { ok: true, query, checks: [{ check, status: 'warn', reason }], flags: ['loose-match'] };
}

/** True for statements that change data or tables. */
export function changesData(sql: string): boolean {
  return /^\s*(?:insert|update|delete|create|drop|alter|replace)\b/i.test(sql);
}

function isStatement(text: string): boolean {
  return /^\(*\s*(?:(?:select|insert|update|delete)\b|with\b[\s\S]*?\bas\s*(?:(?:not\s+)?materialized\s*)?\()/i.test(
    text,
  );
}

/** The run of a query, or an equal one whose result the log shows. */
function finalQuery(run: QueryRun, runs: readonly QueryRun[]): FinalQuery {
  if (run.result) return { sql: run.sql, run };
  const shown = runs.findLast((other) => other.result !== null && sameSql(other.sql, run.sql));
  return { sql: run.sql, run: shown ?? run };
}

function quotedRun(answer: string, candidates: readonly QueryRun[]): QueryRun | undefined {
  const block = lastSqlBlock(answer);
  return block === null ? undefined : candidates.findLast((run) => sameSql(run.sql, block));
}

function sameSql(a: string, b: string): boolean {
  return squeeze(a) === squeeze(b);
}

function squeeze(sql: string): string {
  return sql.replace(/\s+/g, ' ').trim().replace(/;$/, '').trim().toLowerCase();
}

interface StatedAnswer {
  readonly texts: readonly string[];
  readonly isTruth: boolean;
}

/** What the log says the answer is: the accepted values, each and all together, else the final answer. */
function statedAnswer({ groundTruth, finalAnswer }: Trajectory): StatedAnswer | null {
  const values = groundTruth?.form === 'text' ? groundTruth.values.filter((value) => !isSql(value)) : [];
  if (values.length > 0) {
    return { texts: values.length === 1 ? values : [...values, values.join('\n')], isTruth: true };
  }
  const answer = (finalAnswer?.text ?? '').replace(/```[\s\S]*?(?:```|$)/g, ' ').trim();
  return answer === '' || isSql(answer) || namesNoValue(answer) ? null : { texts: [answer], isTruth: false };
}

/** Statements that ask for no rows, and those with something before them. */
function isSql(text: string): boolean {
  const sql = bareSql(text).slice(0, 20_000);
  return (looksLikeSql(sql) && !/^with\b/i.test(sql)) || /\bselect\b[\s\S]+\bfrom\b/i.test(sql);
}

/** Final answers that hand in a file, or only say that the work is done. */
function namesNoValue(answer: string): boolean {
  return (
    /[\w-]\.(?:csv|tsv|xlsx?|parquet|jsonl?)\b/i.test(answer) ||
    /^(?:(?:the )?task (?:is )?)?(?:done|finished|completed?|success(?:ful(?:ly)?)?|submit(?:ted)?|ok)\W*$/i.test(
      answer,
    )
  );
}

interface KnownResult {
  readonly run: QueryRun;
  readonly rows: readonly (readonly SqlCell[])[];
}

/** The last of the results that state most of the answer and least besides. */
function bestFit(
  known: readonly KnownResult[],
  { texts, isTruth }: StatedAnswer,
): { readonly run: QueryRun; readonly fit: ResultFit } | null {
  let best: { run: QueryRun; fit: ResultFit } | null = null;
  for (const { run, rows } of known) {
    if (rows.length > maxAnswerRows) continue;
    const fit = texts.reduce<ResultFit | null>((better, text) => {
      // Prose sums up long results.
      const next = fitResult(rows, text, isTruth ? 1 : 0.5);
      return next && (better === null || next.stated > better.stated) ? next : better;
    }, null);
    if (fit && (best === null || !isBetter(best.fit, fit))) best = { run, fit };
  }
  return best;
}

function isBetter(a: ResultFit, b: ResultFit): boolean {
  return a.stated > b.stated || (a.stated === b.stated && a.unstated < b.unstated);
}
