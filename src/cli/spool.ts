import { createReadStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { NamedFile } from './compileFiles.ts';
import { unreadable } from './nodeSource.ts';
import { fileWriter } from './outputFile.ts';

/** Copies on disk of what can be read only once: standard input and pipes. `close` removes them. */
export class Spool {
  private folder: string | null = null;
  private count = 0;

  /** The file itself; of a stream a copy under the same name. @throws InputError when it cannot be read or copied */
  async keep(file: NamedFile): Promise<NamedFile> {
    if (!file.isStream) return file;
    this.folder ??= mkdtempSync(join(tmpdir(), 'acc-spool-'));
    const path = join(this.folder, String(this.count++));
    const copy = await fileWriter(path);
    let bytes = 0;
    const input = file.path === '-' ? process.stdin : createReadStream(file.path);
    try {
      for await (const chunk of input as AsyncIterable<Uint8Array>) {
        bytes += chunk.length;
        await copy.write(chunk);
      }
    } catch (error) {
      throw unreadable(file.name, error);
    } finally {
      await copy.end();
    }
    return { ...file, path, bytes, isStream: false };
  }

  async close(): Promise<void> {
    if (this.folder !== null) rmSync(this.folder, { recursive: true, force: true });
    this.folder = null;
  }
}
