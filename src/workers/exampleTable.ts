import type { ExampleMeta } from '../compile/setReducer.ts';
import type { AgentKind } from '../trajectories/schema.ts';
import {
  InternedColumn,
  loadColumns,
  NumberColumn,
  saveColumns,
  TextColumn,
  type Column,
} from './columns.ts';
import type { ExampleFacts } from './compileTask.ts';
import type {
  CheckOutcome,
  ExampleFacets,
  ExampleFilter,
  ExampleNumberColumn,
  ExampleQuery,
  ExampleRow,
  Histogram,
} from './dataApi.ts';
import {
  facetValues,
  histogramOf,
  type KindValue,
  selectRows,
  sortRows,
  textRestriction,
  visitFacets,
  type Restriction,
} from './tableQuery.ts';

const outcomeLabels: Readonly<Record<CheckOutcome, string>> = {
  fail: 'A check failed',
  warn: 'Warnings only',
  pass: 'All passed',
};
const kindLabels: Readonly<Record<string, string>> = {
  search: 'Search',
  swe: 'SWE',
  sql: 'SQL',
  other: 'Other',
};

/** Shown on examples of the evaluation split; it is a fact of the set, not of the example's line. */
export const heldOutFlag = 'held-out';

/** Rows of a compiled set: what its table shows and where each line lies in examples.jsonl. */
export class ExampleTable {
  readonly id = new TextColumn();
  readonly trajectoryId = new TextColumn();
  readonly kind = new InternedColumn();
  readonly file = new InternedColumn();
  readonly question = new TextColumn();
  readonly answer = new TextColumn();
  readonly flags = new InternedColumn();
  readonly numbers: Readonly<Record<ExampleNumberColumn, NumberColumn>> = {
    promptTokens: new NumberColumn(),
    completionTokens: new NumberColumn(),
    goldCount: new NumberColumn(),
    distractorCount: new NumberColumn(),
    droppedCount: new NumberColumn(),
  };
  readonly fail = new NumberColumn();
  readonly warn = new NumberColumn();
  readonly pass = new NumberColumn();
  /** Byte range of the line, without its line break. */
  readonly start = new NumberColumn();
  readonly end = new NumberColumn();

  /** Ids of the evaluation split: they share no document with the rest. */
  heldOut: ReadonlySet<string> = new Set();

  readonly #rowOf = new Map<string, number>();
  #order: { key: string; rows: Uint32Array } | null = null;

  get length(): number {
    return this.start.length;
  }

  push(meta: ExampleMeta, facts: ExampleFacts, start: number, end: number): void {
    this.#rowOf.set(meta.id, this.length);
    this.id.push(meta.id);
    this.trajectoryId.push(facts.trajectoryId);
    this.kind.push(meta.kind);
    this.file.push(meta.file);
    this.question.push(facts.questionPreview);
    this.answer.push(facts.answerPreview);
    this.flags.push(meta.flags.join('\n'));
    this.numbers.promptTokens.push(meta.prompt);
    this.numbers.completionTokens.push(meta.completion);
    this.numbers.goldCount.push(meta.goldCount);
    this.numbers.distractorCount.push(meta.distractorCount);
    this.numbers.droppedCount.push(facts.droppedCount);
    this.fail.push(facts.failCount);
    this.warn.push(facts.warnCount);
    this.pass.push(facts.passCount);
    this.start.push(start);
    this.end.push(end);
  }

  find(id: string): number | null {
    return this.#rowOf.get(id) ?? null;
  }

  outcome(row: number): CheckOutcome {
    return this.fail.at(row) > 0 ? 'fail' : this.warn.at(row) > 0 ? 'warn' : 'pass';
  }

  flagsAt(row: number): readonly string[] {
    const text = this.flags.at(row);
    const flags = text === '' ? [] : text.split('\n');
    return this.heldOut.size > 0 && this.heldOut.has(this.id.at(row)) ? [...flags, heldOutFlag] : flags;
  }

  row(row: number, excluded: ReadonlySet<string>): ExampleRow {
    const id = this.id.at(row);
    const start = this.start.at(row);
    return {
      row,
      id,
      kind: this.kind.at(row) as AgentKind,
      questionPreview: this.question.at(row),
      answerPreview: this.answer.at(row),
      promptTokens: this.numbers.promptTokens.at(row),
      completionTokens: this.numbers.completionTokens.at(row),
      goldCount: this.numbers.goldCount.at(row),
      distractorCount: this.numbers.distractorCount.at(row),
      droppedCount: this.numbers.droppedCount.at(row),
      failCount: this.fail.at(row),
      warnCount: this.warn.at(row),
      passCount: this.pass.at(row),
      flags: this.flagsAt(row),
      trajectoryId: this.trajectoryId.at(row),
      file: this.file.at(row),
      excluded: excluded.has(id),
      sizeBytes: this.end.at(row) - start,
    };
  }

