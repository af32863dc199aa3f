import type { Rng } from '../core/rng.ts';
import { firstNames, goods, pick, pickSome, towns } from './words.ts';

type Cell = string | number | null;

export interface Table {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: 'INTEGER' | 'TEXT' }[];
  readonly rows: readonly (readonly Cell[])[];
}

/** A question with the statement that answers it and one that looks right and is not. */
export interface TableQuestion {
  readonly question: string;
  readonly sql: string;
  readonly wrongSql: string;
  readonly tables: readonly string[];
}

const column = (name: string, type: 'INTEGER' | 'TEXT' = 'TEXT'): Table['columns'][number] => ({
  name,
  type,
});

/** People and their bosses, items and orders, and trips between towns. @param size rows of the longer tables. */
export function makeTables(rng: Rng, size: number): Table[] {
  const people = pickSome(rng, firstNames, Math.min(firstNames.length, size));
  const places = pickSome(rng, towns, Math.max(4, Math.min(towns.length, Math.round(size * 0.8))));
  const items = pickSome(rng, goods, Math.max(3, Math.min(goods.length, Math.round(size * 0.7))));
  const trips = new Set<string>();
  const wanted = Math.round(places.length * 1.7);
  for (let i = 0; i < wanted * 3 && trips.size < wanted; i++) {
    const [from, to] = pickSome(rng, places, 2);
    trips.add(`${from!} ${to!}`);
  }
  return [
    {
      name: 'person',
      columns: [column('name'), column('town'), column('boss')],
      // Bosses come earlier in the list, so there is no circle.
      rows: rng.shuffle(
        people.map((name, i): Cell[] => [name, pick(rng, places), i === 0 ? null : people[rng.below(i)]!]),
      ),
    },
    {
      name: 'item',
      columns: [column('name'), column('price', 'INTEGER'), column('stock', 'INTEGER')],
      rows: items.map((name) => [name, 2 + rng.below(90), rng.below(90)]),
    },
    {
      name: 'orders',
      columns: [column('person'), column('item'), column('amount', 'INTEGER')],
      rows: Array.from({ length: size }, (): Cell[] => [
        pick(rng, people),
        pick(rng, items),
        1 + rng.below(20),
      ]),
    },
    {
      name: 'trip',
      columns: [column('start'), column('goal')],
      rows: [...trips].map((trip) => trip.split(' ')),
    },
  ];
}

const quote = (cell: Cell): string =>
  cell === null ? 'NULL' : typeof cell === 'number' ? String(cell) : `'${cell.replaceAll("'", "''")}'`;

/** The statements that make the tables. */
export function dumpTables(tables: readonly Table[]): string {
  return tables
    .map(({ name, columns, rows }) =>
      [
        `CREATE TABLE ${name} (${columns.map((each) => `${each.name} ${each.type}`).join(', ')});`,
        ...rows.map((row) => `INSERT INTO ${name} VALUES (${row.map(quote).join(', ')});`),
      ].join('\n'),
    )
    .join('\n');
}

function cellsOf(tables: readonly Table[], table: string, at: number): Cell[] {
  return tables.find(({ name }) => name === table)!.rows.map((row) => row[at]!);
}

export function makeTableQuestion(rng: Rng, tables: readonly Table[]): TableQuestion {
  const person = String(pick(rng, cellsOf(tables, 'person', 0)));
  const item = String(pick(rng, cellsOf(tables, 'item', 0)));
  const town = String(pick(rng, rng.below(2) ? cellsOf(tables, 'trip', 0) : cellsOf(tables, 'trip', 1)));
  switch (rng.below(9)) {
    case 0:
      return {
        question: `What is the price of ${item}?`,
        sql: `SELECT price FROM item WHERE name = '${item}'`,
        wrongSql: `SELECT stock FROM item WHERE name = '${item}'`,
        tables: ['item'],
      };
    case 1:
      return {
        question: `Which items did ${person} order?`,
        sql: `SELECT item FROM orders WHERE person = '${person}'`,
        wrongSql: `SELECT amount FROM orders WHERE person = '${person}'`,
        tables: ['orders'],
      };
    case 2:
      return {
        question: `Which people have ${person} as boss?`,
        sql: `SELECT name FROM person WHERE boss = '${person}'`,
        wrongSql: `SELECT boss FROM person WHERE name = '${person}'`,
        tables: ['person'],
      };
    case 3:
      return {
        question: `From which towns is there a trip to ${town}?`,
        sql: `SELECT start FROM trip WHERE goal = '${town}'`,
        wrongSql: `SELECT goal FROM trip WHERE start = '${town}'`,
        tables: ['trip'],
      };
    case 4:
      return {
        question: `To which towns is there a trip from ${town}?`,
        sql: `SELECT goal FROM trip WHERE start = '${town}'`,
        wrongSql: `SELECT start FROM trip WHERE goal = '${town}'`,
        tables: ['trip'],
      };
    case 5:
      return {
        question: `Which towns are two trips away from ${town}?`,
        sql: `SELECT DISTINCT b.goal FROM trip AS a JOIN trip AS b ON b.start = a.goal WHERE a.start = '${town}' AND b.goal <> '${town}'`,
        wrongSql: `SELECT goal FROM trip WHERE start = '${town}'`,
        tables: ['trip'],
      };
    case 6:
      return {
        question: `Who is the boss of the boss of ${person}?`,
        sql: `SELECT b.boss FROM person AS a JOIN person AS b ON b.name = a.boss WHERE a.name = '${person}'`,
        wrongSql: `SELECT boss FROM person WHERE name = '${person}'`,
        tables: ['person'],
      };
    case 7:
      return {
        question: `What are the prices of the items that ${person} ordered?`,
        sql: `SELECT item.price FROM orders JOIN item ON item.name = orders.item WHERE orders.person = '${person}'`,
        wrongSql: `SELECT item.stock FROM orders JOIN item ON item.name = orders.item WHERE orders.person = '${person}'`,
        tables: ['orders', 'item'],
      };
    default:
      return {
        question: `Who works for ${person}, directly or not?`,
        sql: `WITH RECURSIVE staff(name) AS (SELECT name FROM person WHERE boss = '${person}' UNION SELECT person.name FROM person JOIN staff ON person.boss = staff.name) SELECT name FROM staff`,
        wrongSql: `SELECT name FROM person WHERE boss = '${person}'`,
        tables: ['person'],
      };
  }
}
