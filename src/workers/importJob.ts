import { CancelledError, InputError, messageOf, throwIfCancelled } from '../core/errors.ts';
import { storeHandle } from '../storage/handles.ts';
import { summariseTrajectory } from '../trajectories/extract/complete.ts';
import { planFolder, type FolderEntry } from '../trajectories/folder/folderPlan.ts';
import { folderOf } from '../trajectories/folder/verdictBook.ts';
import { importFile, type FoundDatabase, type RecognisedFile } from '../trajectories/import.ts';
import { blobSource } from '../trajectories/io/sources.ts';
import type { FileRole, ImportedFile, ReadySource } from './dataApi.ts';
import { fetchAddress, fileNameOf } from './fetchAddress.ts';
import { folderOfFiles, joinedMembers, packInto, singleFile } from './fileBytes.ts';
import { sameBytes, sampleHash, type ChosenSource } from './fileIdentity.ts';
import type { JobHandle } from './jobs.ts';
import type { ProjectFile, ProjectSession } from './projectSession.ts';
import { isTemplateName, isTokenizerFile } from './tokenizers.ts';

/** Files of at most this size are copied into the project, so that they are there after a reload. */
export const copyLimitBytes = 256 * 1024 * 1024;
/** All copies of a project together. */
const copyTotalLimitBytes = 2 * 1024 * 1024 * 1024;

interface Totals {
  doneBytes: number;
  totalBytes: number | null;
  trajectories: number;
  files: number;
  failed: number;
}

/** Imports sources one after another; a file that fails or is bad in places never stops the others. */
export async function runImport(
  session: ProjectSession,
  sources: readonly ReadySource[],
  job: JobHandle,
  canCopy: boolean,
): Promise<void> {
  const fresh: ReadySource[] = [];
  for (const source of sources) if (!(await attachSame(session, source, canCopy))) fresh.push(source);
  const attached = sources.length - fresh.length;
  const waiting = fresh.map((source) => ({ source, file: announce(session, source) }));
  // Noted first: an import that is cut off must be seen to have been.
  await session.settle();
  const totals: Totals = {
    doneBytes: 0,
    // Unknown while something has still to be downloaded.
    totalBytes: fresh.some((source) => source.type === 'url')
      ? null
      : waiting.reduce((sum, { file }) => sum + file.info.sizeBytes, 0),
    trajectories: 0,
    files: 0,
    failed: 0,
  };
  const together = waiting.flatMap(({ source, file }) => (source.type === 'file' ? [file] : []));
  try {
    await planTogether(session, together, job);
    await setTemplatesApart(session, together);
  } catch (error) {
    cancelRest(
      session,
      waiting.map((item) => item.file),
    );
    throw error;
  }
  for (const { source, file } of waiting) {
    const id = file.info.id;
    try {
      throwIfCancelled(job.signal, 'Import');
      if (file.info.phase === 'done') {
        await keepBytes(session, file, source, canCopy);
        totals.doneBytes += file.info.sizeBytes;
        continue;
      }
      if (source.type === 'url') await download(session, source, file, job);
      await readEntry(session, file, job, totals);
      await keepBytes(session, file, source, canCopy);
      totals.files++;
    } catch (error) {
      if (error instanceof CancelledError || job.signal.aborted) {
        cancelRest(
          session,
          waiting.map((item) => item.file),
        );
        session.indexChanged(true);
        throw error;
      }
      totals.failed++;
      session.updateFile(id, { phase: 'failed', message: messageOf(error) });
    }
  }
  joinTemplates(together);
  session.indexChanged(true);
  await session.settle();
  const said = [
    fresh.length === 0
      ? ''
      : `${count(totals.trajectories, 'trajectory', 'trajectories')} in ${count(totals.files, 'file', 'files')}`,
    attached === 0 ? '' : `${count(attached, 'file is', 'files are')} at hand again`,
    totals.failed === 0 ? '' : `${totals.failed} could not be read`,
  ];
  job.finish(said.filter((part) => part !== '').join('; '));
}

/** `1,204 files`. */
export function count(n: number, one: string, many: string): string {
  return `${n.toLocaleString('en')} ${n === 1 ? one : many}`;
}

function announce(session: ProjectSession, source: ReadySource): ProjectFile {
  switch (source.type) {
    case 'file':
      return session.addFile(
        source.path,
        singleFile(source.path, source.file),
        source.file.lastModified,
        false,
      );
    case 'folder':
      return session.addFile(source.path, folderOfFiles(source.files), 0, true);
    case 'text':
      return session.addFile(source.name, singleFile(source.name, new Blob([source.text])), 0, false);
    case 'url':
      return session.addFile(fileNameOf(source.url), null, 0, false);
  }
}

