import type { DocumentSeen, TextRef, ToolCallStep, ToolResultStep } from '../schema.ts';
import { isSearchEnginePage, isWebAddress, titleKey, urlKey } from './documentKey.ts';
import { parseJsonHits, parseJsonPage } from './jsonHits.ts';
import { parseResultList, type ListedHit } from './resultList.ts';
import { embeddedJsonHits, pythonHits } from './writtenLists.ts';
import { firstMark, lineEnd, parseJson, spanIn, trimmedSpan, trimRange } from './spans.ts';
import { argumentText, DOCUMENT_KEYS, QUERY_KEYS, URL_KEYS } from './toolClass.ts';

/** What one run of a search agent has on its screen and in its store. */
export interface SearchState {
  /** Address of the page that a browser shows. */
  url: string | null;
  /** Text of that page, to find where a clicked element leads. */
  page: string;
  /** Title of the article that a lookup searches in. */
  article: string | null;
  /** Addresses of pages that a tool put aside under a name for later questions. */
  readonly stored: Map<string, string>;
}

export function newSearchState(): SearchState {
  return { url: null, page: '', article: null, stored: new Map() };
}

type Seen = Omit<DocumentSeen, 'stepIndex' | 'isTruncated' | 'lines'>;

function finish(result: ToolResultStep, seen: readonly Seen[]): DocumentSeen[] {
  // Written out: object spreading is several times slower, and a search run has hundreds of these.
  return seen.map(({ key, title, how, span, rank }) => ({
    key,
    title,
    how,
    stepIndex: result.index,
    span,
    lines: null,
    isTruncated: result.isTruncated,
    rank,
  }));
}

const FAILURE =
  /^\W*(?:error\b|\[?visit\]? failed|failed to|could not (?:find|fetch|access|load|open)|cannot |unable to|no (?:search )?results?\b|not found|invalid|timeout|timed out|access denied|403|404|page not found|there are no|the (?:provided )?webpage content could not|exception)/i;
const FAILURE_WITHIN =
  /could not be accessed|failed to (?:read|fetch|load|visit|retrieve)|no results? (?:were )?found|http error|status code [45]\d\d|try with a more general query|provided document does not contain/i;

/** True when an observation says that nothing came back. */
function isEmptyResult(result: ToolResultStep): boolean {
  const text = result.text;
  if (result.isError) return true;
  if (text.length < 4) return text.trim() === '' || text.trim() === '[]' || text.trim() === '{}';
  if (FAILURE.test(text.slice(0, 300).trimStart())) return true;
  return text.length < 700 && FAILURE_WITHIN.test(text);
}

/** Documents that a search brought back: one per entry of its list, else the observation itself as the page read. */
export function searchedDocuments(
  result: ToolResultStep,
  call: ToolCallStep | null,
  state: SearchState,
): DocumentSeen[] {
  if (isEmptyResult(result)) return [];
  const listed = listedDocuments(result);
  if (listed.length > 0) return listed;
  const [start, end] = trimRange(result.text, 0, result.text.length);
  const span = spanIn(result, start, end);
  if (!span || end - start > 400000) return [];
  // One text without a list: an article's beginning (Wikipedia tools) or a direct answer, which was read.
  const isLookup = call !== null && /lookup/i.test(call.name);
  const title = (isLookup ? state.article : null) ?? (call ? queryOf(call) : null) ?? 'search result';
  if (!isLookup) state.article = title;
  return finish(result, [{ key: titleKey(title), title, how: 'visited', span, rank: null }]);
}

