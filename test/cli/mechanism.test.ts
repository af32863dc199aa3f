import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { exampleLine } from '../train/helpers.ts';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

const folder = temporaryFolder('mechanism');
afterAll(folder.remove);

it('acc mechanism knows before anything else whether its document can be written', async () => {
  writeFileSync(folder.path('file'), '');
  const base = ['mechanism', '--model', folder.path('no-model'), '--data', '-'];
  for (const option of ['--out', '--items']) {
    const { code, err } = await runAcc(...base, option, folder.path('file/m.json'));
    expect([code, err]).toEqual([2, expect.stringMatching(/cannot be written; at .*file\/m\.json/)]);
  }
  const { err } = await runAcc(...base, '--out', folder.path('results/m.json'));
  expect(err).toMatch(/no-model/);
  // Its folder is there by then, and no empty document.
  expect([existsSync(folder.path('results')), existsSync(folder.path('results/m.json'))]).toEqual([true, false]); // prettier-ignore
});

it('acc mechanism --items reads each line whole, says what it made, and never writes over what it reads', async () => {
  // A line separator of Unicode is text, not the end of a line.
  const line = exampleLine('a', 4).replace('word', 'word\u2028and\u2029more ');
  const data = folder.path('data.jsonl');
  writeFileSync(data, `${line}\n${exampleLine('b', 4)}\n`);
  const model = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');
  const items = (path: string) =>
    runAcc('mechanism', '--model', model, '--data', data, '--items', path, '--json');
  const made = await items(folder.path('items.jsonl'));
  expect([made.code, JSON.parse(made.out)]).toEqual([
    0,
    { out: folder.path('items.jsonl'), items: 2, rejected: [] },
  ]);
  expect(readFileSync(folder.path('items.jsonl'), 'utf8').trim().split('\n')).toHaveLength(2);
  const same = await items(data);
  expect([same.code, same.err]).toEqual([2, expect.stringMatching(/that of --data/)]);
  expect(readFileSync(data, 'utf8')).toContain(line);
});
