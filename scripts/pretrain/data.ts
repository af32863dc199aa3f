/** Texts for the tokenizer, and token files for pre-training. Run by makeData.mjs. */
import { generateGraphWalks, graphPrompt, nodeId } from '../../src/evaluate/graphwalksGenerator.ts';
import { generateMrcr } from '../../src/evaluate/mrcrGenerator.ts';
import { Rng } from '../../src/core/rng.ts';
import { loadTokenizer } from '../../src/tokenizer/loadTokenizer.ts';
import type { Tokenizer } from '../../src/tokenizer/types.ts';
import type { AgentRun } from '../../src/world/agents.ts';
import type { Table } from '../../src/world/database.ts';
import { makeLibrary, makeRiddle, searchPages, type Riddle } from '../../src/world/library.ts';
import { worldRuns, type OpenSql, type WorldKind } from '../../src/world/makeWorld.ts';
import { sqlSessions } from '../../src/compile/sql/sessions.ts';
import { shortTask, shortTaskKinds, type ShortTaskKind, type TaskWords } from '../../src/world/shortTasks.ts';
import * as W from '../../src/world/words.ts';

export { loadTokenizer, sqlSessions };
export * from './tokenizer.ts';

export const lists = [
  W.firstNames,
  W.familyNames,
  W.towns,
  W.rivers,
  W.trades,
  W.goods,
  W.animals,
  W.colours,
  W.adjectives,
  W.verbs,
  W.places,
  W.months,
  W.writings,
];

/** Node ids as GraphWalks makes them; a graph of 2,048 tokens has fewer. */
export const ids = Array.from({ length: 208 }, (_, i) => nodeId(i));

const codeAndTables = `
def return if else for in not and or import from assert test class self None True False pass raise while print
file line error failed passed open edit search find view run submit diff --git a/ b/ +++ --- @@ src/ tests/ .py
value total count scale offset limit price rate area width height size weight speed index first last next level
add sub double half square cube half_of add_tax twice shift scale_by sum_of mean_of min max abs len range
SELECT FROM WHERE JOIN ON GROUP BY ORDER COUNT SUM MAX MIN AVG AND OR NOT NULL INTEGER TEXT PRIMARY KEY CREATE TABLE
LIMIT DESC ASC WITH RECURSIVE UNION ALL AS LIKE IN DISTINCT HAVING table tables column rows row id name town boss
person people item items orders order stock price amount member members team teams boat boats trip trips shop shops
name arguments query title url text answer visit search sql command path old new str edit view tool call result results
nothing found page pages document documents question Question Please reason based following answer End itself short
possible files repository solve task database Answer change unified against above with the result only one a line cells
separated by wrong right should returns gives expected but got function bug fix works now see need let look`;

function* worldTexts(): Generator<string> {
  const rng = new Rng('tokenizer');
  for (const list of lists) {
    yield list.join(' ').repeat(3);
    yield list.join('\n').repeat(2);
    yield list
      .map((word) => ` ${word}`)
      .join('')
      .repeat(40);
  }
  for (let i = 0; i < 30; i++) yield codeAndTables;
  const from: TaskWords = { words: lists.flat(), ids };
  for (let i = 0; i < 3000; i++) {
    const { messages } = shortTask(rng, shortTaskKinds[i % shortTaskKinds.length]!, from, rng.next());
    for (const { content } of messages) yield content;
  }
  for (let i = 0; i < 300; i++) {
    const library = makeLibrary(rng, 9);
    for (const page of library.pages.values()) yield `=== Document: ${page.title} ===\n${page.text}`;
    for (let hops = 1; hops < 4; hops++) {
      const riddle = makeRiddle(rng, library, hops);
      yield `${riddle.question} ${riddle.answer} ${riddle.statements.join(' ')}`;
      yield searchPages(library, riddle.question, 4)
        .map((page) => page.title)
        .join(', ');
    }
  }
  // What the two benchmarks' generators write, at the lengths of small models.
  const count = (text: string): number => text.split(/\s+/).length * 1.3;
  for (let i = 0; i < 150; i++) {
    const row = generateMrcr({ needles: 2, tokens: 1500, seed: `t${i}` }, count);
    for (const { content } of JSON.parse(row.prompt) as { content: string }[]) yield content;
    yield generateGraphWalks({
      problem: i % 2 ? 'bfs' : 'parents',
      nodes: 10,
      outDegree: 2,
      depth: 2,
      seed: `t${i}`,
    }).prompt;
  }
}

interface Turn {
  readonly role: string;
  readonly content: string;
}

