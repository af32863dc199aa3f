import type { AgentKind } from '../trajectories/schema.ts';
import type { InternedColumn, TextColumn } from './columns.ts';
import type { FacetValue, Histogram } from './dataApi.ts';

/** One condition on a row. A facet counts under all restrictions but its own. */
export interface Restriction {
  readonly name: string;
  readonly passes: (row: number) => boolean;
}

/** Rows that pass everything, in table order. */
export function selectRows(rowCount: number, restrictions: readonly Restriction[]): Uint32Array {
  const rows = new Uint32Array(rowCount);
  let length = 0;
  for (let row = 0; row < rowCount; row++) {
    if (restrictions.every((restriction) => restriction.passes(row))) rows[length++] = row;
  }
  return rows.slice(0, length);
}

/**
 * Visits each row with the name of the one restriction it fails, or null when it fails none. Rows that fail
 * two or more are counted by no facet and are skipped.
 */
export function visitFacets(
  rowCount: number,
  restrictions: readonly Restriction[],
  visit: (row: number, failed: string | null) => void,
): void {
  for (let row = 0; row < rowCount; row++) {
    let failed: string | null = null;
    let failures = 0;
    for (const restriction of restrictions) {
      if (restriction.passes(row)) continue;
      failed = restriction.name;
      if (++failures > 1) break;
    }
    if (failures <= 1) visit(row, failed);
  }
}

/** Tells whether a row holds a word (in lower case) in one of the columns. */
function wordMatcher(
  word: string,
  texts: readonly TextColumn[],
  interned: readonly InternedColumn[],
): (row: number) => boolean {
  const repeated = interned.map((column) => ({
    column,
    matches: column.values.map((value) => value.toLowerCase().includes(word)),
  }));
  const inRepeated = (row: number): boolean =>
    repeated.some(({ column, matches }) => matches[column.codeAt(row)] === true);
  if (/^[\x21-\x7e]+$/.test(word)) {
    const bytes = new TextEncoder().encode(word);
    return (row) => texts.some((column) => column.hasWord(row, bytes)) || inRepeated(row);
  }
  return (row) => texts.some((column) => column.at(row).toLowerCase().includes(word)) || inRepeated(row);
}

/** Tells for a text query whether a row has every word of it, each in any column. Null for the empty query. */
export function textRestriction(
  query: string,
  texts: readonly TextColumn[],
  interned: readonly InternedColumn[],
): Restriction | null {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  const matchers = words.map((word) => wordMatcher(word, texts, interned));
  // A row is looked at once for one query, however often the facets ask.
  const known = new Map<number, boolean>();
  return {
    name: 'text',
    passes: (row) => {
      let found = known.get(row);
      if (found === undefined) {
        found = matchers.every((matches) => matches(row));
        known.set(row, found);
      }
      return found;
    },
  };
}

/** Sorts rows by number (missing values last) or text; equal keys keep table order. */
export function sortRows(
  rows: Uint32Array,
  key: { readonly number: (row: number) => number } | { readonly text: (row: number) => string },
  descending: boolean,
): Uint32Array {
  const order = Uint32Array.from(rows, (_, i) => i);
  const sign = descending ? -1 : 1;
  if ('number' in key) {
    const keys = Float64Array.from(rows, (row) => key.number(row));
    order.sort((a, b) => {
      const x = keys[a]!;
      const y = keys[b]!;
      if (Number.isNaN(x) || Number.isNaN(y))
        return Number(Number.isNaN(x)) - Number(Number.isNaN(y)) || a - b;
      return sign * (x - y) || a - b;
    });
  } else {
    const keys = Array.from(rows, (row) => key.text(row));
    order.sort((a, b) => {
      const x = keys[a]!;
      const y = keys[b]!;
      // Rows without a text come last in both directions.
      if (x === '' || y === '') return Number(x === '') - Number(y === '') || a - b;
      return x < y ? -sign : x > y ? sign : a - b;
    });
  }
  return Uint32Array.from(order, (i) => rows[i]!);
}

