import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { importBytes } from './io/episodes.ts';

/** Cases of one run; `ACC_FUZZ_CASES=100000` runs a long search once. */
const cases = Number(process.env['ACC_FUZZ_CASES'] ?? 1500);
const perLayout = Math.ceil(cases / 8);
/** `ACC_FUZZ_SEED` gives other cases. */
const seed = Number(process.env['ACC_FUZZ_SEED'] ?? 20260523);
const timeout = 60_000 + cases * 30;

const encoder = new TextEncoder();

/** A file with the byte range of each of its records. */
interface Built {
  readonly bytes: Uint8Array;
  readonly ranges: readonly { readonly start: number; readonly end: number }[];
}

/** How the records of a file are written one after another. */
interface Layout {
  readonly name: string;
  readonly open: string;
  readonly between: string;
  readonly close: string;
  readonly write: (value: object) => string;
}

const compact = (value: object): string => JSON.stringify(value);
const pretty = (value: object): string => JSON.stringify(value, null, 2);

const layouts: readonly Layout[] = [
  { name: 'lines', open: '', between: '\n', close: '\n', write: compact },
  { name: 'Windows lines', open: '', between: '\r\n', close: '\r\n', write: compact },
  { name: 'an array', open: '[', between: ', ', close: ']', write: compact },
  { name: 'an array, a line each', open: '[\n', between: ',\n', close: '\n]\n', write: compact },
  { name: 'a pretty array', open: '[', between: ',\n  ', close: ']', write: pretty },
  {
    name: 'an indented array',
    open: '[\n  ',
    between: ',\n  ',
    close: '\n]',
    write: (value) => pretty(value).replaceAll('\n', '\n  '),
  },
  { name: 'a map', open: '{', between: ', ', close: '}', write: compact },
  { name: 'pretty values', open: '', between: '\n', close: '\n', write: pretty },
];

function build(layout: Layout, values: readonly object[]): Built {
  const ranges: { start: number; end: number }[] = [];
  let bytes = Buffer.from(layout.open);
  for (const [index, value] of values.entries()) {
    const before = layout.name === 'a map' ? `"task ${index}": ` : '';
    bytes = Buffer.concat([bytes, Buffer.from((index > 0 ? layout.between : '') + before)]);
    const start = bytes.length;
    bytes = Buffer.concat([bytes, Buffer.from(layout.write(value))]);
    ranges.push({ start, end: bytes.length });
  }
  return { bytes: new Uint8Array(Buffer.concat([bytes, Buffer.from(layout.close)])), ranges };
}

/** Text with everything that could mislead a scanner: quotes, brackets, escapes, other scripts. */
const nastyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '"',
        '\\',
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '\n',
        '\u2028',
        '{"episode":',
        '"},{"',
        'null',
      ),
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.constantFrom('SELECT 1;', 'def f():', '日本語', '\ud83d\ude00', '\u0000'),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(''));

const episodeValue = fc.record({
  ask: nastyText,
  reply: nastyText,
  steps: fc.array(fc.record({ tool: nastyText, args: fc.jsonValue({ maxDepth: 2 }) }), { maxLength: 3 }),
});

/** Damage inside of one record: where (as a share of its bytes) and what. */
const damage = fc.record({
  record: fc.nat(),
  at: fc.double({ min: 0, max: 0.999, noNaN: true }),
  length: fc.integer({ min: 1, max: 40 }),
  kind: fc.constantFrom('flip', 'cut out', 'truncate', 'insert NUL', 'duplicate', 'shuffle', 'garble'),
  bit: fc.integer({ min: 0, max: 7 }),
});

interface Splice {
  readonly start: number;
  readonly end: number;
  readonly by: Uint8Array;
}

function spliceOf(built: Built, hit: DamageValue): Splice | null {
  const range = built.ranges[hit.record % built.ranges.length];
  if (!range) return null;
  const at = range.start + Math.floor((range.end - range.start) * hit.at);
  const end = Math.min(range.end, at + hit.length);
  const old = built.bytes.slice(at, end);
  switch (hit.kind) {
    case 'flip':
      return { start: at, end: at + 1, by: Uint8Array.of((old[0] ?? 0) ^ (1 << hit.bit)) };
    case 'cut out':
      return { start: at, end, by: new Uint8Array(0) };
    case 'truncate':
      return { start: at, end: range.end, by: new Uint8Array(0) };
    case 'insert NUL':
      return { start: at, end: at, by: new Uint8Array(hit.length) };
    case 'duplicate':
      return { start: at, end: at, by: old };
    case 'shuffle':
      return { start: at, end, by: old.toReversed() };
    case 'garble':
      return { start: at, end, by: old.map((byte) => (byte * 31 + hit.bit) & 0xff) };
  }
}

interface DamageValue {
  readonly record: number;
  readonly at: number;
  readonly length: number;
  readonly kind: 'flip' | 'cut out' | 'truncate' | 'insert NUL' | 'duplicate' | 'shuffle' | 'garble';
  readonly bit: number;
}

function applySplices(bytes: Uint8Array, splices: readonly Splice[]): Uint8Array {
  const sorted = [...splices].sort((a, b) => b.start - a.start);
  let result = Buffer.from(bytes);
  for (const { start, end, by } of sorted) {
    result = Buffer.concat([result.subarray(0, start), by, result.subarray(end)]);
  }
  return new Uint8Array(result);
}