/** A conversation as token ids, `1` in `wanted` where a reply (with its end) is. */
export function encodeConversation(
  tokenizer: Tokenizer,
  messages: readonly Turn[],
): { ids: number[]; wanted: number[] } {
  const ids: number[] = [];
  const wanted: number[] = [];
  const add = (list: ArrayLike<number>, flag: number): void => {
    for (let i = 0; i < list.length; i++) {
      ids.push(list[i]!);
      wanted.push(flag);
    }
  };
  for (const { role, content } of messages) {
    const isReply = role === 'assistant';
    add(tokenizer.encode(`<|${role}|>`), 0);
    add(tokenizer.encode(content), isReply ? 1 : 0);
    add(tokenizer.encode('<|end|>'), isReply ? 1 : 0);
  }
  return { ids, wanted };
}

/** One list and many short questions on it: looking up, again and again. Every name is one token. */
function drill(rng: Rng, from: TaskWords, size: number): Turn[] {
  const names = (count: number): string[] => W.pickSome(rng, rng.below(2) ? from.words : from.ids, count);
  const count = 2 + rng.below(Math.round(3 + 13 * size));
  const rounds = 4 + rng.below(Math.round(4 + 12 * size));
  const keys = names(count);
  const isGraph = rng.below(2) === 0;
  const values = isGraph ? rng.shuffle(keys) : Array.from({ length: count }, () => W.pick(rng, from.words));
  const between = isGraph ? ' -> ' : W.pick(rng, [' is ', ': ', ' -> ', ' = ', ' has ']);
  const text = keys.map((key, i) => `${key}${between}${values[i]!}`).join('\n');
  const turns: Turn[] = [];
  const form = rng.below(3);
  for (let round = 0; round < rounds; round++) {
    const at = rng.below(count);
    const [key, value] = [keys[at]!, values[at]!];
    let [ask, reply] = [W.pick(rng, [`${key}?`, `What is ${key}?`]), value];
    if (isGraph) {
      const isParent = rng.below(2) === 0;
      ask = isParent
        ? W.pick(rng, [`Find the parents of node ${value}.`, `Which nodes lead to ${value}?`])
        : W.pick(rng, [`Which nodes does ${key} lead to?`, `Perform a BFS from node ${key} to depth 1.`]);
      reply = isParent ? key : value;
      if (form > 0) reply = `Final Answer: [${reply}]`;
    }
    turns.push(
      { role: 'user', content: round === 0 ? `${text}\n\n${ask}` : ask },
      { role: 'assistant', content: reply },
    );
  }
  return turns;
}

const ordinalNames = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth'];

/**
 * A conversation of small writings and many questions for one of them by form, topic and place: finding the right one,
 * again and again. Their first words are of `heads`, which stay one token behind a nonce.
 */
function noteDrill(rng: Rng, from: TaskWords, heads: readonly string[], size: number): Turn[] {
  const forms = W.pickSome(rng, W.writings, 1 + rng.below(3));
  const topics = W.pickSome(rng, from.words, 1 + rng.below(3));
  const count = 2 + rng.below(Math.round(3 + 9 * size));
  const isLong = rng.below(3) === 0;
  const order = rng.shuffle(heads);
  const written = Array.from({ length: count }, (_, index) => {
    const [form, topic] = [W.pick(rng, forms), W.pick(rng, topics)];
    const head = `${order[index % order.length]!} ${topic}`;
    return { form, topic, text: isLong ? `${head}\n\n${W.sentence(rng, topic)}` : head };
  });
  const turns: Turn[] = written.flatMap(({ form, topic, text }) => [
    { role: 'user', content: `${W.pick(rng, ['write', 'write', 'make'])} a ${form} about ${topic}` },
    { role: 'assistant', content: text },
  ]);
  const rounds = isLong ? 2 + rng.below(3) : 4 + rng.below(Math.round(3 + 6 * size));
  for (let round = 0; round < rounds; round++) {
    const { form, topic } = W.pick(rng, written);
    const same = written.filter((each) => each.form === form && each.topic === topic);
    const which = rng.below(same.length);
    const what = `the ${ordinalNames[which] ?? 'last'} ${form} about ${topic}`;
    const { text } = same[which < ordinalNames.length ? which : same.length - 1]!;
    const nonce = W.code(rng, 4 + rng.below(7));
    const [ask, reply] = W.pick(rng, [
      [`Repeat ${what}.`, text],
      [`Prepend ${nonce} to ${what}.`, `${nonce}${text}`],
      [`Prepend ${nonce} to ${what}. Say nothing else.`, `${nonce}${text}`],
    ] as const);
    turns.push({ role: 'user', content: ask }, { role: 'assistant', content: reply });
  }
  return turns;
}

