import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/commands/export.ts';
import { openTokenizer } from '../../src/cli/compileTokenizer.ts';
import { UsageError } from '../../src/core/errors.ts';

const example = {
  id: 'a',
  kind: 'search',
  messages: [
    { role: 'user', content: 'Read <image> and answer.' },
    { role: 'assistant', content: 'Bonn' },
  ],
  question: 'q',
  answer: 'Bonn',
  rationale: null,
  evidence: [],
  order: 'shuffle',
  seed: 0,
  tokens: { tokenizer: 'qwen3', prompt: 12, completion: 3 },
  verification: [],
  source: { file: 'f', sha256: '', record: 0, format: 'made', trajectoryId: 'a' },
  flags: [],
  dropped: [],
};

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'acc-export-test-'));
  writeFileSync(join(folder, 'examples.jsonl'), `${JSON.stringify(example)}\n`);
  writeFileSync(join(folder, 'recipe.json'), JSON.stringify({ options: { budget: 777 } }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function writeRows(name: string, rows: readonly object[]): string {
  const path = join(folder, name);
  writeFileSync(path, `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
  return path;
}

describe('acc export', () => {
  it('writes data and settings side by side, with the budget of the recipe', async () => {
    expect(await run([folder, '--to', 'openai', '--out', join(folder, 'openai'), '--escape-media'])).toBe(0);
    expect(readdirSync(join(folder, 'openai')).sort()).toEqual([
      'RECIPES.md',
      'accelerate_deepspeed.yaml',
      'accelerate_fsdp2.yaml',
      'axolotl_full.yaml',
      'axolotl_lora.yaml',
      'dataset_info.json',
      'ds_zero3_full.json',
      'ds_zero3_lora.json',
      'llamafactory_full.yaml',
      'llamafactory_lora.yaml',
      'openai.jsonl',
      'swift_megatron_full.sh',
      'swift_megatron_lora.sh',
      'train_trl.py',
    ]);
    expect(readFileSync(join(folder, 'openai', 'axolotl_full.yaml'), 'utf8')).toContain('sequence_len: 777');
    expect(readFileSync(join(folder, 'openai', 'RECIPES.md'), 'utf8')).toContain('1 examples, 15 tokens');
    expect(readFileSync(join(folder, 'openai', 'openai.jsonl'), 'utf8')).toContain('<\u200dimage>');
  });

  it('lists lines that are no examples', async () => {
    const damaged = join(folder, 'damaged.jsonl');
    writeFileSync(damaged, `${JSON.stringify(example)}\nnot json\n`);
    expect(await run([damaged, '--to', 'acc', '--out', join(folder, 'acc.jsonl')])).toBe(1);
    expect(readFileSync(join(folder, 'acc.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(1);
  });

  it('reads lines as they were written: separators of Unicode within them are text', async () => {
    const odd = writeRows('odd.jsonl', [{ ...example, answer: 'Bonn\u2028on the\u2029Rhine' }, example]);
    expect(await run([odd, '--to', 'acc', '--out', join(folder, 'odd-acc.jsonl')])).toBe(0);
    expect(readFileSync(join(folder, 'odd-acc.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(2);
  });

  it('writes ids of the tokenizer that the set was compiled with, or none', async () => {
    const model = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');
    const { tokenizer, templateSha256 } = await openTokenizer(model);
    const qwen = await openTokenizer('qwen3');
    const compiled = (facts: { name: string; sha256: string; templateSha256?: string }): string => {
      const set = join(folder, `set-${facts.name}`);
      mkdirSync(set, { recursive: true });
      writeFileSync(join(set, 'examples.jsonl'), `${JSON.stringify(example)}\n`);
      writeFileSync(join(set, 'recipe.json'), JSON.stringify({ options: {}, tokenizer: facts }));
      return set;
    };
    const tiny = compiled({ name: 'tiny-moe', sha256: tokenizer.sha256, templateSha256 });
    const ids = (set: string, ...more: string[]) =>
      run([set, '--to', 'token-ids', '--out', join(set, 'ids.jsonl'), ...more]);
    await expect(ids(tiny)).rejects.toThrow(
      /another tokenizer.*expected tiny-moe.*found qwen3.*--tokenizer.*of tiny-moe/,
    );
    await expect(ids(tiny, '--tokenizer', 'qwen3')).rejects.toThrow(/another tokenizer/);
    expect(existsSync(join(tiny, 'ids.jsonl'))).toBe(false);
    expect(await ids(tiny, '--tokenizer', model)).toBe(0);
    // By its bytes, whatever it is called; recipes of older versions name no template.
    expect(await ids(compiled({ name: 'Qwen3-0.6B', sha256: qwen.tokenizer.sha256 }))).toBe(0);
    const other = compiled({ name: 'mine', sha256: qwen.tokenizer.sha256, templateSha256: 'f00' });
    await expect(ids(other)).rejects.toThrow(/chat template/);
    expect(await ids(other, '--tokenizer', 'qwen3')).toBe(0);
    const row = JSON.parse(readFileSync(join(tiny, 'ids.jsonl'), 'utf8')) as { input_ids: number[] };
    expect(row.input_ids.length).toBeGreaterThan(3);
  });

  it('takes a folder by whatever name, and writes no file over the set', async () => {
    const named = join(folder, 'sets', 'qwen3-1.7b');
    expect(await run([folder, '--to', 'openai', '--out', named])).toBe(0);
    expect(readdirSync(named)).toContain('openai.jsonl');
    expect(readdirSync(join(folder, 'sets'))).toEqual(['qwen3-1.7b']);
    mkdirSync(join(folder, 'rows.jsonl'));
    expect(await run([folder, '--to', 'acc', '--out', join(folder, 'rows.jsonl')])).toBe(0);
    expect(readdirSync(join(folder, 'rows.jsonl'))).toContain('acc.jsonl');
    const own = join(folder, 'examples.jsonl');
    const before = readFileSync(own, 'utf8');
    await expect(run([folder, '--to', 'acc', '--out', own])).rejects.toThrow(/that of DIR/);
    await expect(run([folder, '--to', 'acc', '--out', join(own, 'x')])).rejects.toThrow(/cannot be written/);
    expect(readFileSync(own, 'utf8')).toBe(before);
  });

  it('refuses a second set, which would be left out', async () => {
    await expect(run([folder, folder, '--to', 'acc', '--out', join(folder, 'x')])).rejects.toThrow(
      /1 word.*found/,
    );
  });

  it('refuses unknown targets', async () => {
    await expect(run([folder, '--to', 'word', '--out', join(folder, 'x')])).rejects.toThrow(UsageError);
  });
});
