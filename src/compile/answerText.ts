/**
 * Normalised comparison of short answers: case, accents' composition, punctuation, articles, number words,
 * number formats and units of scale, dates, yes and no. Linear time on any text.
 */

const smallNumbers: Readonly<Record<string, number>> = {
  zero: 0, one: 1, two: 2, three: 3, four: 4, five: 5, six: 6, seven: 7, eight: 8, nine: 9, ten: 10,
  eleven: 11, twelve: 12, thirteen: 13, fourteen: 14, fifteen: 15, sixteen: 16, seventeen: 17,
  eighteen: 18, nineteen: 19, twenty: 20,
}; // prettier-ignore
const scaleWords: Readonly<Record<string, number>> = {
  thousand: 1e3,
  million: 1e6,
  billion: 1e9,
  trillion: 1e12,
};
const months = [
  'january', 'february', 'march', 'april', 'may', 'june', 'july', 'august', 'september', 'october',
  'november', 'december',
]; // prettier-ignore
const yesWords = new Set(['yes', 'true', 'correct', 'y']);
const noWords = new Set(['no', 'false', 'incorrect', 'n']);

// eslint-disable-next-line no-control-regex -- ASCII texts need no Unicode classes, which are several times slower
const plainText = /^[\u0000-\u007f]*$/;
const separators = /[^\p{L}\p{N}.,%+-]+/u;

/** Lower case, NFKC, punctuation to spaces (but kept inside numbers), articles dropped, single spaces. */
export function normaliseAnswer(text: string): string {
  const words: string[] = [];
  if (plainText.test(text)) plainWords(text.toLowerCase(), words);
  else for (const raw of text.normalize('NFKC').toLowerCase().split(separators)) addWord(raw, words);
  return words.join(' ');
}

/** Words of a lower-case ASCII text. Runs of letters and digits alone, nearly all of them, need no further look. */
function plainWords(lower: string, words: string[]): void {
  const end = lower.length;
  for (let at = 0; at < end; at++) {
    let kind = charKinds[lower.charCodeAt(at)]!;
    if (kind === 0) continue;
    const start = at;
    let kinds = 0;
    for (; at < end && (kind = charKinds[lower.charCodeAt(at)]!) !== 0; at++) kinds |= kind;
    const word = lower.slice(start, at);
    if (kinds === LETTER) {
      if (!articles.has(word)) words.push(word);
    } else addWord(word, words);
  }
}

const LETTER = 1;
/** 0 separates words, 1 a letter, 2 a digit, 4 what may belong to a number. */
const charKinds = Uint8Array.from({ length: 128 }, (_, code) =>
  code >= 97 && code <= 122
    ? LETTER
    : code >= 48 && code <= 57
      ? 2
      : '.,%+-'.includes(String.fromCharCode(code))
        ? 4
        : 0,
);

const articles = new Set(['a', 'an', 'the']);

function addWord(raw: string, words: string[]): void {
  const word = trimPunctuation(raw);
  if (articles.has(word)) return;
  if (isNumberText(word)) words.push(plainNumber(word));
  else for (const part of word.split(/[.,+-]+/)) if (part !== '') words.push(part);
}

function trimPunctuation(word: string): string {
  let start = 0;
  let end = word.length;
  while (start < end && '.,+'.includes(word[start]!)) start++;
  if (word[start] === '-' && !/\d/.test(word[start + 1] ?? '')) start++;
  while (end > start && '.,+-'.includes(word[end - 1]!)) end--;
  return word.slice(start, end);
}

function isNumberText(word: string): boolean {
  return /^-?\d[\d,]*(?:\.\d+)?%?$/.test(word);
}

function plainNumber(word: string): string {
  const percent = word.endsWith('%');
  const digits = word.replace(/[,%]/g, '');
  const value = Number(digits);
  const plain = Number.isSafeInteger(Math.trunc(value)) ? String(value) : digits;
  return percent ? `${plain}%` : plain;
}

/** The number a whole text stands for (`1,200`, `$3.5 million`, `twelve`), null when it is not one number. */
export function numberOf(text: string): number | null {
  const words = text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[$€£¥≈~]/g, ' ')
    .trim()
    .split(/\s+/);
  if (words.length === 0 || words.length > 3) return null;
  const first = words[0] ?? '';
  const base = isNumberText(first) ? Number(first.replace(/[,%]/g, '')) : smallNumbers[first];
  if (base === undefined || !Number.isFinite(base)) return null;
  let value = base;
  for (const word of words.slice(1)) {
    const scale = scaleWords[word];
    if (scale === undefined) return null;
    value *= scale;
  }
  return value;
}

