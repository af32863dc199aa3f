import { isObject, type JsonValue } from '../../core/json.ts';
import { detectBest } from '../detectBest.ts';
import type { Detection, FormatAdapter, FormatSample, RawRecord } from '../format.ts';
import { ElementSplitter, type ElementShape } from './elementSplitter.ts';
import { LineSplitter } from './lineSplitter.ts';
import { parseMembers, scanMembers, type Member } from './members.ts';
import { decodeUtf8, parseRecord } from './parseRecord.ts';
import type { Probe } from './probe.ts';
import { parseLargeRecord } from './parseLarge.ts';
import { salvageObject } from './salvage.ts';
import { memorySource } from './sources.ts';
import { splitSource } from './splitSource.ts';
import type { Splitter } from './splitter.ts';
import { OPEN_BRACKET } from './valueScanner.ts';
import type { Yielder } from './yielder.ts';

/** Records that recognition looks at. */
export const SAMPLE_RECORDS = 20;
/** Bytes of an envelope that are kept beside the records. */
export const ENVELOPE_BYTES = 16 * 1024 * 1024;
/** Text of a sample that is not JSON. */
const TEXT_SAMPLE_BYTES = 256 * 1024;
/** From here on a whole object is taken for one run even if one of its lists looks like runs of another format. */
const SURE = 0.5;

/** How the records of a file are cut out of it. */
export type Cut =
  | { readonly type: 'lines' }
  | { readonly type: 'sequence' }
  | { readonly type: 'list'; readonly shape: 'array' | 'map' }
  /** The file is one record. */
  | { readonly type: 'whole' }
  /** Elements of one member of the file's object. */
  | {
      readonly type: 'inner';
      readonly member: string;
      readonly shape: 'array' | 'map';
      /** Offset of the list's opening bracket. */
      readonly listStart: number;
      readonly isWrapped: boolean;
    }
  | { readonly type: 'text' };

/** A way to read a file, and how sure its adapter is of it. */
export interface Recognition {
  readonly adapter: FormatAdapter;
  readonly detection: Detection;
  readonly cut: Cut;
  readonly layout: FormatSample['container'];
}

/** The splitter for a cut, and where in the file it begins. */
export function splitterFor(cut: Cut, probe: Pick<Probe, 'start'>): { splitter: Splitter; from: number } {
  if (cut.type === 'list') return { splitter: new ElementSplitter(cut.shape), from: probe.start };
  if (cut.type === 'sequence') return { splitter: new ElementSplitter('sequence'), from: probe.start };
  if (cut.type === 'inner') return { splitter: new ElementSplitter(cut.shape, true), from: cut.listStart };
  return { splitter: new LineSplitter(), from: probe.start };
}

/**
 * Finds out what a text file holds. Adapters see its first records in each way the file can be cut; a file
 * that is one object may be one run, a map of runs, or an envelope around a list of runs.
 * @param maxWhole bytes of an object that may still be read as one record
 */
export async function recogniseText(
  file: string,
  probe: Probe,
  adapters: readonly FormatAdapter[],
  envelope: JsonValue | null,
  maxWhole: number,
  yielder: Yielder,
): Promise<Recognition | null> {
  if (probe.kind === 'text') {
    const { text } = decodeUtf8(probe.prefix.subarray(probe.start, probe.start + TEXT_SAMPLE_BYTES));
    const records = [rawRecord(file, 0, text)];
    const best = detectBest({ file, container: 'text', records, envelope }, adapters);
    return best && { ...best, cut: { type: 'text' }, layout: 'text' };
  }
  if (probe.isGuess) {
    const asJson = await recogniseText(
      file,
      { ...probe, isGuess: false },
      adapters,
      envelope,
      maxWhole,
      yielder,
    );
    const asText = await recogniseText(
      file,
      { ...probe, kind: 'text' },
      adapters,
      envelope,
      maxWhole,
      yielder,
    );
    return (asText?.detection.certainty ?? 0) > (asJson?.detection.certainty ?? 0) ? asText : asJson;
  }
  if (probe.kind === 'object') return recogniseObject(file, probe, adapters, envelope, maxWhole, yielder);
  const cut: Cut = probe.kind === 'array' ? { type: 'list', shape: 'array' } : { type: probe.kind };
  const layout = probe.kind === 'array' ? 'json-array' : 'json-lines';
  const { splitter, from } = splitterFor(cut, probe);
  const records = await sampleRecords(file, probe.prefix, from, splitter);
  const best = detectBest({ file, container: layout, records, envelope }, adapters);
  if (best) return { ...best, cut, layout };
  // Arrays one after another may be one list in parts.
  if (probe.kind === 'array' || probe.prefix[probe.start] !== OPEN_BRACKET) return null;
  return recogniseText(file, { ...probe, kind: 'array' }, adapters, envelope, maxWhole, yielder);
}

