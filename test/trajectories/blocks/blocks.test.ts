import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { readAnthropicMessages } from '../../../src/trajectories/blocks/anthropic.ts';
import { answerFromSteps, lastBoxed, lastSqlBlock } from '../../../src/trajectories/blocks/answers.ts';
import { readGeminiContent } from '../../../src/trajectories/blocks/gemini.ts';
import { readChatMessages } from '../../../src/trajectories/blocks/openaiChat.ts';
import { readResponseItems } from '../../../src/trajectories/blocks/openaiResponses.ts';
import { StepBuilder } from '../../../src/trajectories/blocks/stepBuilder.ts';
import { findFences, readTaggedAssistant, readTaggedUser } from '../../../src/trajectories/blocks/tagText.ts';
import { taskFromSteps, taskRange } from '../../../src/trajectories/blocks/taskText.ts';
import { isTruncatedText } from '../../../src/trajectories/blocks/truncation.ts';
import { expectSound, outline } from './provenance.ts';

function chat(messages: JsonValue[]) {
  const builder = new StepBuilder('f', 0);
  readChatMessages(builder, messages, '/messages');
  expectSound(builder.steps, [{ messages }]);
  return builder.steps;
}

function responses(output: JsonValue[]) {
  const builder = new StepBuilder('f', 0);
  readResponseItems(builder, output, '/output');
  expectSound(builder.steps, [{ output }]);
  return builder.steps;
}

function assistant(text: string) {
  const builder = new StepBuilder('f', 0);
  readTaggedAssistant(builder, text, '');
  expectSound(builder.steps, [text]);
  return builder.steps;
}

describe('chat messages', () => {
  it('join parallel results to their calls by id, whatever the order', () => {
    const call = (id: string, query: string) => ({
      id,
      type: 'function',
      function: { name: 'search', arguments: JSON.stringify({ query }) },
    });
    const steps = chat([
      { role: 'user', content: 'Who?' },
      { role: 'assistant', content: null, tool_calls: [call('a', 'one'), call('b', 'two')] },
      { role: 'tool', tool_call_id: 'b', content: 'second' },
      { role: 'tool', tool_call_id: 'a', content: 'first' },
      { role: 'assistant', content: [{ type: 'text', text: 'Both.' }] },
    ]);
    expect(outline(steps)).toEqual([
      '-1 user: Who?',
      '0 call search: {"query":"one"}',
      '0 call search: {"query":"two"}',
      '0 result of search: second',
      '0 result of search: first',
      '1 assistant: Both.',
    ]);
    expect(steps[3]).toMatchObject({ callStep: 2 });
    expect(steps[4]).toMatchObject({ callStep: 1 });
    expect(steps[1]).toMatchObject({ at: { path: '/messages/1/tool_calls/0/function/arguments' } });
  });

  it('take an id that is used again as the later call, and results without ids in order', () => {
    const steps = chat([
      { role: 'assistant', tool_calls: [{ id: 'x', name: 'first', arguments: {} }] },
      { role: 'assistant', tool_calls: [{ id: 'x', name: 'second', arguments: {} }] },
      { role: 'tool', tool_call_id: 'x', content: '2' },
      { role: 'assistant', tool_calls: [{ name: 'third', arguments: '{not json' }, { name: 'fourth' }] },
      { role: 'tool', content: '3' },
      { role: 'tool', content: '4' },
      { role: 'tool', tool_call_id: 'unknown', content: '?' },
    ]);
    const results = steps.filter((step) => step.type === 'toolResult');
    expect(results.map((step) => step.name)).toEqual(['second', 'third', 'fourth', null]);
    expect(steps.find((step) => step.type === 'toolCall' && step.name === 'third')).toMatchObject({
      arguments: null,
      text: '{not json',
    });
  });

  it('read tags in texts: thought, calls, responses, prefixed observations', () => {
    const steps = chat([
      { from: 'human', value: 'Find it.' },
      {
        from: 'gpt',
        value:
          '<think>look</think>\nSearching.\n<tool_call>\n{"name": "search", "arguments": {"q": "a } b"}}\n</tool_call>',
      },
      { from: 'human', value: '<tool_response>\nhit\n</tool_response>' },
      { from: 'gpt', value: 'Now edit <b>.\n<function=edit>\n<parameter=path>a.py</parameter>\n</function>' },
      { from: 'human', value: 'OBSERVATION:\nedited' },
      { from: 'gpt', value: '<answer>42</answer>' },
    ]);
    expect(outline(steps)).toEqual([
      '-1 user: Find it.',
      '0 reasoning: look',
      '0 assistant: Searching.',
      '0 call search: {"q": "a } b"}',
      '0 result of search: hit',
      '1 assistant: Now edit <b>.',
      '1 call edit: \n<parameter=path>a.py</parameter>\n',
      '1 result of edit: edited',
      '2 assistant: <answer>42</answer>',
    ]);
    expect(answerFromSteps(steps)).toMatchObject({ text: '42', via: '<answer> tag' });
  });
});

