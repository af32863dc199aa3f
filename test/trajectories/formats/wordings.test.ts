import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { importFile } from '../../../src/trajectories/import.ts';
import { memorySource } from '../../../src/trajectories/io/sources.ts';
import type { Trajectory } from '../../../src/trajectories/schema.ts';
import { parsePythonLiteral } from '../../../src/trajectories/blocks/pythonLiteral.ts';

/** The first trajectory of a file that holds these values, one a line. */
async function read(...values: JsonValue[]): Promise<Trajectory> {
  const text = values.map((value) => JSON.stringify(value)).join('\n');
  for await (const event of importFile(memorySource('run.jsonl', new TextEncoder().encode(text)))) {
    if (event.type === 'trajectory') return event.trajectory;
  }
  throw new Error('no trajectory');
}

const documents = ({ documents: seen }: Trajectory): string[] =>
  seen.map(({ how, key, lines }) => `${how} ${key}${lines ? ` ${lines.first}-${lines.last}` : ''}`);

const item = (payload: JsonValue): JsonValue => ({ timestamp: 't', type: 'response_item', payload });
const meta = { timestamp: 't', type: 'session_meta', payload: { id: 's', cwd: '/w' } };
const ask = (text: string): JsonValue =>
  item({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] });
const edit = '*** Begin Patch\n*** Update File: a.py\n@@\n-x = 1\n+x = 2\n*** End Patch';

describe('wordings of the same formats in the wild', () => {
  it('Codex puts lines about the command before its output', async () => {
    const run = await read(
      meta,
      ask('Fix a.py'),
      item({ type: 'function_call', name: 'exec_command', arguments: '{"cmd":"cat a.py"}', call_id: 'c' }),
      item({
        type: 'function_call_output',
        call_id: 'c',
        output: 'Chunk ID: 1f\nWall time: 0.1 seconds\nProcess exited with code 0\nOutput:\nx = 1\ny = 2\n',
      }),
    );
    const result = run.steps.find((step) => step.type === 'toolResult');
    expect(result).toMatchObject({ text: 'x = 1\ny = 2\n', isError: false });
    expect(documents(run)).toEqual(['opened a.py 1-2']);
  });

  it.each([
    ['a word of its own', ['apply_patch', edit]],
    ['a here-document', ['bash', '-lc', `apply_patch <<'EOF'\n${edit}\nEOF`]],
  ])('Codex gives apply_patch to the shell as %s', async (_, command) => {
    const run = await read(
      meta,
      ask('Fix a.py'),
      item({ type: 'function_call', name: 'shell', arguments: JSON.stringify({ command }), call_id: 'c' }),
      item({ type: 'function_call_output', call_id: 'c', output: 'Success.' }),
    );
    expect(documents(run)).toEqual(['edited a.py']);
    const [{ span } = { span: null }] = run.documents;
    const word = command.findIndex((one) => one.includes('***'));
    expect(span?.path).toBe(`/payload/arguments/!json/command/${word}`);
    expect(command[word]?.slice(span?.start, span?.end)).toBe('*** Update File: a.py\n@@\n-x = 1\n+x = 2');
  });

  it('SWE-agent writes editor calls as command lines: viewing is not editing', async () => {
    const run = await read({
      trajectory: [
        {
          action: 'str_replace_editor view /testbed/a.py',
          observation: "Here's the result of running `cat -n` on /testbed/a.py:\n     1\tx = 1\n",
          response: 'look',
          thought: 'look',
        },
      ],
      history: [],
      info: {},
    });
    expect(documents(run)).toEqual(['opened a.py 1-1']);
  });

  it('Hermes data sets print calls as Python dictionaries', async () => {
    const run = await read({
      conversations: [
        { from: 'human', value: 'What are tides?' },
        {
          from: 'gpt',
          value:
            "<tool_call>\n{'arguments': {'url': 'https://e.org/it\\'s'}, 'name': 'get_article'}\n</tool_call>",
        },
        { from: 'tool', value: '<tool_response>\nTides are the rise and fall of the sea.\n</tool_response>' },
      ],
    });
    expect(run.tools).toEqual({ get_article: 1 });
    expect(run.steps.find((step) => step.type === 'toolCall')).toMatchObject({
      arguments: { url: "https://e.org/it's" },
    });
  });

  it('verifiers keeps each call of a message as JSON text', async () => {
    const call = { id: 'c', type: 'function', function: { name: 'search', arguments: '{"query":"Ada"}' } };
    const run = await read({
      prompt: [{ role: 'user', content: 'Who was Ada?' }],
      completion: [
        { role: 'assistant', content: '', tool_calls: [JSON.stringify(call)] },
        { role: 'tool', tool_call_id: 'c', content: 'A mathematician of the 19th century.' },
      ],
      answer: 'x',
      reward: 1,
    });
    expect(run.steps.find((step) => step.type === 'toolResult')).toMatchObject({
      name: 'search',
      callStep: 1,
    });
  });

  it('Search-R1 puts the question on the last line of its instructions, and brackets into titles', async () => {
    const run = await read({
      prompt:
        'Answer the given question. Put it in <answer>. For example, <answer> B </answer>. Question: who?\n',
      response:
        '<search> x </search>\n<information>Doc 1(Title: "Guernica (Picasso)") A painting.\nDoc 2(Title: "B") Two.</information>\n<answer> P </answer>',
    });
    expect(run.task?.text).toBe('who?');
    expect(run.documents.map(({ title }) => title)).toEqual(['Guernica (Picasso)', 'B']);
  });

  it('a Spider-Agent result is not taken for SWE-agent', async () => {
    const run = await read({
      Task: 'How many?',
      finished: true,
      trajectory: [
        { observation: 'folder', thought: 't', action: 'LOCAL_DB_SQL(command="SELECT 1")', response: 'r' },
      ],
    });
    expect([run.format, run.task?.text]).toEqual(['spider-agent', 'How many?']);
  });

  it('results kept as objects are pointed into', async () => {
    const content = 'Kim is a novel by Rudyard Kipling, first published in 1900, set in British India.';
    const run = await read({
      id: 't',
      name: 'agent',
      input: 'Who wrote Kim?',
      output: 'Kipling',
      observations: [
        {
          ...{ id: 'o', type: 'TOOL', name: 'search', startTime: '1', input: { q: 'Kim' } },
          output: { results: [{ title: 'Kim', url: 'https://e.org/kim', content }] },
        },
      ],
    });
    expect(documents(run)).toEqual(['returned e.org/kim']);
    expect(run.documents[0]?.span).toMatchObject({
      path: '/observations/0/output/results/0/content',
      start: 0,
      end: content.length,
    });
  });
});

describe('Python literals', () => {
  it.each([
    ["{'a': [1, -2.5, None, True], \"b\": ('x', )}", { a: [1, -2.5, null, true], b: ['x'] }],
    ["{'s': 'it\\'s\\n\\x41\\u00e9'}", { s: "it's\nAé" }],
  ])('%s', (text, value) => expect(parsePythonLiteral(text)).toEqual(value));

  it.each(["{'a': f()}", "{'a'", "'open", '{1: }', '[1 2]', '\\', `${'['.repeat(9999)}`])('not %#', (text) =>
    expect(parsePythonLiteral(text)).toBeUndefined(),
  );
});
