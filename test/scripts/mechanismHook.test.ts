import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/commands/mechanism.ts';
import { parseMechanismDocument } from '../../src/mechanism/index.ts';
import { differences } from './compareNumbers.ts';

const root = resolve(import.meta.dirname, '../..');
const fixtures = join(root, 'test/fixtures');
const model = join(fixtures, 'models/tiny-moe');
const items = join(fixtures, 'mechanism/hook-items.jsonl');
const script = join(root, 'scripts/measure/mechanism.py');
const python = '/usr/bin/python3';
const hasTorch = spawnSync(python, ['-c', 'import torch']).status === 0;
const text = (path: string): string => readFileSync(path, 'utf8');

/**
 * test/fixtures/mechanism/hook-torch.json was written by
 *   mechanism.py measure --reference --model test/fixtures/models/tiny-moe --adapter test/fixtures/peft/per-expert
 *     --items test/fixtures/mechanism/hook-items.jsonl --thresholds 16,64 --bins 16 --out PARTS
 *   mechanism.py merge PARTS --out test/fixtures/mechanism/hook-torch.json
 */
const recorded = (): Record<string, unknown> =>
  JSON.parse(text(join(fixtures, 'mechanism/hook-torch.json'))) as Record<string, unknown>;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'acc-hook-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function python3(
  args: readonly string[],
  env: Record<string, string> = {},
): { status: number; errors: string } {
  const result = spawnSync(python, args, { encoding: 'utf8', env: { ...process.env, ...env } });
  return { status: result.status ?? -1, errors: result.stderr };
}

describe('statistics of models outside the workbench', () => {
  it('start from the items as tokens that acc mechanism writes', async () => {
    const out = join(folder, 'items.jsonl');
    const data = join(fixtures, 'mechanism/hook-examples.jsonl');
    expect(await run(['--model', model, '--data', data, '--items', out])).toBe(0);
    expect(text(out)).toBe(text(items));
  }, 60_000);

  it('give a document that the charts open', () => {
    const document = parseMechanismDocument(
      text(join(fixtures, 'mechanism/hook-torch.json')),
      'hook-torch.json',
    );
    expect(document.subjects.map(({ name, kind }) => [name, kind])).toEqual([
      ['tiny-moe', 'base'],
      ['per-expert', 'adapter'],
    ]);
    expect(document.subjects[1]?.routerSummary[0]?.saturationAgainstBase).toBeLessThan(1);
  });

  it.skipIf(!hasTorch)(
    'are the same from one rank and from several, and a rank that is missing is named [needs python3-torch]',
    () => {
      const parts = join(folder, 'parts');
      const common = ['--model', model, '--adapter', join(fixtures, 'peft/per-expert'), '--items', items];
      const settings = ['--thresholds', '16,64', '--bins', '16', '--reference', '--out', parts];
      const measure = (rank: string): number =>
        python3([script, 'measure', ...common, ...settings], { RANK: rank, WORLD_SIZE: '2' }).status;
      const out = join(folder, 'merged.json');
      expect(measure('0')).toBe(0);
      expect(python3([script, 'merge', parts, '--out', out]).errors).toContain('measured by no rank');
      expect(measure('1')).toBe(0);
      expect(python3([script, 'merge', parts, '--out', out])).toEqual({ status: 0, errors: '' });
      const { run: one, ...expected } = recorded();
      const { run: several, ...merged } = JSON.parse(text(out)) as Record<string, unknown>;
      expect(differences(merged, expected, 1e-5)).toEqual([]);
      expect([one, several]).toMatchObject([{ ranks: 1 }, { ranks: 2 }]);
    },
    120_000,
  );

  it.skipIf(!hasTorch)(
    'do not depend on how many queries are taken at once or where a pass ends [needs python3-torch]',
    () => {
      const code = `
import json, sys
sys.path.insert(0, ${JSON.stringify(join(root, 'scripts/measure'))})
import torch, streaming_sums as s
torch.manual_seed(1)
settings = {"sinkTokens": 4, "thresholds": [16, 64], "bins": 16}
item = s.Item(json.loads(open(${JSON.stringify(items)}).readlines()[1]), settings)
shape = {"layers": 1, "heads": 4, "experts": 8, "expertsPerToken": 2}
T = item.tokens
q, k, logits = torch.randn(4, T, 16), torch.randn(2, T, 16), torch.randn(T, 8)
def sums(block, cut, window):
    s.BLOCK_NUMBERS = block
    one = s.ItemStatistics(item, shape, settings)
    for first, end in ((0, cut), (cut, T)):
        one.attention(0, q[:, first:end], k[:, :end], 0.25, window, first)
        one.router(0, logits[first:end], 2, True, first)
    return torch.cat((one.sums.flatten(), one.routing[0]["sums"].flatten(), one.routing[0]["pairs"].flatten()))
for window in (None, 20):
    whole = sums(1 << 25, T, window)
    for block, cut in ((1, T), (3000, 70), (1 << 25, T - 3)):
        assert torch.allclose(whole, sums(block, cut, window), rtol=1e-5, atol=1e-7), (block, cut)
`;
      expect(python3(['-c', code])).toEqual({ status: 0, errors: '' });
    },
    60_000,
  );
});
