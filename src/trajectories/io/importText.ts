import type { ByteSource } from '../../core/byteSource.ts';
import type { JsonValue } from '../../core/json.ts';
import type { RawRecord } from '../format.ts';
import { databaseOfText } from './databaseText.ts';
import type { ImportRun } from './importRun.ts';
import type { EnvelopePlace } from './locator.ts';
import { parseMembers, scanMembers } from './members.ts';
import { parseLargeRecord } from './parseLarge.ts';
import { decodeUtf8, parseRecord, type ParsedRecord, type RecordNote } from './parseRecord.ts';
import { probeText, type Probe } from './probe.ts';
import {
  ENVELOPE_BYTES,
  recogniseText,
  splitterFor,
  wrapRecord,
  type Cut,
  type Recognition,
} from './recognise.ts';
import { RecordSink, type Leaf, type LeafGroup, type Presentation } from './recordSink.ts';
import { salvageObject } from './salvage.ts';
import { isBinary } from './sniff.ts';
import { memorySource, readFromStream } from './sources.ts';
import { splitSource } from './splitSource.ts';
import { LARGE_RECORD_BYTES, MAX_RECORD_BYTES, type SplitItem } from './splitter.ts';
import { ValueScanner } from './valueScanner.ts';

/** An envelope that another file of the archive gives (Inspect's header). */
export interface OuterEnvelope {
  readonly value: JsonValue | null;
  readonly place: EnvelopePlace | null;
  /** The archive that the records are told as. */
  readonly group?: LeafGroup;
}

/** Records of this many bytes are handed out together: fewer at once leave less for the garbage collector to copy. */
const HAND_OUT_BYTES = 256 * 1024;

const noteMessages: Record<RecordNote['code'], string> = {
  'invalid-utf-8': 'Bytes that are not UTF-8 were read as the replacement character.',
  'non-finite-number': 'NaN or Infinity, which JSON does not have, was read as null.',
  'control-character': 'Raw control characters or NUL bytes in the JSON text were escaped or dropped.',
  'invalid-escape': 'Escapes that JSON does not have were read as written.',
  'trailing-comma': 'A comma before a closing bracket was ignored.',
  'big-integer': 'Integers beyond 2^53 were kept as text, digit by digit.',
  'byte-order-mark': 'A byte order mark inside the text was ignored.',
};

/**
 * Imports a file that is text: JSON in any layout, plain text, or the text form of a database.
 * Yields whenever events should be handed out.
 */
export async function* importText(
  run: ImportRun,
  source: ByteSource,
  leaf: Leaf,
  outer: OuterEnvelope,
): AsyncGenerator<void> {
  const { signal, limits, formats } = run.options;
  let maxWhole = limits.maxWholeBytes;
  let probe = await probeText(source, run.yielder, signal, maxWhole);
  yield;
  const recognise = (): Promise<Recognition | null> =>
    recogniseText(leaf.file, probe, formats, outer.value, maxWhole, run.yielder);
  let recognition = await recognise();
  const isCut = probe.end === null && !probe.isWhole;
  const isLarge = probe.kind === 'object' && (isCut || (probe.end ?? 0) - probe.start > maxWhole);
  if (!recognition && isLarge && maxWhole < limits.maxRecordBytes) {
    // No list of runs inside: it may still be one large run.
    maxWhole = limits.maxRecordBytes;
    probe = await probeText(source, run.yielder, signal, maxWhole);
    recognition = await recognise();
  }
  if (!recognition && importDatabaseText(run, probe, leaf)) return;
  const isHopeless = probe.kind === 'text' || isKnownObject(probe) || probe.isGuess || isBinary(probe.prefix);
  if (!recognition && isHopeless) {
    reportUnknown(run, leaf, probe);
    return;
  }
  const cut = recognition?.cut ?? fallbackCut(probe);
  // What is in memory already is not read again.
  const bytes = probe.isWhole ? memorySource(source.name, probe.prefix) : source;
  if (cut.type === 'text' || cut.type === 'whole') {
    yield* importWhole(run, bytes, leaf, probe, cut, recognition, outer);
    return;
  }
  const presentation = await presentationOf(run, bytes, cut, recognition, outer);
  const sink = new RecordSink(run, leaf, presentation);
  if (recognition) sink.begin(recognition.adapter, recognition.detection);
  yield* importRecords(run, bytes, leaf, probe, cut, sink, presentation);
  sink.finish();
  if (!sink.foundFormat) reportUnknown(run, leaf, probe);
}

/** True for a file that was seen to be one object, and so was tried as a whole. */
function isKnownObject(probe: Probe): boolean {
  return probe.kind === 'object' && (probe.isWhole || probe.end !== null);
}

/** How a file is walked when no format was recognised in its beginning: record by record. */
function fallbackCut(probe: Probe): Cut {
  if (probe.kind === 'array') return { type: 'list', shape: 'array' };
  return { type: probe.kind === 'sequence' ? 'sequence' : 'lines' };
}

