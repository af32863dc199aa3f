import { describe, expect, it } from 'vitest';
import { compileTrajectory } from '../../src/compile/compileTrajectory.ts';
import { estimateCounter } from '../../src/compile/countText.ts';
import { resolveCompileOptions } from '../../src/compile/options.ts';
import { resolveTableEvidence } from '../../src/compile/resolveEvidence.ts';
import { DatabaseCatalog } from '../../src/compile/sql/catalog.ts';
import type { Example, Rejection } from '../../src/compile/types.ts';
import type { Trajectory } from '../../src/trajectories/schema.ts';
import { RunBuilder } from './trajectoryFixture.ts';

const dump = `CREATE TABLE city (id int, name text, people int);
INSERT INTO city VALUES (1,'Bonn',330000),(2,'Ulm',126000),(3,'Jena',111000);
CREATE TABLE river (name text, city_id int);
INSERT INTO river VALUES ('Rhine',1),('Danube',2);
CREATE TABLE hill (name text);
INSERT INTO hill VALUES ('Venusberg');`;
const catalog = await DatabaseCatalog.load([{ name: 'cities.sql', bytes: new TextEncoder().encode(dump) }]);

function compile(trajectory: Trajectory, withCatalog = true): Example | Rejection {
  const outcome = compileTrajectory(trajectory, {
    options: resolveCompileOptions({}),
    counter: estimateCounter,
    catalog: withCatalog ? catalog : null,
    sha256Of: () => '',
  });
  return 'example' in outcome ? outcome.example : outcome.rejection;
}

const finalSql = 'SELECT name FROM city ORDER BY people DESC LIMIT 1';

function run(observed: string, fields: Partial<Trajectory> = {}): Trajectory {
  const builder = new RunBuilder();
  builder.query('SHOW TABLES', "[('city',), ('river',), ('hill',)]");
  builder.query('SELECT * FROM river', "[('Rhine', 1), ('Danube', 2)]");
  builder.query('SELECT count(*), max(people) FROM city', '[(3, 330000)]');
  builder.query(finalSql, observed);
  return builder.build('sql', {
    question: 'Which city has the most people?',
    finalAnswer: { text: finalSql, at: null, via: 'made' },
    ...fields,
  });
}

describe('SQL runs with their database', () => {
  it('pack whole tables and answer with the result run again', () => {
    const example = compile(run("[('Bonn',)]")) as Example;
    expect(example.answer).toBe('Bonn');
    const roles = example.evidence.map((piece) => [piece.title, piece.role, piece.tier]).sort();
    expect(roles).toEqual([
      ['city (3 rows)', 'gold', undefined],
      ['hill (1 row)', 'distractor', 2],
      ['river (2 rows)', 'distractor', 1],
    ]);
    expect(example.verification).toContainEqual(
      expect.objectContaining({ check: 'sql-reexecution', status: 'pass' }),
    );
    for (const piece of example.evidence) {
      expect(resolveTableEvidence(piece.source, catalog)).toBe(
        example.messages[0]!.content.slice(piece.start, piece.end),
      );
    }
  });

  it('reject results that differ from the log', () => {
    expect(compile(run("[('Ulm',)]"))).toMatchObject({ stage: 'answer', code: 'sql-result-differs' });
  });

  it('are decided by the gold SQL where no outcome is recorded', () => {
    const silent = { success: null, reward: null, reason: 'nothing' };
    const gold = (sql: string): Partial<Trajectory> => ({
      outcome: silent,
      groundTruth: { form: 'sql', values: [sql], at: null, via: 'gold' },
    });
    expect(compile(run("[('Bonn',)]", gold('SELECT name FROM city WHERE people = 330000')))).toMatchObject({
      answer: 'Bonn',
    });
    expect(compile(run("[('Bonn',)]", gold('SELECT name FROM city WHERE id = 2')))).toMatchObject({
      code: 'answer-differs',
    });
  });
});

describe('SQL runs without a database', () => {
  it('are put together from observations, flagged, and never show the answer’s own rows', () => {
    const example = compile(run("[('Bonn',)]"), false) as Example;
    expect(example.flags).toContain('incomplete-table');
    expect(example.answer).toBe('Bonn');
    expect(example.messages[0]!.content).not.toContain("('Bonn',)");
    expect(example.messages[0]!.content).toContain('(3, 330000)');
  });

  it('are rejected when the log shows no contents', () => {
    const builder = new RunBuilder();
    builder.query(finalSql, "[('Bonn',)]");
    const bare = builder.build('sql', {
      question: 'Which?',
      finalAnswer: { text: finalSql, at: null, via: 'made' },
    });
    expect(compile(bare, false)).toMatchObject({ code: 'no-table-contents' });
  });
});
