import { isObject, type JsonValue } from '../core/json.ts';
import type { StoredFile } from '../storage/projectSchema.ts';
import type { FoundDatabase } from '../trajectories/import.ts';
import type { FilePhase, FileRole, ImportedFile } from './dataApi.ts';
import type { Member, PackTable } from './fileBytes.ts';

/** A file that says how runs ended. */
export interface VerdictPlace {
  readonly fileId: number;
  readonly path: string;
}

/** What is kept of a file besides its place: its record, and what only the worker needs to know. */
export interface StoredDetails {
  readonly info: ImportedFile;
  readonly databases: readonly FoundDatabase[];
  readonly table: PackTable | null;
  /** Members of a folder that is not kept as a copy. */
  readonly members: readonly Member[] | null;
  readonly hashes: readonly (readonly [path: string, sha256: string])[];
  readonly verdictFiles: readonly VerdictPlace[];
  readonly templateFiles: readonly number[];
  /** Null for folders, and for files of projects that earlier pages wrote. */
  readonly sample: string | null;
}

const roles: readonly FileRole[] = [
  'trajectories',
  'database',
  'benchmark',
  'tokenizer',
  'companion',
  'unknown',
];
const phases: readonly FilePhase[] = ['waiting', 'reading', 'done', 'failed', 'cancelled'];

const list = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : []);
const objects = (value: JsonValue | undefined) => list(value).filter(isObject);
const text = (value: JsonValue | undefined): string => (typeof value === 'string' ? value : '');
const count = (value: JsonValue | undefined): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : 0;
const oneOf = <T>(known: readonly T[], value: unknown, otherwise: T): T =>
  known.find((each) => each === value) ?? otherwise;

function readInfo(value: JsonValue | undefined, file: StoredFile): ImportedFile {
  const info = isObject(value) ? value : {};
  return {
    id: file.id,
    path: file.path,
    sizeBytes: file.sizeBytes,
    memberCount: count(info['memberCount']),
    isFolder: info['isFolder'] === true,
    role: oneOf(roles, info['role'], 'unknown'),
    phase: oneOf(phases, info['phase'], 'failed'),
    formats: objects(info['formats']).map((format) => ({
      id: text(format['id']),
      label: text(format['label']),
      trajectoryCount: count(format['trajectoryCount']),
      evidence: text(format['evidence']),
    })),
    trajectoryCount: count(info['trajectoryCount']),
    databases: objects(info['databases']).map(({ file: path, kind }) => ({ file: text(path), kind: text(kind) })), // prettier-ignore
    errorCount: count(info['errorCount']),
    warningCount: count(info['warningCount']),
    message: typeof info['message'] === 'string' ? info['message'] : null,
    keptBy: file.keptBy,
    needsPermission: false,
  };
}

function readTable(value: JsonValue | undefined): PackTable | null {
  if (!Array.isArray(value)) return null;
  return value.flatMap((row) => {
    const [path, start, end] = list(row);
    return typeof path === 'string' && typeof start === 'number' && typeof end === 'number'
      ? [[path, start, end] as const]
      : [];
  });
}

function readMembers(value: JsonValue | undefined): readonly Member[] | null {
  if (!Array.isArray(value)) return null;
  return objects(value).map(({ path, sizeBytes, parts }) => ({
    path: text(path),
    sizeBytes: count(sizeBytes),
    ...(Array.isArray(parts) ? { parts: parts.filter((part) => typeof part === 'string') } : {}),
  }));
}

/**
 * Reads the details of a stored file. They may come from a project file that somebody else made, so nothing is taken
 * for granted: what is missing or of another type gets its default.
 */
export function readDetails(file: StoredFile): StoredDetails {
  const value = isObject(file.details) ? file.details : {};
  return {
    info: readInfo(value['info'], file),
    databases: objects(value['databases']).filter(
      ({ file: path, kind }) => typeof path === 'string' && typeof kind === 'string',
    ) as unknown as readonly FoundDatabase[],
    table: readTable(value['table']),
    members: readMembers(value['members']),
    hashes: list(value['hashes']).flatMap((pair) => {
      const [path, sha256] = list(pair);
      return typeof path === 'string' && typeof sha256 === 'string' ? [[path, sha256] as const] : [];
    }),
    verdictFiles: objects(value['verdictFiles']).map(({ fileId, path }) => ({
      fileId: count(fileId),
      path: text(path),
    })),
    templateFiles: list(value['templateFiles']).filter((id) => typeof id === 'number'),
    sample: typeof value['sample'] === 'string' ? value['sample'] : null,
  };
}
