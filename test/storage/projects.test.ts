import { describe, expect, it } from 'vitest';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import { ProjectStore } from '../../src/storage/projects.ts';
import { newProject, readProject } from '../../src/storage/projectSchema.ts';

describe('projects', () => {
  it('are listed with the latest first, and come back as they were written', async () => {
    const store = new ProjectStore(new MemoryFolder());
    await store.create('a', 'First', 1000, false);
    const second = await store.create('b', 'Second', 2000, true);
    await store.write({ ...second, kindOverrides: { ['__proto__']: 'sql' }, excludedTrajectories: ['x'] });
    const listed = await store.list();
    expect(listed.map(({ id }) => id)).toEqual(['b', 'a']);
    expect(Object.entries(listed[0]?.kindOverrides ?? {})).toEqual([['__proto__', 'sql']]);
    await store.delete('b');
    expect((await store.list()).map(({ id }) => id)).toEqual(['a']);
  });

  it('of a later version, or damaged, are not read (and so never overwritten)', () => {
    const project = newProject('a', 'A', 0, false);
    expect(readProject(JSON.stringify(project))).toEqual(project);
    expect(readProject(JSON.stringify({ ...project, version: 3 }))).toBeNull();
    expect(readProject('{"version":1')).toBeNull();
    expect(readProject('null')).toBeNull();
  });

  it('take defaults for what an older page did not write', () => {
    const read = readProject('{"version":1,"id":"a","files":[{"id":3},{"path":"no id"}],"setIds":[1,"s"]}');
    expect(read?.files.map(({ id, keptBy }) => [id, keptBy])).toEqual([[3, 'tab']]);
    expect(read?.setIds).toEqual(['s']);
  });
});

describe('a folder in memory', () => {
  it('appends from a given size on, and reads what was appended', async () => {
    const folder = new MemoryFolder();
    const file = await folder.openAppend('log', 0);
    file.append(new TextEncoder().encode('hello '));
    file.append(new TextEncoder().encode('world'));
    expect(new TextDecoder().decode(await file.read(6, 11))).toBe('world');
    file.close();
    const again = await folder.openAppend('log', 6);
    again.append(new TextEncoder().encode('there'));
    again.close();
    expect(await folder.readText('log')).toBe('hello there');
    expect([await folder.list(), await folder.readText('none')]).toEqual([['log'], null]);
  });
});

describe('the next start of the page', () => {
  it('opens the project that was open last, whatever the clock says', async () => {
    const store = new ProjectStore(new MemoryFolder());
    await store.create('a', 'Worked on after the clock was put back', 1000, false);
    await store.create('b', 'Before', 9000, false);
    await store.noteOpened('a');
    expect((await store.listToOpen()).map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('removes what is left of a project that was being unpacked, and no other', async () => {
    const root = new MemoryFolder();
    const store = new ProjectStore(root);
    await store.create('whole', 'Whole', 0, false);
    await store.folderOf('half').folder('files').writeText('1', 'unpacked before the tab was closed');
    await store.removeUnfinished();
    expect(await root.folder('acc-workbench').folder('projects').list()).toEqual(['whole']);
  });
});
