import { gzipSync } from 'node:zlib';
import { zipSync } from 'fflate';
import { describe, expect, it } from 'vitest';
import { CancelledError } from '../../src/core/errors.ts';
import { importFile, openTrajectory } from '../../src/trajectories/import.ts';
import { memorySource } from '../../src/trajectories/io/sources.ts';
import { episode, episodes, importBytes, lines, sessions, utf8 } from './io/episodes.ts';

const three = [episode(1), episode(2), episode(3)];

describe('layouts', () => {
  const layouts: Record<string, string> = {
    'JSON lines': lines(three),
    'JSON lines without a last line break': lines(three).trimEnd(),
    'JSON lines with Windows line ends and blank lines': lines(three).replaceAll('\n', '\r\n\r\n'),
    'JSON lines behind a byte order mark': `\uFEFF${lines(three)}`,
    'an array': JSON.stringify(three),
    'a pretty-printed array': JSON.stringify(three, null, 2),
    'several arrays': `${JSON.stringify(three.slice(0, 2))}\n${JSON.stringify(three.slice(2))}`,
    'concatenated values': three.map((value) => JSON.stringify(value)).join(''),
    'concatenated pretty-printed values': three.map((value) => JSON.stringify(value, null, 2)).join('\n'),
    'a map': JSON.stringify({ 1: three[0], 2: three[1], 3: three[2] }),
    'a pretty-printed map': JSON.stringify({ 1: three[0], 2: three[1], 3: three[2] }, null, 1),
    'an envelope around a list': JSON.stringify({ meta: { tool: 'x' }, logs: three, note: 'end' }),
    'an envelope around a map': JSON.stringify({ meta: {}, logs: { 1: three[0], 2: three[1], 3: three[2] } }),
    'text with separators of U+2028 in its strings': lines([
      episode(1, 'a\u2028b'),
      episode(2, 'c\u2029d'),
      episode(3),
    ]),
  };
  for (const [name, text] of Object.entries(layouts)) {
    it(`reads ${name}`, async () => {
      const { ids, codes } = await importBytes(text);
      expect(ids).toEqual(['1', '2', '3']);
      expect(codes).toEqual([]);
    });
  }

  it('reads one object as one run', async () => {
    expect((await importBytes(JSON.stringify(three[0], null, 2))).ids).toEqual(['1']);
  });

  it('gives all lines of a session file to their adapter at once', async () => {
    const { trajectories } = await importBytes(
      lines([{ turn: 1, say: 'a' }, { state: 1 }, { turn: 2, say: 'b' }]),
    );
    expect(trajectories.map((trajectory) => trajectory.finalAnswer?.text)).toEqual(['a||b']);
  });

  it('cuts an object that is too large to be read as one at its list, with the envelope from both ends', async () => {
    const values = Array.from({ length: 300 }, (_, index) => episode(index));
    const text = JSON.stringify({ meta: { tool: 'x' }, runs: values, total: 300 });
    const seen: unknown[] = [];
    const watching = {
      ...episodes,
      read: (...[records, context]: Parameters<typeof episodes.read>) => {
        seen.push(context.envelope);
        return episodes.read(records, context);
      },
    };
    const { ids } = await importBytes(text, { formats: [watching], limits: { maxWholeBytes: 2000 } });
    expect(ids).toHaveLength(300);
    expect(seen[0]).toEqual({ meta: { tool: 'x' }, total: 300 });
  });

  it('reads an object that only a whole-file adapter knows piece by piece when it is too large', async () => {
    const wholeOnly = {
      ...episodes,
      detect: (...[sample]: Parameters<typeof episodes.detect>) => {
        const value = sample.records[0]?.value as { runs?: unknown } | undefined;
        return value?.runs ? { certainty: 0.9, evidence: 'runs' } : null;
      },
      read: (...[records, context]: Parameters<typeof episodes.read>) =>
        records.flatMap((record) =>
          (record.value as { runs: never[] }).runs.flatMap((value) =>
            episodes.read([{ ...record, value }], context),
          ),
        ),
    };
    const text = JSON.stringify({ meta: {}, runs: Array.from({ length: 50 }, (_, index) => episode(index)) });
    const { ids, events } = await importBytes(text, {
      formats: [wholeOnly],
      limits: { maxWholeBytes: 1000 },
    });
    expect(ids).toHaveLength(50);
    const locators = events.flatMap((event) => (event.type === 'trajectory' ? [event.locator] : []));
    const opened = await openTrajectory(memorySource('file', utf8(text)), locators[31]!, {
      formats: [wholeOnly],
    });
    expect(opened.task?.text).toBe('What is 31?');
  });
});

