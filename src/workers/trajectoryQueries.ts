import type {
  Histogram,
  SuccessValue,
  TrajectoryFacets,
  TrajectoryFilter,
  TrajectoryNumberColumn,
  TrajectoryQuery,
  TrajectorySortColumn,
} from './dataApi.ts';
import {
  facetValues,
  histogramOf,
  selectRows,
  sortRows,
  textRestriction,
  visitFacets,
  type Restriction,
} from './tableQuery.ts';
import type { TrajectoryIndex } from './trajectoryIndex.ts';

const histogramColumns = new Set<string>([
  'turnCount',
  'stepCount',
  'toolCallCount',
  'documentCount',
  'queryCount',
  'characterCount',
  'issueCount',
] satisfies TrajectoryNumberColumn[]);

function successAt(index: TrajectoryIndex, row: number): SuccessValue {
  const success = index.success.at(row);
  return Number.isNaN(success) ? 'unknown' : success === 1 ? 'yes' : 'no';
}

const successLabels: Record<SuccessValue, string> = {
  yes: 'Succeeded',
  no: 'Failed',
  unknown: 'Not recorded',
};
const kindLabels: Record<string, string> = { search: 'Search', swe: 'SWE', sql: 'SQL', other: 'Other' };

/** Answers the questions of the table over an index; the last order is kept for the next page of it. */
export class TrajectoryQueries {
  #index: TrajectoryIndex;
  #formatLabel: (id: string) => string;
  #filePath: (id: number) => string;
  #order: { key: string; rows: Uint32Array } | null = null;
  #text: { query: string; length: number; restriction: Restriction | null } | null = null;

  constructor(index: TrajectoryIndex, formatLabel: (id: string) => string, filePath: (id: number) => string) {
    this.#index = index;
    this.#formatLabel = formatLabel;
    this.#filePath = filePath;
  }

  /** Call when rows were added or changed. */
  invalidate(): void {
    this.#order = null;
  }

  #restrictions(filter: TrajectoryFilter): Restriction[] {
    const index = this.#index;
    const restrictions: Restriction[] = [];
    const add = (name: string, passes: (row: number) => boolean): void => {
      restrictions.push({ name, passes });
    };
    if (filter.kinds) {
      const codes = new Set(filter.kinds.map((kind) => index.kind.codeFor(kind)));
      add('kinds', (row) => codes.has(index.kind.codeAt(row)));
    }
    if (filter.formats) {
      const codes = new Set(filter.formats.map((format) => index.format.codeFor(format)));
      add('formats', (row) => codes.has(index.format.codeAt(row)));
    }
    if (filter.fileIds) {
      const ids = new Set(filter.fileIds);
      add('files', (row) => ids.has(index.fileId.at(row)));
    }
    if (filter.success) {
      const wanted = new Set<string>(filter.success);
      add('success', (row) => wanted.has(successAt(index, row)));
    }
    if (filter.onlyWithIssues) add('issues', (row) => index.numbers.issueCount.at(row) > 0);
    for (const { column, min, max } of filter.ranges) {
      if (!histogramColumns.has(column)) continue;
      const values = index.numbers[column];
      const least = min ?? -Infinity;
      const most = max ?? Infinity;
      add(`range:${column}`, (row) => values.at(row) >= least && values.at(row) <= most);
    }
    if (filter.excluded !== 'show') {
      const wanted = filter.excluded === 'only' ? 1 : 0;
      add('excluded', (row) => index.excluded.at(row) === wanted);
    }
    if (this.#text?.query !== filter.text || this.#text.length !== index.length) {
      const restriction = textRestriction(
        filter.text,
        [index.task, index.answer, index.id],
        [index.file, index.format, index.tools],
      );
      this.#text = { query: filter.text, length: index.length, restriction };
    }
    // Last: it is the dearest, and rows that fail an earlier one are never decoded.
    if (this.#text.restriction) restrictions.push(this.#text.restriction);
    return restrictions;
  }

  /** Numbers of all rows that match, in the asked order. */
  rows(filter: TrajectoryFilter, sort: TrajectoryQuery['sort']): Uint32Array {
    const key = JSON.stringify([filter, sort, this.#index.length]);
    if (this.#order?.key === key) return this.#order.rows;
    const matching = selectRows(this.#index.length, this.#restrictions(filter));
    const rows = this.#sorted(matching, sort.column, sort.descending);
    this.#order = { key, rows };
    return rows;
  }

  #sorted(rows: Uint32Array, column: TrajectorySortColumn, descending: boolean): Uint32Array {
    const index = this.#index;
    switch (column) {
      case 'row':
        return descending ? rows.slice().reverse() : rows;
      case 'id':
        return sortRows(rows, { text: (row) => index.id.at(row) }, descending);
      case 'kind':
        return sortRows(rows, { text: (row) => index.kind.at(row) }, descending);
      case 'format':
        return sortRows(rows, { text: (row) => index.format.at(row) }, descending);
      case 'file':
        return sortRows(rows, { text: (row) => index.file.at(row) }, descending);
      case 'task':
        return sortRows(rows, { text: (row) => index.task.at(row).toLowerCase() }, descending);
      case 'answer':
        return sortRows(rows, { text: (row) => index.answer.at(row).toLowerCase() }, descending);
      case 'success':
        return sortRows(rows, { number: (row) => index.success.at(row) }, descending);
      case 'reward':
        return sortRows(rows, { number: (row) => index.reward.at(row) }, descending);
      default:
        return sortRows(rows, { number: (row) => index.numbers[column].at(row) }, descending);
    }
  }

  facets(filter: TrajectoryFilter, revision: number): TrajectoryFacets {
    const index = this.#index;
    const kinds = new Map<string, number>();
    const formats = new Map<string, number>();
    const success = new Map<string, number>();
    const files = new Map<string, number>();
    let total = 0;
    let withIssues = 0;
    let excluded = 0;
    const count = (counts: Map<string, number>, value: string): void => {
      counts.set(value, (counts.get(value) ?? 0) + 1);
    };
    visitFacets(index.length, this.#restrictions(filter), (row, failed) => {
      if (failed === null) total++;
      if (failed === null || failed === 'kinds') count(kinds, index.kind.at(row));
      if (failed === null || failed === 'formats') count(formats, index.format.at(row));
      if (failed === null || failed === 'success') count(success, successAt(index, row));
      if (failed === null || failed === 'files') count(files, String(index.fileId.at(row)));
      if ((failed === null || failed === 'issues') && index.numbers.issueCount.at(row) > 0) withIssues++;
      if ((failed === null || failed === 'excluded') && index.excluded.at(row) === 1) excluded++;
    });
    return {
      revision,
      total,
      kinds: facetValues(kinds, (kind) => kindLabels[kind] ?? kind),
      formats: facetValues(formats, this.#formatLabel),
      success: facetValues(success, (value) => successLabels[value as SuccessValue]),
      files: facetValues(files, (id) => this.#filePath(Number(id))),
      withIssues,
      excluded,
    };
  }

  histogram(filter: TrajectoryFilter, column: TrajectoryNumberColumn, binCount: number): Histogram {
    // The column's own range does not restrict its histogram: the brush stays adjustable.
    const open = { ...filter, ranges: filter.ranges.filter((range) => range.column !== column) };
    const rows = selectRows(this.#index.length, this.#restrictions(open));
    const values = this.#index.numbers[column];
    return histogramOf(
      rows,
      (row) => values.at(row),
      (row) => this.#index.kindAt(row),
      { binCount },
    );
  }
}
