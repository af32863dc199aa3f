/**
 * Text functions with the semantics of Python's `str` and `re`, where JavaScript differs: `\w` and `\b` are
 * Unicode, `.`, `^` and `$` break only at "\n", and `isupper` needs one cased character.
 */

/** Characters of Python's `\w`: `str.isalnum()` or underscore. */
export const wordClass = '\\p{L}\\p{N}_';
const wordPattern = new RegExp(`[${wordClass}]+`, 'gu');

/** Words as `re.findall(r'\w+', text)` gives them. */
export function wordsOf(text: string): string[] {
  return text.match(wordPattern) ?? [];
}

/** What `str.strip()` takes off: Unicode white space and the separators U+001C … U+001F. */
// eslint-disable-next-line no-control-regex -- Python's white space includes control characters
const pythonSpace = /[\t-\r\u001c-\u001f \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/u;

/** `text.strip()`. */
export function strip(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && pythonSpace.test(text[start]!)) start++;
  while (end > start && pythonSpace.test(text[end - 1]!)) end--;
  return text.slice(start, end);
}

/** `text.strip(characters)`. */
export function stripCharacters(text: string, characters: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && characters.includes(text[start]!)) start++;
  while (end > start && characters.includes(text[end - 1]!)) end--;
  return text.slice(start, end);
}

/** `text.split()`: pieces between white space, none empty. */
export function splitSpace(text: string): string[] {
  const pieces: string[] = [];
  let from = -1;
  for (let i = 0; i <= text.length; i++) {
    const isSpace = i === text.length || pythonSpace.test(text[i]!);
    if (!isSpace && from < 0) from = i;
    if (isSpace && from >= 0) {
      pieces.push(text.slice(from, i));
      from = -1;
    }
  }
  return pieces;
}

/** `text.isupper()`: at least one cased character, and none of them lower or title case. */
export function isUpper(text: string): boolean {
  return /\p{Uppercase}/u.test(text) && !/\p{Lowercase}|\p{Lt}/u.test(text);
}

/** `text.islower()`. */
export function isLower(text: string): boolean {
  return /\p{Lowercase}/u.test(text) && !/\p{Uppercase}|\p{Lt}/u.test(text);
}

const plainText = /^[^\\^$.*+?()[\]{}|]*$/;
/** A quantified group that holds a quantifier or alternatives: the patterns that may take exponential time. */
const riskyGroup = /\((?:[^()\\]|\\.)*[*+{|](?:[^()\\]|\\.)*\)\s*[*+{]/;

/** Escapes a text so that a pattern matches it literally. */
function escapePattern(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}

/**
 * A JavaScript pattern for one written for Python's `re`: `\w \W \b \B \d \D \s \S . ^ $ \A \Z` and `(?P<…>…)`
 * translated. Text that is no pattern there either, or one that could take exponential time, is matched
 * literally.
 */
export function pythonPattern(
  source: string,
  flags: { ignoreCase?: boolean; multiline?: boolean } = {},
): RegExp {
  const mode = `gu${flags.ignoreCase ? 'i' : ''}`;
  if (plainText.test(source)) return new RegExp(escapePattern(source), mode);
  if (!riskyGroup.test(source) && source.length <= 2000) {
    try {
      return new RegExp(translate(source, flags.multiline ?? false), mode);
    } catch {
      // Not a pattern: the text itself is looked for.
    }
  }
  return new RegExp(escapePattern(source), mode);
}

const boundary = `(?:(?<=[${wordClass}])(?![${wordClass}])|(?<![${wordClass}])(?=[${wordClass}]))`;
const outsideClass: Readonly<Record<string, string>> = {
  w: `[${wordClass}]`,
  W: `[^${wordClass}]`,
  b: boundary,
  B: `(?!${boundary})`,
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  s: '[\\s\\u001c-\\u001f\\u0085]',
  S: '[^\\s\\u001c-\\u001f\\u0085]',
  A: '(?<![\\s\\S])',
  Z: '(?![\\s\\S])',
};
const insideClass: Readonly<Record<string, string>> = {
  w: wordClass,
  d: '\\p{Nd}',
  D: '\\P{Nd}',
  s: '\\s',
  S: '\\S',
  '-': '\\-',
};
const keptEscapes = /^[\\^$.*+?()[\]{}|/ntrfv0-9]$/;

function translate(source: string, multiline: boolean): string {
  let out = '';
  let isClass = false;
  for (let i = 0; i < source.length; i++) {
    const character = source[i]!;
    if (character === '\\') {
      const next = source[++i] ?? '\\';
      const named = (isClass ? insideClass : outsideClass)[next];
      out += named ?? (keptEscapes.test(next) ? `\\${next}` : next);
    } else if (isClass) {
      if (character === ']') isClass = false;
      out += character === '[' ? '\\[' : character;
    } else if (character === '[') {
      isClass = true;
      out += character;
      if (source[i + 1] === '^') out += source[++i]!;
      if (source[i + 1] === ']') {
        out += '\\]';
        i++;
      }
    } else if (character === '.') out += '[^\\n]';
    else if (character === '^') out += multiline ? '(?<![^\\n])' : '(?<![\\s\\S])';
    else if (character === '$') out += multiline ? '(?![^\\n])' : '(?=\\n?(?![\\s\\S]))';
    else if (source.startsWith('(?P<', i)) {
      out += '(?<';
      i += 3;
    } else out += character;
  }
  return out;
}
