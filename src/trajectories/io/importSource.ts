import type { ByteSource } from '../../core/byteSource.ts';
import { CancelledError, messageOf } from '../../core/errors.ts';
import type { JsonValue } from '../../core/json.ts';
import type { ImportRun } from './importRun.ts';
import { importParquet } from './importParquet.ts';
import { importText, type OuterEnvelope } from './importText.ts';
import { inflatedSource } from './inflate.ts';
import { planTar, planZip, type ArchivePlan } from './archivePlan.ts';
import type { ContainerStep } from './locator.ts';
import { isClutter, joinMemberName, safeMemberName } from './memberName.ts';
import { parseRecord } from './parseRecord.ts';
import { HEAD_BYTES, sniffMagic } from './sniff.ts';
import { joinBytes, memorySource, rangeSource, readFromStream } from './sources.ts';
import { readTar } from './tar.ts';
import { utf16Source } from './transcode.ts';
import { isReadableMethod, openZipEntry, readZipDirectory, type ZipEntry } from './zip.ts';

/** Members of archives up to this size are unpacked into memory once; larger ones are streamed, more than once. */
const KEPT_MEMBER_BYTES = 32 * 1024 * 1024;
const NO_ENVELOPE: OuterEnvelope = { value: null, place: null };

interface Place {
  readonly source: ByteSource;
  readonly chain: readonly ContainerStep[];
  readonly depth: number;
  readonly envelope: OuterEnvelope;
}

/**
 * Imports a file or a member of an archive: opens what it is packed in, then reads what it holds.
 * Yields whenever events should be handed out.
 */
export async function* importSource(
  run: ImportRun,
  source: ByteSource,
  chain: readonly ContainerStep[] = [],
  envelope: OuterEnvelope = NO_ENVELOPE,
  depth = 0,
): AsyncGenerator<void> {
  const place: Place = { source, chain, depth, envelope };
  const file = source.name;
  const isMember =
    run.options.isMember === true || chain.some((step) => step.type === 'zip' || step.type === 'tar');
  const leaf = { file, chain, sizeBytes: source.sizeBytes, isMember, group: envelope.group ?? null };
  const head = await readFromStream(source.stream(0, run.options.signal), HEAD_BYTES);
  if (head.length === 0) {
    run.issue(isMember ? 'info' : 'warning', 'empty-file', 'The file is empty.', { file });
    return;
  }
  const magic = sniffMagic(head);
  if (depth > run.options.limits.maxDepth) {
    const message = `Archives are nested more than ${run.options.limits.maxDepth} deep; this one was not opened.`;
    run.issue('warning', 'nested-too-deep', message, { file });
    return;
  }
  switch (magic) {
    case 'gzip':
    case 'zstd': {
      const { limits } = run.options;
      const inner = inflatedSource(source, file, magic, run.damageReporter(file), limits.inflate);
      yield* importSource(run, inner, [...chain, { type: magic }], envelope, depth + 1);
      return;
    }
    case 'utf-16le':
    case 'utf-16be':
      yield* importSource(run, utf16Source(source, magic), [...chain, { type: magic }], envelope, depth + 1);
      return;
    case 'tar':
      yield* importTar(run, place);
      return;
    case 'zip':
      yield* importZip(run, place);
      return;
    case 'parquet': {
      const seekable = await randomAccess(run, source, 'A Parquet file');
      if (seekable) yield* importParquet(run, seekable, leaf);
      return;
    }
    case 'sqlite':
      run.push({
        type: 'database',
        database: { file, chain, sizeBytes: leaf.sizeBytes, kind: 'sqlite', names: [] },
      });
      return;
    case null:
      run.totals.files++;
      yield* importText(run, source, leaf, envelope);
  }
}

async function* importTar(run: ImportRun, { source, chain, depth }: Place): AsyncGenerator<void> {
  const plan = await planTar(run, source);
  if (plan) enterFolder(run, plan);
  try {
    const report = run.damageReporter(source.name);
    for await (const { step, bytes } of readTar(source, KEPT_MEMBER_BYTES, report, run.options.signal)) {
      if (isClutter(step.entry)) continue;
      const name = memberName(run, source.name, step.entry);
      const unit = plan ? plan.unitAt(name) : null;
      if (plan && !unit) continue;
      const joined = unit && plan?.joined(unit, source.name);
      const member =
        joined?.source ??
        (bytes ? memorySource(name, bytes) : rangeSource(source, name, step.start, step.end));
      yield* importMember(run, member, [...chain, joined?.step ?? step], depth + 1, NO_ENVELOPE);
    }
  } finally {
    if (plan) run.leaveFolder();
  }
}

function enterFolder(run: ImportRun, { verdicts, remarks }: ArchivePlan): void {
  run.enterFolder(verdicts);
  for (const remark of remarks) run.report(remark);
}

