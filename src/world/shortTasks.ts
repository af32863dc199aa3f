import type { Rng } from '../core/rng.ts';
import { code, pick, pickSome, sentence, writings } from './words.ts';

interface TaskMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** A task that fits into a few hundred tokens; the last message is the wanted reply. */
export interface ShortTask {
  readonly kind: ShortTaskKind;
  readonly messages: readonly TaskMessage[];
}

export const shortTaskKinds = ['repeat', 'recall', 'notes', 'graph', 'pick'] as const;
export type ShortTaskKind = (typeof shortTaskKinds)[number];

/** What short tasks are made of, so that a model's whole vocabulary can take part. */
export interface TaskWords {
  /** Lower-case words. */
  readonly words: readonly string[];
  /** Names without meaning, as graphs use them. */
  readonly ids: readonly string[];
}

const ordinals = ['1st', '2nd', '3rd', '4th', '5th', '6th', '7th', '8th'];
const ordinalNames = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth'];

const user = (content: string): TaskMessage => ({ role: 'user', content });
const assistant = (content: string): TaskMessage => ({ role: 'assistant', content });

/** @param size about how long the task may be: 0 (a few dozen tokens) … 1 (about 250). */
export function shortTask(rng: Rng, kind: ShortTaskKind, from: TaskWords, size: number): ShortTask {
  const messages = makers[kind](rng, from, size);
  return { kind, messages };
}

function someWords(rng: Rng, from: TaskWords, count: number): string {
  return Array.from({ length: count }, () => pick(rng, from.words)).join(' ');
}

/** A thing to be named: a word, a few words, an id, a code or a number. */
function thing(rng: Rng, from: TaskWords): string {
  switch (rng.below(8)) {
    case 0:
      return pick(rng, from.ids);
    case 1:
      return code(rng, 4 + rng.below(7));
    case 2:
      return String(rng.below(100));
    case 3:
      return someWords(rng, from, 2);
    default:
      return pick(rng, from.words);
  }
}

function upTo(rng: Rng, least: number, most: number, size: number): number {
  return least + rng.below(Math.max(1, Math.round((most - least) * size) + 1));
}

function repeatTask(rng: Rng, from: TaskWords, size: number): TaskMessage[] {
  const count = upTo(rng, 3, 60, size);
  const text =
    rng.below(3) === 0
      ? Array.from({ length: upTo(rng, 1, 5, size) }, () => sentence(rng, pick(rng, from.words))).join(' ')
      : Array.from({ length: count }, () => (rng.below(6) ? pick(rng, from.words) : thing(rng, from))).join(
          pick(rng, [' ', ' ', ', ', '\n']),
        );
  if (rng.below(3) === 0) {
    const nonce = code(rng, 10);
    return [user(`Prepend ${nonce} to this text: ${text}`), assistant(`${nonce}${text}`)];
  }
  const ask = pick(rng, ['Repeat: ', 'Repeat this text.\n', 'Say it again: ', 'Copy the text.\n\n']);
  return [user(`${ask}${text}`), assistant(text)];
}

function recallTask(rng: Rng, from: TaskWords, size: number): TaskMessage[] {
  const count = upTo(rng, 2, 24, size);
  const keys = pickSome(rng, rng.below(3) ? from.words : from.ids, count);
  const values = keys.map(() => thing(rng, from));
  const between = pick(rng, [' is ', ': ', ' -> ', ' = ', ' has ', ' | ']);
  const lines = keys.map((key, i) => `${key}${between}${values[i]!}`);
  const text = lines.join(pick(rng, ['\n', '\n', ', ', '. ']));
  const messages: TaskMessage[] = [];
  for (let round = 0, rounds = 1 + rng.below(5); round < rounds; round++) {
    const at = rng.below(count);
    const ask = pick(rng, [
      `What is ${keys[at]!}?`,
      `${keys[at]!}?`,
      `Give the value of ${keys[at]!}.`,
      `${keys[at]!}${between.trimEnd()}`,
    ]);
    const first = rng.below(4) === 0 ? `${ask}\n\n${text}` : `${text}\n\n${ask}`;
    messages.push(user(round === 0 ? first : ask), assistant(values[at]!));
  }
  return messages;
}

/** A conversation of small writings, then one of them is wanted again. */
function notesTask(rng: Rng, from: TaskWords, size: number): TaskMessage[] {
  const form = pick(rng, writings);
  const topic = pick(rng, from.words);
  const same = 1 + rng.below(size < 0.3 ? 2 : 3);
  const turns = Math.max(same, upTo(rng, 1, 7, size));
  const verb = pick(rng, ['write', 'write', 'make', 'give me']);
  const sentences = 1 + rng.below(2);
  const kinds = rng.shuffle(Array.from({ length: turns }, (_, i) => i < same));
  const messages: TaskMessage[] = [];
  const written: { form: string; topic: string; text: string }[] = [];
  for (const isSame of kinds) {
    let [f, t] = [form, topic];
    while (!isSame && f === form && t === topic) {
      f = rng.below(2) ? form : pick(rng, writings);
      t = rng.below(3) ? pick(rng, from.words) : topic;
    }
    const body = Array.from({ length: sentences }, () =>
      rng.below(4) ? sentence(rng, t) : `${someWords(rng, from, 5 + rng.below(6))}.`,
    ).join(' ');
    const text = rng.below(2) ? body : `${pick(rng, from.words)} ${t}\n\n${body}`;
    messages.push(user(`${verb} a ${f} about ${t}`), assistant(text));
    written.push({ form: f, topic: t, text });
  }
  for (let round = 0, rounds = 1 + rng.below(3); round < rounds; round++) {
    // The first question is about those that share their request.
    const one = round === 0 ? { form, topic } : pick(rng, written);
    const wanted = written.filter((each) => each.form === one.form && each.topic === one.topic);
    const which = rng.below(wanted.length);
    const ordinal = rng.below(2) ? ordinals[which]! : ordinalNames[which]!;
    const what =
      wanted.length === 1 && rng.below(2)
        ? `the ${one.form} about ${one.topic}`
        : `the ${ordinal} ${one.form} about ${one.topic}`;
    const { text } = wanted[which]!;
    const nonce = code(rng, 10);
    const [ask, reply] = pick(rng, [
      [`Repeat ${what}.`, text],
      [`Prepend ${nonce} to ${what}.`, `${nonce}${text}`],
      [`Prepend ${nonce} to ${what}. Say nothing else.`, `${nonce}${text}`],
      [`Write ${nonce} and then ${what}, with no other text.`, `${nonce}${text}`],
    ] as const);
    messages.push(user(ask), assistant(reply));
  }
  return messages;
}

