import { isObject, type JsonValue } from '../../core/json.ts';
import { listField, objectField, stringField } from '../blocks/fields.ts';
import type { Issue } from '../schema.ts';
import { countRuns } from './countRuns.ts';
import { folderOf, isWithin, VerdictBook } from './verdictBook.ts';
import { mayHoldVerdicts, readVerdictFile, type VerdictFile } from './verdictFile.ts';

/** A file of a folder or archive, before anything is known of it. */
export interface FolderEntry {
  /** Path with `/` between folders. */
  readonly path: string;
  readonly sizeBytes: number | null;
  /** The first `length` bytes, fewer when the file is shorter. */
  head(length: number): Promise<Uint8Array>;
}

/** One thing to import: a file, or the files of one run read one after another, a line break between them. */
export interface FolderUnit {
  /** Path of the file; of a joined run the folder its parts lie in, with `/*` behind it. */
  readonly path: string;
  readonly parts: readonly string[] | null;
  /** Bytes of the file, or of all parts with the line breaks between; null when unknown. */
  readonly sizeBytes: number | null;
}

/** How the files of a folder belong together. */
export interface FolderPlan {
  /** What to import, in the order of the files. */
  readonly units: readonly FolderUnit[];
  /** What evaluation reports, results and predictions say about the runs. */
  readonly verdicts: VerdictBook;
  /** The files that `verdicts` come from; they are not imported. */
  readonly reports: readonly string[];
  /** What is said of each of them, so that none goes without a word. */
  readonly remarks: readonly Issue[];
  /** Files that are not imported because another holds all they say. */
  readonly repeated: readonly string[];
}

const headBytes = 4096;
/** Larger files are runs or data sets, not reports. */
const maxVerdictBytes = 16 * 1024 * 1024;
/** Completion logs of one folder that are compared. */
const maxLogBytes = 256 * 1024 * 1024;

/** Other files of an experiment (logs, settings, notes) are no reason to take its folder for that of the runs. */
const mayBeRun = /(?:\.(?:traj|jsonl?|parquet|eval|zst|gz)|\/\*)$/i;

/** What lies in a clone of a data set beside its rows. */
const notes = /^(?:readme|licen[cs]e|notice|citation|changelog|\.git\w*)(?:\.|$)/i;

/** Files that hold neither a run nor a verdict, whatever their content. */
function isNoRun(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return notes.test(name) || !(mayBeRun.test(name) || /\.(?:txt|log|md)$/i.test(name));
}

const eventName = /(?:^|\/)events?\/(?:event-)?(\d{1,9})(?:-[\w-]*)?\.json$/;

/**
 * Finds out which files of a folder belong together: events of one run in a file each, completion logs that
 * repeat each other, and files that only say how runs ended. Reads the beginnings of JSON files, and whole only
 * what looks like a report or a completion log.
 */