describe('Anthropic messages', () => {
  it('take calls from assistant blocks and results from the user message after', () => {
    const messages: JsonValue[] = [
      { role: 'user', content: 'Fix it' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 'x' },
          { type: 'redacted_thinking', data: 'zzz' },
          { type: 'tool_use', id: 't1', name: 'Read', input: { file_path: 'a' } },
        ],
      },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 't1',
            is_error: true,
            content: [{ type: 'text', text: 'gone' }],
          },
          { type: 'text', text: '<system-reminder>be brief</system-reminder>' },
        ],
      },
    ];
    const builder = new StepBuilder('f', 0);
    readAnthropicMessages(builder, messages, '');
    expectSound(builder.steps, [messages]);
    expect(outline(builder.steps)).toEqual([
      '-1 user: Fix it',
      '0 reasoning: hm',
      '0 call Read: {"file_path":"a"}',
      '0 result of Read (error): gone',
      '0 user (injected): <system-reminder>be brief</system-reminder>',
    ]);
  });
});

describe('parts of other vendors', () => {
  const asked = { role: 'user', content: 'Q' };
  const searched = ['-1 user: Q', '0 call search: {"q":"x"}', '0 result of search: hit'];
  const call = { toolCallId: 'c', toolName: 'search', input: { q: 'x' } };
  const returned = { toolCallId: 'c', toolName: 'search' };

  it.each<[string, JsonValue[]]>([
    [
      'AI SDK',
      [
        { role: 'assistant', content: [{ type: 'tool-call', ...call }] },
        {
          role: 'tool',
          content: [{ type: 'tool-result', ...returned, output: { type: 'text', value: 'hit' } }],
        },
      ],
    ],
    [
      'AI SDK 4',
      [
        {
          role: 'assistant',
          content: [{ type: 'tool-call', toolCallId: 'c', toolName: 'search', args: { q: 'x' } }],
        },
        { role: 'tool', content: [{ type: 'tool-result', ...returned, result: 'hit' }] },
      ],
    ],
    [
      'AI SDK for pages',
      [
        {
          role: 'assistant',
          parts: [
            { type: 'step-start' },
            {
              type: 'tool-search',
              toolCallId: 'c',
              state: 'output-available',
              input: { q: 'x' },
              output: 'hit',
            },
          ],
        },
      ],
    ],
    [
      'AI SDK 4 for pages',
      [
        {
          role: 'assistant',
          content: '',
          parts: [
            {
              type: 'tool-invocation',
              toolInvocation: { state: 'result', ...returned, args: { q: 'x' }, result: 'hit' },
            },
          ],
        },
      ],
    ],
    [
      'AI SDK 3, which has no parts',
      [
        {
          role: 'assistant',
          content: '',
          toolInvocations: [{ state: 'result', ...returned, args: { q: 'x' }, result: 'hit' }],
        },
      ],
    ],
    [
      'OpenTelemetry',
      [
        {
          role: 'assistant',
          parts: [{ type: 'tool_call', id: 'c', name: 'search', arguments: { q: 'x' } }],
        },
        { role: 'tool', parts: [{ type: 'tool_call_response', id: 'c', response: 'hit' }] },
      ],
    ],
    [
      'Bedrock',
      [
        {
          role: 'assistant',
          content: [{ toolUse: { toolUseId: 'c', name: 'search', input: { q: 'x' } } }],
        },
        {
          role: 'user',
          content: [{ toolResult: { toolUseId: 'c', content: [{ text: 'hit' }], status: 'success' } }],
        },
      ],
    ],
    [
      'LlamaIndex',
      [
        {
          role: 'assistant',
          additional_kwargs: {
            tool_calls: [{ id: 'c', function: { name: 'search', arguments: '{"q":"x"}' } }],
          },
          blocks: [],
        },
        {
          role: 'tool',
          additional_kwargs: { tool_call_id: 'c' },
          blocks: [{ block_type: 'text', text: 'hit' }],
        },
      ],
    ],
    [
      'LangChain with Anthropic, which names each call twice',
      [
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: 'c', name: 'search', input: { q: 'x' } }],
          tool_calls: [{ id: 'c', name: 'search', args: { q: 'x' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: 'hit' },
      ],
    ],
  ])('%s', (_, messages) => {
    const steps = chat([asked, ...messages]);
    expect(outline(steps)).toEqual(searched);
    expect(steps[2]).toMatchObject({ callId: 'c', callStep: 1 });
  });

  it('keep data as data, and failures as errors', () => {
    const output = [{ url: 'https://a.org', content: 'hit' }];
    const [, data, , failure] = chat([
      {
        role: 'assistant',
        parts: [
          { type: 'tool-search', ...call, output },
          { type: 'tool-open', toolCallId: 'd', input: {}, errorText: 'gone' },
        ],
      },
    ]);
    expect(data).toMatchObject({ text: JSON.stringify(output), at: { path: '/messages/0/parts/0/output' } });
    expect(failure).toMatchObject({ text: 'gone', isError: true });
  });
});

