import { open } from 'node:fs/promises';
import { joinedSource } from '../trajectories/folder/joinedSource.ts';
import { planFolder, type FolderEntry } from '../trajectories/folder/folderPlan.ts';
import type { VerdictBook } from '../trajectories/folder/verdictBook.ts';
import type { Issue } from '../trajectories/schema.ts';
import { listGroups, type NamedFile } from './compileFiles.ts';
import { fileSource, stdinSource, type NodeSource } from './nodeSource.ts';

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
  /** What is said of each report. */
  readonly remarks: readonly Issue[];
}

/**
 * Joins files that were given together: runs that are spread over files, and verdicts beside runs. A single file
 * stands for itself. The order is kept.
 */
async function planFiles(files: readonly NamedFile[]): Promise<PlannedFiles> {
  const byName = new Map(files.map((file) => [file.name, file]));
  // A file that was given twice could not be told apart from itself.
  if (files.length < 2 || byName.size < files.length) return { files, reports: [], remarks: [] };
  const { units, verdicts, reports, remarks } = await planFolder(files.map(entryOf));
  const named = (paths: readonly string[]): NamedFile[] => paths.flatMap((path) => byName.get(path) ?? []);
  return {
    reports: named(reports),
    remarks,
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
  for (const found of await listGroups(paths)) {
    const kept: NamedFile[] = [];
    for (const file of found) {
      ((await isLeftOut(file)) ? leftOut : kept).push({ ...file, name: nameOf(file) });
    }
    if (found.some(({ isMember }) => isMember)) {
      groups.push(kept);
      order.push(kept);
    } else {
      // What comes from standard input lies beside no file.
      single.push(...kept.filter(({ path }) => path !== '-'));
      order.push(...kept);
    }
  }
  const reports: NamedFile[] = [];
  const remarks: Issue[] = [];
  /** What to import where a file was given. */
  const units = new Map<NamedFile, PlannedFile>();
  for (const group of [single, ...groups]) {
    const plan = await planFiles(group);
    reports.push(...plan.reports);
    remarks.push(...plan.remarks);
    for (const unit of plan.files) {
      const names = new Set((unit.parts ?? [unit]).map(({ path }) => path));
      const first = group.find(({ path }) => names.has(path));
      if (first) units.set(first, unit);
    }
  }
  const files = order.flat().flatMap((file) => (file.path === '-' ? [file] : (units.get(file) ?? [])));
  return { files, reports, remarks, leftOut };
}

/** A planned file as a source under its name. @throws InputError when it cannot be opened */
export async function openPlanned({ path, name, bytes, parts }: PlannedFile): Promise<NodeSource> {
  if (path === '-') return { ...(await stdinSource()), name };
  if (!parts) return fileSource(path, name);
  const opens = parts.map((part) => () => fileSource(part.path, part.name));
  return { ...joinedSource(name, bytes, opens), close: async () => undefined };
}

function entryOf({ path, name, bytes, isStream }: NamedFile): FolderEntry {
  const head = async (length: number): Promise<Uint8Array> => {
    // What is read of a stream is gone.
    if (isStream) return new Uint8Array(0);
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
