import { linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, it } from 'vitest';
import { fileWriter, refuseInput, writeWhole } from '../../src/cli/outputFile.ts';
import { temporaryFolder } from './benchmarkRun.ts';

const folder = temporaryFolder('output-file');
afterAll(folder.remove);
const read = (name: string): string => readFileSync(folder.path(name), 'utf8');

describe('files that commands write', () => {
  it('have their name when they are whole; until then, and after a failure, an earlier file stays', async () => {
    writeFileSync(folder.path('rows'), 'earlier');
    const dropped = await fileWriter(folder.path('rows'));
    await dropped.write('half');
    expect(read('rows')).toBe('earlier');
    await dropped.discard();
    expect([read('rows'), readdirSync(folder.path(''))]).toEqual(['earlier', ['rows']]);
    const kept = await fileWriter(folder.path('rows'));
    await kept.write('new ');
    await kept.write(Buffer.from('bytes'));
    await kept.end();
    expect([read('rows'), readdirSync(folder.path(''))]).toEqual(['new bytes', ['rows']]);
  });

  it('are written where a link leads, and the link stays', async () => {
    symlinkSync(folder.path('rows'), folder.path('link'));
    await writeWhole(folder.path('link'), 'by the link');
    expect(read('rows')).toBe('by the link');
    expect(readdirSync(folder.path(''), { withFileTypes: true }).find((each) => each.name === 'link')!.isSymbolicLink()).toBe(true); // prettier-ignore
  });

  it('cannot be folders, and leave nothing behind where they cannot be placed', async () => {
    mkdirSync(folder.path('sub'));
    await expect(writeWhole(folder.path('sub'), 'x')).rejects.toThrow(/cannot be written; at .*sub/);
    const late = await fileWriter(folder.path('late'));
    mkdirSync(folder.path('late'));
    await expect(late.end()).rejects.toThrow(/cannot be written/);
    expect(readdirSync(folder.path('')).filter((name) => name.endsWith('.part'))).toEqual([]);
  });

  it('are never those that are read, under whatever name', async () => {
    linkSync(folder.path('rows'), folder.path('same'));
    const inputs = { '--data': folder.path('none'), '--responses': folder.path('rows') };
    await expect(refuseInput(folder.path('same'), inputs)).rejects.toThrow(/that of --responses; at .*same/);
    await refuseInput(folder.path('other'), inputs);
    await refuseInput('/dev/null', { '--data': '/dev/null' });
  });
});
