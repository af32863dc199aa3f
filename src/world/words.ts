import type { Rng } from '../core/rng.ts';

/** The word lists of the world: few and plain, since its readers are models with small vocabularies. */

const split = (text: string): readonly string[] => text.trim().split(/\s+/);

export const firstNames = split(`
  Alma Anton Bela Carl Celia Daria Edgar Elin Felix Flora Gilda Henk Ilse Jonas Karla Leon Livia Marta
  Milan Nadia Nils Olga Oskar Paula Pavel Rosa Ruben Selma Simon Tilda Tomas Ulla Vera Viktor Wanda Yara`);

export const familyNames = split(`
  Abel Arden Baum Berg Brandt Calder Dahl Ebner Falk Frost Graf Hale Hartmann Holm Jansen Keller Kraus Lang
  Lindt Marsh Moss Novak Orlow Peters Quist Reed Rossi Sand Stern Storm Thorne Vogel Weber Winter Wolf Zander`);

export const towns = split(`
  Aldern Barrow Calden Dunmere Eastholt Fenwick Garrow Hallow Irthing Kelder Lorne Marlow Norden Orrin
  Pendle Rothby Selby Tarn Ulverton Wexley Yarrow Zelm`);

export const rivers = split('Amber Bela Corve Dane Esk Ferrow Ilma Lune Nadder Orne Rill Severa Teme Wye');

export const trades = split(`
  baker weaver printer potter carpenter gardener painter sailor miller smith tailor teacher doctor singer
  builder farmer hunter clerk`);

export const goods = split(`
  apples bread salt wool glass paper lamps ropes boats clocks maps books wheels bells chairs tools honey
  cheese timber candles stones drums nails silk copper`);

export const animals = split('fox owl hare crane heron otter wolf raven bear goat swan beaver mole trout');

export const colours = split('red blue green white black grey yellow brown silver golden');

export const adjectives = split(`
  old new small large quiet bright dark cold warm heavy light broken narrow wide early late rare plain deep
  tall short soft hard dry wet`);

export const verbs = split(`
  finds keeps makes sells buys paints carries hides cleans opens closes counts draws follows lifts loses
  mends moves names needs orders packs reads sees sends takes turns watches`);

export const places = split(`
  river hill mill bridge harbour market garden tower forest valley station school library chapel square
  field island quarry barn well`);

export const months = split(
  'January February March April May June July August September October November December',
);

/** Forms of writing that a short conversation asks for. */
export const writings = split('note list letter story report poem song speech riddle essay message email');

/** One of a list. */
export function pick<T>(rng: Rng, list: readonly T[]): T {
  return list[rng.below(list.length)]!;
}

/** `count` different ones of a list, in random order; all of them when the list is shorter. */
export function pickSome<T>(rng: Rng, list: readonly T[], count: number): T[] {
  return rng.shuffle(list).slice(0, count);
}

/** A random name that nothing else bears by chance: `length` letters and digits. */
export function code(rng: Rng, length: number): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length }, () => alphabet[rng.below(alphabet.length)]!).join('');
}

/** A sentence about a thing; its words repeat between sentences as those of real notes do. */
export function sentence(rng: Rng, topic: string): string {
  const name = pick(rng, firstNames);
  switch (rng.below(5)) {
    case 0:
      return `${name} ${pick(rng, verbs)} the ${pick(rng, adjectives)} ${topic} by the ${pick(rng, places)}.`;
    case 1:
      return `The ${topic} of ${pick(rng, towns)} are ${pick(rng, adjectives)} and ${pick(rng, colours)}.`;
    case 2:
      return `In ${pick(rng, months)} ${name} ${pick(rng, verbs)} ${String(2 + rng.below(98))} ${topic}.`;
    case 3:
      return `A ${pick(rng, adjectives)} ${pick(rng, animals)} ${pick(rng, verbs)} the ${topic} near the ${pick(rng, places)}.`;
    default:
      return `${name} the ${pick(rng, trades)} ${pick(rng, verbs)} ${topic} and ${pick(rng, verbs)} ${pick(rng, goods)}.`;
  }
}
