import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { outline } from '../blocks/provenance.ts';
import { expectTraced, readValues } from './reading.ts';

/** The only run of records that are read by this format, with its texts where they say. */
function only(format: string, values: readonly JsonValue[], container?: 'json-array') {
  const reading = readValues(values, container);
  expect(reading.format).toBe(format);
  expectTraced(reading);
  expect(reading.runs).toHaveLength(1);
  return reading.runs[0]!;
}

describe('LangChain agents', () => {
  it('give pairs of action and observation; the log of a ReAct agent begins with its thought', () => {
    const run = only('langchain-agent', [
      {
        input: 'Q',
        output: 'A',
        intermediate_steps: [
          [
            { tool: 'search', tool_input: 'x', log: 'I should search.\nAction: search\nAction Input: x' },
            [{ url: 'https://a.org', content: 'hit' }],
          ],
          [
            {
              lc: 1,
              type: 'constructor',
              id: ['langchain', 'schema', 'agent', 'ToolAgentAction'],
              kwargs: {
                tool: 'open',
                tool_input: { url: 'u' },
                log: '\nInvoking: `open`',
                tool_call_id: 'c',
              },
            },
            'page',
          ],
        ],
        reference: 'gold',
      },
    ]);
    expect(outline(run.steps)).toEqual([
      '-1 user: Q',
      '0 reasoning: I should search.',
      '0 call search: x',
      '0 result of search: [{"url":"https://a.org","content":"hit"}]',
      '1 call open: {"url":"u"}',
      '1 result of open: page',
      '2 assistant: A',
    ]);
    expect(run.groundTruth).toMatchObject({ values: ['gold'], via: 'reference' });
  });
});

describe('DSPy ReAct', () => {
  it('numbers the fields of a trajectory; `answer` is the prediction', () => {
    const run = only('dspy-react', [
      {
        question: 'Q',
        trajectory: {
          thought_0: 'Search.',
          tool_name_0: 'search',
          tool_args_0: { q: 'x' },
          observation_0: 'Execution error in search: timeout',
          tool_name_1: 'finish',
          tool_args_1: {},
          observation_1: 'Completed.',
        },
        reasoning: 'Known.',
        answer: 'A',
        target: 'gold',
      },
    ]);
    expect(outline(run.steps)).toEqual([
      '-1 user: Q',
      '0 reasoning: Search.',
      '0 call search: {"q":"x"}',
      '0 result of search (error): Execution error in search: timeout',
      '1 call finish: {}',
      '1 result of finish: Completed.',
      '2 reasoning: Known.',
      '2 assistant: A',
    ]);
    expect(run.finalAnswer).toMatchObject({ text: 'A', at: { path: '/answer' } });
    expect(run.groundTruth).toMatchObject({ values: ['gold'], via: 'target' });
  });
});

describe('Cline', () => {
  const said = (role: string, ...texts: string[]): JsonValue => ({
    role,
    content: texts.map((text) => ({ type: 'text', text })),
  });

  it('writes calls as tags named after the tool; a result stands behind its line or in the next part', () => {
    const run = only(
      'cline',
      [
        said('user', '<task>\nFix the bug\n</task>', '<environment_details>x</environment_details>'),
        said(
          'assistant',
          '<thinking>Hm.</thinking>\nI use <b>.\n\n<read_file>\n<path>a.py</path>\n</read_file>',
        ),
        said(
          'user',
          "[read_file for 'a.py'] Result:",
          'x = 1\n',
          '<environment_details>x</environment_details>',
        ),
        said(
          'assistant',
          '<write_to_file>\n<path>a.html</path>\n<content>\n<content>1</content>\n</content>\n</write_to_file>',
        ),
        said('user', "[write_to_file for 'a.html'] Result:\n\nThe tool execution failed"),
        said('assistant', '<attempt_completion>\n<result>\nFixed.\n</result>\n</attempt_completion>'),
      ],
      'json-array',
    );
    expect(outline(run.steps)).toEqual([
      '-1 user: <task>\nFix the bug\n</task>',
      '-1 user (injected): <environment_details>x</environment_details>',
      '0 reasoning: Hm.',
      '0 assistant: I use <b>.',
      '0 call read_file: \n<path>a.py</path>\n',
      '0 result of read_file: x = 1\n',
      '0 user (injected): <environment_details>x</environment_details>',
      expect.stringContaining('1 call write_to_file: '),
      '1 result of write_to_file (error): \nThe tool execution failed',
      expect.stringContaining('2 call attempt_completion: '),
    ]);
    expect(run.steps[7]).toMatchObject({ arguments: { path: 'a.html', content: '<content>1</content>' } });
    expect(run.task?.text).toBe('Fix the bug');
    expect(run.finalAnswer?.text).toBe('Fixed.');
  });

  it('leaves results that stay away empty', () => {
    const run = only(
      'cline',
      [
        said('user', 'Q'),
        said('assistant', '<list_files>\n<path>.</path>\n</list_files>'),
        said('user', "[list_files for '.'] Result:", '<environment_details>x</environment_details>'),
      ],
      'json-array',
    );
    expect(outline(run.steps).slice(2)).toEqual([
      '0 result of list_files: ',
      '0 user (injected): <environment_details>x</environment_details>',
    ]);
  });
});
