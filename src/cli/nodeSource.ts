import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { open, opendir, readdir, stat, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import type { ByteSource } from '../core/byteSource.ts';
import { InputError, messageOf } from '../core/errors.ts';
import type { Sha256 } from '../trajectories/io/sha256.ts';
import { joinBytes, memorySource, streamByReads } from '../trajectories/io/sources.ts';
import { isClutter } from '../trajectories/io/memberName.ts';
import type { Issue } from '../trajectories/schema.ts';
import { fileWriter } from './outputFile.ts';

/** A source that holds a file handle (or a spooled copy) until it is closed. */
export interface NodeSource extends ByteSource {
  close(): Promise<void>;
}

/** Standard input is kept in memory up to this size and in a temporary file beyond it. */
const SPOOL_BYTES = 64 * 1024 * 1024;

/**
 * A file on disk; a pipe is read to its end first, as standard input is. Throws `InputError` where there is none or
 * where it cannot be read.
 */
export async function fileSource(path: string, name = displayName(path)): Promise<NodeSource> {
  let handle: FileHandle;
  let size: number;
  try {
    const found = await stat(path);
    if (found.isDirectory()) {
      await (await opendir(path)).close();
      throw new Error('This is a folder, not a file');
    }
    if (!found.isFile()) return { ...(await stdinSource(createReadStream(path))), name };
    handle = await open(path, 'r');
    size = (await handle.stat()).size;
  } catch (error) {
    throw unreadable(name, error);
  }
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    const length = Math.max(0, Math.min(end, size) - start);
    const buffer = new Uint8Array(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await handle
        .read(buffer, done, length - done, start + done)
        .catch((error: unknown) => {
          throw unreadable(name, error);
        });
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done === length ? buffer : buffer.subarray(0, done);
  };
  return {
    name,
    sizeBytes: size,
    seekable: true,
    read,
    stream: (start = 0, signal) => streamByReads({ name, read }, start, size, signal),
    close: () => handle.close(),
  };
}

/** What to throw where a file cannot be read. */
export function unreadable(name: string, error: unknown): InputError {
  if (error instanceof InputError) return error;
  const { code } = error as NodeJS.ErrnoException;
  const reason =
    code === 'ENOENT'
      ? 'There is no such file or folder'
      : code === 'EACCES'
        ? 'The file may not be read'
        : messageOf(error);
  return new InputError('unreadable-file', reason, { where: name });
}

/** What is told of a file that the others are read without. */
export function leftOutIssue(
  file: string,
  { code, message }: InputError,
): Issue & { readonly severity: 'error' } {
  return { severity: 'error', code, message, file, record: null, path: null, byteOffset: null };
}

/** Standard input, read to its end first so that it can be read again like a file. */
export async function stdinSource(input: AsyncIterable<Uint8Array> = process.stdin): Promise<NodeSource> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const iterator = input[Symbol.asyncIterator]();
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    pieces.push(next.value);
    size += next.value.length;
    if (size > SPOOL_BYTES) return spooled(pieces, iterator);
  }
  return { ...memorySource('-', joinBytes(pieces)), close: async () => {} };
}

async function spooled(pieces: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): Promise<NodeSource> {
  const folder = mkdtempSync(join(tmpdir(), 'acc-stdin-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const path = join(folder, 'stdin');
    const file = await fileWriter(path);
    for (const piece of pieces) await file.write(piece);
    for (let next = await rest.next(); !next.done; next = await rest.next()) await file.write(next.value);
    await file.end();
    const source = await fileSource(path, '-');
    const close = async (): Promise<void> => {
      await source.close();
      remove();
    };
    return { ...source, close };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The path as it is shown and recorded: with '/' separators, without a leading './'. */
function displayName(path: string): string {
  return path
    .split(sep)
    .join('/')
    .replace(/^(?:\.\/)+/, '');
}

/**
 * The files that arguments name: folders are walked in the order of their names, hidden files and what
 * operating systems add are left out, `-` stays standard input. Throws `InputError` for a missing path.
 */
export async function expandPaths(paths: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  for (const path of paths) {
    if (path === '-') {
      files.push(path);
      continue;
    }
    try {
      if ((await stat(path)).isDirectory()) files.push(...(await filesBelow(path)));
      else files.push(path);
    } catch (error) {
      throw unreadable(path, error);
    }
  }
  return files;
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  entries.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  const files: string[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.name.startsWith('.') || isClutter(entry.name) || entry.name === 'node_modules') continue;
    // Links to folders are not followed: they may lead in circles. A folder that may not be read stands for its files:
    // whoever opens it is told why.
    if (entry.isDirectory()) files.push(...(await filesBelow(path).catch(() => [path])));
    else if (entry.isFile() || (entry.isSymbolicLink() && (await isFile(path)))) files.push(path);
  }
  return files;
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

/** Opens a path, or standard input for `-`. */
export function openPath(path: string): Promise<NodeSource> {
  return path === '-' ? stdinSource() : fileSource(path);
}

/** SHA-256 by Node's own code, several times the speed of JavaScript. */
export function nodeSha256(): Sha256 {
  const hash = createHash('sha256');
  return {
    update: (bytes) => void hash.update(bytes),
    hex: () => hash.digest('hex'),
  };
}
