import type { JsonValue } from '../../core/json.ts';
import { textSlice, type StepBuilder } from './stepBuilder.ts';

/** One way to write a call in XML: how the name and the parameters open and close. */
interface XmlStyle {
  readonly open: string;
  readonly openEnd: string;
  readonly close: string;
  readonly parameterOpen: string;
  readonly parameterOpenEnd: string;
  readonly parameterClose: string;
}

const styles: readonly XmlStyle[] = [
  {
    open: '<function=',
    openEnd: '>',
    close: '</function>',
    parameterOpen: '<parameter=',
    parameterOpenEnd: '>',
    parameterClose: '</parameter>',
  },
  {
    open: '<invoke name="',
    openEnd: '">',
    close: '</invoke>',
    parameterOpen: '<parameter name="',
    parameterOpenEnd: '">',
    parameterClose: '</parameter>',
  },
];

const maxNameLength = 200;

/**
 * Adds the call `<function=NAME><parameter=P>…</parameter></function>` (or its `<invoke name="…">` form)
 * that opens at `start`, after `before()`. Gives where it ends, -1 when no call opens there. A call cut off
 * before its closing tag reaches to `limit` (the end of the text, or of the tag around it).
 */
export function readXmlFunction(
  builder: StepBuilder,
  text: string,
  path: string,
  start: number,
  before: () => void,
  limit = text.length,
): number {
  const style = styles.find((candidate) => text.startsWith(candidate.open, start));
  if (!style) return -1;
  const nameStart = start + style.open.length;
  const nameEnd = indexNear(text, style.openEnd, nameStart);
  if (nameEnd < 0 || nameEnd + style.openEnd.length > limit) return -1;
  const bodyStart = nameEnd + style.openEnd.length;
  const { entries, end: lastParameter } = parametersOf(text, bodyStart, style, limit);
  const close = indexBefore(text, style.close, lastParameter, limit);
  const bodyEnd = close < 0 ? Math.max(limit, bodyStart) : close;
  before();
  builder.toolCall(textSlice(text, path, bodyStart, bodyEnd), {
    name: text.slice(nameStart, nameEnd).trim(),
    arguments: Object.fromEntries(entries),
  });
  return close < 0 ? bodyEnd : close + style.close.length;
}

/** Position of `part` within a name's length after `start`, or -1: the search never runs through the text. */
function indexNear(text: string, part: string, start: number): number {
  const found = text.slice(start, start + maxNameLength + part.length).indexOf(part);
  return found < 0 ? -1 : start + found;
}

/** Position of `part` in [start, limit), or -1; never looks beyond the limit. */
function indexBefore(text: string, part: string, start: number, limit: number): number {
  if (limit === text.length) return text.indexOf(part, start);
  const found = text.slice(start, limit).indexOf(part);
  return found < 0 ? -1 : start + found;
}

/** Parameters from `start` on, up to the closing tag of the call; values may hold markup of their own. */
function parametersOf(
  text: string,
  start: number,
  style: XmlStyle,
  limit: number,
): { entries: [string, JsonValue][]; end: number } {
  const entries: [string, JsonValue][] = [];
  let cursor = start;
  for (;;) {
    let open = cursor;
    while (open < text.length && text.charCodeAt(open) <= 32) open++;
    if (!text.startsWith(style.parameterOpen, open)) break;
    const keyStart = open + style.parameterOpen.length;
    const keyEnd = indexNear(text, style.parameterOpenEnd, keyStart);
    if (keyEnd < 0) break;
    const valueStart = keyEnd + style.parameterOpenEnd.length;
    if (valueStart > limit) break;
    const close = indexBefore(text, style.parameterClose, valueStart, limit);
    const valueEnd = close < 0 ? limit : close;
    entries.push([text.slice(keyStart, keyEnd).trim(), trimOneLineBreak(text, valueStart, valueEnd)]);
    cursor = close < 0 ? limit : close + style.parameterClose.length;
    if (close < 0) break;
  }
  return { entries, end: cursor };
}

/** Values may stand on lines of their own: one line break at either side belongs to the markup. */
function trimOneLineBreak(text: string, start: number, end: number): string {
  const from = text.charCodeAt(start) === 10 && start < end ? start + 1 : start;
  const to = text.charCodeAt(end - 1) === 10 && end > from ? end - 1 : end;
  return text.slice(from, to);
}
