import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RunRecord } from '../../src/train/runRecord.ts';
import { adapterName, gpuSkipReason, hasGpu } from '../helpers/gpu.ts';
import { exampleLine } from '../train/helpers.ts';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

const model = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');
const folder = temporaryFolder('train');
afterAll(folder.remove);

const skipReason = !hasGpu
  ? gpuSkipReason
  : adapterName === 'lavapipe'
    ? null
    : 'the command line is the same on every adapter; kernels compile slowly here';

function writeInputs(config: Record<string, unknown>): readonly string[] {
  const lines = Array.from({ length: 3 }, (_, i) => exampleLine(`e${i}`, 4 + i));
  writeFileSync(folder.path('data.jsonl'), [...lines, '{"id": 1}'].join('\n'));
  writeFileSync(folder.path('config.json'), JSON.stringify(config));
  return ['train', '--model', model, '--data', folder.path('data.jsonl'), '--config', folder.path('config.json'), '--json']; // prettier-ignore
}

const config = { rank: 2, targets: ['q_proj', 'v_proj'], steps: 12, learningRate: 0.01, maxLength: 256 };

describe.skipIf(skipReason !== null)(`acc train${skipReason === null ? '' : ` (${skipReason})`}`, () => {
  it('stops by Ctrl-C with a checkpoint, goes on to the bytes of a whole run, and merges', async () => {
    const base = writeInputs(config);
    const whole = await runAcc(...base, '--out', folder.path('whole'), '--merge');
    // One line of the data is no example.
    expect(whole.code).toBe(1);
    const record = JSON.parse(whole.out) as RunRecord;
    expect(record).toMatchObject({ end: 'finished', config, data: { trained: 3, dropped: [{ line: 4 }] } });
    const metrics = readFileSync(folder.path('whole/metrics.jsonl'), 'utf8').trim().split('\n');
    expect(metrics.map((line) => (JSON.parse(line) as { step: number }).step)).toEqual(
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    expect(Object.keys(JSON.parse(metrics[0]!) as object).slice(0, 6)).toEqual(['step', 'loss', 'learningRate', 'gradNorm', 'supervisedTokens', 'elapsedMs']); // prettier-ignore
    for (const file of ['model.safetensors', 'config.json', 'tokenizer.json'])
      expect(existsSync(folder.path(`whole/merged/${file}`)), file).toBe(true);

    const watch = setInterval(() => {
      if (existsSync(folder.path('half/metrics.jsonl'))) process.emit('SIGINT');
    }, 2);
    const half = await runAcc(...base, '--out', folder.path('half'));
    clearInterval(watch);
    expect(half.code).toBe(1);
    const stopped = JSON.parse(half.out) as RunRecord;
    expect(stopped.end).toBe('stopped');
    expect(stopped.ledger.steps).toBeLessThan(12);
    const rest = await runAcc(...base, '--out', folder.path('half'), '--resume');
    expect(JSON.parse(rest.out)).toMatchObject({ end: 'finished', adapter: record.adapter });
    const adapter = 'adapter_model.safetensors';
    expect(readFileSync(folder.path(`half/${adapter}`))).toEqual(
      readFileSync(folder.path(`whole/${adapter}`)),
    );
  });

  it('replaces a run only when told to, and never what another trainer left', async () => {
    const base = [...writeInputs({ ...config, steps: 2, checkpointSteps: 1, keepCheckpoints: true }), '--out', folder.path('again')]; // prettier-ignore
    await runAcc(...base);
    mkdirSync(folder.path('again/checkpoint-500'));
    const foreign = ['adapter_model.safetensors', 'optimizer.pt'].map((name) => folder.path(`again/checkpoint-500/${name}`)); // prettier-ignore
    for (const file of foreign) writeFileSync(file, 'foreign');
    mkdirSync(folder.path('again/checkpoint-9'));
    writeFileSync(folder.path('again/checkpoint-9/adapter_model.safetensors'), 'of a longer run');
    const other = await runAcc(...base, '--overwrite');
    expect(JSON.parse(other.out)).toMatchObject({ end: 'finished', ledger: { steps: 2 } });
    expect(readFileSync(folder.path('again/metrics.jsonl'), 'utf8').trim().split('\n')).toHaveLength(2);
    expect(foreign.every((file) => existsSync(file))).toBe(true);
    expect(existsSync(folder.path('again/checkpoint-9'))).toBe(false);
  });

  it('refuses unknown keys and a folder without a checkpoint to go on from, saying what to do', async () => {
    const misspelt = await runAcc(...writeInputs({ rnk: 2 }), '--out', folder.path('none'));
    expect([misspelt.code, misspelt.err]).toEqual([2, expect.stringMatching(/"rnk" is no key.*one of rank/)]);
    const none = await runAcc(...writeInputs(config), '--out', folder.path('none'), '--resume');
    expect([none.code, none.err]).toEqual([
      2,
      expect.stringMatching(/no checkpoint to go on from.*leave --resume out/s),
    ]);
  });
});
