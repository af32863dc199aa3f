import { describe, expect, it } from 'vitest';
import { estimateCounter } from '../../src/compile/countText.ts';
import { compileTrajectory } from '../../src/compile/compileTrajectory.ts';
import { defaultCompileOptions } from '../../src/compile/options.ts';
import type { JsonValue } from '../../src/core/json.ts';
import { importFile } from '../../src/trajectories/import.ts';
import { memorySource } from '../../src/trajectories/io/sources.ts';
import type { Trajectory } from '../../src/trajectories/schema.ts';

async function runsOf(lines: readonly JsonValue[]): Promise<Trajectory[]> {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const runs: Trajectory[] = [];
  for await (const event of importFile(memorySource('runs.jsonl', new TextEncoder().encode(text)))) {
    if (event.type === 'trajectory') runs.push(event.trajectory);
  }
  return runs;
}

function outcomeOf(run: Trajectory | undefined): ReturnType<typeof compileTrajectory> {
  if (!run) throw new Error('no run was read');
  const options = { ...defaultCompileOptions, acceptUnverified: true, countTokens: false };
  return compileTrajectory(run, { options, counter: estimateCounter, catalog: null, sha256Of: () => '' });
}

function answerOf(run: Trajectory | undefined): string {
  const outcome = outcomeOf(run);
  if ('rejection' in outcome) throw new Error(outcome.rejection.reason);
  return outcome.example.answer;
}

interface Exchange {
  readonly tool: string;
  readonly args: JsonValue;
  readonly result: string;
}

/** What becomes of a chat run of calls and their results. */
async function outcomeOfCalls(
  exchanges: readonly Exchange[],
  fields: Readonly<Record<string, JsonValue>> = {},
): Promise<ReturnType<typeof compileTrajectory>> {
  const calls = exchanges.flatMap(({ tool, args, result }, index): JsonValue[] => {
    const id = `c${index}`;
    const call = { id, type: 'function', function: { name: tool, arguments: JSON.stringify(args) } };
    return [
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: id, content: result },
    ];
  });
  const ends = (role: string, content: string): JsonValue => ({ role, content });
  const messages = [ends('user', 'Repair it.'), ...calls, ends('assistant', 'Done.')];
  const [run] = await runsOf([{ id: 'r', messages, ...fields }]);
  return outcomeOf(run);
}

const item = (payload: JsonValue, type = 'response_item'): JsonValue => ({ timestamp: 't', type, payload });
const said = (role: string, text: string): JsonValue =>
  item({ type: 'message', role, content: [{ type: role === 'user' ? 'input_text' : 'output_text', text }] });
const patch = [
  '*** Begin Patch',
  '*** Update File: pkg/a.py',
  '@@ def f():',
  ' def f():',
  '-    return 1',
  '+    return 2',
  '@@',
  '-x = 3',
  '+x = 4',
  '*** Add File: pkg/new.py',
  '+y = 1',
  '*** Delete File: pkg/old.py',
  '*** End Patch',
].join('\n');

/** A Codex session that reads a file and gives `apply_patch` in one of its forms. */
const session = (change: JsonValue): JsonValue[] => [
  item({ id: 's', cwd: '/repo', originator: 'codex', cli_version: '1' }, 'session_meta'),
  item({ type: 'user_message', message: 'f should return 2' }, 'event_msg'),
  said('user', 'f should return 2'),
  item({
    ...{ type: 'function_call', name: 'shell', call_id: 'c1' },
    arguments: JSON.stringify({ command: ['bash', '-lc', 'cat pkg/a.py'] }),
  }),
  item({
    ...{ type: 'function_call_output', call_id: 'c1' },
    output: JSON.stringify({ output: 'def f():\n    return 1\n\nx = 3\n', metadata: { exit_code: 0 } }),
  }),
  item(change),
  item({ type: 'function_call_output', call_id: 'c2', output: 'Success.' }),
  said('assistant', 'f returns 2 now.'),
];