async function* importRecords(
  run: ImportRun,
  source: ByteSource,
  leaf: Leaf,
  probe: Probe,
  cut: Cut,
  sink: RecordSink,
  presentation: Presentation,
): AsyncGenerator<void> {
  const { splitter, from } = splitterFor(cut, probe);
  let index = 0;
  let heldBytes = 0;
  for await (const batch of splitSource(source, from, splitter, run.options.signal)) {
    for (const item of batch) {
      const record = index++;
      const value = await parseItem(run, leaf, item, record);
      if (value) {
        const { start, end, key } = item as SplitItem & { type: 'record' };
        const raw: RawRecord = { file: leaf.file, record, byteStart: start, byteEnd: end, key, value };
        const shown =
          cut.type === 'inner' && cut.isWrapped
            ? wrapRecord(raw, presentation.envelope, cut.member, cut.shape)
            : raw;
        sink.accept(shown, { type: 'bytes', start, end });
        if (sink.isGivenUp) return;
      }
      heldBytes += item.end - item.start;
      if (heldBytes < HAND_OUT_BYTES && !run.yielder.isDue) continue;
      heldBytes = 0;
      yield;
      await run.yielder.pause();
    }
    yield;
    await run.yielder.pause();
  }
}

/** The value of a record, null (with an issue) when it has none. A JSON `null` is no record either. */
async function parseItem(
  run: ImportRun,
  leaf: Leaf,
  item: SplitItem,
  record: number,
): Promise<JsonValue | null> {
  if (item.type === 'broken') {
    run.totals.records++;
    reportBroken(run, leaf.file, record, item);
    return null;
  }
  const parsed = item.parsed ?? (await parseLargeRecord(item.bytes, run.yielder));
  if (parsed.ok) reportNotes(run, leaf.file, record, item.start, parsed.notes);
  else reportBroken(run, leaf.file, record, { start: item.start, end: item.end, ...parsed });
  return parsed.ok ? parsed.value : null;
}

/** Lists what was done to a record so that it could be read. */
export function reportNotes(
  run: ImportRun,
  file: string,
  record: number,
  start: number,
  notes: readonly RecordNote[],
): void {
  for (const note of notes) {
    const severity = note.code === 'invalid-utf-8' ? 'warning' : 'info';
    run.issue(severity, note.code, noteMessages[note.code], {
      file,
      record,
      byteOffset: start + note.byteOffset,
    });
  }
}

function reportBroken(
  run: ImportRun,
  file: string,
  record: number,
  broken: { readonly start: number; readonly end: number; readonly code: string; readonly reason: string },
): void {
  const size = broken.end - broken.start;
  const what = size > 0 ? `The record of ${size} bytes was left out` : 'The file is incomplete';
  run.issue('error', broken.code, `${what}: ${broken.reason}.`, { file, record, byteOffset: broken.start });
}

/** A file that is one record: an object, or text. */
async function* importWhole(
  run: ImportRun,
  source: ByteSource,
  leaf: Leaf,
  probe: Probe,
  cut: Cut,
  recognition: Recognition | null,
  outer: OuterEnvelope,
): AsyncGenerator<void> {
  const layout = recognition?.layout ?? 'json';
  const sink = new RecordSink(run, leaf, { layout, envelope: outer.value, envelopePlace: outer.place });
  if (recognition) sink.begin(recognition.adapter, recognition.detection);
  const start = probe.start;
  const limit = start + MAX_RECORD_BYTES + 1;
  const bytes = probe.isWhole
    ? probe.prefix
    : await readFromStream(source.stream(0, run.options.signal), limit);
  yield;
  if (bytes.length >= limit) {
    const message = `The file is one record of more than ${MAX_RECORD_BYTES} bytes, which is too large to be read.${recognition?.adapter.id === 'csv-rows' ? ' Save the table in parts, as JSON lines or as Parquet.' : ''}`;
    run.issue('error', 'record-too-large', message, { file: leaf.file, record: 0, byteOffset: start });
    return;
  }
  const end = cut.type === 'text' ? bytes.length : (probe.end ?? bytes.length);
  const value = await parseWhole(run, leaf.file, bytes.subarray(start, end), start, cut);
  if (value !== null) {
    const raw: RawRecord = { file: leaf.file, record: 0, byteStart: start, byteEnd: end, key: null, value };
    sink.accept(raw, { type: 'bytes', start, end });
  }
  sink.finish();
  if (!sink.foundFormat) reportUnknown(run, leaf, probe);
  yield;
}

