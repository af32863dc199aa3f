import { describe, expect, it } from 'vitest';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import { ProjectStore } from '../../src/storage/projects.ts';
import { EventHub } from '../../src/workers/eventHub.ts';
import { sameBytes, sampleHash } from '../../src/workers/fileIdentity.ts';
import { runImport } from '../../src/workers/importJob.ts';
import { ProjectSession, type ProjectFile } from '../../src/workers/projectSession.ts';

const text = (blob: Blob | null | undefined) => blob?.text();
const fileOf = (content: BlobPart, name = 'runs.jsonl') => new File([content], name);

/** A file or folder of a project whose bytes are not at hand any more. */
async function missing(path: string, changes: Partial<ProjectFile>, sizeBytes = 0): Promise<ProjectFile> {
  const { session } = await newSession();
  const file = session.addFile(path, null, 0, changes.members !== undefined);
  return { ...file, ...changes, info: { ...file.info, sizeBytes } };
}

async function newSession() {
  const store = new ProjectStore(new MemoryFolder());
  const hub = new EventHub();
  return { store, hub, session: new ProjectSession(await store.create('a', 'Mine', 0, false), store, hub, () => 0) }; // prettier-ignore
}

describe('a file that is chosen again', () => {
  const large = new Uint8Array(3 * 1024 * 1024).map((_, index) => index % 251);

  it('is taken under any name when its size and the sampled bytes are those of then', async () => {
    const held = await missing('runs.jsonl', { sample: await sampleHash(fileOf(large)) }, large.length);
    const bytes = await sameBytes(held, { type: 'file', path: 'b', file: fileOf(large, 'b') });
    expect((await bytes.blobOf('runs.jsonl'))?.size).toBe(large.length);
  });

  it.each([0, Math.floor(large.length / 2) - 64 * 1024, large.length - 1])(
    'is refused when byte %i differs',
    async (at) => {
      const held = await missing('runs.jsonl', { sample: await sampleHash(fileOf(large)) }, large.length);
      const other = large.slice();
      // Pieces are 64 KiB long and up to 200 KiB apart.
      other.fill(255, at, at + 200 * 1024);
      const chosen = { type: 'file', path: 'runs.jsonl', file: fileOf(other) } as const;
      await expect(sameBytes(held, chosen)).rejects.toThrow('found other bytes of the same number');
    },
  );

  it('is refused with both sizes when it is longer', async () => {
    const held = await missing('runs.jsonl', {}, 8);
    const chosen = { type: 'file', path: 'runs.jsonl', file: fileOf('{"id":1}\n{"id":2}') } as const;
    await expect(sameBytes(held, chosen)).rejects.toThrow('expected 8 bytes; found 17 bytes');
  });
});

describe('a folder that is chosen again', () => {
  const members = [
    { path: 'runs/a.json', sizeBytes: 2 },
    { path: 'runs/b', sizeBytes: 0, parts: ['runs/b/1.json', 'runs/b/2.json'] },
  ];
  const folder = (names: readonly string[]) =>
    ({ type: 'folder', path: 'moved', files: names.map((name) => ({ path: `moved/${name}`, file: fileOf('{}', name) })) }) as const; // prettier-ignore

  it('is taken when it was moved and has another name', async () => {
    const held = await missing('runs', { members });
    const bytes = await sameBytes(held, folder(['a.json', 'b/1.json', 'b/2.json', 'new.json']));
    expect(await text(await bytes.blobOf('runs/a.json'))).toBe('{}');
    expect(await text(await bytes.blobOf('runs/b'))).toBe('{}\n{}\n');
  });

  it('is refused with the files that are not there', async () => {
    const held = await missing('runs', { members });
    const chosen = folder(['a.json', 'b/1.json']);
    await expect(sameBytes(held, chosen)).rejects.toThrow('missing or of another size: runs/b/2.json');
  });
});

describe('a file that is imported again', () => {
  const line = JSON.stringify({ id: 'r', messages: [{ role: 'user', content: 'Why?' }, { role: 'assistant', content: 'So.' }] }); // prettier-ignore
  const importInto = async (open: ProjectSession, content: string): Promise<string> => {
    let ended = '';
    const job = { id: 'import', signal: new AbortController().signal, progress: () => undefined, finish: (said: string) => void (ended = said) }; // prettier-ignore
    await runImport(open, [{ type: 'file', path: 'runs.jsonl', file: fileOf(content) }], job, false);
    return ended;
  };
  /** The project as the next visit has it: nothing is left of a file that was kept by the tab alone. */
  const nextVisit = async ({ store, hub }: Pick<Awaited<ReturnType<typeof newSession>>, 'store' | 'hub'>) => {
    const again = new ProjectSession((await store.read('a'))!, store, hub, () => 0);
    await again.restore();
    return again;
  };

  it('gets its bytes back where they were not at hand, instead of standing there twice', async () => {
    const made = await newSession();
    expect(await importInto(made.session, line)).toBe('1 trajectory in 1 file');
    const again = await nextVisit(made);
    expect(again.listFiles()).toMatchObject([{ keptBy: 'missing' }]);
    expect(await importInto(again, line)).toBe('1 file is at hand again');
    expect(again.listFiles()).toMatchObject([{ keptBy: 'tab', message: '1 trajectory' }]);
    expect(again.index.length).toBe(1);
    expect(await text(await again.files.get(again.listFiles()[0]!.id)?.bytes?.blobOf('runs.jsonl'))).toBe(
      line,
    );
  });

  it('takes the place of what was read of it before it was cut off', async () => {
    const made = await newSession();
    await importInto(made.session, line);
    // As it is written while it is read.
    made.session.updateFile(made.session.listFiles()[0]!.id, { phase: 'reading' });
    await made.session.settle();
    const again = await nextVisit(made);
    expect(again.listFiles()).toMatchObject([{ phase: 'cancelled' }]);
    expect(again.listFiles()[0]?.message).toContain('cut off');
    expect(await importInto(again, line)).toBe('1 trajectory in 1 file');
    expect(again.listFiles()).toMatchObject([{ phase: 'done' }]);
    expect(again.index.length).toBe(1);
    expect(again.index.id.at(0)).toBe('r');
  });
});