/** The members of an entry as the planner of folders wants them. */
function entriesOf({ bytes }: ProjectFile, job: JobHandle): FolderEntry[] {
  return (bytes?.members ?? []).map(({ path, sizeBytes }) => ({
    path,
    sizeBytes,
    head: async (length) => {
      throwIfCancelled(job.signal, 'Import');
      try {
        const blob = await bytes?.blobOf(path);
        return blob ? new Uint8Array(await blob.slice(0, length).arrayBuffer()) : new Uint8Array(0);
      } catch {
        // It is said of the file when it is imported, and does not keep the others from being.
        return new Uint8Array(0);
      }
    },
  }));
}

/** Files that were chosen together: those that only say how runs of the others ended are not read as runs. */
async function planTogether(
  session: ProjectSession,
  files: readonly ProjectFile[],
  job: JobHandle,
): Promise<void> {
  const byPath = new Map(files.map((file) => [file.info.path, file]));
  if (files.length < 2 || byPath.size < files.length) return;
  job.progress({ stage: 'looking how the files belong together' });
  const plan = await planFolder(files.flatMap((file) => entriesOf(file, job)));
  const companion = (path: string, message: string): ProjectFile[] => {
    const file = byPath.get(path);
    if (!file) return [];
    session.updateFile(file.info.id, { phase: 'done', role: 'companion', message });
    return [file];
  };
  const reports = plan.reports.flatMap((path) => {
    const remark = plan.remarks.find((one) => one.file === path);
    const isOpen = remark?.severity === 'warning';
    const found = companion(path, isOpen ? remark.message : 'Says how runs ended; joined to them');
    for (const { info } of found) if (remark) session.addIssue(info.id, remark);
    return found;
  });
  for (const path of plan.repeated) companion(path, 'A part of a run that another file holds whole');
  if (plan.verdicts.isEmpty && reports.length === 0) return;
  const verdictFiles = reports.map(({ info }) => ({ fileId: info.id, path: info.path }));
  for (const file of files) {
    file.verdicts = plan.verdicts;
    file.verdictFiles = verdictFiles;
  }
}

/** Files of a chat template that were chosen together with its tokenizer are not read as runs. */
async function setTemplatesApart(session: ProjectSession, files: readonly ProjectFile[]): Promise<void> {
  const templates = files.filter(({ info }) => isTemplateName(info.path));
  const others = files.filter(({ info }) => !isTemplateName(info.path));
  for (const { info } of templates) {
    const beside = others.filter((file) => folderOf(file.info.path) === folderOf(info.path));
    for (const { bytes, info: other } of beside) {
      const blob = await bytes?.blobOf(other.path).catch(() => null);
      if (!blob || !(await isTokenizerFile(other.path, blob))) continue;
      const message = 'Tells the chat template of the tokenizer that came with it';
      session.updateFile(info.id, { phase: 'done', role: 'companion', message });
      break;
    }
  }
}

/** Tokenizers that were chosen together with the files that their chat templates stand in. */
function joinTemplates(files: readonly ProjectFile[]): void {
  const templates = files.filter(({ info }) => info.role === 'companion' && isTemplateName(info.path));
  for (const tokenizer of files.filter(({ info }) => info.role === 'tokenizer')) {
    const beside = templates.filter(({ info }) => folderOf(info.path) === folderOf(tokenizer.info.path));
    tokenizer.templateFiles = beside.map(({ info }) => info.id);
  }
}

/** A folder's files: runs that are spread over several become one member each, reports are set apart. */
async function planWithin(session: ProjectSession, file: ProjectFile, job: JobHandle): Promise<void> {
  const { bytes, info } = file;
  if (!bytes || bytes.members.length < 2) return;
  job.progress({ stage: `looking how the files of ${info.path} belong together` });
  const { units, verdicts, reports, remarks } = await planFolder(entriesOf(file, job));
  for (const remark of remarks) session.addIssue(info.id, remark);
  const members = units.map(({ path, parts, sizeBytes }) => ({
    path,
    sizeBytes: sizeBytes ?? 0,
    ...(parts ? { parts } : {}),
  }));
  file.verdicts = verdicts;
  file.verdictFiles = reports.map((path) => ({ fileId: info.id, path }));
  session.updateFile(info.id, {}, { bytes: joinedMembers(bytes, members) });
}

function cancelRest(session: ProjectSession, files: readonly ProjectFile[]): void {
  for (const { info } of files) {
    if (info.phase === 'waiting') {
      session.updateFile(info.id, { phase: 'cancelled', message: 'Stopped before it was read.' });
    } else if (info.phase === 'reading') {
      session.updateFile(info.id, {
        phase: 'cancelled',
        message: `Stopped; ${count(info.trajectoryCount, 'trajectory', 'trajectories')} read so far are kept.`,
      });
    }
  }
}

