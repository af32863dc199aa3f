import { EnvironmentError } from '../core/errors.ts';
import type { AppendFile, Folder } from './folder.ts';

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

function explained(error: unknown, name: string): unknown {
  if (error instanceof DOMException && error.name === 'QuotaExceededError') {
    return new EnvironmentError('storage-full', 'The browser gives this page no more disk space', {
      where: name,
      advice: 'delete compiled sets or projects that are no longer needed, or free disk space',
    });
  }
  return error;
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
    return (await (await this.readFile(name))?.text()) ?? null;
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
    const folder = await this.#open(true);
    const handle = (await folder.getFileHandle(name, { create: true })) as WithSyncAccess;
    const access = await handle.createSyncAccessHandle();
    access.truncate(sizeBytes);
    let size = sizeBytes;
    return {
      get sizeBytes() {
        return size;
      },
      append(bytes) {
        try {
          size += access.write(bytes, { at: size });
        } catch (error) {
          throw explained(error, name);
        }
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
    try {
      const folder = await this.#open(false);
      const names: string[] = [];
      const entries = folder as unknown as { keys(): AsyncIterable<string> };
      for await (const name of entries.keys()) names.push(name);
      return names.sort();
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
    const probe = await folder.openAppend('probe', 0);
    probe.append(new Uint8Array([1]));
    probe.close();
    await folder.remove('probe');
    return { folder, reason: null };
  } catch (error) {
    const name = error instanceof Error ? error.name : String(error);
    return { folder: null, reason: `the browser refuses writing to its private file system (${name})` };
  }
}
