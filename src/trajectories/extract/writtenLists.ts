import { isObject } from '../../core/json.ts';
import { jsonElementRanges, jsonValueEnd } from './jsonRanges.ts';
import type { ListedHit } from './resultList.ts';
import { parseJson } from './spans.ts';

const JSON_LIST = /\[\s*\{\s*"(?:title|url|link|name|id|snippet|content)"\s*:/;
const PYTHON_ENTRY = /\{\s*'(?:title|url|link|href|content|snippet|body|source|score)'\s*:/g;
const PYTHON_ADDRESS = /'(?:url|link|href|source)'\s*:\s*(['"])(https?:\/\/[^\s'"]+)\1/;
const PYTHON_TITLE = /'(?:title|name)'\s*:\s*(?:'((?:[^'\\\n]|\\.)*)'|"((?:[^"\\\n]|\\.)*)")/;
/** Entries of one list that are looked at. */
const MAX_ENTRIES = 500;

/** A JSON list of links inside a text (`Links: [{"title": …, "url": …}]`), one hit an entry. */
export function embeddedJsonHits(text: string): ListedHit[] {
  const found = JSON_LIST.exec(text);
  if (!found) return [];
  const start = found.index;
  const end = jsonValueEnd(text, start);
  const list = text.slice(start, end);
  const entries = parseJson(list);
  if (!Array.isArray(entries)) return [];
  const ranges = jsonElementRanges(list, '') ?? [];
  return entries.slice(0, MAX_ENTRIES).flatMap((entry, i): ListedHit[] => {
    const range = ranges[i];
    if (!isObject(entry) || !range) return [];
    const url = ['url', 'link', 'href'].map((key) => entry[key]).find((value) => typeof value === 'string');
    const title = ['title', 'name'].map((key) => entry[key]).find((value) => typeof value === 'string');
    if (typeof url !== 'string') return [];
    return [
      { title: typeof title === 'string' ? title : url, url, start: start + range[0], end: start + range[1] },
    ];
  });
}

/** A list of dictionaries as Python prints it: `[{'url': 'https://…', 'content': '…'}, …]`. */
export function pythonHits(text: string): ListedHit[] {
  if (!text.includes("{'")) return [];
  const starts: number[] = [];
  for (const match of text.matchAll(PYTHON_ENTRY)) {
    starts.push(match.index);
    if (starts.length >= MAX_ENTRIES) break;
  }
  return starts.flatMap((start, i): ListedHit[] => {
    const next = starts[i + 1] ?? text.length;
    const close = text.lastIndexOf('}', next);
    const end = close > start ? close + 1 : next;
    const entry = text.slice(start, Math.min(end, start + 20000));
    const url = PYTHON_ADDRESS.exec(entry)?.[2];
    const title = PYTHON_TITLE.exec(entry);
    if (url === undefined) return [];
    return [{ title: title?.[1] ?? title?.[2] ?? url, url, start, end }];
  });
}
