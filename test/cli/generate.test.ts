import { readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/acc.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { benchmarkOf } from '../../src/evaluate/benchmarks.ts';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

const folder = temporaryFolder('generate');
afterAll(folder.remove);
writeFileSync(folder.path('file'), '');

describe('acc generate', () => {
  it('writes rows in the published columns, the same from the same seed', async () => {
    const command = ['generate', 'mrcr', '--count', '3', '--tokens', '900', '--seed', '5', '--needles', '4'];
    expect((await runAcc(...command, '--out', folder.path('a.jsonl'))).code).toBe(0);
    expect((await runAcc(...command, '--out', folder.path('b.jsonl'))).code).toBe(0);
    const text = readFileSync(folder.path('a.jsonl'), 'utf8');
    expect(readFileSync(folder.path('b.jsonl'), 'utf8')).toBe(text);
    const mrcr = benchmarkOf('mrcr');
    for (const line of text.trim().split('\n')) {
      const value = JSON.parse(line) as JsonValue;
      expect(value).toMatchObject({ n_needles: 4 });
      expect(mrcr.violations(mrcr.read(value, 'row'))).toEqual([]);
    }
  });

  it('writes Parquet by the name of the file, and other graph problems by theirs', async () => {
    const made = await runAcc('generate', 'graphwalks', '--count', '4', '--tokens', '1200', '--seed', '1', '--problem', 'shortest-path', 'reachability', '--out', folder.path('g.parquet'), '--json'); // prettier-ignore
    expect(made.code).toBe(0);
    expect(JSON.parse(made.out)).toMatchObject({
      rows: 4,
      tokenizer: 'qwen3',
      problems: ['shortest-path', 'reachability'],
    });
    expect(readFileSync(folder.path('g.parquet')).subarray(0, 4).toString()).toBe('PAR1');
  });

  it('keeps the rows that a file holds where new ones cannot be made', async () => {
    writeFileSync(folder.path('held.jsonl'), 'held\n');
    const made = await runAcc('generate', 'mrcr', '--count', '1', '--tokens', '50', '--out', folder.path('held.jsonl')); // prettier-ignore
    expect([made.code, readFileSync(folder.path('held.jsonl'), 'utf8')]).toEqual([2, 'held\n']);
  });

  it('ends well when the pipe closes, as behind `| head`', async () => {
    const closed = Object.assign(new Error('write EPIPE'), { code: 'EPIPE' });
    const write = vi.spyOn(process.stdout, 'write').mockImplementation(((
      _: unknown,
      done: (error: Error) => void,
    ) => {
      done(closed);
      return false;
    }) as never);
    const quiet = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    const code = await main(['generate', 'mrcr', '--count', '2', '--tokens', '900', '--out', '-']);
    write.mockRestore();
    quiet.mockRestore();
    expect(code).toBe(0);
  });

  it.each([
    [['generate', 'aime', '--count', '1', '--tokens', '900', '--out', 'x'], /mrcr or graphwalks/],
    [['generate', 'mrcr', '--tokens', '900', '--out', 'x'], /--count/],
    [['generate', 'mrcr', '--count', '1', '--tokens', '900'], /--out/],
    [['generate', 'mrcr', '--count', '1', '--tokens', '50', '--out', folder.path('n')], /do not fit/],
    [
      ['generate', 'graphwalks', '--count', '1', '--tokens', '50', '--out', folder.path('n')],
      /No graph fits/,
    ],
    [
      ['generate', 'mrcr', '--count', '1', '--tokens', '900', '--out', folder.path('file/y.jsonl')],
      /cannot be written/,
    ],
    [
      ['generate', 'graphwalks', '--count', '1', '--tokens', '900', '--problem', 'cliques', '--out', 'x'],
      /cliques/,
    ],
  ])('%j is refused', async (argv, message) => {
    const { code, err } = await runAcc(...argv);
    expect(code).toBe(2);
    expect(err).toMatch(message);
  });
});
