import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'; // prettier-ignore
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/acc.ts';
import { listGroups } from '../../src/cli/compileFiles.ts';
import { fileSource } from '../../src/cli/nodeSource.ts';
import { errorOf, failureOf } from '../../src/cli/threadFailure.ts';
import { reportFailure } from '../../src/cli/output.ts';
import type { Recipe } from '../../src/compile/recipe.ts';
import { InputError } from '../../src/core/errors.ts';

const runs = readFileSync(resolve(import.meta.dirname, '../../public/samples/search-runs.jsonl'), 'utf8');
const [line = '', another = ''] = runs.split('\n');
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'acc-compile-inputs-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

/** Writes files below the folder of these tests. */
function write(files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

/** Runs a command line and gives its exit code and output. */
async function acc(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  vi.spyOn(process.stdout, 'write').mockImplementation((text: unknown, done: unknown) => {
    said.out += String(text);
    if (typeof done === 'function') (done as () => void)();
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said.err += String(text);
    return true;
  });
  const code = await main(argv);
  vi.restoreAllMocks();
  return { code, ...said };
}

const compile = (out: string, inputs: readonly string[], ...more: string[]) =>
  acc('compile', ...inputs, '--out', join(folder, out), '--no-count', ...more);
const read = (path: string): string => readFileSync(join(folder, path), 'utf8');
const recipeOf = (out: string): Recipe => JSON.parse(read(`${out}/recipe.json`)) as Recipe;
const examplesOf = (out: string) =>
  read(`${out}/examples.jsonl`)
    .trimEnd()
    .split('\n')
    .map((text) => JSON.parse(text) as { source: { file: string; sha256: string } });

describe('files that lie beside runs', () => {
  it('are left out with an issue where they are no database, and end nothing', async () => {
    write({
      'aside/runs.jsonl': runs,
      'aside/t1/pred.sql': 'SELECT name FROM boats',
      'aside/cache.db': '\u0001\u0002 no SQLite file',
    });
    const { code, err } = await compile('aside-out', [join(folder, 'aside')]);
    expect(code).toBe(1);
    expect(examplesOf('aside-out').length).toBeGreaterThan(0);
    expect(err).toContain('error unknown-database in aside/t1/pred.sql: the database file is not recognised');
    expect(err).toContain('error unknown-database in aside/cache.db');
    // Named as a database, the same file ends the run.
    const named = await compile('named-out', [join(folder, 'aside/runs.jsonl')], '--database', join(folder, 'aside/cache.db')); // prettier-ignore
    expect(named.code).toBe(2);
    expect(named.err).toContain('not recognised');
  });

  it.skipIf(process.platform === 'win32')(
    'are left out with an issue where they may not be read',
    async () => {
      write({ 'locked/runs.jsonl': runs, 'locked/secret.jsonl': line, 'locked/secret.db': 'x' });
      write({ 'locked/vault/more.jsonl': line });
      const locked = ['secret.jsonl', 'secret.db', 'vault'].map((name) => join(folder, 'locked', name));
      mkdirSync(join(folder, 'locked-out'));
      chmodSync(folder, 0o755);
      chmodSync(join(folder, 'locked-out'), 0o777);
      for (const path of locked) chmodSync(path, 0);
      const isRoot = process.getuid?.() === 0;
      // Root reads everything: an ordinary user's rights are taken on meanwhile.
      if (isRoot) process.seteuid?.(65534);
      try {
        const { code, err } = await compile('locked-out', [join(folder, 'locked')]);
        expect(code).toBe(1);
        expect(err).toContain('error unreadable-file in locked/secret.jsonl: The file may not be read');
        expect(err).toContain('error unreadable-file in locked/secret.db');
        expect(err).toContain('error unreadable-file in locked/vault: The file may not be read');
        const inspected = await acc('inspect', join(folder, 'locked'));
        expect(inspected.code).toBe(1);
        expect(inspected.err).toMatch(/may not be read; at .*vault/);
        expect(recipeOf('locked-out').inputs.map(({ file }) => file)).toEqual(['locked/runs.jsonl']);
        const alone = await compile('locked-out', [join(folder, 'locked/secret.jsonl')]);
        expect(alone.code).toBe(2);
        expect(alone.err).toContain('The file may not be read');
      } finally {
        if (isRoot) process.seteuid?.(0);
        for (const path of locked) chmodSync(path, 0o700);
      }
    },
  );
});

describe('names of inputs', () => {
  it('have as many parent folders in front as tell files apart, so that each run names its own source', async () => {
    write({ 'r1/t.jsonl': `${line}\n`, 'r2/t.jsonl': `${another}\n` });
    await compile('twins', [join(folder, 'r1/t.jsonl'), join(folder, 'r2/t.jsonl')]);
    expect(examplesOf('twins').map(({ source: { file, sha256: hash } }) => [file, hash])).toEqual([
      ['r1/t.jsonl', sha256(`${line}\n`)],
      ['r2/t.jsonl', sha256(`${another}\n`)],
    ]);
    expect(recipeOf('twins').inputs.map(({ file }) => file)).toEqual(['r1/t.jsonl', 'r2/t.jsonl']);
  });

  it('are the shortest that do, and one for all files of a folder', async () => {
    write({ 'a/x/run.json': '1', 'a/x/only.json': '2', 'b/x/run.json': '3', 'c/else.json': '4' });
    const names = async (...paths: string[]): Promise<string[]> =>
      (await listGroups(paths.map((path) => join(folder, path)))).flat().map(({ name }) => name);
    expect(await names('a/x', 'c/else.json')).toEqual(['x/only.json', 'x/run.json', 'else.json']);
    expect(await names('a/x', 'b/x')).toEqual(['a/x/only.json', 'a/x/run.json', 'b/x/run.json']);
    // What was given twice cannot be told apart, and need not be.
    expect(await names('c/else.json', 'c/else.json')).toEqual(['else.json', 'else.json']);
  });
});

describe('what can be read only once', () => {
  const stdin = (text: string) =>
    vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([Buffer.from(text)]) as never);

  it('standard input is hashed like a file', async () => {
    const input = stdin(runs);
    await compile('piped', ['-']);
    expect(input).toHaveBeenCalled();
    expect(recipeOf('piped').inputs).toEqual([
      { file: 'stdin', sha256: sha256(runs), bytes: Buffer.byteLength(runs) },
    ]);
    expect(examplesOf('piped')[0]?.source).toMatchObject({ file: 'stdin', sha256: sha256(runs) });
    expect((await compile('twice', ['-', '-'])).err).toContain('named more than once');
    expect((await acc('inspect', '-', '-')).code).toBe(2);
  });

  it.skipIf(process.platform === 'win32')('a pipe is read like a file, by every command', async () => {
    const pipe = join(folder, 'pipe');
    write({ 'whole.jsonl': runs });
    execFileSync('mkfifo', [pipe]);
    const feed = () => spawn('sh', ['-c', `cat "${join(folder, 'whole.jsonl')}" > "${pipe}"`]);
    feed();
    const inspected = await acc('inspect', pipe, '--json');
    expect(JSON.parse(inspected.out)).toMatchObject({ totals: { trajectories: 5 } });
    feed();
    await compile('from-pipe', [pipe]);
    await compile('from-file', [join(folder, 'whole.jsonl')]);
    expect(examplesOf('from-pipe')).toHaveLength(examplesOf('from-file').length);
    expect(recipeOf('from-pipe').inputs).toMatchObject([{ file: 'pipe', sha256: sha256(runs) }]);
    expect((await acc('compile', pipe, '--plan', join(folder, 'plan'))).err).toContain('cannot be cut into shards'); // prettier-ignore
    await expect(fileSource(folder)).rejects.toThrow('This is a folder, not a file');
  });
});

