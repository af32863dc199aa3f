/** What `repairJson` changed, by name; each becomes an issue of the record. */
export type Repair =
  | 'non-finite-number'
  | 'control-character'
  | 'invalid-escape'
  | 'trailing-comma'
  | 'big-integer'
  | 'byte-order-mark';

const LITERAL = /(?:-?Infinity|NaN)/y;
const NUMBER = /-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const VALID_ESCAPES = '"\\/bfnrtu';

/**
 * Rewrites text that `JSON.parse` refuses (or reads inexactly) where the meaning is beyond doubt:
 * Python's NaN and Infinity become null, raw control characters in strings are escaped, NUL bytes and byte
 * order marks between values and commas before a closing bracket are dropped, unknown escapes lose their
 * backslash's meaning, integers beyond 2^53 become strings of their digits. One pass, linear in the text.
 */
export function repairJson(text: string): { readonly text: string; readonly repairs: ReadonlySet<Repair> } {
  const repairs = new Set<Repair>();
  const pieces: string[] = [];
  let copied = 0;
  const replace = (from: number, to: number, by: string, repair: Repair): void => {
    pieces.push(text.slice(copied, from), by);
    copied = to;
    repairs.add(repair);
  };
  let at = 0;
  while (at < text.length) {
    const character = text[at];
    if (character === '"') {
      at = repairString(text, at + 1, replace);
    } else if (character === ',') {
      const next = skipBlankText(text, at + 1);
      if (text[next] === ']' || text[next] === '}') replace(at, at + 1, '', 'trailing-comma');
      at++;
    } else if (character === '\0') {
      replace(at, at + 1, '', 'control-character');
      at++;
    } else if (character === '\uFEFF') {
      replace(at, at + 1, '', 'byte-order-mark');
      at++;
    } else if (character === 'N' || character === 'I' || character === '-' || isDigit(character)) {
      at = repairNumber(text, at, replace);
    } else {
      at++;
    }
  }
  if (repairs.size === 0) return { text, repairs };
  pieces.push(text.slice(copied));
  return { text: pieces.join(''), repairs };
}

type Replace = (from: number, to: number, by: string, repair: Repair) => void;

function isDigit(character: string | undefined): boolean {
  return character !== undefined && character >= '0' && character <= '9';
}

function skipBlankText(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\r\n\0'.includes(text[at] ?? '')) at++;
  return at;
}

/** Walks a string from after its opening quote; returns the index after the closing one. */
function repairString(text: string, from: number, replace: Replace): number {
  for (let at = from; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at + 1;
    if (code === 0x5c) {
      const next = text[at + 1] ?? '';
      if (next === 'x' && /^[0-9a-fA-F]{2}/.test(text.slice(at + 2, at + 4))) {
        replace(at, at + 2, '\\u00', 'invalid-escape');
      } else if (next === "'") {
        replace(at, at + 1, '', 'invalid-escape');
      } else if (!VALID_ESCAPES.includes(next) || (next === 'u' && !isUnicodeEscape(text, at + 2))) {
        replace(at, at + 1, '\\\\', 'invalid-escape');
        if (next < ' ') continue;
      }
      at++;
    } else if (code < 0x20) {
      replace(at, at + 1, `\\u${code.toString(16).padStart(4, '0')}`, 'control-character');
    }
  }
  return text.length;
}

function isUnicodeEscape(text: string, from: number): boolean {
  return /^[0-9a-fA-F]{4}$/.test(text.slice(from, from + 4));
}

function repairNumber(text: string, at: number, replace: Replace): number {
  LITERAL.lastIndex = at;
  const literal = LITERAL.exec(text);
  if (literal) {
    replace(at, LITERAL.lastIndex, 'null', 'non-finite-number');
    return LITERAL.lastIndex;
  }
  NUMBER.lastIndex = at;
  const number = NUMBER.exec(text)?.[0];
  if (number === undefined) return at + 1;
  const end = at + number.length;
  if (number.length >= 16 && /^-?\d+$/.test(number) && !Number.isSafeInteger(Number(number))) {
    replace(at, end, `"${number}"`, 'big-integer');
  }
  return end;
}
