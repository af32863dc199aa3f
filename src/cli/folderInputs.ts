import { open } from 'node:fs/promises';
import { joinedSource } from '../trajectories/folder/joinedSource.ts';
import { planFolder, type FolderEntry } from '../trajectories/folder/folderPlan.ts';
import type { VerdictBook } from '../trajectories/folder/verdictBook.ts';
import { listFiles, type NamedFile } from './compileFiles.ts';
import { expandPaths, fileSource, type NodeSource } from './nodeSource.ts';

/** Something to import: a file, or the files of one run as one. */
export interface PlannedFile extends NamedFile {
  /** Opens a run that is spread over files; left out for a file, which its path opens. */
  readonly open?: () => Promise<NodeSource>;
  /** What other files of the folder say about its runs. */
  readonly verdicts?: VerdictBook;
}

/** A path of the command line, or what was found in a folder that it names. */
export interface PlannedInput {
  readonly path: string;
  readonly open?: () => Promise<NodeSource>;
  readonly verdicts?: VerdictBook;
}

/**
 * Joins the files of one input: runs that are spread over files, and verdicts beside runs. A single file stands
 * for itself. The order is kept.
 */
export async function planFiles(files: readonly NamedFile[]): Promise<PlannedFile[]> {
  if (files.length < 2) return [...files];
  const byName = new Map(files.map((file) => [file.name, file]));
  const plan = await planFolder(files.map(entryOf));
  const { verdicts } = plan;
  return plan.units.flatMap(({ path, parts, sizeBytes }): PlannedFile[] => {
    const file = byName.get(path);
    if (!parts) return file ? [{ ...file, verdicts }] : [];
    const paths = parts.flatMap((part) => byName.get(part) ?? []);
    const source = joinedSource(
      path,
      sizeBytes,
      paths.map((part) => () => fileSource(part.path, part.name)),
    );
    return [
      {
        ...{ path, name: path, bytes: sizeBytes ?? 0, verdicts },
        open: async () => ({ ...source, close: async () => undefined }),
      },
    ];
  });
}

/** The inputs of a command line, each folder planned by itself; paths stay as they were written. */
export async function planInputs(paths: readonly string[]): Promise<PlannedInput[]> {
  const inputs: PlannedInput[] = [];
  for (const path of paths) {
    const found = await expandPaths([path]);
    if (found.length < 2) {
      inputs.push(...found.map((one) => ({ path: one })));
      continue;
    }
    const files = (await listFiles([path])).map((file) => ({ ...file, name: file.path }));
    inputs.push(...(await planFiles(files)));
  }
  return inputs;
}

function entryOf({ path, name, bytes }: NamedFile): FolderEntry {
  const head = async (length: number): Promise<Uint8Array> => {
    const file = await open(path, 'r');
    try {
      const buffer = new Uint8Array(Math.min(length, bytes));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
      return buffer.subarray(0, bytesRead);
    } finally {
      await file.close();
    }
  };
  return { path: name, sizeBytes: bytes, head };
}
