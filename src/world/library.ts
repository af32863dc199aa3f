import type { Rng } from '../core/rng.ts';
import {
  adjectives,
  animals,
  colours,
  familyNames,
  firstNames,
  goods,
  pick,
  pickSome,
  rivers,
  towns,
  trades,
} from './words.ts';

export interface Page {
  readonly title: string;
  readonly text: string;
}

type EntityKind = 'person' | 'town' | 'house';

interface Entity {
  readonly kind: EntityKind;
  readonly name: string;
  /** Names of other entities, by relation. */
  readonly links: Readonly<Record<string, string>>;
  readonly facts: Readonly<Record<string, string>>;
}

/** A small encyclopedia whose pages refer to each other. */
export interface Library {
  readonly entities: ReadonlyMap<string, Entity>;
  readonly pages: ReadonlyMap<string, Page>;
}

/** How a relation is asked for and how a page states it; `X` is the entity, `Y` what it is related to. */
const links: Readonly<
  Record<EntityKind, Readonly<Record<string, { ask: string; state: string; to: EntityKind }>>>
> = {
  person: {
    teacher: { ask: 'the teacher of X', state: 'The teacher of X was Y.', to: 'person' },
    home: { ask: 'the home town of X', state: 'The home town of X is Y.', to: 'town' },
    house: { ask: 'the house that X works for', state: 'X works for Y.', to: 'house' },
  },
  town: { mayor: { ask: 'the mayor of X', state: 'The mayor of X is Y.', to: 'person' } },
  house: {
    founder: { ask: 'the founder of X', state: 'The founder of X was Y.', to: 'person' },
    seat: { ask: 'the seat of X', state: 'The seat of X is Y.', to: 'town' },
  },
};

const facts: Readonly<Record<EntityKind, Readonly<Record<string, { ask: string; state: string }>>>> = {
  person: {
    trade: { ask: 'What is the trade of X?', state: 'X is a Y.' },
    born: { ask: 'In which year was X born?', state: 'X was born in Y.' },
    pet: { ask: 'Which animal does X keep?', state: 'X keeps a Y.' },
  },
  town: {
    river: { ask: 'Which river runs through X?', state: 'X lies on the river Y.' },
    year: { ask: 'In which year was X founded?', state: 'X was founded in Y.' },
    known: { ask: 'What is X known for?', state: 'X is known for Y.' },
  },
  house: {
    goods: { ask: 'What does X make?', state: 'X makes Y.' },
    year: { ask: 'In which year was X opened?', state: 'X was opened in Y.' },
    sign: { ask: 'What is on the sign of X?', state: 'The sign of X shows a Y.' },
  },
};

const year = (rng: Rng): string => String(1840 + rng.below(60));

/** @param people how many persons; towns and houses follow from it. */
export function makeLibrary(rng: Rng, people: number): Library {
  const entities = new Map<string, Entity>();
  const names: string[] = [];
  const taken = new Set<string>();
  while (names.length < people) {
    const name = `${pick(rng, firstNames)} ${pick(rng, familyNames)}`;
    if (!taken.has(name)) names.push(name);
    taken.add(name);
  }
  const townNames = pickSome(rng, towns, Math.max(3, Math.min(towns.length, Math.round(people / 3))));
  const houseNames = pickSome(rng, familyNames, Math.max(2, Math.round(people / 3))).map(
    (name) => `${name} ${pick(rng, ['House', 'Works'])}`,
  );
  const other = (name: string): string => {
    for (;;) {
      const found = pick(rng, names);
      if (found !== name) return found;
    }
  };
  for (const name of names) {
    entities.set(name, {
      kind: 'person',
      name,
      links: { teacher: other(name), home: pick(rng, townNames), house: pick(rng, houseNames) },
      facts: {
        trade: pick(rng, trades),
        born: year(rng),
        pet: `${pick(rng, colours)} ${pick(rng, animals)}`,
      },
    });
  }
  for (const name of townNames) {
    const known = `${pick(rng, adjectives)} ${pick(rng, goods)}`;
    entities.set(name, {
      kind: 'town',
      name,
      links: { mayor: pick(rng, names) },
      facts: { river: pick(rng, rivers), year: year(rng), known },
    });
  }
  for (const name of houseNames) {
    entities.set(name, {
      kind: 'house',
      name,
      links: { founder: pick(rng, names), seat: pick(rng, townNames) },
      facts: {
        goods: pick(rng, goods),
        year: year(rng),
        sign: `${pick(rng, colours)} ${pick(rng, animals)}`,
      },
    });
  }
  const pages = new Map<string, Page>();
  for (const entity of entities.values())
    pages.set(entity.name, { title: entity.name, text: describe(rng, entity) });
  return { entities, pages };
}

const state = (pattern: string, entity: string, value: string): string =>
  pattern.replace(/[XY]/g, (letter) => (letter === 'X' ? entity : value));

function describe(rng: Rng, entity: Entity): string {
  const sentences = [
    ...Object.entries(links[entity.kind]).map(([key, { state: p }]) =>
      state(p, entity.name, entity.links[key]!),
    ),
    ...Object.entries(facts[entity.kind]).map(([key, { state: p }]) =>
      state(p, entity.name, entity.facts[key]!),
    ),
  ];
  return rng.shuffle(sentences).join(' ');
}

/** A question whose answer lies some links away from the entity it names. */
export interface Riddle {
  readonly question: string;
  readonly answer: string;
  /** Entities from the one named to the one that holds the answer. */
  readonly path: readonly string[];
  /** What the pages say on the way, in order; the last sentence holds the answer. */
  readonly statements: readonly string[];
}

/** @param hops pages to read, from 1. */
export function makeRiddle(rng: Rng, library: Library, hops: number): Riddle {
  const all = [...library.entities.values()];
  for (;;) {
    let entity = pick(rng, all);
    const path = [entity.name];
    const statements: string[] = [];
    let phrase = entity.name;
    for (let hop = 1; hop < hops; hop++) {
      const [key, link] = pick(rng, Object.entries(links[entity.kind]));
      const to = entity.links[key]!;
      statements.push(state(link.state, entity.name, to));
      phrase = link.ask.replace('X', phrase);
      entity = library.entities.get(to)!;
      path.push(to);
    }
    if (new Set(path).size < path.length) continue;
    const [key, fact] = pick(rng, Object.entries(facts[entity.kind]));
    const answer = entity.facts[key]!;
    statements.push(state(fact.state, entity.name, answer));
    return { question: fact.ask.replace('X', phrase), answer, path, statements };
  }
}

/** An index over the pages: those that share most words with a query come first, titles counting double. */
export function searchPages(library: Library, query: string, limit: number): Page[] {
  const wanted = new Set(wordsOf(query));
  const scored = [...library.pages.values()].map((page) => {
    const inTitle = wordsOf(page.title).filter((word) => wanted.has(word)).length;
    const inText = new Set(wordsOf(page.text).filter((word) => wanted.has(word))).size;
    return { page, score: 3 * inTitle + inText };
  });
  return scored
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, limit)
    .map(({ page }) => page);
}

const dull = new Set('the of a is was in on for and what which does did it to'.split(' '));

function wordsOf(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '' && !dull.has(word));
}
