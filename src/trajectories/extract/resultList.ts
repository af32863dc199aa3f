import { isWebAddress } from './documentKey.ts';
import { lineEnd } from './spans.ts';

/** One entry of a textual result list: characters [start, end) of the observation. */
export interface ListedHit {
  readonly title: string;
  readonly url: string | null;
  readonly start: number;
  readonly end: number;
}

interface Head {
  start: number;
  title: string;
  url: string | null;
  /** False until a line with an address confirms that this is an entry and no mere numbered line. */
  confirmed: boolean;
  lineNumber: number;
}

const linkHead =
  /^\s*(?:[-*+•]\s+|#{1,4}\s+)?(?:\(?\d{1,3}[.):]\s*)?\*{0,2}\[((?:[^[\]]|\[[^[\]]*\])+)\]\((https?:\/\/[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)[^)]*\)/;
/** `* 【0†Title†site】` as browsers that number their links write it. */
const daggerHead = /^\s*(?:[-*•]\s+)?【\d+†([^†】]+)(?:†[^】]*)?】/;
const docHead =
  /^\s*(?:\*\*|#+\s*)?(?:Doc(?:ument)?|Result|Passage|Source|SOURCE|Page)\s*[[(#]?\s*(\d{1,3})[\])]?\s*(?:\(\s*Title:\s*(?:"(.*?)"|(.*?))\s*\)|[:.)-])\s*/;
const bracketHead = /^\s*(?:\[(\d{1,3})\]|\(?(\d{1,3})[.)])[:\s]+\*{0,2}(\S.*?)\*{0,2}\s*$/;
const titleLabel =
  /^\s*(?:[-*]\s+|\d{1,3}[.)]\s+)?\*{0,2}(?:Title|TITLE|title|Page title)\*{0,2}\s*[:：]\s*\*{0,2}\s*(.+?)\s*$/;
const urlLabel =
  /^\s*(?:[-*]\s+|\d{1,3}[.)]\s+)?\*{0,2}(?:URL|Url|url|Link|link|LINK|Source|source|Address|href)\*{0,2}\s*[:：]\s*\*{0,2}<?\s*(https?:\/\/\S+?)[>)]?\s*$/;
const bareUrl = /^\s*<?(https?:\/\/\S+?)>?\s*$/;
const separator =
  /^(?:={4,}|-{3,}|\*{3,}|_{4,}|#{1,3} (?:Web|News|Video|Image|Scholar|Search|Related|People)\b.*|A Google (?:search|scholar search) for .*|(?:Search )?[Rr]esults? for .{1,300}:?)\s*$/;

/** Lines between an entry's heading and the line with its address. */
const HEAD_DISTANCE = 3;
/** Characters of a line that can decide anything. */
const LINE_LIMIT = 1200;

/**
 * Finds the entries of a search result written as text: numbered or bulleted Markdown links, `Doc 1(Title: …)`,
 * `Title:` and `URL:` lines, numbered titles with an address under them. Linear in the text.
 */
export function parseResultList(text: string): ListedHit[] {
  const heads: Head[] = [];
  const stops: number[] = [];
  let lineNumber = 0;
  for (let start = 0; start < text.length; lineNumber++) {
    const end = lineEnd(text, start);
    if (mayDecide(text, start, end)) {
      readLine(text.slice(start, Math.min(end, start + LINE_LIMIT)), start, lineNumber, heads, stops);
    }
    start = end + 1;
  }
  return closeHits(text, heads, stops);
}

/** Cheap first look: most lines of a page begin with a letter that no heading begins with. */
function mayDecide(text: string, start: number, end: number): boolean {
  let i = start;
  while (i < end && i < start + 12 && (text.charCodeAt(i) === 32 || text.charCodeAt(i) === 9)) i++;
  const code = text.charCodeAt(i);
  if (i >= end) return false;
  // Digits, punctuation, and the initials of Address, Doc, Http, Link, Page, Result, Source, Search, Title, Url.
  return (
    code < 65 ||
    code === 91 ||
    code === 0x2022 ||
    code === 0x3010 ||
    code === 95 ||
    'ADhHLlPRrSsTtUu'.includes(text.charAt(i))
  );
}

function readLine(line: string, start: number, lineNumber: number, heads: Head[], stops: number[]): void {
  const link = linkHead.exec(line);
  if (link) {
    heads.push({ start, title: link[1] ?? '', url: link[2] ?? null, confirmed: true, lineNumber });
    return;
  }
  const dagger = daggerHead.exec(line);
  if (dagger) {
    heads.push({ start, title: dagger[1] ?? '', url: null, confirmed: true, lineNumber });
    return;
  }
  if (separator.test(line)) {
    stops.push(start);
    return;
  }
  const last = heads[heads.length - 1];
  const near = last !== undefined && lineNumber - last.lineNumber <= HEAD_DISTANCE;
  const url = (urlLabel.exec(line) ?? bareUrl.exec(line))?.[1];
  if (url !== undefined) {
    if (near && last.url === null) {
      last.url = url;
      last.confirmed = true;
    } else if (!near || last.url !== url) {
      heads.push({ start, title: '', url, confirmed: true, lineNumber });
    }
    return;
  }
  const title = titleLabel.exec(line)?.[1];
  if (title !== undefined) {
    if (near && last.title === '') last.title = title;
    else if (near && last.url === null && !last.confirmed) last.title = title;
    else heads.push({ start, title, url: null, confirmed: true, lineNumber });
    return;
  }
  const doc = docHead.exec(line);
  if (doc) {
    const titled = doc[2] ?? doc[3] ?? line.slice(doc[0].length).replace(/[-\s*]+$/, '');
    heads.push({ start, title: titled.trim(), url: null, confirmed: true, lineNumber });
    return;
  }
  const numbered = bracketHead.exec(line);
  if (numbered && (!near || last.confirmed)) {
    heads.push({ start, title: numbered[3] ?? '', url: null, confirmed: false, lineNumber });
  }
}

function closeHits(text: string, heads: readonly Head[], stops: readonly number[]): ListedHit[] {
  const confirmed = heads.filter((head) => head.confirmed);
  const hits: ListedHit[] = [];
  let stop = 0;
  for (const [i, head] of confirmed.entries()) {
    while (stop < stops.length && (stops[stop] ?? 0) <= head.start) stop++;
    const end = Math.min(confirmed[i + 1]?.start ?? text.length, stops[stop] ?? text.length);
    hits.push({ title: cleanTitle(head.title) || (head.url ?? ''), url: head.url, start: head.start, end });
  }
  return hits;
}

function cleanTitle(title: string): string {
  const text = title.replace(/^["'*]+|["'*]+$/g, '').trim();
  return isWebAddress(text) ? '' : text;
}
