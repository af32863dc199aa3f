import { version as writerVersion } from '../../package.json';
import { EnvironmentError, InputError, throwIfCancelled } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import { filesBelow, folderAt, type Folder } from '../storage/folder.ts';
import { projectVersion, readProject, type StoredProject } from '../storage/projectSchema.ts';
import { ZipWriter, type WriteBytes } from '../storage/zipWriter.ts';
import { portableSha256 } from '../trajectories/io/sha256.ts';
import { blobSource } from '../trajectories/io/sources.ts';
import { openZipEntry, readZipDirectory, type ZipStep } from '../trajectories/io/zip.ts';
import { runFileNames } from '../train/runStore.ts';

/**
 * A project as one file (`.accz`): a zip archive of the project's folder and, last, `manifest.json`, which lists
 * every other entry with its size and SHA-256. `project.json` is the record of the project (projectSchema.ts) without
 * the files that are only referred to, unless copies of them were put in.
 */
const format = 'acc-workbench-project';
export const archiveVersion = 1;
const manifestName = 'manifest.json';
const recordName = 'project.json';

interface ManifestEntry {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
}

export interface ArchiveOptions {
  /** Without it a run can be used but not gone on with. */
  readonly withCheckpoints: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (doneBytes: number, totalBytes: number, path: string) => void;
}

/** Files of a project that an archive holds besides those of its folder. */
export interface AddedFile {
  readonly path: string;
  readonly blob: Blob;
}

const isCheckpoint = (path: readonly string[]): boolean =>
  path[0] === 'training' &&
  path.length === 3 &&
  (path[2] === runFileNames.latest || path[2] === runFileNames.best);

/** Exports are made anew from the set at any time; the record is written apart. */
const isLeftOut = (path: readonly string[]): boolean =>
  (path[0] === 'sets' && path[2] === 'exports') || (path.length === 1 && path[0] === recordName);

/** What deflate makes smaller: not weights, and not what is compressed already. */
const isCompressible = (path: string): boolean => !/\.safetensors$|\.(parquet|zip|gz|zst)$/.test(path);

/** The files of a project's folder that go into an archive, as they are now. */
export async function filesToArchive(folder: Folder, withCheckpoints: boolean): Promise<AddedFile[]> {
  const files: AddedFile[] = [];
  for await (const { path, file } of filesBelow(folder)) {
    if (isLeftOut(path) || (isCheckpoint(path) && !withCheckpoints)) continue;
    files.push({ path: path.join('/'), blob: file });
  }
  return files;
}

/**
 * Writes a project, a chunk at a time.
 * @returns the number of entries. Rejects with `CancelledError`, what `write` throws, or `file-changed`.
 */
export async function writeArchive(
  record: StoredProject,
  files: readonly AddedFile[],
  write: WriteBytes,
  { signal, onProgress }: Pick<ArchiveOptions, 'signal' | 'onProgress'>,
): Promise<number> {
  const zip = new ZipWriter(write);
  const entries: ManifestEntry[] = [];
  const totalBytes = files.reduce((sum, { blob }) => sum + blob.size, 0);
  let doneBytes = 0;
  const add = async (path: string, blob: Blob): Promise<void> => {
    const hash = portableSha256();
    const read = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of blobSource(path, blob).stream(0, signal)) {
        throwIfCancelled(signal, 'Saving the project');
        hash.update(chunk);
        doneBytes += chunk.length;
        onProgress(doneBytes, totalBytes, path);
        yield chunk;
      }
    };
    try {
      await zip.add(path, read(), { sizeBytes: blob.size, compress: isCompressible(path) });
    } catch (error) {
      if (!(error instanceof DOMException && /^(NotReadable|NotFound)/.test(error.name))) throw error;
      throw new EnvironmentError('file-changed', 'A file of the project changed while it was read', {
        where: path,
        advice:
          'save the project again; a file on disk that was changed or moved must be imported again first',
      });
    }
    entries.push({ path, sizeBytes: blob.size, sha256: hash.hex() });
  };
  await add(recordName, new Blob([JSON.stringify(record)]));
  for (const { path, blob } of files) await add(path, blob);
  const { name } = record;
  const manifest = { format, version: archiveVersion, writer: writerVersion, name, entries };
  const blob = new Blob([JSON.stringify(manifest)]);
  await zip.add(manifestName, blobSource(manifestName, blob).stream(), {
    sizeBytes: blob.size,
    compress: true,
  });
  await zip.finish();
  return entries.length;
}

