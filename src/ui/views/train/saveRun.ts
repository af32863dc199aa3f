import { saveFile } from '../../../charts/common/saveBlob.ts';

interface SavePickers {
  showSaveFilePicker?(options: { readonly suggestedName: string }): Promise<FileSystemFileHandle>;
  showDirectoryPicker?(options: { readonly mode: 'readwrite' }): Promise<FileSystemDirectoryHandle>;
}
const pickers = window as unknown as SavePickers;

const isDismissed = (error: unknown): boolean => error instanceof DOMException && error.name === 'AbortError';

function download(files: readonly File[]): string {
  files.forEach(saveFile);
  return `Downloaded: ${files.map(({ name }) => name).join(', ')}`;
}

/**
 * Writes files into a new folder that the reader chooses a place for; where that is not possible, as downloads.
 * @returns where they are, in words; null when there are none or the reader changed their mind
 */
export async function saveFiles(files: readonly File[], folderName: string): Promise<string | null> {
  if (files.length === 0) return null;
  if (!pickers.showDirectoryPicker) return download(files);
  try {
    const parent = await pickers.showDirectoryPicker({ mode: 'readwrite' });
    const folder = await parent.getDirectoryHandle(folderName, { create: true });
    for (const file of files) {
      const handle = await folder.getFileHandle(file.name, { create: true });
      await file.stream().pipeTo(await handle.createWritable());
    }
    return `${files.map(({ name }) => name).join(', ')} in the folder ${folderName} of ${parent.name}`;
  } catch (error) {
    return isDismissed(error) ? null : download(files);
  }
}

/** Asks where merged weights go; they are streamed there. */
export async function saveMergedAs(
  model: string,
  write: (handle: FileSystemFileHandle) => Promise<void>,
): Promise<void> {
  if (!pickers.showSaveFilePicker) {
    // Without a file to stream into they would have to lie in memory whole.
    const root = await navigator.storage.getDirectory();
    const handle = await root.getFileHandle('merged.safetensors', { create: true });
    await write(handle);
    saveFile(new File([await handle.getFile()], 'model.safetensors'));
    return;
  }
  try {
    await write(await pickers.showSaveFilePicker({ suggestedName: `${model}-merged.safetensors` }));
  } catch (error) {
    if (!isDismissed(error)) throw error;
  }
}