/** Capitalised words that a tokenizer keeps whole behind a nonce. */
function wholeBehindNonce(tokenizer: Tokenizer, from: TaskWords): string[] {
  const found = from.words
    .map((word) => word[0]!.toUpperCase() + word.slice(1))
    .filter((word) => tokenizer.encode(`q7${word}`).length === tokenizer.encode('q7').length + 1);
  return [...new Set(found)];
}

/** Pages of a small library and a question on them; the reasoning quotes the pages. */
function riddleTask(rng: Rng, size: number): Turn[] {
  const library = makeLibrary(rng, 3 + rng.below(8));
  const hops = 1 + rng.below(size < 0.4 ? 2 : 3);
  const riddle = makeRiddle(rng, library, hops);
  const further = Array.from({ length: rng.below(3) }, () => {
    for (let i = 0; i < 20; i++) {
      const other = makeRiddle(rng, library, 1 + rng.below(hops));
      if (other.path.every((title) => riddle.path.includes(title))) return [other];
    }
    return [];
  }).flat();
  const others = [...library.pages.keys()].filter((title) => !riddle.path.includes(title));
  const shown = rng.shuffle([
    ...riddle.path,
    ...W.pickSome(rng, others, rng.below(Math.max(1, Math.round(4 * size)))),
  ]);
  const pages = shown.map((title) => library.pages.get(title)!);
  const layout = rng.below(3);
  const text = pages
    .map((page, i) =>
      layout === 0
        ? `=== Document: ${page.title} ===\n${page.text}`
        : layout === 1
          ? `Doc ${String(i + 1)}(Title: ${page.title}) ${page.text}`
          : page.text,
    )
    .join('\n\n');
  const question = rng.below(2) ? riddle.question : `=== Question ===\n${riddle.question}`;
  const content = rng.below(5) ? `${text}\n\n${question}` : `${riddle.question}\n\n${text}`;
  const replyTo = ({ statements, answer }: Riddle): string => {
    const isThinking = statements.length > 1 ? rng.below(5) > 0 : rng.below(2) === 0;
    return `${isThinking ? `<think>\n${statements.join(' ')}\n</think>\n\n` : ''}${answer}`;
  };
  return [
    { role: 'user', content },
    { role: 'assistant', content: replyTo(riddle) },
    ...further.flatMap((other) => [
      { role: 'user', content: other.question },
      { role: 'assistant', content: replyTo(other) },
    ]),
  ];
}

/** Files or tables of a run in a short context, and its question: the same task as the agent's, without tools. */
function contextTask(run: AgentRun, texts: ReadonlyMap<string, string>, rng: Rng): Turn[] {
  const noun = run.kind === 'swe' ? 'File' : 'Table';
  const text = rng
    .shuffle([...texts])
    .map(([title, content]) => `=== ${noun}: ${title} ===\n${content}`)
    .join('\n\n');
  return [
    {
      role: 'user',
      content: `${text}\n\n=== ${run.kind === 'swe' ? 'Task' : 'Question'} ===\n${run.question}`,
    },
    { role: 'assistant', content: run.truth },
  ];
}

/** An agent's turns as a chat model sees them. */
function agentTurns(run: AgentRun): Turn[] {
  const turns: Turn[] = [
    { role: 'system', content: run.system },
    { role: 'user', content: run.question },
  ];
  for (const { thought, call, observation } of run.steps) {
    const written = `{"name": "${call.name}", "arguments": ${JSON.stringify(call.arguments)}}`;
    turns.push({
      role: 'assistant',
      content: `<think>\n${thought}\n</think>\n\n<tool_call>${written}</tool_call>`,
    });
    turns.push({ role: 'tool', content: observation });
  }
  turns.push({
    role: 'assistant',
    content: `<think>\n${run.conclusion}\n</think>\n\n${run.answer ?? ''}`,
  });
  return turns;
}

/** The files that a run opened, or the tables it asked, whole. */
function seenIn(run: AgentRun, tables: readonly Table[]): Map<string, string> {
  const seen = new Map<string, string>();
  for (const { call, observation } of run.steps) {
    const command = call.arguments['command'];
    if (typeof command === 'string' && command.startsWith('cat '))
      seen.set(command.slice(4), observation.trim());
    const query = call.arguments['query'];
    const name = typeof query === 'string' ? /FROM (\w+) LIMIT/.exec(query)?.[1] : undefined;
    const table = tables.find((each) => each.name === name);
    if (table) {
      const rows = [
        table.columns.map((column) => column.name),
        ...table.rows.map((row) => row.map((c) => c ?? 'NULL')),
      ];
      seen.set(table.name, rows.map((row) => row.join(',')).join('\n'));
    }
  }
  return seen;
}

