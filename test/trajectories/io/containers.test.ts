import { createHash } from 'node:crypto';
import { deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { Crc32 } from '../../../src/core/crc32.ts';
import { inflatedSource, zstdWindowBytes } from '../../../src/trajectories/io/inflate.ts';
import { safeMemberName } from '../../../src/trajectories/io/memberName.ts';
import { hashingSource, portableSha256, sha256OfSource } from '../../../src/trajectories/io/sha256.ts';
import { memorySource, rangeSource } from '../../../src/trajectories/io/sources.ts';
import { openZipEntry, readZipDirectory } from '../../../src/trajectories/io/zip.ts';
import { episode, importBytes, lines, utf8 } from './episodes.ts';

const text = lines([episode(1), episode(2)]);

function crc32(content: Uint8Array): number {
  const crc = new Crc32();
  crc.update(content);
  return crc.value;
}

/** Zstandard of `content` without compression: a frame of raw blocks. */
function zstdOf(content: Uint8Array): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += 100_000) {
    const block = content.subarray(at, at + 100_000);
    const isLast = at + block.length === content.length ? 1 : 0;
    const header = (block.length << 3) | isLast;
    blocks.push(Uint8Array.of(header & 255, (header >> 8) & 255, header >> 16), block);
  }
  // Window of 1 MiB, no checksum, size not stated.
  return Buffer.concat([Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50), ...blocks]);
}

/** A zip with one entry, optionally with the 64-bit fields that large archives have and with a checksum. */
function zipOf(
  name: string,
  method: number,
  packed: Uint8Array,
  size: number,
  is64: boolean,
  crc = 0,
): Uint8Array {
  const nameBytes = Buffer.from(name);
  const u16 = (...values: number[]): Buffer => {
    const buffer = Buffer.alloc(values.length * 2);
    values.forEach((value, index) => buffer.writeUInt16LE(value, index * 2));
    return buffer;
  };
  const u32 = (...values: number[]): Buffer => {
    const buffer = Buffer.alloc(values.length * 4);
    values.forEach((value, index) => buffer.writeUInt32LE(value, index * 4));
    return buffer;
  };
  const u64 = (...values: number[]): Buffer => {
    const buffer = Buffer.alloc(values.length * 8);
    values.forEach((value, index) => buffer.writeBigUInt64LE(BigInt(value), index * 8));
    return buffer;
  };
  const local = Buffer.concat([
    u32(0x04034b50),
    u16(45, 0, method, 0, 0),
    u32(crc, packed.length, size),
    u16(nameBytes.length, 0),
    nameBytes,
  ]);
  const extra = is64 ? Buffer.concat([u16(1, 24), u64(size, packed.length, 0)]) : Buffer.alloc(0);
  const missing = 0xffffffff;
  const central = Buffer.concat([
    u32(0x02014b50),
    u16(45, 45, 0, method, 0, 0),
    u32(crc, is64 ? missing : packed.length, is64 ? missing : size),
    u16(nameBytes.length, extra.length, 0, 0, 0),
    u32(0, is64 ? missing : 0),
    nameBytes,
    extra,
  ]);
  const at = local.length + packed.length;
  const end64 = Buffer.concat([
    u32(0x06064b50),
    u64(44),
    u16(45, 45),
    u32(0, 0),
    u64(1, 1, central.length, at),
    u32(0x07064b50, 0),
    u64(at + central.length),
    u32(1),
  ]);
  const end = Buffer.concat([
    u32(0x06054b50),
    u16(0, 0, is64 ? 0xffff : 1, is64 ? 0xffff : 1),
    u32(is64 ? missing : central.length, is64 ? missing : at),
    u16(0),
  ]);
  return Buffer.concat([local, packed, central, ...(is64 ? [end64] : []), end]);
}

