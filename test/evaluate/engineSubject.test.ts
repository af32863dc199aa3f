import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { engineSubject, type GeneratingSession } from '../../src/evaluate/engineSubject.ts';
import { greedySampling } from '../../src/gpu/kernels/sampling.ts';
import type { GeneratedToken } from '../../src/model/session.ts';
import { loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';

const folder = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');
const tokenizer = loadTokenizer(readFileSync(`${folder}/tokenizer.json`), 'tiny-moe');

/** What is graded of a reply that the token limit ends, after a prompt that ends so. */
async function graded(opening: string, reply: string) {
  const session: GeneratingSession = {
    plan: { memory: { options: { contextLength: 8192 } } },
    async *generate() {
      for (const token of tokenizer.encode(reply)) yield { token, isStop: false } as GeneratedToken;
    },
  };
  const template = `{{- messages[0].content }}{%- if add_generation_prompt %}{{- ${JSON.stringify(opening)} }}{%- endif %}`;
  const about = { name: 'm', identity: {}, sampling: greedySampling };
  const subject = engineSubject(session, tokenizer, { chat_template: template }, about);
  const options = { maxNewTokens: 99, temperature: 0, topP: 1, seed: 0 };
  const { text, thinking } = await subject.generate([{ role: 'user', content: 'Say <think>' }], options, new AbortController().signal); // prettier-ignore
  return { text, thinking };
}

it('the engine’s cut reasoning is no answer where the chat template opens it, as that of Qwen3-…-Thinking-2507', async () => {
  const cut = 'Perhaps the answer is (A). Or';
  expect(await graded('assistant\n<think>\n', cut)).toEqual({ text: '', thinking: cut });
  expect(await graded('assistant\n<think>\n', 'Or (B).\n</think>\n\nThe answer is (B)')).toEqual({
    text: 'The answer is (B)',
    thinking: 'Or (B).',
  });
  for (const opening of ['assistant\n', 'assistant\n<think>\n\n</think>\n\n'])
    expect(await graded(opening, cut)).toEqual({ text: cut, thinking: null });
});
