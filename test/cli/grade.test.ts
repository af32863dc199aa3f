import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'vite';
import { afterAll, describe, expect, it } from 'vitest';
import { benchmarkOf } from '../../src/evaluate/benchmarks.ts';
import { gpqaAnswer } from '../../src/evaluate/gpqa.ts';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

const folder = temporaryFolder('grade');
afterAll(folder.remove);

interface GradeOutput {
  readonly mean: number;
  readonly graded: number;
  readonly missing: number;
  readonly rows: { index: number; score: number; order: number[] }[];
  readonly scores: {
    slices: { dimension: string; groups: { label: string; items: number }[] }[];
    measures: { name: string; mean: number }[];
  };
}

describe('acc grade', () => {
  it('grades generated rows: the answers score 1, another needle its floor', async () => {
    await runAcc(
      'generate',
      'mrcr',
      '--count',
      '4',
      '--tokens',
      '900',
      '--seed',
      '2',
      '--out',
      folder.path('m.jsonl'),
    );
    const rows = readFileSync(folder.path('m.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { answer: string });
    const lines = rows.map(({ answer }, index) =>
      JSON.stringify({ index, response: index === 3 ? answer.slice(1) : `<think>…</think>\n${answer}` }),
    );
    writeFileSync(folder.path('r.jsonl'), lines.reverse().join('\n'));
    const { code, out } = await runAcc(
      'grade',
      'mrcr',
      '--data',
      folder.path('m.jsonl'),
      '--responses',
      folder.path('r.jsonl'),
      '--floor',
      '--json',
    );
    expect(code).toBe(0);
    const report = JSON.parse(out) as GradeOutput;
    expect(report.mean).toBe(0.75);
    expect(report.rows.map(({ index, score }) => [index, score])).toEqual([[0, 1], [1, 1], [2, 1], [3, 0]]); // prettier-ignore
    expect(report.scores.measures.find(({ name }) => name === 'wrong-needle floor')!.mean).toBeLessThan(0.6);
    expect(report.scores.slices.map(({ dimension }) => dimension)).toEqual(['length', 'needles', 'depth']);
    const raw = await runAcc(
      'grade',
      'mrcr',
      '--data',
      folder.path('m.jsonl'),
      '--responses',
      folder.path('r.jsonl'),
      '--raw',
    );
    expect(raw.out).toMatch(/all +4 +0\.0000/);
  });

  it('ends with 1 and says what is missing or double, in the mode asked for', async () => {
    writeFileSync(
      folder.path('g.jsonl'),
      [['a'], [], ['b']]
        .map((nodes) => JSON.stringify({ prompt: 'p', answer_nodes: nodes, problem_type: 'BFS' }))
        .join('\n'),
    );
    writeFileSync(
      folder.path('gr.jsonl'),
      '{"index":1,"response":"Final Answer: []"}\n{"index":0,"response":"Final Answer: [a]"}\n{"index":0,"response":""}\n',
    );
    const grade = (...more: string[]) =>
      runAcc(
        'grade',
        'graphwalks',
        '--data',
        folder.path('g.jsonl'),
        '--responses',
        folder.path('gr.jsonl'),
        ...more,
      );
    const repaired = await grade();
    expect(repaired.code).toBe(1);
    expect(repaired.out).toMatch(/all +2 +1\.0000/);
    expect(repaired.out).toMatch(/1 missing, 1 double, 1 out of order/);
    expect(repaired.out).toContain('line 3: index 0');
    expect((await grade('--mode', 'official-0')).out).toMatch(/all +2 +0\.5000/);
    expect((await grade('--mode', 'nonsense')).code).toBe(2);
    expect(
      (
        await runAcc(
          'grade',
          'mrcr',
          '--data',
          folder.path('none.jsonl'),
          '--responses',
          folder.path('gr.jsonl'),
        )
      ).code,
    ).toBe(2);
  });

  it('ends with 1 where data rows cannot be read and names them, with 2 where none can', async () => {
    const rows = ['{"answer":"336"}', '{"answer":"1/2"}', 'no JSON'].join('\n');
    writeFileSync(folder.path('a.jsonl'), rows);
    writeFileSync(folder.path('ar.jsonl'), '{"index":0,"response":"\\\\boxed{336}"}\n');
    const grade = (data: string, ...more: string[]) =>
      runAcc(
        'grade',
        'aime',
        '--data',
        folder.path(data),
        '--responses',
        folder.path('ar.jsonl'),
        '--no-lengths',
        ...more,
      );
    const some = await grade('a.jsonl');
    expect(some.code).toBe(1);
    expect(some.out).toMatch(
      /2 data rows that cannot be read\n {2}index 1: .*found "1\/2"\n {2}index 2: line 3/,
    );
    writeFileSync(folder.path('none.jsonl'), '{"reply":1}\n');
    writeFileSync(folder.path('list.json'), '[{"answer":1},');
    for (const [data, message] of [
      ['none.jsonl', /no row of AIME.*columns Answer, answer.*row 0/],
      ['list.json', /begins like a JSON list/],
    ] as const) {
      const { code, out, err } = await grade(data, '--json');
      expect([code, out, err]).toEqual([2, '', expect.stringMatching(message)]);
    }
  });

  it('reads GPQA in the order of options that was shown: one for all, another per sample, or the line’s own', async () => {
    const header = 'Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3';
    writeFileSync(folder.path('gpqa.csv'), `${header}\nA made-up question?,a,b,c,d\n`);
    const grade = async (lines: readonly object[], ...more: string[]) => {
      writeFileSync(folder.path('gpqar.jsonl'), lines.map((line) => JSON.stringify(line)).join('\n'));
      const base = ['grade', 'gpqa', '--data', folder.path('gpqa.csv'), '--responses', folder.path('gpqar.jsonl'), '--no-lengths']; // prettier-ignore
      const { code, out } = await runAcc(...base, ...more, '--json');
      const text = (await runAcc(...base, ...more)).out;
      return { code, text, ...(JSON.parse(out) as GradeOutput) };
    };
    const samples = (letter: (sample: number) => string) =>
      [0, 1, 2, 3].map((sample) => ({ index: 0, sample, response: `Answer: ${letter(sample)}` }));
    const { hash } = benchmarkOf('gpqa').read({ Question: 'A made-up question?', 'Correct Answer': 'a', 'Incorrect Answer 1': 'b', 'Incorrect Answer 2': 'c', 'Incorrect Answer 3': 'd' }, 'row 0') as { hash: string }; // prettier-ignore
    // As acc evaluate asks without and with --permutations.
    const one = samples(() => gpqaAnswer({ hash }, 0));
    const turned = samples((sample) => gpqaAnswer({ hash }, sample));
    const same = await grade(one);
    expect(same.mean).toBe(1);
    expect(same.text).toContain('4 samples each, one option order for all samples');
    expect((await grade(turned)).mean).toBe(0.25);
    expect((await grade(one, '--permutations')).mean).toBe(0.25);
    const vary = await grade(turned, '--permutations');
    expect(vary.mean).toBe(1);
    expect(vary.text).toMatch(/another option order per sample[^]*same answer in all samples +1\.0000/);
    // The order that each response was read in can be looked up: 0 is the correct answer's column.
    for (const [sample, { order }] of vary.rows.entries())
      expect('ABCD'[order.indexOf(0)]).toBe(gpqaAnswer({ hash }, sample));
    const own = await grade([
      { index: 0, response: 'Answer: C', order: [3, 1, 0, 2] },
      { index: 0, sample: 1, response: 'Answer: C', order: [3, 1, 1, 2] },
    ]);
    expect([own.code, own.mean, own.rows[0]?.order]).toEqual([1, 1, [3, 1, 0, 2]]);
    expect(own.text).toMatch(/1 with an order of their own[^]*line 2: "order" must hold 0 … 3, each once/);
  });

  it('never writes into what it reads, and reads standard input for one of both only', async () => {
    writeFileSync(folder.path('in.jsonl'), '{"answer":"7"}');
    writeFileSync(folder.path('inr.jsonl'), '{"index":0,"response":"\\\\boxed{7}"}\n');
    const grade = (from: string, of: string, ...more: string[]) =>
      runAcc('grade', 'aime', '--data', from, '--responses', of, '--no-lengths', ...more);
    const [data, responses] = [folder.path('in.jsonl'), folder.path('inr.jsonl')];
    for (const [[from, of, ...more], message] of [
      [[data, responses, '--rows', responses], /that of --responses/],
      [[data, responses, '--rows', data], /that of --data/],
      [['-', '-'], /read once only/],
      [[folder.path(''), responses], /folder, not a file/],
    ] as const) {
      const { code, err } = await grade(from, of, ...more);
      expect([code, err]).toEqual([2, expect.stringMatching(message)]);
    }
    expect(readFileSync(responses, 'utf8')).toContain('boxed{7}');
    expect(readFileSync(data, 'utf8')).toContain('"7"');
    // Rows of an earlier grading stay where nothing can be graded.
    writeFileSync(folder.path('rows.jsonl'), 'earlier');
    writeFileSync(folder.path('bad.jsonl'), '{"reply":1}');
    expect((await grade(folder.path('bad.jsonl'), responses, '--rows', folder.path('rows.jsonl'))).code).toBe(
      2,
    );
    expect(readFileSync(folder.path('rows.jsonl'), 'utf8')).toBe('earlier');
  });

  it.skipIf(!existsSync('/dev/full'))('says which file cannot be written', async () => {
    writeFileSync(folder.path('one.jsonl'), '{"answer":"7"}');
    writeFileSync(folder.path('oner.jsonl'), '{"index":0,"response":"\\\\boxed{7}"}\n');
    const base = ['grade', 'aime', '--data', folder.path('one.jsonl'), '--responses', folder.path('oner.jsonl'), '--no-lengths']; // prettier-ignore
    for (const path of ['/dev/full', folder.path('one.jsonl/rows.jsonl'), folder.path('')]) {
      const { code, err } = await runAcc(...base, '--rows', path);
      expect([code, err]).toEqual([2, expect.stringContaining(`cannot be written; at ${path}`)]);
    }
    expect((await runAcc(...base, '--rows', folder.path('new/rows.jsonl'))).code).toBe(0);
    expect(readFileSync(folder.path('new/rows.jsonl'), 'utf8')).toMatch(/^\{"index":0,"score":1,.*\}\n$/);
  });

  it('grades many responses in memory that does not follow their number', async () => {
    const count = Number(process.env['ACC_GRADE_ROWS'] ?? 60_000);
    const [data, responses] = [
      openSync(folder.path('many.jsonl'), 'w'),
      openSync(folder.path('manyr.jsonl'), 'w'),
    ];
    const padding = 'The reasoning goes on and on. '.repeat(30);
    for (let from = 0; from < count; from += 1000) {
      const indices = Array.from({ length: Math.min(1000, count - from) }, (_, i) => from + i);
      writeSync(data, indices.map((i) => `{"problem":"p","answer":"${i % 1000}","id":"${i}"}\n`).join(''));
      writeSync(
        responses,
        indices
          .map((i) => `{"index":${count - 1 - i},"response":"${padding}\\\\boxed{${i % 2}}"}\n`)
          .join(''),
      );
    }
    closeSync(data);
    closeSync(responses);
    // In a process of its own, with a heap that could not hold the file (60,000 responses are 56 MB).
    const outDir = resolve(import.meta.dirname, '../../.cache/test-grade');
    await build({
      root: resolve(import.meta.dirname, '../..'),
      configFile: false,
      logLevel: 'error',
      publicDir: false,
      build: {
        ssr: resolve(import.meta.dirname, '../../src/cli/acc.ts'),
        outDir,
        target: 'node20',
        emptyOutDir: true,
        rolldownOptions: { output: { entryFileNames: 'acc.mjs' } },
      },
    });
    const script = `import(${JSON.stringify(pathToFileURL(join(outDir, 'acc.mjs')).href)}).then(async ({ main }) => {
      const code = await main(process.argv.slice(1));
      process.stderr.write('peak KiB ' + process.resourceUsage().maxRSS + '\\n');
      process.exit(code);
    })`;
    const argv = ['grade', 'aime', '--data', folder.path('many.jsonl'), '--responses', folder.path('manyr.jsonl'), '--no-lengths']; // prettier-ignore
    const started = performance.now();
    const run = spawnSync(process.execPath, ['--max-old-space-size=40', '-e', script, ...argv], {
      encoding: 'utf8',
    });
    expect(run.stderr).toMatch(/^peak KiB \d+\n$/m);
    expect(run.stdout).toContain(`${count} of ${count} rows graded`);
    expect(run.stdout).toMatch(new RegExp(`${count - 1} out of order`));
    if (process.env['ACC_GRADE_ROWS'])
      console.log(run.stderr.trim(), `${Math.round(performance.now() - started)} ms`);
  }, 600_000);
});
