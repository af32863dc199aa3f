import { EnvironmentError } from '../core/errors.ts';
import type { Folder } from '../storage/folder.ts';
import { lockProject } from '../storage/projectLock.ts';
import type { ProjectStore } from '../storage/projects.ts';
import type { StoredProject } from '../storage/projectSchema.ts';
import type { SavedProject, SaveProjectRequest } from './dataApi.ts';
import { count } from './importJob.ts';
import type { JobHandle } from './jobs.ts';
import {
  filesToArchive,
  openArchive,
  unpackArchive,
  writeArchive,
  type AddedFile,
} from './projectArchive.ts';
import { detailsOf, type ProjectFile, type ProjectSession } from './projectSession.ts';

/** A file name out of a project's name. */
function fileNameOf(name: string): string {
  // eslint-disable-next-line no-control-regex -- file systems refuse these
  const plain = name.replace(/[\x00-\x1f\x7f/\\:*?"<>|]+/g, '-').trim();
  return `${plain.slice(0, 100) || 'project'}.accz`;
}

/** The bytes of a file that is kept by reference, with where its members lie in them; null when they are not at hand. */
async function copyOf(file: ProjectFile): Promise<(Pick<ProjectFile, 'table'> & { blob: Blob }) | null> {
  const { bytes, info } = file;
  if (!bytes) return null;
  const others = file.verdictFiles.flatMap(({ fileId, path }) => (fileId === info.id ? [path] : []));
  const table: [string, number, number][] = [];
  const parts: Blob[] = [];
  let at = 0;
  for (const path of [...bytes.members.map((member) => member.path), ...others]) {
    const blob = await bytes.blobOf(path);
    if (!blob) return null;
    parts.push(blob);
    table.push([path, at, (at += blob.size)]);
  }
  return { blob: new Blob(parts), table };
}

/** The record with the files that are kept by reference as copies, and these copies; as far as they are at hand. */
async function withCopies(
  session: ProjectSession,
  record: StoredProject,
): Promise<{ record: StoredProject; copies: readonly AddedFile[] }> {
  const copies: AddedFile[] = [];
  const files = [...record.files];
  for (const [index, stored] of files.entries()) {
    const file = session.files.get(stored.id);
    if (!file || stored.keptBy === 'copy') continue;
    const copy = await copyOf(file);
    if (!copy) continue;
    copies.push({ path: `files/${stored.id}`, blob: copy.blob });
    const info = { ...file.info, keptBy: 'copy', needsPermission: false } as const;
    files[index] = { ...stored, keptBy: 'copy', details: detailsOf({ ...file, info, table: copy.table }) };
  }
  return { record: { ...record, files }, copies };
}

/** Saves the open project as one file, to where the reader chose or into `outbox` for a download. */
export async function saveProject(
  session: ProjectSession,
  outbox: Folder,
  request: SaveProjectRequest,
  job: JobHandle,
): Promise<SavedProject> {
  await session.settle();
  const plain = session.record();
  const { record, copies } = request.withReferenced
    ? await withCopies(session, plain)
    : { record: plain, copies: [] };
  const files = [...(await filesToArchive(session.folder, request.withCheckpoints)), ...copies];
  const fileName = request.handle?.name ?? fileNameOf(record.name);
  const target = request.handle
    ? await request.handle.createWritable()
    : await outbox.openAppend(fileName, 0);
  let sizeBytes = 0;
  try {
    await writeArchive(
      record,
      files,
      async (bytes) => {
        sizeBytes += bytes.length;
        if ('append' in target) target.append(bytes);
        else await target.write(bytes as BufferSource);
      },
      {
        signal: job.signal,
        onProgress: (doneBytes, totalBytes, path) =>
          job.progress({ stage: `writing ${path}`, doneBytes, totalBytes }),
      },
    );
  } catch (error) {
    if ('append' in target) {
      target.close();
      await outbox.remove(fileName);
    } else await target.abort();
    throw error;
  }
  if ('append' in target) target.flush();
  await target.close();
  const leftOut = record.files.filter(({ keptBy }) => keptBy !== 'copy').map(({ path }) => path);
  job.finish(
    leftOut.length === 0
      ? `saved in ${fileName}`
      : `saved in ${fileName}, with the place but not the bytes of ${count(leftOut.length, 'file', 'files')}`,
  );
  return { fileName, sizeBytes, leftOut, file: request.handle ? null : await outbox.readFile(fileName) };
}

async function checkSpace(file: File, wantedBytes: number): Promise<void> {
  const { usage, quota } = await navigator.storage.estimate();
  if (usage === undefined || quota === undefined || wantedBytes <= quota - usage) return;
  throw new EnvironmentError(
    'storage-full',
    'The project does not fit into the space that the browser gives this page',
    {
      where: file.name,
      expected: `${wantedBytes} bytes free`,
      actual: `${quota - usage}`,
      advice: 'free space under “Projects and storage”, then open it again',
    },
  );
}

/**
 * Opens a saved project as a new one. Nothing but that is touched; what was unpacked before a failure is removed.
 * @returns its id
 */
export async function openProjectFile(
  file: File,
  store: ProjectStore,
  hasQuota: boolean,
  job: JobHandle,
): Promise<string> {
  job.progress({ stage: `checking ${file.name}` });
  const archive = await openArchive(file);
  if (hasQuota) await checkSpace(file, archive.sizeBytes);
  const id = crypto.randomUUID();
  const unlock = await lockProject(id);
  try {
    await unpackArchive(archive, store.folderOf(id), {
      signal: job.signal,
      onProgress: (doneBytes, totalBytes, path) =>
        job.progress({ stage: `unpacking ${path}`, doneBytes, totalBytes }),
    });
    const names = new Set((await store.list()).map(({ name }) => name));
    let { name } = archive.record;
    for (let copy = 2; names.has(name); copy++) name = `${archive.record.name} (${copy})`;
    // The record comes last: without it there is no project.
    await store.write({ ...archive.record, id, name, isSample: false });
    job.finish(`“${name}” from ${file.name}`);
    return id;
  } catch (error) {
    await store.delete(id);
    throw error;
  } finally {
    unlock?.();
  }
}
