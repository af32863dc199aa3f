import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { outline } from '../blocks/provenance.ts';
import { importLines, importRun } from './importing.ts';

const question = 'Which lake feeds the Orla?';
const from = (role: string, value: string): JsonValue => ({ from: role, value });
const said = (role: string, content: string): JsonValue => ({ role, content });

describe('ReAct in chats', () => {
  it.each([
    [
      'ShareGPT',
      {
        conversations: [
          from('human', question),
          from('gpt', 'Thought: I look.\nAction: Search[Orla]'),
          from('human', 'Observation: It leaves lake Mirn.'),
          from('gpt', 'Thought: Done.\nAction: Finish[Mirn]'),
        ],
      },
    ],
    [
      'messages',
      {
        messages: [
          said('user', question),
          said('assistant', 'Thought: I look.\nAction: Search[Orla]'),
          said('user', 'Observation: It leaves lake Mirn.'),
          said('assistant', 'Thought: Done.\nAction: Finish[Mirn]'),
        ],
      },
    ],
  ])('%s', async (_, record) => {
    const run = await importRun({ ...record, ground_truth: 'Mirn' });
    expect(run.format).toBe('react-fireact');
    expect(outline(run.steps)).toEqual([
      `-1 user: ${question}`,
      '0 reasoning: I look.',
      '0 call Search: Orla',
      '0 result of Search: It leaves lake Mirn.',
      '1 reasoning: Done.',
      '1 call Finish: Mirn',
    ]);
    expect([run.task?.text, run.finalAnswer?.text, run.groundTruth?.values]).toEqual([
      question,
      'Mirn',
      ['Mirn'],
    ]);
  });

  const toolBench = (finish: string): JsonValue => ({
    conversations: [
      from('system', 'You are AutoGPT, you can use many tools.'),
      from('user', `\n${question}\nBegin!\n`),
      from('assistant', '\nThought: I look.\nAction: find_for_web\nAction Input: {"q": "Orla"}'),
      from('function', '{"error": "", "response": "It leaves lake Mirn."}'),
      from('assistant', `\nThought: Done.\nAction: Finish\nAction Input: ${finish}`),
    ],
  });

  it('ToolBench: functions answer, and the answer is an argument of Finish', async () => {
    const run = await importRun(toolBench('{"return_type": "give_answer", "final_answer": "Mirn"}'));
    expect(outline(run.steps).slice(2, 5)).toEqual([
      '0 reasoning: I look.',
      '0 call find_for_web: {"q": "Orla"}',
      '0 result of find_for_web: It leaves lake Mirn.',
    ]);
    expect([run.task?.text, run.finalAnswer?.text]).toEqual([question, 'Mirn']);
  });

  it('ToolBench: giving up is no answer', async () => {
    const run = await importRun(toolBench('{"return_type": "give_up_and_restart"}'));
    expect(run.finalAnswer).toBeNull();
  });
});

describe('results are joined to their calls', () => {
  const call = (id: string, name: string): JsonValue => ({ id, name, arguments: {} });

  it('tau2-bench names the call in the id of the result, and lets the user call', async () => {
    const run = await importRun({
      messages: [
        said('user', 'My data is slow.'),
        { role: 'assistant', content: null, tool_calls: [call('a', 'find_line'), call('b', 'find_usage')] },
        { id: 'b', role: 'tool', content: 'usage', error: false },
        { id: 'a', role: 'tool', content: 'line', error: true },
        said('assistant', 'Switch the saver off.'),
        { role: 'user', content: null, tool_calls: [call('c', 'toggle_saver')] },
        { id: 'c', role: 'tool', content: 'off', requestor: 'user' },
        said('user', 'Thanks.'),
        said('assistant', 'Good.'),
      ],
    });
    expect(outline(run.steps).slice(1, 8)).toEqual([
      '0 call find_line: {}',
      '0 call find_usage: {}',
      '0 result of find_usage: usage',
      '0 result of find_line (error): line',
      '1 assistant: Switch the saver off.',
      '1 call toggle_saver: {}',
      '1 result of toggle_saver: off',
    ]);
    expect(run.steps[6]).toMatchObject({ type: 'toolCall', speaker: 'user' });
  });

  it('an id that no call has is the message own', async () => {
    const run = await importRun({
      messages: [
        said('user', question),
        { role: 'assistant', content: '', tool_calls: [call('a', 'find')], id: 'm1' },
        { role: 'tool', content: 'hit', id: 'm2' },
        said('assistant', 'Mirn'),
      ],
    });
    expect(run.steps[2]).toMatchObject({ type: 'toolResult', callStep: 1, callId: 'a' });
  });

  it('keys in camel case', async () => {
    const run = await importRun({
      messages: [
        said('user', question),
        { role: 'assistant', content: '', toolCalls: [call('a', 'find'), call('b', 'open')] },
        { role: 'tool', toolCallId: 'b', content: 'page' },
        { role: 'tool', toolCallId: 'a', content: 'hits' },
        said('assistant', 'Mirn'),
      ],
    });
    expect(outline(run.steps).slice(3)).toEqual([
      '0 result of open: page',
      '0 result of find: hits',
      '1 assistant: Mirn',
    ]);
  });
});