describe('results', () => {
  it('framed as a failure are errors, whether or not a flag beside them says so', () => {
    const steps = chat([
      { role: 'assistant', tool_calls: [{ id: 'a', name: 'Edit', arguments: {} }] },
      { role: 'tool', tool_call_id: 'a', content: '<tool_use_error>File not read yet.</tool_use_error>' },
      { role: 'tool', content: 'grep prints <tool_use_error> too' },
    ]);
    const results = steps.filter((step) => step.type === 'toolResult');
    expect(results.map((step) => step.isError)).toEqual([true, false]);
  });
});

describe('reminders of a harness', () => {
  it('are set apart from what a tool returned and what a person wrote', () => {
    const messages: JsonValue[] = [
      {
        role: 'user',
        content: '<system-reminder>a</system-reminder>\nFix it\n\n<system-reminder>b</system-reminder>',
      },
      { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'Read', input: {} }] },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: 't',
            content:
              '1→x = "<system-reminder>kept</system-reminder>"\n2→y\n\n<system-reminder>\nc\n</system-reminder>\n',
          },
        ],
      },
    ];
    const builder = new StepBuilder('f', 0);
    readAnthropicMessages(builder, messages, '');
    expectSound(builder.steps, [messages]);
    expect(builder.steps.map(({ text }) => text.trim())).toEqual([
      '<system-reminder>a</system-reminder>',
      'Fix it',
      '<system-reminder>b</system-reminder>',
      '{}',
      '1→x = "<system-reminder>kept</system-reminder>"\n2→y',
      '<system-reminder>\nc\n</system-reminder>',
    ]);
    expect(taskFromSteps(builder.steps)?.text).toBe('Fix it');
  });
});

describe('Responses items', () => {
  it('join outputs by call_id, skip encrypted reasoning, enter shell results', () => {
    const steps = responses([
      { type: 'reasoning', summary: [], encrypted_content: 'gAAAA' },
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'plan' }] },
      { type: 'function_call', call_id: 'c1', name: 'shell', arguments: '{"command":["ls"]}' },
      {
        type: 'function_call_output',
        call_id: 'c1',
        output: '{"output":"a\\nb","metadata":{"exit_code":1}}',
      },
      { type: 'web_search_call', id: 'w', action: { type: 'search', query: 'q' } },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'done' }] },
    ]);
    expect(outline(steps)).toEqual([
      '0 reasoning: plan',
      '0 call shell: {"command":["ls"]}',
      '0 result of shell (error): a\nb',
      '1 call web_search: {"type":"search","query":"q"}',
      '1 assistant: done',
    ]);
    expect(steps[2]?.at.path).toBe('/output/3/output/!json/output');
  });
});

describe('Gemini contents', () => {
  it('join functionResponse to functionCall', () => {
    const contents: JsonValue[] = [
      { role: 'user', parts: [{ text: 'q' }] },
      {
        role: 'model',
        parts: [{ text: 'think', thought: true }, { functionCall: { name: 'f', args: { a: 1 } } }],
      },
      { role: 'function', parts: [{ functionResponse: { name: 'f', response: { output: 'r' } } }] },
    ];
    const builder = new StepBuilder('f', 0);
    contents.forEach((content, index) => readGeminiContent(builder, content, `/${index}`));
    expectSound(builder.steps, [contents]);
    expect(outline(builder.steps)).toEqual([
      '-1 user: q',
      '0 reasoning: think',
      '0 call f: {"a":1}',
      '0 result of f: r',
    ]);
  });
});

