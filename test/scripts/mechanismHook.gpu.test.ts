import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/commands/mechanism.ts';
import { openAdapterFolder } from '../../src/cli/modelFolder.ts';
import { ModelSession } from '../../src/model/session.ts';
import { engineDevice, fixtureCheckpoint, smallLoad } from '../helpers/engine.ts';
import { gpuSkipReason, nodeGpu } from '../helpers/gpu.ts';
import { differences } from './compareNumbers.ts';

const fixtures = resolve(import.meta.dirname, '../fixtures');
const hasGpu = (await nodeGpu()) !== null;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'acc-hook-gpu-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

describe.skipIf(!hasGpu)(`work that was done elsewhere [${hasGpu ? 'on a GPU' : gpuSkipReason}]`, () => {
  it('the PyTorch hook and acc mechanism give one document, for base and adapter', async () => {
    const out = join(folder, 'mechanism.json');
    const status = await run([
      ...['--model', join(fixtures, 'models/tiny-moe'), '--adapter', join(fixtures, 'peft/per-expert')],
      ...['--data', join(fixtures, 'mechanism/hook-examples.jsonl'), '--out', out],
      ...['--thresholds', '16,64', '--bins', '16'],
    ]);
    expect(status).toBe(0);
    const measured = read(out) as Record<string, unknown>;
    const recorded = read(join(fixtures, 'mechanism/hook-torch.json')) as Record<string, unknown>;
    for (const part of ['format', 'version', 'queries', 'settings', 'model', 'items', 'subjects'])
      expect(differences(measured[part], recorded[part], 1e-4, part)).toEqual([]);
  }, 120_000);

  // Written by test/reference/make_peft_adapters.py.
  it.each(['per-expert', 'fused'])(
    'an adapter in the %s layout of PEFT gives the logits that PyTorch has',
    async (layout) => {
      const engine = (await engineDevice())!;
      const expected = read(join(fixtures, 'peft/logits.json')) as Record<
        'ids' | 'base' | 'adapter',
        number[]
      >;
      const checkpoint = await fixtureCheckpoint('tiny-moe');
      const adapter = await openAdapterFolder(join(fixtures, 'peft', layout), checkpoint);
      for (const subject of ['base', 'adapter'] as const) {
        const session = await ModelSession.load(
          engine,
          checkpoint,
          smallLoad,
          subject === 'adapter' ? { adapter } : {},
        );
        const logits = await session.lastLogits(Uint32Array.from(expected.ids));
        expect(logits.length).toBe(expected[subject].length);
        const largest = Math.max(...expected[subject].map(Math.abs));
        const error = Math.max(...expected[subject].map((value, index) => Math.abs(value - logits[index]!)));
        expect(error / largest).toBeLessThan(1e-4);
        session.destroy();
      }
      engine.destroy();
    },
    120_000,
  );
});
