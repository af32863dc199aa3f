import { describe, expect, it } from 'vitest';
import { templateTurns } from '../../../src/trajectories/blocks/templateTurns.ts';
import { outline } from '../blocks/provenance.ts';
import { importLines, importRun, importText } from './importing.ts';

const rules =
  'Answer the given question. Search by <search> query </search>; results stand in <information>. For example, <answer> Rome </answer>. Question: ';
const question = 'Which lake feeds the Orla?';
const searched =
  '<think>look</think>\n<search>source of the Orla</search>\n\n<information>Doc 1(Title: "Orla") The Orla leaves lake Mirn.\n</information>\n<answer>lake Mirn</answer>';
const steps = [
  '0 reasoning: look',
  '0 call search: source of the Orla',
  '0 result of search: Doc 1(Title: "Orla") The Orla leaves lake Mirn.',
  '1 assistant: <answer>lake Mirn</answer>',
];

describe('rollouts of search training', () => {
  it.each([
    ['decoded without special tokens', `user\n${rules}${question}\n\nassistant\n`],
    ['behind other instructions', `user\nYou are helpful. ${rules}${question}\n\nassistant\n`],
    [
      'with the marks of ChatML',
      `<|im_start|>user\n${rules}${question}\n<|im_end|>\n<|im_start|>assistant\n`,
    ],
    [
      'with a question in a line of its own',
      `<|im_start|>user\nQuestion: ${question}<|im_end|>\n<|im_start|>assistant\n`,
    ],
  ])('verl dumps the prompt %s: the question is cut out of it', async (_, input) => {
    const run = await importRun({ input, output: searched, gts: { target: ['Mirn'] }, score: 1, step: 20 });
    expect(run.format).toBe('search-r1');
    expect(run.task?.text).toBe(question);
    expect(outline(run.steps).slice(1)).toEqual(steps);
    expect(run.groundTruth?.values).toEqual(['Mirn']);
    expect(run.outcome).toMatchObject({ success: true, reward: 1 });
  });

  it('prompt and rollout in one text are parted at the mark of the model', async () => {
    const run = await importRun({
      sequences_str: `<|im_start|>user\n${rules}${question}\n<|im_end|>\n<|im_start|>assistant\n${searched}<|im_end|>`,
      reward: 0,
    });
    expect(run.task?.text).toBe(question);
    expect(outline(run.steps).slice(1)).toEqual(steps);
    expect(run.outcome.success).toBe(false);
  });

  it('a reward between 0 and 1 (F1) is no verdict', async () => {
    const run = await importRun({ prompt: question, response: searched, score: 0.5 });
    expect(run.outcome).toEqual({
      success: null,
      reward: 0.5,
      reason: 'score = 0.5 (partial: neither pass nor fail)',
    });
  });

  it('accepted answers as Python printed them are read', async () => {
    const gts = "{'target': array(['Mirn', 'Lake Mirn'], dtype=object)}";
    const run = await importRun({ prompt: question, response: searched, gts });
    expect(run.groundTruth).toMatchObject({ values: ['Mirn', 'Lake Mirn'], via: 'gts' });
  });

  it('Search-o1 and WebThinker call by special tokens', async () => {
    const run = await importRun({
      item: { Question: question, answer: 'Mirn' },
      prompt: `<|im_start|>user\nYou can search. Question:\n${question}<|im_end|>\n<|im_start|>assistant\n<think>\n`,
      output:
        'I look.\n<|begin_search_query|>Orla<|end_search_query|>\n\n<|begin_search_result|>The Orla leaves lake Mirn.<|end_search_result|>\n\n\\boxed{Mirn}',
      Metrics: { em: 1, f1: 1 },
    });
    expect([run.format, run.task?.text, run.task?.at?.path]).toEqual([
      'search-r1',
      question,
      '/item/Question',
    ]);
    expect(outline(run.steps).slice(1)).toEqual([
      '0 assistant: I look.',
      '0 call search: Orla',
      '0 result of search: The Orla leaves lake Mirn.',
      '1 assistant: \\boxed{Mirn}',
    ]);
    expect([run.finalAnswer?.text, run.groundTruth?.via, run.outcome.success]).toEqual([
      'Mirn',
      'item.answer',
      true,
    ]);
  });

  it('R1-Searcher searches inside of its thought', async () => {
    const run = await importRun({
      question,
      gen_text_store:
        '<think>\nI look.<|begin_of_query|> Orla<|end_of_query|>\n\n<|begin_of_documents|>\n(1)The Orla leaves lake Mirn.\n<|end_of_documents|>\n\nFound.\n</think>\n<answer> Mirn </answer>',
    });
    expect(outline(run.steps)).toEqual([
      `-1 user: ${question}`,
      '0 reasoning: I look.',
      '0 call search: Orla',
      '0 result of search: (1)The Orla leaves lake Mirn.',
      '1 reasoning: Found.',
      '1 assistant: <answer> Mirn </answer>',
    ]);
  });

  it('agent foundation models search, open and are answered in one message', async () => {
    const run = await importRun({
      messages: [
        { role: 'system', content: 'You can call <web_search> and <crawl_page>.' },
        { role: 'user', content: question },
        {
          role: 'assistant',
          content:
            '<web_search>Orla</web_search><observation>orla.example</observation>\n<crawl_page>orla.example</crawl_page><observation>It leaves lake Mirn.</observation>\n<answer>Mirn</answer>',
        },
      ],
    });
    expect(outline(run.steps).slice(1, 5)).toEqual([
      '0 call web_search: Orla',
      '0 result of web_search: orla.example',
      '1 call crawl_page: orla.example',
      '1 result of crawl_page: It leaves lake Mirn.',
    ]);
  });
});

