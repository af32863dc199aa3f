import { describe, expect, it } from 'vitest';
import { DatabaseCatalog } from '../../../src/compile/sql/catalog.ts';
import { loadSqlite } from '../../../src/compile/sql/engine.ts';
import { matchDatabase } from '../../../src/compile/sql/matchDatabase.ts';
import { translateQuery } from '../../../src/compile/sql/translate.ts';
import { InputError } from '../../../src/core/errors.ts';
import { Rng } from '../../../src/core/rng.ts';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const load = (name: string, text: string): Promise<DatabaseCatalog> =>
  DatabaseCatalog.load([{ name, bytes: encode(text) }]);

const mysqlDump = `-- MySQL dump 10.13
CREATE USER 'root'@'%'; GRANT ALL ON *.* TO 'root'@'%';
CREATE DATABASE IF NOT EXISTS \`zoo\` /*!40100 DEFAULT CHARACTER SET utf8mb4 */;
USE \`zoo\`;
/*!40101 SET NAMES utf8 */;
DROP TABLE IF EXISTS \`animal\`;
CREATE TABLE \`animal\` (
  \`id\` int unsigned NOT NULL AUTO_INCREMENT,
  \`name\` varchar(20) COLLATE utf8mb4_general_ci DEFAULT 'it''s; (none)',
  \`weight\` decimal(8,2) DEFAULT NULL COMMENT 'in kg; dry',
  \`kind\` enum('cat','dog') DEFAULT 'cat',
  \`key\` text,
  PRIMARY KEY (\`id\`),
  KEY \`name_index\` (\`name\`),
  UNIQUE KEY \`u\` (\`kind\`,\`name\`),
  CONSTRAINT \`fk\` FOREIGN KEY (\`kind\`) REFERENCES \`kinds\` (\`name\`) ON DELETE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4;
LOCK TABLES \`animal\` WRITE;
INSERT INTO \`animal\` VALUES (1,'O\\'Malley',4.50,'cat','a;b'),(2,'Rex, "the dog"',30.00,'dog',NULL),(3,'line\\nbreak',NULL,'cat',_binary 'x');
UNLOCK TABLES;
CREATE DATABASE \`farm\`;
USE \`farm\`;
CREATE TABLE \`animal\` (\`id\` int, \`legs\` int);
INSERT INTO \`animal\` (\`id\`,\`legs\`) VALUES (1,-4),(2,0x1F);
DROP DATABASE mysql;
`;

describe('MySQL dumps', () => {
  it('become one database per USE, with nothing but tables', async () => {
    const catalog = await load('two.mysql.sql', mysqlDump);
    expect(catalog.issues).toEqual([]);
    expect(catalog.databases.map((database) => database.name)).toEqual(['farm', 'zoo']);
    const zoo = catalog.databases[1]!;
    expect(zoo.render(zoo.tables.get('animal')!)).toBe(
      'id,name,weight,kind,key\n1,O\'Malley,4.5,cat,a;b\n2,"Rex, ""the dog""",30,dog,NULL\n3,"line\nbreak",NULL,cat,x',
    );
  });

  it('compare text without case, as the server does', async () => {
    const zoo = (await load('two.mysql.sql', mysqlDump)).databases[1]!;
    const run = zoo.sql.query(
      translateQuery('SELECT `name` FROM zoo.animal WHERE kind = "DOG"', 'mysql', 'zoo'),
    );
    expect(run).toMatchObject({ ok: true, result: { rows: [['Rex, "the dog"']] } });
  });

  it('are matched to a run by tables and columns', async () => {
    const catalog = await load('two.mysql.sql', mysqlDump);
    const names = (sql: string): string[] =>
      matchDatabase(catalog, null, ['animal'], [sql]).candidates.map((database) => database.name);
    expect(names('SELECT legs FROM animal')).toEqual(['farm']);
    expect(names('SELECT weight FROM animal')).toEqual(['zoo']);
    expect(names('SELECT id FROM animal')).toEqual(['farm', 'zoo']);
    expect(matchDatabase(catalog, 'zoo', ['animal'], []).candidates.map((item) => item.name)).toEqual([
      'zoo',
    ]);
    expect(matchDatabase(catalog, null, ['plants'], []).candidates).toEqual([]);
  });
});

