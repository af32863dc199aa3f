import type { EvidenceSource } from '../compile/types.ts';
import { InputError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import { openTrajectory } from '../trajectories/import.ts';
import { readParquetRow } from '../trajectories/io/parquetWindows.ts';
import { blobSource, joinBytes, memorySource } from '../trajectories/io/sources.ts';
import type { ByteSource } from '../core/byteSource.ts';
import type { Step, Trajectory } from '../trajectories/schema.ts';
import type {
  RawText,
  SourceLocation,
  TextHit,
  TextHits,
  TrajectoryDetail,
  TrajectoryQuery,
} from './dataApi.ts';
import { openedPath } from './compilePlan.ts';
import { openInside, openMember } from './projectFiles.ts';
import type { ProjectSession } from './projectSession.ts';

/** Characters of one step that are sent to the page at once. */
export const textLimit = 256 * 1024;
const keptTrajectories = 4;

interface RawForms {
  readonly raw: string;
  readonly verbatim: boolean;
  json: string | null;
}

/** Opens records of the project, each by reading only its own bytes or row; the last few are kept. */
export class RecordReader {
  readonly #session: ProjectSession;
  readonly #trajectories = new Map<string, Trajectory>();
  readonly #raw = new Map<string, RawForms>();

  constructor(session: ProjectSession) {
    this.#session = session;
  }

  /** Files were removed or replaced. */
  forget(): void {
    this.#trajectories.clear();
    this.#raw.clear();
  }

  #rowOf(id: string): number {
    const row = this.#session.index.find(id);
    if (row === null) {
      throw new InputError('no-trajectory', `There is no trajectory “${id}” in this project`, {
        advice: 'Its file may have been removed, or the link belongs to another project.',
      });
    }
    return row;
  }

  /** The opened file that a row's record is in (an archive itself, not its member). */
  async #blob(row: number): Promise<{ readonly path: string; readonly blob: Blob }> {
    const { index } = this.#session;
    const path = openedPath(index.file.at(row));
    return { path, blob: await openMember(this.#session, index.fileId.at(row), path) };
  }

  /** The trajectory of a row, read again from its file. */
  async read(row: number): Promise<Trajectory> {
    const { index } = this.#session;
    const id = index.id.at(row);
    const known = this.#trajectories.get(id);
    if (known) {
      this.#trajectories.delete(id);
      this.#trajectories.set(id, known);
      return known;
    }
    const { path, blob } = await this.#blob(row);
    const trajectory = await openTrajectory(blobSource(path, blob), index.locator(row));
    this.#trajectories.set(id, trajectory);
    keepLast(this.#trajectories, keptTrajectories);
    return trajectory;
  }

  /** Null when it is not in the project. */
  async readById(id: string): Promise<Trajectory | null> {
    const row = this.#session.index.find(id);
    return row === null ? null : this.read(row);
  }

  async open(id: string, query: Pick<TrajectoryQuery, 'filter' | 'sort'>): Promise<TrajectoryDetail> {
    const { index, queries } = this.#session;
    const row = this.#rowOf(id);
    const trajectory = await this.read(row);
    const textLengths = trajectory.steps.map((step) => step.text.length);
    const order = queries.rows(query.filter, query.sort);
    const position = order.indexOf(row);
    const idAt = (at: number): string | null => {
      const other = position < 0 ? undefined : order[at];
      return other === undefined ? null : index.id.at(other);
    };
    return {
      row: index.row(row, (format) => this.#session.formatLabel(format)),
      trajectory: { ...trajectory, steps: trajectory.steps.map(cutStep) },
      textLimit,
      textLengths,
      neighbours: {
        previous: idAt(position - 1),
        next: idAt(position + 1),
        position: position < 0 ? null : position,
        total: order.length,
      },
    };
  }

  async stepText(id: string, stepIndex: number, start: number, end: number): Promise<string> {
    const trajectory = await this.read(this.#rowOf(id));
    return trajectory.steps[stepIndex]?.text.slice(start, end) ?? '';
  }

  async search(id: string, text: string, limit: number): Promise<TextHits> {
    const trajectory = await this.read(this.#rowOf(id));
    const wanted = text.toLowerCase();
    const hits: TextHit[] = [];
    if (wanted === '') return { hits, more: false };
    for (const step of trajectory.steps) {
      const folded = foldCase(step.text);
      for (let at = folded.indexOf(wanted); at >= 0; at = folded.indexOf(wanted, at + wanted.length)) {
        if (hits.length === limit) return { hits, more: true };
        hits.push({ stepIndex: step.index, start: at, end: at + wanted.length });
      }
    }
    return { hits, more: false };
  }

  async raw(id: string, form: 'raw' | 'json', start: number, end: number): Promise<RawText> {
    const row = this.#rowOf(id);
    let forms = this.#raw.get(id);
    if (!forms) {
      forms = await this.#readRaw(row);
      this.#raw.set(id, forms);
      keepLast(this.#raw, 1);
    }
    let text = forms.raw;
    if (form === 'json') text = forms.json ??= indented(forms.raw);
    const { place } = this.#session.index.locator(row);
    const isBytes = form === 'raw' && place.type === 'bytes';
    const stop = Math.min(end, text.length);
    return {
      text: text.slice(start, stop),
      start,
      end: stop,
      length: text.length,
      byteStart: isBytes ? place.start : null,
      byteEnd: isBytes ? place.end : null,
      verbatim: form === 'raw' && forms.verbatim,
    };
  }

  async #readRaw(row: number): Promise<RawForms> {
    const locator = this.#session.index.locator(row);
    const { path, blob } = await this.#blob(row);
    const file = await openInside(path, blob, locator.chain);
    const { place } = locator;
    if (place.type === 'row') {
      const held = file.seekable && file.sizeBytes !== null ? file : await inMemory(file);
      const value = await readParquetRow(held, place);
      return { raw: JSON.stringify(value, null, 2), verbatim: false, json: null };
    }
    const bytes = place.type === 'bytes' ? await file.read(place.start, place.end) : await wholeOf(file);
    return { raw: new TextDecoder().decode(bytes), verbatim: true, json: null };
  }

  /** The step that shows what a piece of evidence is; null when the record no longer has it. */
  async locate(id: string, source: EvidenceSource): Promise<SourceLocation | null> {
    const trajectory = await this.read(this.#rowOf(id));
    const at = (step: Step, start: number, end: number): SourceLocation => ({
      trajectoryId: id,
      stepIndex: step.index,
      start,
      end,
    });
    const from = source.start ?? 0;
    for (const step of trajectory.steps) {
      if (step.at.path !== source.path || step.at.record !== source.record || !step.range) continue;
      const to = source.end ?? step.range.end;
      if (from >= step.range.start && to <= step.range.end) {
        return at(step, from - step.range.start, to - step.range.start);
      }
    }
    // A text decoded from another form (or a table) has no exact place: its step is shown whole.
    const seen = trajectory.documents.find(
      ({ span }) => span.path === source.path && span.record === source.record && span.start === from,
    );
    const query = trajectory.queries.find((run) =>
      run.tables.some((table) => source.path.toLowerCase().endsWith(`/${table.toLowerCase()}`)),
    );
    const step =
      trajectory.steps[seen?.stepIndex ?? query?.stepIndex ?? -1] ??
      trajectory.steps.find((each) => each.turn === source.turn && each.type === 'toolResult') ??
      trajectory.steps.find((each) => each.turn === source.turn);
    return step ? at(step, 0, step.text.length) : null;
  }
}

function keepLast(map: Map<string, unknown>, count: number): void {
  for (const key of map.keys()) {
    if (map.size <= count) return;
    map.delete(key);
  }
}

function cutStep(step: Step): Step {
  if (step.text.length <= textLimit) return step;
  const code = step.text.charCodeAt(textLimit - 1);
  return { ...step, text: step.text.slice(0, code >= 0xd800 && code < 0xdc00 ? textLimit - 1 : textLimit) };
}

/** Lower case of the same length, so that offsets stay true (a few letters grow when folded). */
function foldCase(text: string): string {
  const folded = text.toLowerCase();
  return folded.length === text.length
    ? folded
    : text.replace(/./gsu, (character) => {
        const lower = character.toLowerCase();
        return lower.length === character.length ? lower : character;
      });
}

function indented(raw: string): string {
  try {
    return JSON.stringify(JSON.parse(raw) as JsonValue, null, 2);
  } catch {
    // JSON lines of a run that fills its file, or text: value by value.
    const lines = raw.split('\n').filter((line) => line.trim() !== '');
    const values: string[] = [];
    for (const line of lines) {
      try {
        values.push(JSON.stringify(JSON.parse(line) as JsonValue, null, 2));
      } catch {
        return raw;
      }
    }
    return values.join('\n');
  }
}

async function wholeOf(source: ByteSource): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const chunk of source.stream()) pieces.push(chunk);
  return joinBytes(pieces);
}

async function inMemory(source: ByteSource): Promise<ByteSource> {
  return memorySource(source.name, await wholeOf(source));
}
