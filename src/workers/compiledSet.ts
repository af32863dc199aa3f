import type { ExampleMeta, SetReport } from '../compile/setReducer.ts';
import type { Example, Rejection } from '../compile/types.ts';
import { InputError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { AppendFile, Folder } from '../storage/folder.ts';
import type { ExampleFacts } from './compileTask.ts';
import type {
  CompiledSet,
  EditHistory,
  EvidencePositions,
  ExampleDetail,
  ExampleQuery,
  SetQuestions,
} from './dataApi.ts';
import { ExampleTable } from './exampleTable.ts';

/** How far an unfinished run got; everything beyond it in the files is cut off when it goes on. */
export interface Checkpoint {
  readonly trajectoryCount: number;
  readonly exampleCount: number;
  readonly examplesBytes: number;
  readonly journalBytes: number;
}

/** One exclusion or its reverse, as a step that can be undone. */
interface Edit {
  readonly label: string;
  readonly ids: readonly string[];
  readonly excluded: boolean;
}

interface StoredSet {
  readonly version: 1;
  readonly info: CompiledSet;
  readonly checkpoint: Checkpoint | null;
  readonly places: Places;
}
/** What a record says of the rows, true of the table that lies beside it. */
interface Saved extends Pick<StoredSet, 'checkpoint' | 'places'> {
  readonly exampleCount: number;
}
interface Places {
  readonly gold: number[];
  readonly distractor: number[];
}

/** Whether a value is a list of edits: the file may be somebody else's. */
function isEdits(value: unknown): value is Edit[] {
  return Array.isArray(value) && value.every((edit: Partial<Edit>) => Array.isArray(edit.ids));
}

const texts = ['id', 'name', 'phase'] as const;
const counts = ['createdAt', 'trajectoryCount', 'exampleCount', 'rejectionCount', 'excludedCount', 'sizeBytes'] as const; // prettier-ignore

/** Reads a set's record; null when it is none of this version. */
function readStoredSet(json: string): StoredSet | null {
  let value: JsonValue;
  try {
    value = JSON.parse(json) as JsonValue;
  } catch {
    return null;
  }
  if (!isObject(value) || value['version'] !== 1) return null;
  const { info, places } = value;
  if (!isObject(info) || !isObject(info['request']) || !isObject(info['request']['options'])) return null;
  const isInfo =
    texts.every((key) => typeof info[key] === 'string') &&
    counts.every((key) => typeof info[key] === 'number');
  if (!isInfo || !isObject(places)) return null;
  if (!Array.isArray(places['gold']) || !Array.isArray(places['distractor'])) return null;
  return value as unknown as StoredSet;
}

const placeBins = 100;
const maxEdits = 200;

/** A compiled set on disk: examples with their table, report, recipe, card, and what the reader excluded. */
export class StoredCompiledSet {
  readonly folder: Folder;
  info: CompiledSet;
  checkpoint: Checkpoint | null = null;
  table = new ExampleTable();
  readonly excluded = new Set<string>();
  revision = 1;
  /** Open while a run writes; the file cannot be read in another way then. */
  writing: AppendFile | null = null;

  #places: Places = {
    gold: new Array<number>(placeBins).fill(0),
    distractor: new Array<number>(placeBins).fill(0),
  };
  /** How far the table on disk goes: a run is ahead of it. */
  #saved: Saved = { exampleCount: 0, checkpoint: null, places: structuredClone(this.#places) };
  #undo: Edit[] = [];
  #redo: Edit[] = [];
  #rejections: readonly Rejection[] | null = null;

  constructor(folder: Folder, info: CompiledSet) {
    this.folder = folder;
    this.info = info;
  }

  /** Reads a set as it was left; null when there is none that this version can read. */
  static async restore(folder: Folder): Promise<StoredCompiledSet | null> {
    const json = await folder.readText('set.json');
    if (json === null) return null;
    const stored = readStoredSet(json);
    if (!stored) return null;
    const { checkpoint, places } = stored;
    const wasRunning = stored.info.phase === 'running';
    // Earlier versions counted rows beyond the checkpoint, whose table was never written.
    const exampleCount = checkpoint?.exampleCount ?? stored.info.exampleCount;
    const set = new StoredCompiledSet(folder, {
      ...stored.info,
      exampleCount,
      phase: wasRunning ? 'interrupted' : stored.info.phase,
    });
    set.checkpoint = checkpoint;
    set.#places = places;
    set.#saved = { exampleCount, checkpoint, places: structuredClone(places) };
    const rows = await folder.readFile(`rows-${exampleCount}.bin`);
    const table = rows ? ExampleTable.load(new Uint8Array(await rows.arrayBuffer())) : null;
    if (table) set.table = table;
    const heldOut = await folder.readText('held-out.json');
    if (heldOut !== null) set.table.heldOut = new Set(JSON.parse(heldOut) as string[]);
    await set.#restoreEdits();
    return set;
  }

  async #restoreEdits(): Promise<void> {
    const json = await this.folder.readText('edits.json');
    if (json === null) return;
    try {
      const stored = JSON.parse(json) as { version: 1; undo: Edit[]; redo: Edit[]; excluded: string[] };
      if (!isEdits(stored.undo) || !isEdits(stored.redo)) return;
      for (const id of stored.excluded) this.excluded.add(id);
      this.#undo = stored.undo;
      this.#redo = stored.redo;
    } catch {
      // A damaged list of edits is as good as none: the examples themselves are unchanged.
    }
  }

  /** Writes the set's record; with `rows` also the table, as far as the checkpoint goes. */
  async save(rows: boolean): Promise<void> {
    const before = (await this.folder.list()).filter((name) => /^rows-\d+\.bin$/.test(name));
    const { exampleCount } = this.info;
    const name = `rows-${exampleCount}.bin`;
    if (rows) {
      await this.folder.writeFile(name, this.table.save());
      this.#saved = { exampleCount, checkpoint: this.checkpoint, places: structuredClone(this.#places) };
    }
    const { checkpoint, places } = this.#saved;
    const info = { ...this.info, exampleCount: this.#saved.exampleCount };
    const stored: StoredSet = { version: 1, info, checkpoint, places };
    await this.folder.writeText('set.json', JSON.stringify(stored));
    if (rows) for (const old of before) if (old !== name) await this.folder.remove(old);
  }

  /** Adds a row for a line that lies at [start, end) of examples.jsonl. */
  addRow(meta: ExampleMeta, facts: ExampleFacts, start: number, end: number): void {
    this.table.push(meta, facts, start, end);
    const count = (bins: number[], places: readonly number[]): void => {
      for (const place of places) {
        const bin = Math.min(placeBins - 1, Math.floor(place * placeBins));
        bins[bin] = (bins[bin] ?? 0) + 1;
      }
    };
    count(this.#places.gold, facts.goldPlaces);
    count(this.#places.distractor, facts.distractorPlaces);
  }

  /** Starts from nothing again. */
  clearRows(): void {
    this.table = new ExampleTable();
    this.#places.gold.fill(0);
    this.#places.distractor.fill(0);
  }

  positions(binCount: number): readonly EvidencePositions[] {
    const merge = (fine: readonly number[]): number[] => {
      const bins = new Array<number>(binCount).fill(0);
      fine.forEach((value, index) => {
        const bin = Math.min(binCount - 1, Math.floor((index / placeBins) * binCount));
        bins[bin] = (bins[bin] ?? 0) + value;
      });
      return bins;
    };
    return [
      { role: 'gold', counts: merge(this.#places.gold) },
      { role: 'distractor', counts: merge(this.#places.distractor) },
    ];
  }

  /** The questions of all that is not excluded. */
  async questions(): Promise<SetQuestions> {
    const ids: string[] = [];
    const kinds: Example['kind'][] = [];
    const questions: string[] = [];
    const tokens: number[] = [];
    for (let row = 0; row < this.table.length; row++) {
      if (this.excluded.has(this.table.id.at(row))) continue;
      const example = JSON.parse(await this.line(row)) as Example;
      ids.push(example.id);
      kinds.push(example.kind);
      questions.push(example.question);
      tokens.push(example.tokens.prompt);
    }
    return { ids, kinds, questions, tokens };
  }

  /** The bytes of a row's line. */
  async line(row: number): Promise<string> {
    const start = this.table.start.at(row);
    const end = this.table.end.at(row);
    if (this.writing) return new TextDecoder().decode(await this.writing.read(start, end));
    const file = await this.folder.readFile('examples.jsonl');
    if (!file) {
      throw new InputError('set-damaged', 'The examples of this set are not in the browser any more', {
        advice: 'Compile again.',
      });
    }
    return file.slice(start, end).text();
  }

  async example(id: string, query: Omit<ExampleQuery, 'offset' | 'limit' | 'setId'>): Promise<ExampleDetail> {
    const row = this.table.find(id);
    if (row === null) {
      throw new InputError('no-example', `There is no example “${id}” in this set`, {
        advice: 'It may have been compiled with other options: look in another set.',
      });
    }
    const example = JSON.parse(await this.line(row)) as Example;
    const order = this.table.rows(query.filter, query.sort, this.excluded, this.revision);
    const position = order.indexOf(row);
    const idAt = (at: number): string | null => {
      const other = position < 0 ? undefined : order[at];
      return other === undefined ? null : this.table.id.at(other);
    };
    return {
      row: this.table.row(row, this.excluded),
      example,
      neighbours: {
        previous: idAt(position - 1),
        next: idAt(position + 1),
        position: position < 0 ? null : position,
        total: order.length,
      },
    };
  }

  /** The first example that came from a trajectory; most often it has the trajectory's id. */
  async exampleOf(trajectoryId: string): Promise<Example | null> {
    const { table } = this;
    const named = table.find(trajectoryId);
    let row = named !== null && table.trajectoryId.at(named) === trajectoryId ? named : -1;
    for (let at = 0; row < 0 && at < table.length; at++)
      if (table.trajectoryId.at(at) === trajectoryId) row = at;
    return row < 0 ? null : (JSON.parse(await this.line(row)) as Example);
  }

  async report(): Promise<SetReport> {
    const json = await this.folder.readText('report.json');
    if (json === null) {
      throw new InputError('no-report', 'This set has no report yet', { advice: 'Let the run finish.' });
    }
    return JSON.parse(json) as SetReport;
  }

  async rejections(): Promise<readonly Rejection[]> {
    if (this.#rejections) return this.#rejections;
    if ((await this.folder.readText('report.json')) === null) return [];
    this.#rejections = (await this.report()).rejections;
    return this.#rejections;
  }

  /** Rejections so far, while a run is under way. */
  set liveRejections(rejections: readonly Rejection[] | null) {
    this.#rejections = rejections;
  }

  #apply(edit: Edit, isReverse: boolean): void {
    for (const id of edit.ids) {
      if (edit.excluded !== isReverse) this.excluded.add(id);
      else this.excluded.delete(id);
    }
    this.revision++;
    this.info = { ...this.info, excludedCount: this.excluded.size };
  }

  async #saveEdits(): Promise<void> {
    const edits = { version: 1, undo: this.#undo, redo: this.#redo, excluded: [...this.excluded] };
    await this.folder.writeText('edits.json', JSON.stringify(edits));
    await this.save(false);
  }

  /** Excludes or includes; ids that are so already are left out of the step, so that undo gives back the state. */
  async exclude(ids: readonly string[], excluded: boolean, label: string): Promise<EditHistory> {
    const changing = ids.filter((id) => this.table.find(id) !== null && this.excluded.has(id) !== excluded);
    if (changing.length > 0) {
      const edit = { label, ids: changing, excluded };
      this.#apply(edit, false);
      this.#undo = [...this.#undo, edit].slice(-maxEdits);
      this.#redo = [];
      await this.#saveEdits();
    }
    return this.history();
  }

  async undo(): Promise<EditHistory> {
    const edit = this.#undo.pop();
    if (edit) {
      this.#apply(edit, true);
      this.#redo.push(edit);
      await this.#saveEdits();
    }
    return this.history();
  }

  async redo(): Promise<EditHistory> {
    const edit = this.#redo.pop();
    if (edit) {
      this.#apply(edit, false);
      this.#undo.push(edit);
      await this.#saveEdits();
    }
    return this.history();
  }

  history(): EditHistory {
    return { undo: this.#undo.at(-1)?.label ?? null, redo: this.#redo.at(-1)?.label ?? null };
  }
}
