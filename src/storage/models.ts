import { EnvironmentError, throwIfCancelled } from '../core/errors.ts';
import type { ByteSource } from '../core/byteSource.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { AppendFile, Folder } from './folder.ts';
import { OpfsFolder } from './opfsFolder.ts';

/**
 * Copies of checkpoints that the reader asked to keep. Layout, version 1:
 *
 *   acc-workbench/models/<id>/model.json   the record below
 *                            /0, 1, …      the files, in the record's order
 *                 /kernels.json            kernel choices by adapter, texts
 */
const modelsVersion = 1;

interface StoredModelFile {
  readonly name: string;
  readonly sizeBytes: number;
}

export interface StoredModel {
  readonly id: string;
  readonly name: string;
  /** Where it came from, in words: a folder's name or an address. */
  readonly origin: string;
  readonly files: readonly StoredModelFile[];
  readonly sizeBytes: number;
  /** Bytes copied so far; a copy that was stopped goes on from there. */
  readonly doneBytes: number;
  readonly complete: boolean;
}

export interface CopyOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** Bytes held at a time while copying. */
const copyStepBytes = 8 * 1024 * 1024;
/** Bytes between two flushes: what a crash may cost. */
const flushBytes = 64 * 1024 * 1024;

/** A folder name of letters, digits and hyphens; equal name and origin give the same, so that a copy resumes. */
export function storedModelId(name: string, origin: string): string {
  let hash = 2166136261;
  for (const char of `${name}\n${origin}`) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619);
  const readable = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 40);
  return `${readable}-${(hash >>> 0).toString(16).padStart(8, '0')}`;
}

interface Record {
  readonly name: string;
  readonly origin: string;
  readonly files: readonly StoredModelFile[];
}

function readFiles(value: JsonValue | undefined): StoredModelFile[] {
  if (!Array.isArray(value)) return [];
  return value.flatMap((file) =>
    isObject(file) && typeof file['name'] === 'string' && typeof file['sizeBytes'] === 'number'
      ? [{ name: file['name'], sizeBytes: file['sizeBytes'] }]
      : [],
  );
}

function readRecord(json: string): Record | null {
  let value: JsonValue;
  try {
    value = JSON.parse(json) as JsonValue;
  } catch {
    return null;
  }
  if (!isObject(value) || value['version'] !== modelsVersion) return null;
  const { name, origin } = value;
  if (typeof name !== 'string' || typeof origin !== 'string') return null;
  return { name, origin, files: readFiles(value['files']) };
}

/** Kept checkpoints and kernel choices over a folder (the origin's private file system, or memory in tests). */
export class ModelStore {
  private readonly root: Folder;

  constructor(root: Folder) {
    this.root = root.folder('acc-workbench').folder('models');
  }

  /** By name; folders of other versions are left alone. */
  async list(): Promise<readonly StoredModel[]> {
    const models: StoredModel[] = [];
    for (const id of await this.root.list()) {
      const model = await this.read(id);
      if (model) models.push(model);
    }
    return models.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }

  async read(id: string): Promise<StoredModel | null> {
    if (id.endsWith('.json')) return null;
    const folder = this.root.folder(id);
    const json = await folder.readText('model.json');
    const record = json === null ? null : readRecord(json);
    if (!record) return null;
    let doneBytes = 0;
    for (let index = 0; index < record.files.length; index++) {
      doneBytes += (await folder.readFile(String(index)))?.size ?? 0;
    }
    const sizeBytes = record.files.reduce((sum, file) => sum + file.sizeBytes, 0);
    return { id, ...record, sizeBytes, doneBytes, complete: doneBytes === sizeBytes };
  }

  /** A file of a kept model; null when there is none of that name. */
  async openFile(id: string, fileName: string): Promise<File | null> {
    const model = await this.read(id);
    const index = model?.files.findIndex((file) => file.name === fileName) ?? -1;
    return index < 0 ? null : this.root.folder(id).readFile(String(index));
  }

  /**
   * Copies files, 8 MiB at a time; what an earlier, stopped copy of the same files brought is kept.
   * @returns the id. Rejects with `CancelledError`, `storage-full`, or the source's error; the part stays.
   */
  async copy(
    name: string,
    origin: string,
    sources: readonly { readonly name: string; readonly source: ByteSource; readonly sizeBytes: number }[],
    options: CopyOptions = {},
  ): Promise<string> {
    const id = storedModelId(name, origin);
    const files = sources.map((each): StoredModelFile => ({ name: each.name, sizeBytes: each.sizeBytes }));
    const known = await this.read(id);
    if (known && JSON.stringify(known.files) !== JSON.stringify(files)) await this.root.remove(id);
    const folder = this.root.folder(id);
    await folder.writeText('model.json', JSON.stringify({ version: modelsVersion, name, origin, files }));
    const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
    let before = 0;
    for (const [index, { source, sizeBytes }] of sources.entries()) {
      const have = Math.min((await folder.readFile(String(index)))?.size ?? 0, sizeBytes);
      options.onProgress?.(before + have, totalBytes);
      const target = await folder.openAppend(String(index), have);
      try {
        await copyInto(target, source, sizeBytes, options, (done) =>
          options.onProgress?.(before + done, totalBytes),
        );
      } finally {
        target.flush();
        target.close();
      }
      before += sizeBytes;
    }
    return id;
  }

  delete(id: string): Promise<void> {
    return this.root.remove(id);
  }

  /** The kernel choices kept under a key (which names adapter and driver), as they were written. */
  async loadKernels(key: string): Promise<string | null> {
    const all = await this.readAllKernels();
    const kept = Object.hasOwn(all, key) ? all[key] : null;
    return typeof kept === 'string' ? kept : null;
  }

  async saveKernels(key: string, choices: string): Promise<void> {
    const all = Object.entries(await this.readAllKernels()).filter(([other]) => other !== key);
    await this.root.writeText('kernels.json', JSON.stringify(Object.fromEntries([...all, [key, choices]])));
  }

  private async readAllKernels(): Promise<{ readonly [key: string]: JsonValue }> {
    try {
      const value = JSON.parse((await this.root.readText('kernels.json')) ?? '{}') as JsonValue;
      return isObject(value) ? value : {};
    } catch {
      return {};
    }
  }
}

async function copyInto(
  target: AppendFile,
  source: ByteSource,
  sizeBytes: number,
  options: CopyOptions,
  onDone: (doneBytes: number) => void,
): Promise<void> {
  let flushed = target.sizeBytes;
  while (target.sizeBytes < sizeBytes) {
    throwIfCancelled(options.signal, 'keeping the model');
    const start = target.sizeBytes;
    const bytes = await source.read(start, Math.min(start + copyStepBytes, sizeBytes));
    if (bytes.length === 0) {
      throw new EnvironmentError('file-changed', 'A file of the model ended early', {
        where: source.name,
        expected: `${sizeBytes} bytes`,
        actual: `${start}`,
        advice: 'the file changed or the download broke off; start the copy again',
      });
    }
    target.append(bytes);
    if (target.sizeBytes - flushed >= flushBytes) {
      target.flush();
      flushed = target.sizeBytes;
    }
    onDone(target.sizeBytes);
  }
}

/** The store in the origin's private file system; null where the browser gives a worker none. */
export async function openModelStore(): Promise<ModelStore | null> {
  if (typeof navigator === 'undefined' || typeof navigator.storage?.getDirectory !== 'function') return null;
  try {
    const root = await navigator.storage.getDirectory();
    return new ModelStore(new OpfsFolder(async () => root));
  } catch {
    return null;
  }
}
