import type { ByteSource } from '../../core/byteSource.ts';
import type { JsonValue } from '../../core/json.ts';
import { joinedSource } from '../folder/joinedSource.ts';
import { withBeside } from '../folder/verdictBook.ts';
import type { RawRecord } from '../format.ts';
import type { Trajectory } from '../schema.ts';
import { ImportRun } from './importRun.ts';
import { importSource, readWholeJson } from './importSource.ts';
import { readEnvelope } from './importText.ts';
import { inflatedSource } from './inflate.ts';
import type { ContainerStep, TrajectoryLocator } from './locator.ts';
import { joinMemberName } from './memberName.ts';
import { parseLargeRecord } from './parseLarge.ts';
import { decodeUtf8 } from './parseRecord.ts';
import { readParquetRow } from './parquetWindows.ts';
import { wrapRecord } from './recognise.ts';
import { readWith } from './recordSink.ts';
import { salvageObject } from './salvage.ts';
import { joinBytes, memorySource, namedSource, rangeSource } from './sources.ts';
import { utf16Source } from './transcode.ts';
import { openZipEntry } from './zip.ts';

const ignoreDamage = (): void => undefined;

/** The source inside containers, along the steps of a locator. */
export async function openChain(
  run: ImportRun,
  source: ByteSource,
  chain: readonly ContainerStep[],
): Promise<ByteSource> {
  let inner = source;
  for (const step of chain) {
    switch (step.type) {
      case 'gzip':
      case 'zstd':
        inner = inflatedSource(inner, inner.name, step.type, ignoreDamage, run.options.limits.inflate);
        break;
      case 'utf-16le':
      case 'utf-16be':
        inner = utf16Source(inner, step.type);
        break;
      case 'tar':
        inner = rangeSource(inner, joinMemberName(inner.name, step.entry), step.start, step.end);
        break;
      case 'zip': {
        const name = joinMemberName(inner.name, step.entry);
        inner = await openZipEntry(inner, step, name, ignoreDamage, run.options.limits.inflate);
        break;
      }
      case 'parts': {
        // Parts of a compressed archive would pass through it once each.
        const archive = await seekable(inner);
        const name = joinMemberName(inner.name, step.entry);
        inner = joinedSource(
          name,
          null,
          step.parts.map((part) => () => openChain(run, archive, [part])),
        );
      }
    }
  }
  return inner;
}

/** The trajectory that a locator points at; null when the file does not hold it (any more). */
export async function openAt(
  run: ImportRun,
  source: ByteSource,
  locator: TrajectoryLocator,
): Promise<Trajectory | null> {
  const around = locator.envelope;
  if (around?.type === 'beside') {
    const { beside, envelope } = around;
    const { complete } = run.options;
    const joined = new ImportRun({
      ...run.options,
      complete: (draft) => complete(withBeside(draft, beside)),
    });
    return openAt(joined, source, { ...locator, envelope });
  }
  const file = await openChain(run, source, locator.chain);
  const adapter = run.options.formats.find((format) => format.id === locator.format);
  if (!adapter) return null;
  if (locator.place.type === 'file') {
    const outer = locator.envelope?.type === 'member' ? await envelopeOf(run, source, file, locator) : null;
    const trajectory = await openSession(run, file, locator, outer);
    return trajectory && { ...trajectory, id: locator.id };
  }
  const value = await readValue(run, file, locator);
  if (value === null) return null;
  const envelope = await envelopeOf(run, source, file, locator);
  const { place } = locator;
  const raw: RawRecord = {
    file: locator.file,
    record: locator.record,
    byteStart: place.type === 'bytes' ? place.start : null,
    byteEnd: place.type === 'bytes' ? place.end : null,
    key: locator.key,
    value,
  };
  const record =
    around?.type === 'ranges' && around.isWrapped
      ? wrapRecord(raw, envelope, around.member, around.isArray ? 'array' : 'map')
      : raw;
  const draft = readWith(run, adapter, [record], envelope)[locator.draft];
  return draft ? run.options.complete({ ...draft, id: locator.id }) : null;
}

async function readValue(
  run: ImportRun,
  file: ByteSource,
  locator: TrajectoryLocator,
): Promise<JsonValue | null> {
  const { place } = locator;
  if (place.type === 'row') return readParquetRow(await seekable(file), place);
  if (place.type !== 'bytes') return null;
  const bytes = await file.read(place.start, place.end);
  if (locator.layout === 'text') return decodeUtf8(bytes).text;
  const parsed = await parseLargeRecord(bytes, run.yielder);
  if (parsed.ok) return parsed.value;
  return locator.layout === 'json' ? (salvageObject(bytes)?.value ?? null) : null;
}

async function envelopeOf(
  run: ImportRun,
  source: ByteSource,
  file: ByteSource,
  locator: TrajectoryLocator,
): Promise<JsonValue | null> {
  const { envelope } = locator;
  if (!envelope) return null;
  if (envelope.type === 'ranges') return readEnvelope(file, envelope);
  if (envelope.type === 'beside') return null;
  return readWholeJson(await openChain(run, source, envelope.chain), run.options.signal);
}

async function seekable(source: ByteSource): Promise<ByteSource> {
  if (source.seekable && source.sizeBytes !== null) return source;
  const pieces: Uint8Array[] = [];
  for await (const chunk of source.stream()) pieces.push(chunk);
  return memorySource(source.name, joinBytes(pieces));
}

/** A run that fills its file is found by reading the file as the import did. */
async function openSession(
  run: ImportRun,
  file: ByteSource,
  locator: TrajectoryLocator,
  envelope: JsonValue | null,
): Promise<Trajectory | null> {
  const outer = { value: envelope, place: locator.envelope };
  const found = (): Trajectory | null => {
    for (const event of run.take()) {
      if (event.type !== 'trajectory') continue;
      const { place, format, draft } = event.locator;
      const isSought = place.type === 'file' && format === locator.format && draft === locator.draft;
      if (isSought) return event.trajectory;
    }
    return null;
  };
  for await (const pause of importSource(run, namedSource(file, locator.file), locator.chain, outer)) {
    void pause;
    const trajectory = found();
    if (trajectory) return trajectory;
  }
  return found();
}