describe('what acc compile says', () => {
  it('names the errors that it ends with 1 for', async () => {
    write({ 'cut.jsonl': `${line}\n{"messages": [\n` });
    const told = await compile('cut', [join(folder, 'cut.jsonl')]);
    expect(told.code).toBe(1);
    expect(told.err).toMatch(/error truncated-json in cut\.jsonl \(record 1, byte \d+\): /);
    const { out } = await compile('cut', [join(folder, 'cut.jsonl')], '--json');
    const { issues } = JSON.parse(out) as { issues: unknown[] };
    expect(issues).toContainEqual(expect.objectContaining({ code: 'truncated-json', record: 1 }));
  });

  it('lists twenty of many errors, and where the others are', async () => {
    write(Object.fromEntries(Array.from({ length: 23 }, (_, at) => [`many/${at}.sql`, 'SELECT 1'])));
    const { err } = await compile('many-out', [join(folder, 'many')]);
    expect(err.match(/error unknown-database/g)).toHaveLength(20);
    expect(err).toContain(`and 3 more errors, in ${join(folder, 'many-out')}/report.json`);
  });

  it('is one line about a folder that cannot be written to, before any input is read', async () => {
    write({ taken: 'a file' });
    for (const step of ['--out', '--plan']) {
      const { code, err } = await acc('compile', join(folder, 'nowhere.jsonl'), step, join(folder, 'taken'));
      expect(code).toBe(2);
      expect(err).toMatch(/^acc: The folder cannot be written to; at .*taken; .* found a file\n$/);
    }
  });

  it('is one line when a thread meets what a user can mend, and a stack when it meets a bug', () => {
    const failed = new InputError('no-tokenizer', 'no tokenizer is called nope', { expected: 'qwen3' });
    const told = (error: unknown): string => {
      const spy = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
      reportFailure(errorOf(structuredClone(failureOf(error))));
      return String(spy.mock.lastCall?.[0]);
    };
    expect(told(failed)).toBe('acc: no tokenizer is called nope; expected qwen3\n');
    expect(told(new TypeError('x is undefined'))).toMatch(
      /^acc: internal error: TypeError: x is undefined\n +at /,
    );
  });

  it('explains itself for -h, as every command does, and takes no other letter for a file', async () => {
    for (const command of ['compile', 'world', 'grade', 'inspect'])
      expect(await acc(command, 'x', '-h')).toMatchObject({ code: 0, out: expect.stringContaining(`acc ${command}`) as string }); // prettier-ignore
    const { code, err } = await acc('compile', '-q', join(folder, 'cut.jsonl'), '--out', 'o');
    expect([code, err]).toEqual([2, expect.stringContaining('there is no option -q')]);
  });

  it.each([
    [['--shard', '0'], /--shard goes with --map/],
    [['--shard-bytes', '9'], /--shard-bytes goes with --plan/],
    [['--mask-share', '0.5'], /--mask-share is for one control only; expected --control evidence-mask/],
    [['--mask-unit', 'nonsense', '--control', 'evidence-mask'], /--mask-unit is not usable/],
  ])('is that %j does nothing here', async (options, message) => {
    write({ 'fine.jsonl': `${line}\n` });
    const { code, err } = await compile('refused', [join(folder, 'fine.jsonl')], ...options);
    expect([code, err]).toEqual([2, expect.stringMatching(message)]);
    expect(existsSync(join(folder, 'refused'))).toBe(false);
  });
});

