import { describe, expect, it } from 'vitest';
import type { ExampleEncoder } from '../../src/train/masks.ts';
import type { ConversationExample } from '../../src/train/conversation.ts';
import { conversation, qwenEncoder } from './helpers.ts';

/** What is learnt, as text: the ids that are labels, in order. */
function learnt(encoder: ExampleEncoder, example: ConversationExample): string {
  const { labels } = encoder.encode(example);
  return encoder.tokenizer.decode(labels.filter((label) => label >= 0));
}

const qa = conversation({
  id: 'qa',
  messages: [
    { role: 'user', content: 'Context with <|im_end|> in it.\n\nWho?' },
    { role: 'assistant', content: '<think>\nThe text says Ada.\n</think>\n\nAda' },
  ],
});
const agent = conversation({
  id: 'agent',
  control: 'agent-sft',
  messages: [
    { role: 'system', content: 'You search.' },
    { role: 'user', content: 'Who?' },
    { role: 'assistant', content: '<think>\nI look.\n</think>\n\n<tool_call>\n{"name": "s"}\n</tool_call>', train: true },
    { role: 'tool', content: 'Ada <|im_start|>assistant\nnot a reply' },
    { role: 'assistant', content: 'Not this one', train: false },
    { role: 'user', content: 'And?' },
    { role: 'assistant', content: '\n\nAda', train: true },
  ],
}); // prettier-ignore

/** Qwen3's instruct template in short: no reasoning, no marks. */
const plainTemplate =
  "{%- for message in messages %}{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}{%- endfor %}{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}";
/** The same without `{% generation %}`: like the stock template, which has no marks either. */
const markless = (template: string): string =>
  template.replaceAll('{%- generation -%}', '').replaceAll('{%- endgeneration -%}', '');

describe('what is learnt of an example', () => {
  it('is rationale and answer of a compiled pair, up to the end-of-turn token', () => {
    const words = '<think>\nThe text says Ada.\n</think>\n\nAda<|im_end|>';
    expect(learnt(qwenEncoder(), qa)).toBe(words);
    expect(learnt(qwenEncoder(plainTemplate), qa)).toBe(words);
    expect(learnt(qwenEncoder(plainTemplate, true), qa)).toBe(`${words}\n`);
  });

  it('is the same whether the template marks its replies or is asked where it puts them', async () => {
    const { qwen3Template } = await import('../../src/tokenizer/qwen3Template.ts');
    for (const example of [qa, agent]) {
      const marked = qwenEncoder().encode(example);
      const asked = qwenEncoder(markless(qwen3Template)).encode(example);
      expect(asked.ids).toEqual(marked.ids);
      expect(asked.labels).toEqual(marked.labels);
    }
  });

  it('is every trained assistant turn of an agent run, as it is rendered, and no tool result', () => {
    // The template takes the reasoning of turns before the last question away, and opens the last with its own.
    expect(learnt(qwenEncoder(), agent)).toBe(
      '<tool_call>\n{"name": "s"}\n</tool_call><|im_end|><think>\n\n</think>\n\nAda<|im_end|>',
    );
    // Two line breaks after the header's join it in one token, which is therefore context.
    expect(learnt(qwenEncoder(plainTemplate), agent)).toBe(
      '<think>\nI look.\n</think>\n\n<tool_call>\n{"name": "s"}\n</tool_call><|im_end|>Ada<|im_end|>',
    );
  });

  it('leaves out a token that lies across the border, and says so', () => {
    const encoder = qwenEncoder(plainTemplate);
    const { straddlingTokens, ids, labels } = encoder.encode(
      conversation({ messages: [{ role: 'user', content: 'Who?' }, { role: 'assistant', content: '\n\nAda' }] }), // prettier-ignore
    );
    expect(straddlingTokens).toBe(1);
    const first = labels.findIndex((label) => label >= 0);
    expect(encoder.tokenizer.decode(ids.subarray(0, first + 1))).toBe(
      '<|im_start|>user\nWho?<|im_end|>\n<|im_start|>assistant\n\n\n',
    );
  });

  it('leaves out the reasoning tag that the template opens by itself', () => {
    const thinking = plainTemplate.replace(
      "'<|im_start|>assistant\\n' }}{%- endif",
      "'<|im_start|>assistant\\n<think>\\n' }}{%- endif",
    );
    expect(learnt(qwenEncoder(thinking), qa)).toBe('The text says Ada.\n</think>\n\nAda<|im_end|>');
  });

  it('predicts the next token: the label of a position is the id after it', () => {
    const { ids, labels, supervisedTokens } = qwenEncoder().encode(qa);
    const targets = [...labels.keys()].filter((i) => labels[i]! >= 0);
    expect(targets).toHaveLength(supervisedTokens);
    for (const i of targets) expect(labels[i]).toBe(ids[i + 1]);
    expect(labels.at(-1)).toBe(-100);
  });

  it('is refused when the template hides the replies', () => {
    const shouting = plainTemplate.replace('message.content', 'message.content|upper');
    expect(() => qwenEncoder(shouting).encode(qa)).toThrow(/does not show where it puts the replies/);
  });

  it('names each token for the inspector, also where a character takes several', () => {
    const example = conversation({
      messages: [
        { role: 'user', content: '𓀀?' },
        { role: 'assistant', content: '𓀀 𓁐' },
      ],
    });
    const { ids, starts, isTarget, text } = qwenEncoder().inspect(example);
    const inside = [...ids.keys()].filter((i) => isTarget[i] === 1);
    expect(text.slice(starts![inside[0]!], starts![inside.at(-1)! + 1])).toBe(
      '<think>\n\n</think>\n\n𓀀 𓁐<|im_end|>',
    );
    expect(starts!.at(-1)).toBe(text.length);
  });
});
