import type { ImportSource } from '../../../workers/dataApi.ts';

/** What browsers add to dragged items and the type library does not list. */
type WithHandle = DataTransferItem & { getAsFileSystemHandle?(): Promise<FileSystemHandle | null> };

type FolderFile = Extract<ImportSource, { type: 'folder' }>['files'][number];

function readEntries(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** All files under a dropped folder; hidden files of the operating system are left out. */
async function filesUnder(folder: FileSystemDirectoryEntry, prefix: string): Promise<FolderFile[]> {
  const reader = folder.createReader();
  const files: FolderFile[] = [];
  for (;;) {
    // A reader hands out at most a hundred entries at a time.
    const entries = await readEntries(reader);
    if (entries.length === 0) return files;
    for (const entry of entries) {
      if (entry.name === '.DS_Store' || entry.name === 'Thumbs.db') continue;
      const path = `${prefix}/${entry.name}`;
      if (entry.isDirectory) files.push(...(await filesUnder(entry as FileSystemDirectoryEntry, path)));
      else files.push({ path, file: await fileOf(entry as FileSystemFileEntry) });
    }
  }
}

/**
 * Files and folders of a drop. The list of items is only valid during the event, so entries and handles are
 * taken synchronously before anything is awaited.
 */
export function readDrop(transfer: DataTransfer): Promise<ImportSource[]> {
  const taken = [...transfer.items]
    .filter((item) => item.kind === 'file')
    .map((item) => ({
      entry: item.webkitGetAsEntry(),
      file: item.getAsFile(),
      handle: (item as WithHandle).getAsFileSystemHandle?.() ?? Promise.resolve(null),
    }));
  const text = transfer.getData('text/uri-list') || transfer.getData('text/plain');
  return (async () => {
    const sources: ImportSource[] = [];
    for (const { entry, file, handle } of taken) {
      const kept = await handle.catch(() => null);
      if (entry?.isDirectory) {
        sources.push({
          type: 'folder',
          path: entry.name,
          files: await filesUnder(entry as FileSystemDirectoryEntry, entry.name),
          handle: kept?.kind === 'directory' ? (kept as FileSystemDirectoryHandle) : undefined,
        });
      } else if (file) {
        const fileHandle = kept?.kind === 'file' ? (kept as FileSystemFileHandle) : undefined;
        sources.push({ type: 'file', file, path: file.name, handle: fileHandle });
      }
    }
    return sources.length > 0 ? sources : readPastedText(text);
  })();
}

/** Files of a file input; those of a folder input become one folder each. */
export function readFileList(list: readonly File[]): ImportSource[] {
  const folders = new Map<string, FolderFile[]>();
  const sources: ImportSource[] = [];
  for (const file of list) {
    const path = file.webkitRelativePath;
    const top = path.split('/')[0];
    if (!path || !top) sources.push({ type: 'file', file, path: file.name });
    else if (file.name !== '.DS_Store') {
      folders.set(top, [...(folders.get(top) ?? []), { path, file }]);
    }
  }
  for (const [path, files] of folders) sources.push({ type: 'folder', path, files });
  return sources;
}

/** The open picker where the browser has it: its handles outlive a reload. */
type WithPicker = Window & {
  readonly showOpenFilePicker?: (options: { multiple: boolean }) => Promise<FileSystemFileHandle[]>;
};

/** Lets the reader pick files, or one; null when the browser has no picker with handles, empty when it was closed. */
export async function pickFiles(multiple = true): Promise<ImportSource[] | null> {
  const { showOpenFilePicker } = window as WithPicker;
  if (!showOpenFilePicker) return null;
  try {
    const handles = await showOpenFilePicker.call(window, { multiple });
    return await Promise.all(
      handles.map(async (handle): Promise<ImportSource> => {
        const file = await handle.getFile();
        return { type: 'file', file, path: file.name, handle };
      }),
    );
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') return [];
    return null;
  }
}

/** Addresses (one a line) or text that is itself a log: what a paste can mean. Empty when it is neither. */
export function readPastedText(text: string): ImportSource[] {
  const trimmed = text.trim();
  if (trimmed === '') return [];
  const lines = trimmed.split(/\s+/);
  if (lines.every((line) => /^https?:\/\/\S+$/.test(line) && URL.canParse(line))) {
    return lines.map((url) => ({ type: 'url', url }));
  }
  if (/^[[{]/.test(trimmed)) {
    const isLines = trimmed.includes('\n{');
    return [{ type: 'text', text, name: isLines ? 'pasted.jsonl' : 'pasted.json' }];
  }
  if (/^(Question|Thought|Action)\b.*:/m.test(trimmed) && trimmed.length > 200) {
    return [{ type: 'text', text, name: 'pasted.txt' }];
  }
  return [];
}
