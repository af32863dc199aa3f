import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { adoptSharedWork } from '../../src/storage/adoptSharedWork.ts';
import { filesBelow } from '../../src/storage/folder.ts';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import { projectFolder, ProjectStore } from '../../src/storage/projects.ts';
import { newProject, readProject } from '../../src/storage/projectSchema.ts';

/** A project of the samples as version 1 wrote it, cut to one file. */
const version1 = readFileSync(new URL('../fixtures/projects/version1.json', import.meta.url), 'utf8');

async function pathsBelow(folder: MemoryFolder): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of filesBelow(folder)) paths.push(path.join('/'));
  return paths;
}

describe('a project of version 1', () => {
  it('is read with everything that was in it, and written as version 2', () => {
    const { version, ...before } = JSON.parse(version1) as Record<string, unknown>;
    const { version: now, ...after } = readProject(version1) ?? newProject('none', '', 0, false);
    expect([version, now]).toEqual([1, 2]);
    expect(after).toEqual(before);
  });

  it('gets the trainings, evaluations and measurements that lay beside it', async () => {
    const root = new MemoryFolder();
    const store = new ProjectStore(root);
    const [old, other] = [readProject(version1), await store.create('other', 'Latest', 2e15, false)];
    if (!old) throw new Error('the fixture is not read');
    await store.write(old);
    const shared = root.folder('acc-workbench');
    const writeRun = async (id: string, setId: string | null): Promise<void> => {
      await shared.folder('training').folder(id).writeText('source.json', JSON.stringify({ setId }));
      await shared.folder('training').folder(id).folder('step-4').writeText('adapter.safetensors', id);
    };
    await writeRun('run-001', old.setIds[0] ?? '');
    await writeRun('run-002', null);
    await shared.folder('evaluations').folder('runs').folder('e1').writeText('result.json', '{}');
    await shared.folder('mechanism').writeText('board.json', '{}');

    await adoptSharedWork(root, await store.list());

    const run1 = projectFolder(root, old.id).folder('training').folder('run-001').folder('step-4');
    expect(await run1.readText('adapter.safetensors')).toBe('run-001');
    const paths = await pathsBelow(root);
    expect(paths.filter((path) => path.includes('/other/'))).toEqual([
      'acc-workbench/projects/other/evaluations/runs/e1/result.json',
      'acc-workbench/projects/other/mechanism/board.json',
      `acc-workbench/projects/${other.id}/project.json`,
      'acc-workbench/projects/other/training/run-002/source.json',
      'acc-workbench/projects/other/training/run-002/step-4/adapter.safetensors',
    ]);
    expect(paths.every((path) => path.startsWith('acc-workbench/projects/'))).toBe(true);
  });
});
