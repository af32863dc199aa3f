import { describe, expect, it, vi } from 'vitest';
import { readHandle } from '../../src/storage/handles.ts';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import { ProjectStore } from '../../src/storage/projects.ts';
import type { DataEvent } from '../../src/workers/dataApi.ts';
import { EventHub } from '../../src/workers/eventHub.ts';
import { singleFile } from '../../src/workers/fileBytes.ts';
import { ProjectSession } from '../../src/workers/projectSession.ts';

// IndexedDB, which keeps handles of files, is the browser's.
vi.mock('../../src/storage/handles.ts', () => ({ readHandle: vi.fn() }));

async function newSession() {
  const store = new ProjectStore(new MemoryFolder());
  const events: DataEvent[] = [];
  const hub = new EventHub();
  hub.listen((batch) => events.push(...batch));
  const session = new ProjectSession(await store.create('a', 'Mine', 0, false), store, hub, () => 0);
  return { store, session, hub, events };
}

describe('an open project on a full disk', () => {
  it('says that it was not saved, and writes its index at the next save', async () => {
    const { session, hub, events } = await newSession();
    const full = vi.spyOn(session.folder, 'writeFile').mockRejectedValueOnce(new Error('no more disk space'));
    session.indexChanged(true);
    await session.settle();
    hub.flush();
    expect(events).toContainEqual({
      type: 'notice',
      severity: 'error',
      code: 'not-saved',
      message: 'The project could not be saved: no more disk space',
    });
    expect(await session.folder.list()).not.toContain('index.bin');

    // Space was made, and only the name changes: what could not be written before is written with it.
    session.rename('Mine, renamed');
    await session.settle();
    expect(full).toHaveBeenCalledTimes(2);
    expect(await session.folder.list()).toEqual(['index.bin', 'issues.json', 'project.json']);
  });

  it('writes its index again when rows came while it was written', async () => {
    const { session } = await newSession();
    const write = session.folder.writeFile.bind(session.folder);
    const spy = vi.spyOn(session.folder, 'writeFile').mockImplementationOnce(async (name, data) => {
      session.indexChanged(false);
      await write(name, data);
    });
    session.indexChanged(true);
    await session.settle();
    await session.settle();
    expect(spy).toHaveBeenCalledTimes(2);
  });
});

describe('a file on disk that was imported and is read where it lies', () => {
  const file = new File(['{"id":1}'], 'runs.jsonl', { lastModified: 5 });

  /** Opens the project again, with what is now where the file was. */
  async function reopened(getFile: () => Promise<File>) {
    const { store, session, hub } = await newSession();
    const { info } = session.addFile('runs.jsonl', singleFile('runs.jsonl', file), file.lastModified, false);
    session.updateFile(info.id, { phase: 'done', keptBy: 'handle', message: '1 trajectory' });
    await session.settle();
    const handle = { kind: 'file', queryPermission: async () => 'granted', getFile };
    vi.mocked(readHandle).mockResolvedValue(handle as unknown as FileSystemFileHandle);
    const stored = await store.read('a');
    if (!stored) throw new Error('not stored');
    const again = new ProjectSession(stored, store, hub, () => 0);
    await again.restore();
    return again.listFiles()[0];
  }

  it('is at hand again while it is the same', async () => {
    expect(await reopened(async () => file)).toMatchObject({ keptBy: 'handle', message: '1 trajectory' });
  });

  it('was changed: its records are not read from other bytes, and what was read is kept', async () => {
    const longer = new File(['{"id":1}\n{"id":2}'], 'runs.jsonl', { lastModified: 6 });
    const found = await reopened(async () => longer);
    expect(found).toMatchObject({ keptBy: 'missing' });
    expect(found?.message).toMatch(/changed after its import \(8 bytes then, 17 now\)/);
  });

  it('was removed: it is said, and what was read is kept', async () => {
    const found = await reopened(() => Promise.reject(new DOMException('gone', 'NotFoundError')));
    expect(found).toMatchObject({ keptBy: 'missing' });
    expect(found?.message).toMatch(/not where it was when it was imported/);
  });
});
