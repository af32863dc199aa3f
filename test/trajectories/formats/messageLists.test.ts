import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { importFile } from '../../../src/trajectories/import.ts';
import { memorySource } from '../../../src/trajectories/io/sources.ts';
import type { Issue, Trajectory } from '../../../src/trajectories/schema.ts';
import { expectSound, outline } from '../blocks/provenance.ts';

interface Imported {
  readonly runs: readonly Trajectory[];
  readonly issues: readonly Issue[];
}

async function importText(text: string): Promise<Imported> {
  const runs: Trajectory[] = [];
  const issues: Issue[] = [];
  for await (const event of importFile(memorySource('file', new TextEncoder().encode(text)))) {
    if (event.type === 'trajectory') runs.push(event.trajectory);
    if (event.type === 'issue') issues.push(event.issue);
  }
  return { runs, issues };
}

const asLines = (values: readonly JsonValue[]): string =>
  values.map((value) => `${JSON.stringify(value)}\n`).join('');

/** The only run of a file that is this value; its texts stand where they say. */
async function only(value: JsonValue): Promise<Trajectory> {
  const { runs, issues } = await importText(JSON.stringify(value));
  expect(issues).toEqual([]);
  expect(runs).toHaveLength(1);
  const run = runs[0]!;
  // A list is cut into records when each of its messages is one.
  const isCut = Array.isArray(value) && run.steps.some((step) => step.at.record > 0);
  expectSound(run.steps, isCut ? value : [value]);
  return run;
}

const searched = ['-1 user: Q', '0 call search: {"q":"x"}', '0 result of search: hit', '1 assistant: A'];
const args = { q: 'x' };
const jsonArgs = '{"q":"x"}';

const langChainCall = { name: 'search', args, id: 'c', type: 'tool_call' };
const constructed = (name: string, kwargs: JsonValue): JsonValue => ({
  lc: 1,
  type: 'constructor',
  id: ['langchain', 'schema', 'messages', name],
  kwargs,
});

const lists: readonly (readonly [string, readonly JsonValue[]])[] = [
  [
    'LangChain, as messages_to_dict writes them',
    [
      { type: 'human', data: { content: 'Q', type: 'human' } },
      { type: 'ai', data: { content: '', tool_calls: [langChainCall], type: 'ai' } },
      { type: 'tool', data: { content: 'hit', tool_call_id: 'c', type: 'tool' } },
      { type: 'AIMessageChunk', data: { content: 'A', type: 'AIMessageChunk' } },
    ],
  ],
  [
    'LangGraph, as a state holds them',
    [
      { type: 'human', content: 'Q', id: '1' },
      { type: 'ai', content: '', tool_calls: [langChainCall], id: '2' },
      { type: 'tool', content: 'hit', name: 'search', tool_call_id: 'c', id: '3' },
      { type: 'ai', content: 'A', id: '4' },
    ],
  ],
  [
    'LangChain, as dumps writes them',
    [
      constructed('HumanMessage', { content: 'Q', type: 'human' }),
      constructed('AIMessage', { content: '', tool_calls: [langChainCall] }),
      constructed('ToolMessage', { content: 'hit', tool_call_id: 'c' }),
      constructed('AIMessage', { content: 'A' }),
    ],
  ],
  [
    'Responses items behind a user message',
    [
      { role: 'user', content: 'Q' },
      { type: 'reasoning', id: 'r', summary: [] },
      { type: 'function_call', call_id: 'c', name: 'search', arguments: jsonArgs },
      { type: 'function_call_output', call_id: 'c', output: 'hit' },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'A' }] },
    ],
  ],
  [
    'AutoGen',
    [
      { type: 'TextMessage', source: 'user', content: 'Q' },
      {
        type: 'ToolCallRequestEvent',
        source: 'helper',
        content: [{ id: 'c', name: 'search', arguments: jsonArgs }],
      },
      {
        type: 'ToolCallExecutionEvent',
        source: 'helper',
        content: [{ call_id: 'c', name: 'search', content: 'hit', is_error: false }],
      },
      { type: 'ToolCallSummaryMessage', source: 'helper', content: 'hit' },
      { type: 'TextMessage', source: 'helper', content: 'A' },
    ],
  ],
  [
    'AutoGen 0.2, from the side of the one who asks',
    [
      { role: 'assistant', name: 'boss', content: 'Q' },
      {
        role: 'assistant',
        name: 'helper',
        content: '',
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'search', arguments: jsonArgs } }],
      },
      {
        role: 'tool',
        name: 'boss',
        content: 'hit',
        tool_responses: [{ tool_call_id: 'c', role: 'tool', content: 'hit' }],
      },
      { role: 'user', name: 'helper', content: 'A' },
    ],
  ],
  [
    'Pydantic AI',
    [
      { kind: 'request', parts: [{ part_kind: 'user-prompt', content: 'Q', timestamp: 't' }] },
      {
        kind: 'response',
        parts: [{ part_kind: 'tool-call', tool_name: 'search', args: jsonArgs, tool_call_id: 'c' }],
      },
      {
        kind: 'request',
        parts: [{ part_kind: 'tool-return', tool_name: 'search', content: 'hit', tool_call_id: 'c' }],
      },
      { kind: 'response', parts: [{ part_kind: 'text', content: 'A' }] },
    ],
  ],
  [
    'OpenCode',
    [
      { info: { role: 'user' }, parts: [{ type: 'text', text: 'Q' }] },
      {
        info: { role: 'assistant' },
        parts: [
          { type: 'step-start' },
          {
            type: 'tool',
            callID: 'c',
            tool: 'search',
            state: { status: 'completed', input: args, output: 'hit' },
          },
          { type: 'step-finish' },
        ],
      },
      { info: { role: 'assistant' }, parts: [{ type: 'text', text: 'A' }] },
    ],
  ],
];

