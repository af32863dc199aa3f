import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import type { FormatSample } from '../../../src/trajectories/format.ts';

/** A small file of one format, made by hand. */
export interface Fixture {
  readonly format: string;
  readonly container: FormatSample['container'];
  readonly values: JsonValue[];
  readonly file?: string;
}

const patch = 'diff --git a/a.py b/a.py\n--- a/a.py\n+++ b/a.py\n@@ -1 +1 @@\n-x\n+y\n';

const openHandsEvents: JsonValue[] = [
  { id: 0, source: 'user', action: 'message', args: { content: 'Fix the typo' } },
  {
    id: 1,
    source: 'environment',
    observation: 'agent_state_changed',
    content: '',
    extras: { agent_state: 'running' },
  },
  {
    id: 2,
    source: 'agent',
    action: 'run',
    args: { command: 'ls', thought: 'Look first.', hidden: false },
    tool_call_metadata: { function_name: 'execute_bash', tool_call_id: 'c1' },
  },
  {
    id: 3,
    source: 'agent',
    observation: 'run',
    content: 'no such file',
    cause: 2,
    extras: { metadata: { exit_code: 2 } },
    tool_call_metadata: { tool_call_id: 'c1' },
  },
  { id: 4, source: 'agent', action: 'read', args: { path: 'a.py', thought: '' } },
  { id: 5, source: 'agent', observation: 'read', content: 'print(1)', cause: 4, extras: {} },
  { id: 6, source: 'agent', action: 'finish', args: { final_thought: 'Done.' } },
];

const lc = (type: string, kwargs: JsonObject): JsonObject => ({
  lc: 1,
  type: 'constructor',
  id: ['langchain', 'schema', type],
  kwargs,
});

const line = (fields: JsonObject): JsonObject => ({
  sessionId: 's1',
  cwd: '/w',
  version: '2.0',
  isSidechain: false,
  ...fields,
});
const said = (uuid: string, parentUuid: string | null, id: string, block: JsonObject): JsonObject =>
  line({
    type: 'assistant',
    uuid,
    parentUuid,
    message: {
      id,
      role: 'assistant',
      model: 'm',
      content: [block],
      usage: { input_tokens: 5, output_tokens: 1 },
    },
  });
const result = (
  uuid: string,
  parentUuid: string,
  call: string,
  content: string,
  more: JsonObject = {},
): JsonObject =>
  line({
    type: 'user',
    uuid,
    parentUuid,
    message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: call, content }] },
    ...more,
  });

