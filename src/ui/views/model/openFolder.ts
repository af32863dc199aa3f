import type { AdapterSource, ModelSource } from '../../../workers/engineApi.ts';
import type { ImportSource } from '../../../workers/dataApi.ts';

type FolderFiles = Extract<ModelSource, { type: 'folder' }>['files'];

const isConfig = (path: string): boolean => path === 'config.json' || path.endsWith('/config.json');
const isWeights = (path: string): boolean => path.endsWith('.safetensors');

/** True for files that look like a checkpoint. */
function looksLikeModel(files: readonly { readonly path: string }[]): boolean {
  return files.some(({ path }) => isConfig(path)) && files.some(({ path }) => isWeights(path));
}

/** The checkpoint in a drop: a folder, or its files dropped together. Null when the drop is something else. */
export function modelOfDrop(sources: readonly ImportSource[]): ModelSource | null {
  const loose: FolderFiles[number][] = [];
  for (const source of sources) {
    if (source.type === 'folder' && looksLikeModel(source.files)) {
      return { type: 'folder', name: source.path, files: source.files };
    }
    if (source.type === 'file') loose.push({ path: source.path, file: source.file });
  }
  return looksLikeModel(loose) ? { type: 'folder', name: 'dropped files', files: loose } : null;
}

const isAdapterFile = (path: string): boolean =>
  /(^|\/)adapter_(config\.json|model\.safetensors)$/.test(path);

/** The PEFT adapter in a drop: a folder, or its files dropped together. Null when there is none. */
export function adapterOfDrop(sources: readonly ImportSource[]): AdapterSource | null {
  const loose: FolderFiles[number][] = [];
  for (const source of sources) {
    if (source.type === 'folder' && source.files.some(({ path }) => isAdapterFile(path))) {
      return { type: 'folder', name: source.path, files: source.files };
    }
    if (source.type === 'file') loose.push({ path: source.path, file: source.file });
  }
  if (!loose.some(({ path }) => isAdapterFile(path))) return null;
  return { type: 'folder', name: 'dropped files', files: loose };
}

/** The files of a folder input. */
export function modelOfInput(files: readonly File[]): AdapterSource {
  const name = files[0]?.webkitRelativePath.split('/')[0] ?? 'folder';
  return {
    type: 'folder',
    name,
    files: files.map((file) => ({ path: file.webkitRelativePath || file.name, file })),
  };
}

type WithPicker = Window & { readonly showDirectoryPicker?: () => Promise<FileSystemDirectoryHandle> };

/** Lets the reader pick a folder; null when the browser has no such picker, 'closed' when it was closed. */
export async function pickModelFolder(): Promise<AdapterSource | 'closed' | null> {
  const { showDirectoryPicker } = window as WithPicker;
  if (!showDirectoryPicker) return null;
  try {
    return { type: 'handle', handle: await showDirectoryPicker.call(window) };
  } catch (error) {
    return error instanceof DOMException && error.name === 'AbortError' ? 'closed' : null;
  }
}
