import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { recordOf, type CheckRecord, type CheckRun } from '../../src/check/report.ts';
import { defaultVerdictOptions } from '../../src/check/verdicts.ts';
import { CheckFile } from '../../src/cli/checkFile.ts';
import { nodeSha256 } from '../../src/cli/nodeSource.ts';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

const folder = temporaryFolder('check');
afterAll(folder.remove);

/** A run over a file of examples. */
function runOn(dataSha256: string): CheckRun {
  return {
    model: 'tiny',
    modelSha256: 'a',
    adapterSha256: null,
    chatTemplateSha256: 'b',
    tokenizerSha256: 'c',
    weightType: 'f32',
    kvType: 'f32',
    dataSha256,
    pieces: false,
  };
}

/** The record of an example that is half as probable without its gold. */
function record(line: number, run: CheckRun, closedBook = -4): CheckRecord {
  const score = (mean: number) => ({ total: 2 * mean, mean, greedy: false });
  const scores = {
    context: score(-0.2),
    closedBook: score(closedBook),
    goldRemoved: score(-0.9),
    goldOnly: score(-0.2),
    pieces: null,
  };
  const measured = { scores, answerTokens: 2, contextTokens: 50 };
  return recordOf({ id: `x${line}`, kind: 'search' }, line, measured, defaultVerdictOptions, run);
}

const lines = (path: string): string[] => readFileSync(path, 'utf8').trimEnd().split('\n');

describe('the file of a check', () => {
  it('goes on behind what a stopped run wrote, a line cut in half not counted', async () => {
    const path = folder.path('resumed/checks.jsonl');
    const run = runOn('data');
    const first = await CheckFile.open(path, run, defaultVerdictOptions, () => undefined);
    await first.add(record(1, run));
    await first.close();
    appendFileSync(path, JSON.stringify(record(2, run)).slice(0, 40));
    const seen: number[] = [];
    const second = await CheckFile.open(path, run, defaultVerdictOptions, ({ line }) => seen.push(line));
    expect([seen, second.has(1), second.has(2)]).toEqual([[1], true, false]);
    await second.add(record(2, run));
    await second.close();
    expect(lines(path).map((text) => text.endsWith('}}'))).toEqual([true, false, true]);
    const third = await CheckFile.open(path, run, defaultVerdictOptions, () => undefined);
    expect(third.has(2)).toBe(true);
    await third.close();
  });

  it('judges anew under other thresholds, with the numbers it has', async () => {
    const path = folder.path('judged.jsonl');
    const run = runOn('data');
    const first = await CheckFile.open(path, run, defaultVerdictOptions, () => undefined);
    await first.add(record(1, run));
    await first.close();
    const wide = { margin: 1, known: 0.1 };
    const found: (readonly string[])[] = [];
    const second = await CheckFile.open(path, run, wide, ({ verdicts }) => found.push(verdicts));
    await second.add(record(2, run));
    await second.close();
    expect(found).toEqual([['not-evidence-dependent']]);
    const [judged] = lines(path).map((text) => JSON.parse(text) as CheckRecord);
    expect(judged).toMatchObject({ verdicts: ['not-evidence-dependent'], thresholds: wide });
    expect(lines(path)).toHaveLength(2);
  });

  it('is not mixed with another run, nor written over when it holds something else', async () => {
    const path = folder.path('other.jsonl');
    const file = await CheckFile.open(path, runOn('data'), defaultVerdictOptions, () => undefined);
    await file.add(record(1, runOn('data')));
    await file.close();
    await expect(
      CheckFile.open(path, { ...runOn('data'), modelSha256: 'z' }, defaultVerdictOptions, () => undefined),
    ).rejects.toThrow(/records of another run.*expected modelSha256 "z"; found "a"/);
    writeFileSync(path, '{"id":"an example","messages":[]}\n');
    await expect(CheckFile.open(path, runOn('data'), defaultVerdictOptions, () => undefined)).rejects.toThrow(
      /other\.jsonl, line 1/,
    );
  });
});

describe('acc export with checks', () => {
  const examples = ['a', 'b', 'c'].map((id) =>
    JSON.stringify({
      id,
      messages: [
        { role: 'user', content: `Who is ${id}?` },
        { role: 'assistant', content: 'Bonn' },
      ],
      answer: 'Bonn',
      rationale: null,
      flags: id === 'c' ? ['truncated'] : [],
      tokens: { tokenizer: 'qwen3', prompt: 12, completion: 3 },
    }),
  );

  it('leaves out examples by verdict and by flag, and keeps those that were not checked', async () => {
    const data = folder.path('examples.jsonl');
    writeFileSync(data, `${examples.join('\n')}\n`);
    const hash = nodeSha256();
    hash.update(readFileSync(data));
    const run = runOn(hash.hex());
    const checks = folder.path('checks.jsonl');
    writeFileSync(checks, [record(1, run), record(2, run, -0.2)].map((each) => `${JSON.stringify(each)}\n`).join('')); // prettier-ignore
    const base = ['export', data, '--to', 'openai', '--checks', checks, '--json'];
    const out = folder.path('kept.jsonl');
    const flags = ['--exclude-flags', 'answers-closed-book,not-evidence-dependent'];
    const first = await runAcc(...base, '--out', out, ...flags);
    expect(first.err).toBe('');
    expect(JSON.parse(first.out)).toMatchObject({ examples: 2, excluded: 1, unchecked: 1 });
    expect(readFileSync(out, 'utf8')).toMatch(/Who is a.*Who is c/s);
    const second = await runAcc(...base, '--out', out, ...flags, 'truncated');
    expect(JSON.parse(second.out)).toMatchObject({ examples: 1, excluded: 2 });
  });

  it('refuses checks of another set of examples', async () => {
    const data = folder.path('changed.jsonl');
    writeFileSync(data, `${examples[0]!}\n`);
    const { code, err } = await runAcc('export', data, '--to', 'openai', '--out', folder.path('x.jsonl'), '--checks', folder.path('checks.jsonl')); // prettier-ignore
    expect([code, err]).toEqual([2, expect.stringMatching(/checks are of another set.*acc check on/)]);
  });
});

describe('acc check', () => {
  it('says what is missing or not usable before it reads anything', async () => {
    expect((await runAcc('check', '--model', 'm', '--data', 'd')).err).toMatch(
      /needs --model, --data and --out/,
    );
    const base = ['check', '--model', 'm', '--data', 'd', '--out', folder.path('o.jsonl')];
    expect((await runAcc(...base, '--known', '0')).err).toMatch(/--known needs a probability/);
    expect((await runAcc(...base, '--weights', 'int2')).err).toMatch(/one of auto, f32, f16, int8, int4/);
    expect((await runAcc('check', '--help')).out).toMatch(/answers-closed-book/);
  });
});
