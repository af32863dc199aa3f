import type { JsonValue } from '../core/json.ts';
import type { Rng } from '../core/rng.ts';
import { makeTableQuestion, type Table } from './database.ts';
import { makeRiddle, searchPages, type Library } from './library.ts';
import { lineDiff, makeFaultyRepository, runTest } from './repository.ts';
import { pick, pickSome } from './words.ts';

/** One call and what came back. */
interface AgentStep {
  readonly thought: string;
  readonly call: { readonly name: string; readonly arguments: Readonly<Record<string, string>> };
  readonly observation: string;
}

/** What a scripted agent did on a task, before it is written in some log format. */
export interface AgentRun {
  readonly kind: 'search' | 'swe' | 'sql';
  readonly id: string;
  readonly system: string;
  readonly question: string;
  readonly steps: readonly AgentStep[];
  /** Reasoning from what was seen to the answer. */
  readonly conclusion: string;
  /** The final answer, or null when the agent gave up. */
  readonly answer: string | null;
  readonly truth: string;
  readonly isRight: boolean;
}

const systems = {
  search: 'Answer the question. Use search and visit.',
  swe: 'Fix the issue. Open files, edit them, run the tests, then submit.',
  sql: 'Answer the question with SQL.',
} as const;

/** Where a page of the library stands; nothing answers there. */
function addressOf(title: string): string {
  return `https://world.test/${title.replaceAll(' ', '_')}`;
}

/**
 * Searches for the entity it knows, opens its page, goes on from there. One run in four goes wrong: it opens a page
 * that only mentions what it looks for, and answers from it.
 * @param results pages that a search shows
 */
export function searchRun(rng: Rng, id: string, library: Library, hops: number, results: number): AgentRun {
  const riddle = makeRiddle(rng, library, hops);
  const isCareless = rng.below(4) === 0;
  const slip = isCareless ? rng.below(hops) : -1;
  const steps: AgentStep[] = [];
  let answer: string | null = riddle.answer;
  let quoted = [...riddle.statements];
  for (let hop = 0; hop < hops; hop++) {
    const name = riddle.path[hop]!;
    const found = searchPages(library, name, results);
    const shown = JSON.stringify(found.map(({ title, text }) => ({ title, url: addressOf(title), text })));
    const why = hop === 0 ? `Look for ${name}.` : `${riddle.statements[hop - 1]!} Look for ${name}.`;
    steps.push({ thought: why, call: { name: 'search', arguments: { query: name } }, observation: shown });
    const other = found.find((page) => !riddle.path.includes(page.title));
    const opened = hop === slip && other ? other : library.pages.get(name)!;
    steps.push({
      thought: `Open ${opened.title}.`,
      call: { name: 'visit', arguments: { url: addressOf(opened.title) } },
      observation: opened.text,
    });
    if (opened.title !== name) {
      const wrong = pick(rng, opened.text.split('. ')).replace(/\.$/, '');
      answer = wrong.split(' ').at(-1)!;
      quoted = [`${wrong}.`];
      break;
    }
  }
  return {
    kind: 'search',
    id,
    system: systems.search,
    question: riddle.question,
    steps,
    conclusion: quoted.join(' '),
    answer,
    truth: riddle.answer,
    isRight: answer === riddle.answer,
  };
}

/** What a repository agent needs beside the run for its log: the patch. */
export interface RepositoryRun extends AgentRun {
  readonly patch: string;
}

