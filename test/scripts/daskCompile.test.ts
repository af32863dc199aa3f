import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const python = '/usr/bin/python3';
const hasDask = spawnSync(python, ['-c', 'import distributed']).status === 0;

/** Inputs that measure_dask.py takes as they are: many small search runs. */
function inputFile(path: string): void {
  const lines = Array.from({ length: 700 }, (_, number) =>
    JSON.stringify({
      id: `run-${number}`,
      messages: [
        { role: 'user', content: `Question: What is the full official name of thing ${number}?` },
        {
          role: 'assistant',
          content:
            '<tool_call>\n{"name": "visit", "arguments": {"url": ["https://example.org/thing"], "goal": "name"}}\n</tool_call>',
        },
        {
          role: 'user',
          content: `<tool_response>\nThe useful information in https://example.org/${number} for user goal name as follows:\n\nEvidence in page:\nThing ${number} is called Answer${number}. ${'It has a long history. '.repeat(700)}\n\nSummary:\nIts name is Answer${number}.\n</tool_response>`,
        },
        { role: 'assistant', content: `<answer>Answer${number}</answer>` },
      ],
      question: `What is the full official name of thing ${number}?`,
      answer: [[`Answer${number}`]],
    }),
  );
  writeFileSync(path, `${lines.join('\n')}\n`);
}

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'acc-dask-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('cluster drivers', () => {
  it.skipIf(!hasDask)(
    'two Dask workers on loopback, one of them killed, give the bytes of one process [needs python3-distributed]',
    () => {
      mkdirSync(join(folder, 'inputs'));
      inputFile(join(folder, 'inputs', 'runs.jsonl'));
      // Some dozen shards, so that one is surely running when half of them are done.
      const args = ['--keep', folder, '--workers', '2', '--shard-bytes', '1000000'];
      const result = spawnSync(python, [join(root, 'scripts/cluster/measure_dask.py'), ...args], {
        encoding: 'utf8',
      });
      const report = `${result.stdout}${result.stderr}`;
      expect(report, report).toMatch(/lost with its worker.*each made once: True; identical bytes: True/);
      expect(result.status).toBe(0);
    },
    300_000,
  );

  it('the Slurm driver plans, cuts the shards into tasks and shows what it would submit', ({ skip }) => {
    if (!existsSync('/bin/sh')) skip('no /bin/sh');
    const input = join(folder, "it's runs.jsonl");
    inputFile(input);
    const work = join(folder, 'work here');
    const result = spawnSync(
      'sh',
      [
        join(root, 'scripts/cluster/compile_slurm.sh'),
        ...['--work', work, '--out', join(folder, 'out'), '--tasks', '2', '--dry-run'],
        ...['--', input, '--no-count', '--shard-bytes', '3000000'],
      ],
      { encoding: 'utf8' },
    );
    expect(result.status).toBe(0);
    const { shards, tasks } = JSON.parse(result.stdout) as { shards: number; tasks: number };
    expect(shards).toBeGreaterThan(2);
    expect(tasks).toBe(2);
    expect(result.stderr).toContain('--array=0-1');
    expect(result.stderr).toContain('--dependency=afterok:');
    // The scripts are what Slurm would run; here a shell runs them.
    for (const [script, env] of [
      ['map.sh', { SLURM_ARRAY_TASK_ID: '1' }],
      ['map.sh', { SLURM_ARRAY_TASK_ID: '0' }],
      ['reduce.sh', {}],
    ] as const)
      expect(spawnSync('sh', [join(work, script)], { env: { ...process.env, ...env } }).status).toBe(0);
    expect(existsSync(join(folder, 'out', 'examples.jsonl'))).toBe(true);
  }, 120_000);
});
