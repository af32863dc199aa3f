import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
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

  it('keeps another world that a folder holds, and replaces it where it is told to, never other files', async () => {
    const out = folder.path('used');
    const world = (...more: string[]) => runAcc('world', '--seed', '2', '--out', out, ...more);
    const paths = (): string[] => readdirSync(out, { recursive: true }).map(String).sort();
    expect((await world('--count', '6')).code).toBe(0);
    const six = paths();
    // The same again is no other world; its list lies beside it and is not compiled.
    expect((await world('--count', '6')).code).toBe(0);
    expect(paths()).toEqual(six);
    expect(six).toContain('.acc-world.json');
    const refused = await world('--count', '3');
    expect([refused.code, refused.err]).toEqual([2, expect.stringMatching(/another world.*--overwrite/)]);
    expect(paths()).toEqual(six);
    expect((await world('--count', '3', '--overwrite')).code).toBe(0);
    const three = paths();
    expect(three.length).toBeLessThan(six.length);
    writeFileSync(`${out}/databases/mine.sql`, 'SELECT 1;');
    const foreign = await world('--count', '6', '--overwrite');
    expect([foreign.code, foreign.err]).toEqual([
      2,
      expect.stringMatching(/databases\/mine\.sql; choose another/),
    ]);
    expect(paths()).toEqual([...three, 'databases/mine.sql'].sort());
  });

  it('leaves alone what else a folder holds, and needs a folder', async () => {
    mkdirSync(folder.path('home'));
    writeFileSync(folder.path('home/notes.txt'), 'mine');
    expect((await runAcc('world', '--count', '3', '--out', folder.path('home'))).code).toBe(0);
    const file = await runAcc('world', '--count', '3', '--out', folder.path('home/notes.txt'));
    expect([file.code, file.err]).toEqual([
      2,
      expect.stringMatching(/folder cannot be written to.*found a file/),
    ]);
    expect(readFileSync(folder.path('home/notes.txt'), 'utf8')).toBe('mine');
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