/** Downloads into the project folder, so that memory stays small. */
async function download(
  session: ProjectSession,
  source: ReadySource & { type: 'url' },
  file: ProjectFile,
  job: JobHandle,
): Promise<void> {
  const { id, path } = file.info;
  session.updateFile(id, { phase: 'reading', message: `Downloading from ${new URL(source.url).host}` });
  const files = session.folder.folder('files');
  const target = await files.openAppend(String(id), 0);
  try {
    const sizeBytes = await fetchAddress(
      source.url,
      source.relay ?? null,
      job.signal,
      (chunk) => target.append(chunk),
      (doneBytes, totalBytes) => job.progress({ stage: `downloading ${path}`, doneBytes, totalBytes }),
    );
    target.flush();
    target.close();
    const blob = await files.readFile(String(id));
    if (!blob) throw new Error('Internal error: the download was not kept');
    session.updateFile(id, { sizeBytes, keptBy: 'copy', message: null }, { bytes: singleFile(path, blob) });
  } catch (error) {
    target.close();
    await files.remove(String(id));
    throw error;
  }
}

/** What reading one entry of the project has found so far. */
class Findings {
  readonly formats = new Map<string, { file: RecognisedFile; trajectoryCount: number }>();
  readonly databases: FoundDatabase[] = [];
  errorCount = 0;
  warningCount = 0;
  trajectoryCount = 0;

  asChanges(): Partial<ImportedFile> {
    return {
      trajectoryCount: this.trajectoryCount,
      errorCount: this.errorCount,
      warningCount: this.warningCount,
      formats: [...this.formats.values()].map((found) => ({
        id: found.file.format,
        label: found.file.label,
        trajectoryCount: found.trajectoryCount,
        evidence: found.file.evidence,
      })),
      databases: this.databases.map((database) => ({ file: database.file, kind: database.kind })),
    };
  }
}

async function readEntry(
  session: ProjectSession,
  file: ProjectFile,
  job: JobHandle,
  totals: Totals,
): Promise<void> {
  const { id, isFolder } = file.info;
  if (!file.bytes) throw new Error('Internal error: a file without bytes was to be read');
  session.updateFile(id, { phase: 'reading', message: null });
  if (isFolder) await planWithin(session, file, job);
  const { bytes } = file;
  const findings = new Findings();
  for (const { path, sizeBytes } of bytes.members) {
    throwIfCancelled(job.signal, 'Import');
    const blob = await bytes.blobOf(path);
    if (!blob) continue;
    if (!isFolder && (await isTokenizerFile(path, blob))) {
      session.updateFile(id, {
        phase: 'done',
        role: 'tokenizer',
        message: 'A tokenizer, offered in Compile',
      });
      return;
    }
    try {
      await readMember(session, file, path, blob, findings, job, totals);
    } catch (error) {
      if (!isFolder || error instanceof CancelledError || job.signal.aborted) throw error;
      findings.errorCount++;
      session.addIssue(id, {
        severity: 'error',
        code: 'unreadable-file',
        message: messageOf(error),
        ...{ file: path, record: null, path: null, byteOffset: null },
      });
    }
    totals.doneBytes += sizeBytes;
  }
  const { trajectoryCount, databases } = findings;
  const role: FileRole = trajectoryCount > 0 ? 'trajectories' : databases.length > 0 ? 'database' : 'unknown';
  session.updateFile(
    id,
    {
      ...findings.asChanges(),
      phase: 'done',
      role,
      message: outcome(role, trajectoryCount, databases.length),
    },
    { databases },
  );
}

async function readMember(
  session: ProjectSession,
  file: ProjectFile,
  path: string,
  blob: Blob,
  findings: Findings,
  job: JobHandle,
  totals: Totals,
): Promise<void> {
  const { id } = file.info;
  let announcedAt = performance.now();
  const { verdicts } = file;
  const isMember = file.info.isFolder;
  const options = { signal: job.signal, ids: session.ids, isMember, ...(verdicts ? { verdicts } : {}) };
  for await (const event of importFile(blobSource(path, blob), options)) {
    switch (event.type) {
      case 'file':
        if (!findings.formats.has(event.file.format)) {
          findings.formats.set(event.file.format, { file: event.file, trajectoryCount: 0 });
        }
        break;
      case 'trajectory': {
        const { trajectory, locator } = event;
        const summary = summariseTrajectory(trajectory);
        const kept = session.index.push(summary, Object.keys(trajectory.tools).join(' '), locator, id);
        applyOverrides(session, kept);
        findings.trajectoryCount++;
        totals.trajectories++;
        const format = findings.formats.get(trajectory.format);
        if (format) format.trajectoryCount++;
        break;
      }
      case 'database':
        findings.databases.push(event.database);
        break;
      case 'issue':
        session.addIssue(id, event.issue);
        if (event.issue.severity === 'error') findings.errorCount++;
        else if (event.issue.severity === 'warning') findings.warningCount++;
        break;
      case 'progress':
        job.progress({
          stage: `reading ${path}`,
          doneBytes: totals.doneBytes + event.progress.doneBytes,
          totalBytes: totals.totalBytes,
          doneItems: totals.trajectories,
        });
        session.indexChanged(false);
        break;
      case 'done':
        break;
    }
    if (performance.now() - announcedAt > 500) {
      announcedAt = performance.now();
      session.updateFile(id, findings.asChanges());
    }
  }
}

