import { isObject, type JsonValue } from '../core/json.ts';
import { filesBelow, folderAt, type Folder } from './folder.ts';
import { projectFolder } from './projects.ts';
import type { StoredProject } from './projectSchema.ts';

/** Moves a folder; one that was cut off is begun again from what is still there. */
async function move(parent: Folder, name: string, to: Folder): Promise<void> {
  for await (const { path, file } of filesBelow(parent.folder(name))) {
    await folderAt(to, path.slice(0, -1)).writeFile(path.at(-1) ?? '', file);
  }
  await parent.remove(name);
}

async function setOfRun(run: Folder): Promise<string | null> {
  try {
    const source = JSON.parse((await run.readText('source.json')) ?? 'null') as JsonValue;
    return isObject(source) && typeof source['setId'] === 'string' ? source['setId'] : null;
  } catch {
    return null;
  }
}

/**
 * Brings what pages of version 1 kept for all projects together into the projects: a training run to the project
 * whose set it learnt from, all else to the first (most recently changed) one. Nothing happens when there is none.
 */
export async function adoptSharedWork(root: Folder, projects: readonly StoredProject[]): Promise<void> {
  const [latest] = projects;
  if (!latest) return;
  const shared = root.folder('acc-workbench');
  const training = shared.folder('training');
  for (const run of await training.list()) {
    const setId = await setOfRun(training.folder(run));
    const owner = projects.find(({ setIds }) => setId !== null && setIds.includes(setId)) ?? latest;
    await move(training, run, projectFolder(root, owner.id).folder('training').folder(run));
  }
  await shared.remove('training');
  for (const name of ['evaluations', 'mechanism']) {
    await move(shared, name, projectFolder(root, latest.id).folder(name));
  }
}
