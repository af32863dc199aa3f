import { describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../src/model/checkpoint.ts';
import { checkpointOfFiles } from '../../src/workers/checkpointFiles.ts';
import {
  checkpointBase,
  checkpointName,
  UrlCheckpoint,
  type Ask,
} from '../../src/workers/checkpointFilesUrl.ts';
import { fixtureFiles } from '../helpers/checkpoint.ts';

const base = 'https://models.example/tiny/';
const noWait = (): Promise<void> => Promise.resolve();

/** A server over named files; `behave` may answer in its place. */
function server(
  files: Readonly<Record<string, Uint8Array>>,
  behave: (count: number, range: string | undefined) => ReturnType<Ask> | null = () => null,
): { ask: Ask; asked: string[] } {
  const asked: string[] = [];
  const ask: Ask = (url, { method = 'GET', range, maxBytes }) => {
    const name = decodeURIComponent(url.slice(base.length));
    asked.push(`${method} ${name} ${range ?? ''}`.trim());
    const special = behave(asked.length, range);
    if (special) return special;
    const bytes = Object.hasOwn(files, name) ? files[name] : undefined;
    if (!bytes) return Promise.resolve({ status: 404, headers: new Headers(), bytes: new Uint8Array(0) });
    const match = /bytes=(\d+)-(\d+)/.exec(range ?? '');
    const start = Number(match?.[1] ?? 0);
    const end = Math.min(Number(match?.[2] ?? bytes.length - 1) + 1, bytes.length);
    const headers = new Headers(
      match
        ? { 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` }
        : { 'content-length': String(bytes.length) },
    );
    const part = bytes.slice(start, Math.min(end, start + maxBytes));
    return Promise.resolve({
      status: match ? 206 : 200,
      headers,
      bytes: method === 'HEAD' ? part.slice(0, 0) : part,
    });
  };
  return { ask, asked };
}

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, index) => index % 256);

describe('a folder of files', () => {
  const file = (path: string) => ({ path, file: new Blob([path]) });

  it('is the shallowest one with a config, wherever it lies in what was dropped', async () => {
    const files = checkpointOfFiles('models', [
      file('models/readme.txt'),
      file('models/tiny/config.json'),
      file('models/tiny/model.safetensors'),
      file('models/tiny/old/config.json'),
    ]);
    expect(files.name).toBe('tiny');
    const weights = await files.open('model.safetensors');
    expect(new TextDecoder().decode(await weights!.read(0, 100))).toBe('models/tiny/model.safetensors');
    expect(await files.open('readme.txt')).toBeNull();
    expect(await files.open('__proto__')).toBeNull();
  });

  it('without one is refused with what to choose', () => {
    expect(() => checkpointOfFiles('logs', [file('logs/run.jsonl')])).toThrow(/config\.json/);
  });
});

describe('an address', () => {
  it.each([
    [
      'https://huggingface.co/Qwen/Qwen3-0.6B',
      'https://huggingface.co/Qwen/Qwen3-0.6B/resolve/main/',
      'Qwen3-0.6B',
    ],
    ['https://huggingface.co/a/b/tree/v2', 'https://huggingface.co/a/b/resolve/v2/', 'b'],
    ['https://huggingface.co/a/b/blob/main/config.json', 'https://huggingface.co/a/b/resolve/main/', 'b'],
    ['https://x.example/models/tiny/?download=1#top', 'https://x.example/models/tiny/', 'tiny'],
    ['https://x.example/tiny/config.json', 'https://x.example/tiny/', 'tiny'],
  ])('%s means the files below %s', (address, folder, name) => {
    expect(checkpointBase(address).href).toBe(folder);
    expect(checkpointName(checkpointBase(address))).toBe(name);
  });

  it('gives the checkpoint that its files are, read in parts', async () => {
    const local = fixtureFiles('tiny-moe');
    const files: Record<string, Uint8Array> = {};
    for (const name of [
      'config.json',
      'generation_config.json',
      'tokenizer.json',
      'tokenizer_config.json',
      'model.safetensors.index.json',
      'model-00001-of-00002.safetensors',
      'model-00002-of-00002.safetensors',
    ]) {
      const source = await local.open(name);
      files[name] = await source!.read(0, source!.sizeBytes ?? 0);
    }
    const { ask, asked } = server(files);
    const checkpoint = await openCheckpoint(new UrlCheckpoint(base, ask, noWait));
    expect(checkpoint.config.modelType).toBe('qwen3_moe');
    expect(checkpoint.tensors.size).toBe((await openCheckpoint(local)).tensors.size);
    // Of the weights only the headers were fetched.
    const weightReads = asked.filter((line) => line.includes('model-00001') && !line.endsWith('bytes=0-0'));
    expect(weightReads.every((line) => Number(/-(\d+)$/.exec(line)?.[1]) < 64_000)).toBe(true);
  });

  it('goes on from where an answer broke off, and tries again when the server fails', async () => {
    const data = bytesOf(1000);
    const { ask, asked } = server({ w: data }, (count, range) => {
      if (count === 2) return Promise.reject(new Error('network'));
      if (count === 3) {
        return Promise.resolve({ status: 503, headers: new Headers(), bytes: new Uint8Array(0) });
      }
      if (count !== 4) return null;
      expect(range).toBe('bytes=100-899');
      return Promise.resolve({ status: 206, headers: new Headers(), bytes: data.slice(100, 350) });
    });
    const source = await new UrlCheckpoint(base, ask, noWait).open('w');
    expect(source!.sizeBytes).toBe(1000);
    expect(await source!.read(100, 900)).toEqual(data.slice(100, 900));
    expect(asked.slice(3)).toEqual(['GET w bytes=100-899', 'GET w bytes=350-899']);
  });

  it('says when a server sends no parts, is private, or never answers', async () => {
    const whole = server({ w: bytesOf(10) }, () =>
      Promise.resolve({
        status: 200,
        headers: new Headers({ 'content-length': '9000000000' }),
        bytes: bytesOf(1),
      }),
    );
    const source = await new UrlCheckpoint(base, whole.ask, noWait).open('w');
    await expect(source!.read(0, 100 * 1024 * 1024)).rejects.toMatchObject({ code: 'no-ranges' });
    const forbidden = server({}, () =>
      Promise.resolve({ status: 403, headers: new Headers(), bytes: new Uint8Array(0) }),
    );
    await expect(new UrlCheckpoint(base, forbidden.ask, noWait).open('w')).rejects.toMatchObject({
      code: 'bad-status',
    });
    const dead = server({}, () => Promise.reject(new Error('network')));
    await expect(new UrlCheckpoint(base, dead.ask, noWait).open('w')).rejects.toMatchObject({
      code: 'unreachable',
    });
    expect(dead.asked).toHaveLength(4);
  });

  it('takes a start page in place of a file for no file', async () => {
    const { ask } = server({}, () =>
      Promise.resolve({
        status: 200,
        headers: new Headers({ 'content-type': 'text/html' }),
        bytes: bytesOf(1),
      }),
    );
    expect(await new UrlCheckpoint(base, ask, noWait).open('tokenizer.json')).toBeNull();
  });
});