/** Bytes that a manifest may have: that of some 500,000 entries. */
const manifestLimitBytes = 64 * 1024 * 1024;
const recordLimitBytes = 256 * 1024 * 1024;
/** Folders at the top of a project, and files there. */
const knownFolders = new Set(['files', 'sets', 'training', 'evaluations', 'mechanism']);
const knownFiles = new Set([recordName, 'index.bin', 'issues.json']);
const deepest = 8;
const sha256Pattern = /^[0-9a-f]{64}$/;

/** An opened archive: what is in it was checked against its directory; the contents are checked as they are read. */
export interface OpenedArchive {
  readonly record: StoredProject;
  /** All entries but the record. */
  readonly entries: readonly ManifestEntry[];
  readonly sizeBytes: number;
  /** The bytes of an entry, piece by piece; rejects at the end where they are not what the manifest says. */
  read(entry: ManifestEntry, signal: AbortSignal): AsyncGenerator<Uint8Array>;
}

function damaged(
  file: string,
  where: string,
  detail: { expected?: string; actual?: string } = {},
): InputError {
  return new InputError('damaged-project-file', 'The project file is damaged', {
    where: `${file}, ${where}`,
    ...detail,
    advice: 'nothing of it was taken over; copy it again from where it was saved',
  });
}

/** Names that are safe below a folder of ours: no way out of it, no control characters, of bounded length. */
function isSafePath(path: string): boolean {
  const names = path.split('/');
  const isName = (name: string): boolean =>
    // eslint-disable-next-line no-control-regex -- that is what is looked for
    name.length <= 255 && /^[^\\\x00-\x1f\x7f]+$/.test(name) && name !== '.' && name !== '..';
  const isKnown = names.length === 1 ? knownFiles.has(path) : knownFolders.has(names[0] ?? '');
  return isKnown && names.length <= deepest && names.every(isName);
}

function readEntry(value: JsonValue, fileName: string): ManifestEntry {
  if (isObject(value)) {
    const { path, sizeBytes, sha256 } = value;
    if (
      typeof path === 'string' &&
      isSafePath(path) &&
      typeof sizeBytes === 'number' &&
      Number.isSafeInteger(sizeBytes) &&
      sizeBytes >= 0 &&
      typeof sha256 === 'string' &&
      sha256Pattern.test(sha256)
    ) {
      return { path, sizeBytes, sha256 };
    }
  }
  throw damaged(fileName, manifestName, {
    expected: 'paths below a project, sizes and SHA-256 sums',
    actual: JSON.stringify(value).slice(0, 120),
  });
}

/**
 * Opens a saved project without unpacking it.
 * @throws InputError `no-project-file` when it is none, `newer-project-file` when a later version wrote it,
 *   `damaged-project-file` when parts are missing, too many, or badly named.
 */
