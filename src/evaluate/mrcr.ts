import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import { sequenceRatio } from './difflib.ts';

export interface MrcrMessage {
  readonly role: string;
  readonly content: string;
}

/** One row of OpenAI MRCR (openai/mrcr), its `prompt` parsed. */
export interface MrcrRow {
  readonly messages: readonly MrcrMessage[];
  readonly answer: string;
  readonly nonce: string;
  readonly needleCount: number;
  /** Index in `messages` of the user request of the wanted needle. */
  readonly wantedIndex: number;
  readonly totalMessages: number | null;
  readonly charCount: number | null;
}

function messagesOf(value: JsonValue | undefined): MrcrMessage[] | null {
  let list = value;
  if (typeof list === 'string') {
    try {
      list = JSON.parse(list) as JsonValue;
    } catch {
      return null;
    }
  }
  if (!Array.isArray(list)) return null;
  const messages: MrcrMessage[] = [];
  for (const item of list) {
    if (!isObject(item) || typeof item['role'] !== 'string' || typeof item['content'] !== 'string')
      return null;
    messages.push({ role: item['role'], content: item['content'] });
  }
  return messages;
}

/** Reads one row in the published columns. Throws `InputError` naming what is missing. */
export function readMrcrRow(value: JsonValue, where: string): MrcrRow {
  if (!isObject(value)) throw new InputError('mrcr-row', 'An MRCR row must be an object', { where });
  const messages = messagesOf(value['prompt']);
  const { answer, random_string_to_prepend: nonce, n_needles: needles, desired_msg_index: wanted } = value;
  if (!messages || typeof answer !== 'string' || typeof nonce !== 'string' || typeof wanted !== 'number') {
    throw new InputError('mrcr-row', 'This is no MRCR row', {
      where,
      expected:
        'prompt (JSON text of messages), answer, random_string_to_prepend, n_needles, desired_msg_index',
      actual: `columns ${Object.keys(value).join(', ')}`,
    });
  }
  const total = value['total_messages'];
  const chars = value['n_chars'];
  return {
    messages,
    answer,
    nonce,
    needleCount: Number(needles ?? 0),
    wantedIndex: wanted,
    totalMessages: typeof total === 'number' ? total : null,
    charCount: typeof chars === 'number' ? chars : null,
  };
}

export const mrcrPreamble =
  'Here are some examples of conversations succeeded by a follow-up question answered correctly:';
const exampleStart = '======EXAMPLE======';
const exampleEnd = '======END EXAMPLE======';
const ordinals = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth', 'seventh', 'eighth'];

/** The ordinal word of a zero-based needle number. */
export function ordinalWord(index: number): string {
  return ordinals[index] ?? `${index + 1}th`;
}

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}

/** Indices of the user requests that are byte-identical to the wanted one. */
export function needleIndices(row: MrcrRow): number[] {
  const wanted = row.messages[row.wantedIndex]?.content;
  const indices: number[] = [];
  for (let i = 1; i < row.messages.length - 1; i++) {
    const message = row.messages[i]!;
    if (message.role === 'user' && message.content === wanted) indices.push(i);
  }
  return indices;
}

