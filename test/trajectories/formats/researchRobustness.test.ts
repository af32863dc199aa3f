import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isObject, type JsonValue } from '../../../src/core/json.ts';
import { completeTrajectory, summariseTrajectory } from '../../../src/trajectories/extract/complete.ts';
import type { RawRecord } from '../../../src/trajectories/format.ts';
import { researchFormats } from '../../../src/trajectories/formats/researchFormats.ts';
import { madeRecords } from './madeRecords.ts';
import { brokenPlaces } from './readSample.ts';

/** Every pointer-like way into a value, as lists of keys. */
function placesIn(value: JsonValue, prefix: readonly string[] = []): string[][] {
  const here = [[...prefix]];
  if (Array.isArray(value))
    return [...here, ...value.flatMap((item, i) => placesIn(item, [...prefix, String(i)]))];
  if (isObject(value)) {
    return [...here, ...Object.keys(value).flatMap((key) => placesIn(value[key] ?? null, [...prefix, key]))];
  }
  return here;
}

/** The value with what stands at a place replaced (or, where `change` gives undefined, left out). */
function changedAt(
  value: JsonValue,
  place: readonly string[],
  change: (old: JsonValue) => JsonValue | undefined,
): JsonValue {
  const [key, ...rest] = place;
  if (key === undefined) return change(value) ?? null;
  if (Array.isArray(value)) {
    return value.flatMap((item, i) => {
      if (String(i) !== key) return [item];
      const changed = rest.length === 0 ? change(item) : changedAt(item, rest, change);
      return changed === undefined ? [] : [changed];
    });
  }
  if (!isObject(value)) return value;
  const entries = Object.entries(value).flatMap(([name, item]): [string, JsonValue][] => {
    if (name !== key) return [[name, item]];
    const changed = rest.length === 0 ? change(item) : changedAt(item, rest, change);
    return changed === undefined ? [] : [[name, changed]];
  });
  return Object.fromEntries(entries);
}

const awkward = fc.oneof(
  fc.constantFrom<JsonValue>(
    null,
    '',
    [],
    {},
    -1,
    1e300,
    true,
    '\0',
    '\ud800',
    '```sql\n',
    'Action: Search[',
    '<search>',
    '{"a":',
    '\u2028',
    '[]',
  ),
  fc.string().map((text): JsonValue => text),
  fc.jsonValue().map((value) => value as JsonValue),
  fc.constant<JsonValue>(JSON.parse('{"__proto__": {"x": 1}, "constructor": "c"}') as JsonValue),
);

const mutated = fc
  .tuple(
    fc.constantFrom(...madeRecords.map((one) => one.value)),
    fc.array(fc.tuple(fc.nat(), fc.option(awkward), fc.nat(400)), { minLength: 1, maxLength: 4 }),
  )
  .map(([value, changes]) => {
    let result = value;
    for (const [pick, replacement, cut] of changes) {
      const places = placesIn(result);
      const place = places[pick % places.length] ?? [];
      result = changedAt(result, place, (old) =>
        replacement !== null ? replacement : typeof old === 'string' ? old.slice(0, cut) : undefined,
      );
    }
    return result;
  });

describe('damaged records', () => {
  it('never make an adapter or an extractor throw, and keep every place true', () => {
    fc.assert(
      fc.property(mutated, (value) => {
        const record: RawRecord = { file: 'f.json', record: 0, byteStart: 0, byteEnd: 1, key: '7', value };
        const sample = { file: 'f.json', container: 'json' as const, records: [record], envelope: null };
        for (const adapter of researchFormats) {
          adapter.detect(sample);
          const drafts = adapter.read([record], { envelope: null, report: () => undefined });
          const runs = drafts.map(completeTrajectory);
          for (const run of runs) {
            const summary = summariseTrajectory(run);
            expect(summary.stepCount).toBe(run.steps.length);
            expect(run.groundTruth?.values.every((one) => one !== '') ?? true).toBe(true);
            run.steps.forEach((step, i) => expect(step.index).toBe(i));
          }
          expect(brokenPlaces({ format: adapter.id, records: [record], runs, issues: [] })).toEqual([]);
        }
      }),
      { numRuns: 400, seed: 7 },
    );
  });

  it('nesting far beyond the stack is passed over', () => {
    const deep = JSON.parse('['.repeat(20_000) + ']'.repeat(20_000)) as JsonValue;
    for (const { value } of madeRecords) {
      for (const place of placesIn(value).slice(1)) {
        const record: RawRecord = {
          file: 'f.json',
          record: 0,
          byteStart: null,
          byteEnd: null,
          key: null,
          value: changedAt(value, place, () => deep),
        };
        for (const adapter of researchFormats) {
          const sample = { file: 'f.json', container: 'json' as const, records: [record], envelope: null };
          if (adapter.detect(sample))
            adapter.read([record], { envelope: null, report: () => undefined }).map(completeTrajectory);
        }
      }
    }
  });

  it('records that are no objects are read as nothing', () => {
    for (const value of [null, 3, 'text', [], [null], {}] as JsonValue[]) {
      const record: RawRecord = {
        file: 'f.json',
        record: 0,
        byteStart: null,
        byteEnd: null,
        key: null,
        value,
      };
      for (const adapter of researchFormats) {
        expect(() => adapter.read([record], { envelope: null, report: () => undefined })).not.toThrow();
        expect(
          adapter.detect({ file: 'f.json', container: 'json', records: [record], envelope: null }),
        ).toBeNull();
      }
    }
    for (const adapter of researchFormats) {
      expect(adapter.read([], { envelope: null, report: () => undefined })).toEqual([]);
    }
  });
});