describe('large records', () => {
  const conversation = {
    id: 'run',
    messages: Array.from({ length: 60 }, (_, index) => ({ role: 'user', content: `message ${index}` })),
  };
  /** One conversation a record. */
  const chats = {
    ...episodes,
    detect: (...[sample]: Parameters<typeof episodes.detect>) => {
      const value = sample.records[0]?.value as { messages?: unknown } | undefined;
      return value?.messages ? { certainty: 0.9, evidence: 'messages' } : null;
    },
    read: (...[records, context]: Parameters<typeof episodes.read>) =>
      records.flatMap((record) => {
        const { messages } = record.value as { messages: unknown[] };
        return episodes.read([{ ...record, value: { episode: 1, ask: messages.length } }], context);
      }),
  };

  it('is not cut at a list that is its own', async () => {
    const text = JSON.stringify(conversation);
    const { trajectories } = await importBytes(text, { formats: [chats], limits: { maxWholeBytes: 500 } });
    expect(trajectories.map((trajectory) => trajectory.task?.text)).toEqual(['60']);
  });

  it('is parsed in pieces to the same value', async () => {
    const items = Array.from({ length: 90_000 }, (_, index) => ({ index, text: `text ${index} "quoted" [` }));
    const big = { episode: 'big', ask: 'x'.repeat(5_000_000), items, nested: { items }, empty: [], none: {} };
    let seen: unknown = null;
    const watching = {
      ...episodes,
      read: (...[records, context]: Parameters<typeof episodes.read>) => {
        seen ??= records[0]?.value;
        return episodes.read(records, context);
      },
    };
    const { ids } = await importBytes(lines([big, episode(2)]), { formats: [watching] });
    expect(ids).toEqual(['big', '2']);
    expect(seen).toEqual(big);
  });

  it('is left out with its place when it is too large, and the records after it arrive', async () => {
    const huge = Buffer.alloc(140 * 1024 * 1024, 0x78);
    huge.write('{"episode":0,"ask":"');
    huge.write('"}\n', huge.length - 3);
    for (const before of [[], [episode('first')]]) {
      const bytes = Buffer.concat([utf8(lines(before)), huge, utf8(lines([episode(1), episode(2)]))]);
      const { ids, issues } = await importBytes(bytes);
      expect(ids.slice(-2)).toEqual(['1', '2']);
      expect(issues).toMatchObject([
        { code: 'record-too-large', record: before.length, byteOffset: lines(before).length },
      ]);
    }
  });
});

