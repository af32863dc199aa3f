import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { replicationContext } from '../../src/cli/replicate/runReplication.ts';
import type { SetPlan } from '../../src/cli/replicate/sets.ts';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

const folder = temporaryFolder('replicate');
afterAll(folder.remove);

const set = (tokens: number | null): SetPlan => ({ benchmark: 'mrcr', tokens, count: 1, questionsPerContext: 1, maxNewTokens: 96 }); // prettier-ignore

describe('acc replicate', () => {
  it('holds the longest question with its reply; the default lengths keep the context of earlier answers', () => {
    expect(replicationContext([set(null)], 4096)).toBe(2560);
    expect(replicationContext([256, 512, 1024, 2048].map(set), 4096)).toBe(2560);
    expect(replicationContext([set(3000), set(256)], 4096)).toBe(3375 + 96);
    expect(replicationContext([set(256)], 1024)).toBe(2560);
  });

  it('refuses lengths beyond the positions of the model before anything is made', async () => {
    const out = folder.path('out');
    const model = resolve(import.meta.dirname, '../../public/models/world-moe-3m');
    const { code, err } = await runAcc('replicate', '--model', model, '--out', out, '--lengths', '256', '4000'); // prettier-ignore
    expect([code, err]).toEqual([2, expect.stringMatching(/--lengths.*at most 4096.*4596/)]);
    expect(existsSync(out)).toBe(false);
  });
});