async function* importZip(run: ImportRun, place: Place): AsyncGenerator<void> {
  const { chain, depth } = place;
  const archive = await randomAccess(run, place.source, 'A zip archive');
  if (!archive) return;
  const file = archive.name;
  const directory = await readZipDirectory(archive, archive.sizeBytes ?? 0);
  if (directory.isRebuilt) {
    const message = 'The directory at the end of the archive is missing; its entries were searched for.';
    run.issue('error', 'truncated-archive', message, { file });
  }
  const entries = directory.entries.filter((entry) => !entry.isDirectory && !isClutter(entry.step.entry));
  const inspect = await inspectHeader(run, archive, entries, chain);
  const plan = inspect ? null : await planZip(run, archive, entries);
  if (plan) enterFolder(run, plan);
  try {
    for (const entry of inspect ? entries.filter(isInspectSample) : entries) {
      const name = memberName(run, file, entry.step.entry);
      if (entry.isEncrypted || !isReadableMethod(entry.step.method)) {
        const why = entry.isEncrypted ? 'is encrypted' : `uses compression method ${entry.step.method}`;
        run.issue('warning', 'unreadable-entry', `The entry ${why}; it was left out.`, { file: name });
        continue;
      }
      const unit = plan ? plan.unitAt(name) : null;
      if (plan && !unit) continue;
      const joined = unit && plan?.joined(unit, file);
      const report = run.damageReporter(name);
      const { inflate } = run.options.limits;
      const streamed =
        joined?.source ?? (await openZipEntry(archive, entry.step, name, report, inflate, entry.crc32));
      const member = await keptInMemory(run, streamed);
      if (depth === 0) run.reached(entry.step.headerOffset + entry.step.compressedSize);
      const steps = [...chain, joined?.step ?? entry.step];
      yield* importMember(run, member, steps, depth + 1, inspect ?? NO_ENVELOPE);
    }
  } finally {
    if (plan) run.leaveFolder();
  }
}

/** Imports a member; what goes wrong in one must not stop the others. */
async function* importMember(
  run: ImportRun,
  member: ByteSource,
  chain: readonly ContainerStep[],
  depth: number,
  envelope: OuterEnvelope,
): AsyncGenerator<void> {
  try {
    yield* importSource(run, member, chain, envelope, depth);
  } catch (error) {
    if (error instanceof CancelledError) throw error;
    run.issue('error', 'unreadable-file', `The file could not be read: ${messageOf(error)}.`, {
      file: member.name,
    });
  }
  yield;
  await run.yielder.pause();
}

function memberName(run: ImportRun, archive: string, entry: string): string {
  const name = joinMemberName(archive, entry);
  if (safeMemberName(entry).wasUnsafe) {
    const message =
      'The name of the entry points outside of the archive or has control characters; it was cleaned.';
    run.issue('info', 'unsafe-path', message, { file: name });
  }
  return name;
}

async function keptInMemory(run: ImportRun, source: ByteSource): Promise<ByteSource> {
  if (source.seekable || source.sizeBytes === null || source.sizeBytes > KEPT_MEMBER_BYTES) return source;
  return memorySource(
    source.name,
    await readFromStream(source.stream(0, run.options.signal), KEPT_MEMBER_BYTES),
  );
}

/** The source itself when it can be read anywhere, else its content in memory, up to a bound. */
async function randomAccess(run: ImportRun, source: ByteSource, what: string): Promise<ByteSource | null> {
  if (source.seekable && source.sizeBytes !== null) return source;
  const { maxUnpackedBytes } = run.options.limits;
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of source.stream(0, run.options.signal)) {
    pieces.push(chunk);
    size += chunk.length;
    await run.yielder.pause();
    if (size <= maxUnpackedBytes) continue;
    const message = `${what} inside compressed data needs random access and is larger than ${maxUnpackedBytes} bytes; unpack it first.`;
    run.issue('error', 'unpack-first', message, { file: source.name });
    return null;
  }
  return memorySource(source.name, joinBytes(pieces));
}

const INSPECT_HEADERS = ['header.json', '_journal/start.json'];

function isInspectSample(entry: ZipEntry): boolean {
  return entry.step.entry.startsWith('samples/') && entry.step.entry.endsWith('.json');
}

/** The header of an Inspect log, when the archive is one: it surrounds the samples like an envelope. */
async function inspectHeader(
  run: ImportRun,
  archive: ByteSource,
  entries: readonly ZipEntry[],
  chain: readonly ContainerStep[],
): Promise<OuterEnvelope | null> {
  const header = INSPECT_HEADERS.map((name) => entries.find((entry) => entry.step.entry === name)).find(
    (entry) => entry !== undefined,
  );
  if (!header || !entries.some(isInspectSample)) return null;
  const place = { type: 'member', chain: [...chain, header.step] } as const;
  const source = await openZipEntry(archive, header.step, archive.name, run.damageReporter(archive.name));
  const group = { file: archive.name, chain, sizeBytes: archive.sizeBytes, announced: new Set<string>() };
  return { value: await readWholeJson(source, run.options.signal), place, group };
}

/** A small JSON file as a value; null when it is none. */
export async function readWholeJson(source: ByteSource, signal?: AbortSignal): Promise<JsonValue | null> {
  const bytes = await readFromStream(source.stream(0, signal), KEPT_MEMBER_BYTES);
  const parsed = parseRecord(bytes);
  return parsed.ok ? parsed.value : null;
}
