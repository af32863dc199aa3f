import type { AppendFile, Folder } from '../storage/folder.ts';

/** A file of an entry, or a run that is spread over files. */
export interface Member {
  readonly path: string;
  readonly sizeBytes: number;
  /** Paths of the files that are read one after another, a line break behind each. */
  readonly parts?: readonly string[];
}

/** The bytes of one entry of the project: a file, or a folder of many. */
export interface FileBytes {
  /** In import order; for a single file just itself. */
  readonly members: readonly Member[];
  /** The bytes of a member; null when it is gone. */
  blobOf(path: string): Promise<Blob | null>;
}

/** One file. */
export function singleFile(path: string, blob: Blob): FileBytes {
  return {
    members: [{ path, sizeBytes: blob.size }],
    blobOf: async (wanted) => (wanted === path ? blob : null),
  };
}

/** The files of a folder, as the browser gave them. */
export function folderOfFiles(files: readonly { readonly path: string; readonly file: Blob }[]): FileBytes {
  const sorted = [...files].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const byPath = new Map(sorted.map(({ path, file }) => [path, file]));
  return {
    members: sorted.map(({ path, file }) => ({ path, sizeBytes: file.size })),
    blobOf: async (path) => byPath.get(path) ?? null,
  };
}

/** A folder whose files were joined to the given members; what is no member any more can still be reached. */
export function joinedMembers(folder: FileBytes, members: readonly Member[]): FileBytes {
  const joined = new Map(members.flatMap(({ path, parts }) => (parts ? [[path, parts] as const] : [])));
  return {
    members,
    blobOf: async (path) => {
      const parts = joined.get(path);
      if (!parts) return folder.blobOf(path);
      const blobs: (Blob | string)[] = [];
      for (const part of parts) {
        const blob = await folder.blobOf(part);
        if (!blob) return null;
        blobs.push(blob, '\n');
      }
      return new Blob(blobs);
    },
  };
}

/** Where each member lies in a packed copy. */
export type PackTable = readonly (readonly [path: string, start: number, end: number])[];

/** Members one after another in one file of the project. */
export function packedFiles(blob: Blob, table: PackTable): FileBytes {
  const ranges = new Map(table.map(([path, start, end]) => [path, [start, end] as const]));
  return {
    members: table.map(([path, start, end]) => ({ path, sizeBytes: end - start })),
    blobOf: async (path) => {
      const range = ranges.get(path);
      return range ? blob.slice(range[0], range[1]) : null;
    },
  };
}

/** A folder reached through a kept handle; members are opened one by one when asked for. */
export function folderOfHandle(handle: FileSystemDirectoryHandle, members: readonly Member[]): FileBytes {
  // Of a file with another size the places of records are not those that were read.
  const sizes = new Map(members.flatMap(({ path, sizeBytes, parts }) => (parts ? [] : [[path, sizeBytes]])));
  const files: FileBytes = {
    members,
    blobOf: async (path) => {
      try {
        // The first segment is the folder itself.
        const segments = path.split('/').slice(1);
        const name = segments.pop() ?? '';
        let folder = handle;
        for (const segment of segments) folder = await folder.getDirectoryHandle(segment);
        const file = await (await folder.getFileHandle(name)).getFile();
        return file.size === (sizes.get(path) ?? file.size) ? file : null;
      } catch {
        return null;
      }
    },
  };
  return joinedMembers(files, members);
}

const copyChunkBytes = 4 * 1024 * 1024;

async function appendBlob(target: AppendFile, blob: Blob): Promise<void> {
  for (let start = 0; start < blob.size; start += copyChunkBytes) {
    target.append(new Uint8Array(await blob.slice(start, start + copyChunkBytes).arrayBuffer()));
  }
}

/**
 * Copies all members into one file of the project (thousands of small files would take minutes one by one).
 * Null when a member could not be read or the storage is full; then nothing is left behind.
 * @param others files that are copied too without being members
 */
export async function packInto(
  folder: Folder,
  name: string,
  bytes: FileBytes,
  others: readonly string[],
): Promise<{ readonly bytes: FileBytes; readonly table: PackTable } | null> {
  const table: (readonly [string, number, number])[] = [];
  let target: AppendFile | null = null;
  try {
    target = await folder.openAppend(name, 0);
    for (const path of [...bytes.members.map((member) => member.path), ...others]) {
      const blob = await bytes.blobOf(path);
      if (!blob) throw new Error(`${path} is gone`);
      const start = target.sizeBytes;
      await appendBlob(target, blob);
      table.push([path, start, target.sizeBytes]);
    }
    target.flush();
    target.close();
  } catch {
    target?.close();
    await folder.remove(name);
    return null;
  }
  const packed = await folder.readFile(name);
  return packed ? { bytes: packedFiles(packed, table), table } : null;
}
