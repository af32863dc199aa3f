import { open, stat } from 'node:fs/promises';
import { joinedSource } from '../trajectories/folder/joinedSource.ts';
import { planFolder, type FolderEntry } from '../trajectories/folder/folderPlan.ts';
import type { VerdictBook } from '../trajectories/folder/verdictBook.ts';
import { listFiles, type NamedFile } from './compileFiles.ts';
import { fileSource, type NodeSource } from './nodeSource.ts';

/** Something to import: a file, or the files of one run as one. */
export interface PlannedFile extends NamedFile {
  /** What other files say about its runs. */
  readonly verdicts?: VerdictBook;
}

/** Files that were given together, and how they belong together. */
export interface PlannedFiles {
  readonly files: readonly PlannedFile[];
  /** Files that only say how runs ended; they are not imported. */
  readonly reports: readonly NamedFile[];
}

/**
 * Joins files that were given together: runs that are spread over files, and verdicts beside runs. A single file
 * stands for itself. The order is kept.
 */
async function planFiles(files: readonly NamedFile[]): Promise<PlannedFiles> {
  const byName = new Map(files.map((file) => [file.name, file]));
  // Files of one name (from several folders) could not be told apart.
  if (files.length < 2 || byName.size < files.length) return { files, reports: [] };
  const { units, verdicts, reports } = await planFolder(files.map(entryOf));
  const named = (paths: readonly string[]): NamedFile[] => paths.flatMap((path) => byName.get(path) ?? []);
  return {
    reports: named(reports),
    files: units.flatMap(({ path, parts, sizeBytes }): PlannedFile[] => {
      const around = verdicts.isEmpty ? {} : { verdicts };
      if (!parts) return named([path]).map((file) => ({ ...file, ...around }));
      return [{ path, name: path, bytes: sizeBytes ?? 0, isMember: true, parts: named(parts), ...around }];
    }),
  };
}

/**
 * Joins the inputs of a command line: the files of each folder with each other, and the files that were named
 * one by one with each other.
 * @param isLeftOut files that are no input of this kind (databases); they are given back apart
 * @param nameOf how files are called in what is told of them
 * @throws InputError when a path does not exist
 */
export async function planInputs(
  paths: readonly string[],
  isLeftOut: (file: NamedFile) => Promise<boolean> = async () => false,
  nameOf: (file: NamedFile) => string = ({ name }) => name,
): Promise<PlannedFiles & { readonly leftOut: readonly NamedFile[] }> {
  const groups: NamedFile[][] = [];
  const single: NamedFile[] = [];
  const leftOut: NamedFile[] = [];
  const order: (NamedFile | NamedFile[])[] = [];
  for (const path of paths) {
    if (path === '-') {
      const file = { path, name: 'stdin', bytes: 0, isMember: false };
      order.push({ ...file, name: nameOf(file) });
      continue;
    }
    const kept: NamedFile[] = [];
    for (const file of await listFiles([path])) {
      ((await isLeftOut(file)) ? leftOut : kept).push({ ...file, name: nameOf(file) });
    }
    if (await isFolder(path)) {
      groups.push(kept);
      order.push(kept);
    } else {
      single.push(...kept);
      order.push(...kept);
    }
  }
  const reports: NamedFile[] = [];
  /** What to import where a file was given. */
  const units = new Map<NamedFile, PlannedFile>();
  for (const group of [single, ...groups]) {
    const plan = await planFiles(group);
    reports.push(...plan.reports);
    for (const unit of plan.files) {
      const names = new Set((unit.parts ?? [unit]).map(({ path }) => path));
      const first = group.find(({ path }) => names.has(path));
      if (first) units.set(first, unit);
    }
  }
  const files = order.flat().flatMap((file) => (file.path === '-' ? [file] : (units.get(file) ?? [])));
  return { files, reports, leftOut };
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory();
}

/** A planned file as a source under its name. @throws InputError when it cannot be opened */
export async function openPlanned({ path, name, bytes, parts }: PlannedFile): Promise<NodeSource> {
  if (!parts) return fileSource(path, name);
  const opens = parts.map((part) => () => fileSource(part.path, part.name));
  return { ...joinedSource(name, bytes, opens), close: async () => undefined };
}

function entryOf({ path, name, bytes }: NamedFile): FolderEntry {
  const head = async (length: number): Promise<Uint8Array> => {
    try {
      const file = await open(path, 'r');
      try {
        const buffer = new Uint8Array(Math.min(length, bytes));
        const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
        return buffer.subarray(0, bytesRead);
      } finally {
        await file.close();
      }
    } catch {
      // A file that cannot be read is told so when it is imported.
      return new Uint8Array(0);
    }
  };
  return { path: name, sizeBytes: bytes, head };
}
