import type { JsonValue } from '../core/json.ts';
import type { Folder } from '../storage/folder.ts';
import { readHandle, forgetHandle } from '../storage/handles.ts';
import type { ProjectStore } from '../storage/projects.ts';
import type { StoredFile, StoredProject } from '../storage/projectSchema.ts';
import type { VerdictBook } from '../trajectories/folder/verdictBook.ts';
import type { FoundDatabase, IdRegistry } from '../trajectories/import.ts';
import type { AgentKind, Issue } from '../trajectories/schema.ts';
import type { ImportedFile, ProjectSummary } from './dataApi.ts';
import type { EventHub } from './eventHub.ts';
import {
  folderOfHandle,
  packedFiles,
  singleFile,
  type FileBytes,
  type Member,
  type PackTable,
} from './fileBytes.ts';
import { readDetails, type StoredDetails, type VerdictPlace } from './storedDetails.ts';
import { TrajectoryIndex } from './trajectoryIndex.ts';
import { TrajectoryQueries } from './trajectoryQueries.ts';

/** Issues of one file: the first ones are kept, all are counted. */
export interface FileIssues {
  readonly kept: Issue[];
  notKept: number;
}

/** A file of the project with what only the worker needs to know of it. */
export interface ProjectFile {
  info: ImportedFile;
  /** The bytes, when they can be read now. */
  bytes: FileBytes | null;
  /** Where members lie in the packed copy; kept with the project. */
  table: PackTable | null;
  /** Members of a folder that is not kept as a copy, to find them again. */
  members: readonly Member[] | null;
  lastModified: number;
  /** Hash of a part of it, by which it is known when it is chosen again; null for folders. */
  sample: string | null;
  databases: readonly FoundDatabase[];
  issues: FileIssues;
  /** sha256 of members, hex, as far as they were asked for. */
  readonly hashes: Map<string, string>;
  /** What other files say about its runs; only while it is read, since locators keep what was found. */
  verdicts: VerdictBook | null;
  /** The files that say it, and the entries they belong to. */
  verdictFiles: readonly VerdictPlace[];
  /** Of a tokenizer: the files that came with it and may hold its chat template. */
  templateFiles: readonly number[];
}

const maxIssuesPerFile = 5000;
const saveDelayMs = 400;
/** While files are read the index is written more rarely: it is large and changes all the time. */
const saveDelayWhileReadingMs = 10_000;

/** Permission of a handle that was kept; the page's type library does not list it. */
interface WithPermission {
  queryPermission?(options: { mode: 'read' }): Promise<PermissionState>;
}

/** The open project: files, index, what the reader changed; written to storage shortly after each change. */
export class ProjectSession {
  readonly id: string;
  readonly folder: Folder;
  readonly files = new Map<number, ProjectFile>();
  readonly kindOverrides: Map<string, AgentKind>;
  readonly excluded: Set<string>;
  readonly setIds: string[];
  /** Ids given out in this project, so that those of later files differ. */
  readonly ids: IdRegistry = new Map();
  index = new TrajectoryIndex();
  queries: TrajectoryQueries;
  revision = 1;
  settings: JsonValue | null;

  readonly #store: ProjectStore;
  readonly #hub: EventHub;
  readonly #now: () => number;
  readonly #stored: StoredProject;
  readonly #formatLabels = new Map<string, string>();
  #name: string;
  #nextFileId: number;
  #changedAt: number;
  #saveTimer: ReturnType<typeof setTimeout> | null = null;
  #saving: Promise<void> = Promise.resolve();
  #filesTimer: ReturnType<typeof setTimeout> | null = null;
  #indexDirty = false;
  #lastIndexEvent = 0;

  constructor(stored: StoredProject, store: ProjectStore, hub: EventHub, now: () => number) {
    this.id = stored.id;
    this.folder = store.folderOf(stored.id);
    this.#store = store;
    this.#hub = hub;
    this.#now = now;
    this.#stored = stored;
    this.#name = stored.name;
    this.#nextFileId = stored.nextFileId;
    this.#changedAt = stored.changedAt;
    this.kindOverrides = new Map(Object.entries(stored.kindOverrides) as [string, AgentKind][]);
    this.excluded = new Set(stored.excludedTrajectories);
    this.setIds = [...stored.setIds];
    this.settings = stored.settings;
    this.queries = this.#queriesOf(this.index);
  }