async function recogniseObject(
  file: string,
  probe: Probe,
  adapters: readonly FormatAdapter[],
  envelope: JsonValue | null,
  maxWhole: number,
  yielder: Yielder,
): Promise<Recognition | null> {
  const { prefix, start } = probe;
  const members = scanMembers(prefix, start);
  const read = await readWhole(probe, maxWhole, yielder);
  const whole = read && wholeCandidate(file, read.value, adapters, envelope);
  const isDamaged = read ? !read.isSound : probe.isWhole || members.at(-1)?.end !== null;
  const candidates = [
    await mapCandidate(file, probe, members, adapters, envelope, isDamaged),
    ...(await innerCandidates(file, probe, members, adapters, maxWhole)),
  ].filter((candidate) => candidate !== null);
  let best: Recognition | null = null;
  for (const candidate of candidates) {
    if (candidate.detection.certainty > (best?.detection.certainty ?? 0)) best = candidate;
  }
  if (!read || !whole) return best;
  if (!best) return whole;
  const isSame =
    best.adapter.id === whole.adapter.id &&
    best.adapter.unit === 'record' &&
    !isMapOfFields(best, rawRecord(file, 0, read.value));
  // The same format in finer pieces: each run can be opened without the others.
  if (isSame && best.detection.certainty >= whole.detection.certainty) return best;
  return whole.detection.certainty >= Math.min(SURE, best.detection.certainty) ? whole : best;
}

/** True for a map whose entries are sides of one run (`request` and `response`, `messages` and `tools`), not runs. */
function isMapOfFields({ adapter, cut }: Recognition, whole: RawRecord): boolean {
  return 'shape' in cut && cut.shape === 'map' && !isListOfRuns(adapter, whole);
}

/** The file's object, when it may be read as one; of a cut or damaged one, what is sound of it. */
async function readWhole(
  { prefix, start, end, isWhole }: Probe,
  maxWhole: number,
  yielder: Yielder,
): Promise<{ readonly value: JsonValue; readonly isSound: boolean } | null> {
  if (end === null && !isWhole) return null;
  if ((end ?? prefix.length) - start > maxWhole) return null;
  const bytes = prefix.subarray(start, end ?? prefix.length);
  const parsed = await parseLargeRecord(bytes, yielder);
  if (parsed.ok) return { value: parsed.value, isSound: true };
  return { value: salvageObject(bytes)?.value ?? {}, isSound: false };
}

function wholeCandidate(
  file: string,
  value: JsonValue,
  adapters: readonly FormatAdapter[],
  envelope: JsonValue | null,
): Recognition | null {
  const sample = { file, container: 'json', records: [rawRecord(file, 0, value)], envelope } as const;
  const best = detectBest(sample, adapters);
  return best && { ...best, cut: { type: 'whole' }, layout: 'json' };
}

async function mapCandidate(
  file: string,
  probe: Probe,
  members: readonly Member[],
  adapters: readonly FormatAdapter[],
  envelope: JsonValue | null,
  isDamaged: boolean,
): Promise<Recognition | null> {
  const looked = members.slice(0, SAMPLE_RECORDS);
  const nested = looked.filter(({ start }) => isNested(probe.prefix[start])).length;
  // In a damaged object a lost bracket may show an entry as a string; the sample decides.
  if (!isDamaged && (nested === 0 || nested < looked.length)) return null;
  const cut: Cut = { type: 'list', shape: 'map' };
  const { splitter, from } = splitterFor(cut, probe);
  const records = await sampleRecords(file, probe.prefix, from, splitter);
  const best = detectBest({ file, container: 'json-map', records, envelope }, adapters);
  return best && { ...best, cut, layout: 'json-map' };
}