/** The entries of a result list in JSON or text, in order; empty when the observation is no list. */
function listedDocuments(result: ToolResultStep): DocumentSeen[] {
  const mark = firstMark(result.text);
  if (mark === '{' || mark === '[') {
    const value = parseJson(result.text);
    if (value !== undefined) {
      const hits = parseJsonHits(result, value).map((hit, rank) => ({
        key: keyOf(hit.url ?? hit.id, hit.title),
        title: hit.title,
        how: 'returned' as const,
        span: hit.span,
        rank,
      }));
      if (hits.length > 0) return finish(result, hits);
    }
  }
  const seen: Seen[] = [];
  for (const hit of writtenHits(result.text, mark)) {
    const span = trimmedSpan(result, hit.start, hit.end);
    if (!span) continue;
    seen.push({ key: keyOf(hit.url, hit.title), title: hit.title, how: 'returned', span, rank: seen.length });
  }
  return finish(result, seen);
}

/** Entries of a list that stands in a text in one of the ways lists are written. */
function writtenHits(text: string, mark: string): readonly ListedHit[] {
  if (mark === '[' || mark === '{') {
    const printed = pythonHits(text);
    if (printed.length > 0) return printed;
  }
  const embedded = text.includes('[{"') || text.includes('[ {') ? embeddedJsonHits(text) : [];
  return embedded.length > 0 ? embedded : parseResultList(text);
}

/** Key of a document known by an address, an id or only a title. */
function keyOf(id: string | null, title: string): string {
  if (id === null) return titleKey(title);
  return isWebAddress(id) ? urlKey(id) : id;
}

/** What a call asks for, on one line. */
function queryOf(call: ToolCallStep): string | null {
  const text = argumentText(call, ...QUERY_KEYS) ?? (call.arguments === null ? call.text : null);
  const line = text?.replace(/\s+/g, ' ').trim().slice(0, 200) ?? '';
  return line === '' ? null : line;
}

function urlsOf(call: ToolCallStep | null): string[] {
  if (!call) return [];
  if (!call.arguments) return /^\s*(?:https?:|www\.)\S+\s*$/.test(call.text) ? [call.text.trim()] : [];
  for (const key of [...URL_KEYS, ...DOCUMENT_KEYS]) {
    const value = Object.hasOwn(call.arguments, key) ? call.arguments[key] : undefined;
    if (typeof value === 'string' && value !== '') return [value];
    if (Array.isArray(value)) return value.filter((item): item is string => typeof item === 'string');
  }
  return [];
}

const USEFUL = 'The useful information in ';
const FOR_GOAL = ' for user goal ';

/** Pages that a reader tool opened, each with its whole text. */
export function visitedDocuments(
  result: ToolResultStep,
  call: ToolCallStep | null,
  state: SearchState,
): DocumentSeen[] {
  const urls = urlsOf(call);
  if (isSavedNotice(result, call, urls, state)) return [];
  if (result.text.includes(USEFUL)) return finish(result, framedPages(result));
  if (isEmptyResult(result)) return [];
  const mark = firstMark(result.text);
  if (mark === '{' || mark === '[') {
    const value = parseJson(result.text);
    if (value !== undefined) {
      const pages = Array.isArray(value) ? parseJsonHits(result, value) : [];
      const found = pages.length > 0 ? pages : [parseJsonPage(result, value)];
      const seen = found.flatMap((page, i): Seen[] => {
        if (!page || page.text.trim().length < 8) return [];
        const url = page.url ?? urls[i] ?? urls[0] ?? null;
        const title = page.title || pageTitle(page.text) || url || 'page';
        return [{ key: keyOf(url, title), title, how: 'visited', span: page.span, rank: null }];
      });
      if (seen.length > 0) return finish(result, seen);
    }
  }
  const pieces = splitPages(result.text, urls.length);
  return finish(
    result,
    pieces.flatMap(([start, end], i): Seen[] => {
      const span = trimmedSpan(result, start, end);
      if (!span || span.end - span.start < 8) return [];
      const text = result.text.slice(start, Math.min(end, start + 2000));
      const url = urls[i] ?? urls[0] ?? headerAddress(text) ?? null;
      const title = pageTitle(text) ?? url ?? (call ? queryOf(call) : null) ?? 'page';
      return [{ key: keyOf(url, title), title, how: 'visited', span, rank: null }];
    }),
  );
}

