import type { ContainerStep, EnvelopePlace, TrajectoryLocator } from '../trajectories/io/locator.ts';
import type { AgentKind, TrajectorySummary } from '../trajectories/schema.ts';
import {
  InternedColumn,
  loadColumns,
  NumberColumn,
  saveColumns,
  TextColumn,
  type Column,
} from './columns.ts';
import type { TrajectoryNumberColumn, TrajectoryRow } from './dataApi.ts';

type RowPages = Extract<TrajectoryLocator['place'], { type: 'row' }>['pages'];

const successCode = (success: boolean | null): number | null => (success === null ? null : Number(success));

/**
 * All trajectories of a project: what the table shows and where each record lies. About 700 bytes a
 * row, all in typed arrays; the trajectories themselves are read again when opened.
 */
export class TrajectoryIndex {
  readonly id = new TextColumn();
  readonly fileId = new NumberColumn();
  readonly file = new InternedColumn();
  readonly format = new InternedColumn();
  readonly kind = new InternedColumn();
  readonly inferredKind = new InternedColumn();
  readonly kindReason = new InternedColumn();
  readonly task = new TextColumn();
  readonly answer = new TextColumn();
  readonly tools = new InternedColumn();
  readonly success = new NumberColumn();
  readonly reward = new NumberColumn();
  readonly record = new NumberColumn();
  readonly excluded = new NumberColumn();
  readonly numbers: Readonly<Record<TrajectoryNumberColumn, NumberColumn>> = {
    turnCount: new NumberColumn(),
    stepCount: new NumberColumn(),
    toolCallCount: new NumberColumn(),
    documentCount: new NumberColumn(),
    queryCount: new NumberColumn(),
    characterCount: new NumberColumn(),
    issueCount: new NumberColumn(),
  };
  // Locator
  readonly #chain = new InternedColumn();
  readonly #layout = new InternedColumn();
  readonly #key = new TextColumn();
  readonly #placeType = new InternedColumn();
  readonly #placeStart = new NumberColumn();
  readonly #placeEnd = new NumberColumn();
  readonly #placePages = new InternedColumn();
  readonly #envelope = new InternedColumn();
  readonly #draft = new NumberColumn();

  #rowOf = new Map<string, number>();

  get length(): number {
    return this.fileId.length;
  }

  /** Adds a row; the id is made unique in the project by a suffix. Returns the id it got. */
  push(summary: TrajectorySummary, tools: string, locator: TrajectoryLocator, fileId: number): string {
    const id = this.#freeId(summary.id);
    this.#rowOf.set(id, this.length);
    this.id.push(id);
    this.fileId.push(fileId);
    this.file.push(summary.file);
    this.format.push(summary.format);
    this.kind.push(summary.kind);
    this.inferredKind.push(summary.kind);
    this.kindReason.push(summary.kindReason);
    this.task.push(summary.taskPreview);
    this.answer.push(summary.answerPreview);
    this.tools.push(tools);
    this.success.push(successCode(summary.success));
    this.reward.push(summary.reward);
    this.record.push(summary.record);
    this.excluded.push(0);
    for (const [name, column] of Object.entries(this.numbers)) {
      column.push(summary[name as TrajectoryNumberColumn]);
    }
    this.#chain.push(JSON.stringify(locator.chain));
    this.#layout.push(locator.layout);
    this.#key.push(locator.key === null ? '' : `=${locator.key}`);
    this.#placeType.push(locator.place.type);
    const { place } = locator;
    this.#placeStart.push(place.type === 'bytes' ? place.start : place.type === 'row' ? place.row : null);
    this.#placeEnd.push(place.type === 'bytes' ? place.end : null);
    this.#placePages.push(place.type === 'row' ? JSON.stringify(place.pages) : '');
    this.#envelope.push(JSON.stringify(locator.envelope));
    this.#draft.push(locator.draft);
    return id;
  }

