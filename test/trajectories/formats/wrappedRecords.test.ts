import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { importFile, openTrajectory } from '../../../src/trajectories/import.ts';
import { memorySource } from '../../../src/trajectories/io/sources.ts';
import { expectSound, outline } from '../blocks/provenance.ts';
import { importLines, importRun, importText } from './importing.ts';

const question = 'Which lake feeds the Orla?';
const call = (id: string): JsonValue => ({
  id,
  type: 'function',
  function: { name: 'find', arguments: '{"q":"Orla"}' },
});
const messages: JsonValue[] = [
  { role: 'user', content: question },
  { role: 'assistant', content: null, tool_calls: [call('a')] },
  { role: 'tool', tool_call_id: 'a', content: 'It leaves lake Mirn.' },
];
const steps = [
  `-1 user: ${question}`,
  '0 call find: {"q":"Orla"}',
  '0 result of find: It leaves lake Mirn.',
  '1 assistant: Mirn',
];
const reply = {
  id: 'r',
  model: 'm-1',
  choices: [{ message: { role: 'assistant', content: 'Mirn' } }],
  usage: { prompt_tokens: 9, completion_tokens: 2 },
};
const blocks: JsonValue[] = [
  { role: 'user', content: question },
  { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'find', input: { q: 'Orla' } }] },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'It leaves lake Mirn.' }] },
];
const said = {
  type: 'message',
  role: 'assistant',
  model: 'm-1',
  content: [{ type: 'text', text: 'Mirn' }],
  usage: { input_tokens: 9, output_tokens: 2 },
};
const parts: JsonValue[] = [
  { role: 'user', content: [{ text: question }] },
  { role: 'assistant', content: [{ toolUse: { toolUseId: 't', name: 'find', input: { q: 'Orla' } } }] },
  {
    role: 'user',
    content: [{ toolResult: { toolUseId: 't', content: [{ text: 'It leaves lake Mirn.' }] } }],
  },
];
const converse = {
  output: { message: { role: 'assistant', content: [{ text: 'Mirn' }] } },
  usage: { inputTokens: 9, outputTokens: 2 },
};

describe('requests with their replies, as proxies and clouds log them', () => {
  it.each([
    [
      'a joined batch of OpenAI',
      { custom_id: 'q1', body: { messages }, response: { status_code: 200, body: reply } },
      'completion-log',
    ],
    ['Helicone', { request_id: 'q1', request_body: { messages }, response_body: reply }, 'completion-log'],
    [
      'a proxy before Anthropic',
      { id: 'q1', request: { body: { messages: blocks } }, response: { body: said } },
      'anthropic-messages',
    ],
    ['Bedrock Converse', { id: 'q1', modelId: 'm-1', messages: parts, ...converse }, 'completion-log'],
    [
      'invocation log of Bedrock',
      {
        requestId: 'q1',
        modelId: 'm-1',
        input: { inputBodyJson: { messages: parts } },
        output: { outputBodyJson: converse },
      },
      'completion-log',
    ],
  ])('%s', async (_, record, format) => {
    for (const count of [1, 2]) {
      const { runs } = await importLines(...Array.from({ length: count }, () => record));
      expect(runs).toHaveLength(count);
      expect(runs[0]).toMatchObject({
        id: 'q1',
        format,
        model: 'm-1',
        usage: { inputTokens: 9, outputTokens: 2 },
      });
      expect(outline(runs[0]!.steps)).toEqual(steps);
      expect(runs[0]!.finalAnswer?.text).toBe('Mirn');
    }
  });

  it('the system prompt stands in the request', async () => {
    const run = await importRun({ request: { system: 'You may search.', messages: blocks }, response: said });
    expect(outline(run.steps)).toEqual(['-1 system: You may search.', ...steps]);
  });
});

describe('rows of data sets in other shapes', () => {
  const chat = [...messages, { role: 'assistant', content: 'Mirn' }];

  it('pages of the rows API', async () => {
    const row = (id: string): JsonValue => ({
      row_idx: 0,
      row: { id, messages: chat, answer: 'Mirn' },
      truncated_cells: [],
    });
    const page = {
      features: [{ feature_idx: 0, name: 'id' }],
      rows: [row('q0'), row('q1')],
      num_rows_total: 2,
    };
    const { format, runs } = await importText(JSON.stringify(page));
    expect([format, runs.map(({ id }) => id)]).toEqual(['wrapped-rows', ['q0', 'q1']]);
    for (const run of runs) {
      expectSound(run.steps, page.rows);
      expect(outline(run.steps)).toEqual(steps);
      expect(run.groundTruth?.at?.path).toBe('/row/answer');
    }
  });

  it('columns of a table, each run of which can be opened again', async () => {
    const table = {
      question: { '0': question, '1': question },
      messages: { '0': chat, '1': chat },
      reward: { '0': 1, '1': 0 },
    };
    const source = memorySource('table.json', new TextEncoder().encode(JSON.stringify(table)));
    const successes: (boolean | null)[] = [];
    for await (const event of importFile(source)) {
      if (event.type !== 'trajectory') continue;
      expectSound(event.trajectory.steps, [table]);
      expect(outline(event.trajectory.steps)).toEqual(steps);
      expect(await openTrajectory(source, event.locator)).toEqual(event.trajectory);
      successes.push(event.trajectory.outcome.success);
    }
    expect(successes).toEqual([true, false]);
  });

  it('lists of messages kept as columns', async () => {
    const run = await importRun({
      id: 'x',
      conversations: {
        from: ['human', 'gpt', 'human', 'gpt'],
        value: [
          question,
          'Thought: I look.\nAction: Search[Orla]',
          'Observation: It leaves lake Mirn.',
          'Thought: Done.\nAction: Finish[Mirn]',
        ],
      },
    });
    expect([run.format, run.finalAnswer?.text]).toEqual(['react-fireact', 'Mirn']);
    expect(run.steps[3]).toMatchObject({ type: 'toolResult', at: { path: '/conversations/value/2' } });
  });

  it('steps that each hold the chat up to them (rLLM)', async () => {
    const run = await importRun({
      task: { question, ground_truth: 'Mirn' },
      reward: 1,
      steps: [{ chat_completions: messages.slice(0, 2) }, { chat_completions: chat }],
    });
    expect(outline(run.steps)).toEqual(steps);
    expect([run.task?.text, run.groundTruth?.values]).toEqual([question, ['Mirn']]);
  });

  it('choices between the messages (ART)', async () => {
    const choice = (message: JsonValue): JsonValue => ({ finish_reason: 'stop', index: 0, message });
    const run = await importRun({
      messages_and_choices: chat.map((message, i) => (i % 2 === 1 ? choice(message) : message)),
      reward: 1,
    });
    expect(outline(run.steps)).toEqual(steps);
  });
});