/** `The useful information in URL for user goal G as follows:` frames, one page each. */
function framedPages(result: ToolResultStep): Seen[] {
  const text = result.text;
  const seen: Seen[] = [];
  for (let at = text.indexOf(USEFUL); at >= 0;) {
    const next = text.indexOf(USEFUL, at + USEFUL.length);
    const goal = text.indexOf(FOR_GOAL, at);
    const follows = text.indexOf('as follows:', at);
    if (goal < 0 || follows < 0) break;
    const url = text.slice(at + USEFUL.length, goal).trim();
    let end = next < 0 ? text.length : next;
    const rule = text.lastIndexOf('\n=======', end);
    if (rule > follows && text.slice(rule, end).trim() === '=======') end = rule;
    const span = trimmedSpan(result, follows + 'as follows:'.length, end);
    const isFailed = text.slice(follows, Math.min(end, follows + 400)).includes('could not be accessed');
    if (span && url !== '' && !isFailed) {
      seen.push({ key: keyOf(url, url), title: url, how: 'visited', span, rank: null });
    }
    at = next;
  }
  return seen;
}

/** One range per page where separators give as many pieces as pages were asked for. */
function splitPages(text: string, count: number): [number, number][] {
  if (count > 1) {
    for (const rule of ['\n=======\n', '\n\n---\n\n', '\n---\n']) {
      const parts = text.split(rule);
      if (parts.length !== count) continue;
      let at = 0;
      return parts.map((part) => {
        const range: [number, number] = [at, at + part.length];
        at += part.length + rule.length;
        return range;
      });
    }
  }
  return [[0, text.length]];
}

/** A tool that only put the page aside: remembers under which name, for the questions asked of it later. */
function isSavedNotice(
  result: ToolResultStep,
  call: ToolCallStep | null,
  urls: readonly string[],
  state: SearchState,
): boolean {
  if (!call || result.text.length > 4000 || !/\b(?:saved|stored)\b/.test(result.text.slice(0, 300)))
    return false;
  const name = argumentText(call, 'key', 'name', 'save_as', 'id');
  if (name !== null && urls[0] !== undefined) state.stored.set(name, urls[0]);
  return name !== null;
}

/** Answers of a tool that was asked about pages put aside (`{{name}}` in its prompt): those pages, as read. */
export function storedDocuments(
  result: ToolResultStep,
  call: ToolCallStep,
  state: SearchState,
): DocumentSeen[] {
  if (state.stored.size === 0 || isEmptyResult(result)) return [];
  const asked = [...state.stored].filter(
    ([name]) => call.text.includes(`{{${name}}}`) || call.text.includes(`"${name}"`),
  );
  if (asked.length === 0) return [];
  const mark = firstMark(result.text);
  const value = mark === '{' ? parseJson(result.text) : undefined;
  const page = value === undefined ? null : parseJsonPage(result, value);
  const span: TextRef | null = page?.span ?? trimmedSpan(result, 0, result.text.length);
  if (!span || span.end - span.start < 8) return [];
  return finish(
    result,
    asked.map(([, url]) => ({ key: urlKey(url), title: url, how: 'visited' as const, span, rank: null })),
  );
}