  #restrictions(filter: ExampleFilter, excluded: ReadonlySet<string>): Restriction[] {
    const restrictions: Restriction[] = [];
    const add = (name: string, passes: (row: number) => boolean): void => {
      restrictions.push({ name, passes });
    };
    if (filter.kinds) {
      const codes = new Set(filter.kinds.map((kind) => this.kind.codeFor(kind)));
      add('kinds', (row) => codes.has(this.kind.codeAt(row)));
    }
    if (filter.flags) {
      const wanted = new Set(filter.flags);
      add('flags', (row) => this.flagsAt(row).some((flag) => wanted.has(flag)));
    }
    if (filter.outcomes) {
      const wanted = new Set(filter.outcomes);
      add('outcomes', (row) => wanted.has(this.outcome(row)));
    }
    for (const { column, min, max } of filter.ranges) {
      const values = this.numbers[column];
      add(`range:${column}`, (row) => values.at(row) >= min && values.at(row) <= max);
    }
    if (filter.excluded !== 'show') {
      const wanted = filter.excluded === 'only';
      add('excluded', (row) => excluded.has(this.id.at(row)) === wanted);
    }
    const text = textRestriction(filter.text, [this.question, this.answer, this.id], [this.flags, this.file]);
    if (text) restrictions.push(text);
    return restrictions;
  }

  /** Numbers of the rows that match, in order. `revision` names the state of the exclusions. */
  rows(
    filter: ExampleFilter,
    sort: ExampleQuery['sort'],
    excluded: ReadonlySet<string>,
    revision: number,
  ): Uint32Array {
    const key = JSON.stringify([filter, sort, this.length, revision]);
    if (this.#order?.key === key) return this.#order.rows;
    const matching = selectRows(this.length, this.#restrictions(filter, excluded));
    const rows = this.#sorted(matching, sort);
    this.#order = { key, rows };
    return rows;
  }

  #sorted(rows: Uint32Array, { column, descending }: ExampleQuery['sort']): Uint32Array {
    switch (column) {
      case 'row':
        return descending ? rows.slice().reverse() : rows;
      case 'id':
        return sortRows(rows, { text: (row) => this.id.at(row) }, descending);
      case 'kind':
        return sortRows(rows, { text: (row) => this.kind.at(row) }, descending);
      case 'question':
        return sortRows(rows, { text: (row) => this.question.at(row).toLowerCase() }, descending);
      case 'file':
        return sortRows(rows, { text: (row) => this.file.at(row) }, descending);
      case 'severity':
        // Worst first when ascending: failed checks are what a reader looks for.
        return sortRows(
          rows,
          { number: (row) => -(this.fail.at(row) * 1000 + this.warn.at(row)) },
          descending,
        );
      default:
        return sortRows(rows, { number: (row) => this.numbers[column].at(row) }, descending);
    }
  }

  facets(filter: ExampleFilter, excluded: ReadonlySet<string>, revision: number): ExampleFacets {
    const kinds = new Map<string, number>();
    const flags = new Map<string, number>();
    const outcomes = new Map<string, number>();
    const count = (counts: Map<string, number>, value: string): void => {
      counts.set(value, (counts.get(value) ?? 0) + 1);
    };
    let total = 0;
    let excludedCount = 0;
    visitFacets(this.length, this.#restrictions(filter, excluded), (row, failed) => {
      if (failed === null) total++;
      if (failed === null || failed === 'kinds') count(kinds, this.kind.at(row));
      if (failed === null || failed === 'flags') for (const flag of this.flagsAt(row)) count(flags, flag);
      if (failed === null || failed === 'outcomes') count(outcomes, this.outcome(row));
      if ((failed === null || failed === 'excluded') && excluded.has(this.id.at(row))) excludedCount++;
    });
    return {
      revision,
      total,
      kinds: facetValues(kinds, (kind) => kindLabels[kind] ?? kind),
      flags: facetValues(flags),
      outcomes: facetValues(outcomes, (outcome) => outcomeLabels[outcome as CheckOutcome]),
      excluded: excludedCount,
    };
  }

  histogram(
    filter: ExampleFilter,
    column: ExampleNumberColumn,
    binWidth: number | null,
    excluded: ReadonlySet<string>,
    rejected: readonly KindValue[] = [],
  ): Histogram {
    const open = { ...filter, ranges: filter.ranges.filter((range) => range.column !== column) };
    const rows = selectRows(this.length, this.#restrictions(open, excluded));
    const values = this.numbers[column];
    return histogramOf(
      rows,
      (row) => values.at(row),
      (row) => this.kind.at(row) as AgentKind,
      binWidth === null ? { binCount: 40 } : { binWidth },
      rejected,
    );
  }

  #columns(): Record<string, Column> {
    const { id, trajectoryId, kind, file, question, answer, flags, fail, warn, pass, start, end } = this;
    return {
      ...{ id, trajectoryId, kind, file, question, answer, flags, fail, warn, pass, start, end },
      ...this.numbers,
    };
  }

  save(): Blob {
    return saveColumns(this.#columns(), this.length);
  }

  static load(bytes: Uint8Array): ExampleTable | null {
    const table = new ExampleTable();
    if (!loadColumns(table.#columns(), bytes)) return null;
    for (let row = 0; row < table.length; row++) table.#rowOf.set(table.id.at(row), row);
    return table;
  }
}
