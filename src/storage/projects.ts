import type { Folder } from './folder.ts';
import { lockProject } from './projectLock.ts';
import { newProject, readProject, type StoredProject } from './projectSchema.ts';

const projectsFolder = (root: Folder): Folder => root.folder('acc-workbench').folder('projects');

/** Where all of a project lies, below the browser's storage. */
export function projectFolder(root: Folder, id: string): Folder {
  return projectsFolder(root).folder(id);
}

/** The projects of this browser, one folder each. */
export class ProjectStore {
  readonly #root: Folder;
  readonly #beside: Folder;

  constructor(root: Folder) {
    this.#beside = root.folder('acc-workbench');
    this.#root = projectsFolder(root);
  }

  folderOf(id: string): Folder {
    return this.#root.folder(id);
  }

  /** Readable projects, most recently changed first. Folders of later versions are left alone. */
  async list(): Promise<readonly StoredProject[]> {
    const projects: StoredProject[] = [];
    for (const id of await this.#root.list()) {
      const project = await this.read(id);
      if (project) projects.push(project);
    }
    return projects.sort((a, b) => b.changedAt - a.changedAt || (a.id < b.id ? -1 : 1));
  }

  /** Removes what is left of projects that were being unpacked when their tab went away. */
  async removeUnfinished(): Promise<void> {
    for (const id of await this.#root.list()) {
      const names = await this.folderOf(id).list();
      // An empty one is being made in another tab.
      if (names.length === 0 || names.includes('project.json')) continue;
      const unlock = await lockProject(id);
      if (!unlock) continue;
      // It may have been finished before the lock was free.
      if ((await this.folderOf(id).readFile('project.json')) === null) await this.delete(id);
      unlock();
    }
  }

  /** Remembers which project is open, for the next start of the page. */
  noteOpened(id: string): Promise<void> {
    return this.#beside.writeText('last-project', id);
  }

  /** As `list`, with the one that was opened last before the others. */
  async listToOpen(): Promise<readonly StoredProject[]> {
    const last = await this.#beside.readText('last-project');
    const projects = await this.list();
    return [...projects.filter(({ id }) => id === last), ...projects.filter(({ id }) => id !== last)];
  }

  async read(id: string): Promise<StoredProject | null> {
    const json = await this.folderOf(id).readText('project.json');
    return json === null ? null : readProject(json);
  }

  async create(id: string, name: string, now: number, isSample: boolean): Promise<StoredProject> {
    const project = newProject(id, name, now, isSample);
    await this.write(project);
    return project;
  }

  write(project: StoredProject): Promise<void> {
    return this.folderOf(project.id).writeText('project.json', JSON.stringify(project));
  }

  delete(id: string): Promise<void> {
    return this.#root.remove(id);
  }
}