function applyOverrides(session: ProjectSession, id: string): void {
  const row = session.index.length - 1;
  const kind = session.kindOverrides.get(id);
  if (kind) session.index.kind.set(row, kind);
  if (session.excluded.has(id)) session.index.excluded.set(row, 1);
}

function outcome(role: FileRole, trajectories: number, databases: number): string {
  const found = databases > 0 ? `${count(databases, 'database', 'databases')}` : '';
  if (role === 'trajectories') {
    return [count(trajectories, 'trajectory', 'trajectories'), found].filter(Boolean).join(', ');
  }
  if (role === 'database') return `${found} for SQL trajectories`;
  return 'No trajectory was recognised in this file. If it holds benchmark questions, mark it as a benchmark.';
}

/**
 * Gives a file of the project its bytes back, once they are known to be those that were imported.
 * @throws InputError `other-file` with what differs
 */
export async function attachChosen(
  session: ProjectSession,
  fileId: number,
  source: ChosenSource,
  canCopy: boolean,
): Promise<void> {
  const file = session.files.get(fileId);
  if (!file) throw new InputError('no-file', 'This file is not in the project any more');
  const bytes = await sameBytes(file, source);
  const { role, trajectoryCount } = file.info;
  const isKnown = role === 'trajectories' || role === 'database';
  const message = isKnown ? outcome(role, trajectoryCount, file.databases.length) : file.info.message;
  const lastModified = source.type === 'file' ? source.file.lastModified : 0;
  // Worked out again by the next compilation: only a part was compared.
  file.hashes.clear();
  session.updateFile(fileId, { keptBy: 'tab', needsPermission: false, message }, { bytes, table: null, lastModified }); // prettier-ignore
  await keepBytes(session, file, source, canCopy);
  await session.settle();
}

/**
 * True when a source is a file of the project whose bytes were gone, and now has them again. One that was cut off while
 * it was read, or could not be read, makes room for its whole.
 */
async function attachSame(session: ProjectSession, source: ReadySource, canCopy: boolean): Promise<boolean> {
  if (source.type !== 'file' && source.type !== 'folder') return false;
  const files = source.type === 'file' ? [source] : source.files;
  const sizeBytes = files.reduce((sum, { file }) => sum + file.size, 0);
  for (const { info } of [...session.files.values()]) {
    const isCutOff = (info.phase === 'cancelled' && info.sizeBytes === sizeBytes) || info.phase === 'failed';
    if (isCutOff && info.path === source.path) {
      await session.removeFile(info.id);
      return false;
    }
    if (info.keptBy !== 'missing' || info.phase !== 'done' || info.path !== source.path) continue;
    try {
      await attachChosen(session, info.id, source, canCopy);
      return true;
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
    }
  }
  return false;
}

/** Sees to it that the bytes can be found after a reload: by copy while small, else by handle, else not. */
async function keepBytes(
  session: ProjectSession,
  file: ProjectFile,
  source: ReadySource,
  canCopy: boolean,
): Promise<void> {
  const { id, sizeBytes, keptBy, isFolder } = file.info;
  if (keptBy === 'copy' || !file.bytes) return;
  const whole = isFolder ? null : await file.bytes.blobOf(file.info.path);
  if (whole) file.sample = await sampleHash(whole);
  let copied = 0;
  for (const { info } of session.files.values()) if (info.keptBy === 'copy') copied += info.sizeBytes;
  if (canCopy && sizeBytes <= copyLimitBytes && copied + sizeBytes <= copyTotalLimitBytes) {
    const others = file.verdictFiles.flatMap(({ fileId, path }) => (fileId === id ? [path] : []));
    const packed = await packInto(session.folder.folder('files'), String(id), file.bytes, others);
    if (packed) {
      // From here on the copy is read: it stays what was indexed, even when the original changes on disk.
      session.updateFile(id, { keptBy: 'copy' }, { bytes: packed.bytes, table: packed.table });
      return;
    }
  }
  const handle = source.type === 'file' || (source.type === 'folder' && isFolder) ? source.handle : undefined;
  if (handle && (await storeHandle(session.id, id, handle))) session.updateFile(id, { keptBy: 'handle' });
}