describe('calls that stand in the text', () => {
  const mcp = (tool: string, args: string): string =>
    `<use_mcp_tool>\n<server_name>web</server_name>\n<tool_name>${tool}</tool_name>\n<arguments>\n${args}\n</arguments>\n</use_mcp_tool>`;

  const cases: readonly (readonly [string, JsonValue, readonly string[]])[] = [
    [
      'MCP tags (MiroVerse): the next turn of the user is the result',
      {
        messages: [
          said('user', question),
          said('assistant', `I look.\n\n${mcp('find', '{"q": "Orla"}')}`),
          said('user', 'It leaves lake Mirn.'),
          said('assistant', '\\boxed{Mirn}'),
        ],
      },
      [
        `-1 user: ${question}`,
        '0 assistant: I look.',
        '0 call find: {"q": "Orla"}',
        '0 result of find: It leaves lake Mirn.',
        '1 assistant: \\boxed{Mirn}',
      ],
    ],
    [
      'SQL in tags (SkyRL-SQL), with a reminder in the observation',
      {
        messages: [
          said('user', 'Database Schema:\nloans(id)\n\nQuestion: How many loans?'),
          said('assistant', '<think>count</think>\n<sql>SELECT COUNT(*) FROM loans;</sql>'),
          said('user', '<observation>\n42\n<reminder>4 turns left</reminder>\n</observation>'),
          said('assistant', '<solution>SELECT COUNT(*) FROM loans;</solution>'),
        ],
      },
      [
        '-1 user: Database Schema:\nloans(id)\n\nQuestion: How many loans?',
        '0 reasoning: count',
        '0 call execute_sql: SELECT COUNT(*) FROM loans;',
        '0 result of execute_sql: 42',
        '0 user (injected): 4 turns left',
        '1 assistant: <solution>SELECT COUNT(*) FROM loans;</solution>',
      ],
    ],
    [
      'code in tags (CodeAct)',
      {
        conversations: [
          said('user', question),
          said('assistant', 'I look.\n<execute>\nprint(find("Orla"))\n</execute>'),
          said('user', 'Observation:\nIt leaves lake Mirn.'),
          said('assistant', '<solution>Mirn</solution>'),
        ],
      },
      [
        `-1 user: ${question}`,
        '0 assistant: I look.',
        '0 call python: print(find("Orla"))',
        '0 result of python: It leaves lake Mirn.',
        '1 assistant: <solution>Mirn</solution>',
      ],
    ],
    [
      'keystrokes as JSON (Terminus)',
      {
        conversations: [
          said('user', 'Fix util.py'),
          said('assistant', '{"analysis": "a", "plan": "p", "commands": [{"keystrokes": "cat util.py\\n"}]}'),
          said('user', 'New Terminal Output:\nreturn low'),
          said('assistant', 'Done.'),
        ],
      },
      [
        '-1 user: Fix util.py',
        '0 reasoning: a',
        '0 reasoning: p',
        '0 call terminal: cat util.py\n',
        '0 result of terminal: return low',
        '1 assistant: Done.',
      ],
    ],
    [
      'lists of Python calls (ToolACE)',
      {
        conversations: [
          from('user', question),
          from('assistant', '[find lake(name="Orla", limit=2), today()]'),
          from('tool', '[{"lake": "Mirn"}]'),
          from('assistant', 'Mirn'),
        ],
      },
      [
        `-1 user: ${question}`,
        '0 call find lake: name="Orla", limit=2',
        '0 call today: ',
        '0 result of find lake: [{"lake": "Mirn"}]',
        '1 assistant: Mirn',
      ],
    ],
  ];

  it.each(cases)('%s', async (_, record, steps) => {
    expect(outline((await importRun(record)).steps)).toEqual(steps);
  });

  it('the question of an SQL agent stands behind the schema, its answer in <solution>', async () => {
    const run = await importRun(cases[1]![1]);
    expect([run.task?.text, run.finalAnswer?.text]).toEqual([
      'How many loans?',
      'SELECT COUNT(*) FROM loans;',
    ]);
  });

  it('a statement that was only asked for is the answer, not a call cut off', async () => {
    const run = await importRun({
      messages: [said('user', 'Count.'), said('assistant', '<sql>SELECT 1</sql>')],
    });
    expect(run.finalAnswer).toMatchObject({ text: 'SELECT 1', via: '<sql> tag' });
  });

  it.each([
    'Write it as `<sql>SELECT 1</sql>` into the mapper.',
    '<sql>SELECT 1</sql>\nThis counts nothing.',
    'MyBatis: <sql id="x">a</sql>',
    'I would call <use_mcp_tool> here.',
  ])('tags in prose are no calls: %s', async (text) => {
    const run = await importRun({ messages: [said('user', 'How?'), said('assistant', text)] });
    expect(outline(run.steps)).toEqual(['-1 user: How?', `0 assistant: ${text}`]);
  });

  it('calls in a form that is not known are remarked', async () => {
    const act = (word: string): JsonValue => said('assistant', `I look.\n<lookup>${word}</lookup>`);
    const { issues } = await importLines({
      messages: [
        said('user', question),
        act('Orla'),
        said('user', 'hit'),
        act('Mirn'),
        said('user', 'hit'),
        said('assistant', 'Mirn'),
      ],
    });
    expect(issues).toMatchObject([{ severity: 'info', code: 'calls-in-text', path: '/messages/1/content' }]);
    expect(issues[0]?.message).toContain('end in <lookup>');
  });
});

