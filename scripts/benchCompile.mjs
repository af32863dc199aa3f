#!/usr/bin/env node
/**
 * Compile throughput over a large JSON-lines file: real records repeated under new ids. Prints MB/s of input, warm,
 * with exact token counts and without, with one and two threads, and the peak memory. `npm run bench:compile`.
 * The last line says what two threads that share nothing give on this machine: more cannot be had.
 *
 * Records come from ../shared/trajectories where it is present (the JSON-lines samples of search and SWE runs, 20 to
 * 400 KB each; --small adds short search and SQL runs of 1 to 4 KB), else from public/samples.
 * Options: --megabytes N (200), --runs N (3). On a busy machine read the figure per CPU second, and the threads
 * against the last line.
 */
import { spawnSync } from 'node:child_process';
import {
  createWriteStream,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { once } from 'node:events';
import { performance } from 'node:perf_hooks';
import { cpus, tmpdir } from 'node:os';
import { Worker } from 'node:worker_threads';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const option = (name, fallback) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
};
const megabytes = Number(option('megabytes', '200'));
const runs = Number(option('runs', '3'));

/** Record files of one format each; every record is one JSON line. */
function sources() {
  const shared = join(root, '../shared/trajectories');
  if (!existsSync(shared)) {
    const samples = join(root, 'public/samples');
    const files = existsSync(samples) ? readdirSync(samples).filter((name) => name.endsWith('.jsonl')) : [];
    return files.map((name) => ({ name, lines: linesOf(join(samples, name)) }));
  }
  return [
    { name: 'search (WebDancer)', lines: linesOf(join(shared, 'webdancer/sample_traj.subset.jsonl')) },
    {
      name: 'search and SWE (Responses)',
      lines: ['web-search', 'finance-agent', 'openhands-swe', 'claude-code-swebench'].flatMap((name) =>
        linesOf(join(shared, `openai-responses/${name}.rollouts.jsonl`)),
      ),
    },
    { name: 'SWE (SWE-smith)', lines: linesOf(join(shared, 'swe-smith-sft/ft_xml_example.rows1-2.jsonl')) },
    ...(process.argv.includes('--small')
      ? [
          { name: 'search (FireAct)', lines: arrayOf(join(shared, 'react-fireact/alpaca_hotpotqa.json')) },
          {
            name: 'SQL (InterCode)',
            lines: arrayOf(join(shared, 'intercode-sql/gpt-4_10_turns.subset.json')),
          },
        ]
      : []),
  ];
}

function linesOf(path) {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line.trim() !== '');
}

function arrayOf(path) {
  return Object.values(JSON.parse(readFileSync(path, 'utf8'))).map((value) => JSON.stringify(value));
}

/** The line with every id made new, so that no two records of the file are one. */
function renewed(line, number) {
  const value = JSON.parse(line);
  for (const key of ['id', 'trajectory_id', 'task_id', 'instance_id']) {
    if (key in value) value[key] = `${value[key]}-${number}`;
  }
  return JSON.stringify(value);
}

/** Writes about `size` bytes, records of all sources in turn; gives the bytes written. */
async function writeFile(path, records, size) {
  const file = createWriteStream(path);
  let bytes = 0;
  for (let number = 0; bytes < size; number++) {
    const line = `${renewed(records[number % records.length], number)}\n`;
    bytes += Buffer.byteLength(line);
    if (!file.write(line)) await once(file, 'drain');
  }
  file.end();
  await once(file, 'finish');
  return bytes;
}

function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

/** How many times the work of one thread two threads do in the same time when they share nothing. */
async function possibleSpeedUp() {
  const work = `
    const { parentPort } = require('node:worker_threads');
    const started = performance.now();
    let x = 1;
    for (let i = 0; i < 1e9; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
    parentPort.postMessage({ ms: performance.now() - started, x });`;
  const time = async (threads) => {
    const each = await Promise.all(
      Array.from(
        { length: threads },
        async () => (await once(new Worker(work, { eval: true }), 'message'))[0].ms,
      ),
    );
    return Math.max(...each);
  };
  const one = await time(1);
  return (2 * one) / (await time(2));
}

