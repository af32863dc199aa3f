import { isObject, type JsonValue } from '../core/json.ts';

/**
 * What is kept of a project, version 2. A change that older readers cannot ignore raises the version and adds a
 * step to `migrations`. Layout on disk:
 *
 *   acc-workbench/projects/<id>/project.json      this record
 *                              /index.bin         the index of trajectories
 *                              /issues.json       issues by file
 *                              /files/<file id>   copies of small inputs
 *                              /sets/<set id>/    examples.jsonl, report.json, recipe.json, README.md, set.json, …
 *                              /training/<run>/   record, metrics, checkpoints and adapter of a training run
 *                              /evaluations/      benchmark files (`data`) and runs with their responses (`runs`)
 *                              /mechanism/        measured or opened documents, and the board of pinned charts
 */
export const projectVersion = 2;

type StoredRecord = { readonly [key: string]: JsonValue };

/**
 * What each version of the record needs to become the next, by the version it has. Up to version 1, trainings,
 * evaluations and measurements lay beside the projects: `adoptSharedWork` moves them in; the record stays as it is.
 */
const migrations: Readonly<Record<number, (record: StoredRecord) => StoredRecord>> = {
  1: (record) => ({ ...record, version: 2 }),
};

export interface StoredFile {
  readonly id: number;
  readonly path: string;
  readonly sizeBytes: number;
  /** Milliseconds since the epoch: a file changed since is not what was indexed. */
  readonly lastModified: number;
  readonly keptBy: 'copy' | 'handle' | 'tab';
  /** The rest of the file's record, as the data worker shows it. */
  readonly details: JsonValue;
}

export interface StoredProject {
  readonly version: typeof projectVersion;
  readonly id: string;
  readonly name: string;
  readonly createdAt: number;
  readonly changedAt: number;
  readonly isSample: boolean;
  readonly trajectoryCount: number;
  readonly sizeBytes: number;
  readonly nextFileId: number;
  readonly files: readonly StoredFile[];
  /** Kinds set by the reader, by trajectory id. */
  readonly kindOverrides: Readonly<Record<string, string>>;
  readonly excludedTrajectories: readonly string[];
  /** Compiled sets, oldest first. */
  readonly setIds: readonly string[];
  /** Settings of the page, in a form the page versions. */
  readonly settings: JsonValue | null;
}

/** A project as new. */
export function newProject(id: string, name: string, now: number, isSample: boolean): StoredProject {
  return {
    version: projectVersion,
    id,
    name,
    createdAt: now,
    changedAt: now,
    isSample,
    trajectoryCount: 0,
    sizeBytes: 0,
    nextFileId: 1,
    files: [],
    kindOverrides: {},
    excludedTrajectories: [],
    setIds: [],
    settings: null,
  };
}

const text = (value: unknown, fallback: string): string => (typeof value === 'string' ? value : fallback);
const count = (value: unknown, fallback: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : fallback;
const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];

function readStoredFile(value: JsonValue): StoredFile[] {
  if (!isObject(value) || typeof value['id'] !== 'number') return [];
  const keptBy = value['keptBy'];
  return [
    {
      id: value['id'],
      path: text(value['path'], 'unnamed'),
      sizeBytes: count(value['sizeBytes'], 0),
      lastModified: count(value['lastModified'], 0),
      keptBy: keptBy === 'copy' || keptBy === 'handle' ? keptBy : 'tab',
      details: value['details'] ?? null,
    },
  ];
}

/**
 * Reads a stored project. Null when it is not one, or was written by a later version (which must not be
 * overwritten); missing fields get their defaults.
 */
export function readProject(json: string): StoredProject | null {
  let value: JsonValue;
  try {
    value = JSON.parse(json) as JsonValue;
  } catch {
    return null;
  }
  if (!isObject(value)) return null;
  let record: StoredRecord = value;
  for (;;) {
    const migrate = typeof record['version'] === 'number' ? migrations[record['version']] : undefined;
    if (!migrate) break;
    record = migrate(record);
  }
  return record['version'] === projectVersion ? readRecord(record) : null;
}

function readRecord(value: StoredRecord): StoredProject | null {
  if (typeof value['id'] !== 'string') return null;
  const overrides = value['kindOverrides'];
  return {
    version: projectVersion,
    id: value['id'],
    name: text(value['name'], 'Untitled'),
    createdAt: count(value['createdAt'], 0),
    changedAt: count(value['changedAt'], 0),
    isSample: value['isSample'] === true,
    trajectoryCount: count(value['trajectoryCount'], 0),
    sizeBytes: count(value['sizeBytes'], 0),
    nextFileId: count(value['nextFileId'], 1),
    files: Array.isArray(value['files']) ? value['files'].flatMap(readStoredFile) : [],
    kindOverrides: isObject(overrides)
      ? Object.fromEntries(
          Object.entries(overrides).flatMap(([id, kind]) => (typeof kind === 'string' ? [[id, kind]] : [])),
        )
      : {},
    excludedTrajectories: texts(value['excludedTrajectories']),
    setIds: texts(value['setIds']),
    settings: value['settings'] ?? null,
  };
}