describe('the output folder', () => {
  it('keeps the set that it holds when a new split cannot be written', async () => {
    write({ 'split.jsonl': runs });
    await compile('split-out', [join(folder, 'split.jsonl')]);
    const before = read('split-out/examples.jsonl');
    mkdirSync(join(folder, 'split-out/examples.eval.jsonl.part'));
    const { code, err } = await compile('split-out', [join(folder, 'split.jsonl')], '--eval-share', '0.5');
    expect([code, err]).toEqual([2, expect.stringMatching(/^acc: The file cannot be written/)]);
    expect(read('split-out/examples.jsonl')).toBe(before);
    rmSync(join(folder, 'split-out/examples.eval.jsonl.part'), { recursive: true });
    await compile('split-out', [join(folder, 'split.jsonl')], '--eval-share', '0.5');
    const lines = ['examples.jsonl', 'examples.eval.jsonl'].flatMap((name) =>
      read(`split-out/${name}`).trimEnd().split('\n'),
    );
    expect(lines.sort()).toEqual(before.trimEnd().split('\n').sort());
    expect(readdirSync(join(folder, 'split-out')).filter((name) => name.includes('part'))).toEqual([]);
  });

  it('is no folder with a README.md of its own', async () => {
    write({ 'mine/README.md': 'my notes', 'mine/runs.jsonl': `${line}\n` });
    const refused = await compile('mine', [join(folder, 'mine/runs.jsonl')]);
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('that no compilation wrote')]);
    expect(read('mine/README.md')).toBe('my notes');
    await compile('set', [join(folder, 'mine/runs.jsonl')]);
    expect((await compile('set', [join(folder, 'mine/runs.jsonl')])).code).not.toBe(2);
  });
});
