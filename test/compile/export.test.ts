import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { describe, expect, it } from 'vitest';
import { openTokenizer } from '../../src/cli/compileTokenizer.ts';
import { compileTrajectory } from '../../src/compile/compileTrajectory.ts';
import { estimateCounter, type TokenCounter } from '../../src/compile/countText.ts';
import {
  accRow,
  exportTargets,
  openAiRow,
  promptCompletionRow,
  shareGptRow,
  tokenIdsRow,
} from '../../src/compile/export/formats.ts';
import { escapeMediaTags } from '../../src/compile/export/mediaTags.ts';
import { ParquetExport } from '../../src/compile/export/parquet.ts';
import { trainerConfigs } from '../../src/compile/export/trainerConfigs.ts';
import { resolveCompileOptions } from '../../src/compile/options.ts';
import type { CompileOptions, Example } from '../../src/compile/types.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { readTrainingExample } from '../../src/train/conversation.ts';
import type { Trajectory } from '../../src/trajectories/schema.ts';
import { searchRun } from './trajectoryFixture.ts';

function compiled(
  given: Partial<CompileOptions> = {},
  fields: Partial<Trajectory> = {},
  counter: TokenCounter = estimateCounter,
): Example {
  const outcome = compileTrajectory(searchRun(fields), {
    options: resolveCompileOptions(given),
    counter,
    catalog: null,
    sha256Of: () => '',
  });
  if ('rejection' in outcome) throw new Error(outcome.rejection.reason);
  return outcome.example;
}

const plain = { escapeMedia: false };

describe('rows of other trainers', () => {
  const example = compiled();
  it('hold the same two messages', () => {
    const [user, assistant] = example.messages.map(({ content }) => content);
    expect(openAiRow(example, plain)).toEqual({
      messages: [
        { role: 'user', content: user },
        { role: 'assistant', content: assistant },
      ],
    });
    expect(shareGptRow(example, plain)['conversations']).toEqual([
      { from: 'human', value: user },
      { from: 'gpt', value: assistant },
    ]);
    expect(accRow(example, plain)).toMatchObject({
      ground_truth_answer: 'Stephen King',
      context_length: '1k',
    });
    expect(promptCompletionRow(example, plain)['completion']).toEqual([
      { role: 'assistant', content: assistant },
    ]);
  });

  it('end with the last turn of the model, since LLaMA-Factory skips rows that end otherwise', () => {
    const run = compiled({ control: 'agent-sft' });
    const unfinished = { ...run, messages: run.messages.slice(0, -1) };
    expect(unfinished.messages.at(-1)!.role).toBe('tool');
    const roles = (list: unknown): unknown => (list as { role: string }[]).map(({ role }) => role);
    const expected = ['assistant', 'tool', 'assistant', 'tool', 'assistant'];
    expect(roles(openAiRow(unfinished, plain)['messages'])).toEqual(expected);
    expect(roles(accRow(unfinished, plain)['dialogs'])).toEqual(expected);
    expect(roles(promptCompletionRow(unfinished, plain)['completion'])).toEqual(['assistant']);
    const turns = shareGptRow(unfinished, plain)['conversations'] as { from: string }[];
    expect(turns.map(({ from }) => from)).toEqual(['gpt', 'observation', 'gpt', 'observation', 'gpt']);
  });

  it('escape media tags only when asked', () => {
    expect(escapeMediaTags('a <image> b </video> <imagery>')).toBe(
      'a <\u200dimage> b <\u200d/video> <imagery>',
    );
  });

  it('settings set the sequence length for each target', () => {
    for (const target of exportTargets) {
      const files = trainerConfigs(target, 'data.jsonl', 4096);
      expect(files.some((file) => file.text.includes('4096'))).toBe(true);
      expect(new Set(files.map((file) => file.name)).size).toBe(files.length);
      const info = files.find((file) => file.name === 'dataset_info.json');
      if (info) expect(JSON.parse(info.text)).toMatchObject({ acc: { file_name: 'data.jsonl' } });
    }
  });
});

describe('token ids', () => {
  it('mask everything but what the model writes', async () => {
    const { tokenizer, template } = await openTokenizer('qwen3');
    const pair = tokenIdsRow(compiled(), plain, tokenizer, template) as {
      input_ids: number[];
      labels: number[];
    };
    const learnt = tokenizer.decode(pair.labels.filter((label) => label !== -100));
    expect(learnt).toMatch(/^<think>\nThe novel appeared.*<\/think>\n\nStephen King<\|im_end\|>$/s);
    expect(tokenizer.decode(pair.input_ids)).toBe(
      template.render(compiled().messages.map(({ role, content }) => ({ role, content }))).text,
    );

    const run = tokenIdsRow(compiled({ control: 'agent-sft' }), plain, tokenizer, template) as typeof pair;
    const targets = tokenizer.decode(run.labels.filter((label) => label !== -100));
    expect(targets).toContain('"name":"visit"');
    expect(targets).not.toContain('Richard Bachman was the pen name');
  }, 60_000);
});

describe('an answer that holds think tags', () => {
  const answer = 'The parser strips <think> and </think> from replies.';
  const run: Partial<Trajectory> = {
    finalAnswer: { text: answer, at: null, via: 'made' },
    groundTruth: null,
  };
  const reasoning = 'The novel appeared under the pen name Bachman, who is Stephen King.';
  const whole = `<think>\n${reasoning}\n</think>\n\n${answer}`;

  it('is flagged, counted and learnt whole, also without reasoning before it', async () => {
    const { tokenizer, template, counter } = await openTokenizer('qwen3');
    for (const [rationale, written] of [
      ['keep', whole],
      ['drop', `<think>\n\n</think>\n\n${answer}`],
    ] as const) {
      const example = compiled({ rationale }, run, counter);
      expect(example.flags).toContain('think-tags-in-answer');
      const row = tokenIdsRow(example, plain, tokenizer, template) as { labels: number[] };
      const learnt = row.labels.filter((label) => label !== -100);
      expect(tokenizer.decode(learnt)).toBe(`${written}<|im_end|>`);
      expect(example.tokens.completion).toBe(learnt.length);
    }
  }, 60_000);

  it('keeps its reasoning apart where a chat template splits it off, and as one text elsewhere', () => {
    const example = compiled({}, run);
    const apart = { role: 'assistant', content: answer, reasoning_content: reasoning };
    expect((openAiRow(example, plain)['messages'] as unknown[])[1]).toEqual(apart);
    expect(promptCompletionRow(example, plain)['completion']).toEqual([apart]);
    expect((accRow(example, plain)['dialogs'] as unknown[])[1]).toEqual({
      role: 'assistant',
      content: whole,
    });
    const read = readTrainingExample(JSON.parse(JSON.stringify(example)) as JsonValue, 'line 1');
    expect(read).toMatchObject({ example: { messages: [{ role: 'user' }, apart] } });
    expect(compiled({ control: 'agent-sft' }, run).flags).not.toContain('think-tags-in-answer');
  });
});

describe('Parquet', () => {
  it('keeps messages as a list of structs and can be read back', async () => {
    const example = compiled();
    const parquet = new ParquetExport(plain);
    expect(await parquet.add(example)).toBeNull();
    const bytes = await parquet.finish();
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    const [row] = await parquetReadObjects({ file, compressors });
    expect(row).toMatchObject({
      id: 'run-1',
      messages: example.messages,
      answer: 'Stephen King',
      evidence: JSON.parse(JSON.stringify(example.evidence)) as unknown,
      prompt_tokens: BigInt(example.tokens.prompt),
      flags: example.flags,
    });
  });
});
