/** Writes the sample trajectories of the page into public/samples. Run by hand after changing scripts/samples. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sqlite3InitModule from '@sqlite.org/sqlite-wasm';
import { searchRuns } from './samples/searchRuns.mjs';
import { fillStatements, pythonRows, runs, schema } from './samples/sqlRuns.mjs';
import { sweAgentFile, sweRows } from './samples/sweRuns.mjs';

const folder = join(dirname(fileURLToPath(import.meta.url)), '..', 'public', 'samples');
mkdirSync(folder, { recursive: true });
const names = [];

function write(name, content) {
  writeFileSync(join(folder, name), content);
  names.push(name);
}
const lines = (rows) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');

const sqlite = await sqlite3InitModule();
const database = new sqlite.oo1.DB(':memory:');
database.exec(schema);
for (const statement of fillStatements()) database.exec(statement);

function observe([sql, how]) {
  const select = (query) => database.exec({ sql: query, rowMode: 'array', returnValue: 'resultRows' });
  try {
    if (how === 'tables') {
      return pythonRows(select("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"));
    }
    if (how.startsWith('describe:')) {
      const columns = select(`PRAGMA table_info(${how.slice(9)})`);
      return pythonRows(columns.map(([, name, type, notNull]) => [name, type, notNull ? 'NO' : 'YES']));
    }
    return pythonRows(select(sql));
  } catch (error) {
    return `Error executing query: ${String(error.message).replace(/^.*?: (?=no such)/, '')}`;
  }
}

const sqlLog = {};
runs.forEach((run, index) => {
  const observations = run.actions.map(observe);
  sqlLog[String(index)] = {
    environment: 'ic_sql',
    dataset: 'sundrift_fishing',
    task_id: index,
    query: run.query,
    turn_history: {
      actions: run.actions.map(([sql]) => sql),
      observations,
      rewards: run.rewards,
      valid_action: observations.map((text) => !text.startsWith('Error')),
    },
    summary: {
      max_reward: Math.max(...run.rewards),
      max_reward_idx: run.rewards.indexOf(Math.max(...run.rewards)),
      turns_taken: run.actions.length,
      turns_max: 10,
    },
    hardness: run.hardness,
  };
});

write('search-runs.jsonl', lines(searchRuns()));
write('software-runs.jsonl', lines(sweRows()));
write('tidemark__tidemark-27.traj', `${JSON.stringify(sweAgentFile(), null, 1)}\n`);
write('sql-runs.json', `${JSON.stringify(sqlLog, null, 1)}\n`);
write('sundrift_fishing.sqlite', sqlite.capi.sqlite3_js_db_export(database));
writeFileSync(join(folder, 'index.json'), `${JSON.stringify(names)}\n`);
database.close();

for (const name of names) console.log(name, statSync(join(folder, name)).size);
console.log(JSON.stringify(Object.values(sqlLog).map((run) => run.turn_history.observations.at(-1))));
