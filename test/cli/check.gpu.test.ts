import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { CheckRecord } from '../../src/check/report.ts';
import { adapterName, gpuSkipReason, hasGpu } from '../helpers/gpu.ts';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

const model = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');
const examples = resolve(import.meta.dirname, '../fixtures/mechanism/examples.jsonl');
const folder = temporaryFolder('check-gpu');
afterAll(folder.remove);

const skipReason = !hasGpu
  ? gpuSkipReason
  : adapterName === 'lavapipe'
    ? null
    : 'the command line is the same on every adapter; kernels compile slowly here';

describe.skipIf(skipReason !== null)(`acc check${skipReason === null ? '' : ` (${skipReason})`}`, () => {
  const check = (data: string, out: string, ...more: string[]) =>
    runAcc('check', '--model', model, '--data', data, '--out', folder.path(out), '--json', ...more);

  it('goes on where it stopped, to the bytes of a whole run, and lists what cannot be checked', async () => {
    const data = folder.path('examples.jsonl');
    const lines = readFileSync(examples, 'utf8').trim().split('\n');
    writeFileSync(data, [...lines.slice(0, 2), 'no json', ...lines.slice(2)].join('\n'));
    const whole = await check(data, 'whole.jsonl', '--pieces');
    expect(whole.code).toBe(1);
    const report = JSON.parse(whole.out) as Record<string, unknown>;
    expect(report).toMatchObject({
      checked: lines.length,
      rejected: [{ id: 'line 3', reason: 'the line is no JSON' }],
      summary: { examples: lines.length, withPieces: lines.length },
    });
    const written = readFileSync(folder.path('whole.jsonl'), 'utf8');
    const records = written
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as CheckRecord);
    expect(records.map(({ line }) => line)).toEqual([1, 2, 4, 5, 6, 7]);
    expect(records[0]).toMatchObject({
      id: 'item-0',
      kind: 'search',
      run: { weightType: 'f32', pieces: true },
    });

    await check(data, 'half.jsonl', '--pieces', '--limit', '2');
    const rest = await check(data, 'half.jsonl', '--pieces');
    expect(JSON.parse(rest.out)).toMatchObject({ checked: lines.length - 2, summary: report['summary'] });
    expect(readFileSync(folder.path('half.jsonl'), 'utf8')).toBe(written);
    // Everything is there: no model is loaded.
    expect(JSON.parse((await check(data, 'half.jsonl', '--pieces')).out)).toMatchObject({ checked: 0, memory: null }); // prettier-ignore
  });

  it('leaves out examples that are too long, by name', async () => {
    const whole = readFileSync(folder.path('whole.jsonl'), 'utf8').trim().split('\n');
    const lengths = whole.map((line) => (JSON.parse(line) as CheckRecord).contextTokens);
    const shortest = Math.min(...lengths);
    const { code, err, out } = await check(examples, 'short.jsonl', '--max-tokens', String(shortest));
    expect(code).toBe(1);
    expect(err).toMatch(/rejected item-\d: \d+ tokens, more than \d+/);
    expect(JSON.parse(out)).toMatchObject({ summary: { withPieces: 0 } });
    const none = await check(examples, 'none.jsonl', '--max-tokens', String(shortest - 1));
    expect([none.code, none.err]).toEqual([2, expect.stringMatching(/rejected item-0.*No example of the file can be checked/s)]); // prettier-ignore
  });
});
