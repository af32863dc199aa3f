import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { Step, TextRef } from '../schema.ts';
import { joinPath, JSON_TEXT_SEGMENT } from '../sourcePath.ts';
import { jsonElementRanges } from './jsonRanges.ts';
import { jsonStringSpan, parseJson, spanIn } from './spans.ts';

/** One document inside a JSON observation. */
export interface JsonHit {
  readonly title: string;
  readonly url: string | null;
  readonly id: string | null;
  readonly text: string;
  readonly span: TextRef;
}

const URL_FIELDS = [
  'url',
  'link',
  'href',
  'filingUrl',
  'source_url',
  'page_url',
  'uri',
  'web_url',
  'pdf_url',
];
const ID_FIELDS = ['docid', 'doc_id', 'document_id', 'docId', 'id', '_id', 'pid', 'accessionNo'];
const TITLE_FIELDS = [
  'title',
  'name',
  'heading',
  'header',
  'document_title',
  'page_title',
  'companyNameLong',
];
const TEXT_FIELDS = [
  'page_content',
  'raw_content',
  'content',
  'contents',
  'text',
  'snippet',
  'body',
  'markdown',
  'passage',
  'extract',
  'summary',
  'description',
  'abstract',
  'document',
];
/** Shorter texts than this say less than the entry around them. */
const SHORT_TEXT = 60;
const MAX_NODES = 20000;
const MAX_DEPTH = 12;

interface Walk {
  readonly step: Step;
  readonly hits: JsonHit[];
  nodes: number;
}

/** Where the walk is: the JSON text it is in, and the way from there. */
interface Place {
  /** Pointer from the step's text to the string that holds the JSON text ('' for the step's own text). */
  readonly holder: string;
  readonly holderText: string;
  /** Pointer inside that JSON text. */
  readonly inner: string;
}

/** Documents in a parsed observation: objects in lists that have an address, or a title or id beside a text. */
export function parseJsonHits(step: Step, value: JsonValue): JsonHit[] {
  const walk: Walk = { step, hits: [], nodes: 0 };
  visit(walk, value, { holder: '', holderText: step.text, inner: '' }, 0);
  return walk.hits;
}

function visit(walk: Walk, value: JsonValue, place: Place, depth: number): void {
  if (++walk.nodes > MAX_NODES || depth > MAX_DEPTH) return;
  if (Array.isArray(value)) {
    const entries = value.filter(isObject);
    const hitCount = entries.filter((entry) => isHit(entry)).length;
    if (hitCount > 0 && hitCount * 2 >= entries.length) addHits(walk, value, place);
    else value.forEach((item, i) => visit(walk, item, within(place, i), depth + 1));
    return;
  }
  if (typeof value === 'string') {
    const mark = value.charAt(0);
    if ((mark === '[' || mark === '{') && value.length > 20) {
      const inner = parseJson(value);
      if (inner !== undefined) {
        const holder = `${place.holder}${place.inner}/${JSON_TEXT_SEGMENT}`;
        visit(walk, inner, { holder, holderText: value, inner: '' }, depth + 1);
      }
    }
    return;
  }
  if (!isObject(value)) return;
  for (const key of Object.keys(value)) visit(walk, value[key] ?? null, within(place, key), depth + 1);
}

function within(place: Place, key: string | number): Place {
  return { ...place, inner: joinPath(place.inner, key) };
}

function isHit(entry: JsonObject): boolean {
  const text = longestText(entry);
  if (firstString(entry, URL_FIELDS) !== null)
    return text !== null || firstString(entry, TITLE_FIELDS) !== null;
  if (text === null || text.text.length < 20) return false;
  return firstString(entry, TITLE_FIELDS) !== null || firstString(entry, ID_FIELDS) !== null;
}

function addHits(walk: Walk, entries: readonly JsonValue[], place: Place): void {
  let ranges: readonly (readonly [number, number])[] | null = null;
  entries.forEach((entry, i) => {
    if (!isObject(entry)) return;
    const url = firstString(entry, URL_FIELDS);
    const id = firstString(entry, ID_FIELDS);
    const found = longestText(entry);
    if (url === null && found === null) return;
    const title = firstString(entry, TITLE_FIELDS) ?? url ?? id ?? '';
    let span: TextRef | null = null;
    let text = found?.text ?? '';
    // A result that is no text but an object has no range of its own: only its strings can be pointed at.
    if (found && (found.text.length >= SHORT_TEXT || walk.step.range === null)) {
      const pointer = joinPath(joinPath(place.inner, i), found.key);
      span = jsonStringSpan(walk.step, `${place.holder}${pointer}`, found.text);
    }
    if (!span) {
      ranges ??= jsonElementRanges(place.holderText, place.inner);
      const range = ranges?.[i];
      if (range) {
        text = place.holderText.slice(range[0], range[1]);
        span = holderSpan(walk.step, place, range[0], range[1]);
      }
    }
    if (span) walk.hits.push({ title, url, id, text, span });
  });
}

/** A range of the JSON text that the walk is in: part of the step itself, or of a string inside it. */
function holderSpan(step: Step, place: Place, start: number, end: number): TextRef | null {
  if (place.holder === '') return spanIn(step, start, end);
  const pointer = place.holder.slice(0, -JSON_TEXT_SEGMENT.length - 1);
  const whole = jsonStringSpan(step, pointer, place.holderText);
  return whole && { ...whole, start, end };
}

function firstString(entry: JsonObject, keys: readonly string[]): string | null {
  for (const key of keys) {
    const value = Object.hasOwn(entry, key) ? entry[key] : undefined;
    if (typeof value === 'string' && value !== '') return value;
    if (typeof value === 'number') return String(value);
  }
  return null;
}

function longestText(entry: JsonObject): { key: string; text: string } | null {
  let best: { key: string; text: string } | null = null;
  for (const key of TEXT_FIELDS) {
    const value = Object.hasOwn(entry, key) ? entry[key] : undefined;
    if (typeof value === 'string' && value !== '' && value.length > (best?.text.length ?? 0)) {
      best = { key, text: value };
    }
  }
  return best;
}

/** The page text in a parsed observation of a page reader: its longest string under a telling name. */
export function parseJsonPage(step: Step, value: JsonValue): JsonHit | null {
  let best: JsonHit | null = null;
  let nodes = 0;
  const look = (node: JsonValue, pointer: string, url: string | null, depth: number): void => {
    if (++nodes > 2000 || depth > 6) return;
    if (isObject(node)) {
      const address = firstString(node, URL_FIELDS) ?? url;
      const title = firstString(node, TITLE_FIELDS) ?? '';
      for (const key of Object.keys(node)) {
        const item = node[key];
        const path = joinPath(pointer, key);
        if (typeof item === 'string') {
          if (item.length <= (best?.text.length ?? 0) || (URL_FIELDS.includes(key) && item.length < 2000))
            continue;
          const span = jsonStringSpan(step, path, item);
          if (span) best = { title, url: address, id: null, text: item, span };
        } else if (item !== undefined) look(item, path, address, depth + 1);
      }
    } else if (Array.isArray(node)) {
      node.forEach((item, i) => {
        if (typeof item !== 'string') look(item, joinPath(pointer, i), url, depth + 1);
      });
    }
  };
  look(value, '', null, 0);
  return best;
}
