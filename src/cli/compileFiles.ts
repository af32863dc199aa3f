import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, dirname, relative, resolve, sep } from 'node:path';
import type { RecipeFile } from '../compile/recipe.ts';
import { UsageError } from '../core/errors.ts';
import { expandPaths, unreadable } from './nodeSource.ts';

const openAtOnce = 32;

/** A file on disk and the name it has in outputs: never an absolute path. */
export interface NamedFile {
  readonly path: string;
  /**
   * As a browser names it: the file's own name, or `folder/…/file` under a folder that was given. Where files of
   * several places would have one name, parent folders stand in front of it.
   */
  readonly name: string;
  readonly bytes: number;
  /** It was found in a folder that was given. */
  readonly isMember: boolean;
  /** Standard input or a pipe: it can be read once, and its size is not known before. */
  readonly isStream?: boolean;
  /** Of a run that is spread over files: these, which are read one after another, a line break behind each. */
  readonly parts?: readonly NamedFile[];
}

/** A file that decides the output, and what the recipe says of it. */
export interface HashedFile<File extends NamedFile = NamedFile> {
  readonly file: File;
  readonly hash: RecipeFile;
}

/** A path that was given, and how its files are called. */
interface Given {
  readonly files: readonly NamedFile[];
  /** Folders around it, from the outermost. */
  readonly parents: readonly string[];
  /** How many of them stand in front of the names. */
  depth: number;
}

/**
 * The files behind each of the given paths; folders are walked in name order, `-` is standard input.
 * @throws InputError when a path does not exist
 */
export async function listGroups(paths: readonly string[]): Promise<NamedFile[][]> {
  refuseTwice(paths);
  const given: Given[] = [];
  for (const path of paths) {
    const around = path === '-' ? '' : dirname(resolve(path));
    const parents = around.split(sep).filter((folder) => folder !== '');
    given.push({ files: await listFiles(path), parents, depth: 0 });
  }
  tellApart(given);
  return given.map((one) => one.files.map((file) => ({ ...file, name: nameIn(one, file) })));
}

/** Standard input ends with its first reader. */
export function refuseTwice(paths: readonly string[]): void {
  if (paths.filter((path) => path === '-').length < 2) return;
  throw new UsageError('bad-option', 'standard input (-) is named more than once', {
    advice: 'it can be read once: save it to a file first',
  });
}

async function listFiles(path: string): Promise<NamedFile[]> {
  if (path === '-') return [{ path, name: 'stdin', bytes: 0, isMember: false, isStream: true }];
  const files: NamedFile[] = [];
  for (const found of await expandPaths([path])) {
    const info = await stat(found).catch((error: unknown) => {
      throw unreadable(found, error);
    });
    const inside = relative(path, found);
    const name =
      inside === '' ? basename(found) : `${basename(resolve(path))}/${inside.split(sep).join('/')}`;
    const stream = info.isFile() || info.isDirectory() ? {} : { isStream: true };
    files.push({ path: found, name, bytes: info.size, isMember: inside !== '', ...stream });
  }
  return files;
}

function nameIn({ parents, depth }: Given, { name }: NamedFile): string {
  return [...parents.slice(parents.length - depth), name].join('/');
}

/**
 * Puts as many parent folders in front of names as make different files differ. All files of one given path get the
 * same, so that they lie beside each other as before.
 */
function tellApart(given: readonly Given[]): void {
  for (;;) {
    const growing = [...alike(given)].filter(({ depth, parents }) => depth < parents.length);
    if (growing.length === 0) return;
    for (const one of growing) one.depth++;
  }
}

/** The paths that hold a file whose name another file has too. */
function alike(given: readonly Given[]): Set<Given> {
  const first = new Map<string, { readonly path: string; readonly one: Given }>();
  const found = new Set<Given>();
  for (const one of given) {
    for (const file of one.files) {
      const name = nameIn(one, file);
      const path = resolve(file.path);
      const other = first.get(name);
      if (!other) first.set(name, { path, one });
      else if (other.path !== path) found.add(one).add(other.one);
    }
  }
  return found;
}

/** Name, size and sha256 of a file for the recipe. @throws InputError when it cannot be read */
async function hashFile(file: NamedFile): Promise<RecipeFile> {
  const hash = createHash('sha256');
  for (const part of file.parts ?? [file]) {
    try {
      for await (const chunk of createReadStream(part.path, { highWaterMark: 4 << 20 }))
        hash.update(chunk as Buffer);
    } catch (error) {
      throw unreadable(part.name, error);
    }
    if (file.parts) hash.update('\n');
  }
  return { file: file.name, sha256: hash.digest('hex'), bytes: file.bytes };
}

/**
 * Hashes many files, a few at a time: a folder may hold more than may be open at once.
 * @param onUnreadable called with what `hashFile` throws; the file is then left out
 */
export async function hashFiles<File extends NamedFile>(
  files: readonly File[],
  onUnreadable: (file: File, error: unknown) => void,
): Promise<HashedFile<File>[]> {
  const hashed: HashedFile<File>[] = [];
  for (let start = 0; start < files.length; start += openAtOnce) {
    const some = files.slice(start, start + openAtOnce);
    const hashes = await Promise.allSettled(some.map(hashFile));
    for (const [index, file] of some.entries()) {
      const result = hashes[index]!;
      if (result.status === 'fulfilled') hashed.push({ file, hash: result.value });
      else onUnreadable(file, result.reason);
    }
  }
  return hashed;
}

/** True for SQLite files and SQL dumps given among the inputs: they are databases, not trajectories. */
export async function isDatabaseFile(file: NamedFile): Promise<boolean> {
  if (/\.(?:sql|sqlite3?|db)$/i.test(file.name)) return true;
  if (file.isStream) return false;
  try {
    const handle = await open(file.path, 'r');
    try {
      const head = Buffer.alloc(15);
      await handle.read(head, 0, 15, 0);
      return head.toString('latin1') === 'SQLite format 3';
    } finally {
      await handle.close();
    }
  } catch {
    // A file that cannot be read is told so when it is imported.
    return false;
  }
}