/** Edges of a small graph, and who is next to whom. */
function graphTask(rng: Rng, from: TaskWords, size: number): TaskMessage[] {
  const nodeCount = upTo(rng, 3, 24, size);
  const nodes = pickSome(rng, rng.below(4) ? from.ids : from.words, nodeCount);
  const degree = 1 + rng.below(2);
  const edges: [string, string][] = [];
  for (const node of nodes) {
    for (let k = 0; k < degree; k++) edges.push([node, pick(rng, nodes)]);
  }
  const isGrouped = rng.below(2) === 0;
  const list = isGrouped ? edges : rng.shuffle(edges);
  const arrow = pick(rng, [' -> ', ' -> ', ' -> ', ' to ']);
  const text = list.map(([a, b]) => `${a}${arrow}${b}`).join('\n');
  const next = (of: readonly string[]): string[] => list.filter(([a]) => of.includes(a)).map(([, b]) => b);
  const operate = (): [string, string[]] => {
    const start = pick(rng, list)[rng.below(2)]!;
    const unique = (found: string[]): string[] => [...new Set(found)].filter((node) => node !== start);
    const operation = rng.below(5);
    if (operation < 2) {
      const ask = pick(rng, [
        `Find the parents of node ${start}.`,
        `Which nodes lead to ${start}?`,
        `Which nodes have an edge to ${start}?`,
      ]);
      return [ask, unique(list.filter(([, b]) => b === start).map(([a]) => a))];
    }
    if (operation < 4) {
      const ask = pick(rng, [
        `Which nodes does ${start} lead to?`,
        `Perform a BFS from node ${start} to depth 1.`,
        `Find the nodes one step from ${start}.`,
      ]);
      return [ask, unique(next([start]))];
    }
    const near = unique(next([start]));
    const ask = pick(rng, [
      `Perform a BFS from node ${start} to depth 2.`,
      `Find the nodes two steps from ${start}.`,
    ]);
    return [ask, unique(next(near)).filter((node) => !near.includes(node))];
  };
  const head = pick(rng, ['', 'The graph has the following edges:\n', 'Edges:\n', 'Here is a graph.\n']);
  const tail = pick(rng, ['', '\n\nReturn a list of nodes.', '\n\nEnd with the list of nodes.']);
  const messages: TaskMessage[] = [];
  for (let round = 0, rounds = 1 + rng.below(4); round < rounds; round++) {
    const [ask, found] = operate();
    const first =
      rng.below(4) === 0
        ? `${ask}\n\n${head}${text}${tail}`
        : `${head}${text}\n\n${rng.below(2) ? 'Operation:\n' : ''}${ask}${tail}`;
    messages.push(user(round === 0 ? first : ask), assistant(`Final Answer: [${found.join(', ')}]`));
  }
  return messages;
}

/** Lines of text, one of which is wanted by what it begins or ends with. */
function pickTask(rng: Rng, from: TaskWords, size: number): TaskMessage[] {
  const count = upTo(rng, 2, 10, size);
  const lines = Array.from({ length: count }, () =>
    rng.below(2) ? sentence(rng, pick(rng, from.words)) : someWords(rng, from, 3 + rng.below(6)),
  );
  const text = lines.join('\n');
  const messages: TaskMessage[] = [];
  for (let round = 0, rounds = 1 + rng.below(3); round < rounds; round++) {
    const at = rng.below(count);
    const line = lines[at]!;
    const words = line.split(' ');
    const [ask, reply] = pick(rng, [
      [`Which line begins with ${words.slice(0, 2).join(' ')}?`, line],
      [`Which line has the words ${words.slice(2, 4).join(' ')}?`, line],
      [`Repeat the ${ordinalNames[at] ?? `${String(at + 1)}th`} line.`, line],
      ['Repeat the last line.', lines[count - 1]!],
      ['Repeat the first line.', lines[0]!],
      [`What follows ${words.slice(0, 2).join(' ')}?`, words.slice(2).join(' ')],
    ] as const);
    const first = rng.below(3) ? `${text}\n\n${ask}` : `${ask}\n\n${text}`;
    messages.push(user(round === 0 ? first : ask), assistant(reply));
  }
  return messages;
}

const makers: Record<ShortTaskKind, (rng: Rng, from: TaskWords, size: number) => TaskMessage[]> = {
  repeat: repeatTask,
  recall: recallTask,
  notes: notesTask,
  graph: graphTask,
  pick: pickTask,
};
