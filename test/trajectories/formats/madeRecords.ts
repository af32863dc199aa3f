import type { JsonValue } from '../../../src/core/json.ts';

/** Formats without recorded files: small records made by hand after the documents of their programs. */
export const madeRecords: readonly {
  readonly name: string;
  readonly format: string;
  readonly value: JsonValue;
  readonly kind: string;
  readonly task: string | null;
  readonly answer: string | null;
  readonly success: boolean | null;
  readonly documents: readonly string[];
  readonly tables: readonly string[];
}[] = [
  {
    name: 'Tongyi DeepResearch',
    format: 'tongyi-deepresearch',
    value: {
      question: 'Which river crosses Alba?',
      answer: 'Tanaro',
      prediction: 'Tanaro',
      termination: 'answer',
      messages: [
        { role: 'system', content: 'You are a researcher.' },
        { role: 'user', content: 'Which river crosses Alba?' },
        {
          role: 'assistant',
          content:
            '<think>Search.</think>\n<tool_call>\n{"name": "search", "arguments": {"query": ["Alba river"]}}\n</tool_call>',
        },
        {
          role: 'user',
          content:
            "<tool_response>\nA Google search for 'Alba river' found 1 results:\n\n## Web Results\n1. [Alba, Piedmont](https://example.org/alba)\n\nAlba lies on the Tanaro.\n</tool_response>",
        },
        { role: 'assistant', content: '<think>Done.</think><answer>Tanaro</answer>' },
      ],
    },
    kind: 'search',
    task: 'Which river crosses Alba?',
    answer: 'Tanaro',
    success: null,
    documents: ['returned example.org/alba'],
    tables: [],
  },
  {
    name: 'Search-R1 in one text',
    format: 'search-r1',
    value: {
      id: 'q1',
      golden_answers: ['Paris'],
      reward: 1,
      response:
        'Answer the question with <search> tools.\nQuestion: Capital of France?\n<think>look</think><search>capital of France</search>\n<information>Doc 1(Title: "France") Paris is the capital of France.\nDoc 2(Title: "Lyon") Lyon is a city of France.\n</information><think>ok</think><answer>Paris</answer>',
    },
    kind: 'search',
    task: 'Capital of France?',
    answer: 'Paris',
    success: true,
    documents: ['returned france', 'returned lyon'],
    tables: [],
  },
  {
    name: 'ASearcher pages',
    format: 'search-r1',
    value: {
      prompt: 'Who wrote Emma?',
      output:
        '<search>Emma novel author</search><information>1. [Emma](https://example.org/emma)\nA novel of 1815.</information><access>https://example.org/emma</access><page>Emma was written by Jane Austen in 1815, her fourth novel.</page><answer>Jane Austen</answer>',
    },
    kind: 'search',
    task: 'Who wrote Emma?',
    answer: 'Jane Austen',
    success: null,
    documents: ['returned example.org/emma', 'visited example.org/emma'],
    tables: [],
  },
  {
    name: 'BrowseComp-Plus',
    format: 'browsecomp-plus',
    value: {
      query_id: 7,
      query: 'Name the bridge.',
      status: 'completed',
      retrieved_docids: ['d1', 'd2'],
      tool_call_counts: { search: 1 },
      result: [
        { type: 'reasoning', output: 'Let me search.' },
        {
          type: 'tool_call',
          tool_name: 'search',
          arguments: '{"query": "old bridge"}',
          output:
            '[{"docid": "d1", "score": 9.1, "snippet": "The old bridge of Este was built of stone in the year 1300."}, {"docid": "d2", "score": 8, "snippet": "Bridges carry roads over water, as everybody who crossed one knows."}]',
        },
        {
          type: 'output_text',
          output: 'Explanation: It is of stone [d1].\nExact Answer: The old bridge of Este\nConfidence: 80%',
        },
      ],
    },
    kind: 'search',
    task: 'Name the bridge.',
    answer: 'The old bridge of Este',
    success: null,
    documents: ['returned d1', 'returned d2'],
    tables: [],
  },
  {
    name: 'MiroThinker with a sub-agent',
    format: 'miroflow',
    value: {
      task_id: 'm-1',
      input: { task_description: 'Find the lake.' },
      ground_truth: 'Como',
      final_boxed_answer: 'Como',
      final_judge_result: 'CORRECT',
      main_agent_message_history: {
        system_prompt: 'Use tools.',
        message_history: [
          { role: 'user', content: 'Find the lake.' },
          {
            role: 'assistant',
            content:
              'I search.\n<use_mcp_tool>\n<server_name>tool-google-search</server_name>\n<tool_name>google_search</tool_name>\n<arguments>\n{"q": "lake shaped like a Y"}\n</arguments>\n</use_mcp_tool>',
          },
          {
            role: 'user',
            content:
              '{"organic": [{"title": "Lake Como", "link": "https://example.org/como", "snippet": "Lake Como has the shape of an inverted letter Y, between Colico and Lecco."}]}',
          },
          { role: 'assistant', content: '\\boxed{Como}' },
        ],
      },
      sub_agent_message_history_sessions: {},
    },
    kind: 'search',
    task: 'Find the lake.',
    answer: 'Como',
    success: true,
    documents: ['returned example.org/como'],
    tables: [],
  },
  {
    name: 'smolagents memory',
    format: 'smolagents-memory',
    value: {
      steps: [
        { task: 'How tall is the tower?' },
        {
          step_number: 1,
          model_output: 'Thought: search it.\n<code>\nprint(web_search("tower height"))\n</code>',
          code_action: 'print(web_search("tower height"))',
          observations:
            '## Search Results\n\n[The tower](https://example.org/tower)\nThe tower is 55 m tall.\n\n[Another](https://example.org/other)\nAnother tower.',
        },
        {
          step_number: 2,
          model_output: 'Done',
          code_action: 'final_answer("55 m")',
          action_output: '55 m',
          is_final_answer: true,
        },
      ],
    },
    kind: 'search',
    task: 'How tall is the tower?',
    answer: '55 m',
    success: null,
    documents: ['returned example.org/tower', 'returned example.org/other'],
    tables: [],
  },
  {
    name: 'smolagents GAIA',
    format: 'smolagents-gaia',
    value: {
      task_id: 'g1',
      question: 'What colour?',
      prediction: 'blue',
      true_answer: 'blue',
      agent_error: null,
      intermediate_steps: [
        {
          step_number: 1,
          model_output: 'x',
          tool_calls: [{ id: 'c', name: 'visit_webpage', arguments: { url: 'https://example.org/x' } }],
          observations: 'The page says that the door is blue.',
        },
      ],
    },
    kind: 'search',
    task: 'What colour?',
    answer: 'blue',
    success: null,
    documents: ['visited example.org/x'],
    tables: [],
  },
  {
    name: 'Spider-Agent lite',
    format: 'spider-agent',
    value: {
      Task: 'Count the shops.',
      finished: true,
      steps: 2,
      result: '12',
      trajectory: [
        {
          observation: 'You are in the folder now.',
          thought: 'Query.',
          action:
            'LOCAL_DB_SQL(file_path="shops.sqlite", command="SELECT COUNT(*) FROM shops s JOIN towns t ON s.town = t.id", output="direct")',
          response: '…',
        },
        { observation: 'count\n12', thought: 'Done.', action: 'Terminate(output="12")', response: '…' },
      ],
    },
    kind: 'sql',
    task: 'Count the shops.',
    answer: '12',
    success: null,
    documents: [],
    tables: ['shops', 'towns'],
  },
  {
    name: 'AgentBench dbbench run',
    format: 'agentbench',
    value: {
      index: 3,
      output: {
        index: 3,
        status: 'completed',
        result: { answer: ['Rome'] },
        history: [
          { role: 'user', content: 'I will ask you about a MySQL database…' },
          { role: 'agent', content: 'Ok.' },
          { role: 'user', content: 'Where is the fair? The table is `Fairs`.' },
          { role: 'agent', content: 'Action: Operation\n```sql\nSELECT `City` FROM `Fairs`;\n```' },
          { role: 'user', content: "[('Rome',)]" },
          { role: 'agent', content: 'Action: Answer\nFinal Answer: ["Rome"]' },
        ],
      },
    },
    kind: 'sql',
    task: 'Where is the fair? The table is `Fairs`.',
    answer: '["Rome"]',
    success: null,
    documents: [],
    tables: ['Fairs'],
  },
  {
    name: 'AgentBench operating-system run',
    format: 'agentbench',
    value: {
      index: 1,
      output: {
        status: 'completed',
        history: [
          { role: 'user', content: 'What does /etc/motd say?' },
          { role: 'agent', content: 'Think: look.\n\nAct: bash\n\n```bash\ncat /etc/motd\n```' },
          { role: 'user', content: 'Welcome to the machine.' },
          { role: 'agent', content: 'Act: finish\nFinal Answer: Welcome' },
        ],
      },
    },
    kind: 'swe',
    task: 'What does /etc/motd say?',
    answer: 'Welcome',
    success: null,
    documents: ['opened /etc/motd'],
    tables: [],
  },
  {
    name: 'BIRD mini-dev predictions',
    format: 'bird-mini-dev',
    value: { '0': 'SELECT name FROM schools\t----- bird -----\tcalifornia_schools' },
    kind: 'sql',
    task: null,
    answer: 'SELECT name FROM schools',
    success: null,
    documents: [],
    tables: ['schools'],
  },
  {
    name: 'ACC dataset row',
    format: 'acc-dataset',
    value: {
      dialogs: [
        {
          role: 'user',
          content:
            'Please reason based on the following documents and answer the question.\n\nDocument…\n\nQuestion: Who built it?',
        },
        { role: 'assistant', content: 'The documents say so. \\boxed{Anna}' },
      ],
      ground_truth_answer: 'Anna',
      context_length: '100k',
    },
    kind: 'other',
    task: 'Who built it?',
    answer: 'Anna',
    success: true,
    documents: [],
    tables: [],
  },
  {
    name: 'LongTraceRL row',
    format: 'longtrace-rl',
    value: {
      source: 'longqa',
      input_messages: [{ role: 'user', content: 'Documents:\n<section>…</section>\nQuestion: Which gulf?' }],
      label: 'the Solent',
      metadata: { extra_reward_info: { question: 'Which strait?' } },
    },
    kind: 'search',
    task: 'Which strait?',
    answer: null,
    success: null,
    documents: [],
    tables: [],
  },
  {
    name: 'ADP std',
    format: 'adp-std',
    value: {
      id: 'adp-1',
      content: [
        { class_: 'text_observation', content: 'Fix the typo in README.md', source: 'user' },
        { class_: 'code_action', language: 'bash', content: 'cat README.md', description: 'I look.' },
        { class_: 'text_observation', content: 'Helo world, this is the file.', source: 'environment' },
        { class_: 'message_action', content: 'Fixed.', description: null },
      ],
      details: { resolved: 'True' },
    },
    kind: 'swe',
    task: 'Fix the typo in README.md',
    answer: 'Fixed.',
    success: true,
    documents: ['opened README.md'],
    tables: [],
  },
  {
    name: 'InterCode with meta and logs',
    format: 'intercode-sql',
    value: {
      meta: { model: 'x' },
      logs: {
        '4': {
          environment: 'ic_sql',
          query: 'How many?',
          gold: 'SELECT count(*) FROM a',
          reward: 1,
          trajectory: [
            { action: 'select count(*) from a', observation: '(3,)' },
            { action: 'submit', observation: '' },
          ],
        },
      },
    },
    kind: 'sql',
    task: 'How many?',
    answer: 'select count(*) from a',
    success: true,
    documents: [],
    tables: ['a'],
  },
];