describe('other dumps', () => {
  it('reads PostgreSQL with COPY and schema names', async () => {
    const catalog = await load(
      'pg.sql',
      `-- PostgreSQL database dump
SET client_encoding = 'UTF8';
CREATE TABLE public.city (id integer NOT NULL, name character varying(40), area numeric(6,2), "Open" boolean DEFAULT true);
ALTER TABLE public.city OWNER TO postgres;
COPY public.city (id, name, area, "Open") FROM stdin;
1\tBonn\t141.1\tt
2\tA\\tB\t\\N\tf
\\.

ALTER TABLE ONLY public.city ADD CONSTRAINT city_pkey PRIMARY KEY (id);
INSERT INTO public.city VALUES (3, E'O\\'Hara', 1.5::numeric, false);
`,
    );
    const [database] = catalog.databases;
    expect(database!.render(database!.tables.get('city')!)).toBe(
      "id,name,area,Open\n1,Bonn,141.1,t\n2,A\tB,NULL,f\n3,O'Hara,1.5,0",
    );
    const run = database!.sql.query(
      translateQuery("SELECT name FROM city WHERE name ILIKE 'b%' AND id::int = 1", 'postgresql', 'pg'),
    );
    expect(run).toMatchObject({ ok: true, result: { rows: [['Bonn']] } });
  });

  it('reads SQLite dumps with bracketed names and N-strings', async () => {
    const catalog = await load(
      's.sql',
      "CREATE TABLE [A b] ([x] INTEGER PRIMARY KEY, [y] NVARCHAR(20));\nINSERT INTO [A b] ([x],[y]) VALUES (1, N'it''s');",
    );
    const [database] = catalog.databases;
    expect(database!.render(database!.tables.get('a b')!)).toBe("x,y\n1,it's");
  });

  it('reads CSV and AgentBench tasks', async () => {
    const csv = (await load('t.csv', 'name,age\n"Smith, J",30\nLee,4\n')).databases[0]!;
    expect(csv.sql.query('SELECT sum(age) FROM t')).toMatchObject({ ok: true, result: { rows: [[34]] } });
    const task = {
      description: 'q',
      table: {
        table_name: 'Race',
        table_info: {
          columns: [
            { name: 'No', type: 'INT' },
            { name: 'Who', type: 'TEXT' },
          ],
          rows: [['7', 'Ann']],
        },
      },
    };
    const agent = (await load('tasks.jsonl', `${JSON.stringify(task)}\n`)).databases[0]!;
    expect(agent.sql.query('SELECT No + 1, Who FROM Race')).toMatchObject({
      ok: true,
      result: { rows: [[8, 'Ann']] },
    });
  });

  it('refuses files that hold no tables', async () => {
    await expect(load('a.txt', 'hello')).rejects.toThrow(/not recognised/);
  });
});

