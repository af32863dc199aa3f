import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import type { Trajectory } from '../../../src/trajectories/schema.ts';
import { expectSound, outline } from '../blocks/provenance.ts';
import { importRun, importText, importLines } from './importing.ts';

const ask = 'clamp(9, 0, 5) returns 0.';
const args = { path: 'util.py' };
const code = 'return low';
const answer = 'It returns low.';
const read = [
  `-1 user: ${ask}`,
  '0 reasoning: look',
  '0 call read: {"path":"util.py"}',
  `0 result of read: ${code}`,
  `1 assistant: ${answer}`,
];
const withoutThought = read.filter((step) => !step.includes('reasoning'));
const text = (value: string): JsonValue => ({ type: 'text', text: value });

/** What every session below tells, whatever its tool writes. */
function expectSession(run: Trajectory, format: string, steps: readonly string[] = withoutThought): void {
  expect(run.format).toBe(format);
  expect(outline(run.steps)).toEqual(steps);
  expect([run.task?.text, run.finalAnswer?.text]).toEqual([ask, answer]);
}

describe('sessions of coding tools, one event a line', () => {
  it('Qwen Code keeps the tree of Claude Code with messages of the Gemini API', async () => {
    let parent: string | null = null;
    const line = (type: string, role: string, ...parts: JsonValue[]): JsonValue => {
      const uuid = `${type}-${String(parts.length)}-${parent ?? ''}`;
      const value = {
        uuid,
        parentUuid: parent,
        sessionId: 's',
        type,
        cwd: '/w',
        message: { role, parts },
        model: role === 'model' ? 'qwen' : null,
      };
      parent = uuid;
      return value;
    };
    const run = await importRun(
      line('user', 'user', { text: ask }),
      line(
        'assistant',
        'model',
        { text: 'look', thought: true },
        { functionCall: { id: 'f', name: 'read', args } },
      ),
      line('tool_result', 'user', {
        functionResponse: { id: 'f', name: 'read', response: { output: code } },
      }),
      line('assistant', 'model', { text: answer }),
    );
    expectSession(run, 'qwen-code', read);
    expect([run.id, run.model]).toEqual(['s', 'qwen']);
  });

  it('Cursor has events of their own for calls, told at their start and end', async () => {
    const event = (subtype: string, rest: Record<string, JsonValue>): JsonValue => ({
      type: 'tool_call',
      subtype,
      call_id: 'k',
      tool_call: { readToolCall: { args, ...rest } },
    });
    const run = await importRun(
      { type: 'system', subtype: 'init', session_id: 's', model: 'm-1', cwd: '/w' },
      { type: 'user', message: { role: 'user', content: [text(ask)] } },
      event('started', {}),
      event('completed', { result: { success: { content: code, totalLines: 1 } } }),
      { type: 'assistant', message: { role: 'assistant', content: [text(answer)] } },
      { type: 'result', subtype: 'success', result: answer },
    );
    expectSession(run, 'cursor-agent');
    expect([run.model, run.finalAnswer?.at]).toEqual(['m-1', { file: 'file', record: 5, path: '/result' }]);
  });

  it('Cursor: a call that failed', async () => {
    const run = await importRun(
      { type: 'user', message: { role: 'user', content: [text(ask)] } },
      {
        type: 'tool_call',
        subtype: 'completed',
        call_id: 'k',
        tool_call: {
          shellToolCall: {
            args: { command: 'x' },
            result: { failure: { stdout: '', stderr: '', error: 'no x' } },
          },
        },
      },
      { type: 'assistant', message: { role: 'assistant', content: [text(answer)] } },
    );
    expect(outline(run.steps).slice(1, 3)).toEqual([
      '0 call shell: {"command":"x"}',
      '0 result of shell (error): no x',
    ]);
  });

  it('Gemini CLI: later lines set fields, replace messages and take them back', async () => {
    const call = {
      id: 'r',
      name: 'read',
      args,
      result: [{ functionResponse: { id: 'r', name: 'read', response: { output: code } } }],
    };
    const run = await importRun(
      { sessionId: 's', projectHash: 'h', startTime: 't', kind: 'main' },
      { id: 'u', type: 'user', content: [{ text: ask }] },
      { id: 'x', type: 'gemini', content: 'A wrong turn.' },
      { $rewindTo: 'x' },
      { id: 'a', type: 'gemini', content: '', thoughts: [{ description: 'look' }] },
      { id: 'a', type: 'gemini', content: '', thoughts: [{ description: 'look' }], toolCalls: [call] },
      { id: 'b', type: 'gemini', content: answer, model: 'g', tokens: { input: 9, output: 2 } },
      { $set: { lastUpdated: 'later' } },
    );
    expectSession(run, 'gemini-cli-log', read);
    expect(run.metadata).toMatchObject({ sessionId: 's', lastUpdated: 'later' });
  });

  it('pi: the branch that was left is no part of the run', async () => {
    const entry = (id: string, parentId: string | null, message: JsonValue): JsonValue => ({
      type: 'message',
      id,
      parentId,
      message,
    });
    const run = await importRun(
      { type: 'session', version: 3, id: 's', cwd: '/w' },
      entry('a', null, { role: 'user', content: [text(ask)] }),
      entry('x', 'a', { role: 'assistant', content: [text('A wrong turn.')] }),
      entry('b', 'a', {
        role: 'assistant',
        model: 'm-1',
        content: [
          { type: 'thinking', thinking: 'look' },
          { type: 'toolCall', id: 't', name: 'read', arguments: args },
        ],
        usage: { input: 9, output: 2 },
      }),
      entry('c', 'b', {
        role: 'toolResult',
        toolCallId: 't',
        toolName: 'read',
        content: [text(code)],
        isError: false,
      }),
      entry('d', 'c', { role: 'assistant', content: [text(answer)] }),
    );
    expectSession(run, 'pi-session', read);
    expect(run.usage).toMatchObject({ inputTokens: 9, outputTokens: 2 });
  });

  it('Copilot CLI', async () => {
    const event = (type: string, data: JsonValue): JsonValue => ({ type, data, id: type, timestamp: 't' });
    const run = await importRun(
      event('session.start', { sessionId: 's', context: { cwd: '/w' } }),
      event('user.message', { content: ask, transformedContent: `${ask} (with context)` }),
      event('assistant.message', {
        content: '',
        reasoningText: 'look',
        toolRequests: [{ toolCallId: 't', name: 'read', arguments: args }],
      }),
      event('tool.execution_start', { toolCallId: 't', toolName: 'read', arguments: args }),
      event('tool.execution_complete', {
        toolCallId: 't',
        success: true,
        result: { content: code, detailedContent: 'd' },
      }),
      event('assistant.message', { content: answer, toolRequests: [] }),
    );
    expectSession(run, 'copilot-cli', read);
    expect([run.id, run.metadata]).toEqual(['s', { cwd: '/w' }]);
  });

  it('Goose and Kimi have lines of state between their messages', async () => {
    const goose = await importRun(
      { working_dir: '/w', description: 'fix', message_count: 4 },
      { role: 'user', content: [text(ask)] },
      {
        role: 'assistant',
        content: [
          {
            type: 'toolRequest',
            id: 'g',
            toolCall: { status: 'success', value: { name: 'read', arguments: args } },
          },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'toolResponse', id: 'g', toolResult: { status: 'success', value: [text(code)] } }],
      },
      { role: 'assistant', content: [text(answer)] },
    );
    expectSession(goose, 'chat-file');
    const kimi = await importRun(
      { role: '_checkpoint', id: 0 },
      { role: 'user', content: ask },
      { role: '_usage', token_count: 9 },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'c', type: 'function', function: { name: 'read', arguments: JSON.stringify(args) } },
        ],
      },
      { role: 'tool', tool_call_id: 'c', content: code },
      { role: 'assistant', content: answer },
    );
    expectSession(kimi, 'chat-file');
  });

  it('a file of which messages are the smaller part is no conversation', async () => {
    const { format } = await importLines(
      { a: 1 },
      { b: 2 },
      { c: 3 },
      { role: 'user', content: ask },
      { role: 'assistant', content: answer },
    );
    expect(format).not.toBe('chat-file');
  });
});

