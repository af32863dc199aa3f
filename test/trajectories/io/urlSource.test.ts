import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { importFile } from '../../../src/trajectories/import.ts';
import { nameOfUrl, urlSource } from '../../../src/trajectories/io/urlSource.ts';
import { episode, episodes, lines, utf8 } from './episodes.ts';

const body = utf8(lines(Array.from({ length: 5000 }, (_, index) => episode(index, 'x'.repeat(500)))));

let close: (() => void) | null = null;
afterEach(() => close?.());

/** A server with one file; gives its address. */
async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  close = () => server.close();
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/data/runs%20a.jsonl?x=1`;
}

function rangeOf(request: IncomingMessage): { start: number; end: number } | null {
  const match = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '');
  return match ? { start: Number(match[1]), end: Math.min(body.length, Number(match[2]) + 1) } : null;
}

function sendRange(request: IncomingMessage, response: ServerResponse): void {
  const range = rangeOf(request);
  if (!range) return void response.writeHead(200).end(body);
  const { start, end } = range;
  response.writeHead(206, { 'content-range': `bytes ${start}-${end - 1}/${body.length}`, etag: '"1"' });
  response.end(body.subarray(start, end));
}

async function countEpisodes(url: string): Promise<number> {
  const source = await urlSource(url, { retryAfterMs: 1 });
  let count = 0;
  for await (const event of importFile(source, { formats: [episodes] })) {
    if (event.type === 'trajectory') count++;
  }
  return count;
}

describe('urlSource', () => {
  it('reads pieces by range', async () => {
    const source = await urlSource(await serve(sendRange));
    expect(source).toMatchObject({ name: 'runs a.jsonl', sizeBytes: body.length, seekable: true });
    expect(await source.read(100, 200)).toEqual(body.subarray(100, 200));
    expect(await source.read(body.length - 5, body.length + 5)).toEqual(body.subarray(-5));
  });

  it('goes on where a broken connection stopped', async () => {
    let failures = 0;
    const url = await serve((request, response) => {
      const range = rangeOf(request);
      if (range && range.end - range.start > 1000 && failures < 3) {
        failures++;
        const { start, end } = range;
        response.writeHead(206, {
          'content-range': `bytes ${start}-${end - 1}/${body.length}`,
          'content-length': end - start,
        });
        response.write(body.subarray(start, start + 500));
        setTimeout(() => response.destroy(), 5);
      } else sendRange(request, response);
    });
    expect(await countEpisodes(url)).toBe(5000);
    expect(failures).toBe(3);
  });

  it('streams from servers without ranges, and fetches a small file once', async () => {
    let requests = 0;
    const url = await serve((_, response) => {
      requests++;
      response.writeHead(200).end(body);
    });
    expect(await countEpisodes(url)).toBe(5000);
    expect(requests).toBeLessThanOrEqual(2);
  });

  it('says what the server answered, and that the file changed', async () => {
    const missing = await serve((_, response) => void response.writeHead(404).end());
    await expect(urlSource(missing)).rejects.toThrow('404');
    close?.();
    let tag = 0;
    const changing = await serve((request, response) => {
      const range = rangeOf(request);
      response.setHeader('etag', `"${tag++}"`);
      response
        .writeHead(206, { 'content-range': `bytes 0-0/${body.length}` })
        .end(body.subarray(0, range?.end));
    });
    const source = await urlSource(changing);
    await expect(source.read(0, 10)).rejects.toThrow('changed');
  });

  it('names a file by its address', () => {
    expect(nameOfUrl('https://example.org/a/b%C3%BC.jsonl?download=1#x')).toBe('bü.jsonl');
    expect(nameOfUrl('https://example.org')).toBe('example.org');
  });
});