describe('queries', () => {
  it('may only read', async () => {
    const database = (await load('s.sql', 'CREATE TABLE t (a int); INSERT INTO t VALUES (1);')).databases[0]!;
    for (const sql of [
      'DELETE FROM t',
      'DROP TABLE t',
      "ATTACH 'x.db' AS x",
      'PRAGMA writable_schema = 1',
      "SELECT load_extension('x')",
      'CREATE TABLE u (a)',
    ]) {
      expect(database.sql.query(sql).ok).toBe(false);
    }
    expect(database.sql.query('SELECT a FROM t')).toMatchObject({ ok: true, result: { rows: [[1]] } });
  });

  it('stop after a fixed amount of work', async () => {
    const database = (await load('s.sql', 'CREATE TABLE t (a int);')).databases[0]!;
    const run = database.sql.query(
      'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c',
    );
    expect(run).toEqual({ ok: false, reason: 'the query was stopped after 100 million steps' });
    const many = database.sql.query(
      'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x FROM c',
      50,
    );
    expect(many).toMatchObject({ ok: true, result: { isCut: true } });
  });

  it.each([
    ['SELECT IF(a > 1, \'x\', "y") FROM t', "SELECT iif(a + 0 > 1, 'x', 'y') FROM t"],
    ['SELECT 1/2 LIMIT 0, 5;', 'SELECT 1* 1.0 /2 LIMIT 0, 5'],
    ["SELECT CONCAT(`a b`, 'it\\'s')", "SELECT acc_concat(\"a b\", 'it''s')"],
    [
      'SELECT CAST(x AS UNSIGNED) FROM db.t WHERE x <=> NULL',
      'SELECT CAST(x AS INTEGER) FROM t WHERE x  IS  NULL',
    ],
    ['SELECT h FROM t WHERE h > 150', 'SELECT h FROM t WHERE h + 0 > 150'],
    ['SELECT db.x FROM db', 'SELECT db.x FROM db'],
  ])('translates %s', (sql, expected) => {
    expect(translateQuery(sql, 'mysql', 'db')).toBe(expected);
  });
});

/** The bytes of an SQLite file made by these statements. */
async function sqliteFile(sql: string): Promise<Uint8Array> {
  const sqlite = await loadSqlite();
  const database = new sqlite.oo1.DB(':memory:', 'c');
  try {
    database.exec(sql);
    return sqlite.capi.sqlite3_js_db_export(database.pointer!);
  } finally {
    database.close();
  }
}

describe('hostile SQLite files', () => {
  const good = "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (1, 'x'), (2, 'y');";
  const open = (bytes: Uint8Array): Promise<DatabaseCatalog> =>
    DatabaseCatalog.load([{ name: 'hostile.sqlite', bytes }]);

  it('whose view never ends, or whose trigger would write, cost a bounded query and nothing else', async () => {
    const bytes = await sqliteFile(
      `${good}
       CREATE VIEW endless AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) AS n FROM c;
       CREATE TRIGGER late INSTEAD OF DELETE ON endless BEGIN DELETE FROM t; END;`,
    );
    const [database] = (await open(bytes)).databases;
    expect([...database!.tables.keys()]).toContain('t');
    expect(database!.sql.query('SELECT n FROM endless')).toMatchObject({ ok: false, reason: expect.stringMatching(/stopped after/) as string }); // prettier-ignore
    expect(database!.sql.query('DELETE FROM endless').ok).toBe(false);
    expect(database!.sql.query('SELECT count(*) FROM t')).toMatchObject({ result: { rows: [[2]] } });
  });

  it('whose schema says what it is not are refused, or give what can be read', async () => {
    const bytes = await sqliteFile(
      `${good} PRAGMA writable_schema = 1; UPDATE sqlite_master SET sql = 'CREATE TABLE t (a, b, c' WHERE name = 't';`,
    );
    await expect(open(bytes)).rejects.toThrow(/hostile\.sqlite/);
  });

  it('with damaged bytes anywhere fail in words and never spoil the next file', async () => {
    const whole = await sqliteFile(good);
    const rng = new Rng('damaged databases');
    const seen = { read: 0, refused: 0 };
    for (let round = 0; round < 300; round++) {
      const bytes = whole.slice(0, rng.below(4) ? whole.length : 100 + rng.below(whole.length - 100));
      for (let hit = 0; hit <= rng.below(6); hit++) bytes[16 + rng.below(bytes.length - 16)] = rng.below(256);
      try {
        const catalog = await open(bytes);
        for (const database of catalog.databases)
          for (const table of database.tables.values()) database.render(table);
        catalog.close();
        seen.read++;
      } catch (error) {
        expect(error).toBeInstanceOf(InputError);
        seen.refused++;
      }
    }
    expect(Math.min(seen.read, seen.refused)).toBeGreaterThan(20);
    const [database] = (await open(whole)).databases;
    expect(database!.sql.query('SELECT a, b FROM t')).toMatchObject({ result: { rows: [[1, 'x'], [2, 'y']] } }); // prettier-ignore
  });
});
