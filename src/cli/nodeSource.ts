import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { open, readdir, stat, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { finished } from 'node:stream/promises';
import type { ByteSource } from '../core/byteSource.ts';
import { InputError, messageOf } from '../core/errors.ts';
import type { Sha256 } from '../trajectories/io/sha256.ts';
import { joinBytes, memorySource, streamByReads } from '../trajectories/io/sources.ts';
import { isClutter } from '../trajectories/io/memberName.ts';

/** A source that holds a file handle (or a spooled copy) until it is closed. */
export interface NodeSource extends ByteSource {
  close(): Promise<void>;
}

/** Standard input is kept in memory up to this size and in a temporary file beyond it. */
const SPOOL_BYTES = 64 * 1024 * 1024;

/** A file on disk. Throws `InputError` when it cannot be opened. */
export async function fileSource(path: string, name = displayName(path)): Promise<NodeSource> {
  let handle: FileHandle;
  let size: number;
  try {
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
      const { bytesRead } = await handle.read(buffer, done, length - done, start + done);
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

function unreadable(name: string, error: unknown): InputError {
  const { code } = error as NodeJS.ErrnoException;
  const reason =
    code === 'ENOENT'
      ? 'There is no such file or folder'
      : code === 'EACCES'
        ? 'The file may not be read'
        : messageOf(error);
  return new InputError('unreadable-file', reason, { where: name });
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
  const path = join(folder, 'stdin');
  const file = createWriteStream(path);
  const write = async (bytes: Uint8Array): Promise<void> => {
    if (!file.write(bytes)) await once(file, 'drain');
  };
  for (const piece of pieces) await write(piece);
  for (let next = await rest.next(); !next.done; next = await rest.next()) await write(next.value);
  file.end();
  await finished(file);
  const source = await fileSource(path, '-');
  const close = async (): Promise<void> => {
    await source.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { ...source, close };
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
    // Links to folders are not followed: they may lead in circles.
    if (entry.isDirectory()) files.push(...(await filesBelow(path)));
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