describe('containers', () => {
  const text = lines(three);
  const tar = tarOf({ 'a/one.jsonl': text, 'a/two.json': JSON.stringify(episode(4)) });

  it('opens gzip, also in several members', async () => {
    const two = Buffer.concat([gzipSync(text.slice(0, 70)), gzipSync(text.slice(70))]);
    expect((await importBytes(gzipSync(text))).ids).toEqual(['1', '2', '3']);
    expect((await importBytes(two)).ids).toEqual(['1', '2', '3']);
  });

  it('opens zip, tar and tar in gzip; members are files of their own', async () => {
    const zip = zipSync({ 'x/a.jsonl': utf8(text), 'b.txt': utf8('notes'), '__MACOSX/._a': utf8('junk') });
    const zipped = await importBytes(zip, { name: 'runs.zip' });
    expect(zipped.ids).toEqual(['1', '2', '3']);
    expect(zipped.files).toEqual(['runs.zip!/x/a.jsonl']);
    expect(zipped.issues.map(({ severity, file }) => `${severity} ${file}`)).toEqual([
      'info runs.zip!/b.txt',
    ]);
    for (const bytes of [tar, gzipSync(tar)]) {
      const { ids, files } = await importBytes(bytes, { name: 't' });
      expect(ids).toEqual(['1', '2', '3', '4']);
      expect(files).toEqual(['t!/a/one.jsonl', 't!/a/two.json']);
    }
  });

  it('opens archives in archives to a bounded depth', async () => {
    let nested: Uint8Array = utf8(text);
    for (let level = 0; level < 4; level++) nested = zipSync({ inner: nested });
    expect((await importBytes(nested)).ids).toEqual(['1', '2', '3']);
    for (let level = 0; level < 4; level++) nested = zipSync({ inner: nested });
    expect((await importBytes(nested)).codes).toEqual(['nested-too-deep']);
  });

  it('makes hostile member names harmless', async () => {
    const { files, codes } = await importBytes(zipSync({ '../../etc/cron': utf8(text) }), { name: 'z' });
    expect(files).toEqual(['z!/etc/cron']);
    expect(codes).toEqual(['unsafe-path']);
  });

  it('stops at a decompression bomb and keeps what came before', async () => {
    const bomb = gzipSync(Buffer.concat([Buffer.from(text), Buffer.alloc(30_000_000, 0x20)]));
    const limits = { inflate: { freeBytes: 1_000_000, maxRatio: 20 } };
    const { ids, codes } = await importBytes(bomb, { limits });
    expect(ids).toEqual(['1', '2', '3']);
    expect(codes).toEqual(['zip-bomb']);
  });

  it('reads what a cut gzip file still holds', async () => {
    const many = lines(Array.from({ length: 500 }, (_, index) => episode(index)));
    const packed = gzipSync(many);
    const { ids, codes } = await importBytes(packed.subarray(0, packed.length - 200));
    expect(ids.length).toBeGreaterThan(300);
    expect(codes).toContain('truncated-archive');
  });

  it('finds the entries of a zip whose end is missing', async () => {
    const zip = zipSync({ 'a.jsonl': utf8(text), 'b.json': utf8(JSON.stringify(episode(4))) });
    const directory = Buffer.from(zip).indexOf('PK\x01\x02');
    expect(directory).toBeGreaterThan(0);
    const { ids, codes } = await importBytes(zip.subarray(0, directory));
    expect(ids).toEqual(['1', '2', '3', '4']);
    expect(codes).toContain('truncated-archive');
  });

  it('reads UTF-16 with and without a byte order mark', async () => {
    const le = Buffer.from(text, 'utf16le');
    const be = Buffer.from(le).swap16();
    for (const bytes of [le, Buffer.concat([Buffer.from([0xff, 0xfe]), le]), be]) {
      expect((await importBytes(bytes)).ids).toEqual(['1', '2', '3']);
    }
  });

  it('reports databases instead of reading them', async () => {
    const kinds = async (input: Uint8Array | string): Promise<unknown[]> =>
      (await importBytes(input)).events.flatMap((event) =>
        event.type === 'database' ? [[event.database.kind, ...event.database.names]] : [],
      );
    expect(await kinds(Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(84)]))).toEqual([
      ['sqlite'],
    ]);
    expect(await kinds('-- dump\nCREATE TABLE "singer" (id INT);\nINSERT INTO singer VALUES (1);')).toEqual([
      ['sql-dump', 'singer'],
    ]);
    expect(await kinds('name,age\n"Doe, J",3\nRoe,4\n')).toEqual([['csv', 'name', 'age']]);
    expect(await kinds('Dear all, hello.\nThis is prose, no table.\n')).toEqual([]);
  });
});

