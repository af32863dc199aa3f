/** Sample SQL agents over a small invented shop database; their observations are the real results. */

export const schema = `
CREATE TABLE harbour (harbour_id INTEGER PRIMARY KEY, name TEXT NOT NULL, island TEXT NOT NULL, berths INTEGER NOT NULL);
CREATE TABLE boat (boat_id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, built INTEGER NOT NULL, home_harbour_id INTEGER NOT NULL REFERENCES harbour);
CREATE TABLE landing (landing_id INTEGER PRIMARY KEY, boat_id INTEGER NOT NULL REFERENCES boat, harbour_id INTEGER NOT NULL REFERENCES harbour, landed_on TEXT NOT NULL, species TEXT NOT NULL, kilograms REAL NOT NULL);
CREATE TABLE crew (crew_id INTEGER PRIMARY KEY, name TEXT NOT NULL, boat_id INTEGER NOT NULL REFERENCES boat, role TEXT NOT NULL);
`;

const harbours = [
  ['Port Ansel', 'Great Sundrift', 64],
  ['Teal Harbour', 'Great Sundrift', 38],
  ['Corrie Bay', 'Little Sundrift', 22],
  ['Saltmarsh', 'Little Sundrift', 12],
];
const boats = [
  ['Gannet', 'trawler', 1988, 1],
  ['Heron', 'trawler', 2003, 1],
  ['Merle', 'longliner', 1996, 2],
  ['Plover', 'longliner', 2011, 2],
  ['Quail', 'potter', 1979, 3],
  ['Rail', 'potter', 2015, 3],
  ['Siskin', 'trawler', 1999, 4],
  ['Tern', 'potter', 2008, 2],
];
const people = [
  'Ada Thale',
  'Bo Orrin',
  'Cleo Brandt',
  'Dag Tolland',
  'Eli Quist',
  'Fia Aldous',
  'Gus Marr',
  'Hedda Lund',
  'Ivo Stane',
  'Jutta Rehn',
  'Kai Moss',
  'Lene Varga',
];
const species = ['herring', 'cod', 'ling', 'crab'];

const quote = (value) => (typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`);
const insert = (table, row) => `INSERT INTO ${table} VALUES (${row.map(quote).join(', ')});`;

/** All statements that fill the database. The landings follow a fixed rule, so that every run gives the same bytes. */
export function fillStatements() {
  const rows = [
    ...harbours.map((row, i) => insert('harbour', [i + 1, ...row])),
    ...boats.map((row, i) => insert('boat', [i + 1, ...row])),
    ...people.map((name, i) =>
      insert('crew', [i + 1, name, (i % boats.length) + 1, i < boats.length ? 'skipper' : 'deckhand']),
    ),
  ];
  for (let i = 0; i < 60; i++) {
    const boat = (i * 5 + 3) % boats.length;
    const month = String((i % 12) + 1).padStart(2, '0');
    const day = String(((i * 7) % 27) + 1).padStart(2, '0');
    const kind = species[boats[boat][1] === 'potter' ? 3 : (i + boat) % 3];
    const kilograms = 120 + ((i * 37 + boat * 91) % 700);
    const harbour = i % 4 === 3 ? (i % harbours.length) + 1 : boats[boat][3];
    rows.push(insert('landing', [i + 1, boat + 1, harbour, `2021-${month}-${day}`, kind, kilograms]));
  }
  return rows;
}

export const runs = [
  {
    query:
      'Which trawlers landed more than 2000 kilograms in 2021, and how much did each land? Show the heaviest first.',
    actions: [
      ['SHOW TABLES', 'tables'],
      ['DESC boat', 'describe:boat'],
      ['DESC landing', 'describe:landing'],
      [
        "SELECT name, SUM(kilograms) FROM boat JOIN landing USING (boat_id) WHERE type = 'trawler' GROUP BY name",
        'run',
      ],
      [
        "SELECT b.name, SUM(l.kilograms) AS total FROM boat AS b JOIN landing AS l ON l.boat_id = b.boat_id WHERE b.kind = 'trawler' AND l.landed_on LIKE '2021-%' GROUP BY b.boat_id HAVING total > 2000 ORDER BY total DESC",
        'run',
      ],
    ],
    rewards: [0, 0, 0, 0, 1],
    hardness: 'medium',
  },
  {
    query: 'How many landings took place in a harbour other than the home harbour of the boat?',
    actions: [
      ['DESC landing', 'describe:landing'],
      ['DESC boat', 'describe:boat'],
      [
        'SELECT COUNT(*) FROM landing AS l JOIN boat AS b ON b.boat_id = l.boat_id WHERE l.harbour_id <> b.home_harbour_id',
        'run',
      ],
    ],
    rewards: [0, 0, 1],
    hardness: 'easy',
  },
  {
    query: 'For each island, give the number of berths and the name of the skipper of its oldest boat.',
    actions: [
      ['SHOW TABLES', 'tables'],
      ['SELECT * FROM harbour', 'run'],
      ['SELECT * FROM crew LIMIT 3', 'run'],
      [
        "SELECT h.island, SUM(DISTINCT h.berths), c.name FROM harbour AS h JOIN boat AS b ON b.home_harbour_id = h.harbour_id JOIN crew AS c ON c.boat_id = b.boat_id AND c.role = 'skipper' WHERE b.built = (SELECT MIN(b2.built) FROM boat AS b2 JOIN harbour AS h2 ON h2.harbour_id = b2.home_harbour_id WHERE h2.island = h.island) GROUP BY h.island",
        'run',
      ],
      [
        "SELECT i.island, i.berths, c.name FROM (SELECT island, SUM(berths) AS berths FROM harbour GROUP BY island) AS i JOIN harbour AS h ON h.island = i.island JOIN boat AS b ON b.home_harbour_id = h.harbour_id JOIN crew AS c ON c.boat_id = b.boat_id AND c.role = 'skipper' WHERE b.built = (SELECT MIN(b2.built) FROM boat AS b2 JOIN harbour AS h2 ON h2.harbour_id = b2.home_harbour_id WHERE h2.island = i.island) ORDER BY i.island",
        'run',
      ],
    ],
    rewards: [0, 0, 0, 0.5, 1],
    hardness: 'hard',
  },
];

/** A value as Python prints it inside a tuple. */
function pythonValue(value) {
  if (value === null) return 'None';
  if (typeof value === 'number') return String(value);
  return value.includes("'") ? `"${value}"` : `'${value}'`;
}
export function pythonRows(rows) {
  return `[${rows.map((row) => `(${row.map(pythonValue).join(', ')}${row.length === 1 ? ',' : ''})`).join(', ')}]`;
}
