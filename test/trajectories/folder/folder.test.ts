import { gzipSync } from 'node:zlib';
import { strToU8, zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { planFolder, type FolderPlan } from '../../../src/trajectories/folder/folderPlan.ts';
import { readVerdictFile } from '../../../src/trajectories/folder/verdictFile.ts';
import { importFile, openTrajectory, type ImportEvent } from '../../../src/trajectories/import.ts';
import { memorySource } from '../../../src/trajectories/io/sources.ts';

type Files = Readonly<Record<string, JsonValue>>;

const bytesOf = (value: JsonValue): Uint8Array =>
  strToU8(typeof value === 'string' ? value : JSON.stringify(value));

function plan(files: Files): Promise<FolderPlan> {
  return planFolder(
    Object.entries(files).map(([path, value]) => {
      const bytes = bytesOf(value);
      return { path, sizeBytes: bytes.length, head: async (length) => bytes.subarray(0, length) };
    }),
  );
}

/** A tar of small files, as compressed run folders come. */
function tarOf(files: Files): Uint8Array {
  const blocks = Object.entries(files).flatMap(([name, value]) => {
    const bytes = bytesOf(value);
    const header = new Uint8Array(512);
    const put = (text: string, at: number): void => header.set(strToU8(text), at);
    put(name, 0);
    put('0000644\0', 100);
    put(`${bytes.length.toString(8).padStart(11, '0')}\0`, 124);
    put('        0', 148);
    put('ustar\0', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    put(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const padded = new Uint8Array(Math.ceil(bytes.length / 512) * 512);
    padded.set(bytes);
    return [header, padded];
  });
  return Buffer.concat([...blocks, new Uint8Array(1024)]);
}

const zipOf = (files: Files): Uint8Array =>
  zipSync(Object.fromEntries(Object.entries(files).map(([name, value]) => [name, bytesOf(value)])));

async function importAll(name: string, bytes: Uint8Array): Promise<(ImportEvent & { type: 'trajectory' })[]> {
  const found: (ImportEvent & { type: 'trajectory' })[] = [];
  for await (const event of importFile(memorySource(name, bytes))) {
    if (event.type === 'trajectory') found.push(event);
  }
  return found;
}

const patch = 'diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n';
const chatRun = (id: string): JsonValue => ({
  instance_id: id,
  messages: [
    { role: 'user', content: `Fix ${id}` },
    { role: 'assistant', content: 'Done.' },
  ],
});
const event = (id: number, kind: string, more: Record<string, JsonValue>): JsonValue => ({
  ...{ id: `e${id}`, kind, source: kind === 'MessageEvent' ? 'user' : 'agent', timestamp: 't' },
  ...more,
});
const events: Files = {
  'run/base_state.json': { agent: { llm: { model: 'm-1' } } },
  'run/events/event-00010-c.json': event(3, 'ObservationEvent', {
    observation: { content: [{ type: 'text', text: 'x = 1' }] },
    ...{ tool_call_id: 'c', tool_name: 'terminal', action_id: 'e2' },
  }),
  'run/events/event-00002-b.json': event(2, 'ActionEvent', {
    ...{ thought: [], tool_name: 'terminal', tool_call_id: 'c', action: { command: 'cat a.py' } },
  }),
  'run/events/event-00001-a.json': event(1, 'MessageEvent', {
    llm_message: { role: 'user', content: [{ type: 'text', text: 'Fix a.py' }] },
  }),
  'run/report.json': { resolved: true },
};

describe('a run whose events lie in a file each', () => {
  const archives = {
    'run.zip': zipOf(events),
    'run.tar': tarOf(events),
    'run.tar.gz': gzipSync(tarOf(events)),
  };
  it.each(Object.entries(archives))(
    'is joined in %s, in the order of its numbers, and opened again',
    async (name, bytes) => {
      const found = await importAll(name, bytes);
      expect(found).toHaveLength(1);
      const { trajectory, locator } = found[0]!;
      expect(trajectory.steps.map(({ type, text }) => `${type} ${text}`)).toEqual([
        'message Fix a.py',
        'toolCall {"command":"cat a.py"}',
        'toolResult x = 1',
      ]);
      expect([trajectory.id, trajectory.model]).toEqual(['run', 'm-1']);
      expect(trajectory.outcome).toEqual({
        ...{ success: true, reward: null },
        reason: `resolved = true (${name}!/run/report.json)`,
      });
      const kept = JSON.parse(JSON.stringify(locator)) as typeof locator;
      expect(await openTrajectory(memorySource(name, bytes), kept)).toEqual(trajectory);
    },
  );

  it('is one unit of a folder, with what it takes to read it', async () => {
    const { units } = await plan(events);
    expect(units).toEqual([
      expect.objectContaining({
        path: 'run/events/*',
        parts: [
          'run/events/event-00001-a.json',
          'run/events/event-00002-b.json',
          'run/events/event-00010-c.json',
          'run/base_state.json',
        ],
      }),
    ]);
  });
});

describe('verdicts beside runs', () => {
  it('are about the runs of their experiment, not about those of another', async () => {
    const found = await importAll(
      'runs.zip',
      zipOf({
        'first/o__r-1.json': chatRun('o__r-1'),
        'first/evaluation/report.json': { 'o__r-1': { resolved: true } },
        'second/o__r-1.json': chatRun('o__r-1'),
      }),
    );
    expect(found.map(({ trajectory }) => trajectory.outcome.success)).toEqual([true, null]);
  });

  it('come as JSON lines too, patches among them', async () => {
    const lines = ['o__r-1', 'o__r-2'].map((id) =>
      JSON.stringify({ instance_id: id, model_name_or_path: 'm', model_patch: patch }),
    );
    const { units, verdicts } = await plan({
      'runs/o__r-1.json': chatRun('o__r-1'),
      'runs/all_preds.jsonl': lines.join('\n'),
      'runs/one_pred.jsonl': lines[0] ?? '',
    });
    expect(units.map(({ path }) => path)).toEqual(['runs/o__r-1.json']);
    expect(verdicts.files.map(({ found }) => [...found.patches.keys()])).toEqual([
      ['o__r-1', 'o__r-2'],
      ['o__r-1'],
    ]);
  });

  it('reach the run of their id, or the run of their folder, and say where they come from', async () => {
    const found = await importAll(
      'runs.zip',
      zipOf({
        'a/o__r-1.json': chatRun('o__r-1'),
        'a/o__r-2.json': chatRun('o__r-2'),
        'a/o__r-3.json': chatRun('o__r-3'),
        'a/eval.json': { completed_ids: ['o__r-1', 'o__r-2'], resolved_ids: ['o__r-1'] },
        'a/preds.json': { 'o__r-3': { model_name_or_path: 'm', model_patch: patch } },
        't/agent/run.json': chatRun('t'),
        't/result.json': { trial_name: 't', verifier_result: { rewards: { reward: 0.5 } } },
        't/verifier/reward.txt': '0.5\n',
      }),
    );
    expect(
      found.map(({ trajectory: { instanceId, outcome } }) => [instanceId, outcome.success, outcome.reason]),
    ).toEqual([
      ['o__r-1', true, 'among resolved_ids (runs.zip!/a/eval.json)'],
      ['o__r-2', false, 'not among resolved_ids (runs.zip!/a/eval.json)'],
      ['o__r-3', null, 'the log records neither success nor reward'],
      [
        't',
        null,
        expect.stringMatching(/^verifier_result.rewards.reward = 0.5 .* \(runs.zip!\/t\/result.json\)$/),
      ],
    ]);
    expect(found[2]?.trajectory.patch).toMatchObject({
      text: patch,
      via: 'model_patch of runs.zip!/a/preds.json',
    });
  });

  it('of two models stay with the runs in their own folders, and are left out where they disagree', async () => {
    const of = async (files: Files): Promise<(boolean | null)[]> =>
      (await importAll('r.zip', zipOf(files))).map(({ trajectory }) => trajectory.outcome.success);
    const runs = { 'a/r.json': chatRun('i'), 'b/r.json': chatRun('i') };
    expect(
      await of({
        ...runs,
        'a/report.json': { i: { resolved: true } },
        'b/report.json': { i: { resolved: false } },
      }),
    ).toEqual([true, false]);
    expect(
      await of({ ...runs, 'x/1.json': { i: { resolved: true } }, 'y/2.json': { i: { resolved: false } } }),
    ).toEqual([null, null]);
  });

  it('never overrule what the run says itself', async () => {
    const run = { ...(chatRun('i') as object), resolved: false } as JsonValue;
    const found = await importAll(
      'r.zip',
      zipOf({ 'r.json': run, 'report.json': { i: { resolved: true } } }),
    );
    expect(found[0]?.trajectory.outcome.reason).toBe('resolved = false');
  });

  it.each<[string, JsonValue]>([
    ['runs', { a: { reward: 1, messages: [] } }],
    ['rows of a data set', [{ id: 1, question: 'q', score: 3 }]],
    ['a settings file', { name: 'x', version: '1' }],
  ])('are not read from %s', (_, value) =>
    expect(readVerdictFile('x.json', JSON.stringify(value))).toBeNull(),
  );

  it('of Terminal-Bench trials go by trial where tries of one task differ', () => {
    const results = [
      { task_id: 't', trial_name: 't.1', is_resolved: true },
      { task_id: 't', trial_name: 't.2', is_resolved: false },
    ];
    const found = readVerdictFile('results.json', JSON.stringify({ results }));
    expect([...(found?.byId ?? [])].map(([id, { success }]) => [id, success])).toEqual([
      ['t.1', true],
      ['t.2', false],
    ]);
  });
});

describe('a verdict that names no run', () => {
  const answer = { role: 'assistant', content: 'Done.' };
  const lines = (...ids: string[]): string => ids.map((id) => JSON.stringify(chatRun(id))).join('\n');
  const outcomes = async (files: Files): Promise<(boolean | null)[]> =>
    (await importAll('r.zip', zipOf(files))).map(({ trajectory }) => trajectory.outcome.success);

  it('is taken only from files that are called reports, not from those of jobs and settings', async () => {
    expect(await outcomes({ 'a/run.json': chatRun('i'), 'a/result.json': { success: true } })).toEqual([
      true,
    ]);
    expect(await outcomes({ 'a/run.json': chatRun('i'), 'a/job.json': { success: true } })).toEqual([null]);
  });

  it.each<[string, Files]>([
    ['files', { 'a/1.json': chatRun('i'), 'a/2.json': chatRun('j') }],
    ['folders', { 'a/x/run.json': chatRun('i'), 'a/y/run.json': chatRun('j') }],
    ['records of a file', { 'a/runs/part-0.jsonl': lines('i', 'j') }],
    ['elements of a list', { 'a/runs.json': [chatRun('i'), chatRun('j')] }],
  ])('is joined to none of several runs, which may be %s', async (_, runs) => {
    const files = { ...runs, 'a/result.json': { success: true } };
    expect(await outcomes(files)).toEqual([null, null]);
    const { reports, remarks } = await plan(files);
    expect(reports).toEqual(['a/result.json']);
    expect(remarks).toMatchObject([{ severity: 'warning', code: 'open-verdict', file: 'a/result.json' }]);
  });

  it('is that of the one run in its folder, whatever else lies there', async () => {
    const { verdicts, remarks } = await plan({
      'a/config.json': { model: 'm', tools: ['bash'] },
      'a/run.log': 'started\n',
      'a/session.jsonl': [{ role: 'user', content: 'Fix it' }, answer]
        .map((one) => JSON.stringify(one))
        .join('\n'),
      'a/result.json': { success: true },
    });
    expect(verdicts.files[0]?.found.own?.success).toBe(true);
    expect(remarks).toMatchObject([{ severity: 'info', code: 'run-report', file: 'a/result.json' }]);
  });

  it('is sure where a verifier wrote it: its folder is one trial’s', async () => {
    const { verdicts } = await plan({
      't/agent/trajectory.json': chatRun('t'),
      't/agent/sessions/again.json': chatRun('t'),
      't/verifier/reward.txt': '1\n',
    });
    expect(verdicts.files[0]?.found.own?.success).toBe(true);
  });
});

describe('runs with a reward or a verdict in each record', () => {
  it.each<[string, JsonValue]>([
    ['rollouts as one text', { id: 'r0', reward: 1, sequences_str: 'Question: …<answer>x</answer>' }],
    ['rollouts in two texts', { id: 'r0', score: 1, input: 'Who?', output: 'She.' }],
    ['messages as JSON text', { instance_id: 'i', resolved: true, messages: '[{"role": "user"}]' }],
    ['steps', { reward: 1, ds: {}, trajectory_steps: [{ action: 'ls' }] }],
    ['a text under any other name', { id: 'r0', reward: 1, whole: 'x'.repeat(3000) }],
  ])('are no reports: %s', async (_, row) => {
    expect(readVerdictFile('step100.jsonl', JSON.stringify(row))).toBeNull();
    const { units, reports } = await plan({
      'README.md': '# Rollouts',
      'data/train.jsonl': `${JSON.stringify(row)}\n${JSON.stringify(row)}`,
    });
    expect([units.length, reports]).toEqual([2, []]);
  });

  it('long patches and logs stay in reports', () => {
    const row = {
      instance_id: 'i',
      resolved: true,
      model_patch: patch.repeat(100),
      test_log: 'x'.repeat(3000),
    };
    expect(readVerdictFile('report.jsonl', JSON.stringify(row))?.byId.get('i')?.success).toBe(true);
  });

  it('a report alone beside notes is imported, so that something is said of it', async () => {
    const { units, reports } = await plan({
      'README.md': '# Verdicts',
      LICENSE: 'MIT',
      'rows.jsonl': JSON.stringify({ task_id: 'a', reward: 1 }),
    });
    expect(units.map(({ path }) => path)).toContain('rows.jsonl');
    expect(reports).toEqual([]);
  });

  it('reports in an archive are told of, not dropped without a word', async () => {
    const issues: string[] = [];
    const bytes = zipOf({ 'a/run.json': chatRun('i'), 'a/report.json': { i: { resolved: true } } });
    for await (const event of importFile(memorySource('r.zip', bytes))) {
      if (event.type === 'issue')
        issues.push(`${event.issue.severity} ${event.issue.code} ${event.issue.file}`);
    }
    expect(issues).toEqual(['info run-report r.zip!/a/report.json']);
  });
});

describe('completion logs of one folder', () => {
  const log = (...texts: string[]): JsonValue => ({
    messages: texts.map((content, index) => ({ role: index % 2 ? 'assistant' : 'user', content })),
    response: { choices: [{ message: { role: 'assistant', content: 'reply' } }] },
  });

  it('that only repeat the beginning of another are left out; other runs stay', async () => {
    const { units, repeated } = await plan({
      'l/1.json': log('q'),
      'l/2.json': log('q', 'a', 'more'),
      'l/3.json': log('q', 'a', 'more'),
      'l/4.json': log('other'),
      'k/5.json': log('q'),
    });
    expect(units.map(({ path }) => path)).toEqual(['l/2.json', 'l/4.json', 'k/5.json']);
    expect(repeated).toEqual(['l/1.json', 'l/3.json']);
  });
});