/** The page that a browser shows after an action; a search engine's page counts as returned. */
export function browsedDocuments(
  result: ToolResultStep,
  call: ToolCallStep | null,
  state: SearchState,
): DocumentSeen[] {
  if (result.isError || result.text.trim().length < 20) return [];
  const shown = screenshotLink(result.text);
  const header = headerAddress(result.text.slice(0, 2000));
  const url = shown?.url ?? header ?? urlsOf(call)[0] ?? clickedAddress(call, state.page) ?? state.url;
  state.page = result.text;
  if (url) state.url = url;
  const listed = url && isSearchEnginePage(url) ? listedDocuments(result) : [];
  const listedLength = listed.reduce((sum, one) => sum + one.span.end - one.span.start, 0);
  // Lists in a recognised page image are often rests of addresses; then the page is kept whole.
  if (listed.length > 2 && listedLength > 80 * listed.length) return listed;
  if (
    /^\W*(?:error|exception|failed)\b/i.test(result.text.slice(0, 100)) ||
    /\bError 40\d\b/.test(result.text.slice(0, 200))
  ) {
    return [];
  }
  const start = shown?.bodyStart ?? 0;
  const span = trimmedSpan(result, start, result.text.length);
  if (!span) return [];
  const title =
    (shown?.title || pageTitle(result.text.slice(0, 2000))) ?? url ?? (call ? queryOf(call) : null) ?? 'page';
  const how = url && isSearchEnginePage(url) ? 'returned' : 'visited';
  return finish(result, [{ key: keyOf(url, title), title, how, span, rank: null }]);
}

const RECOGNISED = 'has detected the following text:';

/** `Here is a screenshot of [title](url).` as web surfing agents say it. */
function screenshotLink(text: string): { title: string; url: string; bodyStart: number } | null {
  const at = text.indexOf('screenshot of [');
  if (at < 0 || at > 4000) return null;
  const match = /^\[((?:[^[\]]|\[[^[\]]*\])*)\]\(([^\s]+?)\)(?:\.\s|\s|$)/.exec(
    text.slice(at + 'screenshot of '.length, at + 4000),
  );
  if (!match) return null;
  // The page's own words follow its metadata, after the notice of the text recognition.
  const recognised = text.indexOf(RECOGNISED, at);
  const bodyStart = recognised < 0 ? lineEnd(text, at) : recognised + RECOGNISED.length;
  return { title: match[1] ?? '', url: match[2] ?? '', bodyStart };
}

/** `Address:` or `URL:` in the head of a page. */
function headerAddress(text: string): string | null {
  const match =
    /(?:^|\n)\s*\*{0,2}(?:Address|URL|Url|Current URL|Page URL|URL Source|Source URL)\*{0,2}\s*:\s*<?((?:https?|file):\/\/\S+)/.exec(
      text,
    );
  return match?.[1]?.replace(/[>)]$/, '') ?? numberedPage(text)?.[2] ?? null;
}

/** `[3] Title (https://…)`: the first line of a page in browsers that number their pages. */
function numberedPage(text: string): RegExpExecArray | null {
  return /^\[\d+\] (\S.{0,300}?) \((https?:\/\/[^\s)]+)\)/.exec(text);
}

function pageTitle(text: string): string | null {
  const match = /(?:^|\n)\s*(?:\*{0,2}(?:Title|Page Title|TITLE)\*{0,2}\s*:\s*|# )(\S[^\n]{0,300})/.exec(
    text.slice(0, 1500),
  );
  return match?.[1]?.trim() ?? numberedPage(text)?.[1] ?? null;
}

/** Where the clicked element of an accessibility tree leads: `[151] link "Work"  [url: …]`. */
function clickedAddress(call: ToolCallStep | null, page: string): string | null {
  const id = call?.arguments?.['element_id'] ?? call?.arguments?.['id'] ?? call?.arguments?.['ref'];
  if ((typeof id !== 'number' && typeof id !== 'string') || page === '') return null;
  const at = page.indexOf(`[${String(id)}] `);
  if (at < 0) return null;
  const own = addressOn(page.slice(at, lineEnd(page, at)));
  if (own) return own;
  // A list item leads where its only link leads, which stands on the next, deeper line.
  const next = lineEnd(page, at) + 1;
  const indent = at - (page.lastIndexOf('\n', at) + 1);
  const line = page.slice(next, lineEnd(page, next));
  return line.length - line.trimStart().length > indent ? addressOn(line) : null;
}

function addressOn(line: string): string | null {
  return /\[url: (\S+?)(?:\]|,)/.exec(line)?.[1] ?? null;
}
