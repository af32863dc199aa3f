import { readdirSync, readFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

const folder = temporaryFolder('world');
afterAll(folder.remove);

describe('acc world', () => {
  it('writes trajectories that acc compile turns into examples of all three kinds, wrong runs refused', async () => {
    const out = folder.path('world');
    expect((await runAcc('world', '--count', '48', '--seed', '2', '--out', out)).code).toBe(0);
    const databases = readdirSync(`${out}/databases`).map((name) => `${out}/databases/${name}`);
    const compiled = folder.path('compiled');
    const made = await runAcc(
      'compile',
      out,
      '--database',
      ...databases,
      '--out',
      compiled,
      '--tokenizer',
      'qwen3',
    );
    expect(made.code).toBe(1);
    const rows = readFileSync(`${compiled}/examples.jsonl`, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { kind: string; evidence: { role: string }[]; flags: string[] });
    // The databases lie in the folder and are named besides: still one database each.
    expect(rows.filter(({ flags }) => flags.includes('ambiguous-database'))).toEqual([]);
    // One hop of a search may say too little to be one.
    expect(rows.filter(({ kind, flags }) => kind !== 'search' && flags.includes('no-rationale'))).toEqual([]);
    for (const kind of ['search', 'swe', 'sql']) {
      const some = rows.filter((row) => row.kind === kind);
      expect(some.length, kind).toBeGreaterThan(6);
      expect(
        some.every((row) => row.evidence.some(({ role }) => role === 'gold')),
        kind,
      ).toBe(true);
      expect(
        some.some((row) => row.evidence.some(({ role }) => role === 'distractor')),
        kind,
      ).toBe(true);
    }
    const report = JSON.parse(readFileSync(`${compiled}/report.json`, 'utf8')) as {
      rejected: { code: string }[];
    };
    expect(JSON.stringify(report)).toContain('recorded-wrong');
  });

  it.each([
    [['world', '--count', '0', '--out', 'x'], /count needs a whole number/],
    [['world', '--count', '3'], /--out/],
    [['world', '--count', '3', '--out', 'x', '--kinds', 'chess'], /search, swe, sql/],
    [['world', '--count', '3', '--out', 'x', '--size', '2', '3'], /0 ≤ least/],
  ])('says what is wrong with %j', async (command, message) => {
    const made = await runAcc(...command);
    expect(made.code).toBe(2);
    expect(made.err).toMatch(message);
  });
});
