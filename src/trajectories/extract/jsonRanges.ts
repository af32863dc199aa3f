/**
 * Character ranges of the elements of one array inside a JSON text, so that an element can be shown as it was
 * written. `pointer` leads from the root to the array. The text must be valid JSON. Linear in the text.
 */
export function jsonElementRanges(text: string, pointer: string): (readonly [number, number])[] | null {
  const keys =
    pointer === ''
      ? []
      : pointer
          .slice(1)
          .split('/')
          .map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~'));
  let at = skipSpace(text, 0);
  for (const key of keys) {
    const next = enter(text, at, key);
    if (next === null) return null;
    at = next;
  }
  if (text.charAt(at) !== '[') return null;
  const ranges: (readonly [number, number])[] = [];
  at = skipSpace(text, at + 1);
  while (at < text.length && text.charAt(at) !== ']') {
    const end = skipValue(text, at);
    if (end <= at) return null;
    ranges.push([at, end]);
    at = skipSpace(text, end);
    if (text.charAt(at) === ',') at = skipSpace(text, at + 1);
  }
  return ranges;
}

/** End (exclusive) of the JSON value that begins at `start`; the text's length when it is never closed. */
export function jsonValueEnd(text: string, start: number): number {
  return skipValue(text, start);
}

/** Start of the value under a key of the object, or at an index of the array, that begins at `at`. */
function enter(text: string, at: number, key: string): number | null {
  const open = text.charAt(at);
  if (open !== '{' && open !== '[') return null;
  const close = open === '{' ? '}' : ']';
  let position = skipSpace(text, at + 1);
  for (let i = 0; position < text.length && text.charAt(position) !== close; i++) {
    let name = String(i);
    if (open === '{') {
      const nameEnd = skipString(text, position);
      name = keyText(text.slice(position, nameEnd));
      position = skipSpace(text, nameEnd);
      if (text.charAt(position) !== ':') return null;
      position = skipSpace(text, position + 1);
    }
    if (name === key) return position;
    const end = skipValue(text, position);
    if (end <= position) return null;
    position = skipSpace(text, end);
    if (text.charAt(position) === ',') position = skipSpace(text, position + 1);
  }
  return null;
}

function keyText(quoted: string): string {
  if (!quoted.includes('\\')) return quoted.slice(1, -1);
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}

/** End of the value that starts at `at`; nested values are passed by counting brackets outside strings. */
function skipValue(text: string, at: number): number {
  const first = text.charAt(at);
  if (first === '"') return skipString(text, at);
  if (first !== '{' && first !== '[') {
    let i = at;
    while (i < text.length && !',]} \n\r\t'.includes(text.charAt(i))) i++;
    return i;
  }
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 34) i = skipString(text, i) - 1;
    else if (code === 123 || code === 91) depth++;
    else if ((code === 125 || code === 93) && --depth === 0) return i + 1;
  }
  return text.length;
}

function skipString(text: string, at: number): number {
  let i = at + 1;
  while (i < text.length) {
    const quote = text.indexOf('"', i);
    if (quote < 0) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === 92) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
    i = quote + 1;
  }
  return text.length;
}

function skipSpace(text: string, at: number): number {
  let i = at;
  while (i < text.length) {
    const code = text.charCodeAt(i);
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) break;
    i++;
  }
  return i;
}
