import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { outline } from '../blocks/provenance.ts';
import { importLines, importRun, importText } from './importing.ts';

const issue = 'clamp(9, 0, 5) returns 0.';
const file = "Here's the result of running `cat -n` on /testbed/util.py:\n     1\tdef clamp(x):";
const patch = 'diff --git a/util.py b/util.py\n--- a/util.py\n+++ b/util.py\n@@ -1 +1 @@\n-a\n+b\n';

describe('R2E-Gym, as DeepSWE and rLLM write it', () => {
  const step = (thought: string, action: string, observation: string): JsonValue => ({
    ...{ thought, action, observation, done: false },
    ...{ token_usage_prompt: 10, token_usage_completion: 2 },
  });
  const row = (reward: number): JsonObject => ({
    trajectory_steps: [
      step(
        'Read it.',
        '<function=file_editor>\n  <parameter=command>view</parameter>\n  <parameter=path>/testbed/util.py</parameter>\n</function>',
        file,
      ),
      step('', 'search_dir clamp', 'Found 1 match.'),
      step('Done.', '<function=finish>\n</function>', '<<< Finished >>>'),
    ],
    ...{ problem_statement: issue, output_patch: patch, llm_name: 'm-1', exit_reason: 'agent', reward },
    ds: { instance_id: 'o__r-1' },
  });

  it('steps of thought, action and observation, beside issue, patch and reward', async () => {
    const run = await importRun(row(1));
    expect([run.format, run.instanceId, run.model]).toEqual(['r2e-gym', 'o__r-1', 'm-1']);
    expect(outline(run.steps)).toEqual([
      `-1 user: ${issue}`,
      '0 reasoning: Read it.',
      '0 call file_editor: \n  <parameter=command>view</parameter>\n  <parameter=path>...',
      "0 result of file_editor: Here's the result of running `cat -n` on /testbed/util.py...",
      '1 call search_dir: search_dir clamp',
      '1 result of search_dir: Found 1 match.',
      '2 reasoning: Done.',
      '2 call finish: \n',
      '2 result of finish: <<< Finished >>>',
    ]);
    expect(run.steps[2]).toMatchObject({ arguments: { command: 'view', path: '/testbed/util.py' } });
    expect(run.task?.via).toBe('problem_statement');
    expect([run.patch?.text, run.finalAnswer?.via]).toEqual([patch, 'output_patch']);
    expect(run.outcome).toMatchObject({ success: true, reward: 1 });
    expect(run.usage).toMatchObject({ inputTokens: 30, outputTokens: 6 });
    expect(run.kind.kind).toBe('swe');
  });

  it('each row is a run with its own reward; without one the reason of the end is no verdict', async () => {
    const open = Object.fromEntries(Object.entries(row(0)).filter(([key]) => key !== 'reward'));
    const { runs } = await importLines(row(1), row(0), open);
    expect(runs.map(({ outcome }) => outcome.success)).toEqual([true, false, null]);
    expect(runs[2]?.outcome.reason).toBe('exit_reason = agent (not a verdict)');
  });
});

describe('Moatless', () => {
  const action = (name: string, fields: JsonObject, observation: string | null): JsonValue => ({
    action: { ...fields, action_args_class: `moatless.actions.${name.toLowerCase()}.${name}Args` },
    ...(observation !== null && { observation: { message: observation, summary: 'short' } }),
  });
  const node = (
    id: number,
    steps: JsonValue[],
    children: JsonValue[],
    more: JsonObject = {},
  ): JsonObject => ({
    ...{ node_id: id, action_steps: steps, children },
    ...more,
  });
  const finish = (reason: string): JsonValue => action('Finish', { finish_reason: reason }, reason);
  const tree = (...children: JsonValue[]): JsonValue => ({
    max_expansions: 1,
    root: node(0, [], children, { user_message: issue }),
    metadata: { instance_id: 'o__r-1', resolved: true },
  });
  const view = action('ViewCode', { thoughts: 'Read it.', files: [{ file_path: 'util.py' }] }, file);

  it('the nodes from the root on are the turns', async () => {
    const text = JSON.stringify(
      tree(
        node(1, [view], [node(2, [finish('Fixed.')], [], { file_context: { files: [{ patch }] } })], {
          assistant_message: 'Read it.',
        }),
      ),
    );
    const { runs, format } = await importText(text, 'trajectory.json');
    const run = runs[0]!;
    expect([format, run.instanceId, run.outcome.success]).toEqual(['moatless', 'o__r-1', true]);
    expect(outline(run.steps)).toEqual([
      `-1 user: ${issue}`,
      '0 assistant: Read it.',
      '0 call ViewCode: {"files":[{"file_path":"util.py"}]}',
      "0 result of ViewCode: Here's the result of running `cat -n` on /testbed/util.py...",
      '1 call Finish: {"finish_reason":"Fixed."}',
      '1 result of Finish: Fixed.',
    ]);
    expect(run.patch).toMatchObject({
      text: patch,
      at: { path: '/root/children/0/children/0/file_context/files/0/patch' },
    });
  });

  it('of a search the run is the way to the last node that finished', async () => {
    const branch = (id: number, name: string, ended: boolean): JsonValue =>
      node(id, [action(name, {}, name)], ended ? [node(id + 1, [finish(name)], [])] : []);
    const run = await importRun(
      tree(branch(1, 'First', true), branch(3, 'Second', true), branch(5, 'Third', false)),
    );
    expect(outline(run.steps).slice(1)).toEqual([
      '0 call Second: {}',
      '0 result of Second: Second',
      '1 call Finish: {"finish_reason":"Second"}',
      '1 result of Finish: Second',
    ]);
  });

  it('where none finished, the last leaf ends the run', async () => {
    const run = await importRun(tree(node(1, [view], []), node(2, [action('Grep', {}, 'x')], [])));
    expect(run.steps.flatMap((step) => (step.type === 'toolCall' ? step.name : []))).toEqual(['Grep']);
  });

  it('another tree of nodes with ids and children is none', async () => {
    const other = { root: { node_id: 0, children: [{ node_id: 1, split: 'x < 2', children: [] }] } };
    const { format } = await importText(JSON.stringify(other), 'tree.json');
    expect(format).toBeNull();
  });
});

describe('AgentRewardBench', () => {
  it('the page that a step saw is what the action before it led to', async () => {
    const run = await importRun({
      ...{ benchmark: 'webarena', goal: 'Which lake feeds the Orla?', summary_info: { cum_reward: 1 } },
      steps: [
        {
          axtree_pruned: "[12] link 'Orla'",
          action: "click('12')",
          reasoning: 'Open it.',
          last_action_error: '',
        },
        { axtree_pruned: "[12] link 'Orla'", action: 'scroll(0, 9)', last_action_error: 'Timeout' },
        { axtree_pruned: "StaticText 'The Orla leaves lake Mirn.'", action: "send_msg_to_user('Lake Mirn')" },
      ],
    });
    expect(run.format).toBe('browsergym');
    expect(outline(run.steps)).toEqual([
      '-1 user: Which lake feeds the Orla?',
      "-1 user (injected): [12] link 'Orla'",
      '0 reasoning: Open it.',
      "0 call click: click('12')",
      '0 result of click (error): Timeout',
      "0 user (injected): [12] link 'Orla'",
      '1 call scroll: scroll(0, 9)',
      "1 result of scroll: StaticText 'The Orla leaves lake Mirn.'",
      '2 assistant: Lake Mirn',
    ]);
    expect([run.task?.via, run.finalAnswer?.text, run.outcome.success]).toEqual(['goal', 'Lake Mirn', true]);
  });
});