describe.each(lists)('messages of %s', (_, messages) => {
  it('are read as the list of a record', async () => {
    const run = await only({ messages: [...messages] });
    expect(outline(run.steps)).toEqual(searched);
    expect([run.task?.text, run.finalAnswer?.text]).toEqual(['Q', 'A']);
  });

  it('are one run as an array and as lines', async () => {
    expect(outline((await only([...messages])).steps)).toEqual(searched);
    const { runs, issues } = await importText(asLines(messages));
    expect(runs.map((run) => outline(run.steps))).toEqual([searched]);
    expect(issues).toEqual([]);
  });
});

describe('messages', () => {
  it('of which only some have a role lose none of their calls', async () => {
    const run = await only({
      messages: [
        { role: 'user', content: 'Q' },
        { role: 'assistant', content: 'Wait.' },
        { type: 'function_call', call_id: 'c', name: 'search', arguments: jsonArgs },
        { type: 'function_call_output', call_id: 'c', output: 'hit' },
        { role: 'assistant', content: 'A' },
      ],
    });
    expect(outline(run.steps)).toEqual([
      '-1 user: Q',
      '0 assistant: Wait.',
      '0 call search: {"q":"x"}',
      '0 result of search: hit',
      '1 assistant: A',
    ]);
  });

  it('keep their roles where names stand beside them and both sides use their own', async () => {
    const run = await only([
      { role: 'assistant', name: 'bot', content: 'Hello!' },
      { role: 'user', name: 'alice', content: 'Q' },
      { role: 'assistant', name: 'bot', content: 'A' },
    ]);
    expect(run.task?.text).toBe('Q');
  });

  it('of an AutoGen group chat are those of the agents, but the first', async () => {
    const run = await only({
      messages: [
        { role: 'user', name: 'Admin', content: 'Q' },
        { role: 'user', name: 'Planner', content: 'Search.' },
        { role: 'user', name: 'Writer', content: 'A\n\nTERMINATE' },
      ],
    });
    expect(outline(run.steps).slice(0, 2)).toEqual(['-1 user: Q', '0 assistant: Search.']);
    expect(run.finalAnswer?.text).toBe('A');
  });

  it('of AutoGen hold code and what it printed', async () => {
    const run = await only({
      messages: [
        { type: 'TextMessage', source: 'user', content: 'Q' },
        {
          type: 'CodeGenerationEvent',
          source: 'coder',
          content: 'Run it.',
          code_blocks: [{ code: 'print(1)', language: 'python' }],
        },
        { type: 'CodeExecutionEvent', source: 'coder', result: { exit_code: 1, output: 'no' } },
        { type: 'ThoughtEvent', source: 'coder', content: 'Hm.' },
        { type: 'TextMessage', source: 'coder', content: 'A TERMINATE' },
      ],
    });
    expect(outline(run.steps)).toEqual([
      '-1 user: Q',
      '0 assistant: Run it.',
      '0 call python: print(1)',
      '0 result of python (error): no',
      '1 reasoning: Hm.',
      '1 assistant: A TERMINATE',
    ]);
    expect(run.finalAnswer?.text).toBe('A');
  });

  it('of the model that hold nothing but parts of unknown kinds are named once for a run', async () => {
    const part = (type: string): JsonValue => ({ role: 'assistant', content: [{ type, x: 1 }] });
    const { issues } = await importText(
      JSON.stringify({
        messages: [{ role: 'user', content: 'Q' }, part('new-call'), part('image'), part('y')],
      }),
    );
    expect(issues).toMatchObject([
      { severity: 'warning', code: 'unknown-parts', record: 0, path: '/messages/1' },
    ]);
    expect(issues[0]?.message).toContain('(new-call, y)');
  });
});

describe('fields of one run that could be runs of their own', () => {
  const answered = { role: 'assistant', content: [{ type: 'text', text: 'A' }] };
  const messages = [
    { role: 'user', content: 'Q' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'search', input: { q: 'x' } }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'hit' }] },
  ];

  it.each<[string, JsonValue]>([
    ['request and response', { request: { messages }, response: answered }],
    ['both beside a text', { at: '12:00', request: { model: 'm', messages }, response: answered }],
    ['messages and tools', { messages: [...messages, answered], tools: [{ name: 'search' }] }],
    ['messages alone', { messages: [...messages, answered] }],
  ])('%s', async (_, value) => {
    const run = await only(value);
    expect(outline(run.steps)).toEqual(searched);
    expect(run.id).toBe('file#0');
  });
});
