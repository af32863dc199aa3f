/** Where a tag pair stands in a text; `end`s are exclusive. */
export interface TagSpan {
  readonly outerStart: number;
  readonly innerStart: number;
  readonly innerEnd: number;
  readonly outerEnd: number;
}

/** The next `<tag>…</tag>` at or after `from`; one that is never closed reaches to the end. */
export function findTag(text: string, tag: string, from = 0): TagSpan | null {
  const open = `<${tag}>`;
  const outerStart = text.indexOf(open, from);
  if (outerStart < 0) return null;
  const innerStart = outerStart + open.length;
  const close = `</${tag}>`;
  const innerEnd = text.indexOf(close, innerStart);
  if (innerEnd < 0) return { outerStart, innerStart, innerEnd: text.length, outerEnd: text.length };
  return { outerStart, innerStart, innerEnd, outerEnd: innerEnd + close.length };
}

/** The last `<tag>…</tag>` of a text; null when there is none. */
export function findLastTag(text: string, tag: string): TagSpan | null {
  const start = text.lastIndexOf(`<${tag}>`);
  return start < 0 ? null : findTag(text, tag, start);
}
