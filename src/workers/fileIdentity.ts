import { InputError } from '../core/errors.ts';
import { memorySource } from '../trajectories/io/sources.ts';
import { sha256OfSource } from '../trajectories/io/sha256.ts';
import type { ImportSource } from './dataApi.ts';
import { folderOfFiles, joinedMembers, singleFile, type FileBytes } from './fileBytes.ts';
import type { ProjectFile } from './projectSession.ts';

/** A file or folder that the reader has chosen. */
export type ChosenSource = Extract<ImportSource, { type: 'file' | 'folder' }>;

/** Pieces of a file by which it is known again, and their length: a whole file of up to 1 MiB. */
const pieces = 16;
const pieceBytes = 64 * 1024;
/** Files of a folder that are named when they differ. */
const namedMembers = 3;

/** SHA-256, hex, over pieces spread evenly from the first byte of a file to its last. */
export async function sampleHash(blob: Blob): Promise<string> {
  const step = Math.max(pieceBytes, (blob.size - pieceBytes) / (pieces - 1));
  const parts = Array.from({ length: pieces }, (_, index) => {
    const start = Math.round(index * step);
    return blob.slice(start, start + pieceBytes);
  });
  const sampled = new Uint8Array(await new Blob(parts).arrayBuffer());
  return sha256OfSource(memorySource('sample', sampled));
}

function otherFile(path: string, expected: string, actual: string): InputError {
  return new InputError('other-file', `What was chosen is not ${path} as it was imported`, {
    expected,
    actual,
    advice: 'Choose the file as it was then, or import this one as a file of its own.',
  });
}

const bytesInWords = (count: number): string => `${count.toLocaleString('en')} bytes`;

async function sameFile({ info, sample }: ProjectFile, file: File): Promise<FileBytes> {
  const { path, sizeBytes } = info;
  if (file.size !== sizeBytes) throw otherFile(path, bytesInWords(sizeBytes), bytesInWords(file.size));
  if (sample !== null && (await sampleHash(file)) !== sample)
    throw otherFile(path, 'the bytes that were read', 'other bytes of the same number');
  return singleFile(path, file);
}

function sameFolder(held: ProjectFile, files: readonly { path: string; file: File }[]): FileBytes {
  const { path } = held.info;
  // It may have another name by now.
  const moved = files.map(({ path: from, file }) => ({ path: `${path}${from.slice(from.indexOf('/'))}`, file })); // prettier-ignore
  const sizes = new Map(moved.map(({ path: member, file }) => [member, file.size]));
  const members = held.members ?? [];
  const differing = members.flatMap(({ path: member, sizeBytes, parts }) =>
    (parts ?? [member]).filter((part) => (parts ? !sizes.has(part) : sizes.get(part) !== sizeBytes)),
  );
  if (differing.length > 0) {
    const named = differing.slice(0, namedMembers).join(', ');
    const rest = differing.length - namedMembers;
    throw otherFile(path, `its ${members.length.toLocaleString('en')} files in the sizes that were read`, `missing or of another size: ${named}${rest > 0 ? ` and ${rest.toLocaleString('en')} more` : ''}`); // prettier-ignore
  }
  return joinedMembers(folderOfFiles(moved), members);
}

/**
 * The bytes of what was chosen in place of a file whose bytes are gone. A file is known by its size and 1 MiB of it, a
 * folder by the sizes of its files.
 * @throws InputError `other-file` with what differs
 */
export async function sameBytes(held: ProjectFile, source: ChosenSource): Promise<FileBytes> {
  const { path, isFolder } = held.info;
  if (isFolder !== (source.type === 'folder'))
    throw otherFile(path, isFolder ? 'a folder' : 'a file', isFolder ? 'a file' : 'a folder');
  return source.type === 'folder' ? sameFolder(held, source.files) : sameFile(held, source.file);
}