describe('the change of a Codex session', () => {
  const forms: readonly [string, JsonValue][] = [
    ['a custom call', { type: 'custom_tool_call', call_id: 'c2', name: 'apply_patch', input: patch }],
    [
      'a command',
      {
        ...{ type: 'function_call', name: 'shell', call_id: 'c2' },
        arguments: JSON.stringify({ command: ['apply_patch', patch] }),
      },
    ],
    [
      'a here-document',
      {
        ...{ type: 'function_call', name: 'shell', call_id: 'c2' },
        arguments: JSON.stringify({ command: ['bash', '-lc', `apply_patch <<'EOF'\n${patch}\nEOF`] }),
      },
    ],
  ];
  it.each(forms)('is rebuilt as a diff from apply_patch given as %s', async (_, change) => {
    const [run] = await runsOf(session(change));
    expect(answerOf(run)).toBe(
      [
        'diff --git a/pkg/a.py b/pkg/a.py',
        '--- a/pkg/a.py',
        '+++ b/pkg/a.py',
        '@@',
        ' def f():',
        '-    return 1',
        '+    return 2',
        '@@',
        '-x = 3',
        '+x = 4',
        'diff --git a/pkg/new.py b/pkg/new.py',
        '--- /dev/null',
        '+++ b/pkg/new.py',
        '@@ -0,0 +1,1 @@',
        '+y = 1',
        'diff --git a/pkg/old.py b/pkg/old.py',
        'deleted file mode 100644',
        '--- a/pkg/old.py',
        '+++ /dev/null',
      ].join('\n'),
    );
  });
});

const cat = (path: string, text: string): Exchange => ({
  tool: 'bash',
  args: { command: `cat ${path}` },
  result: text,
});

describe('the change of an editor without a patch in the log', () => {
  const source = 'import os\n\ndef add(a, b):\n    return a - b\n';
  const file = '/testbed/foo.py';
  const edit = (args: Readonly<Record<string, JsonValue>>, result = 'The file was edited.'): Exchange => ({
    tool: 'str_replace_editor',
    args: { path: file, ...args },
    result,
  });
  const replace = (before: string, after: string, result?: string): Exchange =>
    edit({ command: 'str_replace', old_str: before, new_str: after }, result);
  const numbered = (text: string, first = 1): string =>
    text.replace(/^/gm, () => `${String(first++).padStart(6)}\t`);
  const view = (text: string, first = 1): Exchange =>
    edit(
      { command: 'view', ...(first > 1 ? { view_range: [first, -1] } : {}) },
      `Here's the result of running \`cat -n\` on ${file}:\n${numbered(text.trimEnd(), first)}\n`,
    );
  const shell = (command: string, result = ''): Exchange => ({ tool: 'bash', args: { command }, result });
  const repair = replace('    return a - b', '    return a + b');
  const repaired = '@@\n-    return a - b\n+    return a + b';

  /** The hunks of the answer, or why there is none. */
  async function hunksOf(...calls: Exchange[]): Promise<string> {
    const outcome = await outcomeOfCalls(calls);
    if ('rejection' in outcome) return `${outcome.rejection.code}: ${outcome.rejection.reason}`;
    const head = 'diff --git a/foo.py b/foo.py\n--- a/foo.py\n+++ b/foo.py\n';
    expect(outcome.example.answer.slice(0, head.length)).toBe(head);
    return outcome.example.answer.slice(head.length);
  }

  it.each([
    'No replacement was performed, old_str `x` did not appear verbatim in /testbed/foo.py.',
    '<tool_use_error>String to replace not found in file.</tool_use_error>',
    'Error: no such text',
  ])('leaves out edits that their tool refused: %s', async (refusal) => {
    expect(await hunksOf(view(source), replace('import sys', 'import evil', refusal), repair)).toBe(repaired);
  });

  it('leaves out edits that were undone', async () => {
    const wrong = replace('    return a - b', '    return a * b');
    const undo = edit({ command: 'undo_edit' }, 'Last edit undone.');
    expect(await hunksOf(view(source), wrong, undo, repair)).toBe(repaired);
  });

  it('has insertions, with the lines that the run shows around them', async () => {
    const insert = edit({ command: 'insert', insert_line: 1, new_str: 'import sys' });
    expect(await hunksOf(view(source), replace('import os', 'import os, re'), insert)).toBe(
      '@@ -1,4 +1,5 @@\n-import os\n+import os, re\n+import sys\n \n def add(a, b):\n     return a - b',
    );
    const far = edit({ command: 'insert', insert_line: 41, new_str: '    # sum' });
    expect(await hunksOf(view('def add(a, b):\n    return a - b', 41), far)).toBe(
      '@@ -41,2 +41,3 @@\n def add(a, b):\n+    # sum\n     return a - b',
    );
    expect(await hunksOf(view('def add(a, b):\n    return a - b', 41), insert)).toMatch(
      /^patch-incomplete: /,
    );
  });

  it('is the difference where a file was shown whole and written anew', async () => {
    const write = (path: string): Exchange => ({
      tool: 'write_file',
      args: { file_path: path, content: source.replace('-', '+') },
      result: 'Successfully wrote.',
    });
    const difference =
      '@@ -1,4 +1,4 @@\n import os\n \n def add(a, b):\n-    return a - b\n+    return a + b';
    expect(await hunksOf(view(source), write(file))).toBe(difference);
    expect(await hunksOf(cat(file, source), write(file))).toBe(difference);
    expect(await hunksOf(view(source, 2), write(file))).toMatch(/^patch-incomplete: /);
  });

  it('is not taken for whole where a command changed a file too', async () => {
    for (const result of ['', 'Error: 1 test failed']) {
      const changed = shell(`sed -i 's/os/sys/' ${file} /testbed/b.py && pytest -q`, result);
      expect(await hunksOf(view(source), repair, changed)).toMatch(/^patch-incomplete: foo.py/);
    }
    const outcome = await outcomeOfCalls([
      view(source),
      repair,
      shell('cat > /tmp/x/t.py <<E\nadd(1, 2)\nE'),
    ]);
    expect(outcome).toMatchObject({
      example: { flags: expect.arrayContaining(['patch-incomplete']) as unknown },
    });
  });
});

