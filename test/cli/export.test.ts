import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/cli/commands/export.ts';
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

  it('refuses unknown targets', async () => {
    await expect(run([folder, '--to', 'word', '--out', join(folder, 'x')])).rejects.toThrow(UsageError);
  });
});
