import { describe, expect, it } from 'vitest';
import { InputError } from '../../src/core/errors.ts';
import { filesBelow } from '../../src/storage/folder.ts';
import { MemoryFolder } from '../../src/storage/memoryFolder.ts';
import { newProject, type StoredProject } from '../../src/storage/projectSchema.ts';
import { ZipWriter } from '../../src/storage/zipWriter.ts';
import { memorySource } from '../../src/trajectories/io/sources.ts';
import { portableSha256 } from '../../src/trajectories/io/sha256.ts';
import {
  filesToArchive,
  openArchive,
  unpackArchive,
  writeArchive,
} from '../../src/workers/projectArchive.ts';

const quiet = { signal: new AbortController().signal, onProgress: () => undefined };
const project: StoredProject = { ...newProject('p', 'Lighthouse', 5, false), excludedTrajectories: ['a'] };

/** A folder with something of every part of a project. */
async function sampleFolder(): Promise<MemoryFolder> {
  const folder = new MemoryFolder();
  await folder.writeText('project.json', 'the record of the folder is not what is saved');
  await folder.writeText('index.bin', 'index');
  await folder.folder('files').writeFile(
    '1',
    new Uint8Array(300_000).map((_, at) => (at * at) % 251),
  );
  const set = folder.folder('sets').folder('s');
  await set.writeText('examples.jsonl', '{"id":"ä"}\n'.repeat(10_000));
  await set.folder('exports').writeText('examples.openai.jsonl', 'made again at any time');
  const run = folder.folder('training').folder('run-001');
  await run.writeText('run.json', '{}');
  await run.writeText('checkpoint.safetensors', 'weights');
  await run.folder('step-4').writeText('adapter_model.safetensors', 'weights');
  await folder
    .folder('evaluations')
    .folder('data')
    .writeText(`${'0'.repeat(64)} rows of “MRCR”.jsonl`, '{}');
  return folder;
}

async function archiveOf(folder: MemoryFolder, withCheckpoints = true): Promise<File> {
  const pieces: Uint8Array[] = [];
  const files = await filesToArchive(folder, withCheckpoints);
  await writeArchive(project, files, async (bytes) => void pieces.push(bytes.slice()), quiet);
  return new File(pieces as BlobPart[], 'lighthouse.accz');
}

async function contents(folder: MemoryFolder): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { path, file } of filesBelow(folder)) found[path.join('/')] = await file.text();
  return found;
}

const sha256 = (text: string): string => {
  const hash = portableSha256();
  hash.update(new TextEncoder().encode(text));
  return hash.hex();
};

/** An archive made by hand: entries, and the manifest that speaks of them. */
async function forged(
  entries: readonly (readonly [path: string, text: string])[],
  change: (manifest: { version: number; entries: { path: string; sizeBytes: number; sha256: string }[] }) => void = () => undefined, // prettier-ignore
  record: object = project,
): Promise<File> {
  const all = [['project.json', JSON.stringify(record)] as const, ...entries];
  const manifest = {
    format: 'acc-workbench-project',
    version: 1,
    entries: all.map(([path, text]) => ({ path, sizeBytes: text.length, sha256: sha256(text) })),
  };
  change(manifest);
  const pieces: Uint8Array[] = [];
  const zip = new ZipWriter(async (bytes) => void pieces.push(bytes.slice()));
  for (const [path, text] of [...all, ['manifest.json', JSON.stringify(manifest)] as const]) {
    const bytes = new TextEncoder().encode(text);
    await zip.add(path, memorySource(path, bytes).stream(), { sizeBytes: bytes.length, compress: true });
  }
  await zip.finish();
  return new File(pieces as BlobPart[], 'forged.accz');
}

async function unpacked(file: File): Promise<Record<string, string>> {
  const folder = new MemoryFolder();
  await unpackArchive(await openArchive(file), folder, quiet);
  return contents(folder);
}

