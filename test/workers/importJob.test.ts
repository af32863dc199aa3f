import { describe, expect, it } from 'vitest';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import { ProjectStore } from '../../src/storage/projects.ts';
import type { ReadySource } from '../../src/workers/dataApi.ts';
import { EventHub } from '../../src/workers/eventHub.ts';
import { runImport } from '../../src/workers/importJob.ts';
import { ProjectSession } from '../../src/workers/projectSession.ts';

async function newSession(): Promise<ProjectSession> {
  const store = new ProjectStore(new MemoryFolder());
  return new ProjectSession(await store.create('a', 'Mine', 0, false), store, new EventHub(), () => 0);
}

function importInto(
  session: ProjectSession,
  sources: readonly ReadySource[],
  signal = new AbortController().signal,
): Promise<void> {
  const job = { id: 'import', signal, progress: () => undefined, finish: () => undefined };
  return runImport(session, sources, job, false);
}

const run = (id: string): string =>
  JSON.stringify({ id, messages: [{ role: 'user', content: 'Why?' }, { role: 'assistant', content: 'So.' }] }); // prettier-ignore
const fileOf = (text: string, name: string) => ({ path: name, file: new File([text], name) });

/** A file that was taken away or locked after it was chosen. */
function unreadable(name: string) {
  const gone = () => Promise.reject(new DOMException('The file could not be read', 'NotReadableError'));
  const file = new File(['{"a":1}'], name);
  return {
    path: name,
    file: Object.assign(file, { slice: () => ({ arrayBuffer: gone, text: gone }) as unknown as Blob }),
  };
}

describe('a file that cannot be read', () => {
  it('fails alone among files that were chosen together', async () => {
    const session = await newSession();
    const chosen = [unreadable('locked.json'), fileOf(run('r'), 'runs.jsonl')];
    await importInto(
      session,
      chosen.map((file) => ({ type: 'file', ...file })),
    );
    expect(session.listFiles()).toMatchObject([{ phase: 'failed' }, { phase: 'done', trajectoryCount: 1 }]);
    expect(session.listFiles()[0]?.message).toContain('could not be read');
  });

  it('is an issue of its folder, whose other files are read', async () => {
    const session = await newSession();
    const files = [unreadable('all/locked.json'), fileOf(run('r'), 'all/runs.jsonl')];
    await importInto(session, [{ type: 'folder', path: 'all', files }]);
    expect(session.listFiles()).toMatchObject([{ phase: 'done', trajectoryCount: 1, errorCount: 1 }]);
    expect([...session.files.values()][0]?.issues.kept).toMatchObject([
      { file: 'all/locked.json', code: 'unreadable-file' },
    ]);
  });
});

describe('a file that is dropped again in the same visit', () => {
  const text = `${run('r')}\n${run('s')}`;

  it('takes the place of what was read before it was stopped', async () => {
    const session = await newSession();
    await importInto(session, [{ type: 'file', ...fileOf(text, 'runs.jsonl') }]);
    session.updateFile(1, { phase: 'cancelled' });
    await importInto(session, [{ type: 'file', ...fileOf(text, 'runs.jsonl') }]);
    expect(session.listFiles()).toMatchObject([{ phase: 'done', trajectoryCount: 2 }]);
    expect(session.index.length).toBe(2);
  });

  it('takes the place of one that could not be read', async () => {
    const session = await newSession();
    await importInto(session, [{ type: 'file', ...unreadable('runs.jsonl') }]);
    await importInto(session, [{ type: 'file', ...fileOf(text, 'runs.jsonl') }]);
    expect(session.listFiles()).toMatchObject([{ phase: 'done', trajectoryCount: 2 }]);
  });

  it('stands beside one of the same name and another size, which was stopped', async () => {
    const session = await newSession();
    await importInto(session, [{ type: 'file', ...fileOf(run('q'), 'runs.jsonl') }]);
    session.updateFile(1, { phase: 'cancelled' });
    await importInto(session, [{ type: 'file', ...fileOf(text, 'runs.jsonl') }]);
    expect(session.index.length).toBe(3);
  });
});

describe('a report that names no run, beside several', () => {
  const files = [
    fileOf(`${run('r')}\n${run('s')}`, 'a/runs.jsonl'),
    fileOf('{"success":true}', 'a/result.json'),
  ];
  const remark = { severity: 'warning', code: 'open-verdict', file: 'a/result.json' };

  it('says so as a file of its own', async () => {
    const session = await newSession();
    await importInto(
      session,
      files.map((file) => ({ type: 'file', ...file })),
    );
    expect(session.listFiles()).toMatchObject([
      { trajectoryCount: 2 },
      { role: 'companion', message: expect.stringContaining('joined to none') as string },
    ]);
    expect(session.files.get(2)?.issues.kept).toMatchObject([remark]);
  });

  it('says so among the issues of its folder', async () => {
    const session = await newSession();
    await importInto(session, [{ type: 'folder', path: 'a', files }]);
    expect(session.files.get(1)?.issues.kept).toMatchObject([remark]);
  });
});