describe('files of one name', () => {
  const open = (path: string, name: string): Exchange => ({
    tool: 'read_file',
    args: { file_path: path },
    result: `{\n  "name": "${name}",\n  "version": "1.0.0"\n}\n`,
  });
  const patchOf = (path: string): string =>
    `diff --git a/${path} b/${path}\n--- a/${path}\n+++ b/${path}\n@@ -1,4 +1,4 @@\n {\n   "name": "main",\n-  "version": "1.0.0"\n+  "version": "1.0.1"\n }\n`;
  const pieces = async (path: string, ...opened: Exchange[]): Promise<string[] | string> => {
    const outcome = await outcomeOfCalls(opened, { model_patch: patchOf(path) });
    if ('rejection' in outcome) return outcome.rejection.code;
    return outcome.example.evidence.map(({ role, title }) => `${role} ${title}`).sort();
  };

  it.each(['package.json', 'src/package.json'])('are told apart: only %s itself is gold', async (path) => {
    const other = open(`/testbed/packages/ui/${path}`, 'ui');
    const main = open(`/testbed/${path}`, 'main');
    expect(await pieces(path, other, main)).toEqual([`distractor packages/ui/${path}`, `gold ${path}`]);
    expect(await pieces(path, other)).toBe('patched-file-not-opened');
  });

  it('are one file where the repository lies in an unknown folder and one path alone ends alike', async () => {
    const main = cat('/opt/x/src/package.json', open('', 'main').result);
    expect(await pieces('src/package.json', main)).toEqual(['gold src/package.json']);
    const other = cat('/opt/x/packages/ui/src/package.json', open('', 'ui').result);
    expect(await pieces('src/package.json', main, other)).toBe('patched-file-not-opened');
  });
});

describe('one apply_patch', () => {
  it('may change two files of one name', async () => {
    const hunk = (path: string): string => `*** Update File: ${path}\n@@\n-version = 1\n+version = 2\n`;
    const both = `*** Begin Patch\n${hunk('lib/a.py')}${hunk('a.py')}*** End Patch`;
    const outcome = await outcomeOfCalls([
      cat('/testbed/a.py', 'version = 1\nname = 1\n'),
      cat('/testbed/lib/a.py', 'version = 1\nname = 2\n'),
      { tool: 'apply_patch', args: { patch: both }, result: 'Success.' },
    ]);
    if ('rejection' in outcome) throw new Error(outcome.rejection.reason);
    expect(outcome.example.answer.match(/^diff .*$/gm)).toEqual([
      'diff --git a/lib/a.py b/lib/a.py',
      'diff --git a/a.py b/a.py',
    ]);
  });
});

describe('turns of their own for calls', () => {
  it('are calls: ShareGPT with function_call and observation is a search run', async () => {
    const [run] = await runsOf([
      {
        conversations: [
          { from: 'human', value: 'Who built the tower of Zed?' },
          { from: 'function_call', value: '{"name": "search", "arguments": {"query": "tower of Zed"}}' },
          {
            from: 'observation',
            value: '[{"title": "Tower", "url": "https://zed.example/t", "content": "built by Ann Lee"}]',
          },
          { from: 'gpt', value: 'Ann Lee' },
        ],
      },
    ]);
    expect(run).toMatchObject({ kind: { kind: 'search' }, tools: { search: 1 } });
    expect(answerOf(run)).toBe('Ann Lee');
  });

  it('are not needed by Agentless: its stages are software runs, with the issue as their question', async () => {
    const prompt =
      'Look through this.\n### GitHub Problem Description ###\nf is wrong\n###\n### Repository Structure ###\na.py\n###';
    const [run] = await runsOf([
      { instance_id: 'o__r-1', found_files: ['a.py'], file_traj: { prompt, response: '```\na.py\n```' } },
    ]);
    expect(run).toMatchObject({ kind: { kind: 'swe' }, task: { text: 'f is wrong' } });
  });
});
