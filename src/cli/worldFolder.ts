import { existsSync } from 'node:fs';
import { readdir, readFile, rm, rmdir } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { WorldFile } from '../world/makeWorld.ts';
import { makeFolder, writeWhole } from './outputFile.ts';

/** Says which files of a folder are a world's; its name keeps it out of what is compiled. */
const listName = '.acc-world.json';

/** Where files of a world lie; what else a folder holds is nobody's business here. */
const places = ['search.jsonl', 'sql.json', 'software', 'databases'];

/** Which command makes a world; none replaces what another made. */
interface WorldFolderOptions {
  readonly by: 'acc world' | 'acc replicate';
  readonly overwrite: boolean;
}

/**
 * Writes a world into a folder. Files of another world would be compiled with it: they are replaced with `overwrite`,
 * and only those that the folder's list names. Throws `InputError` before anything is changed.
 */
export async function writeWorldFolder(
  folder: string,
  files: readonly WorldFile[],
  { by, overwrite }: WorldFolderOptions,
): Promise<void> {
  await makeFolder(folder);
  const others = await otherFiles(folder, files);
  if (others.length > 0) {
    const made = await listedFiles(folder, by);
    const foreign = others.find((path) => !made.has(path));
    refuseOthers(folder, overwrite ? foreign : others[0], foreign !== undefined);
  }
  for (const path of others) await removeFile(folder, path);
  const list = { format: 'acc-world/1', by, files: files.map(({ path }) => path) };
  // Before the files: what a crash leaves is known as a world's.
  await writeWhole(join(folder, listName), `${JSON.stringify(list)}\n`);
  for (const { path, text } of files) await writeWhole(join(folder, path), text);
}

function refuseOthers(folder: string, path: string | undefined, isForeign: boolean): void {
  if (path === undefined) return;
  throw new InputError('holds-world', 'The folder holds files of another world, or of none', {
    where: join(folder, path),
    advice: isForeign
      ? 'choose another --out, or move these files away'
      : 'add --overwrite to replace them, or choose another --out',
  });
}

/** Files in the places of a world that are none of this one. */
async function otherFiles(folder: string, files: readonly WorldFile[]): Promise<string[]> {
  const texts = new Map(files.map(({ path, text }) => [path, text]));
  const others: string[] = [];
  for (const path of await heldFiles(folder)) {
    const text = texts.get(path);
    if (text === undefined || (await readFile(join(folder, path), 'utf8')) !== text) others.push(path);
  }
  return others;
}

async function heldFiles(folder: string): Promise<string[]> {
  const held: string[] = [];
  for (const place of places.filter((name) => existsSync(join(folder, name)))) {
    const entries = await readdir(join(folder, place), { withFileTypes: true, recursive: true }).catch(
      () => null,
    );
    if (entries === null) held.push(place);
    else {
      const below = entries.filter((entry) => !entry.isDirectory());
      held.push(
        ...below.map((entry) => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/')),
      );
    }
  }
  // Cut by a crash: written anew.
  return held.filter((path) => !path.endsWith('.part'));
}

async function listedFiles(folder: string, by: string): Promise<ReadonlySet<string>> {
  let list: JsonValue = null;
  try {
    list = JSON.parse(await readFile(join(folder, listName), 'utf8')) as JsonValue;
  } catch {
    // Of no world that was made here.
  }
  if (!isObject(list) || list['by'] !== by || !Array.isArray(list['files'])) return new Set();
  return new Set(list['files'].filter((path) => typeof path === 'string'));
}

/** Removes a file, and its folders where nothing else lies in them. */
async function removeFile(folder: string, path: string): Promise<void> {
  await rm(join(folder, path), { force: true });
  for (let above = dirname(path); above !== '.'; above = dirname(above)) {
    try {
      await rmdir(join(folder, above));
    } catch {
      return;
    }
  }
}