export async function planFolder(entries: readonly FolderEntry[]): Promise<FolderPlan> {
  const verdicts = new VerdictBook();
  const runs = await joinEvents(entries);
  const used = new Set([...runs.values()].flatMap((run) => [...run.parts]));
  const reports = new Map<string, VerdictFile>();
  const logs = new Map<string, FolderEntry[]>();
  for (const entry of entries) {
    const { path, sizeBytes } = entry;
    if (used.has(path) || !/\.(?:jsonl?|txt)$/i.test(path) || (sizeBytes ?? 0) > maxVerdictBytes) continue;
    if (/\.txt$/i.test(path) && !/(?:^|\/)reward\.txt$/i.test(path)) continue;
    const head = decode(await entry.head(headBytes));
    if (mayHoldVerdicts(path, head)) {
      const found = readVerdictFile(path, decode(await entry.head(maxVerdictBytes)));
      if (found) {
        reports.set(path, found);
        continue;
      }
    }
    if (/^\s*\{[\s\S]{0,200}"messages"\s*:/.test(head)) {
      const folder = folderOf(path);
      logs.set(folder, [...(logs.get(folder) ?? []), entry]);
    }
  }
  // Reports alone are what was dropped: they are imported, so that something is said of them.
  const isAlone =
    runs.size === 0 && entries.every(({ path }) => reports.has(path) || used.has(path) || isNoRun(path));
  const repeated = new Set<string>();
  for (const group of logs.values()) for (const path of await repeatedLogs(group)) repeated.add(path);
  const units: FolderUnit[] = [];
  for (const { path, sizeBytes } of entries) {
    const run = runs.get(path);
    if (run) units.push(run);
    else if (used.has(path) || repeated.has(path) || (reports.has(path) && !isAlone)) continue;
    else units.push({ path, parts: null, sizeBytes });
  }
  const runFolders = units.flatMap(({ path }) => (mayBeRun.test(path) ? [folderOf(path)] : []));
  const remarks: Issue[] = [];
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  for (const [path, found] of reports) {
    const isOpen = found.own !== null && !found.isOfTrial && (await holdsRuns(folderOf(path), units, byPath));
    if (!isAlone) remarks.push(remarkOn(path, isOpen));
    const sure = isOpen ? { ...found, own: null } : found;
    verdicts.add(path, sure, reachOf(folderOf(path), runFolders));
  }
  return { units, verdicts, reports: isAlone ? [] : [...reports.keys()], remarks, repeated: [...repeated] };
}

/** Whether a folder holds several runs, so that a verdict without a name is about none of them. */
async function holdsRuns(
  folder: string,
  units: readonly FolderUnit[],
  byPath: ReadonlyMap<string, FolderEntry>,
): Promise<boolean> {
  let count = 0;
  for (const { path, parts } of units) {
    if (!isWithin(folderOf(path), folder)) continue;
    const entry = byPath.get(path);
    if (parts) count++;
    else if (entry) count += await countRuns(path, async () => decode(await entry.head(maxVerdictBytes)));
    if (count > 1) return true;
  }
  return false;
}

function remarkOn(file: string, isOpen: boolean): Issue {
  const message = isOpen
    ? 'The verdict names no run, and several lie in its folder: it was joined to none. Name the run (instance_id), or give each run a folder of its own.'
    : 'The file says how runs ended; it was joined to the runs beside it and not read as a run.';
  const code = isOpen ? 'open-verdict' : 'run-report';
  return {
    ...{ severity: isOpen ? 'warning' : 'info', code, message },
    ...{ file, record: null, path: null, byteOffset: null },
  };
}

/** The nearest folder around a report that holds runs: what it says is about those, not about runs elsewhere. */
function reachOf(folder: string, runFolders: readonly string[]): string {
  let reach = folder;
  while (reach !== '' && !runFolders.some((runs) => isWithin(runs, reach))) reach = folderOf(reach);
  return reach;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Runs whose events lie in a file each (`events/event-00012-….json`, `events/12.json`), by their first file. */
async function joinEvents(
  entries: readonly FolderEntry[],
): Promise<Map<string, FolderUnit & { readonly parts: readonly string[] }>> {
  const folders = new Map<string, { entry: FolderEntry; number: number }[]>();
  for (const entry of entries) {
    const number = eventName.exec(entry.path)?.[1];
    if (number === undefined) continue;
    const folder = folderOf(entry.path);
    const known = folders.get(folder);
    if (known) known.push({ entry, number: Number(number) });
    else folders.set(folder, [{ entry, number: Number(number) }]);
  }
  const runs = new Map<string, FolderUnit & { readonly parts: readonly string[] }>();
  for (const [folder, files] of folders) {
    const [first] = files;
    if (!first || !/"(?:kind|action|observation)"\s*:/.test(decode(await first.entry.head(headBytes))))
      continue;
    const sorted = [...files].sort((a, b) => a.number - b.number);
    const state = entries.find(({ path }) => path === beside(folder, 'base_state.json'));
    const parts = [...sorted.map(({ entry }) => entry), ...(state ? [state] : [])];
    const sizes = parts.map(({ sizeBytes }) => sizeBytes);
    const sizeBytes = sizes.every((size) => size !== null)
      ? sizes.reduce((sum, size) => sum + size + 1, 0)
      : null;
    runs.set(first.entry.path, { path: `${folder}/*`, parts: parts.map(({ path }) => path), sizeBytes });
  }
  return runs;
}

function beside(folder: string, name: string): string {
  const parent = folderOf(folder);
  return parent === '' ? name : `${parent}/${name}`;
}

/** Completion logs whose messages are all, in their order, the beginning of those of another log of the folder. */
async function repeatedLogs(group: readonly FolderEntry[]): Promise<string[]> {
  const size = group.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
  if (group.length < 2 || size > maxLogBytes) return [];
  const logs: { path: string; length: number; last: string }[] = [];
  const beginnings = new Map<string, number>();
  for (const entry of group) {
    const chain = chainOf(decode(await entry.head(maxVerdictBytes)));
    if (!chain) continue;
    logs.push({ path: entry.path, length: chain.length, last: chain.at(-1) ?? '' });
    for (const [index, mark] of chain.entries()) {
      beginnings.set(mark, Math.max(beginnings.get(mark) ?? 0, chain.length - index));
    }
  }
  const kept = new Set<string>();
  return logs.flatMap(({ path, last }) => {
    // Of logs that say the same, the first stays.
    const isLongest = beginnings.get(last) === 1 && !kept.has(last);
    if (isLongest) kept.add(last);
    return isLongest ? [] : [path];
  });
}

/** For each message of a completion log a mark of it and of all before it; null for other files. */
function chainOf(text: string): string[] | null {
  let value: JsonValue;
  try {
    value = JSON.parse(text) as JsonValue;
  } catch {
    return null;
  }
  const messages = listField(value, 'messages');
  const replied = listField(objectField(value, 'response'), 'choices');
  if (!messages || messages.length === 0 || !replied) return null;
  let mark: readonly [number, number] = [0x811c9dc5, 0x01234567];
  return messages.map((message) => {
    mark = mixed(mark, spoken(message));
    return `${mark[0].toString(36)}.${mark[1].toString(36)}`;
  });
}

/** What a message says; caching marks and the like may come and go between requests. */
function spoken(message: JsonValue): string {
  if (!isObject(message)) return JSON.stringify(message);
  const { content } = message;
  const texts = Array.isArray(content)
    ? content.map((part) => stringField(part, 'text') ?? JSON.stringify(part))
    : [typeof content === 'string' ? content : ''];
  return JSON.stringify([message['role'] ?? null, texts.join('\n'), message['tool_calls'] ?? null]);
}

/** FNV-1a over a text, in two lanes, going on from the mark of what came before. */
function mixed([a, b]: readonly [number, number], text: string): readonly [number, number] {
  let low = a;
  let high = b;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x85ebca6b) + i;
  }
  return [low >>> 0, high >>> 0];
}
