import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/commands/compile.ts';
import { UsageError } from '../../src/core/errors.ts';

/** A search run in the WebDancer layout; every record asks something else. */
function record(number: number, isRight: boolean): string {
  const answer = `Answer${number}`;
  return JSON.stringify({
    id: `run-${number}`,
    messages: [
      {
        role: 'user',
        content: `Tools: search, visit.\n\nQuestion: What is the full official name of thing ${number}?`,
      },
      {
        role: 'assistant',
        content:
          '<think>\nLook it up.\n</think>\n<tool_call>\n{"name": "visit", "arguments": {"url": ["https://example.org/thing"], "goal": "name"}}\n</tool_call>',
      },
      {
        role: 'user',
        content: `<tool_response>\nThe useful information in https://example.org/thing for user goal name as follows:\n\nEvidence in page:\nThing ${number} is called ${answer}. It has a long history of its own.\n\nSummary:\nIts name is ${answer}.\n</tool_response>`,
      },
      {
        role: 'assistant',
        content: `<think>\nThe page says that the thing is called ${answer}, which settles it.\n</think>\n<answer>${isRight ? answer : 'Nothing'}</answer>`,
      },
    ],
    question: `What is the full official name of thing ${number}?`,
    answer: [[answer]],
  });
}

let folder = '';
let input = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'acc-compile-test-'));
  input = join(folder, 'runs.jsonl');
  const lines = Array.from({ length: 40 }, (_, index) => record(index, index % 10 !== 9));
  writeFileSync(input, `${lines.join('\n')}\n{"broken": \n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const names = ['examples.jsonl', 'report.json', 'recipe.json', 'README.md'];
const outputs = (out: string): string[] => names.map((name) => readFileSync(join(folder, out, name), 'utf8'));
const compile = (out: string, ...flags: string[]): Promise<number> =>
  run([input, '--out', join(folder, out), '--quiet', ...flags]);

describe('acc compile', () => {
  it('writes examples, report, recipe and card, and lists what it rejected', async () => {
    expect(await compile('first')).toBe(1);
    const [examples, report, recipe, card] = outputs('first');
    const lines = examples!.trimEnd().split('\n');
    expect(lines).toHaveLength(36);
    expect(JSON.parse(lines[0]!)).toMatchObject({
      id: expect.stringContaining('0') as string,
      kind: 'search',
      answer: 'Answer0',
      source: { file: 'runs.jsonl', record: 0 },
      tokens: { tokenizer: 'qwen3' },
    });
    const parsed = JSON.parse(report!) as {
      rejections: { code: string }[];
      accepted: unknown[];
      issues: { code: string }[];
    };
    expect(parsed.rejections.map((rejection) => rejection.code)).toEqual(Array(4).fill('answer-differs'));
    expect(parsed.accepted).toHaveLength(36);
    expect(parsed.issues.length).toBeGreaterThan(0);
    expect(recipe).toContain('"seed": 0');
    expect(recipe).not.toContain(folder);
    expect(card).toContain('| search | 36 |');
  }, 60_000);

  it('gives the same bytes again, and others for another seed', async () => {
    await compile('second');
    expect(outputs('second')).toEqual(outputs('first'));
    await compile('seeded', '--order', 'chronological');
    expect(outputs('seeded')[0]).not.toBe(outputs('first')[0]);
  }, 60_000);

  it('gives the same bytes with two threads', () => {
    const script = resolve(import.meta.dirname, '../../scripts/acc.mjs');
    const args = [script, 'compile', input, '--out', join(folder, 'threads'), '--quiet', '--jobs', '2'];
    const result = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect([result.status, result.stderr]).toEqual([1, '']);
    expect(outputs('threads')).toEqual(outputs('first'));
  }, 120_000);

  it('says what is wrong in one line when threads cannot start either', () => {
    const script = resolve(import.meta.dirname, '../../scripts/acc.mjs');
    const args = [script, 'compile', input, '--out', join(folder, 'nope'), '--tokenizer', 'nope', '--jobs'];
    const [alone, threads] = ['1', '2'].map((jobs) =>
      spawnSync(process.execPath, [...args, jobs], { encoding: 'utf8' }),
    );
    expect([threads?.status, threads?.stderr]).toEqual([2, alone?.stderr]);
    expect(alone?.stderr).toMatch(/^acc: no tokenizer is called nope; expected qwen3.*\n$/);
  }, 120_000);

  it('gives the same bytes when threads read the lines of a large file, damaged and with repeated ids', () => {
    const script = resolve(import.meta.dirname, '../../scripts/acc.mjs');
    const large = join(folder, 'large.jsonl');
    const repeats = join(folder, 'repeats.jsonl');
    const lines = Array.from({ length: 1100 }, (_, index) =>
      record(index, true).replace('{', `{"pad":"${'x'.repeat(9000)}",`),
    );
    const twice = lines.map((line, index) => line.replace(`"run-${index}"`, `"run-${index % 700}"`));
    writeFileSync(repeats, `${twice.join('\n\n')}\n`);
    // An id from before the damage comes again behind it.
    lines[1050] = lines[3]!;
    lines.splice(600, 0, '{"id": "run-x", "messages": [{"role": "user", "con');
    writeFileSync(large, lines.join('\n'));
    for (const jobs of ['1', '2']) {
      const args = [script, 'compile', repeats, large, '--no-count', '--quiet', '--jobs', jobs];
      const result = spawnSync(process.execPath, [...args, '--out', join(folder, `lines-${jobs}`)]);
      expect(result.status).toBe(1);
    }
    expect(outputs('lines-2')).toEqual(outputs('lines-1'));
    const report = readFileSync(join(folder, 'lines-2', 'report.json'), 'utf8');
    expect(report).toContain('"code": "duplicate-id"');
    expect(report).toContain('"code": "truncated-json"');
  }, 240_000);

  it('reads a folder as one: verdicts beside runs count, with any number of threads', () => {
    const script = resolve(import.meta.dirname, '../../scripts/acc.mjs');
    const runs = join(folder, 'experiment');
    mkdirSync(join(runs, 'logs'), { recursive: true });
    // Without a ground truth of its own, so that only the report beside it tells how each run ended.
    const unjudged = (number: number): string => record(number, true).replace(/,"answer":\[\[.*?\]\]/, '');
    const pad = `{"pad":"${'x'.repeat(9000)}",`;
    const lines = Array.from({ length: 1100 }, (_, index) => unjudged(index).replace('{', pad));
    writeFileSync(join(runs, 'logs', 'runs.jsonl'), `${lines.join('\n')}\n`);
    const report = { resolved_ids: ['run-1', 'run-3'], unresolved_ids: ['run-2'] };
    writeFileSync(join(runs, 'report.json'), JSON.stringify(report));
    for (const jobs of ['1', '2']) {
      const args = [script, 'compile', runs, '--no-count', '--quiet', '--jobs', jobs];
      const result = spawnSync(process.execPath, [...args, '--out', join(folder, `joined-${jobs}`)]);
      expect(result.status).toBe(1);
    }
    expect(outputs('joined-2')).toEqual(outputs('joined-1'));
    const [examples, report1, recipe] = outputs('joined-1');
    const accepted = examples!.trimEnd().split('\n');
    expect(accepted.map((line) => (JSON.parse(line) as { answer: string }).answer)).toEqual([
      'Answer1',
      'Answer3',
    ]);
    const { rejections } = JSON.parse(report1!) as { rejections: { trajectoryId: string; reason: string }[] };
    expect(rejections.find(({ trajectoryId }) => trajectoryId === 'run-2')?.reason).toContain(
      'among unresolved_ids',
    );
    expect(recipe).toContain('experiment/report.json');
  }, 240_000);

  it('works as a filter', () => {
    const script = resolve(import.meta.dirname, '../../scripts/acc.mjs');
    const text = [record(1, true), record(2, true)].join('\n');
    const result = spawnSync(process.execPath, [script, 'compile', '-', '--quiet'], {
      encoding: 'utf8',
      input: text,
    });
    expect(result.status).toBe(0);
    expect(
      result.stdout
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { answer: string }).answer),
    ).toEqual(['Answer1', 'Answer2']);
  }, 120_000);

  it.each(['jsonl', 'parquet'])(
    'leaves out examples that stand in a benchmark (%s)',
    async (ending) => {
      const benchmark = join(folder, `bench.${ending}`);
      const question = 'What is the full official name of thing 3?';
      const columns = [
        { name: 'question', data: ['Who?', question] },
        { name: 'answer', data: ['y', 'x'] },
      ];
      writeFileSync(
        benchmark,
        ending === 'parquet'
          ? new Uint8Array(parquetWriteBuffer({ columnData: columns }))
          : `${JSON.stringify({ question, answer: 'x' })}\n`,
      );
      await compile('clean', '--decontaminate', benchmark, '--no-count');
      const report = JSON.parse(outputs('clean')[1]!) as { counts: Record<string, number> };
      expect(report.counts['curation: contaminated']).toBe(1);
      expect(outputs('clean')[2]).toContain(`bench.${ending}`);
    },
    60_000,
  );

  it('holds out an evaluation split', async () => {
    await compile('split', '--eval-share', '0.25', '--no-count');
    const held = readFileSync(join(folder, 'split', 'examples.eval.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    const kept = readFileSync(join(folder, 'split', 'examples.jsonl'), 'utf8')
      .trimEnd()
      .split('\n');
    expect(held.length + kept.length).toBe(36);
    expect(held.length).toBe(9);
  }, 60_000);

  it.each([
    [[]],
    [['x.jsonl']],
    [['x.jsonl', '--out', 'o', '--order', 'sideways']],
    [['x.jsonl', '--out', 'o', '--nonsense']],
    [['x.jsonl', '--out', 'o', '--budget', 'much']],
    [['x.jsonl', '--out', 'o', '--jobs', '0']],
  ])('refuses wrong usage: %j', async (argv) => {
    await expect(run(argv)).rejects.toThrow(UsageError);
  });

  it('names a file that is not there', async () => {
    await expect(run(['no/such/file.jsonl', '--out', join(folder, 'none')])).rejects.toThrow(
      /no\/such\/file/,
    );
  });
});
