import { describe, expect, it } from 'vitest';
import { sqlSessions } from '../../src/compile/sql/sessions.ts';
import { Rng } from '../../src/core/rng.ts';
import type { RepositoryRun } from '../../src/world/agents.ts';
import { makeLibrary, makeRiddle, searchPages } from '../../src/world/library.ts';
import { makeWorld, worldKinds, worldRuns } from '../../src/world/makeWorld.ts';
import { makeFaultyRepository, runTest } from '../../src/world/repository.ts';
import { shortTask, shortTaskKinds } from '../../src/world/shortTasks.ts';

const options = { count: 90, seed: 3, kinds: worldKinds, sizes: [0, 1] } as const;

describe('the world', () => {
  it('is the same for the same seed, and another for another', async () => {
    const openSql = await sqlSessions();
    const files = makeWorld(options, openSql);
    expect(makeWorld(options, openSql)).toEqual(files);
    expect(makeWorld({ ...options, seed: 4 }, openSql)).not.toEqual(files);
    expect(files.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        'search.jsonl',
        'software/results.json',
        'sql.json',
        'databases/world_3_0.sql',
      ]),
    );
  });

  it('has agents of each kind that are right most of the time and not always', async () => {
    const openSql = await sqlSessions();
    for (const kind of worldKinds) {
      const runs = [...worldRuns({ ...options, kinds: [kind] }, openSql)].map(({ run }) => run);
      const right = runs.filter((run) => run.isRight).length / runs.length;
      expect(right, kind).toBeGreaterThan(0.6);
      expect(right, kind).toBeLessThan(0.95);
      for (const run of runs) expect(run.answer === run.truth || !run.isRight, run.id).toBe(true);
    }
  });

  it('lets the search agent see the page that holds the answer, among pages that do not', async () => {
    const openSql = await sqlSessions();
    for (const { run } of worldRuns({ ...options, kinds: ['search'] }, openSql)) {
      if (!run.isRight) continue;
      const visited = run.steps.filter(({ call }) => call.name === 'visit');
      expect(visited.at(-1)?.observation, run.id).toContain(run.truth);
      expect(run.conclusion).toContain(run.truth);
    }
  });

  it('fails the tests of a repository before the right change and passes them after it', () => {
    const rng = new Rng('repositories');
    for (let i = 0; i < 50; i++) {
      const { files, fault, tests } = makeFaultyRepository(rng, 5);
      const failing = tests.filter((test) => runTest(files, test) !== test.expected);
      expect(failing.map(({ name }) => `src/${name}.py`)).toEqual([fault.path]);
      const mended = new Map(files).set(
        fault.path,
        files.get(fault.path)!.replace(fault.before, fault.after),
      );
      expect(tests.every((test) => runTest(mended, test) === test.expected)).toBe(true);
    }
  });

  it('says before an answer what it follows from, long enough to be learnt as a rationale', async () => {
    const openSql = await sqlSessions();
    for (const { run, tables } of worldRuns({ ...options, kinds: ['swe', 'sql'] }, openSql)) {
      expect(run.conclusion.length, run.id).toBeGreaterThan(80);
      const named = run.kind === 'swe' ? ['src/'] : tables.map(({ name }) => name);
      expect(named.some((name) => run.conclusion.includes(name))).toBe(true);
    }
  });

  it('writes a patch that changes the line that the agent changed', async () => {
    const openSql = await sqlSessions();
    for (const { run } of worldRuns({ ...options, kinds: ['swe'] }, openSql)) {
      const { patch, steps } = run as RepositoryRun;
      const edit = steps.find(({ call }) => call.name === 'str_replace_editor')!.call.arguments;
      expect(patch).toContain(`-${edit['old_str']}\n+${edit['new_str']}\n`);
    }
  });

  it('asks questions whose statements stand in the pages on the way', () => {
    const rng = new Rng('riddles');
    const library = makeLibrary(rng, 12);
    for (let i = 0; i < 60; i++) {
      const riddle = makeRiddle(rng, library, 1 + (i % 4));
      riddle.path.forEach((title, hop) =>
        expect(library.pages.get(title)!.text).toContain(riddle.statements[hop]!),
      );
      expect(searchPages(library, riddle.path[0]!, 3).map(({ title }) => title)).toContain(riddle.path[0]);
    }
  });
});

describe('short tasks', () => {
  const from = {
    words: ['river', 'mill', 'owl', 'bread', 'lamp', 'boat'],
    ids: ['cfcd208495', 'c4ca4238a0', '1f0e3dad99'],
  };

  it.each(shortTaskKinds)('of kind %s end with the wanted reply', (kind) => {
    const rng = new Rng(kind);
    for (let i = 0; i < 50; i++) {
      const { messages } = shortTask(rng, kind, from, i / 50);
      expect(messages.at(-1)?.role).toBe('assistant');
      expect(messages.at(-2)?.role).toBe('user');
      expect(messages.at(-1)?.content).not.toBe('');
    }
  });
});
