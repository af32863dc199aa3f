/**
 * Normalised comparison of short answers: case, accents' composition, punctuation, articles, number words,
 * number formats and units of scale, dates, yes and no, lists. Linear time on any text.
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
// Thai, Lao and Khmer write vowels and tones as marks, without which words are others.
const separators = /[^\p{L}\p{N}\u0e00-\u0eff\u1780-\u17ff.,%+-]+/u;
/**
 * Lower case, NFKC, punctuation to spaces (but kept inside numbers), articles dropped, single spaces. In scripts
 * without spaces each character is a word.
 */
export function normaliseAnswer(text: string): string {
  const words: string[] = [];
  if (plainText.test(text)) plainWords(text.toLowerCase(), words);
  else for (const run of composed(text).split(separators)) addRun(run, words);
  return words.join(' ');
}

function composed(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/** Adds each character of a script without spaces, and the words between them. */
function addRun(run: string, words: string[]): void {
  let start = 0;
  for (let at = 0; at < run.length; at++) {
    const code = run.charCodeAt(at);
    if (!isSpaceless(code)) continue;
    if (start < at) addWord(run.slice(start, at), words);
    start = at + (isHighSurrogate(code) ? 2 : 1);
    words.push(run.slice(at, start));
    at = start - 1;
  }
  if (start < run.length) addWord(start === 0 ? run : run.slice(start), words);
}

/**
 * Thai, Lao, Khmer, kana and Han after NFKC, by UTF-16 unit: no space tells where their words end. By ranges, as
 * matching scripts is several times slower.
 */
function isSpaceless(code: number): boolean {
  return (
    code >= 0xe00 &&
    (code < 0xf00 ||
      (code >= 0x1780 && code < 0x1800) ||
      (code >= 0x2e80 && code < 0x3130) ||
      (code >= 0x3190 && code < 0xa000) ||
      (code >= 0xd840 && code < 0xd889))
  );
}

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
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

function compareOne(givenAnswer: string, givenValue: string): AnswerComparison {
  const answer = withMarks(givenAnswer);
  const accepted = withMarks(givenValue);
  const left = normaliseAnswer(answer);
  const right = normaliseAnswer(accepted);
  if (right === '') return { equal: givenAnswer.trim() === givenValue.trim(), rule: 'compared verbatim' };
  if (left === right) return { equal: true, rule: 'equal after normalisation' };
  const leftNumber = numberOf(givenAnswer);
  const rightNumber = numberOf(givenValue);
  if (leftNumber !== null && rightNumber !== null) {
    const equal = Math.abs(leftNumber - rightNumber) <= 1e-9 * Math.max(1, Math.abs(rightNumber));
    return { equal, rule: equal ? 'the same number' : `numbers differ: ${leftNumber} and ${rightNumber}` };
  }
  const leftDate = dateOf(givenAnswer);
  const rightDate = dateOf(givenValue);
  if (leftDate !== null && rightDate !== null) {
    const equal = leftDate === rightDate;
    return { equal, rule: equal ? 'the same date' : `dates differ: ${leftDate} and ${rightDate}` };
  }
  const bold = boldSpans(givenAnswer);
  if (right === 'yes' || right === 'no') {
    if (bold.includes(right)) return { equal: true, rule: `the answer says ${right} in bold` };
    const said = yesNoOf(answer);
    if (said !== null) return { equal: said === right, rule: `the answer says ${said}` };
  } else if (containsWords(left, right)) {
    return compareContained(answer, left, right, bold);
  }
  return compareReordered(answer, accepted, left, right);
}

/** Words by which the opening sentence may be longer than a value that is its point. */
const openingSlack = 5;

/** Judges an answer that holds the accepted value among other words. All but `answer` are normalised. */
function compareContained(
  answer: string,
  left: string,
  right: string,
  bold: readonly string[],
): AnswerComparison {
  if (!isAsserted(answer, right)) {
    return { equal: false, rule: 'the final answer names the accepted value only to deny or to leave it' };
  }
  if (bold.some((span) => containsWords(span, right))) {
    return { equal: true, rule: 'the accepted value is set in bold in the final answer' };
  }
  const opening = normaliseAnswer(openingSentence(answer));
  const isInOpening = containsWords(opening, right);
  if (isInOpening && wordCount(opening) <= wordCount(right) + openingSlack) {
    return { equal: true, rule: 'the accepted value stands in the first sentence of the final answer' };
  }
  // Shorter values stand in many sentences by chance.
  if (right.length >= 3 && (isInOpening || left.length <= 4000)) {
    return { equal: true, rule: 'the accepted value stands somewhere in the final answer', isLoose: true };
  }
  return { equal: false, rule: 'texts differ after normalisation' };
}

function compareReordered(answer: string, accepted: string, left: string, right: string): AnswerComparison {
  if (left.length <= 400 && right.length <= 400) {
    if (sameItems(answer, accepted)) return { equal: true, rule: 'the same items in another order' };
    if (normaliseAnswer(surnameLast(answer)) === normaliseAnswer(surnameLast(accepted))) {
      return { equal: true, rule: 'the same name, surname first' };
    }
    const [first, second, ...more] = left.split(' ');
    // In longer texts the order tells who did what to whom; in scripts without spaces it makes the word.
    const isPair = second !== undefined && more.length === 0 && !isSpaceless(left.charCodeAt(0));
    if (isPair && `${second} ${first}` === right)
      return { equal: true, rule: 'the same two words in another order', isLoose: true };
  }
  return { equal: false, rule: 'texts differ after normalisation' };
}

const markNames: Readonly<Record<string, string>> = { '+': 'plus', '#': 'sharp', '*': 'star' };

/**
 * A text with what normalising would lose, but what makes another answer, written out: signs at the end of a word
 * (`C++`, `C#`, `A*`) and ranges of numbers (`1895-1896`, not three numbers or more as in dates).
 */
function withMarks(text: string): string {
  return text
    .replaceAll('**', '')
    .replace(/(?<![\p{L}\p{N}*])\*(?=\S)([^*\n]+)\*/gu, '$1')
    .replace(/(?<=[\p{L}\p{N}])[+#*]+(?![\p{L}\p{N}+#*])/gu, (signs) =>
      Array.from(signs, (sign) => markNames[sign]).join(''),
    )
    .replace(/(?<![\d\-–—/])(\d+%?) ?[-–—/] ?(?=\d+(?![\d\-–—/]))/g, '$1to');
}

/** What takes back a value that follows within a few words. `wasn t` is what normalising leaves of `wasn't`. */
const denial =
  / (?:not(?! (?:only|just) )|cannot|never|neither|nor|(?:is|are|was|were|do|does|did|has|have|had|ca|could|would)n t|rather than|instead of|不 是|[並并] 非) /;
/** What turns away from the values named before it in the same sentence. */
const turns = / (?:but|however|但|で は (?:な い|あ り ま せ ん))(?= )/g;
const denialReach = 5;

/** True when the text names the value and does not take it back in the same sentence. `value` is normalised. */
function isAsserted(text: string, value: string): boolean {
  const sentences = text.split(/[.!?](?=\s)|[\n。！？]/).map(normaliseAnswer);
  const holders = sentences.filter((sentence) => containsWords(sentence, value));
  // A value such as "St. Louis" looks like the end of a sentence; what comes after it cannot be told then.
  if (holders.length === 0) return standsUndenied(normaliseAnswer(text), value, 0);
  return holders.some((sentence) => {
    const turn = Array.from(` ${sentence} `.matchAll(turns)).at(-1);
    return standsUndenied(sentence, value, turn?.index ?? 0);
  });
}

/** @param turn where the words turn away from what was named before */
function standsUndenied(words: string, value: string, turn: number): boolean {
  const from = Math.max(0, turn - value.length);
  for (let at = indexOfWords(words, value, from); at >= 0; at = indexOfWords(words, value, at + 1)) {
    const before = words.slice(Math.max(0, at - 200), at).trimEnd();
    const near = before.split(' ').slice(-denialReach);
    // "not X but Y" denies X alone.
    const since = near.slice(near.lastIndexOf('but') + 1);
    if (!denial.test(` ${since.join(' ')} `)) return true;
  }
  return false;
}

function wordCount(normalised: string): number {
  return normalised.split(' ').length;
}

/** The text up to the first end of a sentence or line, at most 300 characters. */
function openingSentence(text: string): string {
  const start = text.trimStart().slice(0, 300);
  const end = /[.!?](?:\s|$)|[\n。！？]/.exec(start);
  return end ? start.slice(0, end.index + 1) : start;
}

/** Normalised texts between double asterisks or in \\boxed{…}. */
function boldSpans(text: string): string[] {
  const parts = text.slice(0, 20_000).split('**');
  const spans = parts.filter((_, index) => index % 2 === 1 && index < parts.length - 1);
  const boxed = text.lastIndexOf('\\boxed{');
  if (boxed >= 0) spans.push(text.slice(boxed + 7, text.indexOf('}', boxed) + 1));
  return spans.filter((span) => span.length <= 200).map((span) => normaliseAnswer(withMarks(span)));
}

function sameItems(left: string, right: string): boolean {
  const a = itemsOf(left);
  const b = itemsOf(right);
  return a.length > 1 && a.length === b.length && a.every((item, index) => item === b[index]);
}

/** Normalised items of a list, sorted. */
function itemsOf(text: string): string[] {
  return text
    .split(/,(?!\d)|[;/&\n、，；]|\band\b/i)
    .map(normaliseAnswer)
    .filter((item) => item !== '')
    .sort();
}

/** `Smith, John` as `John Smith`; other texts as they are. */
function surnameLast(text: string): string {
  const [surname, names, ...more] = text.split(',');
  return names === undefined || more.length > 0 ? text : `${names} ${surname}`;
}

/** True when the words of `needle` stand in `haystack` in a row; both normalised. */
export function containsWords(haystack: string, needle: string): boolean {
  return needle !== '' && indexOfWords(haystack, needle, 0) >= 0;
}

/** Where the words of `needle`, not empty, stand in a row in `haystack` from an index on; -1 for nowhere. */
function indexOfWords(haystack: string, needle: string, from: number): number {
  for (let at = haystack.indexOf(needle, from); at >= 0; at = haystack.indexOf(needle, at + 1)) {
    const end = at + needle.length;
    const isStart = at === 0 || haystack[at - 1] === ' ';
    if (isStart && (end === haystack.length || haystack[end] === ' ')) return at;
  }
  return -1;
}

/**
 * Finds normalised answers in long texts: the longest word of an answer, or its first characters in a script
 * without spaces, are searched for as they are, and only the surroundings of their occurrences are normalised.
 */
export class AnswerFinder {
  private readonly values: readonly { readonly value: string; readonly probe: string | RegExp | null }[];

  /** @param values normalised, not empty */
  constructor(values: readonly string[]) {
    this.values = values.map((value) => ({ value, probe: probeOf(value) }));
  }

  /** True when one of the answers stands in the text, word for word after normalisation. */
  isIn(text: string): boolean {
    const lower = text.toLowerCase();
    let wide: string | null = null;
    let normal: string | null = null;
    for (const { value, probe } of this.values) {
      if (typeof probe === 'string') {
        if (holdsNear(lower, value, probe)) return true;
      } else if (probe) {
        wide ??= composed(text);
        if (holdsAround(wide, value, probe)) return true;
      } else {
        normal ??= normaliseAnswer(text);
        if (containsWords(normal, value)) return true;
      }
    }
    return false;
  }
}

/** What a text that holds the value also holds before normalisation, null when nothing is sure to stand there. */
function probeOf(value: string): string | RegExp | null {
  const words = value.split(' ');
  const longest = words.reduce((best, word) => (word.length > best.length ? word : best), '');
  // Only words of plain letters are written the same before normalisation.
  if (/^[a-z]{3,}$/.test(longest)) return longest;
  const start = words.findIndex((word) => isSpaceless(word.charCodeAt(0)));
  if (start < 0) return null;
  const run = words.slice(start, start + 8);
  const end = run.findIndex((word) => !isSpaceless(word.charCodeAt(0)));
  return new RegExp(run.slice(0, end < 0 ? run.length : end).join('[^\\p{L}\\p{N}]{0,8}'), 'gu');
}

/** True when the value stands, after normalisation, around what the probe matches. */
function holdsAround(wide: string, value: string, probe: RegExp): boolean {
  const reach = reachOf(value);
  for (const { index } of wide.matchAll(probe)) {
    const around = wide.slice(Math.max(0, index - reach), index + reach);
    if (containsWords(normaliseAnswer(around), value)) return true;
  }
  return false;
}

/** Characters that may stand between two words of an answer, on average, for the value still to be found. */
const slackPerWord = 8;

function reachOf(value: string): number {
  return value.length + slackPerWord * wordCount(value) + 16;
}

/** True when the value stands, after normalisation, around an occurrence of its longest word. */
function holdsNear(lower: string, value: string, probe: string): boolean {
  const reach = reachOf(value);
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

/** Letters and digits of ASCII, and letters beyond it of scripts with spaces. NaN outside the text is neither. */
function isWordUnit(code: number): boolean {
  if (code < 128) return (code >= 97 && code <= 122) || (code >= 48 && code <= 57);
  return code >= 0xc0 && !isSpaceless(code) && /\p{L}/u.test(String.fromCharCode(code));
}