  #queriesOf(index: TrajectoryIndex): TrajectoryQueries {
    return new TrajectoryQueries(
      index,
      (id) => this.formatLabel(id),
      (fileId) => this.files.get(fileId)?.info.path ?? String(fileId),
    );
  }

  formatLabel(id: string): string {
    return this.#formatLabels.get(id) ?? id;
  }

  /** Reads files, index and issues as they were left. */
  async restore(): Promise<void> {
    const issues = await this.#readIssues();
    for (const stored of this.#stored.files) {
      const details = readDetails(stored);
      const { bytes, keptBy, needsPermission, message } = await this.#reopen(stored, details);
      // What was under way when the page went away has ended.
      const wasReading = details.info.phase === 'reading' || details.info.phase === 'waiting';
      const info: ImportedFile = {
        ...details.info,
        keptBy,
        needsPermission,
        phase: wasReading ? 'cancelled' : details.info.phase,
        message: wasReading
          ? 'Reading this file was cut off when the page ended; import it again.'
          : (message ?? details.info.message),
      };
      for (const format of info.formats) this.#formatLabels.set(format.id, format.label);
      this.files.set(stored.id, {
        info,
        bytes,
        table: details.table,
        members: details.members,
        lastModified: stored.lastModified,
        sample: details.sample,
        databases: details.databases,
        issues: issues.get(stored.id) ?? { kept: [], notKept: 0 },
        hashes: new Map(details.hashes),
        verdicts: null,
        verdictFiles: details.verdictFiles,
        templateFiles: details.templateFiles,
      });
    }
    const file = await this.folder.readFile('index.bin');
    const index = file ? TrajectoryIndex.load(new Uint8Array(await file.arrayBuffer())) : null;
    if (index) this.replaceIndex(index);
  }

  async #readIssues(): Promise<Map<number, FileIssues>> {
    const json = await this.folder.readText('issues.json');
    if (json === null) return new Map();
    try {
      const stored = JSON.parse(json) as [number, FileIssues][];
      return new Map(stored.filter(([, issues]) => Array.isArray(issues.kept)));
    } catch {
      return new Map();
    }
  }

  async #reopen(stored: StoredFile, details: StoredDetails): Promise<Reopened> {
    if (stored.keptBy === 'copy') {
      const blob = await this.folder.folder('files').readFile(String(stored.id));
      if (!blob) return missing;
      const bytes = details.table ? packedFiles(blob, details.table) : singleFile(stored.path, blob);
      return { bytes, keptBy: 'copy', needsPermission: false, message: null };
    }
    if (stored.keptBy === 'handle') {
      const handle = await readHandle(this.id, stored.id);
      if (!handle) return missing;
      const permission = await (handle as WithPermission).queryPermission?.({ mode: 'read' });
      if (permission === 'granted') return reopenHandle(handle, stored, details.members);
      return { bytes: null, keptBy: 'handle', needsPermission: true, message: null };
    }
    return missing;
  }

  /** Opens files kept by handle once the reader has allowed it. */
  async reopenHandles(): Promise<void> {
    for (const [id, file] of this.files) {
      if (!file.info.needsPermission) continue;
      const handle = await readHandle(this.id, id);
      if (!handle) continue;
      const { info, lastModified, members } = file;
      const { bytes, keptBy, message } = await reopenHandle(handle, { ...info, lastModified }, members);
      const changes = { needsPermission: false, keptBy, ...(message ? { message } : {}) };
      this.updateFile(id, changes, bytes ? { bytes } : {});
    }
  }

  summary(): ProjectSummary {
    let sizeBytes = 0;
    for (const { info } of this.files.values()) sizeBytes += info.sizeBytes;
    return {
      id: this.id,
      name: this.#name,
      createdAt: this.#stored.createdAt,
      changedAt: this.#changedAt,
      fileCount: this.files.size,
      trajectoryCount: this.index.length,
      setCount: this.setIds.length,
      sizeBytes,
      isSample: this.#stored.isSample,
    };
  }

  rename(name: string): void {
    this.#name = name;
    this.changed();
  }

  listFiles(): readonly ImportedFile[] {
    return [...this.files.values()].map((file) => file.info);
  }

  addFile(path: string, bytes: FileBytes | null, lastModified: number, isFolder: boolean): ProjectFile {
    const id = this.#nextFileId++;
    const file: ProjectFile = {
      info: {
        id,
        path,
        sizeBytes: bytes?.members.reduce((sum, member) => sum + member.sizeBytes, 0) ?? 0,
        memberCount: bytes?.members.length ?? 1,
        isFolder,
        role: 'unknown',
        phase: 'waiting',
        formats: [],
        trajectoryCount: 0,
        databases: [],
        errorCount: 0,
        warningCount: 0,
        message: null,
        keptBy: 'tab',
        needsPermission: false,
      },
      bytes,
      table: null,
      members: null,
      lastModified,
      sample: null,
      databases: [],
      issues: { kept: [], notKept: 0 },
      hashes: new Map(),
      verdicts: null,
      verdictFiles: [],
      templateFiles: [],
    };
    this.files.set(id, file);
    this.#filesChanged();
    return file;
  }

  updateFile(
    id: number,
    changes: Partial<ImportedFile>,
    held: Partial<Pick<ProjectFile, 'bytes' | 'table' | 'databases' | 'sample' | 'lastModified'>> = {},
  ): void {
    const file = this.files.get(id);
    if (!file) return;
    file.info = { ...file.info, ...changes };
    Object.assign(file, held);
    for (const format of file.info.formats) this.#formatLabels.set(format.id, format.label);
    this.#filesChanged();
  }

  /** Keeps an issue; beyond the limit they are only counted. */
  addIssue(id: number, issue: Issue): void {
    const file = this.files.get(id);
    if (!file) return;
    if (file.issues.kept.length < maxIssuesPerFile) file.issues.kept.push(issue);
    else file.issues.notKept++;
  }

  async removeFile(id: number): Promise<void> {
    this.files.delete(id);
    this.replaceIndex(this.index.without(id));
    await this.folder.folder('files').remove(String(id));
    await forgetHandle(this.id, id);
    this.#filesChanged();
    this.indexChanged(true);
  }

  replaceIndex(index: TrajectoryIndex): void {
    this.index = index;
    this.queries = this.#queriesOf(index);
    this.ids.clear();
    for (let row = 0; row < index.length; row++) this.ids.set(index.id.at(row), 1);
  }

  /** Rows were added or changed. Events are spaced out during an import, unless `now`. */
  indexChanged(now: boolean): void {
    this.#indexDirty = true;
    this.revision++;
    this.queries.invalidate();
    const time = performance.now();
    if (!now && time - this.#lastIndexEvent < 250) return;
    this.#lastIndexEvent = time;
    this.#hub.emit({ type: 'trajectories', count: this.index.length, revision: this.revision });
    this.changed();
  }

  #filesChanged(): void {
    // The whole list is sent: the longer it is, the less often.
    this.#filesTimer ??= setTimeout(
      () => {
        this.#filesTimer = null;
        this.#hub.emit({ type: 'files', files: this.listFiles() });
      },
      Math.min(1000, this.files.size / 4),
    );
    this.changed();
  }

  /** Anything that is kept has changed: it is written soon. */
  changed(): void {
    this.#changedAt = this.#now();
    this.#hub.emit({ type: 'project', project: this.summary() });
    const isReading = [...this.files.values()].some((file) => file.info.phase === 'reading');
    this.#saveTimer ??= setTimeout(
      () => {
        this.#saveTimer = null;
        this.#saving = this.#saving.then(() => this.#save());
      },
      isReading ? saveDelayWhileReadingMs : saveDelayMs,
    );
  }

  /** Writes what has changed and waits for it. */
  async settle(): Promise<void> {
    if (this.#filesTimer !== null) clearTimeout(this.#filesTimer);
    this.#filesTimer = null;
    this.#hub.emit({ type: 'files', files: this.listFiles() });
    if (this.#saveTimer !== null) clearTimeout(this.#saveTimer);
    this.#saveTimer = null;
    this.#saving = this.#saving.then(() => this.#save());
    await this.#saving;
  }

  async #save(): Promise<void> {
    try {
      if (this.#indexDirty) {
        const { revision } = this;
        await this.folder.writeFile('index.bin', this.index.save());
        const issues = [...this.files].map(([id, file]) => [id, file.issues] as const);
        await this.folder.writeText('issues.json', JSON.stringify(issues));
        // After a failure, and after changes meanwhile, it is written again.
        if (this.revision === revision) this.#indexDirty = false;
      }
      await this.#store.write(this.record());
    } catch (error) {
      this.#hub.emit({
        type: 'notice',
        severity: 'error',
        code: 'not-saved',
        message: `The project could not be saved: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
  }

  /** What is kept of the project as it is now. */
  record(): StoredProject {
    const { sizeBytes, trajectoryCount } = this.summary();
    return {
      ...this.#stored,
      name: this.#name,
      changedAt: this.#changedAt,
      trajectoryCount,
      sizeBytes,
      nextFileId: this.#nextFileId,
      files: [...this.files.values()].map((file) => ({
        id: file.info.id,
        path: file.info.path,
        sizeBytes: file.info.sizeBytes,
        lastModified: file.lastModified,
        keptBy: file.info.keptBy === 'missing' ? 'tab' : file.info.keptBy,
        details: detailsOf(file),
      })),
      kindOverrides: Object.fromEntries(this.kindOverrides),
      excludedTrajectories: [...this.excluded],
      setIds: this.setIds,
      settings: this.settings,
    };
  }
}

/** The details of a file as they are stored. */
export function detailsOf(file: ProjectFile): JsonValue {
  const { info, databases, table, bytes, hashes, verdictFiles, templateFiles, sample } = file;
  const members = info.isFolder && info.keptBy !== 'copy' ? (bytes?.members ?? file.members) : null;
  const details: StoredDetails = {
    info,
    databases,
    table,
    members,
    hashes: [...hashes],
    verdictFiles,
    templateFiles,
    sample,
  };
  return details as unknown as JsonValue;
}

interface Reopened {
  readonly bytes: FileBytes | null;
  readonly keptBy: ImportedFile['keptBy'];
  readonly needsPermission: boolean;
  /** What is wrong, in words. */
  readonly message: string | null;
}
const missing: Reopened = { bytes: null, keptBy: 'missing', needsPermission: false, message: null };

/** The bytes behind a handle, unless they are not those that were imported: places in them would be wrong. */
async function reopenHandle(
  handle: FileSystemHandle,
  stored: Pick<StoredFile, 'path' | 'sizeBytes' | 'lastModified'>,
  members: readonly Member[] | null,
): Promise<Reopened> {
  const { path } = stored;
  try {
    if (handle.kind === 'directory') {
      const bytes = folderOfHandle(handle as FileSystemDirectoryHandle, members ?? []);
      return { bytes, keptBy: 'handle', needsPermission: false, message: null };
    }
    const file = await (handle as FileSystemFileHandle).getFile();
    if (file.size === stored.sizeBytes && file.lastModified === stored.lastModified)
      return { bytes: singleFile(path, file), keptBy: 'handle', needsPermission: false, message: null };
    const message = `The file on disk was changed after its import (${stored.sizeBytes} bytes then, ${file.size} now). What was read from it is kept; to open its records, choose the file as it was.`;
    return { ...missing, message };
  } catch {
    return { ...missing, message: 'The file is not where it was when it was imported. What was read from it is kept; choose the file again to open its records.' }; // prettier-ignore
  }
}
