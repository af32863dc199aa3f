import { existsSync } from 'node:fs';
import { mkdir, open, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ByteSource } from '../core/byteSource.ts';
import type { RunFolder } from '../train/runStore.ts';
import type { TrainResult } from '../train/training.ts';
import { fileSource } from './nodeSource.ts';

/** A run's files in a folder on disk. */
export class DiskRunFolder implements RunFolder {
  constructor(readonly path: string) {}

  async write(name: string, pieces: Iterable<Uint8Array>): Promise<void> {
    await mkdir(this.path, { recursive: true });
    const target = join(this.path, name);
    const part = `${target}.part`;
    const file = await open(part, 'w');
    try {
      for (const piece of pieces) await file.write(piece);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(part, target);
  }

  async open(name: string): Promise<(ByteSource & { close(): Promise<void> }) | null> {
    const path = join(this.path, name);
    return existsSync(path) ? fileSource(path) : null;
  }

  append(name: string, text: string): Promise<void> {
    return writeFile(join(this.path, name), text, { flag: 'a' });
  }

  folder(name: string): DiskRunFolder {
    return new DiskRunFolder(join(this.path, name));
  }
}

/** The trained adapter in PEFT layout; nothing where no step was done. */
export async function writeAdapter(folder: RunFolder, { files }: TrainResult): Promise<void> {
  if (!files) return;
  await folder.write('adapter_config.json', [new TextEncoder().encode(files['adapter_config.json'])]);
  await folder.write('adapter_model.safetensors', [files['adapter_model.safetensors']]);
}
