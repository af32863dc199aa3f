import { readFileSync, statSync } from 'node:fs';
import { Tokenizer as Reference } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { readModelConfig } from '../../src/model/config.ts';
import { chatTemplateOf } from '../../src/model/prompt.ts';
import { loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';
import { Rng } from '../../src/core/rng.ts';
import { makeLibrary } from '../../src/world/library.ts';

const models = new URL('../../public/models/', import.meta.url);
const json = (path: string): unknown => JSON.parse(readFileSync(new URL(path, models), 'utf8'));
const [listed] = json('index.json') as { name: string; path: string; note: string }[];
const folder = listed!.path;
const bytes = readFileSync(new URL(`${folder}/tokenizer.json`, models));
const tokenizer = loadTokenizer(bytes, 'world');

describe('the model in the box', () => {
  it('is a small Qwen3-MoE checkpoint with at least four layers, eight experts and 2,048 tokens of context', () => {
    const config = readModelConfig(json(`${folder}/config.json`) as JsonObject, 'config.json');
    expect(config.modelType).toBe('qwen3_moe');
    expect(config.numHiddenLayers).toBeGreaterThanOrEqual(4);
    expect(config.moe?.numExperts).toBeGreaterThanOrEqual(8);
    expect(config.moe?.numExpertsPerTok).toBeGreaterThanOrEqual(2);
    expect(config.maxPositionEmbeddings).toBeGreaterThanOrEqual(2048);
    expect(config.eosTokenIds).toEqual([tokenizer.tokenToId('<|end|>')]);
    expect(tokenizer.vocabSize).toBeLessThanOrEqual(config.vocabSize);
    expect(statSync(new URL(`${folder}/model.safetensors`, models)).size).toBeLessThan(12e6);
  });

  it('has a tokenizer that gives the ids of the reference implementation and the text back', () => {
    const reference = new Reference(
      json(`${folder}/tokenizer.json`) as object,
      json(`${folder}/tokenizer_config.json`) as object,
    );
    const texts = [
      ...[...makeLibrary(new Rng('tokenizer test'), 9).pages.values()].map(({ text }) => text),
      'cfcd208495 -> c4ca4238a0\nPrepend mWEa9DrPT3 to the 2nd poem about owls.',
      'def scale(a, b):\n    return a * 2\n\n"naïve" 😀 12,5 % \t\r\n  <|user|>x<think>',
    ];
    expect(tokenizer.slowBecause).toBeUndefined();
    for (const text of texts) {
      const ids = [...tokenizer.encode(text)];
      expect(ids).toEqual(reference.encode(text, { add_special_tokens: false }).ids);
      expect(tokenizer.decode(ids)).toBe(text);
    }
    expect([...tokenizer.encode('cfcd208495')]).toHaveLength(1);
  });

  it('has a chat template with two tokens a turn, tool calls and reasoning inside the reply', () => {
    const template = chatTemplateOf(json(`${folder}/tokenizer_config.json`) as JsonObject);
    const { text } = template.render(
      [
        { role: 'user', content: 'Find it.' },
        {
          role: 'assistant',
          content: '',
          reasoning_content: 'Look.',
          tool_calls: [{ function: { name: 'search', arguments: '{"query":"owl"}' } }],
        },
        { role: 'tool', content: 'An owl.' },
      ],
      { addGenerationPrompt: true, now: new Date(0) },
    );
    expect(text).toBe(
      '<|user|>Find it.<|end|><|assistant|><think>\nLook.\n</think>\n\n<tool_call>{"name": "search", "arguments": {"query":"owl"}}</tool_call><|end|><|tool|>An owl.<|end|><|assistant|>',
    );
  });
});