describe('a project as one file', () => {
  it('comes back with every byte, but for exports, which are made again', async () => {
    const folder = await sampleFolder();
    const file = await archiveOf(folder);
    const opened = await openArchive(file);
    expect(opened.record).toEqual(project);
    const { 'project.json': record, 'sets/s/exports/examples.openai.jsonl': made, ...kept } = await contents(folder); // prettier-ignore
    expect([record, made]).not.toContain(undefined);
    expect(await unpacked(file)).toEqual(kept);
    expect(file.size).toBeLessThan(opened.sizeBytes);
  });

  it('leaves the checkpoints out on demand, and keeps the adapters', async () => {
    const names = Object.keys(await unpacked(await archiveOf(await sampleFolder(), false)));
    expect(names.filter((name) => name.startsWith('training/'))).toEqual([
      'training/run-001/run.json',
      'training/run-001/step-4/adapter_model.safetensors',
    ]);
  });

  it.each([
    ['../../escape', 'a way out of the project'],
    ['sets/../../escape', 'a way out, further down'],
    ['/sets/s', 'an absolute path'],
    ['sets/a\\b', 'a backslash'],
    ['sets//s', 'an empty name'],
    ['sets/a\u0000b', 'a NUL'],
    ['elsewhere/s', 'a place that no project has'],
    [`sets/${'deep/'.repeat(9)}s`, 'a path too deep'],
  ])('is refused with the path %j: %s', async (path) => {
    await expect(openArchive(await forged([[path, 'x']]))).rejects.toMatchObject({
      code: 'damaged-project-file',
    });
  });

  it('is refused when a part is not what the manifest says, or is missing, or is not spoken of', async () => {
    const text = 'examples '.repeat(2000);
    const refused = { code: 'damaged-project-file' };
    const entry = ['sets/s/examples.jsonl', text] as const;
    expect(await unpacked(await forged([entry]))).toEqual({ [entry[0]]: text });
    const other = await forged([entry], ({ entries }) => (entries[1]!.sha256 = sha256('other')));
    await expect(unpacked(other)).rejects.toMatchObject(refused);
    // More comes out than was stated: the rest is never inflated.
    const bomb = await forged([entry], ({ entries }) => (entries[1]!.sizeBytes = 10));
    await expect(unpacked(bomb)).rejects.toMatchObject({ ...refused, detail: { actual: 'more' } });
    const absent = await forged([entry], ({ entries }) => (entries[1]!.path = 'sets/s/other.jsonl'));
    await expect(openArchive(absent)).rejects.toMatchObject(refused);
    const hidden = await forged([entry], ({ entries }) => void entries.pop());
    await expect(openArchive(hidden)).rejects.toMatchObject(refused);
    const file = await forged([entry]);
    const cut = new File([file.slice(0, file.size - 40)], 'cut.accz');
    await expect(openArchive(cut)).rejects.toMatchObject(refused);
  });

  it('with any one byte changed is refused, or was changed where nothing is kept', async () => {
    const whole = await forged([['sets/s/examples.jsonl', 'examples '.repeat(40)]]);
    const bytes = new Uint8Array(await whole.arrayBuffer());
    const intact = await unpacked(whole);
    let refused = 0;
    for (let at = 0; at < bytes.length; at++) {
      const changed = bytes.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      const outcome = await unpacked(new File([changed], 'changed.accz')).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome, `byte ${at}`).toBeInstanceOf(InputError);
        refused++;
      } else expect(outcome, `byte ${at}`).toEqual(intact);
    }
    expect(refused).toBeGreaterThan(bytes.length / 2);
  });

  it('of a later version is refused as such, and another file is told apart', async () => {
    const later = await forged([], (manifest) => (manifest.version = 2));
    await expect(openArchive(later)).rejects.toMatchObject({ code: 'newer-project-file' });
    const laterProject = await forged([], undefined, { ...project, version: 99 });
    await expect(openArchive(laterProject)).rejects.toMatchObject({ code: 'newer-project-file' });
    for (const text of ['{"no":"zip"}', '']) {
      const none = openArchive(new File([text], 'runs.jsonl'));
      await expect(none).rejects.toMatchObject({ code: 'no-project-file' });
    }
  });

  it('stops when it is cancelled', async () => {
    const controller = new AbortController();
    const archive = await openArchive(await archiveOf(await sampleFolder()));
    const onProgress = (): void => controller.abort();
    const stopped = unpackArchive(archive, new MemoryFolder(), { signal: controller.signal, onProgress });
    await expect(stopped).rejects.toMatchObject({ code: 'cancelled' });
  });
});
