import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { CancelledError } from '../../src/core/errors.ts';
import type { ReplicationResult, ReplicationRun } from '../../src/evaluate/replication.ts';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

// The base model answers nothing; the first training is stopped.
vi.mock('../../src/cli/nodeEngine.ts', () => ({
  openNodeEngine: () => Promise.resolve({ facts: { description: 'none', vendor: '' }, destroy: () => {} }),
}));
vi.mock('../../src/model/session.ts', async (original) => ({
  ...(await original<object>()),
  ModelSession: { load: () => Promise.resolve({ destroy: () => {} }) },
}));
vi.mock('../../src/evaluate/engineSubject.ts', () => ({
  engineSubject: () => ({
    generate: () =>
      Promise.resolve({
        text: '',
        thinking: null,
        finish: 'stop',
        promptTokens: 1,
        completionTokens: 0,
        attempts: 1,
      }),
  }),
}));
vi.mock('../../src/train/openTrainer.ts', () => ({
  openTrainer: () => Promise.reject(new CancelledError('the replication')),
}));

const folder = temporaryFolder('replicate-stop');
afterAll(folder.remove);

const model = resolve(import.meta.dirname, '../../public/models/world-moe-3m');
const replicateArms = (arms: string, ...more: string[]) =>
  runAcc('replicate', '--model', model, '--trajectories', '12', '--lengths', '256', '--items', '4', '--short', '0', '--seeds', '2', '--arms', arms, ...more); // prettier-ignore
const replicate = (...more: string[]) => replicateArms('base,acc', ...more);
const resultIn = (out: string): ReplicationResult =>
  JSON.parse(readFileSync(folder.path(`${out}/result.json`), 'utf8')) as ReplicationResult;
const names = ({ runs }: ReplicationResult): string[] => runs.map(({ arm, seed }) => `${arm} ${seed}`);

const finished = (seed: number): ReplicationRun => ({
  arm: 'acc',
  seed,
  adapterSha256: 'a',
  trained: {
    dataSha256: 'd',
    examples: 1,
    steps: 1,
    processedTokens: 1,
    supervisedTokens: 1,
    longestExample: 1,
    lastLoss: 1,
  },
  scores: [
    [1, 1, 1, 1],
    [0, 0, 0, 0],
  ],
});

describe('acc replicate that is stopped', () => {
  it('keeps finished runs that it has not come to, and goes on from them', async () => {
    const out = folder.path('kept');
    expect((await replicate('--out', out, '--steps', '2')).code).toBe(1);
    const first = resultIn('kept');
    expect([names(first), first.isComplete]).toEqual([['base null'], false]);
    // As if the second seed had been done elsewhere, and the base model not.
    writeFileSync(`${out}/result.json`, JSON.stringify({ ...first, runs: [finished(1)] }));
    expect((await replicate('--out', out, '--steps', '2')).code).toBe(1);
    expect(names(resultIn('kept'))).toEqual(['base null', 'acc 1']);
    // All are there: nothing is trained, which the stub would refuse.
    writeFileSync(`${out}/result.json`, JSON.stringify({ ...first, runs: [finished(1), finished(0), ...first.runs] })); // prettier-ignore
    const { code, out: text } = await replicate('--out', out, '--steps', '2');
    expect([code, text]).toEqual([0, expect.stringContaining('2 seeds')]);
    expect([names(resultIn('kept')), resultIn('kept').isComplete]).toEqual([['base null', 'acc 0', 'acc 1'], true]); // prettier-ignore
  });

  it('keeps a result of other options, with its trainings, unless it is told to replace it', async () => {
    const out = folder.path('other');
    expect((await replicate('--out', out, '--steps', '2')).code).toBe(1);
    const before = readFileSync(`${out}/result.json`, 'utf8');
    const files = readdirSync(out, { recursive: true }).map(String).sort();
    for (const [options, message] of [
      [['--steps', '3'], /other options; at .*result\.json; expected steps 3; found 2;.*--overwrite/],
      [['--steps', '2', '--dev'], /expected isDev true/],
      [
        ['--steps', '2', '--lengths', '512'],
        /expected sets .*mrcr at 512.*found \["4 of mrcr at 256, 4 a context","4 of graph/,
      ],
    ] as const) {
      const { code, err } = await replicate('--out', out, ...options);
      expect([code, err]).toEqual([2, expect.stringMatching(message)]);
      expect(readFileSync(`${out}/result.json`, 'utf8')).toBe(before);
      expect(readdirSync(out, { recursive: true }).map(String).sort()).toEqual(files);
    }
    expect((await replicate('--out', out, '--steps', '2', '--dev', '--overwrite')).code).toBe(1);
    expect(resultIn('other').options).toMatchObject({ isDev: true });
  });

  it('says in the folder which options its trainings are of before the first is done', async () => {
    const out = folder.path('early');
    expect((await replicateArms('acc', '--out', out, '--steps', '2')).code).toBe(1);
    expect(names(resultIn('early'))).toEqual([]);
    expect((await replicateArms('acc', '--out', out, '--steps', '3')).err).toMatch(
      /expected steps 3; found 2/,
    );
  });

  it('leaves a world alone that it did not make', async () => {
    await runAcc('world', '--count', '6', '--out', folder.path('home/world'));
    const files = readdirSync(folder.path('home/world'), { recursive: true }).map(String).sort();
    for (const more of [[], ['--overwrite']]) {
      const { code, err } = await replicate('--out', folder.path('home'), ...more);
      expect([code, err]).toEqual([2, expect.stringMatching(/files of another world.*home\/world.*another --out/)]); // prettier-ignore
      expect(readdirSync(folder.path('home/world'), { recursive: true }).map(String).sort()).toEqual(files);
    }
  });
});
