import type { AppendFile, Folder, FolderEntry } from './folder.ts';

/** A folder in memory: for browsers without the origin's private file system, and for tests. */
export class MemoryFolder implements Folder {
  readonly #files = new Map<string, Blob>();
  readonly #folders = new Map<string, MemoryFolder>();

  async readText(name: string): Promise<string | null> {
    return (await this.#files.get(name)?.text()) ?? null;
  }

  async writeText(name: string, text: string): Promise<void> {
    this.#files.set(name, new Blob([text]));
  }

  async readFile(name: string): Promise<File | null> {
    const blob = this.#files.get(name);
    return blob ? new File([blob], name) : null;
  }

  async writeFile(name: string, data: Blob | Uint8Array): Promise<void> {
    this.#files.set(name, new Blob([data as BlobPart]));
  }

  async openAppend(name: string, sizeBytes: number): Promise<AppendFile> {
    let kept: Blob = (this.#files.get(name) ?? new Blob([])).slice(0, sizeBytes);
    let pieces: Uint8Array[] = [];
    let size = kept.size;
    const settle = (): void => {
      if (pieces.length === 0) return;
      kept = new Blob([kept, ...(pieces as BlobPart[])]);
      pieces = [];
      this.#files.set(name, kept);
    };
    this.#files.set(name, kept);
    return {
      get sizeBytes() {
        return size;
      },
      append(bytes) {
        pieces.push(bytes.slice());
        size += bytes.length;
      },
      read: async (start, end) => {
        settle();
        return new Uint8Array(await kept.slice(start, end).arrayBuffer());
      },
      flush: settle,
      close: settle,
    };
  }

  folder(name: string): Folder {
    const held = this.#folders.get(name);
    if (held) return held;
    const made = new MemoryFolder();
    this.#folders.set(name, made);
    return made;
  }

  async list(): Promise<readonly string[]> {
    const folders = [...this.#folders].filter(([, folder]) => !folder.#isEmpty());
    return [...this.#files.keys(), ...folders.map(([name]) => name)].sort();
  }

  async entries(): Promise<readonly FolderEntry[]> {
    return (await this.list()).map((name) => ({ name, isFolder: !this.#files.has(name) }));
  }

  async remove(name: string): Promise<void> {
    this.#files.delete(name);
    this.#folders.delete(name);
  }

  #isEmpty(): boolean {
    return this.#files.size === 0 && [...this.#folders.values()].every((folder) => folder.#isEmpty());
  }
}