/** Opens some files, edits one, runs the tests, submits. One run in four edits the wrong file. */
export function repositoryRun(rng: Rng, id: string, files: number, looks: number): RepositoryRun {
  const repository = makeFaultyRepository(rng, files);
  const { fault, decoy } = repository;
  const state = new Map(repository.files);
  const steps: AgentStep[] = [];
  const act = (
    thought: string,
    name: string,
    args: Readonly<Record<string, string>>,
    observation: string,
  ): void => {
    steps.push({ thought, call: { name, arguments: args }, observation });
  };
  act(
    'See the files.',
    'bash',
    { command: 'ls src' },
    [...state.keys()].map((path) => path.slice(4)).join('\n'),
  );
  const isCareless = decoy !== null && rng.below(4) === 0;
  const edit = isCareless ? decoy : fault;
  const others = [...state.keys()].filter((path) => path !== edit.path);
  const opened = rng.shuffle([edit.path, ...pickSome(rng, others, looks)]);
  for (const path of opened) act(`Open ${path}.`, 'bash', { command: `cat ${path}` }, state.get(path)!);
  const before = state.get(edit.path)!;
  state.set(edit.path, before.replace(edit.before, edit.after));
  act(
    `Change ${edit.path}.`,
    'str_replace_editor',
    { command: 'str_replace', path: edit.path, old_str: edit.before, new_str: edit.after },
    `The file ${edit.path} has been edited.`,
  );
  const failures = repository.tests.filter((test) => runTest(state, test) !== test.expected);
  const report = failures.map(
    (test) =>
      `FAILED ${test.name}(${test.args.join(', ')}): expected ${String(test.expected)}, got ${String(runTest(state, test))}`,
  );
  const passed = repository.tests.length - failures.length;
  const summary = `${String(failures.length)} failed, ${String(passed)} passed`;
  act('Run the tests.', 'bash', { command: 'test' }, [...report, summary].join('\n'));
  const patch = lineDiff(edit.path, before, state.get(edit.path)!);
  return {
    kind: 'swe',
    id,
    system: systems.swe,
    question: repository.issue,
    steps,
    conclusion: `The issue is about ${edit.path}. It has the line "${edit.before.trim()}", which should be "${edit.after.trim()}". With that change: ${summary}.`,
    answer: patch,
    truth: lineDiff(fault.path, before, before.replace(fault.before, fault.after)),
    isRight: failures.length === 0,
    patch,
  };
}

/** Runs a statement: its rows, or the message of the failure. */
export type RunSql = (
  sql: string,
) => { readonly rows: readonly (readonly JsonValue[])[] } | { readonly error: string };

/** Rows as Python prints a list of tuples, the way agents' tools show them. */
function pythonRows(rows: readonly (readonly JsonValue[])[]): string {
  const cell = (value: JsonValue): string =>
    value === null
      ? 'None'
      : typeof value === 'string'
        ? `'${value.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
        : JSON.stringify(value);
  const tuples = rows.map((row) => `(${row.map(cell).join(', ')}${row.length === 1 ? ',' : ''})`);
  return `[${tuples.join(', ')}]`;
}

/** What a table agent needs beside the run for its log: the last statement, and which database it was. */
export interface TableRun extends AgentRun {
  readonly database: string;
  readonly sql: string;
}

/** Looks at the tables, reads some, asks the database. One run in four submits a statement that misses the question. */
export function tableRun(
  rng: Rng,
  id: string,
  database: string,
  tables: readonly Table[],
  run: RunSql,
): TableRun {
  let task = makeTableQuestion(rng, tables);
  let truth = rowsOf(run(task.sql));
  for (let attempt = 0; attempt < 40 && (truth.length === 0 || truth[0]?.[0] === null); attempt++) {
    task = makeTableQuestion(rng, tables);
    truth = rowsOf(run(task.sql));
  }
  const steps: AgentStep[] = [];
  const ask = (thought: string, sql: string): void => {
    const result = run(sql);
    const observation =
      'error' in result ? `Error executing query: ${result.error}` : pythonRows(result.rows);
    steps.push({ thought, call: { name: 'sql', arguments: { query: sql } }, observation });
  };
  ask('See the tables.', "SELECT name FROM sqlite_master WHERE type = 'table'");
  const others = tables.map(({ name }) => name).filter((name) => !task.tables.includes(name));
  for (const name of rng.shuffle([...task.tables, ...pickSome(rng, others, rng.below(3))])) {
    ask(`Look at ${name}.`, `SELECT * FROM ${name} LIMIT 3`);
  }
  if (rng.below(5) === 0) ask('Try this.', task.sql.replace('SELECT ', 'SELECT id, '));
  const isCareless = rng.below(4) === 0;
  const sql = isCareless ? task.wrongSql : task.sql;
  ask('Ask the database.', sql);
  const given = rowsOf(run(sql));
  const text = (rows: readonly (readonly JsonValue[])[]): string =>
    rows
      .map((row) => row.map((value) => (value === null ? 'NULL' : String(value as string))).join(' | '))
      .join('\n');
  return {
    kind: 'sql',
    id,
    system: systems.sql,
    question: task.question,
    steps,
    conclusion: `The answer is in the ${task.tables.length === 1 ? 'table' : 'tables'} ${task.tables.join(' and ')}. This gives what is asked for: ${sql}`,
    answer: text(given),
    truth: text(truth),
    isRight: text(given) === text(truth),
    database,
    sql,
  };
}

function rowsOf(result: ReturnType<RunSql>): readonly (readonly JsonValue[])[] {
  return 'rows' in result ? result.rows : [];
}