/** Right runs of the world's agents: their turns, and their task in a short context. */
function* agentTexts(
  rng: Rng,
  openSql: OpenSql,
  only: WorldKind,
): Generator<{ kind: string; turns: Turn[] }> {
  for (;;) {
    const options = { count: 24, seed: rng.below(2 ** 30), kinds: [only], sizes: [0, 0.35] as const };
    for (const { run, tables } of worldRuns(options, openSql)) {
      if (!run.isRight) continue;
      yield { kind: run.kind, turns: agentTurns(run) };
      if (run.kind !== 'search')
        yield { kind: `${run.kind}Context`, turns: contextTask(run, seenIn(run, tables), rng) };
    }
  }
}

export interface TokenFile {
  readonly tokens: Uint16Array;
  /** 255 where the next token is wanted in full, less where it counts less. */
  readonly weights: Uint8Array;
  readonly lengths: Uint32Array;
}

export const agentKinds = ['search', 'swe', 'sql', 'sweContext', 'sqlContext'] as const;
export const dataKinds = [...shortTaskKinds, 'riddle', 'echo', 'drill', 'noteDrill', ...agentKinds] as const;
/** Tokens of a kind, relative to the others. */
export const shares: Partial<Record<(typeof dataKinds)[number], number>> = {
  echo: 0.4,
  pick: 0.7,
  notes: 1.6,
  graph: 1.5,
  search: 0.6,
  swe: 0.5,
  sql: 0.5,
  sweContext: 0.4,
  sqlContext: 0.6,
};

/** `count` tokens or some more of one kind. @param sizes least and greatest size of a task, 0 … 1 */
export function makeTokens(
  kind: (typeof dataKinds)[number],
  tokenizer: Tokenizer,
  from: TaskWords,
  count: number,
  sizes: readonly [number, number],
  longest: number,
  seed: string,
  openSql: OpenSql,
): TokenFile {
  const rng = new Rng(`pretrain/${kind}/${seed}`);
  const tokens = new Uint16Array(count + longest);
  const weights = new Uint8Array(count + longest);
  const lengths: number[] = [];
  let at = 0;
  let tooLong = 0;
  const heads = wholeBehindNonce(tokenizer, from);
  const agents = (agentKinds as readonly string[]).includes(kind)
    ? agentTexts(rng, openSql, kind.replace('Context', '') as WorldKind)
    : null;
  while (at < count) {
    const size = sizes[0] + (sizes[1] - sizes[0]) * rng.next();
    let made: { ids: number[]; wanted: number[] };
    if (kind === 'echo') {
      // Any tokens, twice: what follows is what followed.
      const length = 6 + rng.below(Math.round(10 + 90 * size));
      const part = Array.from({ length }, () => 10 + rng.below(tokenizer.vocabSize - 10));
      made = { ids: [...part, ...part], wanted: [...part.map(() => 0), 0, ...part.slice(1).map(() => 1)] };
    } else {
      let messages: readonly Turn[] = [];
      if (agents) {
        for (let next = agents.next(); ; next = agents.next()) {
          if (next.done) break;
          messages = next.value.turns;
          if (next.value.kind === kind) break;
        }
      } else if (kind === 'drill') messages = drill(rng, from, size);
      else if (kind === 'noteDrill') messages = noteDrill(rng, from, heads, size);
      else if (kind === 'riddle') messages = riddleTask(rng, size);
      else messages = shortTask(rng, kind as ShortTaskKind, from, size).messages;
      made = encodeConversation(tokenizer, messages);
    }
    if (made.ids.length > longest) {
      // A kind whose texts outgrew the limit would be looked for without end.
      if (++tooLong > 2000) throw new Error(`${kind}: ${tooLong} texts in a row have over ${longest} tokens`);
      continue;
    }
    tooLong = 0;
    const context = kind !== 'echo' && rng.below(10) === 0 ? 25 : 0;
    for (let i = 0; i < made.ids.length; i++) {
      tokens[at + i] = made.ids[i]!;
      // The weight stands at the token itself: how much its prediction counts.
      weights[at + i] = i === 0 ? 0 : made.wanted[i] ? 255 : context;
    }
    lengths.push(made.ids.length);
    at += made.ids.length;
  }
  return {
    tokens: tokens.subarray(0, at),
    weights: weights.subarray(0, at),
    lengths: Uint32Array.from(lengths),
  };
}

/** Words that are one token behind a space. */
export function taskWords(tokenizerJson: { model: { vocab: Record<string, number> } }): TaskWords {
  const words = Object.keys(tokenizerJson.model.vocab)
    .filter((token) => /^\u0120[A-Za-z]{2,}$/.test(token))
    .map((token) => token.slice(1));
  return { words, ids };
}

export function tokenizerTexts(): Iterable<string> {
  return worldTexts();
}

/** The fixed words around a GraphWalks graph. */
export const graphFrame = graphPrompt([], 'bfs', '');
