import { InputError } from '../core/errors.ts';
import { completeTrajectory } from '../trajectories/extract/complete.ts';
import { formats } from '../trajectories/formats/registry.ts';
import { defaultImportLimits, ImportRun } from '../trajectories/io/importRun.ts';
import type { ContainerStep } from '../trajectories/import.ts';
import { openChain } from '../trajectories/io/openAt.ts';
import { blobSource } from '../trajectories/io/sources.ts';
import type { ByteSource } from '../core/byteSource.ts';
import type { ProjectSession } from './projectSession.ts';

/** The bytes of an opened file of the project. Throws `InputError` with what to do when they are not at hand. */
export async function openMember(session: ProjectSession, fileId: number, path: string): Promise<Blob> {
  const file = session.files.get(fileId);
  if (file?.info.needsPermission) {
    throw new InputError('needs-permission', `Reading ${path} needs your permission again`, {
      advice: 'The browser asks once per visit for files that are kept by reference.',
    });
  }
  const blob = await file?.bytes?.blobOf(path);
  if (!blob) {
    throw new InputError('file-missing', `The file ${path} is not at hand any more`, {
      advice: 'It was not copied into the browser. Choose it again in the list of files to open its records.',
    });
  }
  try {
    // Browsers read no file that is not as it was when it was handed over.
    await blob.slice(0, 1).arrayBuffer();
  } catch {
    const message = 'It was changed or removed on disk. What was read from it is kept; choose the file as it was to open its records.'; // prettier-ignore
    session.updateFile(fileId, { keptBy: 'missing', message }, { bytes: null });
    throw new InputError('file-missing', `The file ${path} was changed or removed since it was opened`, {
      advice: 'Choose it as it was in the list of files to open its records.',
    });
  }
  return blob;
}

/** The source inside containers of an opened file. */
export async function openInside(
  path: string,
  blob: Blob,
  chain: readonly ContainerStep[],
): Promise<ByteSource> {
  const source = blobSource(path, blob);
  if (chain.length === 0) return source;
  const run = new ImportRun({
    formats,
    complete: completeTrajectory,
    signal: undefined,
    limits: defaultImportLimits,
    ids: new Map(),
    totalBytes: source.sizeBytes,
    what: `Reading ${source.name}`,
  });
  return openChain(run, source, chain);
}

/** All bytes of an opened file, or of a member of an archive. */
export async function readMember(
  session: ProjectSession,
  fileId: number,
  path: string,
  chain: readonly ContainerStep[],
): Promise<Blob> {
  const blob = await openMember(session, fileId, path);
  if (chain.length === 0) return blob;
  const pieces: Uint8Array[] = [];
  for await (const chunk of (await openInside(path, blob, chain)).stream()) pieces.push(chunk.slice());
  return new Blob(pieces as BlobPart[]);
}
