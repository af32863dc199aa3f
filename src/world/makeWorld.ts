import { UsageError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { Rng } from '../core/rng.ts';
import {
  repositoryRun,
  searchRun,
  tableRun,
  type AgentRun,
  type RepositoryRun,
  type RunSql,
  type TableRun,
} from './agents.ts';
import { dumpTables, makeTables, type Table } from './database.ts';
import { makeLibrary } from './library.ts';
import { chatRow, interCodeEpisode, sweAgentLog, sweReport } from './logs.ts';

export const worldKinds = ['search', 'swe', 'sql'] as const;
export type WorldKind = (typeof worldKinds)[number];

export interface WorldOptions {
  readonly count: number;
  readonly seed: number;
  /** Taken in turn. */
  readonly kinds: readonly WorldKind[];
  /** How much there is to read: 0 (one short page or file) … 1 (some 2,000 tokens). Drawn anew for each run. */
  readonly sizes: readonly [number, number];
}

export const defaultWorldOptions: Omit<WorldOptions, 'count' | 'seed'> = { kinds: worldKinds, sizes: [0, 1] };

/** An in-memory database that runs statements; the shells hand in SQLite. */
interface SqlSession {
  readonly run: RunSql;
  close(): void;
}
export type OpenSql = (dump: string) => SqlSession;

export interface WorldFile {
  readonly path: string;
  readonly text: string;
}

/** Runs on the same library or database, so that questions share what they are about. */
const runsPerPlace = 12;

export interface WorldRun {
  readonly run: AgentRun;
  readonly dump: string | null;
  readonly tables: readonly Table[];
}

/** The runs, one at a time, and the database each SQL run asked. Same options, same runs. */
export function* worldRuns(options: WorldOptions, openSql: OpenSql): Generator<WorldRun> {
  const { count, seed, kinds, sizes } = options;
  if (!(Number.isInteger(count) && count > 0))
    throw new UsageError('bad-count', 'The number of trajectories must be a whole number above 0');
  if (kinds.length === 0) throw new UsageError('bad-kinds', 'At least one kind of agent is needed');
  const rng = new Rng(`world/${String(seed)}`);
  const upTo = (least: number, most: number): number => {
    const size = sizes[0] + (sizes[1] - sizes[0]) * rng.next();
    return least + Math.round((most - least) * size);
  };
  let library = makeLibrary(rng, 8);
  let tables = makeTables(rng, 8);
  let session: SqlSession | null = null;
  const made = { search: 0, swe: 0, sql: 0 };
  let database = '';
  let dump = '';
  for (let i = 0; i < count; i++) {
    const kind = kinds[i % kinds.length]!;
    const number = String(made[kind]++);
    const id = `${kind}-${String(seed)}-${number}`;
    if (kind === 'search') {
      if (Number(number) % runsPerPlace === 0) library = makeLibrary(rng, upTo(5, 30));
      yield { run: searchRun(rng, id, library, upTo(1, 4), upTo(2, 10)), dump: null, tables: [] };
    } else if (kind === 'swe') {
      const files = upTo(3, 16);
      yield { run: repositoryRun(rng, id, files, Math.min(files - 1, upTo(1, 14))), dump: null, tables: [] };
    } else {
      if (Number(number) % runsPerPlace === 0) {
        session?.close();
        tables = makeTables(rng, upTo(5, 34));
        database = `world_${String(seed)}_${String(Math.floor(Number(number) / runsPerPlace))}`;
        dump = dumpTables(tables);
        session = openSql(dump);
      }
      yield { run: tableRun(rng, id, database, tables, session!.run), dump, tables };
    }
  }
  session?.close();
}

/**
 * Trajectories in the formats of three kinds of agents: chats with tool calls, SWE-agent logs with their evaluation
 * report, InterCode episodes with the dumps of their databases.
 */
export function makeWorld(options: WorldOptions, openSql: OpenSql): WorldFile[] {
  const chats: JsonObject[] = [];
  const software: RepositoryRun[] = [];
  const episodes: Record<string, JsonObject> = {};
  const dumps = new Map<string, string>();
  for (const { run, dump } of worldRuns(options, openSql)) {
    if (run.kind === 'search') chats.push(chatRow(run));
    else if (run.kind === 'swe') software.push(run as RepositoryRun);
    else {
      const table = run as TableRun;
      episodes[run.id] = interCodeEpisode(table);
      dumps.set(table.database, dump ?? '');
    }
  }
  const lines = (rows: readonly JsonObject[]): string =>
    rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const files: WorldFile[] = [];
  if (chats.length > 0) files.push({ path: 'search.jsonl', text: lines(chats) });
  for (const run of software) {
    files.push({
      path: `software/${run.id}/${run.id}.traj`,
      text: JSON.stringify(sweAgentLog(run), null, 1),
    });
  }
  if (software.length > 0)
    files.push({ path: 'software/results.json', text: JSON.stringify(sweReport(software), null, 1) });
  if (dumps.size > 0) files.push({ path: 'sql.json', text: JSON.stringify(episodes, null, 1) });
  for (const [name, text] of dumps) files.push({ path: `databases/${name}.sql`, text: `${text}\n` });
  return files;
}
