import type { Folder } from './folder.ts';
import { newProject, readProject, type StoredProject } from './projectSchema.ts';

/** The projects of this browser, one folder each. */
export class ProjectStore {
  readonly #root: Folder;

  constructor(root: Folder) {
    this.#root = root.folder('acc-workbench').folder('projects');
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
