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
  lastModified: number;
  databases: readonly FoundDatabase[];
  issues: FileIssues;
  /** sha256 of members, hex, as far as they were asked for. */
  readonly hashes: Map<string, string>;
  /** What other files say about its runs; only while it is read, since locators keep what was found. */
  verdicts: VerdictBook | null;
  /** The files that say it, and the entries they belong to. */
  verdictFiles: readonly VerdictPlace[];
}

/** A file that says how runs ended. */
export interface VerdictPlace {
  readonly fileId: number;
  readonly path: string;
}

const maxIssuesPerFile = 5000;
const saveDelayMs = 400;
/** While files are read the index is written more rarely: it is large and changes all the time. */
const saveDelayWhileReadingMs = 10_000;

interface StoredDetails {
  readonly info: ImportedFile;
  readonly databases: readonly FoundDatabase[];
  readonly table: PackTable | null;
  /** Members of a folder kept by handle. */
  readonly members: readonly Member[] | null;
  readonly hashes: readonly (readonly [string, string])[];
  /** Absent in projects of earlier versions. */
  readonly verdictFiles?: readonly VerdictPlace[];
}

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
      const details = stored.details as unknown as StoredDetails;
      const { bytes, keptBy, needsPermission } = await this.#reopen(stored, details);
      // What was under way when the page went away has ended.
      const wasReading = details.info.phase === 'reading' || details.info.phase === 'waiting';
      const info: ImportedFile = {
        ...details.info,
        keptBy,
        needsPermission,
        phase: wasReading ? 'cancelled' : details.info.phase,
        message: wasReading
          ? 'The page was closed while this file was read; import it again.'
          : details.info.message,
      };
      for (const format of info.formats) this.#formatLabels.set(format.id, format.label);
      this.files.set(stored.id, {
        info,
        bytes,
        table: details.table,
        lastModified: stored.lastModified,
        databases: details.databases,
        issues: issues.get(stored.id) ?? { kept: [], notKept: 0 },
        hashes: new Map(details.hashes),
        verdicts: null,
        verdictFiles: details.verdictFiles ?? [],
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
      return new Map(JSON.parse(json) as [number, FileIssues][]);
    } catch {
      return new Map();
    }
  }

  async #reopen(
    stored: StoredFile,
    details: StoredDetails,
  ): Promise<{ bytes: FileBytes | null; keptBy: ImportedFile['keptBy']; needsPermission: boolean }> {
    const missing = { bytes: null, keptBy: 'missing', needsPermission: false } as const;
    if (stored.keptBy === 'copy') {
      const blob = await this.folder.folder('files').readFile(String(stored.id));
      if (!blob) return missing;
      const bytes = details.table ? packedFiles(blob, details.table) : singleFile(stored.path, blob);
      return { bytes, keptBy: 'copy', needsPermission: false };
    }
    if (stored.keptBy === 'handle') {
      const handle = await readHandle(this.id, stored.id);
      if (!handle) return missing;
      const permission = await (handle as WithPermission).queryPermission?.({ mode: 'read' });
      if (permission !== 'granted') return { bytes: null, keptBy: 'handle', needsPermission: true };
      const bytes = await bytesOfHandle(handle, stored.path, details.members);
      return bytes ? { bytes, keptBy: 'handle', needsPermission: false } : missing;
    }
    return missing;
  }

  /** Opens files kept by handle once the reader has allowed it. */
  async reopenHandles(): Promise<void> {
    for (const [id, file] of this.files) {
      if (!file.info.needsPermission) continue;
      const handle = await readHandle(this.id, id);
      const stored = this.#stored.files.find((other) => other.id === id);
      const members = (stored?.details as unknown as StoredDetails | undefined)?.members ?? null;
      const bytes = handle ? await bytesOfHandle(handle, file.info.path, members) : null;
      if (bytes) this.updateFile(id, { needsPermission: false }, { bytes });
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
      lastModified,
      databases: [],
      issues: { kept: [], notKept: 0 },
      hashes: new Map(),
      verdicts: null,
      verdictFiles: [],
    };
    this.files.set(id, file);
    this.#filesChanged();
    return file;
  }

  updateFile(
    id: number,
    changes: Partial<ImportedFile>,
    held: Partial<Pick<ProjectFile, 'bytes' | 'table' | 'databases'>> = {},
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
        this.#indexDirty = false;
        await this.folder.writeFile('index.bin', this.index.save());
        const issues = [...this.files].map(([id, file]) => [id, file.issues] as const);
        await this.folder.writeText('issues.json', JSON.stringify(issues));
      }
      await this.#store.write(this.#toStored());
    } catch (error) {
      this.#hub.emit({
        type: 'notice',
        severity: 'error',
        code: 'not-saved',
        message: `The project could not be saved: ${error instanceof Error ? error.message : String(error)}`,
      });
    }
  }

  #toStored(): StoredProject {
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
        details: detailsOf(file) as unknown as JsonValue,
      })),
      kindOverrides: Object.fromEntries(this.kindOverrides),
      excludedTrajectories: [...this.excluded],
      setIds: this.setIds,
      settings: this.settings,
    };
  }
}

function detailsOf({ info, databases, table, bytes, hashes, verdictFiles }: ProjectFile): StoredDetails {
  const members = info.isFolder && info.keptBy === 'handle' ? (bytes?.members ?? null) : null;
  return { info, databases, table, members, hashes: [...hashes], verdictFiles };
}

async function bytesOfHandle(
  handle: FileSystemHandle,
  path: string,
  members: StoredDetails['members'],
): Promise<FileBytes | null> {
  try {
    if (handle.kind === 'directory') {
      return folderOfHandle(handle as FileSystemDirectoryHandle, members ?? []);
    }
    return singleFile(path, await (handle as FileSystemFileHandle).getFile());
  } catch {
    return null;
  }
}
