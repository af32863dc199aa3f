import { existsSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

const folder = temporaryFolder('run');
afterAll(folder.remove);
const model = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');

describe('acc run refuses before a model is loaded', () => {
  writeFileSync(folder.path('text'), 'Hello');
  writeFileSync(folder.path('nested.json'), '{"ids": [[5, 6, 7]]}');
  writeFileSync(folder.path('half.json'), '{"ids": [5, 1.5]}');
  writeFileSync(folder.path('wide.json'), '{"ids": [4294967296]}');
  it.each([
    [
      ['nested.json'],
      /other than token ids; at .*nested\.json, ids\[0\]; expected a whole number.*\[5,6,7\]/,
    ],
    [['half.json'], /ids\[1\].*found 1\.5/],
    [['wide.json'], /ids\[0\].*found 4294967296/],
    [['text', '--chunk', '0'], /--chunk needs a whole number from 1; found 0/],
    [['text', '--max-new-tokens', '1.5'], /--max-new-tokens needs a whole number from 0; found 1\.5/],
    [['text', '--top-k', '2.5'], /--top-k needs a whole number/],
    [['text', '--logits', folder.path('text/logits')], /cannot be written; at .*text\/logits/],
    [['text', '--logits', folder.path('text')], /that of --prompt/],
    [['text', 'more'], /options only; found more/],
  ])('%j', async ([prompt, ...more], message) => {
    const { code, err } = await runAcc('run', '--model', model, '--prompt', folder.path(prompt!), ...more);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
  });

  it('and makes no file of logits for a model that is not there', async () => {
    const logits = folder.path('logits.safetensors');
    const { code } = await runAcc('run', '--model', folder.path('none'), '--prompt', folder.path('text'), '--logits', logits); // prettier-ignore
    expect([code, existsSync(logits)]).toEqual([2, false]);
  });
});
