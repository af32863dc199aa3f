import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

vi.mock('../../src/cli/nodeEngine.ts', () => ({ openNodeEngine: async () => ({ destroy() {} }) }));
vi.mock('../../src/model/session.ts', () => ({
  ModelSession: {
    load: async () => ({
      plan: { memory: { options: { contextLength: 8192 } } },
      async *generate() {},
      destroy() {},
    }),
  },
}));

const folder = temporaryFolder('evaluate-model');
afterAll(folder.remove);

it('acc evaluate goes on only with answers of the same weights and chat template, whatever the folder is called', async () => {
  writeFileSync(
    folder.path('q.jsonl'),
    '{"question":"q","options":["x","y"],"answer":"B","category":"law"}\n',
  );
  /** A model called `merged`, as every one that acc train merges. */
  const model = (place: string, file: string, change: (bytes: Buffer) => Uint8Array): string => {
    const path = folder.path(`${place}/merged`);
    cpSync(resolve(import.meta.dirname, '../fixtures/models/tiny-moe'), path, { recursive: true });
    writeFileSync(`${path}/${file}`, change(readFileSync(`${path}/${file}`)));
    return path;
  };
  const evaluate = (path: string) =>
    runAcc('evaluate', 'mmlu-pro', '--data', folder.path('q.jsonl'), '--model', path, '--tokenizer', path, '--out', folder.path('out')); // prettier-ignore
  const same = model('a', 'config.json', (bytes) => bytes);
  expect((await evaluate(same)).code).toBe(0);
  expect((await evaluate(same)).code).toBe(0);
  const weights = model('b', 'model-00002-of-00002.safetensors', (bytes) => bytes.fill(1, bytes.length - 4));
  const template = model('c', 'tokenizer_config.json', (bytes) => {
    const config = JSON.parse(bytes.toString()) as object;
    return Buffer.from(JSON.stringify({ ...config, chat_template: 'other' }));
  });
  for (const other of [weights, template]) {
    const { code, err } = await evaluate(other);
    expect([code, err]).toEqual([2, expect.stringContaining('responses of another run')]);
  }
});