describe('tag text', () => {
  it('finds reasoning whose opening tag was in the prompt', () => {
    expect(outline(assistant('Let me see.\n</think>\n\nSELECT 1'))).toEqual([
      '0 reasoning: Let me see.',
      '0 assistant: SELECT 1',
    ]);
  });

  it('reads calls with raw code, several calls in a list, and broken JSON', () => {
    expect(outline(assistant('<tool_call>python\n<code>\nprint(1)\n</code>\n</tool_call>'))).toEqual([
      '0 call python: \nprint(1)\n',
    ]);
    const list = '[{"name":"a","arguments":{"x":1}},{"name":"b","arguments":{"y":2}}]';
    expect(outline(assistant(`<tool_call>${list}</tool_call>`))).toEqual([
      '0 call a: {"x":1}',
      '0 call b: {"y":2}',
    ]);
    expect(outline(assistant('<tool_call>{"name": "visit", "arguments": {"u": "x}</tool_call>'))).toEqual([
      '0 call visit: {"name": "visit", "arguments": {"u": "x}',
    ]);
  });

  it('knows observations by their openings and leaves other user texts alone', () => {
    const read = (text: string) => {
      const builder = new StepBuilder('f', 0);
      const taken = readTaggedUser(builder, text, '');
      expectSound(builder.steps, [text]);
      return taken ? outline(builder.steps) : null;
    };
    expect(read('EXECUTION RESULT of [bash]:\nok')).toEqual(['-1 result of bash: ok']);
    expect(read('<returncode>2</returncode>\n<output>\nno\n</output>')).toEqual([
      '-1 result of ? (error): no',
    ]);
    expect(read('Please fix')).toBeNull();
    expect(read('<b>bold</b>')).toBeNull();
  });

  it('keeps every character of hostile nestings in order and never throws', () => {
    const piece = fc.constantFrom(
      ...[
        '<think>',
        '</think>',
        '<tool_call>',
        '</tool_call>',
        '<function=f>',
        '<parameter=p>',
        '</parameter>',
      ],
      ...[
        '</function>',
        '{"name":"n","arguments":{"a":"}"}}',
        '<invoke name="i">',
        '```\n',
        '\n',
        'text ',
        '<',
        '<code>',
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const text = pieces.join('');
        const steps = assistant(text);
        let end = 0;
        for (const step of steps) {
          // Calls of one list may share their range; everything else follows what came before.
          if (step.type !== 'toolCall') expect(step.range!.start).toBeGreaterThanOrEqual(end);
          end = Math.max(end, step.range!.end);
        }
        const builder = new StepBuilder('f', 0);
        readTaggedUser(builder, text, '');
        findFences(text);
      }),
      { numRuns: 1000 },
    );
  });

  it('stays linear in hostile texts', () => {
    const start = performance.now();
    for (const piece of [
      '<function=a></function>',
      '<tool_call><function=a></tool_call>',
      '<think>',
      '<tool_call>',
      '<parameter=',
      '```\n',
      '<function=',
      '<',
    ]) {
      assistant(piece.repeat(400_000 / piece.length));
      findFences(piece.repeat(400_000 / piece.length));
    }
    expect(performance.now() - start).toBeLessThan(60_000);
  });
});

describe('tasks and answers in templates', () => {
  it('cut the issue out of its tags or after its heading', () => {
    const cut = (text: string) => text.slice(taskRange(text).start, taskRange(text).end);
    expect(
      cut('<uploaded_files>/x</uploaded_files>\n<pr_description>\nFix the bug\n</pr_description>\nDo it'),
    ).toBe('Fix the bug');
    expect(cut("Here's the issue text:\nISSUE:\nCrash on start\n\nINSTRUCTIONS:\nNow")).toBe(
      'Crash on start',
    );
    expect(
      cut('<pr_description>\nConsider the following PR description:\nFix\nthe bug\n</pr_description>'),
    ).toBe('Fix\nthe bug');
    expect(cut('Reply in JSON.\n\nTask Description:\nBoot Doom\n\nCurrent terminal state:\nroot#')).toBe(
      'Boot Doom',
    );
    expect(cut('  What is 2+2? ')).toBe('What is 2+2?');
  });

  it('find boxed values and the last SQL block', () => {
    expect(lastBoxed('so \\boxed{\\frac{1}{2}} it is')).toBe('\\frac{1}{2}');
    expect(lastSqlBlock('```sql\nSELECT 1\n```\nor\n```sql\nSELECT 2;\n```\n```\nresult\n```')).toBe(
      'SELECT 2;',
    );
  });

  it('give no answer where a run stopped after a call', () => {
    const steps = chat([
      { role: 'assistant', content: 'Let me look', tool_calls: [{ id: 'a', name: 'bash', arguments: {} }] },
      { role: 'tool', tool_call_id: 'a', content: 'x' },
    ]);
    expect(answerFromSteps(steps)).toBeNull();
  });
});

describe('truncation notices', () => {
  it('are found at the head, the end and the middle, not in ordinary code', () => {
    const filler = 'line of output\n'.repeat(2000);
    expect(isTruncatedText(`${filler}<response clipped><NOTE>…`)).toBe(true);
    expect(isTruncatedText(`${filler}[... Observation truncated due to length ...]${filler}`)).toBe(true);
    expect(isTruncatedText('value = text.truncated(5)  # lines omitted? no')).toBe(false);
  });
});