/**
 * Two hits can undo each other's brackets: a list with no other damage is sound JSON and merely says something else,
 * whatever a third hit does elsewhere.
 */
function saysOtherwise(built: Built, splices: readonly Splice[]): boolean {
  const others = splices.length < 3 ? [] : splices.map((_, left) => splices.filter((__, at) => at !== left));
  return [splices, ...others].some((some) => {
    try {
      const read = JSON.parse(new TextDecoder().decode(applySplices(built.bytes, some))) as object;
      return Object.keys(read).length !== built.ranges.length;
    } catch {
      return false;
    }
  });
}

describe('damaged files', () => {
  for (const layout of layouts) {
    it(
      `as ${layout.name}: no crash, no hang, every untouched record arrives`,
      async () => {
        const property = fc.asyncProperty(
          fc.array(episodeValue, { minLength: 4, maxLength: 12 }),
          fc.array(damage, { minLength: 1, maxLength: 3 }),
          async (values, hits) => {
            const records = values.map((value, index) => ({
              episode: `e${index}`,
              marker: `m${index}`,
              ...value,
            }));
            const built = build(layout, records);
            // One splice a record: two in one record could undo each other's bounds.
            const chosen = new Map<number, Splice>();
            for (const hit of hits) {
              const splice = spliceOf(built, hit);
              if (splice) chosen.set(hit.record % records.length, splice);
            }
            const splices = [...chosen.values()];
            const bytes = applySplices(built.bytes, splices);
            fc.pre(layout.open === '' || !saysOtherwise(built, splices));
            const started = process.cpuUsage();
            const { trajectories } = await importBytes(bytes);
            // Of the processor, not of the clock: a machine that sleeps or is busy is no hang.
            const { user, system } = process.cpuUsage(started);
            expect((user + system) / 1000).toBeLessThan(5000);
            const arrived = new Set(
              trajectories.map((each) => `${each.task?.text}\n${each.finalAnswer?.text}`),
            );
            for (const [index, record] of records.entries()) {
              if (chosen.has(index)) continue;
              if (!arrived.has(`${record.ask}\n${record.reply}`)) {
                throw new Error(
                  `record ${index} of ${records.length} was lost in ${JSON.stringify(Buffer.from(bytes).toString('latin1'))}`,
                );
              }
            }
          },
        );
        await fc.assert(property, { numRuns: perLayout, seed });
      },
      timeout,
    );
  }

  it('of damage that once lost sound records: they arrive', async () => {
    const record = (id: string): string => `"episode":"${id}","ask":"","reply":""`;
    // No record was sound before an extra bracket, and the lines end in commas.
    const array = `[\nz${record('e0')}},\nz${record('e1')},"steps":[{"tool":"","args":1}]},\n{{${record('e2')}},\n{${record('e3')}},\n{${record('e4')}}\n]\n`;
    expect((await importBytes(encoder.encode(array))).ids).toEqual(['e2', 'e3', 'e4']);
    // The first value of a map on one line ends the map too early.
    const map = `{"a": }","reply":""}, "b": {${record('e1')}}, "c": {${record('e2')}}}`;
    expect((await importBytes(encoder.encode(map))).ids).toEqual(['e1', 'e2']);
    // A list a line each, whose first records are damaged: a step of the first is no model for the others.
    const steps = ',"steps":[{"tool":"","args":1},{"tool":"","args":2}]';
    const open = `[\nz${record('e0')}${steps}},\n{"episode":"e1","ask":{${record('e1')}${steps}},\n{${record('e2')}${steps}},\n{"epi{${record('e3')}},\n{${record('e4')}}\n]\n`;
    expect((await importBytes(encoder.encode(open))).ids).toEqual(['e1', 'e2', 'e3', 'e4']);
    // An entry that lost its opening bracket ends the map too early; what follows shares most of its keys.
    const early = `{"a": {${record('e0')}}, "b": "e1","ask":"","reply":""}, "c": {${record('e2')}}}`;
    expect((await importBytes(encoder.encode(early))).ids).toEqual(['a', 'c']);
    // Damage in the first key of the only sound record before a broken one: the others open with another key.
    const first = `[{${record('e0').replace('episode', 'epi5ode')}}, s${record('e1')}}, {${record('e2')}}, {${record('e3')}}]`;
    expect((await importBytes(encoder.encode(first))).ids).toEqual(['e2', 'e3']);
  });

  it(
    'of any bytes at all: no crash, no hang',
    async () => {
      const any = fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ maxLength: 400 }),
          fc
            .string({ unit: fc.constantFrom(...'{}[]",:\\\n 1aentrufls\0'), maxLength: 200 })
            .map((text) => encoder.encode(text)),
        ),
        fc.constantFrom(
          '',
          '\x1f\x8b\x08',
          'PK\x03\x04',
          'PAR1',
          '\x28\xb5\x2f\xfd',
          'SQLite format 3\0',
          '\xff\xfe',
        ),
        async (bytes, magic) => {
          await importBytes(new Uint8Array(Buffer.concat([Buffer.from(magic, 'latin1'), bytes])));
        },
      );
      await fc.assert(any, { numRuns: perLayout, seed });
    },
    timeout,
  );
});
