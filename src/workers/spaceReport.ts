import { filesBelow, folderAt, type Folder } from '../storage/folder.ts';
import { ModelStore } from '../storage/models.ts';
import { projectFolder, type ProjectStore } from '../storage/projects.ts';
import { runFileNames } from '../train/runStore.ts';
import type { SpaceItem, SpaceKind } from './dataApi.ts';

/** An item with where it lies below the root of the storage. */
export interface PlacedItem {
  readonly item: SpaceItem;
  readonly paths: readonly (readonly string[])[];
}

interface Found {
  readonly path: readonly string[];
  readonly sizeBytes: number;
}

async function sizesBelow(folder: Folder): Promise<Found[]> {
  const found: Found[] = [];
  for await (const { path, file } of filesBelow(folder)) found.push({ path, sizeBytes: file.size });
  return found;
}

/** Of a model merged with its adapter, until it is downloaded. */
const mergedWeights = 'merged.safetensors';

const total = (files: readonly Found[]): number => files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);

const isExport = ({ path }: Found): boolean => path[0] === 'sets' && path[2] === 'exports';
const isCheckpoint = ({ path }: Found): boolean =>
  path[0] === 'training' &&
  path.length === 3 &&
  (path[2] === runFileNames.latest || path[2] === runFileNames.best);

/** Kinds by the folder of a project that holds them; what is in no folder is the index. */
export const kindOfFolder: Readonly<Record<string, SpaceKind>> = {
  files: 'copies',
  sets: 'sets',
  training: 'runs',
  evaluations: 'evaluations',
  mechanism: 'measurements',
};

/** What a project takes, and what of it can go without loss of a result. */
function itemsOfProject(id: string, name: string, files: readonly Found[]): PlacedItem[] {
  const base = ['acc-workbench', 'projects', id];
  const items: PlacedItem[] = [];
  const add = (
    kind: SpaceKind,
    key: string,
    label: string,
    members: readonly Found[],
    removal: SpaceItem['removal'],
  ): void => {
    if (members.length === 0) return;
    const paths = removal ? members.map(({ path }) => [...base, ...path]) : [];
    const item = { id: `${id}/${key}`, kind, label, projectId: id, sizeBytes: total(members), removal };
    items.push({ item, paths });
  };
  const runs = new Map<string, Found[]>();
  for (const file of files.filter(isCheckpoint)) {
    const run = file.path[1] ?? '';
    runs.set(run, [...(runs.get(run) ?? []), file]);
  }
  for (const [run, members] of runs) {
    const hasAdapter = files.some(({ path }) => path[1] === run && path[2] === 'adapter_model.safetensors');
    add('checkpoints', `checkpoints/${run}`, `${name}: checkpoints of ${run}`, members, {
      needsConfirm: true,
      consequence: hasAdapter
        ? 'The run cannot be gone on with. Its adapter, curves and record stay.'
        : 'This run was stopped: what it has learnt is in its checkpoint alone and will be lost.',
    });
  }
  add('exports', 'exports', `${name}: exported files`, files.filter(isExport), {
    needsConfirm: false,
    consequence: 'They are made again from the sets at any time.',
  });
  const rest = files.filter((file) => !isExport(file) && !isCheckpoint(file));
  for (const kind of ['copies', 'sets', 'runs', 'evaluations', 'measurements', 'index'] as const) {
    const members = rest.filter(({ path }) => (kindOfFolder[path[0] ?? ''] ?? 'index') === kind);
    add(kind, kind, name, members, null);
  }
  return items;
}

/** Everything in the storage of the page by what it is. */
async function placedItems(root: Folder, store: ProjectStore): Promise<PlacedItem[]> {
  const items: PlacedItem[] = [];
  for (const { id, name } of await store.list()) {
    items.push(...itemsOfProject(id, name, await sizesBelow(projectFolder(root, id))));
  }
  for (const { id, name, origin, complete, doneBytes } of await new ModelStore(root).list()) {
    items.push({
      item: {
        id: `models/${id}`,
        kind: 'models',
        label: complete ? name : `${name} (begun)`,
        projectId: null,
        sizeBytes: doneBytes,
        removal: {
          needsConfirm: true,
          consequence: `It came from ${origin} and must be opened from there again.`,
        },
      },
      paths: [['acc-workbench', 'models', id]],
    });
  }
  const made = (await sizesBelow(root.folder('acc-workbench').folder('outbox'))).map(
    ({ path, sizeBytes }): Found => ({ path: ['acc-workbench', 'outbox', ...path], sizeBytes }),
  );
  // Where the browser has no save picker.
  const merged = await root.readFile(mergedWeights);
  if (merged) made.push({ path: [mergedWeights], sizeBytes: merged.size });
  if (made.length > 0) {
    items.push({
      item: {
        id: 'downloads',
        kind: 'downloads',
        label: 'Files made for a download',
        projectId: null,
        sizeBytes: total(made),
        removal: { needsConfirm: false, consequence: 'The downloaded files stay where they are.' },
      },
      paths: made.map(({ path }) => path),
    });
  }
  return items;
}

/** Everything in the storage of the page by what it is, the largest first. */
export async function measureSpace(root: Folder, store: ProjectStore): Promise<readonly SpaceItem[]> {
  const placed = await placedItems(root, store);
  return placed.map(({ item }) => item).sort((a, b) => b.sizeBytes - a.sizeBytes || (a.id < b.id ? -1 : 1));
}

/** The item with an id; null when it is not there any more. */
export async function findItem(root: Folder, store: ProjectStore, id: string): Promise<PlacedItem | null> {
  return (await placedItems(root, store)).find(({ item }) => item.id === id) ?? null;
}

/** Removes what an item stands for; nothing when it cannot be removed. */
export async function removeItem(root: Folder, { paths }: PlacedItem): Promise<void> {
  for (const path of paths) await folderAt(root, path.slice(0, -1)).remove(path.at(-1) ?? '');
}
