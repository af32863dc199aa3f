/** What is known of a group while it is read. */
interface Group {
  /** It holds something that is repeated, or may be left out: it matches texts of different lengths. */
  isVariable: boolean;
  hasAlternatives: boolean;
  /** Atoms of the longest of its alternatives, and of the one being read. */
  longest: number;
  length: number;
}

const newGroup = (): Group => ({ isVariable: false, hasAlternatives: false, longest: 0, length: 0 });

/** Repeats of more than this many are as good as endless. */
const manyRepeats = 10;

const groupHead = /\(\?(?:[:=!>]|<[=!]|<\w+>|P<\w+>|[a-z-]+[:)])|\(/y;
const charClass = /\[\^?\]?(?:\\[^]|[^\]\\])*\]/y;
const escape = /\\(?:[pPu]\{[^}]*\}|[^])/y;
const quantifier = /(?:[*+?]|\{(\d+)(,(\d*))?\})[?+]?/y;

/**
 * The part of a regular expression that may take exponential time where it does not match: an unbounded repetition of
 * a group that matches texts of different lengths, as `(a+)+`, `(a|aa)*`. Null where there is none. An expression cannot be
 * stopped once it runs, so those of files that somebody else made are asked this first. Careful rather than exact: it
 * also names some that are harmless.
 */
export function runawayPart(pattern: string): string | null {
  const stack: { group: Group; start: number }[] = [];
  let current = newGroup();
  let at = 0;
  const take = (expression: RegExp): RegExpExecArray | null => {
    expression.lastIndex = at;
    const found = expression.exec(pattern);
    if (found) at += found[0].length;
    return found;
  };
  while (at < pattern.length) {
    const start = at;
    let closed: { group: Group; start: number } | null = null;
    const head = take(groupHead);
    if (head) {
      // `(?i)` sets flags and holds nothing.
      if (head[0] === '(' || !head[0].endsWith(')')) {
        stack.push({ group: current, start });
        current = newGroup();
      }
      continue;
    }
    if (pattern[at] === '|') {
      at++;
      current.hasAlternatives = true;
      current.longest = Math.max(current.longest, current.length);
      current.length = 0;
      continue;
    }
    if (pattern[at] === ')') {
      at++;
      const outer = stack.pop();
      if (!outer) return null;
      current.longest = Math.max(current.longest, current.length);
      closed = { group: current, start: outer.start };
      current = outer.group;
      current.length += Math.max(1, closed.group.longest);
      current.isVariable ||= closed.group.isVariable || closed.group.hasAlternatives;
    } else {
      if (!take(escape) && !take(charClass)) at++;
      current.length++;
    }
    const repeat = take(quantifier);
    if (!repeat) continue;
    const [text, least, range, most] = repeat;
    if (text.startsWith('{') && (range === undefined || least === most)) continue;
    const isUnbounded =
      /^[*+]/.test(text) || (range !== undefined && (most === '' || Number(most) > manyRepeats));
    if (isUnbounded && closed) {
      const { isVariable, hasAlternatives, longest } = closed.group;
      if (isVariable || (hasAlternatives && longest > 1)) return pattern.slice(closed.start, at);
    }
    current.isVariable = true;
  }
  return null;
}
