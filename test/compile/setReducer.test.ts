import { describe, expect, it } from 'vitest';
import { compileTrajectory } from '../../src/compile/compileTrajectory.ts';
import { estimateCounter } from '../../src/compile/countText.ts';
import { resolveCompileOptions } from '../../src/compile/options.ts';
import { mapOrdered } from '../../src/compile/orderedMap.ts';
import { defaultCuration, ExampleSigner, StreamingCurator } from '../../src/compile/setCurator.ts';
import { mapOutcome, SetReducer, type SetReport } from '../../src/compile/setReducer.ts';
import type { CompileOptions, Example } from '../../src/compile/types.ts';
import type { Trajectory } from '../../src/trajectories/schema.ts';
import { RunBuilder, searchRun } from './trajectoryFixture.ts';

async function reduce(
  trajectories: readonly Trajectory[],
  given: Partial<CompileOptions> = {},
  curation = { ...defaultCuration, dedup: 'none' as 'none' | 'exact' },
): Promise<{ examples: Example[]; report: SetReport }> {
  const options = resolveCompileOptions(given);
  const examples: Example[] = [];
  const signer = new ExampleSigner(curation, []);
  const sink = { example: (line: string) => void examples.push(JSON.parse(line) as Example) };
  const reducer = new SetReducer(options, sink, estimateCounter, new StreamingCurator(curation));
  const context = { options, counter: estimateCounter, catalog: null, sha256Of: () => '' };
  for (const trajectory of trajectories) {
    const outcome = compileTrajectory(trajectory, context);
    const license = (trajectory.metadata['license'] ?? null) as string | null;
    await reducer.add(
      mapOutcome(outcome, options, license, (example, pieces) => signer.sign(example, pieces)),
    );
  }
  return { examples, report: await reducer.finish([]) };
}

/** A search run that visited one page. */
function pageRun(id: string, page: string, fields: Partial<Trajectory> = {}): Trajectory {
  const run = new RunBuilder();
  run.look('visited', `page of ${id}`, run.call('visit', { url: id }, page));
  run.say(`Builder of ${id}`);
  return run.build('search', {
    id,
    question: `Who built ${id}?`,
    finalAnswer: { text: `Builder of ${id}`, at: null, via: 'made' },
    ...fields,
  });
}

const other = (id: string, fields: Partial<Trajectory> = {}): Trajectory =>
  searchRun({ id, task: { text: `Question of ${id}?`, at: null, via: 'made' }, ...fields });

