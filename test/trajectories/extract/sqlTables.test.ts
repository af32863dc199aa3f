import { describe, expect, it } from 'vitest';
import { readSql } from '../../../src/trajectories/extract/sqlTables.ts';

describe('tables named by a statement', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['SELECT * FROM singer', ['singer']],
    ['select a.x, b.y from A a, "B" as b where a.id = b.id', ['a', 'B']],
    ['SELECT 1', []],
    ["SELECT 'from nowhere' FROM real_one -- from comment\n/* join other */ LIMIT 1", ['real_one']],
    ['SELECT * FROM t1 LEFT OUTER JOIN t2 USING (id) NATURAL JOIN t3', ['t1', 't2', 't3']],
    [
      'WITH a AS (SELECT * FROM base), b(x) AS (SELECT * FROM a JOIN more) SELECT * FROM b, a, last',
      ['base', 'more', 'last'],
    ],
    [
      'WITH RECURSIVE up AS (SELECT id FROM referral WHERE id = 1 UNION ALL SELECT r.id FROM referral r JOIN up ON r.by = up.id) SELECT * FROM up',
      ['referral'],
    ],
    [
      'SELECT (SELECT max(x) FROM inner_t) FROM outer_t WHERE y IN (SELECT y FROM third)',
      ['inner_t', 'outer_t', 'third'],
    ],
    ['SELECT * FROM (SELECT * FROM deep) d, side', ['deep', 'side']],
    ['SELECT * FROM (a JOIN b ON a.x = b.x)', ['a', 'b']],
    ['SELECT a FROM x UNION SELECT a FROM y EXCEPT SELECT a FROM z', ['x', 'y', 'z']],
    ['SELECT EXTRACT(YEAR FROM born) FROM people WHERE a IS DISTINCT FROM b', ['people']],
    ['SELECT t FROM `bigquery-public-data.samples.gsod` g', ['bigquery-public-data.samples.gsod']],
    ['SELECT t FROM bigquery-public-data.samples.gsod', ['bigquery-public-data.samples.gsod']],
    ['SELECT * FROM [dbo].[Order Details] d JOIN [Products]', ['dbo.Order Details', 'Products']],
    ['SELECT * FROM "Schema"."Table", db..t', ['Schema.Table', 'db.t']],
    ['INSERT INTO log (a, b) SELECT a, b FROM source', ['log', 'source']],
    ['UPDATE stock SET n = 1 WHERE id IN (SELECT id FROM low)', ['stock', 'low']],
    ['DELETE FROM old WHERE 1', ['old']],
    ['CREATE TABLE IF NOT EXISTS fresh (a int)', ['fresh']],
    ['SELECT * FROM generate_series(1, 3) g, kept', ['kept']],
    ['SELECT * FROM t, UNNEST(t.items) i', ['t']],
    ['EXPLAIN SELECT * FROM plan_t', ['plan_t']],
    ['DESC airports', ['airports']],
    ['DESCRIBE TABLE x.y', ['x.y']],
    ['SHOW COLUMNS FROM city', ['city']],
    ['SHOW CREATE TABLE `City`', ['City']],
    ['SHOW TABLES FROM world', []],
    ['PRAGMA table_info("Person")', ['Person']],
    ["SELECT name FROM sqlite_master WHERE type = 'table'", []],
    ["SELECT column_name FROM information_schema.columns WHERE table_name = 'x'", []],
    ['SELECT 1 FROM a; SELECT 2 FROM b', ['a', 'b']],
    ["SELECT 'unfinished FROM a", []],
    ['', []],
  ];

  it.each(cases)('%s', (sql, tables) => {
    expect(readSql(sql).tables).toEqual(tables);
  });

  it('tells questions about the schema from questions about data', () => {
    for (const sql of [
      'SHOW TABLES',
      'desc a',
      'PRAGMA foreign_keys',
      'SELECT * FROM information_schema.tables',
    ]) {
      expect(readSql(sql).isSchemaQuery, sql).toBe(true);
    }
    expect(readSql('SELECT * FROM a JOIN information_schema.tables').isSchemaQuery).toBe(false);
    expect(readSql('USE world_1;').usedDatabase).toBe('world_1');
  });

  it('stays linear on hostile input', () => {
    const started = performance.now();
    readSql('('.repeat(100_000));
    readSql('SELECT * FROM a, '.repeat(10_000));
    readSql(`WITH ${'x AS ('.repeat(5_000)}`);
    expect(performance.now() - started).toBeLessThan(3_000);
  });
});