/** The five facts that hold for every published row; a line for each that does not. */
export function mrcrViolations(row: MrcrRow): string[] {
  const { messages } = row;
  const problems: string[] = [];
  const first = messages[0];
  if (
    first?.role !== 'user' ||
    !first.content.startsWith(mrcrPreamble) ||
    occurrences(first.content, exampleStart) !== 2 ||
    occurrences(first.content, exampleEnd) !== 2
  ) {
    problems.push('message 0 is not the preamble with exactly two worked examples');
  }
  const dialogue = messages.slice(1, -1);
  if (
    dialogue.length % 2 !== 0 ||
    dialogue.some((message, i) => message.role !== (i % 2 ? 'assistant' : 'user'))
  ) {
    problems.push('the messages between preamble and question are not user and assistant pairs');
  }
  const needles = needleIndices(row);
  if (needles.length !== row.needleCount) {
    problems.push(`${needles.length} requests equal the wanted one, n_needles says ${row.needleCount}`);
  }
  const target = row.answer.startsWith(row.nonce) ? row.answer.slice(row.nonce.length) : null;
  if (target === null || messages[row.wantedIndex + 1]?.content !== target) {
    problems.push('the reply to the wanted request is not the answer without its prefix');
  }
  const last = messages.at(-1);
  const ordinal = ordinalWord(needles.indexOf(row.wantedIndex));
  const request = /^write an? (.+) about (.+)$/.exec(messages[row.wantedIndex]?.content ?? '');
  const question = request
    ? `Prepend ${row.nonce} to the ${ordinal} (1 indexed) ${request[1]} about ${request[2]}. Do not include any other text in your response.`
    : null;
  if (last?.role !== 'user' || last.content !== question) {
    problems.push('the last message does not ask for the wanted needle in the published words');
  }
  if (row.totalMessages !== null && row.totalMessages !== messages.length) {
    problems.push(`total_messages is ${row.totalMessages}, the prompt holds ${messages.length}`);
  }
  return problems;
}

export interface MrcrScore {
  /** The published score: 0 unless the response starts with the prefix, else the difflib ratio. */
  readonly score: number;
  /** The same after leading newlines and spaces are dropped (evalscope's rule), reported under its own name. */
  readonly lenientPrefixScore: number;
  readonly hasPrefix: boolean;
}

function ratioBehindPrefix(response: string, row: Pick<MrcrRow, 'answer' | 'nonce'>): number {
  if (!response.startsWith(row.nonce)) return 0;
  const answer = row.answer.startsWith(row.nonce) ? row.answer.slice(row.nonce.length) : row.answer;
  return sequenceRatio(response.slice(row.nonce.length), answer);
}

/** Grades a response as published. Reasoning must have been taken off before. */
export function gradeMrcr(response: string, row: Pick<MrcrRow, 'answer' | 'nonce'>): MrcrScore {
  const score = ratioBehindPrefix(response, row);
  const lenient = response.replace(/^[\r\n ]+/, '');
  return {
    score,
    lenientPrefixScore: lenient === response ? score : ratioBehindPrefix(lenient, row),
    hasPrefix: response.startsWith(row.nonce),
  };
}

/** Mean score that the other needles' texts would get: what "right kind, wrong one" is worth. Null for one needle. */
export function wrongNeedleFloor(row: MrcrRow): number | null {
  const target = row.messages[row.wantedIndex + 1]?.content ?? '';
  const others = needleIndices(row).filter((index) => index !== row.wantedIndex);
  if (others.length === 0) return null;
  let sum = 0;
  for (const index of others) sum += sequenceRatio(row.messages[index + 1]?.content ?? '', target);
  return sum / others.length;
}

/** (score − floor) / (1 − floor); negative when worse than a wrong needle. */
export function floorNormalised(score: number, floor: number): number {
  return floor >= 1 ? 0 : (score - floor) / (1 - floor);
}

/** Right edges of the published bins, in o200k tokens of all messages and the answer; the first starts at 4,096. */
const mrcrBinEdges = [8192, 16384, 32768, 65536, 131072, 262144, 524288, 1048576] as const;
/** Edges below the published ones, for models of browser size. */
const smallBinEdges = [256, 512, 1024, 2048, 4096] as const;

/** The right-closed bin of a token count, null beyond the last edge. Below 4,096 the small bins apply. */
export function mrcrBin(tokenCount: number): { readonly from: number; readonly to: number } | null {
  const edges = [...smallBinEdges, ...mrcrBinEdges];
  const at = edges.findIndex((edge) => tokenCount <= edge);
  if (at < 0) return null;
  return { from: at === 0 ? 0 : edges[at - 1]!, to: edges[at]! };
}
