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