describe('damage', () => {
  it('reports a broken line with its record and byte, and reads the others', async () => {
    const { ids, issues } = await importBytes(
      `${lines([episode(1)])}{"episode": 2, "ask": nope}\n${lines([episode(3)])}`,
    );
    expect(ids).toEqual(['1', '3']);
    expect(issues).toMatchObject([
      { code: 'invalid-json', record: 1, byteOffset: lines([episode(1)]).length },
    ]);
  });

  it('reports a last line that is cut', async () => {
    const { ids, issues } = await importBytes(lines(three).slice(0, -12));
    expect(ids).toEqual(['1', '2']);
    expect(issues).toMatchObject([{ code: 'truncated-json', record: 2 }]);
  });

  it('finds the next record behind one that was cut in mid-line', async () => {
    const [a, b, c] = three.map((value) => JSON.stringify(value));
    const { ids, codes } = await importBytes(`${a}\n${b?.slice(0, 20)}${c}\n${JSON.stringify(episode(4))}\n`);
    expect(ids).toEqual(['1', '3', '4']);
    expect(codes).toEqual(['truncated-json']);
  });

  it('goes on at the next element of an array or map after a lost quote or bracket', async () => {
    const values = Array.from({ length: 20 }, (_, index) => episode(index, 'a "b" {c}', 'x'));
    const map = Object.fromEntries(values.map((value, index) => [`key ${index}`, value]));
    for (const text of [JSON.stringify(values), JSON.stringify(values, null, 2), JSON.stringify(map)]) {
      const at = text.indexOf('"episode":7') > 0 ? text.indexOf('"episode":7') : text.indexOf('"episode": 7');
      for (const broken of [
        text.slice(0, at) + text.slice(at + 1),
        text.slice(0, at - 1) + text.slice(at),
        `${text.slice(0, at + 14)}\0${text.slice(at + 15)}`,
      ]) {
        const { trajectories } = await importBytes(broken);
        const records = trajectories.map((trajectory) => trajectory.source.record);
        expect(new Set(records).size).toBe(records.length);
        expect(trajectories.length).toBeGreaterThanOrEqual(19);
      }
    }
  });

  it('reads an array without its end', async () => {
    const { ids, codes } = await importBytes(JSON.stringify(three).slice(0, -1));
    expect(ids).toEqual(['1', '2', '3']);
    expect(codes).toEqual(['truncated-json']);
  });

  it('reads what is sound of a cut object', async () => {
    const text = JSON.stringify({
      episode: 1,
      ask: 'why',
      list: [{ a: 1 }, { b: 2 }],
      reply: 'because of it',
    });
    const { ids, issues } = await importBytes(text.slice(0, -6));
    expect(ids).toEqual(['1']);
    expect(issues).toMatchObject([{ code: 'truncated-json', severity: 'error' }]);
  });

  it('repairs what Python and crashed writers leave behind, and says so', async () => {
    const text = [
      '{"episode": 1, "ask": "q", "score": NaN, "loss": -Infinity}',
      '{"episode": 2, "ask": "tab\there"}',
      '{"episode": 12345678901234567890, "ask": "id"}',
      '\0\0\0{"episode": 4, "ask": "after NUL bytes",}',
    ].join('\n');
    const { ids, codes } = await importBytes(text);
    expect(ids).toEqual(['1', '2', '12345678901234567890', '4']);
    expect(codes).toEqual(['non-finite-number', 'control-character', 'big-integer', 'trailing-comma']);
  });

  it('reads invalid UTF-8 with replacement and gives the byte', async () => {
    const bytes = Buffer.from(lines(three));
    bytes[bytes.indexOf('What is 2') + 3] = 0xff;
    const { trajectories, issues } = await importBytes(bytes);
    expect(trajectories[1]?.task?.text).toBe('Wha\uFFFD is 2?');
    expect(issues).toMatchObject([{ code: 'invalid-utf-8', record: 1, byteOffset: bytes.indexOf(0xff) }]);
  });

  it('keeps lone surrogates and keys named __proto__ as they are', async () => {
    const { trajectories } = await importBytes('{"episode":1,"ask":"\\ud800","__proto__":{"polluted":1}}\n');
    expect(trajectories[0]?.task?.text).toBe('\ud800');
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });

  it('survives deep nesting', async () => {
    const deep = `{"episode":1,"ask":"a","x":${'['.repeat(200_000)}${']'.repeat(200_000)}}`;
    const { ids } = await importBytes(`${deep}\n${lines([episode(2)])}`);
    expect(ids).toContain('2');
  });

  it('gives the second of two equal ids a suffix', async () => {
    const { ids, codes } = await importBytes(lines([episode('a'), episode('a'), episode('a')]));
    expect(ids).toEqual(['a', 'a~2', 'a~3']);
    expect(codes).toEqual(['duplicate-id', 'duplicate-id']);
  });

  it('reads records of another format in the same file', async () => {
    const mixed = lines([episode(1), { turn: 1, say: 'x' }, { odd: 1 }, episode(2)]);
    const { ids, codes, events } = await importBytes(mixed);
    expect(ids).toEqual(['1', '2', 'file']);
    expect(codes).toEqual(['unrecognised-record']);
    const found = events.flatMap((event) => (event.type === 'file' ? [event.file.format] : []));
    expect(found).toEqual(['episodes', 'sessions']);
  });

  it('says what it saw when nothing is recognised', async () => {
    const { issues } = await importBytes('{"alpha":1,"beta":2}\n{"alpha":2}\n');
    expect(issues).toMatchObject([{ code: 'unrecognised-format', severity: 'error' }]);
    expect(issues[0]?.message).toContain('alpha, beta');
  });

  it('lists the first of many equal issues and counts the rest', async () => {
    const { issues } = await importBytes(lines([episode(1)]) + '{"episode": }\n'.repeat(1000));
    expect(issues).toHaveLength(201);
    expect(issues.at(-1)?.message).toContain('800 more');
  });

  it('turns what an adapter throws into an issue of its record', async () => {
    const failing = {
      ...episodes,
      read: (...[records, context]: Parameters<typeof episodes.read>) => {
        if (records[0]?.record === 1) throw new TypeError('boom');
        return episodes.read(records, context);
      },
    };
    const { ids, codes } = await importBytes(lines(three), { formats: [failing] });
    expect(ids).toEqual(['1', '3']);
    expect(codes).toContain('adapter-failure');
  });
});

