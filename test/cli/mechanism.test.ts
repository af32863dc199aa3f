import { existsSync, writeFileSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
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