/** Year, month and day of a text that is a date, as `yyyy-mm-dd`; null when it is not one full date. */
export function dateOf(text: string): string | null {
  if (text.length > 60) return null;
  const lower = text.toLowerCase().trim();
  const iso = /^(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?:t.*)?$/.exec(lower);
  if (iso) return dateText(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const parts = lower.replace(/(\d)(?:st|nd|rd|th)\b/g, '$1').match(/[a-z]+|\d+/g) ?? [];
  const words = parts.filter((part) => part !== 'of' && part !== 'the' && part !== 'on');
  if (words.length !== 3) return null;
  const monthAt = words.findIndex(
    (word) => word.length >= 3 && months.some((month) => month.startsWith(word)),
  );
  if (monthAt < 0 || monthAt === 2) return null;
  const month = months.findIndex((name) => name.startsWith(words[monthAt] ?? ' ')) + 1;
  const numbers = words.filter((_, index) => index !== monthAt).map(Number);
  const day = numbers.find((value) => value >= 1 && value <= 31);
  const year = numbers.find((value) => value > 31);
  return day === undefined || year === undefined ? null : dateText(year, month, day);
}

function dateText(year: number, month: number, day: number): string | null {
  if (month < 1 || month > 12 || day < 1 || day > 31) return null;
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`;
}

/** `yes`, `no` or null. */
export function yesNoOf(text: string): 'yes' | 'no' | null {
  const first = normaliseAnswer(text.slice(0, 200)).split(' ')[0] ?? '';
  if (yesWords.has(first)) return 'yes';
  return noWords.has(first) ? 'no' : null;
}

export interface AnswerComparison {
  readonly equal: boolean;
  /** Which rule decided, in words. */
  readonly rule: string;
  /** The value only stands somewhere in a longer text: likely right, not certain. */
  readonly isLoose?: boolean;
}

/** Compares a final answer with the accepted values; any one of them makes it right. */
export function compareAnswers(answer: string, accepted: readonly string[]): AnswerComparison {
  let rule = 'no accepted value matches';
  for (const value of accepted) {
    const found = compareOne(answer, value);
    if (found.equal) return found;
    rule = found.rule;
  }
  return { equal: false, rule: accepted.length === 1 ? rule : 'no accepted value matches' };
}

function compareOne(answer: string, accepted: string): AnswerComparison {
  const left = normaliseAnswer(answer);
  const right = normaliseAnswer(accepted);
  if (right === '') return { equal: answer.trim() === accepted.trim(), rule: 'compared verbatim' };
  if (left === right) return { equal: true, rule: 'equal after normalisation' };
  const leftNumber = numberOf(answer);
  const rightNumber = numberOf(accepted);
  if (leftNumber !== null && rightNumber !== null) {
    const equal = Math.abs(leftNumber - rightNumber) <= 1e-9 * Math.max(1, Math.abs(rightNumber));
    return { equal, rule: equal ? 'the same number' : `numbers differ: ${leftNumber} and ${rightNumber}` };
  }
  const leftDate = dateOf(answer);
  const rightDate = dateOf(accepted);
  if (leftDate !== null && rightDate !== null) {
    const equal = leftDate === rightDate;
    return { equal, rule: equal ? 'the same date' : `dates differ: ${leftDate} and ${rightDate}` };
  }
  if (right === 'yes' || right === 'no') {
    if (boldSpans(answer).includes(right)) return { equal: true, rule: `the answer says ${right} in bold` };
    const said = yesNoOf(answer);
    if (said !== null) return { equal: said === right, rule: `the answer says ${said}` };
  }
  if (containsWords(left, right) && right !== 'yes' && right !== 'no') {
    const isShort = right.length < 3;
    const opening = normaliseAnswer(openingSentence(answer));
    if (boldSpans(answer).some((span) => containsWords(span, right))) {
      return { equal: true, rule: 'the accepted value is set in bold in the final answer' };
    }
    if (containsWords(opening, right) && (!isShort || opening.split(' ').length <= 6)) {
      return { equal: true, rule: 'the accepted value stands in the first sentence of the final answer' };
    }
    if (!isShort && left.length <= 4000) {
      return { equal: true, rule: 'the accepted value stands somewhere in the final answer', isLoose: true };
    }
  }
  if (left !== '' && right.length <= 400 && sameWordSet(left, right)) {
    return { equal: true, rule: 'the same words in another order' };
  }
  return { equal: false, rule: 'texts differ after normalisation' };
}

/** The text up to the first end of a sentence or line, at most 300 characters. */
function openingSentence(text: string): string {
  const start = text.trimStart().slice(0, 300);
  const end = /[.!?](?:\s|$)|\n/.exec(start);
  return end ? start.slice(0, end.index + 1) : start;
}

/** Normalised texts between double asterisks or in \\boxed{…}. */
function boldSpans(text: string): string[] {
  const parts = text.slice(0, 20_000).split('**');
  const spans = parts.filter((_, index) => index % 2 === 1 && index < parts.length - 1);
  const boxed = text.lastIndexOf('\\boxed{');
  if (boxed >= 0) spans.push(text.slice(boxed + 7, text.indexOf('}', boxed) + 1));
  return spans.filter((span) => span.length <= 200).map(normaliseAnswer);
}

function sameWordSet(left: string, right: string): boolean {
  const a = left.split(' ').sort();
  const b = right.split(' ').sort();
  return a.length > 1 && a.length === b.length && a.every((word, index) => word === b[index]);
}

/** True when the words of `needle` stand in `haystack` in a row; both normalised. */
export function containsWords(haystack: string, needle: string): boolean {
  if (needle === '') return false;
  let from = 0;
  for (;;) {
    const at = haystack.indexOf(needle, from);
    if (at < 0) return false;
    const before = at === 0 || haystack[at - 1] === ' ';
    const end = at + needle.length;
    if (before && (end === haystack.length || haystack[end] === ' ')) return true;
    from = at + 1;
  }
}

/**
 * Finds normalised answers in long texts: the longest word of an answer is searched for as it is, and only the
 * surroundings of its occurrences are normalised.
 */
export class AnswerFinder {
  private readonly values: readonly { readonly value: string; readonly probe: string | null }[];

  /** @param values normalised, not empty */
  constructor(values: readonly string[]) {
    this.values = values.map((value) => {
      const longest = value.split(' ').reduce((best, word) => (word.length > best.length ? word : best), '');
      // Only words of plain letters are written the same before normalisation.
      return { value, probe: /^[a-z]{3,}$/.test(longest) ? longest : null };
    });
  }

  /** True when one of the answers stands in the text, word for word after normalisation. */
  isIn(text: string): boolean {
    const lower = text.toLowerCase();
    let normal: string | null = null;
    for (const { value, probe } of this.values) {
      if (probe !== null) {
        if (holdsNear(lower, value, probe)) return true;
        continue;
      }
      normal ??= normaliseAnswer(text);
      if (containsWords(normal, value)) return true;
    }
    return false;
  }
}

/** Characters that may stand between two words of an answer, on average, for the value still to be found. */
const slackPerWord = 8;

/** True when the value stands, after normalisation, around an occurrence of its longest word. */
function holdsNear(lower: string, value: string, probe: string): boolean {
  const reach = value.length + slackPerWord * value.split(' ').length + 16;
  for (let at = lower.indexOf(probe); at >= 0; at = lower.indexOf(probe, at + probe.length)) {
    if (isWordUnit(lower.charCodeAt(at - 1)) && isWordUnit(lower.charCodeAt(at + probe.length))) continue;
    const around = lower.slice(Math.max(0, at - reach), at + probe.length + reach);
    if (value === probe ? standsPlainly(around, value) : containsWords(normaliseAnswer(around), value))
      return true;
  }
  return false;
}

/** True when a word of plain letters stands between characters that are neither letters nor digits. */
function standsPlainly(lower: string, value: string): boolean {
  for (let at = lower.indexOf(value); at >= 0; at = lower.indexOf(value, at + 1)) {
    if (!isWordUnit(lower.charCodeAt(at - 1)) && !isWordUnit(lower.charCodeAt(at + value.length)))
      return true;
  }
  return false;
}

/** Letters and digits of ASCII, and letters beyond it. NaN outside the text is neither. */
function isWordUnit(code: number): boolean {
  if (code < 128) return (code >= 97 && code <= 122) || (code >= 48 && code <= 57);
  return code >= 0xc0 && /\p{L}/u.test(String.fromCharCode(code));
}