export const fixtures = {
  openHandsV0: { format: 'openhands-events-v0', container: 'json-array', values: openHandsEvents },
  openHandsOutput: {
    format: 'openhands-output',
    container: 'json-lines',
    values: [
      {
        instance_id: 'o__r-1',
        instruction: '<issue_description>\nTypo\n</issue_description>\nGo.',
        instance: { problem_statement: 'Typo in a.py', patch, repo: 'o/r', base_commit: 'abc' },
        history: [
          [openHandsEvents[0]!, openHandsEvents[1]!],
          [openHandsEvents[2]!, openHandsEvents[3]!],
        ],
        test_result: { git_patch: patch, report: { resolved: true } },
        metrics: { accumulated_cost: 0.5 },
        metadata: { llm_config: { model: 'm' } },
      },
    ],
  },
  nebius: {
    format: 'swe-dataset',
    container: 'rows',
    values: [
      {
        instance_id: 'o__r-2',
        model_name: 'm',
        target: false,
        exit_status: 'submitted',
        generated_patch: patch,
        trajectory: [
          { role: 'system', text: null, system_prompt: 'You are an agent.', mask: false },
          { role: 'user', text: '<issue>\nBug in parser\n</issue>', system_prompt: null, mask: false },
          { role: 'ai', text: 'Let me look.\n\n```\nopen src/p.py\n```', system_prompt: null, mask: true },
          { role: 'user', text: '1:x = 1', system_prompt: null, mask: false },
        ],
      },
    ],
  },
  sweSmithJsonText: {
    format: 'swe-dataset',
    container: 'rows',
    values: [
      {
        instance_id: 'o__r.1',
        traj_id: 'o__r.1.x',
        resolved: true,
        model: 'm',
        patch,
        messages: JSON.stringify([
          { role: 'user', content: '<pr_description>\nMake it so\n</pr_description>' },
          {
            role: 'assistant',
            content: 'Ok.',
            tool_calls: [
              { id: 'c', type: 'function', function: { name: 'bash', arguments: '{"command":"ls"}' } },
            ],
          },
          { role: 'tool', content: 'a.py', tool_call_ids: ['c'] },
        ]),
      },
    ],
  },
  sweSmithReview: {
    format: 'swe-dataset',
    container: 'json-lines',
    values: [
      {
        instance_id: 'o__r.2',
        messages: [
          { role: 'user', content: '<pr_description>\nMake it so\n</pr_description>' },
          { role: 'assistant', content: 'Done.\n<function=submit>\n</function>' },
          {
            role: 'user',
            content:
              'OBSERVATION:\nReview:\n<diff>\ndiff --git a/reproduce.py b/reproduce.py\nnew file mode 100644\n--- /dev/null\n+++ b/reproduce.py\n@@ -0,0 +1 @@\n+x\ndiff --git a/src/fix.py b/src/fix.py\n--- a/src/fix.py\n+++ b/src/fix.py\n@@ -1 +1 @@\n-a\n+b\n</diff>',
          },
          {
            role: 'assistant',
            content: '<function=bash>\n<parameter=command>rm /testbed/reproduce.py</parameter>\n</function>',
          },
          { role: 'user', content: 'OBSERVATION:\n' },
          { role: 'assistant', content: '<function=submit>\n</function>' },
        ],
      },
    ],
  },
  agentless: {
    format: 'agentless',
    container: 'json-lines',
    values: [
      {
        instance_id: 'o__r-3',
        raw_output: ['```python\n### src/a.py\n<<<<<<< SEARCH\nx\n=======\ny\n>>>>>>> REPLACE\n```'],
        all_generations: [[]],
        try_count: [1],
        traj: [
          {
            prompt:
              'Fix it.\n--- BEGIN ISSUE ---\nCrash in a\n--- END ISSUE ---\n--- BEGIN FILE ---\n```\n### src/a.py\nx = 1\n### src/b.py\ny = 2\n```\n--- END FILE ---',
            response: 'Replace x.',
            usage: { prompt_tokens: 50, completion_tokens: 4 },
          },
        ],
      },
    ],
  },
  openHandsV1: {
    format: 'openhands-events',
    container: 'json-lines',
    values: [
      {
        kind: 'SystemPromptEvent',
        id: 's',
        source: 'agent',
        system_prompt: { type: 'text', text: 'You are an agent.' },
      },
      {
        kind: 'MessageEvent',
        id: 'm',
        source: 'user',
        llm_message: { role: 'user', content: [{ type: 'text', text: 'Fix it' }] },
      },
      {
        kind: 'ActionEvent',
        id: 'a',
        source: 'agent',
        thought: [],
        reasoning_content: 'Plan.',
        action: { command: 'ls', kind: 'TerminalAction' },
        tool_name: 'terminal',
        tool_call_id: 'c1',
        tool_call: { id: 'c1', name: 'terminal', arguments: '{"command":"ls"}' },
      },
      {
        kind: 'ObservationEvent',
        id: 'o',
        source: 'environment',
        tool_name: 'terminal',
        tool_call_id: 'c1',
        action_id: 'a',
        observation: { content: [{ type: 'text', text: 'a.py' }], is_error: false },
      },
      {
        kind: 'ActionEvent',
        id: 'b',
        source: 'agent',
        thought: [{ type: 'text', text: 'All done.' }],
        action: { message: 'Fixed the typo.' },
        tool_name: 'finish',
        tool_call_id: 'c2',
        tool_call: { id: 'c2', name: 'finish', arguments: '{"message":"Fixed the typo."}' },
      },
      { kind: 'SomethingNewEvent', id: 'n', source: 'agent' },
      { kind: 'ConversationStateUpdateEvent', id: 'z', key: 'execution_status', value: 'finished' },
    ],
  },
  miniSweAgent: {
    format: 'mini-swe-agent',
    container: 'json',
    values: [
      {
        trajectory_format: 'mini-swe-agent-1.1',
        info: {
          exit_status: 'Submitted',
          submission: patch,
          model_stats: { instance_cost: 0.1, api_calls: 1 },
          mini_version: '1.9',
          config: { model: { model_name: 'm' } },
        },
        messages: [
          {
            role: 'user',
            content: 'Please solve this issue: Crash\n\nYou can execute bash commands and edit files.',
          },
          {
            role: 'assistant',
            content: 'THOUGHT: look\n\n```bash\nls\n```',
            extra: { actions: [{ command: 'ls' }] },
          },
          {
            role: 'user',
            content: '<returncode>0</returncode>\n<output>\na.py\n</output>',
            extra: { returncode: 0 },
          },
          { role: 'exit', content: '', extra: { exit_status: 'Submitted', submission: patch } },
        ],
      },
    ],
  },
  claudeCode: {
    format: 'claude-code',
    container: 'json-lines',
    values: [
      { type: 'summary', summary: 'x', leafUuid: 'u9' },
      line({
        type: 'user',
        uuid: 'u0',
        parentUuid: null,
        isMeta: true,
        message: { role: 'user', content: '<system-reminder>Be brief</system-reminder>' },
      }),
      line({
        type: 'user',
        uuid: 'u1',
        parentUuid: 'u0',
        message: { role: 'user', content: 'First question' },
      }),
      said('x1', 'u1', 'mx', { type: 'text', text: 'An abandoned branch' }),
      said('a1', 'u1', 'm1', { type: 'text', text: 'Reading.' }),
      said('a2', 'a1', 'm1', { type: 'tool_use', id: 't1', name: 'Read', input: { file_path: '/w/a.py' } }),
      said('a3', 'a2', 'm1', { type: 'tool_use', id: 't2', name: 'Read', input: { file_path: '/w/b.py' } }),
      line({
        type: 'user',
        uuid: 'k1',
        parentUuid: null,
        isSidechain: true,
        message: { role: 'user', content: 'Search for x' },
      }),
      { ...said('k2', 'k1', 'mk', { type: 'text', text: 'x is here' }), isSidechain: true },
      result('r1', 'a2', 't1', 'A'),
      result('r2', 'a3', 't2', 'B'),
      said('a4', 'r2', 'm2', {
        type: 'tool_use',
        id: 't3',
        name: 'Edit',
        input: { file_path: '/w/a.py', old_string: 'x', new_string: 'y' },
      }),
      result('r3', 'a4', 't3', 'edited', {
        toolUseResult: {
          filePath: '/w/a.py',
          oldString: 'x',
          newString: 'y',
          originalFile: 'x\nz\n',
          structuredPatch: [],
        },
      }),
      said('a5', 'r3', 'm3', { type: 'text', text: 'Done one.' }),
      line({
        type: 'user',
        uuid: 'u2',
        parentUuid: 'a5',
        message: { role: 'user', content: 'Second question' },
      }),
      said('a6', 'u2', 'm4', { type: 'text', text: 'Done two.' }),
      line({
        type: 'user',
        uuid: 'u1',
        parentUuid: 'u0',
        message: { role: 'user', content: 'First question' },
      }),
    ],
  },
  claudeStream: {
    format: 'claude-code-stream',
    container: 'json-lines',
    values: [
      { type: 'system', subtype: 'init', session_id: 's', model: 'm', cwd: '/w', tools: [] },
      {
        type: 'assistant',
        message: {
          id: 'm1',
          role: 'assistant',
          content: [{ type: 'tool_use', id: 't', name: 'Bash', input: { command: 'echo 4' } }],
        },
        parent_tool_use_id: null,
      },
      {
        type: 'user',
        message: { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: '4' }] },
        parent_tool_use_id: null,
      },
      {
        type: 'result',
        subtype: 'success',
        is_error: false,
        result: 'It is 4.',
        num_turns: 2,
        total_cost_usd: 0.01,
        usage: { input_tokens: 10, cache_read_input_tokens: 2, output_tokens: 3 },
      },
    ],
  },
  codexRollout: {
    format: 'codex-rollout',
    container: 'json-lines',
    values: [
      { timestamp: 't0', type: 'session_meta', payload: { id: 'r1', cwd: '/w', cli_version: '1' } },
      { timestamp: 't1', type: 'turn_context', payload: { model: 'gpt-x' } },
      {
        timestamp: 't2',
        type: 'response_item',
        payload: {
          type: 'message',
          role: 'user',
          content: [{ type: 'input_text', text: '<environment_context>cwd</environment_context>' }],
        },
      },
      {
        timestamp: 't3',
        type: 'response_item',
        payload: {
          type: 'message',
          role: 'user',
          content: [{ type: 'input_text', text: 'Why does it fail?' }],
        },
      },
      { timestamp: 't3', type: 'event_msg', payload: { type: 'user_message', message: 'Why does it fail?' } },
      {
        timestamp: 't4',
        type: 'response_item',
        payload: {
          type: 'reasoning',
          summary: [{ type: 'summary_text', text: 'Look.' }],
          encrypted_content: 'zz',
        },
      },
      {
        timestamp: 't5',
        type: 'response_item',
        payload: {
          type: 'function_call',
          call_id: 'c',
          name: 'shell',
          arguments: '{"command":["bash","-lc","ls"]}',
        },
      },
      {
        timestamp: 't6',
        type: 'response_item',
        payload: {
          type: 'function_call_output',
          call_id: 'c',
          output: '{"output":"a\\n","metadata":{"exit_code":0}}',
        },
      },
      {
        timestamp: 't7',
        type: 'event_msg',
        payload: {
          type: 'token_count',
          info: { total_token_usage: { input_tokens: 100, output_tokens: 9 } },
        },
      },
      {
        timestamp: 't8',
        type: 'response_item',
        payload: {
          type: 'message',
          role: 'assistant',
          phase: 'final_answer',
          content: [{ type: 'output_text', text: 'Because.' }],
        },
      },
    ],
  },
  codexOld: {
    format: 'codex-rollout',
    container: 'json-lines',
    values: [
      { id: 'old-1', timestamp: 't', instructions: null, git: {} },
      { record_type: 'state' },
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Say hi' }] },
      { type: 'function_call', name: 'shell', arguments: '{"command":["ls"]}', call_id: 'c' },
      { type: 'function_call_output', call_id: 'c', output: '{"output":"nope","metadata":{"exit_code":1}}' },
      { record_type: 'state' },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'hi' }] },
    ],
  },
  codexExec: {
    format: 'codex-exec',
    container: 'json-lines',
    values: [
      { type: 'thread.started', thread_id: 'th' },
      { type: 'turn.started' },
      { type: 'item.completed', item: { id: 'i0', type: 'reasoning', text: 'Plan' } },
      {
        type: 'item.started',
        item: { id: 'i1', type: 'command_execution', command: 'bash -lc ls', status: 'in_progress' },
      },
      {
        type: 'item.completed',
        item: {
          id: 'i1',
          type: 'command_execution',
          command: 'bash -lc ls',
          aggregated_output: 'a.py\n',
          exit_code: 0,
          status: 'completed',
        },
      },
      {
        type: 'item.completed',
        item: {
          id: 'i2',
          type: 'mcp_tool_call',
          server: 'docs',
          tool: 'search',
          arguments: { q: 'x' },
          result: { content: [{ type: 'text', text: 'found' }] },
          status: 'completed',
        },
      },
      { type: 'item.completed', item: { id: 'i3', type: 'agent_message', text: 'Done.' } },
      { type: 'turn.completed', usage: { input_tokens: 7, output_tokens: 2 } },
    ],
  },
  geminiApi: {
    format: 'gemini-api',
    container: 'json',
    values: [
      {
        systemInstruction: { parts: [{ text: 'Be kind.' }] },
        contents: [
          { role: 'user', parts: [{ text: 'Weather?' }] },
          { role: 'model', parts: [{ functionCall: { name: 'weather', args: { city: 'Bern' } } }] },
          { role: 'user', parts: [{ functionResponse: { name: 'weather', response: { result: 'rain' } } }] },
        ],
        response: {
          candidates: [{ content: { role: 'model', parts: [{ text: 'It rains.' }] } }],
          modelVersion: 'g',
        },
      },
    ],
  },
  inspect: {
    format: 'inspect-ai',
    container: 'json',
    values: [
      {
        version: 2,
        status: 'success',
        eval: { task: 'capitals', model: 'm', run_id: 'r' },
        plan: {},
        samples: [
          {
            id: 1,
            epoch: 1,
            input: 'attachment://h1',
            target: 'Bern',
            messages: [
              { role: 'user', content: 'attachment://h1' },
              {
                role: 'assistant',
                content: [
                  { type: 'reasoning', reasoning: 'hm' },
                  { type: 'text', text: 'Geneva' },
                ],
                tool_calls: null,
              },
            ],
            output: { choices: [{ message: { role: 'assistant', content: 'Geneva' } }] },
            scores: { match: { value: 'I', answer: 'Geneva' } },
            metadata: {},
            attachments: { h1: 'What is the capital?' },
          },
        ],
      },
    ],
  },
  atif: {
    format: 'atif',
    container: 'json',
    values: [
      {
        schema_version: 'ATIF-v1.4',
        session_id: 's',
        agent: { name: 'terminus', version: '2', model_name: 'm' },
        steps: [
          { step_id: 1, source: 'user', message: 'List files' },
          {
            step_id: 2,
            source: 'agent',
            message: '',
            reasoning_content: 'use ls',
            tool_calls: [{ tool_call_id: 'c', function_name: 'bash', arguments: { command: 'ls' } }],
            observation: { results: [{ source_call_id: 'c', content: 'a.py' }] },
          },
          {
            step_id: 3,
            source: 'agent',
            message: '{"analysis":"Files are listed.","commands":[{"keystrokes":"cat a.py\\n"}]}',
            observation: { results: [{ content: 'print(1)' }] },
          },
          { step_id: 4, source: 'agent', message: 'One file.' },
        ],
        final_metrics: { total_prompt_tokens: 9, total_completion_tokens: 1 },
      },
    ],
  },
  verifiers: {
    format: 'verifiers',
    container: 'json-lines',
    values: [
      {
        prompt: [{ role: 'user', content: '2+2?' }],
        completion: [{ role: 'assistant', content: '<think>sum</think>The answer is \\boxed{4}' }],
        answer: '4',
        reward: 1.0,
        task: 'math',
      },
    ],
  },
  completionLog: {
    format: 'completion-log',
    container: 'json',
    values: [
      {
        messages: [{ role: 'user', content: '2+2?' }],
        tools: [],
        response: {
          model: 'm',
          choices: [{ message: { role: 'assistant', content: 'Four' } }],
          usage: { prompt_tokens: 3, completion_tokens: 1 },
        },
        cost: 0.1,
        timestamp: 1,
      },
    ],
  },
  shareGpt: {
    format: 'sharegpt',
    container: 'json-array',
    values: [
      {
        id: 'c1',
        conversations: [
          { from: 'system', value: 'tools: search' },
          { from: 'human', value: 'Q' },
          { from: 'gpt', value: '<tool_call>{"name":"search","arguments":{"q":"x"}}</tool_call>' },
          { from: 'tool', value: '<tool_response>hit</tool_response>' },
          { from: 'gpt', value: 'A' },
        ],
      },
    ],
  },
  anthropic: {
    format: 'anthropic-messages',
    container: 'json',
    values: [
      {
        model: 'm',
        system: 'Be exact.',
        messages: [
          { role: 'user', content: 'Q' },
          { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'calc', input: { e: '2+2' } }] },
          { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: '4' }] },
          { role: 'assistant', content: [{ type: 'text', text: '4' }] },
        ],
      },
    ],
  },
  chatFile: {
    format: 'chat-file',
    container: 'json-array',
    values: [
      { role: 'user', content: 'Q' },
      { role: 'assistant', content: 'A' },
    ],
  },
  openAiResponse: {
    format: 'openai-response',
    container: 'json',
    values: [
      {
        id: 'resp_1',
        object: 'response',
        model: 'm',
        input: 'Hi',
        output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hello' }] }],
      },
    ],
  },
  langSmith: {
    format: 'langsmith',
    container: 'json-lines',
    values: [
      {
        id: 'r0',
        trace_id: 'T',
        parent_run_id: null,
        dotted_order: '1',
        run_type: 'chain',
        name: 'agent',
        inputs: { input: 'Capital of France?' },
        outputs: { output: 'Paris' },
        status: 'success',
        feedback_stats: { correctness: { n: 1, avg: 1 } },
      },
      {
        id: 'r1',
        trace_id: 'T',
        parent_run_id: 'r0',
        dotted_order: '1.1',
        run_type: 'llm',
        name: 'model',
        inputs: { messages: [[lc('HumanMessage', { content: 'Capital of France?' })]] },
        outputs: {
          generations: [
            [
              {
                text: '',
                message: lc('AIMessage', {
                  content: '',
                  tool_calls: [{ id: 'c', name: 'search', args: { q: 'France' } }],
                }),
              },
            ],
          ],
        },
      },
      {
        id: 'r2',
        trace_id: 'T',
        parent_run_id: 'r0',
        dotted_order: '1.2',
        run_type: 'tool',
        name: 'search',
        inputs: { input: "{'q': 'France'}" },
        outputs: { output: 'Paris is the capital' },
      },
      {
        id: 'r3',
        trace_id: 'T',
        parent_run_id: 'r0',
        dotted_order: '1.3',
        run_type: 'llm',
        name: 'model',
        inputs: { messages: [[lc('HumanMessage', { content: 'Capital of France?' })]] },
        outputs: { generations: [[{ text: 'Paris', message: lc('AIMessage', { content: 'Paris' }) }]] },
      },
    ],
  },
  langfuse: {
    format: 'langfuse',
    container: 'json',
    values: [
      {
        id: 'tr',
        name: 'run',
        input: { question: 'Q?' },
        output: 'A!',
        scores: [{ name: 'quality', value: 1 }],
        observations: [
          {
            id: 'o1',
            type: 'GENERATION',
            traceId: 'tr',
            startTime: '1',
            input: '[{"role":"user","content":"Q?"}]',
            output: { role: 'assistant', content: 'Let me search' },
            model: 'm',
            usageDetails: { input: 3, output: 1 },
          },
          {
            id: 'o2',
            type: 'TOOL',
            traceId: 'tr',
            startTime: '2',
            name: 'search',
            input: { q: 'x' },
            output: 'hit',
          },
          {
            id: 'o3',
            type: 'GENERATION',
            traceId: 'tr',
            startTime: '3',
            input: '[]',
            output: { role: 'assistant', content: 'A!' },
            model: 'm',
          },
        ],
      },
    ],
  },
  otlp: {
    format: 'opentelemetry',
    container: 'json-lines',
    values: [
      {
        resourceSpans: [
          {
            scopeSpans: [
              {
                spans: [
                  span('s1', '', 1, {
                    'gen_ai.operation.name': 'chat',
                    'gen_ai.request.model': 'm',
                    'gen_ai.system_instructions': JSON.stringify([{ type: 'text', content: 'Be brief' }]),
                    'gen_ai.input.messages': JSON.stringify([
                      { role: 'user', parts: [{ type: 'text', content: 'Q?' }] },
                    ]),
                    'gen_ai.output.messages': JSON.stringify([
                      {
                        role: 'assistant',
                        parts: [{ type: 'tool_call', id: 'c', name: 'search', arguments: { q: 'x' } }],
                      },
                    ]),
                    'gen_ai.usage.input_tokens': '10',
                    'gen_ai.usage.output_tokens': '2',
                  }),
                  span('s2', 's0', 2, {
                    'gen_ai.operation.name': 'execute_tool',
                    'gen_ai.tool.name': 'search',
                    'gen_ai.tool.call.id': 'c',
                    'gen_ai.tool.call.arguments': '{"q":"x"}',
                    'gen_ai.tool.call.result': 'hit',
                  }),
                  span('s3', 's0', 3, {
                    'gen_ai.operation.name': 'chat',
                    'gen_ai.output.messages': JSON.stringify([
                      { role: 'assistant', parts: [{ type: 'text', content: 'A!' }] },
                    ]),
                    'gen_ai.usage.input_tokens': '20',
                    'gen_ai.usage.output_tokens': '3',
                  }),
                ],
              },
            ],
          },
        ],
      },
    ],
  },
  openInference: {
    format: 'opentelemetry',
    container: 'json-lines',
    values: [
      {
        traceId: 'T',
        spanId: 'a',
        name: 'llm',
        startTimeUnixNano: '1',
        attributes: {
          'openinference.span.kind': 'LLM',
          'llm.input_messages.0.message.role': 'user',
          'llm.input_messages.0.message.content': 'Q?',
          'llm.output_messages.0.message.role': 'assistant',
          'llm.output_messages.0.message.tool_calls.0.tool_call.id': 'c',
          'llm.output_messages.0.message.tool_calls.0.tool_call.function.name': 'lookup',
          'llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments': '{"k":1}',
        },
      },
      {
        traceId: 'T',
        spanId: 'b',
        parentSpanId: 'a',
        name: 'lookup',
        startTimeUnixNano: '2',
        attributes: { 'openinference.span.kind': 'TOOL', 'tool.name': 'lookup', 'output.value': 'v' },
      },
      {
        traceId: 'T',
        spanId: 'c',
        parentSpanId: 'a',
        name: 'retriever',
        startTimeUnixNano: '3',
        attributes: {
          'openinference.span.kind': 'RETRIEVER',
          'input.value': '{"query":"Q?"}',
          'retrieval.documents.0.document.content': 'first document',
          'retrieval.documents.1.document.content': 'second document',
        },
      },
    ],
  },
} satisfies Record<string, Fixture> as Readonly<Record<FixtureName, Fixture>>;

export type FixtureName =
  | 'openHandsV0'
  | 'openHandsOutput'
  | 'nebius'
  | 'sweSmithJsonText'
  | 'sweSmithReview'
  | 'agentless'
  | 'openHandsV1'
  | 'miniSweAgent'
  | 'claudeCode'
  | 'claudeStream'
  | 'codexRollout'
  | 'codexOld'
  | 'codexExec'
  | 'geminiApi'
  | 'inspect'
  | 'atif'
  | 'verifiers'
  | 'completionLog'
  | 'shareGpt'
  | 'anthropic'
  | 'chatFile'
  | 'openAiResponse'
  | 'langSmith'
  | 'langfuse'
  | 'otlp'
  | 'openInference';

function span(
  spanId: string,
  parentSpanId: string,
  time: number,
  attributes: Record<string, string>,
): JsonObject {
  return {
    traceId: 'T',
    spanId,
    parentSpanId,
    name: attributes['gen_ai.operation.name'] ?? '',
    startTimeUnixNano: String(time),
    attributes: Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } })),
  };
}