describe('the reduce step', () => {
  it('makes ids unique', async () => {
    const { examples } = await reduce([other('a'), other('a'), other('b')]);
    expect(examples.map((example) => example.id)).toEqual(['a', 'a~2', 'b']);
  });

  it('caps examples per instance in input order', async () => {
    const { examples, report } = await reduce(
      ['1', '2', '3'].map((id) => other(id, { instanceId: 'task' })),
      { perInstanceCap: 2 },
    );
    expect(examples.map((example) => example.id)).toEqual(['1', '2']);
    expect(report.rejections).toMatchObject([{ trajectoryId: '3', stage: 'cap' }]);
  });

  it('counts towards the cap only what curation lets in', async () => {
    const { examples } = await reduce(
      ['1', '2', '3'].map((id, at) =>
        searchRun({
          id,
          instanceId: 'task',
          task: { text: at < 2 ? 'Who wrote it?' : 'Who wrote The Long Walk?', at: null, via: 'made' },
        }),
      ),
      { perInstanceCap: 2 },
      { ...defaultCuration, dedup: 'exact' },
    );
    expect(examples.map((example) => example.id)).toEqual(['1', '3']);
  });

  it('drops exact duplicates, the same ones for every seed and control', async () => {
    const runs = [
      other('a'),
      searchRun({ id: 'b', task: { text: 'question of A?', at: null, via: 'made' } }),
      other('c'),
    ];
    for (const options of [
      {},
      { seed: 5 },
      { distractors: 'none' as const },
      { control: 'evidence-mask' as const },
    ]) {
      const { report } = await reduce(runs, options, { ...defaultCuration, dedup: 'exact' });
      expect(report.rejections).toMatchObject([{ trajectoryId: 'b', code: 'duplicate' }]);
    }
  });

  it('replaces evidence by that of other examples in the random-context control', async () => {
    const { examples, report } = await reduce(
      [
        pageRun('mill', 'Builder of mill built it.', { instanceId: 'a' }),
        pageRun('dam', 'Builder of dam built it.', { instanceId: 'b' }),
      ],
      { control: 'random-context' },
    );
    expect(examples.map((example) => [example.id, example.control])).toEqual([
      ['mill', 'random-context'],
      ['dam', 'random-context'],
    ]);
    for (const example of examples) {
      const content = example.messages[0]!.content;
      expect(content).toContain(example.question);
      for (const piece of example.evidence)
        expect(content.slice(piece.start, piece.end).length).toBeGreaterThan(0);
      expect(example.evidence.every((piece) => piece.role === 'distractor')).toBe(true);
    }
    expect(report.rejections).toEqual([]);
    expect((await reduce([other('a')], { control: 'random-context' })).report.rejections[0]!.code).toBe(
      'no-foreign-evidence',
    );
  });

  it('flags a random context by the text it got, and leaves out what is excluded by that', async () => {
    const runs = [
      pageRun('mill', 'Builder of mill built it. Write to jane.roe@corp-mail.com.'),
      pageRun('dam', `Builder of dam built it. ${'It is long and was built by hand. '.repeat(9)}`),
      pageRun('pier', 'Builder of pier built it.'),
    ];
    const flagged = (examples: readonly Example[]): string[] =>
      examples.filter(({ flags }) => flags.includes('emails-found')).map(({ id }) => id);
    const [plain, foreign] = [await reduce(runs), await reduce(runs, { control: 'random-context' })];
    expect(flagged(plain.examples)).toEqual(['mill']);
    expect(flagged(foreign.examples)).toEqual(
      foreign.examples
        .filter(({ messages }) => messages[0]!.content.includes('jane.roe@'))
        .map(({ id }) => id),
    );
    expect(flagged(foreign.examples)).toContain('dam');
    expect(flagged(foreign.examples)).not.toContain('mill');
    const { report } = await reduce(runs, { control: 'random-context', excludeFlags: ['foreign-evidence'] });
    expect(report.rejections.map(({ code }) => code)).toEqual(Array(3).fill('foreign-evidence'));
  });

  it('takes no page as foreign that is the example’s own or holds its answer, and stays within its tokens', async () => {
    const shared = `A page of both. ${'It tells of builders of mills and dams. '.repeat(5)}`;
    const runs = [
      pageRun('mill', `Builder of mill built it. ${shared}`),
      pageRun('dam', shared),
      pageRun('weir', shared),
      pageRun('pier', `Pages about piers. ${'A pier stands in water on posts of wood. '.repeat(20)}`),
    ];
    const plain = await reduce(runs);
    const { examples, report } = await reduce(runs, { control: 'random-context' });
    expect(report.rejections.map(({ trajectoryId }) => trajectoryId)).toEqual([]);
    for (const example of examples) {
      const content = example.messages[0]!.content;
      const texts = example.evidence.map((piece) => content.slice(piece.start, piece.end));
      const own = plain.examples.find(({ id }) => id === example.id)!;
      expect(new Set(texts).size).toBe(texts.length);
      expect(texts.join('\n')).not.toContain(example.answer);
      if (example.id === 'weir') expect(texts).not.toContain(shared);
      expect(example.tokens.prompt).toBeLessThanOrEqual(own.tokens.prompt);
    }
  });

  it('says of a random context nothing that was checked of the context it stands in for', async () => {
    const list = 'Builder of mill is named in a list.';
    const withList = new RunBuilder();
    const page = 'Builder of mill built it.';
    withList.look('visited', 'page', withList.call('visit', { url: 'page' }, page));
    withList.look('returned', 'list', withList.call('search', { query: 'mill' }, list));
    withList.say('Builder of mill');
    const mill = withList.build('search', {
      id: 'mill',
      question: 'Who built mill?',
      finalAnswer: { text: 'Builder of mill', at: null, via: 'made' },
    });
    const runs = [mill, pageRun('dam', 'Builder of dam built it.')];
    const [plain, foreign] = [await reduce(runs), await reduce(runs, { control: 'random-context' })];
    const statuses = ({ verification }: Example): unknown =>
      Object.fromEntries(verification.map(({ check, status }) => [check, status]));
    expect(plain.examples[0]!.flags).toContain('answer-in-distractor');
    expect(statuses(plain.examples[0]!)).toMatchObject({
      'evidence-coverage': 'pass',
      'answer-in-distractor': 'warn',
    });
    expect(foreign.examples[0]!.flags).not.toContain('answer-in-distractor');
    expect(statuses(foreign.examples[0]!)).toMatchObject({
      outcome: 'pass',
      'evidence-coverage': 'skipped',
      'answer-in-distractor': 'skipped',
      'complete-evidence': 'skipped',
      'answer-in-question': 'pass',
    });
    expect(foreign.examples[0]!.verification).toContainEqual({
      check: 'evidence-coverage',
      status: 'skipped',
      reason: 'of the unaltered context: pass, the answer stands in gold evidence ("page")',
    });
  });

  it('counts for each random context the licence of its own record and those of the records that lent pages', async () => {
    const run = (id: string, license?: string): Trajectory =>
      pageRun(id, `Builder of ${id} built it.`, {
        source: { file: `${id}.jsonl`, record: 0 },
        metadata: license === undefined ? {} : { license },
      });
    const runs = [run('mill', 'MIT'), run('dam', 'CC-BY-4.0'), run('pier')];
    const { report } = await reduce(runs, { control: 'random-context' });
    expect(report.licenses).toMatchObject({
      'mill.jsonl': { MIT: 1 },
      'dam.jsonl': { 'CC-BY-4.0': 1 },
      'pier.jsonl': { 'not stated': 1 },
    });
    const lent = Object.entries(report.licenses).filter(([file]) => file.includes('evidence in other'));
    expect(lent).toContainEqual([
      'dam.jsonl (evidence in other examples)',
      { 'CC-BY-4.0': expect.any(Number) as number },
    ]);
  });

  it('matches the agent-SFT arm by processed tokens and says what is lacking', async () => {
    const runs = ['1', '2', '3', '4'].map((id) => other(id));
    const { report } = await reduce(runs, { control: 'agent-sft', match: 'processed' });
    const [acc, sft] = report.ledger;
    expect(sft!.processedTokens).toBeLessThanOrEqual(acc!.processedTokens);
    expect(sft!.epochsToMatch).toBeCloseTo(acc!.processedTokens / sft!.processedTokens, 3);
  });
});

describe('mapOrdered', () => {
  it('reduces in order whatever order the units finish in, with bounded work in flight', async () => {
    const done: number[] = [];
    let running = 0;
    let most = 0;
    await mapOrdered(
      [5, 1, 4, 2, 3, 0],
      async (unit) => {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setTimeout(resolve, unit));
        running--;
        return unit;
      },
      (unit) => void done.push(unit),
      3,
    );
    expect(done).toEqual([5, 1, 4, 2, 3, 0]);
    expect(most).toBeLessThanOrEqual(3);
  });

  it('throws the first failure', async () => {
    const failing = mapOrdered(
      [1, 2],
      (unit) => Promise.reject(new Error(`unit ${unit}`)),
      () => {},
      2,
    );
    await expect(failing).rejects.toThrow('unit 1');
  });
});
