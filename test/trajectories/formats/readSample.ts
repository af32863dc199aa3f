import { readFileSync } from 'node:fs';
import type { JsonValue } from '../../../src/core/json.ts';
import { isObject } from '../../../src/core/json.ts';
import { completeTrajectory } from '../../../src/trajectories/extract/complete.ts';
import type { FormatAdapter, FormatSample, RawRecord } from '../../../src/trajectories/format.ts';
import { researchFormats } from '../../../src/trajectories/formats/researchFormats.ts';
import type { Issue, TextRef, Trajectory } from '../../../src/trajectories/schema.ts';
import { textAt } from '../../../src/trajectories/sourcePath.ts';
import { sharedPath } from '../../helpers/shared.ts';

export interface ReadSample {
  readonly format: string | null;
  readonly records: readonly RawRecord[];
  readonly runs: readonly Trajectory[];
  readonly issues: readonly Issue[];
}

/** Records as the importer would cut them, for small files: lines, array elements, map entries, or the whole. */
export function recordsOf(
  file: string,
  text: string,
): { records: RawRecord[]; container: FormatSample['container'] } {
  const record = (value: JsonValue, i: number, key: string | null = null): RawRecord => ({
    file,
    record: i,
    byteStart: null,
    byteEnd: null,
    key,
    value,
  });
  if (file.endsWith('.txt')) return { records: [record(text, 0)], container: 'text' };
  if (file.endsWith('.jsonl')) {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    return {
      records: lines.map((line, i) => record(JSON.parse(line) as JsonValue, i)),
      container: 'json-lines',
    };
  }
  const value = JSON.parse(text) as JsonValue;
  if (Array.isArray(value) && !('role' in (isObject(value[0]) ? value[0] : {}))) {
    return { records: value.map((item, i) => record(item, i)), container: 'json-array' };
  }
  const entries = isObject(value) ? Object.entries(value) : [];
  if (entries.length > 2 && entries.every(([key, item]) => /^\d+$/.test(key) && isObject(item))) {
    return { records: entries.map(([key, item], i) => record(item, i, key)), container: 'json-map' };
  }
  return { records: [record(value, 0)], container: 'json' };
}

/** Recognises records by these adapters and reads them completely. */
export function readRecords(
  records: readonly RawRecord[],
  container: FormatSample['container'],
  adapters: readonly FormatAdapter[] = researchFormats,
): ReadSample {
  const sample = { file: records[0]?.file ?? '', container, records: records.slice(0, 20), envelope: null };
  let best: FormatAdapter | null = null;
  let certainty = 0;
  for (const adapter of adapters) {
    const detection = adapter.detect(sample);
    if (detection && detection.certainty > certainty) [best, certainty] = [adapter, detection.certainty];
  }
  if (!best) return { format: null, records, runs: [], issues: [] };
  const adapter = best;
  const issues: Issue[] = [];
  const context = { envelope: null, report: (issue: Issue) => issues.push(issue) };
  const drafts =
    adapter.unit === 'file'
      ? adapter.read(records, context)
      : records.flatMap((record) => adapter.read([record], context));
  return { format: adapter.id, records, runs: drafts.map(completeTrajectory), issues };
}

/** Reads a recorded file from the shared folder. */
export function readShared(path: string, adapters: readonly FormatAdapter[] = researchFormats): ReadSample {
  const { records, container } = recordsOf(path, readFileSync(sharedPath(path), 'utf8'));
  return readRecords(records, container, adapters);
}

/** Reads one value as a file of one record. */
export function readValue(
  value: JsonValue,
  adapters: readonly FormatAdapter[] = researchFormats,
): ReadSample {
  const records = [{ file: 'sample.json', record: 0, byteStart: null, byteEnd: null, key: null, value }];
  return readRecords(records, typeof value === 'string' ? 'text' : 'json', adapters);
}

/** The characters that a place points to; null when they are not there. */
export function textOf(sample: ReadSample, span: TextRef): string | null {
  const record = sample.records.find((one) => one.record === span.record);
  const text = record ? textAt(record.value, span.path) : null;
  return text !== null && span.end <= text.length && span.start < span.end
    ? text.slice(span.start, span.end)
    : null;
}

/** Every broken promise of provenance in a sample: texts that are not where they say they are. */
export function brokenPlaces(sample: ReadSample): string[] {
  const broken: string[] = [];
  for (const run of sample.runs) {
    for (const step of run.steps) {
      if (!step.range) continue;
      const span = { ...step.at, ...step.range };
      const found = step.text === '' ? '' : textOf(sample, span);
      if (found !== step.text) broken.push(`${run.id} step ${String(step.index)} at ${step.at.path}`);
    }
    for (const document of run.documents) {
      if (textOf(sample, document.span) === null)
        broken.push(`${run.id} document ${document.key} at ${document.span.path}`);
    }
    for (const query of run.queries) {
      if (query.result && textOf(sample, query.result) === null)
        broken.push(`${run.id} query at ${query.result.path}`);
    }
  }
  return broken;
}
