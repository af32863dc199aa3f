import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { importFile, openTrajectory } from '../../../src/trajectories/import.ts';
import { memorySource } from '../../../src/trajectories/io/sources.ts';
import { expectSound, outline } from '../blocks/provenance.ts';
import { importLines, importRun, importText } from './importing.ts';

const question = 'Which lake feeds the Orla?';
const page = 'The Orla leaves lake Mirn.';
const call = { id: 'c', type: 'function', function: { name: 'find', arguments: '{"q":"Orla"}' } };
const asked: JsonValue[] = [
  { role: 'system', content: 'You may search.' },
  { role: 'user', content: question },
];
const again: JsonValue[] = [
  ...asked,
  { role: 'assistant', content: null, tool_calls: [call] },
  { role: 'tool', tool_call_id: 'c', content: page },
];
const reply = (message: JsonObject): JsonObject => ({ model: 'm-1', choices: [{ index: 0, message }] });
const calling = reply({ role: 'assistant', content: null, tool_calls: [call] });
const answering = reply({ role: 'assistant', content: 'Lake Mirn.' });
const steps = [
  '-1 system: You may search.',
  `-1 user: ${question}`,
  '0 call find: {"q":"Orla"}',
  `0 result of find: ${page}`,
  '1 assistant: Lake Mirn.',
];

interface Made {
  readonly id: string;
  readonly parent: string | null;
  readonly kind: string;
  readonly name: string;
  readonly input: JsonObject;
  readonly output: string | JsonObject;
}

/** What one agent did: an outer span, a model that calls, the tool, and the model that answers. */
const spans: readonly Made[] = [
  { id: 'r', parent: null, kind: 'AGENT', name: 'agent', input: { question }, output: 'Lake Mirn.' },
  { id: 'a', parent: 'r', kind: 'LLM', name: 'model', input: { messages: asked }, output: calling },
  { id: 'b', parent: 'r', kind: 'TOOL', name: 'find', input: { q: 'Orla' }, output: page },
  { id: 'c', parent: 'r', kind: 'LLM', name: 'model', input: { messages: again }, output: answering },
];

describe('MLflow', () => {
  const trace: JsonValue = {
    info: {
      trace_id: 'tr-1',
      state: 'OK',
      assessments: [{ assessment_name: 'correctness', feedback: { value: 'no' } }],
    },
    data: {
      spans: spans.map(({ id, parent, kind, name, input, output }, index) => ({
        ...{ trace_id: 'bytes', span_id: id, parent_span_id: parent, name, start_time_unix_nano: 10 + index },
        // All values are JSON text, texts too.
        attributes: {
          'mlflow.spanType': JSON.stringify(kind === 'LLM' ? 'CHAT_MODEL' : kind),
          'mlflow.spanInputs': JSON.stringify(input),
          'mlflow.spanOutputs': JSON.stringify(output),
        },
      })),
    },
  };

  it.each<[string, JsonValue]>([
    ['a trace file', trace],
    [
      'a row of search_traces, with the trace as JSON text',
      { trace_id: 'tr-1', trace: JSON.stringify(trace) },
    ],
  ])('%s is one run; an assessment tells its verdict', async (_, value) => {
    const run = await importRun(value);
    expect([run.format, run.id, run.model]).toEqual(['opentelemetry', 'tr-1', 'm-1']);
    expect(outline(run.steps)).toEqual(steps);
    expect(run.finalAnswer?.text).toBe('Lake Mirn.');
    expect(run.outcome).toEqual({ success: false, reward: null, reason: 'assessment correctness = no' });
  });

  it('spans of one name are numbered; their calls are not made twice', async () => {
    const tool = (id: string, time: number, number: number): JsonValue => ({
      ...{
        trace_id: 't',
        span_id: id,
        parent_span_id: 'r',
        name: `find_${number}`,
        start_time_unix_nano: time,
      },
      attributes: { 'mlflow.spanType': '"TOOL"', 'mlflow.spanOutputs': JSON.stringify(`page ${number}`) },
    });
    const model: JsonValue = {
      ...{ trace_id: 't', span_id: 'm', name: 'model', start_time_unix_nano: 1 },
      attributes: {
        'mlflow.spanType': '"CHAT_MODEL"',
        'mlflow.spanInputs': JSON.stringify({ messages: asked }),
        'mlflow.spanOutputs': JSON.stringify(
          reply({ role: 'assistant', content: null, tool_calls: [call, { ...call, id: 'd' }] }),
        ),
      },
    };
    const run = await importRun({ info: {}, data: { spans: [model, tool('x', 2, 1), tool('y', 3, 2)] } });
    expect(outline(run.steps).slice(2)).toEqual([
      '0 call find: {"q":"Orla"}',
      '0 call find: {"q":"Orla"}',
      '0 result of find: page 1',
      '0 result of find: page 2',
    ]);
  });
});