describe('dialogues of AgentBench as fine-tuning sets keep them', () => {
  it('AgentInstruct, database', async () => {
    const run = await importRun({
      id: 'db_1',
      conversations: [
        from('human', 'Write SQL like this:\nAction: Operation\n```sql\nSELECT 1;\n```'),
        from('gpt', 'Ok.'),
        from('human', 'How many loans?'),
        from('gpt', 'I count.\n\nAction: Operation\n```sql\nSELECT COUNT(*) FROM loans;\n```'),
        from('human', '[(42,)]'),
        from('gpt', 'Action: Answer\nFinal Answer: ["42"]'),
      ],
    });
    expect([run.format, run.id, run.kind.kind]).toEqual(['agentbench', 'db_1', 'sql']);
    expect([run.task?.text, run.finalAnswer?.text]).toEqual(['How many loans?', '["42"]']);
    expect(outline(run.steps).slice(4, 6)).toEqual([
      '1 call execute_sql: SELECT COUNT(*) FROM loans;',
      '1 result of execute_sql: [(42,)]',
    ]);
  });

  it('AgentInstruct, operating system', async () => {
    const run = await importRun({
      conversations: [
        from('human', 'Act like a person. Now, my problem is:\n\nWhat does /etc/motd say?'),
        from('gpt', 'Think: look.\n\nAct: bash\n\n```bash\ncat /etc/motd\n```'),
        from('human', 'The output of the OS:\n\nWelcome'),
        from('gpt', 'Think: done.\n\nAct: answer(Welcome)'),
      ],
    });
    expect([run.task?.text, run.finalAnswer?.text]).toEqual(['What does /etc/motd say?', 'Welcome']);
    expect(outline(run.steps).slice(2, 4)).toEqual([
      '0 call bash: cat /etc/motd',
      '0 result of bash: Welcome',
    ]);
  });

  it('AgentGym writes the statement behind "Action:"', async () => {
    const run = await importRun({
      item_id: 'sqlgym_3',
      conversations: [
        from('human', 'I will ask you about a database.'),
        from('gpt', 'Ok.'),
        from('human', 'How many loans?'),
        from('gpt', 'Thought:\nI count.\n\nAction:\n```sql\nSELECT COUNT(*) FROM loans;\n```'),
        from('human', '[(42,)]'),
      ],
    });
    expect([run.format, run.id, run.task?.text]).toEqual(['agentbench', 'sqlgym_3', 'How many loans?']);
    expect(outline(run.steps).at(-1)).toBe('1 result of execute_sql: [(42,)]');
  });

  it('an action in JSON, as agents of LangChain write it, is no statement', async () => {
    const run = await importRun({
      conversations: [
        from('human', 'Which lake feeds the Orla?'),
        from('gpt', 'Thought: look\nAction:\n```\n{"action": "search", "action_input": "Orla"}\n```'),
        from('human', 'Observation: It leaves lake Mirn.'),
        from('gpt', 'Mirn'),
      ],
    });
    expect(run.format).not.toBe('agentbench');
    expect(run.kind.kind).not.toBe('sql');
  });
});
