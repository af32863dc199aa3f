import { describe, expect, it } from 'vitest';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import { projectFolder, ProjectStore } from '../../src/storage/projects.ts';
import { findItem, measureSpace, removeItem } from '../../src/workers/spaceReport.ts';

async function sampleStorage(): Promise<{ root: MemoryFolder; store: ProjectStore }> {
  const root = new MemoryFolder();
  const store = new ProjectStore(root);
  await store.create('p', 'Lighthouse', 1, false);
  const project = projectFolder(root, 'p');
  await project.folder('files').writeText('1', 'x'.repeat(500));
  await project.folder('sets').folder('s').writeText('examples.jsonl', 'x'.repeat(400));
  await project.folder('sets').folder('s').folder('exports').writeText('e.jsonl', 'x'.repeat(300));
  for (const [run, files] of [
    ['run-001', ['run.json', 'checkpoint.safetensors', 'best.safetensors', 'adapter_model.safetensors']],
    ['run-002', ['run.json', 'checkpoint.safetensors']],
  ] as const) {
    for (const file of files) await project.folder('training').folder(run).writeText(file, 'x'.repeat(10));
  }
  await root.folder('acc-workbench').folder('outbox').writeText('Lighthouse.accz', 'x'.repeat(200));
  return { root, store };
}

describe('what takes space', () => {
  it('is listed by kind, the largest first, and says what may go and what follows', async () => {
    const { root, store } = await sampleStorage();
    const items = await measureSpace(root, store);
    expect(items.map(({ kind, sizeBytes }) => [kind, sizeBytes]).slice(0, 4)).toEqual([
      ['copies', 500],
      ['sets', 400],
      ['exports', 300],
      ['index', expect.any(Number)],
    ]);
    const removable = items.filter(({ removal }) => removal !== null);
    expect(removable.map(({ id, removal }) => [id, removal?.needsConfirm])).toEqual([
      ['p/exports', false],
      ['downloads', false],
      ['p/checkpoints/run-001', true],
      ['p/checkpoints/run-002', true],
    ]);
    // A run without an adapter has nothing but its checkpoint.
    expect(removable.at(-1)?.removal?.consequence).toContain('will be lost');
    expect(removable.at(-2)?.removal?.consequence).toContain('adapter, curves and record stay');
  });

  it('goes when it is told to, and nothing else does', async () => {
    const { root, store } = await sampleStorage();
    const before = await measureSpace(root, store);
    for (const id of ['p/exports', 'p/checkpoints/run-001', 'p/copies', '../p', 'nothing']) {
      const found = await findItem(root, store, id);
      if (found) await removeItem(root, found);
    }
    const after = await measureSpace(root, store);
    const gone = before.filter(({ id }) => !after.some((item) => item.id === id));
    expect(gone.map(({ id }) => id)).toEqual(['p/exports', 'p/checkpoints/run-001']);
    const run = projectFolder(root, 'p').folder('training').folder('run-001');
    expect(await run.list()).toEqual(['adapter_model.safetensors', 'run.json']);
  });
});