  #freeId(wanted: string): string {
    if (!this.#rowOf.has(wanted)) return wanted;
    for (let n = 2; ; n++) {
      const id = `${wanted}~${n}`;
      if (!this.#rowOf.has(id)) return id;
    }
  }

  /** The row of an id, or null. */
  find(id: string): number | null {
    return this.#rowOf.get(id) ?? null;
  }

  kindAt(row: number): AgentKind {
    return this.kind.at(row) as AgentKind;
  }

  locator(row: number): TrajectoryLocator {
    const key = this.#key.at(row);
    const type = this.#placeType.at(row);
    const start = this.#placeStart.at(row);
    return {
      id: this.id.at(row),
      file: this.file.at(row),
      chain: JSON.parse(this.#chain.at(row)) as ContainerStep[],
      layout: this.#layout.at(row) as TrajectoryLocator['layout'],
      format: this.format.at(row),
      record: this.record.at(row),
      key: key === '' ? null : key.slice(1),
      place:
        type === 'bytes'
          ? { type, start, end: this.#placeEnd.at(row) }
          : type === 'row'
            ? { type, row: start, pages: JSON.parse(this.#placePages.at(row)) as RowPages }
            : { type: 'file' },
      envelope: JSON.parse(this.#envelope.at(row)) as EnvelopePlace | null,
      draft: this.#draft.at(row),
    };
  }

  sizeBytes(row: number): number | null {
    return this.#placeType.at(row) === 'bytes' ? this.#placeEnd.at(row) - this.#placeStart.at(row) : null;
  }

  summary(row: number): TrajectorySummary {
    const success = this.success.orNull(row);
    const number = (name: TrajectoryNumberColumn): number => this.numbers[name].at(row);
    return {
      id: this.id.at(row),
      format: this.format.at(row),
      file: this.file.at(row),
      record: this.record.at(row),
      kind: this.kindAt(row),
      kindReason: this.kindReason.at(row),
      taskPreview: this.task.at(row),
      answerPreview: this.answer.at(row),
      success: success === null ? null : success === 1,
      reward: this.reward.orNull(row),
      turnCount: number('turnCount'),
      stepCount: number('stepCount'),
      toolCallCount: number('toolCallCount'),
      documentCount: number('documentCount'),
      queryCount: number('queryCount'),
      characterCount: number('characterCount'),
      issueCount: number('issueCount'),
    };
  }

  row(row: number, formatLabel: (id: string) => string): TrajectoryRow {
    return {
      ...this.summary(row),
      row,
      fileId: this.fileId.at(row),
      formatLabel: formatLabel(this.format.at(row)),
      inferredKind: this.inferredKind.at(row) as AgentKind,
      excluded: this.excluded.at(row) === 1,
      sizeBytes: this.sizeBytes(row),
    };
  }

  /** A copy without the rows of one file. */
  without(fileId: number): TrajectoryIndex {
    const kept = new TrajectoryIndex();
    for (let row = 0; row < this.length; row++) {
      if (this.fileId.at(row) === fileId) continue;
      const summary = { ...this.summary(row), kind: this.inferredKind.at(row) as AgentKind };
      kept.push(summary, this.tools.at(row), this.locator(row), this.fileId.at(row));
      kept.kind.set(kept.length - 1, this.kind.at(row));
      kept.excluded.set(kept.length - 1, this.excluded.at(row));
    }
    return kept;
  }

  #columns(): Record<string, Column> {
    const { id, fileId, file, format, kind, inferredKind, kindReason, task, answer, tools } = this;
    const { success, reward, record, excluded } = this;
    return {
      ...{ id, fileId, file, format, kind, inferredKind, kindReason, task, answer, tools },
      ...{ success, reward, record, excluded, ...this.numbers },
      ...{ chain: this.#chain, layout: this.#layout, key: this.#key, placeType: this.#placeType },
      ...{ placeStart: this.#placeStart, placeEnd: this.#placeEnd, envelope: this.#envelope },
      placePages: this.#placePages,
      draft: this.#draft,
    };
  }

  save(): Blob {
    return saveColumns(this.#columns(), this.length);
  }

  /** The index written by `save`; null when the bytes are of another version or damaged. */
  static load(bytes: Uint8Array): TrajectoryIndex | null {
    const index = new TrajectoryIndex();
    if (!loadColumns(index.#columns(), bytes)) return null;
    for (let row = 0; row < index.length; row++) index.#rowOf.set(index.id.at(row), row);
    return index;
  }
}