describe('runs kept as one text of a chat template', () => {
  const call = '<tool_call>\n{"name": "search", "arguments": {"query": "Orla"}}\n</tool_call>';
  const page = 'Orla\nuser\nassistant\nIt leaves lake Mirn.';
  const response = `<tool_response>\n${page}\n</tool_response>`;
  const read = [
    '-1 system: You may search.',
    `-1 user: ${question}`,
    '0 reasoning: look',
    '0 call search: {"query": "Orla"}',
    `0 result of search: ${page}`,
    '1 assistant: <answer>Mirn</answer>',
  ];
  const thought = `<think>look</think>\n${call}`;
  const end = '<answer>Mirn</answer>';
  const chatMl = {
    before: `<|im_start|>system\nYou may search.<|im_end|>\n<|im_start|>user\n${question}<|im_end|>\n<|im_start|>assistant\n`,
    after: `${thought}<|im_end|>\n<|im_start|>user\n${response}<|im_end|>\n<|im_start|>assistant\n${end}<|im_end|>`,
  };
  const llama = (role: string, text: string): string =>
    `<|start_header_id|>${role}<|end_header_id|>\n\n${text}<|eot_id|>`;

  it.each([
    [
      'verl, with bare role names',
      {
        input: `system\nYou may search.\nuser\n${question}\nassistant\n`,
        output: `${thought}\nuser\n${response}\nassistant\n${end}`,
        gts: 'Mirn',
        score: 1,
      },
    ],
    [
      'SkyRL',
      {
        input_prompt: chatMl.before,
        output_response: chatMl.after,
        score: [0, 0, 1],
        env_extras: { reward_spec: { ground_truth: { target: ['Mirn'] } } },
      },
    ],
    ['a column of ChatML', { text: chatMl.before + chatMl.after, answer: 'Mirn', reward: 1 }],
    [
      'Llama 3',
      {
        text:
          llama('system', 'You may search.') +
          llama('user', question) +
          llama('assistant', thought) +
          llama('ipython', response) +
          llama('assistant', end),
        answer: 'Mirn',
        reward: 1,
      },
    ],
  ])('%s', async (_, record) => {
    const run = await importRun(record);
    expect(run.format).toBe('rendered-chat');
    expect(outline(run.steps)).toEqual(read);
    expect([run.task?.text, run.finalAnswer?.text, run.groundTruth?.values, run.outcome.success]).toEqual([
      question,
      'Mirn',
      ['Mirn'],
      true,
    ]);
  });

  it('harmony, as gpt-oss goes on from a prompt that is not kept', async () => {
    const run = await importRun({
      question,
      correct: true,
      completion:
        '<|channel|>analysis<|message|>I look.<|end|><|start|>assistant<|channel|>commentary to=functions.search <|constrain|>json<|message|>{"query": "Orla"}<|call|><|start|>functions.search to=assistant<|channel|>commentary<|message|>It leaves lake Mirn.<|end|><|start|>assistant<|channel|>final<|message|>Mirn<|return|>',
    });
    expect(outline(run.steps)).toEqual([
      `-1 user: ${question}`,
      '0 reasoning: I look.',
      '0 call search: {"query": "Orla"}',
      '0 result of search: It leaves lake Mirn.',
      '1 assistant: Mirn',
    ]);
    expect(run.outcome.success).toBe(true);
  });

  it('keystrokes in a text of a template stand where they say, as text that was decoded', async () => {
    const turn = (role: string, text: string): string => `<|im_start|>${role}\n${text}<|im_end|>\n`;
    const run = await importRun({
      text:
        turn('user', 'Fix it.') +
        turn('assistant', '{"analysis": "a", "commands": [{"keystrokes": "ls\\n"}]}') +
        turn('user', 'New Terminal Output:\nutil.py'),
    });
    expect(outline(run.steps).slice(2)).toEqual(['0 call terminal: ls\n', '0 result of terminal: util.py']);
    expect(run.steps[2]).toMatchObject({ range: null, at: { path: '/text' } });
  });

  it('a file that is a chat from its first mark on is read', async () => {
    const { format, runs } = await importText(`<|begin_of_text|>${chatMl.before}${chatMl.after}`, 'run.txt');
    expect([format, runs.length]).toEqual(['rendered-chat', 1]);
    expect(outline(runs[0]!.steps)).toEqual(read);
  });

  it.each([
    ['a document that shows a template', `# Templates\n\n\`\`\`\n${chatMl.before}Hello.<|im_end|>\n\`\`\`\n`],
    ['a prompt that waits for the model', chatMl.before],
  ])('%s is no run', async (_, text) => {
    const { format, runs } = await importText(text, 'notes.md');
    expect([format, runs]).toEqual([null, []]);
  });

  it('texts without marks are none', async () => {
    expect(templateTurns('The user\nasked the assistant\nfor help.')).toEqual([]);
    const { format } = await importLines({ text: 'user guide\n\nassistant\n' });
    expect(format).toBeNull();
  });
});