describe('zip', () => {
  it('reads stored, deflated and zstd entries, in 32 and 64 bits', async () => {
    const content = utf8(text);
    const methods: readonly (readonly [number, Uint8Array])[] = [
      [0, content],
      [8, deflateRawSync(content)],
      [93, zstdOf(content)],
    ];
    for (const [method, packed] of methods) {
      for (const is64 of [false, true]) {
        const { ids, codes } = await importBytes(zipOf('a.jsonl', method, packed, content.length, is64));
        expect([method, is64, ...ids]).toEqual([method, is64, '1', '2']);
        expect(codes).toEqual([]);
      }
    }
  });

  it('compares entries with their checksums; content that does not match is read and reported', async () => {
    const content = utf8(text);
    const right = crc32(content);
    for (const [method, packed] of [
      [0, content],
      [8, deflateRawSync(content)],
      [93, zstdOf(content)],
    ] as const) {
      for (const [crc, expected] of [
        [right, []],
        [right ^ 1, ['checksum-mismatch']],
      ] as const) {
        const { ids, codes } = await importBytes(
          zipOf('a.jsonl', method, packed, content.length, false, crc >>> 0),
        );
        expect([method, ids, codes]).toEqual([method, ['1', '2'], expected]);
      }
    }
  });

  it('reads one entry without the others', async () => {
    const content = utf8(text);
    const zip = zipOf('a.jsonl', 0, content, content.length, false);
    const source = memorySource('z', zip);
    const { entries } = await readZipDirectory(source, zip.length);
    const entry = await openZipEntry(source, entries[0]!.step, 'z!/a.jsonl', () => undefined);
    expect(entry.seekable).toBe(true);
    expect(Buffer.from(await entry.read(2, 9))).toEqual(Buffer.from(content.subarray(2, 9)));
  });

  it('leaves out entries that cannot be read', async () => {
    const { ids, codes } = await importBytes(zipOf('a.jsonl', 12, utf8(text), 10, false));
    expect([ids, codes]).toEqual([[], ['unreadable-entry']]);
  });
});

describe('zstd', () => {
  it('streams frames one after another', async () => {
    const large = lines(Array.from({ length: 3000 }, (_, index) => episode(index)));
    const bytes = Buffer.concat([zstdOf(utf8(large)), zstdOf(utf8(lines([episode('last')])))]);
    const { ids } = await importBytes(bytes);
    expect(ids).toHaveLength(3001);
    expect(ids.at(-1)).toBe('last');
  });

  it('refuses windows that need too much memory', async () => {
    const wide = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xa8, ...new Uint8Array(40));
    expect(zstdWindowBytes(wide)).toBe(2 ** 31);
    const codes: string[] = [];
    const source = inflatedSource(memorySource('w', wide), 'w', 'zstd', ({ code }) => codes.push(code));
    for await (const chunk of source.stream()) expect(chunk.length).toBe(0);
    expect(codes).toEqual(['damaged-archive']);
  });
});

describe('names of members', () => {
  it('cannot leave the archive or play tricks on a terminal', () => {
    expect(safeMemberName('../../etc/passwd')).toEqual({ name: 'etc/passwd', wasUnsafe: true });
    expect(safeMemberName('C:\\runs\\a.json').name).toBe('runs/a.json');
    expect(safeMemberName('/abs/./a').name).toBe('abs/a');
    expect(safeMemberName('a\u001b[31mb\u202e').name).toBe('a�[31mb�');
    expect(safeMemberName('runs/a.json')).toEqual({ name: 'runs/a.json', wasUnsafe: false });
  });
});

describe('sha256', () => {
  const bytes = utf8(text.repeat(50_000));
  const expected = createHash('sha256').update(bytes).digest('hex');

  it('is that of the whole file, at once or in pieces', async () => {
    const source = memorySource('file', bytes);
    expect(await sha256OfSource(source)).toBe(expected);
    expect(await sha256OfSource(source, undefined, portableSha256)).toBe(expected);
  });

  it('is taken while others read, in whatever order', async () => {
    const hashed = hashingSource(memorySource('file', bytes));
    for await (const chunk of hashed.stream(1000)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    for await (const chunk of hashed.stream()) if (chunk.length < 100) break;
    await hashed.read(5, 10);
    expect(await hashed.digest()).toBe(expected);
    expect(await hashed.digest()).toBe(expected);
  });
});

describe('ranges of a source', () => {
  it('are read and streamed like files of their own', async () => {
    const part = rangeSource(memorySource('file', utf8('0123456789')), 'part', 2, 7);
    expect(new TextDecoder().decode(await part.read(1, 99))).toBe('3456');
    let streamed = '';
    for await (const chunk of part.stream(3)) streamed += new TextDecoder().decode(chunk);
    expect(streamed).toBe('56');
  });
});

describe('gzip', () => {
  const packed = gzipSync(text);
  const wrong = Uint8Array.from(packed, (byte, index) => (index === packed.length - 8 ? byte ^ 1 : byte));

  it('is compared with its checksum; content that does not match is read and reported', async () => {
    expect((await importBytes(packed)).codes).toEqual([]);
    const { ids, codes } = await importBytes(wrong);
    expect([ids.length, codes]).toEqual([2, ['checksum-mismatch']]);
  });

  it('of several members is read to its end', async () => {
    const more = gzipSync(lines([episode(3)]));
    const { ids, codes } = await importBytes(Buffer.concat([packed, more]));
    expect([ids.length, codes]).toEqual([3, []]);
    for (const members of [
      [wrong, more],
      [more, wrong],
    ])
      expect((await importBytes(Buffer.concat(members))).codes).toEqual(['checksum-mismatch']);
  });
});