/** Counts as facet values, most frequent first. */
export function facetValues(
  counts: ReadonlyMap<string, number>,
  labelOf: (value: string) => string = (value) => value,
): FacetValue[] {
  return [...counts]
    .map(([value, count]) => ({ value, label: labelOf(value), count }))
    .sort((a, b) => b.count - a.count || (a.value < b.value ? -1 : 1));
}

const kindOrder: readonly AgentKind[] = ['search', 'swe', 'sql', 'other'];

/** Value at a share of the sorted values, by the nearest-rank rule. */
function quantile(sorted: Float64Array, share: number): number | null {
  if (sorted.length === 0) return null;
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null;
}

/** A round number (1, 2, 2.5 or 5 times a power of ten) not below the wanted width. */
function roundWidth(wanted: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(wanted, 1e-9)));
  const factor = [1, 2, 2.5, 5, 10].find((step) => step * power >= wanted) ?? 10;
  return factor * power;
}

/** A value beside those of the rows. */
export interface KindValue {
  readonly kind: AgentKind;
  readonly value: number;
}

/** Rejected values beyond this many times the highest of the rows go into the last bin, or they would squeeze all. */
const rejectedReach = 2;

/**
 * Histogram of non-negative values, one series a kind. Bins are of equal round width; with `binCount` given
 * and values over more than three orders of magnitude, of equal ratio. `rejected` values are counted apart.
 */
export function histogramOf(
  rows: Uint32Array,
  valueOf: (row: number) => number,
  kindOf: (row: number) => AgentKind,
  bins: { readonly binCount: number } | { readonly binWidth: number },
  rejected: readonly KindValue[] = [],
): Histogram {
  const known = rows.filter((row) => !Number.isNaN(valueOf(row)));
  const values = Float64Array.from(known, valueOf).sort();
  const highestOfRows = values[values.length - 1] ?? 0;
  const reach = highestOfRows === 0 ? Infinity : rejectedReach * highestOfRows;
  const highest = rejected.reduce((most, { value }) => Math.max(most, Math.min(value, reach)), highestOfRows);
  const median = quantile(values, 0.5);
  const edges: number[] = [];
  let scale: Histogram['scale'] = 'linear';
  if ('binCount' in bins && highest > 1000 * Math.max(1, median ?? 1)) {
    scale = 'log';
    const ratio = Math.log(highest + 1) / bins.binCount;
    for (let i = 0; i <= bins.binCount; i++) edges.push(Math.expm1(ratio * i));
  } else {
    const width =
      'binWidth' in bins ? bins.binWidth : Math.max(1, roundWidth(Math.max(1, highest) / bins.binCount));
    const count = Math.max(1, Math.floor(highest / width) + 1);
    for (let i = 0; i <= count; i++) edges.push(i * width);
  }
  const binOf = (value: number): number => {
    let low = 0;
    let high = edges.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (value >= edges[middle]!) low = middle;
      else high = middle;
    }
    return low;
  };
  const counted = (items: Iterable<KindValue>): Histogram['series'] => {
    const counts = new Map<AgentKind, number[]>();
    for (const { kind, value } of items) {
      const series = counts.get(kind) ?? new Array<number>(edges.length - 1).fill(0);
      counts.set(kind, series);
      const bin = binOf(value);
      series[bin] = (series[bin] ?? 0) + 1;
    }
    return kindOrder.flatMap((kind) => {
      const series = counts.get(kind);
      return series ? [{ kind, counts: series }] : [];
    });
  };
  return {
    edges,
    series: counted(Array.from(known, (row) => ({ kind: kindOf(row), value: valueOf(row) }))),
    ...(rejected.length === 0 ? {} : { rejected: counted(rejected) }),
    scale,
    count: known.length,
    p50: median,
    p95: quantile(values, 0.95),
    highest: values[values.length - 1] ?? null,
  };
}