async function innerCandidates(
  file: string,
  probe: Probe,
  members: readonly Member[],
  adapters: readonly FormatAdapter[],
  maxWhole: number,
): Promise<Recognition[]> {
  const { prefix } = probe;
  const fitsWhole = probe.isWhole && prefix.length <= maxWhole;
  const found: Recognition[] = [];
  for (const member of members) {
    const size = (member.end ?? prefix.length) - member.start;
    const first = prefix[member.start];
    if (!isNested(first) || size < prefix.length / 8) continue;
    const shape = first === OPEN_BRACKET ? 'array' : 'map';
    const records = await sampleInner(file, prefix, member, shape);
    if (!records.some((record) => isObject(record.value))) continue;
    const envelope = parseMembers(prefix, members, member.key, ENVELOPE_BYTES);
    const place = { type: 'inner', member: member.key, shape, listStart: member.start } as const;
    const layout = shape === 'array' ? 'json-array' : 'json-map';
    const split = detectBest({ file, container: layout, records, envelope }, adapters);
    if (split) found.push({ ...split, cut: { ...place, isWrapped: false }, layout });
    if (fitsWhole) continue;
    // Too large to be read as one: the object with a list of one stands for it.
    const wrapped = records.slice(0, 1).map((record) => wrapRecords([record], envelope, member.key, shape));
    const asWhole = detectBest({ file, container: 'json', records: wrapped, envelope: null }, adapters);
    if (!asWhole || !isListOfRuns(asWhole.adapter, wrapRecords(records, envelope, member.key, shape)))
      continue;
    found.push({ ...asWhole, cut: { ...place, isWrapped: true }, layout: 'json' });
  }
  return found;
}

/** The object around a list, with these records as the list's only elements. */
function wrapRecords(
  records: readonly RawRecord[],
  envelope: JsonValue | null,
  member: string,
  shape: 'array' | 'map',
): RawRecord {
  const around = isObject(envelope) ? Object.entries(envelope) : [];
  const list =
    shape === 'array'
      ? records.map(({ value }) => value)
      : Object.fromEntries(records.map(({ key, value }) => [key ?? '', value]));
  const first = records[0] ?? rawRecord('', 0, null);
  return { ...first, value: Object.fromEntries([...around, [member, list]]) };
}

/** The object around a list, with this record as the list's only element. */
export function wrapRecord(
  record: RawRecord,
  envelope: JsonValue | null,
  member: string,
  shape: 'array' | 'map',
): RawRecord {
  return wrapRecords([record], envelope, member, shape);
}

/** True when several elements make several runs; else the list is one run's own (its messages). */
function isListOfRuns(adapter: FormatAdapter, wrapped: RawRecord): boolean {
  try {
    return adapter.read([wrapped], { envelope: null, report: () => undefined }).length > 1;
  } catch {
    return false;
  }
}

function sampleInner(
  file: string,
  prefix: Uint8Array,
  member: Member,
  shape: ElementShape,
): Promise<RawRecord[]> {
  return sampleRecords(file, prefix, member.start, new ElementSplitter(shape, true));
}

/** The first sound records of a prefix. What is broken by the prefix's own end does not matter here. */
async function sampleRecords(
  file: string,
  prefix: Uint8Array,
  from: number,
  splitter: Splitter,
): Promise<RawRecord[]> {
  const records: RawRecord[] = [];
  let index = 0;
  for await (const batch of splitSource(memorySource(file, prefix), from, splitter)) {
    for (const item of batch) {
      const record = index++;
      if (item.type === 'broken') continue;
      const parsed = item.parsed ?? parseRecord(item.bytes);
      if (!parsed.ok) continue;
      records.push({
        file,
        record,
        byteStart: item.start,
        byteEnd: item.end,
        key: item.key,
        value: parsed.value,
      });
      if (records.length === SAMPLE_RECORDS) return records;
    }
  }
  return records;
}

function rawRecord(file: string, record: number, value: JsonValue): RawRecord {
  return { file, record, byteStart: null, byteEnd: null, key: null, value };
}

function isNested(byte: number | undefined): boolean {
  return byte === 0x7b || byte === 0x5b;
}