/** Runs `acc compile` once and measures its wall time (a warm-up on a small file is taken off) and peak memory. */
function compileOnce(files, folder, flags) {
  const database = join(root, '../shared/databases/intercode-spider-dev.mysql.sql');
  const args = [
    'compile',
    ...files,
    '--out',
    join(folder, 'out'),
    '--accept-unverified',
    '--dedup',
    'none',
    '--json',
    ...flags,
  ];
  if (existsSync(database)) args.push('--database', database);
  const script = `
    import { main } from ${JSON.stringify(join(root, 'dist-acc/acc.mjs'))};
    const code = await main(${JSON.stringify(args)});
    const { maxRSS, userCPUTime, systemCPUTime } = process.resourceUsage();
    process.stderr.write('\\nRSS ' + maxRSS + ' CPU ' + (userCPUTime + systemCPUTime) + '\\n');
    process.exit(code);`;
  const started = performance.now();
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
  });
  const seconds = (performance.now() - started) / 1000;
  if (result.status === 2 || result.status === null) throw new Error(result.stderr);
  const document = JSON.parse(result.stdout);
  const rss = Number(/RSS (\d+)/.exec(result.stderr)?.[1] ?? 0) * 1024;
  const cpu = Number(/CPU (\d+)/.exec(result.stderr)?.[1] ?? 0) / 1e6;
  return { seconds, cpu, rss, accepted: document.accepted, rejected: document.rejected };
}

const folder = mkdtempSync(join(tmpdir(), 'acc-bench-'));
try {
  spawnSync(process.execPath, [join(root, 'scripts/acc.mjs'), 'help'], { stdio: 'ignore' });
  const all = sources().filter((source) => source.lines.length > 0);
  if (all.length === 0)
    throw new Error('no records: neither ../shared/trajectories nor public/samples is there');
  const files = [];
  const small = [];
  let bytes = 0;
  for (const [index, source] of all.entries()) {
    const path = join(folder, `records-${index}.jsonl`);
    bytes += await writeFile(path, source.lines, (megabytes * 1e6) / all.length);
    files.push(path);
    const warm = join(folder, `warm-${index}.jsonl`);
    await writeFile(warm, source.lines, 4e5);
    small.push(warm);
  }
  const warmBytes = small.reduce((sum, path) => sum + statSync(path).size, 0);
  console.log(
    `${(bytes / 1e6).toFixed(0)} MB of input, ${all.length} kinds of records; ${cpus().length} cores; median of ${runs} runs`,
  );
  for (const [label, flags] of [
    ['exact token counts, 1 thread', []],
    ['without counts, 1 thread', ['--no-count']],
    ['exact token counts, 2 threads', ['--jobs', '2']],
    ['without counts, 2 threads', ['--no-count', '--jobs', '2']],
  ]) {
    const times = [];
    const cpuTimes = [];
    const peaks = [];
    let last = null;
    for (let run = 0; run < runs; run++) {
      const start = compileOnce(small, folder, flags);
      last = compileOnce(files, folder, flags);
      times.push(last.seconds - start.seconds);
      cpuTimes.push(last.cpu - start.cpu);
      peaks.push(last.rss);
    }
    const input = (bytes - warmBytes) / 1e6;
    console.log(
      `${label.padEnd(30)} ${(input / median(times)).toFixed(1).padStart(6)} MB/s   ${(input / median(cpuTimes)).toFixed(1).padStart(6)} MB per CPU second   peak ${(Math.max(...peaks) / 1e6).toFixed(0)} MB   ` +
        `${last.accepted} examples, ${last.rejected} rejected`,
    );
  }
  console.log(`two threads that share nothing: ${(await possibleSpeedUp()).toFixed(2)} times one`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
