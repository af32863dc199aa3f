/** A file that grows at its end. Writes go through in order; `flush` makes them durable. */
export interface AppendFile {
  readonly sizeBytes: number;
  append(bytes: Uint8Array): void;
  /** Bytes [start, end) of what was appended so far. */
  read(start: number, end: number): Promise<Uint8Array>;
  flush(): void;
  close(): void;
}

export interface FolderEntry {
  readonly name: string;
  readonly isFolder: boolean;
}

/**
 * A folder that may not exist yet: it is made by the first write into it. Names are plain file names chosen by
 * us (never the user's paths). Reading what is not there gives null.
 */
export interface Folder {
  readText(name: string): Promise<string | null>;
  /** Replaces the whole file; a reader sees the old or the new text, never a part. */
  writeText(name: string, text: string): Promise<void>;
  readFile(name: string): Promise<File | null>;
  /** Writes a stream or blob of any size without holding it in memory (where the medium allows). */
  writeFile(name: string, data: Blob | Uint8Array): Promise<void>;
  /** Opens a file for appending after cutting it to `sizeBytes` (0: anew). One writer at a time. */
  openAppend(name: string, sizeBytes: number): Promise<AppendFile>;
  folder(name: string): Folder;
  /** Names of files and folders in it; empty when it does not exist. */
  list(): Promise<readonly string[]>;
  /** The same, with what each is. */
  entries(): Promise<readonly FolderEntry[]>;
  /** Removes a file or a whole folder; nothing happens when it is not there. */
  remove(name: string): Promise<void>;
}

/** A file somewhere below a folder. */
export interface FoundFile {
  /** Names from the folder down; the last is the file's. */
  readonly path: readonly string[];
  readonly file: File;
}

/** All files below a folder, in order of their names; what disappears meanwhile is left out. */
export async function* filesBelow(folder: Folder, prefix: readonly string[] = []): AsyncGenerator<FoundFile> {
  for (const { name, isFolder } of await folder.entries()) {
    const path = [...prefix, name];
    if (isFolder) yield* filesBelow(folder.folder(name), path);
    else {
      const file = await folder.readFile(name);
      if (file) yield { path, file };
    }
  }
}

/** The folder at the end of a path of names. */
export function folderAt(root: Folder, path: readonly string[]): Folder {
  return path.reduce((folder, name) => folder.folder(name), root);
}
