import { describe, expect, it } from 'vitest';
import { ZipWriter } from '../../src/storage/zipWriter.ts';
import { memorySource } from '../../src/trajectories/io/sources.ts';
import { openZipEntry, readZipDirectory } from '../../src/trajectories/io/zip.ts';

/** An archive of the given files; `claimed` is the size that is stated before the bytes are known. */
async function zipOf(
  files: readonly (readonly [string, Uint8Array])[],
  claimed?: number,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const zip = new ZipWriter(async (bytes) => void pieces.push(bytes.slice()));
  for (const [name, bytes] of files) {
    const compress = name.endsWith('.txt');
    const source = memorySource(name, bytes).stream();
    await zip.add(name, source, { sizeBytes: claimed ?? bytes.length, compress });
  }
  await zip.finish();
  return new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer());
}

async function unzip(bytes: Uint8Array): Promise<Map<string, string>> {
  const source = memorySource('x.zip', bytes);
  const texts = new Map<string, string>();
  for (const { step } of (await readZipDirectory(source, bytes.length)).entries) {
    const damage = ({ message }: { message: string }): never => {
      throw new Error(message);
    };
    const pieces: Uint8Array[] = [];
    for await (const piece of (await openZipEntry(source, step, step.entry, damage)).stream())
      pieces.push(piece);
    texts.set(step.entry, await new Blob(pieces as BlobPart[]).text());
  }
  return texts;
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('a zip archive written front to back', () => {
  it('holds deflated and stored files, empty ones and names beyond ASCII', async () => {
    const files = [
      ['long.txt', encode('again and '.repeat(5000))],
      ['stored.bin', encode('bytes')],
      ['empty.txt', new Uint8Array(0)],
      ['sets/“ä”.bin', encode('named')],
    ] as const;
    const bytes = await zipOf(files);
    expect([...(await unzip(bytes))]).toEqual(
      files.map(([name, content]) => [name, new TextDecoder().decode(content)]),
    );
    expect(bytes.length).toBeLessThan(2000);
  });

  it('uses the 64-bit form for what may be large', async () => {
    const large = await zipOf([['a.txt', encode('small after all')]], 5e9);
    expect([...(await unzip(large))]).toEqual([['a.txt', 'small after all']]);
  });
});
