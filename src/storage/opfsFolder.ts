import { EnvironmentError } from '../core/errors.ts';
import type { AppendFile, Folder, FolderEntry } from './folder.ts';
import { MemoryFolder } from './memoryFolder.ts';

/** The synchronous file access of dedicated workers, which the page's type library does not list. */
interface SyncAccess {
  getSize(): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  read(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}
type WithSyncAccess = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncAccess> };

function isMissing(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotFoundError';
}

/** What a file gives that was changed after it was opened. */
function isStale(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'NotReadableError';
}

/** More changes than this during one read are no accident. */
const mostReads = 5;

function storageFull(name: string): EnvironmentError {
  return new EnvironmentError('storage-full', 'The browser gives this page no more disk space', {
    where: name,
    advice: 'remove what is no longer needed under “Projects and storage”, or free disk space',
  });
}

function explained(error: unknown, name: string): unknown {
  return error instanceof DOMException && error.name === 'QuotaExceededError' ? storageFull(name) : error;
}

/** A folder in the origin's private file system. Only in workers: appending needs synchronous access. */
export class OpfsFolder implements Folder {
  readonly #open: (create: boolean) => Promise<FileSystemDirectoryHandle>;

  constructor(open: (create: boolean) => Promise<FileSystemDirectoryHandle>) {
    this.#open = open;
  }

  async readFile(name: string): Promise<File | null> {
    try {
      const folder = await this.#open(false);
      return await (await folder.getFileHandle(name)).getFile();
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
  }

  async readText(name: string): Promise<string | null> {
    for (let attempt = 1; ; attempt++) {
      const file = await this.readFile(name);
      try {
        return (await file?.text()) ?? null;
      } catch (error) {
        // Written anew between the two steps: what was opened is stale, the new text is whole.
        if (!isStale(error) || attempt === mostReads) throw error;
      }
    }
  }

  writeText(name: string, text: string): Promise<void> {
    return this.writeFile(name, new Blob([text]));
  }

  async writeFile(name: string, data: Blob | Uint8Array): Promise<void> {
    try {
      const folder = await this.#open(true);
      const handle = await folder.getFileHandle(name, { create: true });
      const writable = await handle.createWritable();
      if (data instanceof Blob) await data.stream().pipeTo(writable);
      else {
        await writable.write(data as BufferSource);
        await writable.close();
      }
    } catch (error) {
      throw explained(error, name);
    }
  }

  async openAppend(name: string, sizeBytes: number): Promise<AppendFile> {
    let access: SyncAccess;
    try {
      const folder = await this.#open(true);
      const handle = (await folder.getFileHandle(name, { create: true })) as WithSyncAccess;
      access = await handle.createSyncAccessHandle();
      access.truncate(sizeBytes);
    } catch (error) {
      throw explained(error, name);
    }
    let size = sizeBytes;
    return {
      get sizeBytes() {
        return size;
      },
      append(bytes) {
        let written: number;
        try {
          written = access.write(bytes, { at: size });
        } catch (error) {
          throw explained(error, name);
        }
        // A full disk may take a part of it without an error.
        if (written < bytes.length) throw storageFull(name);
        size += written;
      },
      read: async (start, end) => {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
        access.read(bytes, { at: start });
        return bytes;
      },
      flush: () => access.flush(),
      close: () => access.close(),
    };
  }

  folder(name: string): Folder {
    return new OpfsFolder(async (create) => (await this.#open(create)).getDirectoryHandle(name, { create }));
  }

  async list(): Promise<readonly string[]> {
    return (await this.entries()).map(({ name }) => name);
  }

  async entries(): Promise<readonly FolderEntry[]> {
    try {
      const folder = await this.#open(false);
      const found: FolderEntry[] = [];
      const handles = folder as unknown as { values(): AsyncIterable<FileSystemHandle> };
      for await (const { name, kind } of handles.values())
        found.push({ name, isFolder: kind === 'directory' });
      return found.sort((a, b) => (a.name < b.name ? -1 : 1));
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  async remove(name: string): Promise<void> {
    try {
      const folder = await this.#open(false);
      await folder.removeEntry(name, { recursive: true });
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
}

/** Writes and removes a file. */
async function probe(folder: Folder): Promise<void> {
  try {
    const file = await folder.openAppend('probe', 0);
    file.append(new Uint8Array([1]));
    file.close();
    await folder.remove('probe');
  } catch (error) {
    // Another worker or tab holds, or has just removed, the same file for the same purpose: so it can be written.
    const isTaken = error instanceof DOMException && error.name === 'NoModificationAllowedError';
    if (!isTaken && !isMissing(error)) throw error;
  }
}

/** The root of the origin's private file system, or the reason why it cannot be used. */
export async function openOpfs(): Promise<
  { readonly folder: Folder; readonly reason: null } | { readonly folder: null; readonly reason: string }
> {
  if (typeof navigator === 'undefined' || typeof navigator.storage?.getDirectory !== 'function') {
    return { folder: null, reason: 'this browser gives pages no private file system' };
  }
  try {
    const root = await navigator.storage.getDirectory();
    const folder = new OpfsFolder(async () => root);
    // Private windows of some browsers hand out a folder that refuses every write: try one.
    await probe(folder);
    return { folder, reason: null };
  } catch (error) {
    const name = error instanceof Error ? error.name : String(error);
    return { folder: null, reason: `the browser refuses writing to its private file system (${name})` };
  }
}

let memory: MemoryFolder | null = null;

/** The origin's private file system; memory, one for this worker, where it cannot be used. */
export async function openStorage(): Promise<Folder> {
  return (await openOpfs()).folder ?? (memory ??= new MemoryFolder());
}
