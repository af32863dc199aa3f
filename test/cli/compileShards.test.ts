import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/commands/compile.ts';
import { Rng } from '../../src/core/rng.ts';

/** A search run in the WebDancer layout with one page; `filler` gives it its length. */
function record(id: string, thing: number, filler: number): string {
  const answer = `Answer${thing}`;
  const page = `Thing ${thing} is called ${answer}. ${`It has a history of ${thing} parts. `.repeat(filler)}`;
  return JSON.stringify({
    id,
    messages: [
      { role: 'user', content: `Question: What is the full official name of thing ${thing}?` },
      {
        role: 'assistant',
        content:
          '<think>\nLook it up.\n</think>\n<tool_call>\n{"name": "visit", "arguments": {"url": ["https://example.org/thing"], "goal": "name"}}\n</tool_call>',
      },
      {
        role: 'user',
        content: `<tool_response>\nThe useful information in https://example.org/thing/${thing} for user goal name as follows:\n\nEvidence in page:\n${page}\n\nSummary:\nIts name is ${answer}.\n</tool_response>`,
      },
      {
        role: 'assistant',
        content: `<think>\nThe page says that the thing is called ${answer}, which settles it.\n</think>\n<answer>${thing % 7 === 6 ? 'Nothing' : answer}</answer>`,
      },
    ],
    question: `What is the full official name of thing ${thing}?`,
    answer: [[answer]],
  });
}

let folder = '';
let inputs: string[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'acc-shards-test-'));
  const write = (name: string, lines: readonly string[]): string => {
    writeFileSync(join(folder, name), `${lines.join('\n')}\n`);
    return join(folder, name);
  };
  mkdirSync(join(folder, 'many'));
  for (let file = 0; file < 6; file++) write(`many/part-${file}.jsonl`, [record(`few-${file}`, file, 3)]);
  // Over 8 MB, so its lines are cut into ranges; ids and questions come again, some lines are blank.
  const long = Array.from({ length: 700 }, (_, index) =>
    index % 90 === 89 ? '' : record(`run-${index % 640}`, index % 620, 500),
  );
  const damaged = Array.from({ length: 700 }, (_, index) => record(`other-${index}`, 1000 + index, 500));
  damaged[500] = '{"broken": ';
  inputs = [
    join(folder, 'many'),
    write('long.jsonl', long),
    write('again.jsonl', [record('few-2', 77, 3), record('run-5', 78, 3), record('new', 79, 3)]),
    write('damaged.jsonl', damaged),
  ];
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const flags = [
  ...['--no-count', '--quiet', '--dedup', 'near', '--eval-share', '0.2', '--per-instance-cap', '1'],
];
const outputs = (out: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(out)
      .sort()
      .map((name) => [name, readFileSync(join(out, name), 'utf8')]),
  );

describe('acc compile over shards', () => {
  it('gives the bytes of one process, whatever the shards and the order they are made in', async () => {
    const whole = join(folder, 'whole');
    expect(await run([...inputs, '--out', whole, ...flags])).toBe(1);
    const expected = outputs(whole);
    // The input holds what the reduce step has to see to: renamed runs, caps, duplicates, a damaged line.
    expect(expected['report.json']).toContain('"reason instance-cap"');
    expect(expected['report.json']).toMatch(/"curation: duplicates": [1-9]/);
    expect(expected['report.json']).toContain('duplicate-id');
    for (const [number, shardBytes] of [1, 6_000_000].entries()) {
      const plan = join(folder, `plan-${number}`);
      const out = join(folder, `out-${number}`);
      await run([...inputs, '--plan', plan, '--shard-bytes', String(shardBytes), ...flags]);
      const { shards } = JSON.parse(readFileSync(join(plan, 'plan.json'), 'utf8')) as { shards: unknown[] };
      for (const shard of new Rng(`order/${number}`).shuffle([...shards.keys()]))
        expect(await run(['--map', plan, '--shard', String(shard), '--quiet'])).toBe(0);
      expect(await run(['--reduce', plan, '--out', out, '--quiet'])).toBe(1);
      expect(outputs(out)).toEqual(expected);
    }
  }, 240_000);

  it('leaves finished shards alone, makes cut ones again, and names those that are missing', async () => {
    const plan = join(folder, 'plan-again');
    const files = inputs.slice(0, 1);
    const count = ['--no-count', '--quiet', '--accept-unverified'];
    await run([...files, '--plan', plan, '--shard-bytes', '1', ...count]);
    await run(['--map', plan, '--shard', '0-3', '--quiet']);
    await expect(run(['--reduce', plan, '--out', join(folder, 'early'), '--quiet'])).rejects.toThrow(
      /2 of 6 shards are not mapped yet.*missing: 4,5.*--shard 4,5/,
    );
    const first = join(plan, 'shard-000000.jsonl');
    const made = readFileSync(first, 'utf8');
    writeFileSync(join(plan, 'shard-000001.jsonl'), made.slice(0, made.length - 20));
    // A mark shows whether the file is written anew.
    writeFileSync(first, made.replace('"shard":0', '"shard":0 '));
    await run(['--map', plan, '--quiet']);
    expect(readFileSync(first, 'utf8')).toContain('"shard":0 ');
    await run(['--reduce', plan, '--out', join(folder, 'late'), '--quiet']);
    await run([...files, '--out', join(folder, 'late-whole'), ...count]);
    expect(outputs(join(folder, 'late'))).toEqual(outputs(join(folder, 'late-whole')));
  }, 60_000);

  it('refuses to put together what was counted under two chat templates', async () => {
    const plan = join(folder, 'plan-template');
    const tokenizer = join(folder, 'tokenizer');
    mkdirSync(tokenizer);
    const model = resolve(import.meta.dirname, '../../public/models/world-moe-3m');
    copyFileSync(join(model, 'tokenizer.json'), join(tokenizer, 'tokenizer.json'));
    await run([inputs[0]!, '--plan', plan, '--shard-bytes', '1', '--tokenizer', tokenizer, '--quiet']);
    await run(['--map', plan, '--shard', '0-2', '--quiet']);
    writeFileSync(
      join(tokenizer, 'chat_template.jinja'),
      '{% for m in messages %}{{ m.content }}{% endfor %}',
    );
    await run(['--map', plan, '--quiet']);
    await expect(run(['--reduce', plan, '--out', join(folder, 'y'), '--quiet'])).rejects.toThrow(
      /tokenizer, chat template or databases are not those of the other shards; at .*shard-000003/,
    );
  }, 60_000);

  it('refuses inputs that changed, shards of another plan, and options that the plan fixed', async () => {
    const plan = join(folder, 'plan-changed');
    const input = join(folder, 'changing.jsonl');
    writeFileSync(input, `${record('a', 1, 2)}\n`);
    await run([input, '--plan', plan, '--no-count', '--quiet']);
    await run(['--map', plan, '--quiet']);
    await expect(run(['--map', plan, '--seed', '3'])).rejects.toThrow(/--map takes no seed/);
    await expect(run(['--map', plan, '--shard', '1'])).rejects.toThrow(/names no shards/);
    await run([input, '--plan', plan, '--no-count', '--seed', '3', '--quiet']);
    await expect(run(['--reduce', plan, '--out', join(folder, 'x'), '--quiet'])).rejects.toThrow(
      /no result of this plan/,
    );
    writeFileSync(input, `${record('b', 22, 2)}\n`);
    await expect(run(['--map', plan, '--quiet'])).rejects.toThrow(/not as it was when the plan was made/);
    await expect(run(['--map', join(folder, 'nowhere'), '--quiet'])).rejects.toThrow(/no plan/);
  });
});
