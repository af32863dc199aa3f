import type { ByteSource } from '../core/byteSource.ts';
import { InputError } from '../core/errors.ts';
import type { CheckpointFiles } from '../model/checkpoint.ts';
import type { ModelStore } from '../storage/models.ts';

/** A file or blob as a source. Its bytes are read when asked for, never all at once. */
export function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    sizeBytes: blob.size,
    seekable: true,
    read: async (start, end) => new Uint8Array(await blob.slice(start, end).arrayBuffer()),
    async *stream(start = 0) {
      const reader = blob.slice(start).stream().getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    },
  };
}

/** The folder of a path, '' for none. */
function folderOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

type LooseFiles = readonly { readonly path: string; readonly file: Blob }[];

/** The shallowest folder among files that holds `marker`, so that dropping the folder around it works too. */
function folderWith(marker: string, name: string, files: LooseFiles): CheckpointFiles | null {
  const found = files
    .filter(({ path }) => path === marker || path.endsWith(`/${marker}`))
    .sort((a, b) => a.path.split('/').length - b.path.split('/').length || (a.path < b.path ? -1 : 1))[0];
  if (!found) return null;
  const folder = folderOf(found.path);
  const byName = new Map(
    files
      .filter(({ path }) => folderOf(path) === folder)
      .map(({ path, file }) => [path.slice(folder.length).replace(/^\//, ''), file]),
  );
  const ownName = folder.slice(folder.lastIndexOf('/') + 1);
  return {
    name: ownName === '' ? name : ownName,
    open: async (fileName) => {
      const file = byName.get(fileName);
      return file ? blobSource(fileName, file) : null;
    },
  };
}

/** The checkpoint among dropped or picked files. Rejects what holds none. */
export function checkpointOfFiles(name: string, files: LooseFiles): CheckpointFiles {
  const found = folderWith('config.json', name, files);
  if (!found) {
    throw new InputError('missing-config', 'There is no model among these files', {
      where: name,
      expected: 'config.json, tokenizer.json and safetensors files in Hugging Face layout',
      advice: 'choose the folder that holds config.json',
    });
  }
  return found;
}

/** The PEFT adapter among dropped or picked files. Rejects what holds none. */
export function adapterOfFiles(name: string, files: LooseFiles): CheckpointFiles {
  const found = folderWith('adapter_config.json', name, files);
  if (!found) {
    throw new InputError('missing-config', 'There is no adapter among these files', {
      where: name,
      expected: 'adapter_config.json and adapter_model.safetensors as PEFT writes them',
      advice: 'choose the folder that holds both, or drop both files together',
    });
  }
  return found;
}

/** A checkpoint in a folder that the reader gave access to. */
export function checkpointOfHandle(handle: FileSystemDirectoryHandle): CheckpointFiles {
  return {
    name: handle.name,
    open: async (fileName) => {
      try {
        return blobSource(fileName, await (await handle.getFileHandle(fileName)).getFile());
      } catch (error) {
        if (error instanceof DOMException && error.name === 'NotFoundError') return null;
        throw error;
      }
    },
  };
}

/** A kept copy. Null when there is none of that id, or its copy is not complete. */
export async function checkpointOfStored(store: ModelStore, id: string): Promise<CheckpointFiles | null> {
  const model = await store.read(id);
  if (!model?.complete) return null;
  return {
    name: model.name,
    open: async (fileName) => {
      const file = await store.openFile(id, fileName);
      return file ? blobSource(fileName, file) : null;
    },
  };
}
