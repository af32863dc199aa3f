import { readFileSync } from 'node:fs';
import { unzipSync } from 'fflate';
import { isObject, type JsonValue } from '../../../src/core/json.ts';
import type {
  DraftTrajectory,
  FormatAdapter,
  FormatSample,
  RawRecord,
} from '../../../src/trajectories/format.ts';
import { engineeringFormats } from '../../../src/trajectories/formats/engineeringFormats.ts';
import { researchFormats } from '../../../src/trajectories/formats/researchFormats.ts';
import type { Issue } from '../../../src/trajectories/schema.ts';
import { sharedPath } from '../../helpers/shared.ts';
import { expectSound } from '../blocks/provenance.ts';

export interface Reading {
  readonly format: string | null;
  readonly certainty: number;
  readonly runs: readonly DraftTrajectory[];
  readonly values: readonly JsonValue[];
  readonly issues: readonly Issue[];
}

type Container = FormatSample['container'];

/** Reads values with the adapter that is surest of them, among all formats. */
export function readValues(
  values: readonly JsonValue[],
  container: Container = 'json',
  options: { file?: string; envelope?: JsonValue | null } = {},
): Reading {
  const file = options.file ?? 'sample.json';
  const envelope = options.envelope ?? null;
  const records = values.map((value, record): RawRecord => ({
    file,
    record,
    byteStart: null,
    byteEnd: null,
    key: null,
    value,
  }));
  const sample = { file, container, records: records.slice(0, 20), envelope };
  let best: FormatAdapter | null = null;
  let certainty = 0;
  for (const adapter of [...engineeringFormats, ...researchFormats]) {
    const detection = adapter.detect(sample);
    if (detection && detection.certainty > certainty) [best, certainty] = [adapter, detection.certainty];
  }
  return best === null
    ? { format: null, certainty, runs: [], values, issues: [] }
    : { ...readWith(best, values, container, file, envelope), certainty };
}

/** Reads values with this adapter, recognised or not. */
export function readWith(
  adapter: FormatAdapter,
  values: readonly JsonValue[],
  container: Container = 'json',
  file = 'sample.json',
  envelope: JsonValue | null = null,
): Reading {
  const records = values.map((value, record): RawRecord => ({
    file,
    record,
    byteStart: null,
    byteEnd: null,
    key: null,
    value,
  }));
  adapter.detect({ file, container, records: records.slice(0, 20), envelope });
  const issues: Issue[] = [];
  const context = { envelope, report: (issue: Issue) => issues.push(issue) };
  const runs =
    records.length === 0
      ? []
      : adapter.unit === 'file'
        ? adapter.read(records, context)
        : records.flatMap((record) => adapter.read([record], context));
  return { format: adapter.id, certainty: 1, runs, values, issues };
}

/** Reads a recorded file: lines, an array of records, one value, or the samples of an `.eval` archive. */
export function readRecorded(path: string): Reading {
  const bytes = readFileSync(sharedPath(`trajectories/${path}`));
  if (path.endsWith('.eval')) {
    const entries = unzipSync(bytes);
    const parse = (name: string) => JSON.parse(new TextDecoder().decode(entries[name])) as JsonValue;
    const samples = Object.keys(entries).filter((name) => name.startsWith('samples/'));
    return readValues(samples.map(parse), 'json', { file: path, envelope: parse('header.json') });
  }
  const text = bytes.toString('utf8');
  if (path.endsWith('.jsonl')) {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    const values = lines.map((line) => JSON.parse(line) as JsonValue);
    return readValues(values, 'json-lines', { file: path });
  }
  const value = JSON.parse(text) as JsonValue;
  return Array.isArray(value)
    ? readValues(value, 'json-array', { file: path })
    : readValues([value], 'json', { file: path });
}

/** Provenance of every step, and that task, answer, patch and truth stand where they say. */
export function expectTraced(reading: Reading): void {
  for (const run of reading.runs) {
    expectSound(run.steps, reading.values);
  }
}

/** Names of the tools called, with counts. */
export function toolCounts(run: DraftTrajectory): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const step of run.steps) {
    if (step.type === 'toolCall' && !step.isDemonstration) counts[step.name] = (counts[step.name] ?? 0) + 1;
  }
  return counts;
}

/** Number of calls of a run. */
export function callCount(run: DraftTrajectory): number {
  return run.steps.filter((step) => step.type === 'toolCall').length;
}

/** A copy without some keys, chosen by a function of a running number: for damage tests. */
export function withoutKeys(value: JsonValue, drop: () => boolean): JsonValue {
  if (Array.isArray(value)) return value.filter(() => !drop()).map((item) => withoutKeys(item, drop));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (drop() ? [] : [[key, withoutKeys(item, drop)]])),
  );
}

/** A copy with other values in some places, as `swap` gives them. */
export function withOtherValues(value: JsonValue, swap: () => JsonValue | undefined): JsonValue {
  const other = swap();
  if (other !== undefined) return other;
  if (Array.isArray(value)) return value.map((item) => withOtherValues(item, swap));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withOtherValues(item, swap)]));
}
