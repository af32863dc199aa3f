import { describe, expect, it } from 'vitest';
import { OpfsFolder } from '../../src/storage/opfsFolder.ts';

/** A directory with one file, which is written anew during its first reads. */
function directory(staleReads: number): FileSystemDirectoryHandle {
  let reads = 0;
  const getFile = (): object => ({
    text: () =>
      ++reads > staleReads
        ? Promise.resolve(`text ${reads}`)
        : Promise.reject(new DOMException('changed', 'NotReadableError')),
  });
  return { getFileHandle: () => Promise.resolve({ getFile }) } as unknown as FileSystemDirectoryHandle;
}

describe('reading a text of the private file system', () => {
  it('takes the new text where it was written anew meanwhile', async () => {
    const handle = directory(2);
    expect(await new OpfsFolder(() => Promise.resolve(handle)).readText('project.json')).toBe('text 3');
  });

  it('says what is wrong with a file that stays unreadable', async () => {
    const handle = directory(100);
    await expect(new OpfsFolder(() => Promise.resolve(handle)).readText('project.json')).rejects.toThrow(
      'changed',
    );
  });
});