describe('Phoenix', () => {
  const flat = (message: JsonObject): JsonObject => {
    const { role, content, tool_calls: calls } = message;
    return {
      ...{ 'message.role': role ?? null, 'message.content': content ?? null },
      ...(Array.isArray(calls) && {
        'message.tool_calls': [
          {
            'tool_call.id': 'c',
            'tool_call.function.name': 'find',
            'tool_call.function.arguments': '{"q":"Orla"}',
          },
        ],
      }),
    };
  };

  it('rows of a data frame have a column for each attribute', async () => {
    const rows = spans.map(({ id, parent, kind, name, input, output }, index): JsonValue => ({
      ...{ name, parent_id: parent, start_time: `2025-01-01T00:00:0${index}Z`, status_code: 'OK' },
      ...{ 'context.span_id': id, 'context.trace_id': 'p', 'attributes.openinference.span.kind': kind },
      'attributes.input.value': JSON.stringify(input),
      'attributes.output.value': typeof output === 'string' ? output : JSON.stringify(output),
      'attributes.llm.model_name': kind === 'LLM' ? 'm-1' : null,
      'attributes.llm.input_messages': id === 'a' ? (asked as JsonObject[]).map(flat) : null,
      'attributes.llm.output_messages': id === 'a' ? [flat({ role: 'assistant', tool_calls: [call] })] : null,
    }));
    const run = await importRun(...rows);
    expect([run.format, run.id, run.model]).toEqual(['opentelemetry', 'p', 'm-1']);
    expect(outline(run.steps)).toEqual(steps);
  });

  it('texts of messages in parts are read', async () => {
    const run = await importRun({
      ...{ trace_id: 'T', span_id: 's', name: 'llm' },
      attributes: {
        openinference: { span: { kind: 'LLM' } },
        llm: {
          input_messages: [
            {
              message: {
                role: 'user',
                contents: [{ message_content: { type: 'text', text: question } }],
              },
            },
          ],
          output_messages: [{ message: { role: 'assistant', content: 'Lake Mirn.' } }],
        },
      },
    });
    expect(outline(run.steps)).toEqual([`-1 user: ${question}`, '0 assistant: Lake Mirn.']);
  });
});

describe('W&B Weave', () => {
  const op = (name: string): string => `weave:///team/project/op/${name}:0a1b`;
  const named: Readonly<Record<string, string>> = { model: 'openai.chat.completions.create' };
  const calls = spans.map(({ id, parent, name, input, output }, index): JsonObject => ({
    ...{ id, trace_id: 'w', parent_id: parent, op_name: op(named[name] ?? name) },
    ...{ started_at: `2025-01-01T00:00:0${index}Z`, inputs: input, output },
    summary: id === 'r' ? { usage: { 'm-1': { prompt_tokens: 30, completion_tokens: 4, requests: 2 } } } : {},
  }));

  it('the calls of one trace are one run', async () => {
    const run = await importRun(...calls);
    expect([run.format, run.id, run.model]).toEqual(['weave', 'w', 'm-1']);
    expect(outline(run.steps)).toEqual(steps);
    expect(run.usage).toMatchObject({ inputTokens: 30, outputTokens: 4 });
  });

  it('what tools do inside, and what was called by no model, is no step; calls written twice count once', async () => {
    const inner = { ...calls[2]!, id: 'i', parent_id: 'b', op_name: op('Index.find'), output: 'raw' };
    const helper = { ...calls[2]!, id: 'h', op_name: op('format_prompt'), output: 'formatted' };
    const run = await importRun(...calls, inner, helper, calls[2]!);
    expect(outline(run.steps)).toEqual(steps);
  });

  it('without calls of models the ops at the leaves are the tools', async () => {
    const text = { ...calls[1]!, output: reply({ role: 'assistant', content: 'find(Orla)' }) };
    const run = await importRun(calls[0]!, text, calls[2]!, calls[3]!);
    expect(outline(run.steps).slice(2)).toEqual([
      '0 assistant: find(Orla)',
      '0 call find: {"q":"Orla"}',
      `0 result of find: ${page}`,
      '1 assistant: Lake Mirn.',
    ]);
  });
});