describe('opening one trajectory again', () => {
  const many = Array.from({ length: 40 }, (_, index) => episode(index, `Frage ${index} ü`));
  const inputs: Record<string, Uint8Array> = {
    lines: utf8(lines(many)),
    array: utf8(JSON.stringify(many, null, 1)),
    envelope: utf8(JSON.stringify({ meta: 1, logs: many })),
    gzip: gzipSync(lines(many)),
    'zip member': zipSync({ 'a/b.jsonl': utf8(lines(many)) }),
    'tar member in gzip': gzipSync(tarOf({ 'a.txt': 'x', 'a/b.jsonl': lines(many) })),
    session: utf8(
      lines([
        { turn: 1, say: 'a' },
        { turn: 2, say: 'b' },
      ]),
    ),
  };
  for (const [name, bytes] of Object.entries(inputs)) {
    it(`gives the same trajectory from ${name}`, async () => {
      const { events } = await importBytes(bytes);
      const found = events.filter((event) => event.type === 'trajectory');
      expect(found.length).toBeGreaterThan(0);
      for (const { locator, trajectory } of found.filter((_, index) => index % 13 === 0)) {
        const stored = JSON.parse(JSON.stringify(locator)) as typeof locator;
        const opened = await openTrajectory(memorySource('file', bytes), stored, {
          formats: [episodes, sessions],
        });
        expect(opened).toEqual(trajectory);
      }
    });
  }

  it('reads only the bytes of the record where the file can be read anywhere', async () => {
    const bytes = inputs['lines']!;
    const { events } = await importBytes(bytes);
    const event = events.filter((each) => each.type === 'trajectory')[20]!;
    let read = 0;
    const source = memorySource('file', bytes);
    const counting = {
      ...source,
      read: (start: number, end: number) => {
        read += end - start;
        return source.read(start, end);
      },
      stream: () => {
        throw new Error('must not stream');
      },
    };
    await openTrajectory(counting, event.locator, { formats: [episodes] });
    expect(read).toBe(JSON.stringify(many[20]).length + 1);
  });

  it('fails with advice when the file is another one', async () => {
    const { events } = await importBytes(inputs['lines']!);
    const { locator } = events.find((event) => event.type === 'trajectory')!;
    const other = memorySource('file', utf8('nothing here'));
    await expect(openTrajectory(other, locator, { formats: [episodes] })).rejects.toThrow(
      'Import the file again',
    );
  });
});

describe('cancelling', () => {
  async function timeToCancel(bytes: Uint8Array, afterMs: number): Promise<number> {
    const controller = new AbortController();
    let abortedAt = 0;
    setTimeout(() => {
      abortedAt = performance.now();
      controller.abort();
    }, afterMs);
    const source = memorySource('file', bytes);
    await expect(async () => {
      const events = importFile(source, { formats: [episodes, sessions], signal: controller.signal });
      for await (const event of events) void event;
    }).rejects.toBeInstanceOf(CancelledError);
    return performance.now() - abortedAt;
  }

  it('takes effect in a long file', async () => {
    const line = lines([episode(1, 'x'.repeat(2000))]);
    console.log(`cancelled after ${(await timeToCancel(utf8(line.repeat(60_000)), 60)).toFixed(0)} ms`);
  });

  it('takes effect inside one huge record, before its end', async () => {
    const items = Array.from({ length: 1_000_000 }, (_, index) => ({
      index,
      text: 'some text of an observation',
    }));
    const huge = utf8(lines([{ episode: 1, ask: 'x', items }, episode(2)]));
    expect(huge.length).toBeGreaterThan(50_000_000);
    console.log(`cancelled after ${(await timeToCancel(huge, 60)).toFixed(0)} ms`);
  });
});

/** A tar archive of these files. */
function tarOf(files: Record<string, string>): Uint8Array {
  const blocks: Buffer[] = [];
  for (const [name, text] of Object.entries(files)) {
    const content = Buffer.from(text);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write('0000644\0', 100);
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('        ', 148);
    header.write('0', 156);
    header.write('ustar\x0000', 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    blocks.push(header, content, Buffer.alloc((512 - (content.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