/** Parses a file that is one record; of a cut or damaged object, what is sound is kept. */
async function parseWhole(
  run: ImportRun,
  file: string,
  bytes: Uint8Array,
  start: number,
  cut: Cut,
): Promise<JsonValue | null> {
  if (cut.type === 'text') {
    const { text, invalidAt } = decodeUtf8(bytes);
    if (invalidAt !== null)
      reportNotes(run, file, 0, start, [{ code: 'invalid-utf-8', byteOffset: invalidAt }]);
    return text;
  }
  const parsed = await parseAny(run, bytes);
  if (parsed.ok) {
    reportNotes(run, file, 0, start, parsed.notes);
    return parsed.value;
  }
  const salvaged = salvageObject(bytes);
  if (!salvaged) {
    reportBroken(run, file, 0, { start, end: start + bytes.length, ...parsed });
    return null;
  }
  const message = `The JSON ${parsed.code === 'truncated-json' ? 'ends early' : 'is damaged'} (${parsed.reason}); what comes before byte ${start + salvaged.soundBytes} was read, the rest left out.`;
  run.issue('error', parsed.code, message, { file, record: 0, byteOffset: start + salvaged.soundBytes });
  return salvaged.value;
}

async function parseAny(run: ImportRun, bytes: Uint8Array): Promise<ParsedRecord> {
  return bytes.length > LARGE_RECORD_BYTES ? parseLargeRecord(bytes, run.yielder) : parseRecord(bytes);
}

async function presentationOf(
  run: ImportRun,
  source: ByteSource,
  cut: Cut,
  recognition: Recognition | null,
  outer: OuterEnvelope,
): Promise<Presentation> {
  const layout = recognition?.layout ?? (cut.type === 'list' ? 'json-array' : 'json-lines');
  if (cut.type !== 'inner') return { layout, envelope: outer.value, envelopePlace: outer.place };
  run.progress('Finding the end of the list');
  const tailStart = await findListEnd(run, source, cut.listStart);
  const place = {
    type: 'ranges',
    member: cut.member,
    isArray: cut.shape === 'array',
    isWrapped: cut.isWrapped,
    headEnd: cut.listStart,
    tailStart,
    tailEnd: tailStart === null ? null : tailStart + ENVELOPE_BYTES,
  } as const;
  return { layout, envelope: await readEnvelope(source, place), envelopePlace: place };
}

/** Offset past the list that begins at `start`; null when it is cut or damaged. */
async function findListEnd(run: ImportRun, source: ByteSource, start: number): Promise<number | null> {
  const scanner = new ValueScanner();
  let base = start;
  for await (const chunk of source.stream(start, run.options.signal)) {
    const end = scanner.scan(chunk, 0, chunk.length);
    if (end > 0) return base + end;
    if (end < -1) return null;
    base += chunk.length;
    await run.yielder.pause();
  }
  return null;
}

/** The members of an object before and after its list of records. */
export async function readEnvelope(
  source: ByteSource,
  place: EnvelopePlace & { readonly type: 'ranges' },
): Promise<JsonValue> {
  const head = await source.read(0, place.headEnd + 1);
  const start = head.indexOf(0x7b);
  const before = parseMembers(head, scanMembers(head, start), place.member, ENVELOPE_BYTES);
  if (place.tailStart === null || place.tailEnd === null) return before;
  const tail = await source.read(place.tailStart, place.tailEnd);
  const after = parseMembers(tail, scanMembers(tail, 0, true), place.member, ENVELOPE_BYTES);
  return Object.fromEntries([...Object.entries(before), ...Object.entries(after)]);
}

function importDatabaseText(run: ImportRun, probe: Probe, leaf: Leaf): boolean {
  if (probe.kind !== 'text' && !probe.isGuess) return false;
  const database = databaseOfText(probe.prefix.subarray(probe.start), probe.isWhole);
  if (!database) return false;
  const { file, chain, sizeBytes } = leaf;
  run.push({ type: 'database', database: { file, chain, sizeBytes, ...database } });
  return true;
}

/** Says that nothing was recognised, and what was there instead, so that a person can tell why. */
function reportUnknown(run: ImportRun, leaf: Leaf, probe: Probe): void {
  const { file } = leaf;
  if (probe.kind === 'text' || probe.isGuess || isBinary(probe.prefix)) {
    const what = isBinary(probe.prefix) ? 'binary data' : 'text';
    const message = `This is ${what} that is neither an agent log nor a database that can be read.`;
    run.issue(leaf.isMember ? 'info' : 'error', 'unrecognised-format', message, { file });
    return;
  }
  const keys = scanMembers(probe.prefix, probe.kind === 'array' ? firstBrace(probe) : probe.start);
  const named = keys.slice(0, 8).map((member) => member.key);
  const found = named.length > 0 ? ` Its first record has the keys ${named.join(', ')}.` : '';
  const message = `The JSON is not of a format that is known.${found}`;
  run.issue(leaf.isMember ? 'warning' : 'error', 'unrecognised-format', message, { file });
}

function firstBrace(probe: Probe): number {
  const at = probe.prefix.indexOf(0x7b, probe.start);
  return at === -1 ? probe.prefix.length : at;
}
