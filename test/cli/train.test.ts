import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { EnvironmentError } from '../../src/core/errors.ts';
import { exampleLine } from '../train/helpers.ts';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

vi.mock('../../src/cli/nodeEngine.ts', () => ({
  openNodeEngine: () => Promise.reject(new EnvironmentError('no-gpu', 'There is no GPU')),
}));

const folder = temporaryFolder('train-start');
afterAll(folder.remove);

it('acc train that cannot start loses nothing of what the folder holds', async () => {
  writeFileSync(folder.path('data.jsonl'), exampleLine('e', 4));
  const held = ['checkpoint.safetensors', 'adapter_model.safetensors', 'metrics.jsonl', 'checkpoint-5/adapter_model.safetensors']; // prettier-ignore
  mkdirSync(folder.path('out/checkpoint-5'), { recursive: true });
  for (const name of held) writeFileSync(folder.path(`out/${name}`), 'held');
  const model = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');
  const train = (...more: string[]) =>
    runAcc('train', '--model', model, '--data', folder.path('data.jsonl'), ...more);

  const out = folder.path('out');
  for (const [options, message] of [
    [['--out', out], /holds a run.*--resume.*--overwrite.*another --out/],
    [['--out', out, '--resume', '--overwrite'], /not both/],
    [['more.jsonl', '--out', out], /options only; found more\.jsonl/],
    [['--out', out, '--overwrite'], /There is no GPU/],
    [['--out', `${out}/metrics.jsonl/x`], /cannot be written/],
  ] as const) {
    const { code, err } = await train(...options);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
    expect(held.filter((name) => !existsSync(folder.path(`out/${name}`)))).toEqual([]);
  }
});

it('acc train that is stopped before it begins ends with 1 and promises no checkpoint', async () => {
  writeFileSync(
    folder.path('long.jsonl'),
    Array.from({ length: 2000 }, (_, i) => exampleLine(`e${i}`, 4)).join('\n'),
  );
  // As soon as the command listens, whatever else the machine does.
  const stop = (event: string | symbol): void => {
    if (event === 'SIGINT') queueMicrotask(() => process.emit('SIGINT'));
  };
  process.on('newListener', stop);
  const model = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');
  const { code, err } = await runAcc('train', '--model', model, '--data', folder.path('long.jsonl'), '--out', folder.path('stopped')); // prettier-ignore
  process.off('newListener', stop);
  expect([code, err]).toEqual([1, expect.stringMatching(/^stopping\nacc: stopped before.*no checkpoint/)]);
});
