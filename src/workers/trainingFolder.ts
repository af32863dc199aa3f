import { isObject, type JsonValue } from '../core/json.ts';
import type { Folder } from '../storage/folder.ts';
import { readSafetensorsHeader } from '../model/safetensors.ts';
import type { RunRecord } from '../train/runRecord.ts';
import { runFileNames, stepOfFolder, type RunFolder } from '../train/runStore.ts';
import { blobSource } from './checkpointFiles.ts';
import type { LastingModel, RunSource, StoredRun } from './trainingApi.ts';

/** A run's files in the browser's storage. */
export class StoredRunFolder implements RunFolder {
  constructor(readonly files: Folder) {}

  folder(name: string): StoredRunFolder {
    return new StoredRunFolder(this.files.folder(name));
  }

  write(name: string, pieces: Iterable<Uint8Array>): Promise<void> {
    return this.files.writeFile(name, new Blob([...pieces] as BlobPart[]));
  }

  async open(name: string): ReturnType<RunFolder['open']> {
    const file = await this.files.readFile(name);
    return file ? { ...blobSource(name, file), close: () => Promise.resolve() } : null;
  }

  async append(name: string, text: string): Promise<void> {
    const size = (await this.files.readFile(name))?.size ?? 0;
    const file = await this.files.openAppend(name, size);
    try {
      file.append(new TextEncoder().encode(text));
      file.flush();
    } finally {
      file.close();
    }
  }
}

async function checkpointStep(folder: Folder, name: string): Promise<{ step: number | null; bytes: number }> {
  const file = await folder.readFile(name);
  if (!file) return { step: null, bytes: 0 };
  try {
    const { metadata } = await readSafetensorsHeader(blobSource(name, file));
    return { step: Number(metadata['step']), bytes: file.size };
  } catch {
    // Cut by a crash of the browser itself; it is as good as none.
    return { step: null, bytes: file.size };
  }
}

/** The training runs of a project, a folder each. */
export class RunShelf {
  private readonly root: Folder;

  constructor(project: Folder) {
    this.root = project.folder('training');
  }

  folder(id: string): StoredRunFolder {
    return new StoredRunFolder(this.root.folder(id));
  }

  /** A name that no run has yet. */
  async newId(): Promise<string> {
    const taken = await this.root.list();
    for (let number = taken.length + 1; ; number++) {
      const id = `run-${String(number).padStart(3, '0')}`;
      if (!taken.includes(id)) return id;
    }
  }

  async saveSource(id: string, source: RunSource): Promise<void> {
    await this.root.folder(id).writeText('source.json', JSON.stringify(source));
  }

  /** Newest first. Folders that hold no record are left out. */
  async list(): Promise<readonly StoredRun[]> {
    const runs: StoredRun[] = [];
    for (const id of await this.root.list()) {
      const run = await this.read(id);
      if (run) runs.push(run);
    }
    return runs.sort((a, b) => (a.id < b.id ? 1 : -1));
  }

  async read(id: string): Promise<StoredRun | null> {
    const folder = this.root.folder(id);
    const record = parse(await folder.readText(runFileNames.record));
    if (!isObject(record) || record['format'] !== 'acc-train-run-1') return null;
    const source = parse(await folder.readText('source.json'));
    const latest = await checkpointStep(folder, runFileNames.latest);
    const best = await checkpointStep(folder, runFileNames.best);
    return {
      id,
      record: record as unknown as RunRecord,
      ...sourceOf(source),
      checkpointStep: latest.step,
      checkpointBytes: latest.bytes + best.bytes,
      bestStep: best.step,
      keptSteps: await this.keptSteps(id),
      hasAdapter: (await folder.readFile('adapter_model.safetensors')) !== null,
    };
  }

  /** Steps whose adapters were kept, ascending. */
  private async keptSteps(id: string): Promise<readonly number[]> {
    const names = await this.root.folder(id).list();
    return names.flatMap((name) => stepOfFolder(name) ?? []).sort((a, b) => a - b);
  }

  delete(id: string): Promise<void> {
    return this.root.remove(id);
  }
}

function sourceOf(value: JsonValue): RunSource {
  if (!isObject(value)) return { setId: null, model: null };
  const { setId, model } = value;
  return { setId: typeof setId === 'string' ? setId : null, model: lastingModel(model) };
}

function lastingModel(value: JsonValue | undefined): LastingModel | null {
  if (!isObject(value)) return null;
  const { type, id, url } = value;
  if (type === 'stored' && typeof id === 'string') return { type, id };
  return type === 'url' && typeof url === 'string' ? { type, url } : null;
}

function parse(text: string | null): JsonValue {
  try {
    return text === null ? null : (JSON.parse(text) as JsonValue);
  } catch {
    return null;
  }
}
