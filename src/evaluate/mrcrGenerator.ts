import { InputError } from '../core/errors.ts';
import { Rng } from '../core/rng.ts';
import { sequenceRatio } from './difflib.ts';
import { mrcrPreamble, ordinalWord, type MrcrMessage } from './mrcr.ts';

/** A generated row in the published columns. */
export interface GeneratedMrcr {
  readonly prompt: string;
  readonly answer: string;
  readonly random_string_to_prepend: string;
  readonly n_needles: number;
  readonly desired_msg_index: number;
  readonly total_messages: number;
  readonly n_chars: number;
  readonly date_added: string;
}

const formats = [
  'poem',
  'riddle',
  'blog post',
  'short story',
  'social media post',
  'email',
  'news article',
  'song',
  'speech',
  'essay',
];
const topics = [
  'lighthouses',
  'marbles',
  'ferries',
  'orchards',
  'comets',
  'bridges',
  'glaciers',
  'markets',
  'beavers',
  'clocks',
  'kites',
  'quarries',
  'libraries',
  'tides',
  'mushrooms',
  'windmills',
  'caravans',
  'canals',
  'foxes',
  'looms',
  'harbours',
  'meadows',
  'engines',
  'candles',
  'bakeries',
  'volcanoes',
  'maps',
  'owls',
  'trains',
  'gardens',
];
const people = [
  'Ada',
  'Bruno',
  'Chloe',
  'Dmitri',
  'Esra',
  'Farid',
  'Greta',
  'Hana',
  'Ivo',
  'Jun',
  'Kofi',
  'Lena',
];
const verbs = [
  'counts',
  'mends',
  'follows',
  'draws',
  'remembers',
  'borrows',
  'names',
  'waits for',
  'photographs',
  'sings to',
];
const qualities = [
  'quiet',
  'crooked',
  'bright',
  'stubborn',
  'hollow',
  'patient',
  'salt-worn',
  'green',
  'restless',
  'narrow',
];
const places = [
  'by the river',
  'under the old roof',
  'on the hill',
  'at the north gate',
  'behind the mill',
  'in the valley',
];
const times = [
  'at dawn',
  'before the rain',
  'on a Tuesday',
  'after the feast',
  'in late winter',
  'when the bells stop',
];
const closings = [
  'and nobody objects',
  'and the day goes on',
  'as if it were new',
  'until the light fails',
  'and writes it down',
];

function pick<T>(rng: Rng, list: readonly T[]): T {
  return list[rng.below(list.length)]!;
}

function sentence(rng: Rng, topic: string): string {
  const shape = rng.below(4);
  const [who, verb, quality, place, time, end] = [people, verbs, qualities, places, times, closings].map(
    (list) => pick(rng, list),
  );
  if (shape === 0) return `${who} ${verb} the ${quality} ${topic} ${place}, ${end}.`;
  if (shape === 1) return `The ${topic} ${place} seem ${quality} ${time}.`;
  if (shape === 2)
    return `${time!.charAt(0).toUpperCase()}${time!.slice(1)}, ${who} ${verb} ${1 + rng.below(90)} ${topic} ${place}.`;
  return `What makes ${topic} so ${quality}? ${who} ${verb} them ${time}, ${end}.`;
}

function reply(rng: Rng, format: string, topic: string, sentences: number): string {
  const breaks = format === 'poem' || format === 'song' ? '\n' : ' ';
  const body = Array.from({ length: sentences }, () => sentence(rng, topic)).join(breaks);
  const title = `${pick(rng, qualities)} ${topic}`.replace(/^./, (c) => c.toUpperCase());
  if (format === 'email')
    return `Subject: ${title}\n\nDear ${pick(rng, people)},\n\n${body}\n\nYours, ${pick(rng, people)}`;
  return `${title}\n\n${body}`;
}

function request(format: string, topic: string): string {
  // The article is "a" in every published request, also before vowels.
  return `write a ${format} about ${topic}`;
}

function nonceOf(rng: Rng): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length: 10 }, () => alphabet[rng.below(alphabet.length)]!).join('');
}

function question(nonce: string, ordinal: number, format: string, topic: string): string {
  return `Prepend ${nonce} to the ${ordinalWord(ordinal)} (1 indexed) ${format} about ${topic}. Do not include any other text in your response.`;
}

/** One worked example: a short conversation, the question, its answer. */
function workedExample(rng: Rng): string {
  const [format, topic] = [pick(rng, formats), pick(rng, topics)];
  const texts = [0, 1].map(() => reply(rng, format, topic, 1));
  const wanted = rng.below(2);
  const nonce = nonceOf(rng);
  const lines = texts.map((text) => `User: ${request(format, topic)}\nAssistant: ${text}`);
  return [
    '======EXAMPLE======',
    ...lines,
    `User: ${question(nonce, wanted, format, topic)}`,
    `Assistant: ${nonce}${texts[wanted]}`,
    '======END EXAMPLE======',
  ].join('\n');
}

export interface MrcrOptions {
  readonly needles: number;
  /** Aim for this many tokens of messages and answer, never above it. */
  readonly tokens: number;
  readonly seed: number | string;
  /** Sentences of a reply; fewer fit more turns in a short context. */
  readonly sentences?: number;
  /** `short` leaves the two worked examples out, for contexts that would hold nothing else. */
  readonly frame?: PromptFrame;
}

