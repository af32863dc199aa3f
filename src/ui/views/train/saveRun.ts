import { saveFile } from '../../../charts/common/saveBlob.ts';

interface SavePickers {
  showSaveFilePicker?(options: { readonly suggestedName: string }): Promise<FileSystemFileHandle>;
  showDirectoryPicker?(options: { readonly mode: 'readwrite' }): Promise<FileSystemDirectoryHandle>;
}
const pickers = window as unknown as SavePickers;

const isDismissed = (error: unknown): boolean => error instanceof DOMException && error.name === 'AbortError';

/** Writes files into a new folder that the reader chooses a place for; where that is not possible, as downloads. */
export async function saveFiles(files: readonly File[], folderName: string): Promise<void> {
  if (files.length === 0) return;
  if (!pickers.showDirectoryPicker) {
    files.forEach(saveFile);
    return;
  }
  try {
    const parent = await pickers.showDirectoryPicker({ mode: 'readwrite' });
    const folder = await parent.getDirectoryHandle(folderName, { create: true });
    for (const file of files) {
      const handle = await folder.getFileHandle(file.name, { create: true });
      await file.stream().pipeTo(await handle.createWritable());
    }
  } catch (error) {
    if (!isDismissed(error)) files.forEach(saveFile);
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