describe('sessions and exports of one value', () => {
  it('VS Code keeps the rounds of the model in the metadata of the result', async () => {
    const call = { id: 't', name: 'read', arguments: JSON.stringify(args) };
    const request = {
      message: { text: ask, parts: [{ kind: 'text', text: ask }] },
      response: [{ value: answer }],
      modelId: 'm-1',
      result: {
        metadata: {
          toolCallRounds: [
            { response: '', toolCalls: [call] },
            { response: answer, toolCalls: [] },
          ],
          toolCallResults: { t: { content: [{ $mid: 21, value: code }] } },
        },
      },
    };
    expectSession(
      await importRun({ requesterUsername: 'u', responderUsername: 'c', requests: [request] }),
      'vscode-chat',
    );
    const shown: JsonValue = {
      message: { text: ask },
      response: [
        {
          kind: 'toolInvocationSerialized',
          toolId: 'read',
          toolCallId: 't',
          invocationMessage: { value: 'Reading' },
        },
        { value: answer },
      ],
    };
    const run = await importRun({ requesterUsername: 'u', requests: [shown] });
    expect(outline(run.steps)).toEqual([`-1 user: ${ask}`, '0 call read: Reading', `0 assistant: ${answer}`]);
  });

  it('Continue puts each message into an entry of its history', async () => {
    const entry = (message: JsonValue): JsonValue => ({ message, contextItems: [] });
    const calls = [
      { id: 't', type: 'function', function: { name: 'read', arguments: '{"path":"util.py"}' } },
    ];
    const history = [
      entry({ role: 'user', content: [text(ask)] }),
      entry({ role: 'assistant', content: '', toolCalls: calls }),
      entry({ role: 'tool', content: code, toolCallId: 't' }),
      entry({ role: 'assistant', content: answer }),
    ];
    expectSession(await importRun({ sessionId: 's', history }), 'chat');
  });

  it('ADK', async () => {
    const event = (author: string, role: string, part: JsonValue): JsonValue => ({
      author,
      content: { role, parts: [part] },
    });
    const events = [
      event('user', 'user', { text: ask }),
      event('helper', 'model', { functionCall: { id: 'a', name: 'read', args } }),
      event('helper', 'user', { functionResponse: { id: 'a', name: 'read', response: { result: code } } }),
      { ...(event('helper', 'model', { text: 'It' }) as Record<string, JsonValue>), partial: true },
      event('helper', 'model', { text: answer }),
    ];
    expectSession(await importRun({ id: 's', appName: 'app', userId: 'u', events }), 'adk-session');
  });

  it('ChatGPT exports a tree, of which the current branch is the conversation', async () => {
    const node = (
      id: string,
      parent: string | null,
      role: string,
      content: JsonValue,
      recipient = 'all',
    ): JsonValue => ({
      id,
      parent,
      children: [],
      message: { author: { role, name: role === 'tool' ? 'read' : null }, content, recipient },
    });
    const said = (value: string): JsonValue => ({ content_type: 'text', parts: [value] });
    const mapping = {
      a: node('a', null, 'user', said(ask)),
      x: node('x', 'a', 'assistant', said('A wrong turn.')),
      b: node('b', 'a', 'assistant', { content_type: 'code', text: '{"path":"util.py"}' }, 'read'),
      c: node('c', 'b', 'tool', said(code)),
      d: node('d', 'c', 'assistant', said(answer)),
    };
    expectSession(
      await importRun({ title: 't', mapping, current_node: 'd', conversation_id: 's' }),
      'chatgpt-export',
    );
  });

  it('Claude.ai names the sender of its messages', async () => {
    const chat_messages = [
      { sender: 'human', text: ask, content: [text(ask)] },
      {
        sender: 'assistant',
        text: answer,
        content: [
          { type: 'tool_use', id: 't', name: 'read', input: args },
          { type: 'tool_result', tool_use_id: 't', name: 'read', content: [text(code)] },
          text(answer),
        ],
      },
    ];
    expectSession(await importRun({ uuid: 's', name: 't', chat_messages }), 'anthropic-messages');
  });

  it('Aider: what is asked, what Aider says, and the edits of the model', async () => {
    const history = `
# aider chat started at 2025-07-01 10:00:00

> Added util.py to the chat.

#### ${ask}

The bound is wrong.

util.py
\`\`\`python
<<<<<<< SEARCH
> return low
=======
return high
>>>>>>> REPLACE
\`\`\`

> Applied edit to util.py

# aider chat started at 2025-07-02 10:00:00

#### Explain
#### clamp.

It bounds.
`;
    const { format, runs } = await importText(history, '.aider.chat.history.md');
    expect(format).toBe('aider');
    for (const run of runs) expectSound(run.steps, [history.trimStart()]);
    expect(runs.map((run) => run.task?.text)).toEqual([ask, 'Explain\nclamp.']);
    expect(runs[0]?.steps.find((step) => step.type === 'toolCall')).toMatchObject({
      name: 'edit',
      arguments: { path: 'util.py' },
    });
    expect(runs[1]?.finalAnswer?.text).toBe('It bounds.');
  });
});