export async function openArchive(file: File): Promise<OpenedArchive> {
  const source = blobSource(file.name, file);
  const directory = await readZipDirectory(source, file.size).catch(() => null);
  const steps = new Map<string, ZipStep>();
  for (const { step, isDirectory } of directory?.entries ?? []) {
    if (isDirectory) continue;
    if (steps.has(step.entry)) throw damaged(file.name, step.entry, { expected: 'one entry of this name' });
    steps.set(step.entry, step);
  }
  const readAll = async (path: string, limitBytes: number): Promise<string | null> => {
    const step = steps.get(path);
    if (!step) return null;
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of await open(step)) {
      size += piece.length;
      if (size > limitBytes) throw damaged(file.name, path, { expected: `at most ${limitBytes} bytes` });
      pieces.push(piece.slice());
    }
    return new Blob(pieces as BlobPart[]).text();
  };
  const open = async (step: ZipStep): Promise<AsyncIterable<Uint8Array>> => {
    // Sizes are bounded by the manifest while reading, so the ratio says nothing more.
    const limits = { freeBytes: Infinity, maxRatio: Infinity };
    const report = ({ message }: { message: string }): never => {
      throw damaged(file.name, step.entry, { actual: message });
    };
    return (await openZipEntry(source, step, step.entry, report, limits)).stream();
  };

  const manifest = parse(await readAll(manifestName, manifestLimitBytes));
  if (!isObject(manifest) || manifest['format'] !== format) {
    throw new InputError('no-project-file', 'This is not a project saved by this page', {
      where: file.name,
      expected: `a zip archive with ${manifestName} of format ${format}`,
      actual: directory === null || directory.entries.length === 0 ? 'no zip archive' : 'another zip archive',
      advice: 'archives of trajectories are imported, not opened as projects',
    });
  }
  const newer = (what: string, found: unknown, known: number): InputError =>
    new InputError('newer-project-file', 'The project was saved by a later version of this page', {
      where: file.name,
      expected: `${what} ${known} or earlier`,
      actual: JSON.stringify(found),
      advice: 'open it with that version, or update this page',
    });
  if (manifest['version'] !== archiveVersion) throw newer('format', manifest['version'], archiveVersion);
  const list = manifest['entries'];
  if (!Array.isArray(list)) throw damaged(file.name, manifestName);
  const entries = list.map((value) => readEntry(value, file.name));
  if (directory?.isRebuilt || new Set(entries.map(({ path }) => path)).size + 1 !== steps.size) {
    throw damaged(file.name, 'directory', {
      expected: `${entries.length + 1} entries`,
      actual: `${steps.size}`,
    });
  }
  for (const { path } of entries) if (!steps.has(path)) throw damaged(file.name, path, { actual: 'nothing' });

  async function* read(entry: ManifestEntry, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const step = steps.get(entry.path);
    if (!step) throw damaged(file.name, entry.path, { actual: 'nothing' });
    const hash = portableSha256();
    let size = 0;
    for await (const piece of await open(step)) {
      throwIfCancelled(signal, 'Opening the project file');
      size += piece.length;
      if (size > entry.sizeBytes) break;
      hash.update(piece);
      yield piece;
    }
    if (size !== entry.sizeBytes) {
      throw damaged(file.name, entry.path, { expected: `${entry.sizeBytes} bytes`, actual: size > entry.sizeBytes ? 'more' : `${size}` }); // prettier-ignore
    }
    const sha256 = hash.hex();
    if (sha256 !== entry.sha256) throw damaged(file.name, entry.path, { expected: `SHA-256 ${entry.sha256}`, actual: sha256 }); // prettier-ignore
  }

  const recordEntry = entries.find(({ path }) => path === recordName);
  if (!recordEntry || recordEntry.sizeBytes > recordLimitBytes) throw damaged(file.name, recordName);
  const pieces: Uint8Array[] = [];
  for await (const piece of read(recordEntry, new AbortController().signal)) pieces.push(piece.slice());
  const json = await new Blob(pieces as BlobPart[]).text();
  const record = readProject(json);
  if (!record) {
    const value = parse(json);
    if (isObject(value) && typeof value['version'] === 'number') throw newer('project', value['version'], projectVersion); // prettier-ignore
    throw damaged(file.name, recordName);
  }
  const rest = entries.filter((entry) => entry !== recordEntry);
  return { record, entries: rest, sizeBytes: rest.reduce((sum, entry) => sum + entry.sizeBytes, 0), read };
}

function parse(text: string | null): JsonValue {
  try {
    return text === null ? null : (JSON.parse(text) as JsonValue);
  } catch {
    return null;
  }
}

/** Unpacks all entries but the record into a folder. What was written before an error is left to the caller. */
export async function unpackArchive(
  archive: OpenedArchive,
  folder: Folder,
  { signal, onProgress }: Pick<ArchiveOptions, 'signal' | 'onProgress'>,
): Promise<void> {
  let doneBytes = 0;
  for (const entry of archive.entries) {
    const names = entry.path.split('/');
    const name = names.pop() ?? '';
    const target = await folderAt(folder, names).openAppend(name, 0);
    try {
      for await (const piece of archive.read(entry, signal)) {
        target.append(piece);
        doneBytes += piece.length;
        onProgress(doneBytes, archive.sizeBytes, entry.path);
      }
      target.flush();
    } finally {
      target.close();
    }
  }
}
