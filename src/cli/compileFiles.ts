import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, relative, resolve, sep } from 'node:path';
import type { RecipeFile } from '../compile/recipe.ts';
import { expandPaths } from './nodeSource.ts';

const openAtOnce = 32;

/** A file on disk and the name it has in outputs: never an absolute path. */
export interface NamedFile {
  readonly path: string;
  /** As a browser names it: the file's own name, or `folder/…/file` under a folder that was given. */
  readonly name: string;
  readonly bytes: number;
  /** It was found in a folder that was given. */
  readonly isMember: boolean;
  /** Of a run that is spread over files: these, which are read one after another, a line break behind each. */
  readonly parts?: readonly NamedFile[];
}

/**
 * The files behind the given paths; folders are walked in name order.
 * @throws InputError when a path does not exist
 */
export async function listFiles(paths: readonly string[]): Promise<NamedFile[]> {
  const files: NamedFile[] = [];
  for (const path of paths) {
    for (const found of await expandPaths([path])) {
      const info = await stat(found);
      const inside = relative(path, found);
      const name =
        inside === '' ? basename(found) : `${basename(resolve(path))}/${inside.split(sep).join('/')}`;
      files.push({ path: found, name, bytes: info.size, isMember: inside !== '' });
    }
  }
  return files;
}

/** Name, size and sha256 of a file for the recipe. */
async function hashFile(file: NamedFile): Promise<RecipeFile> {
  const hash = createHash('sha256');
  for (const part of file.parts ?? [file]) {
    for await (const chunk of createReadStream(part.path, { highWaterMark: 4 << 20 }))
      hash.update(chunk as Buffer);
    if (file.parts) hash.update('\n');
  }
  return { file: file.name, sha256: hash.digest('hex'), bytes: file.bytes };
}

/** `hashFile` of many, a few at a time: a folder may hold more files than may be open at once. */
export async function hashFiles(files: readonly NamedFile[]): Promise<RecipeFile[]> {
  const hashes: RecipeFile[] = [];
  for (let start = 0; start < files.length; start += openAtOnce) {
    hashes.push(...(await Promise.all(files.slice(start, start + openAtOnce).map(hashFile))));
  }
  return hashes;
}

/** True for SQLite files and SQL dumps given among the inputs: they are databases, not trajectories. */
export async function isDatabaseFile(file: NamedFile): Promise<boolean> {
  if (/\.(?:sql|sqlite3?|db)$/i.test(file.name)) return true;
  const handle = await open(file.path, 'r');
  try {
    const head = Buffer.alloc(15);
    await handle.read(head, 0, 15, 0);
    return head.toString('latin1') === 'SQLite format 3';
  } finally {
    await handle.close();
  }
}
