import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** Folder of recorded files that may lie beside the repository; tests over it skip when it is absent. */
export const sharedFolder = resolve(import.meta.dirname, '../../../shared');

/** A path in the folder of recorded files. */
export function sharedPath(path: string): string {
  return resolve(sharedFolder, path);
}

export const hasShared = existsSync(sharedPath('trajectories'));
/** The reason printed beside tests that were skipped for want of the recorded files. */
export const sharedSkipReason = 'recorded files (../shared) are not here';
