import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const root = resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'acc-package-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A folder with the script; `files` by path. */
function place(name: string, files: Readonly<Record<string, string>>): string {
  const at = join(folder, name);
  mkdirSync(join(at, 'scripts'), { recursive: true });
  for (const script of ['acc.mjs', 'bundleCli.mjs']) cpSync(join(root, 'scripts', script), join(at, 'scripts', script)); // prettier-ignore
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(at, path, '..'), { recursive: true });
    writeFileSync(join(at, path), text);
  }
  return join(at, 'scripts', 'acc.mjs');
}

const bundle = 'export async function main(argv) { console.log(`ran ${argv.join(" ")}`); return 3; }';
const run = (script: string) => spawnSync(process.execPath, [script, 'inspect', 'x'], { encoding: 'utf8' });

describe('the acc command', () => {
  it('runs from an installed package, which has the bundle and neither sources nor vite', () => {
    const { status, stdout, stderr } = run(place('package', { 'dist-acc/acc.mjs': bundle }));
    expect([status, stdout, stderr]).toEqual([3, 'ran inspect x\n', '']);
  });

  it('runs an older bundle without vite, and says so; without a bundle it says what to do', () => {
    const sources = { 'src/cli/acc.ts': '', 'package.json': '{"type":"module"}' };
    const older = place('older', { 'dist-acc/acc.mjs': bundle, ...sources });
    utimesSync(join(folder, 'older/dist-acc/acc.mjs'), 1, 1);
    const { status, stdout, stderr } = run(older);
    expect([status, stdout]).toEqual([3, 'ran inspect x\n']);
    expect(stderr).toMatch(/older than its sources.*npm ci/);
    const none = run(place('none', sources));
    expect([none.status, none.stderr]).toEqual([2, expect.stringMatching(/not there.*vite.*npm ci/)]);
  });

  it('is packed with its bundle, and nothing runs where the project is installed', () => {
    const { files, scripts, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      files: string[];
      scripts: Record<string, string>;
      bin: Record<string, string>;
    };
    expect(files).toEqual(expect.arrayContaining(['dist-acc', 'public', bin['acc']]));
    expect(scripts['prepack']).toContain('bundleCli.mjs');
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      expect(scripts[name]).toBeUndefined();
  });
});
