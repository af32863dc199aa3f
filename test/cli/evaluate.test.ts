import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { parseTask, solveTask } from '../../src/evaluate/graphwalks.ts';
import { startChatServer, type ChatServer } from '../evaluate/chatServer.ts';
import { runAcc, temporaryFolder } from './benchmarkRun.ts';

const folder = temporaryFolder('evaluate');
afterAll(folder.remove);
let server: ChatServer | null = null;
afterEach(async () => {
  await server?.close();
  server = null;
});

const solve = (content: string): { text: string } => ({
  text: `Final Answer: [${[...solveTask(parseTask(content)!)].join(', ')}]`,
});

describe('acc evaluate', () => {
  it('asks an endpoint, keeps the answers, and compares two runs over the same items', async () => {
    await runAcc(
      'generate',
      'graphwalks',
      '--count',
      '6',
      '--tokens',
      '1100',
      '--seed',
      '1',
      '--out',
      folder.path('g.parquet'),
    );
    server = await startChatServer((content) =>
      parseTask(content)!.operation.kind === 'parents' ? solve(content) : { text: 'no idea' },
    );
    const base = [
      'evaluate',
      'graphwalks',
      '--data',
      folder.path('g.parquet'),
      '--endpoint',
      server.url,
      '--seeds',
      '2',
      '--temperature',
      '0.7',
    ];
    const before = await runAcc(...base, '--model-name', 'before', '--out', folder.path('before'), '--json');
    expect(before.code).toBe(0);
    const result = JSON.parse(before.out) as {
      scores: {
        overall: { mean: number; overSeeds: { n: number } };
        slices: { dimension: string; groups: { label: string; mean: number }[] }[];
      };
    };
    expect(result.scores.overall).toMatchObject({ mean: 0.5, overSeeds: { n: 2 } });
    const type = result.scores.slices.find(({ dimension }) => dimension === 'type')!;
    expect(type.groups.map(({ label, mean }) => [label, mean])).toEqual([['bfs', 0], ['parents', 1]]); // prettier-ignore
    const asked = server.asked.length;
    // The same command again asks nothing and gives the same.
    expect(
      (await runAcc(...base, '--model-name', 'before', '--out', folder.path('before'), '--json')).out,
    ).toBe(before.out);
    expect(server.asked.length).toBe(asked);
    await server.close();
    server = await startChatServer(solve);
    const after = await runAcc('evaluate', 'graphwalks', '--data', folder.path('g.parquet'), '--endpoint', server.url, '--seeds', '2', '--temperature', '0.7', '--model-name', 'after', '--out', folder.path('after'), '--against', folder.path('before')); // prettier-ignore
    expect(after.code).toBe(0);
    expect(after.out).toMatch(/all +6 +1\.0000 ± 0\.0000/);
    expect(after.out).toMatch(/after against before; 6 items, 2 seeds/);
    expect(after.out).toMatch(
      /right with both 3, only before 0, only after 3, with neither 0; McNemar \(exact\) p = 0\.25/,
    );
    const compared = await runAcc(
      'evaluate',
      'compare',
      '--before',
      folder.path('before'),
      '--after',
      folder.path('after'),
      '--json',
    );
    expect(JSON.parse(compared.out)).toMatchObject({
      comparisons: [{ items: 6, holmP: null, overall: { mean: 0.5 } }],
    });
    expect(readFileSync(folder.path('after/responses.jsonl'), 'utf8').split('\n')).toHaveLength(1 + 12 + 1);
  });

  it('ends with 1 where rows cannot be read, and compares only what was graded alike', async () => {
    const row = (question: string) => JSON.stringify({ question, options: ['x', 'y', 'z'], answer: 'B', category: 'law' }); // prettier-ignore
    writeFileSync(folder.path('q.jsonl'), [row('a'), '{"answer":1}', row('b')].join('\n'));
    server = await startChatServer(() => ({ text: 'The answer is (B)' }));
    const evaluate = (...more: string[]) =>
      runAcc('evaluate', 'mmlu-pro', '--data', folder.path('q.jsonl'), '--endpoint', server!.url, '--model-name', 'm', ...more); // prettier-ignore
    const chain = await evaluate('--out', folder.path('chain'));
    expect(chain.code).toBe(1);
    expect(chain.out).toMatch(
      /2 of 2 questions answered[^]*1 cannot be read\n {2}row 1: .*found columns answer/,
    );
    const change = (name: string, file: string, to: (text: string) => string): void => {
      cpSync(folder.path('chain'), folder.path(name), { recursive: true });
      const path = folder.path(`${name}/${file}`);
      writeFileSync(path, to(readFileSync(path, 'utf8')));
    };
    change('l1', 'result.json', (text) => text.replace('"mode": "chain"', '"mode": "L1"'));
    change('none', 'items.jsonl', () => '');
    for (const [other, message] of [
      ['l1', /different modes.*expected chain.*found L1/],
      ['none', /share no item/],
    ] as const) {
      const compared = await runAcc('evaluate', 'compare', '--before', folder.path('chain'), '--after', folder.path(other)); // prettier-ignore
      expect([compared.code, compared.err]).toEqual([2, expect.stringMatching(message)]);
    }
    // Before a question is asked.
    const asked = server.asked.length;
    const against = await evaluate('--against', folder.path('l1'));
    expect([against.code, against.err]).toEqual([2, expect.stringMatching(/different modes/)]);
    expect(server.asked.length).toBe(asked);
  });

  it('puts the worked examples of the subject before a question of MMLU-Pro, and says when it has none', async () => {
    const row = (question: string, category: string, more: object = {}) =>
      ({ question, options: ['x', 'y', 'z', 'N/A'], answer: 'B', category, cot_content: '', ...more }); // prettier-ignore
    const shot = (name: string, category: string) =>
      row(name, category, { cot_content: "A: Let's think step by step. Because. The answer is (B)." });
    const write = (name: string, rows: readonly object[]): string => {
      writeFileSync(folder.path(name), rows.map((each) => JSON.stringify(each)).join('\n'));
      return folder.path(name);
    };
    const test = write('test.jsonl', [row('Who?', 'law'), row('Why?', 'physics')]);
    // The published split has five of each subject; a sixth is not shown.
    const laws = Array.from({ length: 6 }, (_, index) => shot(`Law ${index}?`, 'law'));
    const validation = write('validation.jsonl', [shot('Physics 0?', 'physics'), ...laws]);
    server = await startChatServer(() => ({ text: 'The answer is (B)' }));
    const evaluate = (...more: string[]) =>
      runAcc('evaluate', 'mmlu-pro', '--data', test, '--endpoint', server!.url, '--model-name', 'm', '--concurrency', '1', '--tokenizer', tokenizer, ...more); // prettier-ignore
    const tokenizer = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');
    const zero = await evaluate('--out', folder.path('zero'));
    expect(zero.out).toMatch(/Note: Zero-shot: published results of MMLU-Pro give 5 worked examples/);
    const five = await evaluate('--shots', validation, '--out', folder.path('five'));
    expect([five.code, five.err]).toEqual([0, expect.not.stringContaining('acc:')]);
    expect(five.out).not.toContain('Zero-shot');
    expect(five.out).toMatch(/Note: Up to 5 worked examples of \S*validation\.jsonl before each question\./);
    expect(five.out).toContain('Note: Fewer than 5 worked examples: physics (1).');
    const [zeroLaw, , law, physics] = server.asked.map(({ content }) => content);
    const header = (subject: string) =>
      `The following are multiple choice questions (with answers) about ${subject}. Think step by step and then finish your answer with "the answer is (X)" where X is the correct letter choice.\n\n`;
    const asked = (question: string) => `Question:\n${question}\nOptions:\nA. x\nB. y\nC. z\nAnswer: Let's think step by step.`; // prettier-ignore
    const example = (question: string) => `${asked(question)} Because. The answer is (B).\n\n`;
    expect(zeroLaw).toBe(`${header('law')}${asked('Who?')}`);
    expect(physics).toBe(`${header('physics')}${example('Physics 0?')}${asked('Why?')}`);
    expect(law).toBe(
      `${header('law')}${[0, 1, 2, 3, 4].map((index) => example(`Law ${index}?`)).join('')}${asked('Who?')}`,
    );
    // Answers to other prompts are another run's.
    for (const [more, message] of [
      [['--shots', validation, '--out', folder.path('zero')], /responses of another run/],
      [['--shots', test], /no worked example; at \S*test\.jsonl, row 0.*cot_content/],
    ] as const) {
      const { code, err } = await evaluate(...more);
      expect([code, err]).toEqual([2, expect.stringMatching(message)]);
    }
    const same = await runAcc('evaluate', 'mmlu-pro', '--data', validation, '--shots', validation, '--endpoint', server.url, '--model-name', 'm', '--tokenizer', tokenizer); // prettier-ignore
    expect([same.code, same.err]).toEqual([2, expect.stringMatching(/examples are the questions/)]);
    const other = await runAcc('evaluate', 'aime', '--data', test, '--shots', validation, '--endpoint', server.url, '--model-name', 'm'); // prettier-ignore
    expect([other.code, other.err]).toEqual([2, expect.stringMatching(/AIME is asked without worked/)]);
  });

  it('states no spread for one seed, asks only the rows asked for, and never stores the key', async () => {
    await runAcc(
      'generate',
      'graphwalks',
      '--count',
      '8',
      '--tokens',
      '1100',
      '--seed',
      '3',
      '--out',
      folder.path('h.jsonl'),
    );
    server = await startChatServer(solve);
    process.env['ACC_TEST_KEY'] = 'sk-very-secret';
    const { code, out } = await runAcc('evaluate', 'graphwalks', '--data', folder.path('h.jsonl'), '--endpoint', server.url, '--model-name', 'm', '--key-env', 'ACC_TEST_KEY', '--only', 'type=bfs', '--limit', '3', '--out', folder.path('h')); // prettier-ignore
    expect(code).toBe(0);
    expect(server.asked).toHaveLength(3);
    expect(server.asked.every(({ content }) => parseTask(content)!.operation.kind === 'bfs')).toBe(true);
    expect(out).not.toContain('±');
    expect(out).toContain('One seed: no spread over seeds can be stated.');
    // A label that no row has would measure nothing.
    const none = await runAcc('evaluate', 'graphwalks', '--data', folder.path('h.jsonl'), '--endpoint', server.url, '--model-name', 'm', '--only', 'type=bsf', '--out', folder.path('nothing')); // prettier-ignore
    expect([none.code, none.err]).toEqual([2, expect.stringMatching(/No row.*chosen; at .*h\.jsonl; expected type bsf; found type: bfs, parents/)]); // prettier-ignore
    expect(existsSync(folder.path('nothing/result.json'))).toBe(false);
    for (const file of ['responses.jsonl', 'result.json', 'items.jsonl']) {
      expect(readFileSync(folder.path(`h/${file}`), 'utf8')).not.toContain('sk-very-secret');
    }
  });

  it('refuses what cannot be run', async () => {
    writeFileSync(folder.path('x.jsonl'), '{"a":1}\n');
    const asks = ['evaluate', 'gpqa', '--data', folder.path('x.jsonl'), '--endpoint', 'http://localhost:1', '--model-name', 'm']; // prettier-ignore
    for (const [argv, message] of [
      [['evaluate', 'mrcr', '--data', 'x'], /--model DIR or --endpoint URL/],
      [
        ['evaluate', 'sudoku', '--data', 'x', '--endpoint', 'http://localhost:1', '--model-name', 'm'],
        /needs a benchmark/,
      ],
      [
        [
          'evaluate',
          'mrcr',
          '--data',
          folder.path('x.jsonl'),
          '--endpoint',
          'file:///etc',
          '--model-name',
          'm',
        ],
        /http or https/,
      ],
      [
        ['evaluate', 'mrcr', '--data', folder.path('x.jsonl'), '--endpoint', 'http://localhost:1'],
        /--model-name/,
      ],
      [[...asks, '--adapter', '/nowhere'], /--adapter does nothing here; expected it goes with --model/],
      [
        ['evaluate', 'gpqa', '--data', folder.path('x.jsonl'), '--model', 'm', '--concurrency', '2'],
        /--concurrency does nothing here; expected it goes with --endpoint/,
      ],
      [[...asks, '--before', 'a'], /--before does nothing here/],
      [
        ['evaluate', 'compare', '--before', 'a', '--after', 'b', '--data', 'x'],
        /--data does nothing here; expected it goes with acc evaluate BENCHMARK/,
      ],
      [asks, /no row of GPQA.*expected columns Question, Correct Answer/],
      [[...asks, '--out', folder.path('x.jsonl/sub')], /cannot be written; at .*x\.jsonl\/sub/],
    ] as const) {
      const { code, err } = await runAcc(...argv);
      expect(code).toBe(2);
      expect(err).toMatch(message);
    }
  });
});