/** Of rows that ask about one conversation. */
export interface MrcrSetOptions extends MrcrOptions {
  /** Default 1. Each text of `questions / needles` groups of alike ones is asked for once. */
  readonly questions?: number;
}

/** The published prompt, or one of ours without worked examples. */
export type PromptFrame = 'published' | 'short';
const shortPreamble = 'Here is a conversation, followed by a question about it:';

/** The needles' texts, pairwise so different that the wrong one scores below 0.6. */
function needleTexts(rng: Rng, format: string, topic: string, count: number, sentences: number): string[] {
  const texts: string[] = [];
  for (let attempt = 0; texts.length < count; attempt++) {
    const text = reply(rng, format, topic, sentences);
    const isFar = texts.every(
      (other) => Math.max(sequenceRatio(text, other), sequenceRatio(other, text)) < 0.6,
    );
    if (isFar || attempt > 400) texts.push(text);
  }
  return texts;
}

/** Texts that answer the same request. */
interface Needles {
  readonly format: string;
  readonly topic: string;
  readonly texts: readonly string[];
}

function needleGroups(rng: Rng, groups: number, needles: number, sentences: number): Needles[] {
  const found: Needles[] = [];
  while (found.length < groups) {
    const [format, topic] = [pick(rng, formats), pick(rng, topics)];
    if (found.some((each) => each.format === format && each.topic === topic)) continue;
    found.push({ format, topic, texts: needleTexts(rng, format, topic, needles, sentences) });
  }
  return found;
}

/**
 * A row in the shape of OpenAI MRCR with texts of our own grammar, at any length. `count` counts tokens.
 * Throws `InputError` when the needles alone exceed `tokens`.
 */
export function generateMrcr(options: MrcrOptions, count: (text: string) => number): GeneratedMrcr {
  return generateMrcrSet(options, count)[0]!;
}

/** As `generateMrcr`, several questions on one conversation; all but the last message of the prompts is the same. */
export function generateMrcrSet(options: MrcrSetOptions, count: (text: string) => number): GeneratedMrcr[] {
  const { needles, tokens, questions = 1 } = options;
  const rng = new Rng(`mrcr/${needles}/${tokens}/${options.seed}`);
  const frame = options.frame ?? 'published';
  const sentences = options.sentences ?? (tokens <= 600 ? 1 : tokens <= 2500 ? 2 : 6);
  const groups = needleGroups(rng, Math.ceil(questions / needles), needles, sentences);
  const asked = Array.from({ length: questions }, (_, at) => {
    const { format, topic, texts } = groups[Math.floor(at / needles)]!;
    const nonce = nonceOf(rng);
    const wanted = questions === 1 ? rng.below(needles) : at % needles;
    const text = texts[wanted]!;
    return { text, nonce, ask: question(nonce, wanted, format, topic), answer: nonce + text };
  });
  const preamble =
    frame === 'short' ? shortPreamble : `${mrcrPreamble}\n\n${workedExample(rng)}\n\n${workedExample(rng)}`;
  const pair = (text: string, to: string): number => count(text) + count(to);
  let used = count(preamble) + Math.max(...asked.map(({ ask, answer }) => pair(ask, answer)));
  for (const { format, topic, texts } of groups)
    for (const text of texts) used += pair(request(format, topic), text);
  if (used > tokens) {
    throw new InputError('mrcr-options', `${groups.length * needles} needles do not fit`, {
      expected: `at least ${used} tokens`,
      actual: `${tokens}`,
      advice: 'ask for more tokens or fewer needles',
    });
  }
  const distractors: [string, string][] = [];
  for (let misses = 0; misses < 20;) {
    // Every third shares the format, every third the topic: near misses of a wanted request.
    const kind = rng.below(3);
    const near = groups.length === 1 ? groups[0]! : pick(rng, groups);
    const f = kind === 0 ? near.format : pick(rng, formats);
    const t = kind === 1 ? near.topic : pick(rng, topics);
    if (groups.some(({ format, topic }) => f === format && t === topic)) continue;
    const text = reply(rng, f, t, sentences);
    const cost = pair(request(f, t), text);
    if (used + cost > tokens) {
      misses++;
      continue;
    }
    used += cost;
    distractors.push([request(f, t), text]);
  }
  const places = groups.flatMap((group) => group.texts.map(() => group));
  const slots = rng.shuffle([...distractors.map((_, i) => i), ...places.map((_, i) => -1 - i)]);
  const messages: MrcrMessage[] = [{ role: 'user', content: preamble }];
  const placed = new Map<Needles, number>();
  for (const slot of slots) {
    let turn = distractors[slot];
    if (!turn) {
      // The texts of a group stand in their order, whichever of its places comes first.
      const group = places[-1 - slot]!;
      const next = placed.get(group) ?? 0;
      placed.set(group, next + 1);
      turn = [request(group.format, group.topic), group.texts[next]!];
    }
    messages.push({ role: 'user', content: turn[0] }, { role: 'assistant', content: turn[1] });
  }
  return asked.map(({ text, nonce, ask, answer }) => {
    const all = [...messages, { role: 'user', content: ask } as MrcrMessage];
    return {
      prompt: JSON.stringify(all),
      answer,
      random_string_to_prepend: nonce,
      n_needles: needles,
      desired_msg_index: messages.findIndex(({ content }) => content === text) - 1,
      total_messages: all.length,
      n_chars: all.reduce((sum, message) => sum + message.content.length, 0),
      date_added: '',
    };
  });
}
