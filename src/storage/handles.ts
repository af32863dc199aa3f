/**
 * File handles that the user gave, so that a file can be read again after a reload without a copy.
 * They cannot be written as JSON; IndexedDB is the one store that takes them.
 */
const databaseName = 'acc-workbench-handles';
const storeName = 'handles';

function openDatabase(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(databaseName, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(storeName);
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error('IndexedDB did not open'));
  });
}

async function withStore<T>(
  mode: IDBTransactionMode,
  run: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const database = await openDatabase();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = database.transaction(storeName, mode);
      const request = run(transaction.objectStore(storeName));
      // On a full disk the request succeeds and the transaction does not.
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(transaction.error ?? new Error('IndexedDB request failed'));
    });
  } finally {
    database.close();
  }
}

const keyOf = (projectId: string, fileId: number): string => `${projectId}/${fileId}`;

/** Keeps a handle; false when the browser refuses (no IndexedDB, handle not storable). */
export async function storeHandle(
  projectId: string,
  fileId: number,
  handle: FileSystemHandle,
): Promise<boolean> {
  try {
    await withStore('readwrite', (store) => store.put(handle, keyOf(projectId, fileId)));
    return true;
  } catch {
    return false;
  }
}

/** The handle kept for a file, or null. Reading its file may still need the user's permission. */
export async function readHandle(projectId: string, fileId: number): Promise<FileSystemHandle | null> {
  try {
    const value: unknown = await withStore<unknown>('readonly', (store) =>
      store.get(keyOf(projectId, fileId)),
    );
    return (value as FileSystemHandle | undefined) ?? null;
  } catch {
    return null;
  }
}

/** Forgets a file's handle. */
export async function forgetHandle(projectId: string, fileId: number): Promise<void> {
  try {
    await withStore('readwrite', (store) => store.delete(keyOf(projectId, fileId)));
  } catch {
    // Without IndexedDB nothing was kept.
  }
}

/** Forgets all handles of a project. */
export async function forgetHandles(projectId: string): Promise<void> {
  try {
    // `0` is the character after `/`.
    const ofProject = IDBKeyRange.bound(`${projectId}/`, `${projectId}0`, false, true);
    await withStore('readwrite', (store) => store.delete(ofProject));
  } catch {
    // Without IndexedDB nothing was kept.
  }
}