describe('OpenAI Agents SDK', () => {
  const types: Readonly<Record<string, string>> = { AGENT: 'agent', LLM: 'generation', TOOL: 'function' };
  const messageOf = (value: JsonObject): JsonValue =>
    (value['choices'] as { message: JsonValue }[]).map(({ message }) => message);

  it('the spans of a trace are one run, named after its workflow', async () => {
    const lines = spans.map(({ id, parent, kind, name, input, output }, index): JsonValue => ({
      ...{ object: 'trace.span', id, trace_id: 't', parent_id: parent, started_at: `0${index}`, error: null },
      span_data: {
        ...{ type: types[kind] ?? '', name: kind === 'LLM' ? null : name },
        ...(kind === 'LLM' && {
          input: input['messages'] ?? null,
          output: messageOf(output as JsonObject),
          ...{ model: 'm-1', usage: { input_tokens: 5, output_tokens: 1 } },
        }),
        ...(kind === 'TOOL' && { input: JSON.stringify(input), output }),
      },
    }));
    const run = await importRun({ object: 'trace', id: 't', workflow_name: 'Lakes' }, ...lines);
    expect([run.format, run.id, run.model, run.metadata['name']]).toEqual([
      'openai-agents',
      't',
      'm-1',
      'Lakes',
    ]);
    expect(outline(run.steps)).toEqual(steps);
    expect(run.usage).toMatchObject({ inputTokens: 10, outputTokens: 2 });
  });
});

describe('tables of logs', () => {
  const cell = (value: JsonValue | undefined): string => {
    const text = typeof value === 'string' ? value : value == null ? '' : JSON.stringify(value);
    return `"${text.replaceAll('"', '""')}"`;
  };
  const table = (rows: readonly JsonObject[], separator = ','): string => {
    const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
    return [
      names.join(separator),
      ...rows.map((row) => names.map((name) => cell(row[name])).join(separator)),
    ].join('\n');
  };
  const observations = spans.map(({ id, parent, kind, name, input, output }, index): JsonObject => ({
    ...{ id, traceId: 'l', parentObservationId: parent, name, startTime: `0${index}` },
    ...{ type: kind === 'LLM' ? 'GENERATION' : kind, input, output, model: kind === 'LLM' ? 'm-1' : null },
  }));
  const rows: JsonObject[] = ['i1', 'i2'].map((id, index) => ({
    instance_id: id,
    resolved: index === 0 ? 'True' : 'False',
    messages: [
      { role: 'user', content: `Fix "${id}",\nplease` },
      { role: 'assistant', content: 'Done.' },
    ],
  }));

  it('Langfuse’s CSV export holds the observations of a trace, a row each', async () => {
    const text = table(observations);
    const { format, runs, issues } = await importText(text, 'observations.csv');
    expect([format, issues]).toEqual(['csv-rows', []]);
    expect(runs.map((run) => [run.format, run.id, run.model])).toEqual([['langfuse', 'l', 'm-1']]);
    expect(outline(runs[0]!.steps)).toEqual(steps);
    expectSound(runs[0]!.steps, [text]);
  });

  it.each([',', '\t', ';'])('a row may be a run; cells stand between %j', async (separator) => {
    const text = table(rows, separator);
    const { runs } = await importText(text, 'runs.csv');
    expect(runs.map((run) => [run.instanceId, run.outcome.success])).toEqual([
      ['i1', true],
      ['i2', false],
    ]);
    for (const run of runs) expectSound(run.steps, [text]);
    expect(runs[1]?.task?.at?.path).toMatch(/^\/!(?:csv|tsv|ssv)\/1\/messages\/!json\/0\/content$/);
  });

  it('runs of a table are opened again as they were read', async () => {
    const source = () => memorySource('runs.csv', new TextEncoder().encode(table(rows)));
    const found = [];
    for await (const event of importFile(source())) if (event.type === 'trajectory') found.push(event);
    expect(found).toHaveLength(2);
    for (const { locator, trajectory } of found) {
      expect(await openTrajectory(source(), locator)).toEqual(trajectory);
    }
  });

  it.each([
    ['questions', 'id,question,answer\n1,Who?,She\n2,What?,It\n'],
    ['messages of some program', 'id,role,content\n1,user,Hi\n2,assistant,Ho\n'],
    ['anything else', 'name,age\n"Doe, J",3\n'],
  ])('a table of %s stays a database', async (_, text) => {
    const kinds: string[] = [];
    for await (const event of importFile(memorySource('t.csv', new TextEncoder().encode(text))))
      kinds.push(event.type);
    expect(kinds).toContain('database');
    expect(kinds).not.toContain('trajectory');
  });
});

describe('AgentDojo', () => {
  it('`utility` tells whether the task was done', async () => {
    const { runs } = await importLines({
      ...{
        suite_name: 'workspace',
        pipeline_name: 'm-1',
        user_task_id: 'user_task_0',
        injection_task_id: null,
      },
      messages: [
        { role: 'user', content: question },
        { role: 'assistant', content: 'Lake Mirn.' },
      ],
      ...{ utility: true, security: false },
    });
    expect(runs[0]).toMatchObject({
      ...{ format: 'agentdojo', instanceId: 'workspace/user_task_0', model: 'm-1' },
      outcome: { success: true, reason: 'utility = true' },
    });
  });
});
