import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/acc.ts';
import { expandPaths, stdinSource } from '../../src/cli/nodeSource.ts';
import type { InspectedFile } from '../../src/cli/commands/inspect.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'acc-inspect-'));
  const turns = [
    { from: 'human', value: 'Who wrote it?' },
    {
      from: 'gpt',
      value: '<think>look</think><tool_call>{"name": "search", "arguments": {"query": "it"}}</tool_call>',
    },
    { from: 'tool', value: '<tool_response>A page about it. [Title](https://example.org)</tool_response>' },
    { from: 'gpt', value: 'Ada wrote it.' },
  ];
  mkdirSync(join(folder, 'sub'));
  writeFileSync(
    join(folder, 'sub/runs.jsonl'),
    `${JSON.stringify({ conversations: turns })}\n{"conversations": [\n`,
  );
  writeFileSync(join(folder, 'good.jsonl'), `${JSON.stringify({ conversations: turns })}\n`);
  writeFileSync(join(folder, '.hidden.jsonl'), '{}');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

/** Runs a command line and gives its exit code and output. */
async function acc(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let out = '';
  let err = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text: unknown, done: unknown) => {
    out += String(text);
    if (typeof done === 'function') (done as () => void)();
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  const code = await main(argv);
  return { code, out, err };
}

describe('acc inspect', () => {
  it('prints formats, trajectories and issues for people', async () => {
    const { code, out } = await acc('inspect', folder);
    expect(code).toBe(1);
    expect(out).toContain('1 trajectory from 2 records');
    expect(out).toContain('search');
    expect(out).toMatch(/error truncated-json in .*runs\.jsonl \(record 1, byte \d+\)/);
    expect(out).toContain('2 files, 2 trajectories');
    expect(out).not.toContain('hidden');
  });

  it('tells of files that were read as reports, not as runs', async () => {
    const runs = join(folder, 'reported');
    mkdirSync(runs);
    try {
      writeFileSync(
        join(runs, 'a.json'),
        JSON.stringify({ id: 'i', messages: [{ role: 'user', content: 'q' }] }),
      );
      writeFileSync(join(runs, 'report.json'), JSON.stringify({ i: { resolved: true } }));
      const { code, out } = await acc('inspect', runs);
      expect(code).toBe(0);
      expect(out).toMatch(/^info run-report in .*report\.json: .*not read as a run\.$/m);
      expect(out).toContain('1 file, 1 trajectory');
      const json = JSON.parse((await acc('inspect', runs, '--json')).out) as { remarks: { code: string }[] };
      expect(json.remarks).toMatchObject([{ code: 'run-report' }]);
    } finally {
      rmSync(runs, { recursive: true });
    }
  });

  it('prints one JSON document with --json', async () => {
    const { code, out } = await acc('inspect', join(folder, 'good.jsonl'), '--json');
    const { files, totals } = JSON.parse(out) as { files: InspectedFile[]; totals: Record<string, number> };
    expect(code).toBe(0);
    expect(totals).toMatchObject({ files: 1, trajectories: 1, issues: 0 });
    const [run] = files[0]?.trajectories ?? [];
    expect(run).toMatchObject({ kind: 'search', tools: { search: 1 }, success: null });
    expect(run?.question?.preview).toContain('Who wrote it?');
    expect(run?.answer?.preview).toContain('Ada');
    expect(run?.kindReason).not.toBe('');
  });

  it('ends with 2 on wrong usage and unreadable input', async () => {
    expect((await acc('inspect')).code).toBe(2);
    expect((await acc('inspect', '--nonsense', 'x')).code).toBe(2);
    const missing = await acc('inspect', join(folder, 'missing.jsonl'));
    expect(missing.code).toBe(2);
    expect(missing.err).toContain('no such file');
    expect((await acc('frobnicate')).code).toBe(2);
  });

  it('explains itself', async () => {
    expect((await acc('--help')).out).toContain('inspect');
    const { code, out } = await acc('inspect', '--help');
    expect(code).toBe(0);
    expect(out).toContain('--json');
  });
});

describe('inputs of the command line', () => {
  it('walks folders in the order of names', async () => {
    const names = (await expandPaths([folder, '-'])).map((path) => path.replace(`${folder}/`, ''));
    expect(names).toEqual(['good.jsonl', 'sub/runs.jsonl', '-']);
  });

  it('reads standard input like a file, from memory or a temporary file', async () => {
    for (const megabytes of [1, 70]) {
      const piece = new Uint8Array(1024 * 1024).fill(97);
      const source = await stdinSource(
        (async function* () {
          for (let k = 0; k < megabytes; k++) yield piece;
          yield new TextEncoder().encode('end');
        })(),
      );
      const size = source.sizeBytes ?? 0;
      expect(size).toBe(megabytes * 1024 * 1024 + 3);
      expect(new TextDecoder().decode(await source.read(size - 3, size))).toBe('end');
      await source.close();
    }
  });
});
