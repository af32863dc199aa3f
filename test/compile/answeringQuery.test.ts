import { describe, expect, it } from 'vitest';
import { compileTrajectory } from '../../src/compile/compileTrajectory.ts';
import { estimateCounter } from '../../src/compile/countText.ts';
import { resolveCompileOptions } from '../../src/compile/options.ts';
import { DatabaseCatalog } from '../../src/compile/sql/catalog.ts';
import type { Example, Rejection } from '../../src/compile/types.ts';
import type { GroundTruth, Outcome, Trajectory } from '../../src/trajectories/schema.ts';
import { RunBuilder } from './trajectoryFixture.ts';

const dump = `CREATE TABLE singer (name text, age int);
INSERT INTO singer VALUES ('Ann',61),('Bob',40);`;
const catalog = await DatabaseCatalog.load([{ name: 'songs.sql', bytes: new TextEncoder().encode(dump) }]);
const silent: Outcome = { success: null, reward: null, reason: 'nothing' };

const oldest = ['SELECT name FROM singer ORDER BY age DESC LIMIT 1', "[('Ann',)]"] as const;
const count = ['SELECT count(*) FROM singer', '[(2,)]'] as const;
const ages = ['SELECT max(age), min(age) FROM singer', '[(61, 40)]'] as const;

/** A run that ends with a message, compiled. */
function compile(
  queries: readonly (readonly [sql: string, result: string])[],
  said: string,
  fields: Partial<Trajectory> = {},
  withDatabase = true,
): Example | Rejection {
  const run = new RunBuilder();
  for (const [sql, result] of queries) run.query(sql, result);
  run.say(said);
  const trajectory = run.build('sql', {
    question: 'Who is the oldest singer?',
    finalAnswer: { text: said, at: null, via: 'last assistant message' },
    ...fields,
  });
  const outcome = compileTrajectory(trajectory, {
    options: resolveCompileOptions({ acceptUnverified: true }),
    counter: estimateCounter,
    catalog: withDatabase ? catalog : null,
    sha256Of: () => '',
  });
  return 'example' in outcome ? outcome.example : outcome.rejection;
}

const truth = (...values: string[]): { groundTruth: GroundTruth; outcome: Outcome } => ({
  groundTruth: { form: 'text', values, at: null, via: 'answer' },
  outcome: silent,
});
const check = (compiled: Example | Rejection): unknown =>
  (compiled as Example).verification.find(({ check: name }) => name === 'answer-query');

describe('runs that end in words and not with the query', () => {
  it('are answered by the query that gives the ground truth, not by a later look at something else', () => {
    for (const withDatabase of [true, false]) {
      const compiled = compile([ages, oldest, count], 'Ann', truth('Ann'), withDatabase);
      expect(compiled).toMatchObject({ answer: 'Ann' });
      expect(check(compiled)).toEqual({
        check: 'answer-query',
        status: 'pass',
        reason: 'its result holds the ground truth "Ann"',
      });
    }
  });

  it('are answered by the query whose result the final message tells, where no ground truth is known', () => {
    const compiled = compile([oldest, ages], 'The oldest of the 2 singers is **Ann**.');
    expect(compiled).toMatchObject({ answer: 'Ann' });
    expect(check(compiled)).toMatchObject({ status: 'pass' });
  });

  it('take the last of the queries that fit equally, and the one that gives least besides', () => {
    const withAge = ['SELECT name, age FROM singer ORDER BY age DESC LIMIT 1', "[('Ann', 61)]"] as const;
    expect(compile([oldest, withAge], 'Ann', truth('Ann'))).toMatchObject({ answer: 'Ann' });
    expect(compile([oldest, withAge], 'Ann, who is 61')).toMatchObject({ answer: 'Ann | 61' });
  });

  it('are flagged where the result is more than the ground truth, or part of it', () => {
    const withAge = ['SELECT name, age FROM singer ORDER BY age DESC LIMIT 1', "[('Ann', 61)]"] as const;
    const compiled = compile([withAge, count], 'Ann', truth('Ann'));
    expect(compiled).toMatchObject({ answer: 'Ann | 61' });
    expect((compiled as Example).flags).toContain('loose-match');
    expect(check(compiled)).toMatchObject({ status: 'warn' });
  });

  it('are rejected when no query gives the answer', () => {
    const listing = ['SELECT name FROM singer', "[('Ann',), ('Bob',)]"] as const;
    expect(compile([listing, count], 'Ann', truth('Ann'))).toMatchObject({
      stage: 'answer',
      code: 'answer-not-in-result',
      reason: expect.stringContaining('"SELECT count(*) FROM singer"') as string,
    });
    expect(compile([count], 'Ann')).toMatchObject({ code: 'answer-not-in-result' });
  });

  it('are known by the database where the log shows no rows', () => {
    const unseen = [oldest[0], 'Saved.'] as const;
    const compiled = compile([unseen, count], 'Ann', truth('Ann'));
    expect(compiled).toMatchObject({ answer: 'Ann' });
  });

  it('are answered by the query that the message quotes', () => {
    const said = `Use this:\n\n\`\`\`sql\n${oldest[0]};\n\`\`\``;
    expect(compile([oldest, count], said)).toMatchObject({ answer: 'Ann' });
  });

  it.each(['Done.', 'I wrote the result to answer.csv.', ''])(
    'are answered by the last query where nothing says what the answer is (%j), and say so',
    (said) => {
      const compiled = compile([count, oldest], said);
      expect(compiled).toMatchObject({ answer: 'Ann' });
      expect(check(compiled)).toMatchObject({ status: 'skipped' });
    },
  );

  it('are decided by the gold SQL where it is known', () => {
    const gold: GroundTruth = { form: 'sql', values: [oldest[0]], at: null, via: 'gold' };
    const fields = { groundTruth: gold, outcome: silent };
    expect(compile([oldest, count], 'It is Ann.', fields)).toMatchObject({ answer: 'Ann' });
    expect(compile([oldest], 'See above.', fields)).toMatchObject({ answer: 'Ann' });
    expect(compile([oldest, count], 'There are 2.', fields)).toMatchObject({ code: 'answer-differs' });
  });
});
