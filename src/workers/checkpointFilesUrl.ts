import type { ByteSource } from '../core/byteSource.ts';
import { EnvironmentError, InputError, messageOf } from '../core/errors.ts';
import type { CheckpointFiles } from '../model/checkpoint.ts';

/** Part of a request's answer, small enough to be held whole. */
export interface RangeAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

/** Asks for an address; the answer is cut off after `maxBytes`. Rejects when nothing answers. */
export type Ask = (
  url: string,
  options: { readonly method?: 'GET' | 'HEAD'; readonly range?: string; readonly maxBytes: number },
) => Promise<RangeAnswer>;

const maxTries = 4;
/** Small files are read whole in one request of at most this. */
const wholeBytes = 64 * 1024 * 1024;
const streamBytes = 4 * 1024 * 1024;

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk.subarray(0, size - at), at);
    at += chunk.length;
    if (at >= size) break;
  }
  return bytes;
}

/** Requests of the worker's own: addresses of this page's origin. */
export const askHere: Ask = async (url, { method = 'GET', range, maxBytes }) => {
  const controller = new AbortController();
  const response = await fetch(url, {
    method,
    headers: range === undefined ? {} : { Range: range },
    signal: controller.signal,
  });
  const reader = method === 'HEAD' ? undefined : response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (reader && size < maxBytes) {
    let step: ReadableStreamReadResult<Uint8Array>;
    try {
      step = await reader.read();
    } catch (error) {
      // Of a part, what came is kept and the rest asked for again.
      if (range === undefined || size === 0) throw error;
      break;
    }
    if (step.done) break;
    chunks.push(step.value);
    size += step.value.length;
  }
  if (size >= maxBytes) controller.abort();
  return {
    status: response.status,
    headers: response.headers,
    bytes: joined(chunks, Math.min(size, maxBytes)),
  };
};

interface RelayMessage {
  readonly ready?: boolean;
  readonly head?: { readonly status: number; readonly headers: [string, string][] };
  readonly chunk?: Uint8Array;
  readonly done?: boolean;
  readonly error?: string;
}

/** Requests through the relay frame, which alone may reach other origins; one after another over its port. */
export function askByRelay(port: MessagePort): Ask {
  let last: Promise<unknown> = Promise.resolve();
  return (url, { method = 'GET', range, maxBytes }) => {
    const answer = last.then(
      () =>
        new Promise<RangeAnswer>((resolve, reject) => {
          let status = 0;
          let headers = new Headers();
          const chunks: Uint8Array[] = [];
          let size = 0;
          port.onmessage = ({ data }: MessageEvent<RelayMessage>) => {
            if (data.ready) return;
            const finish = (): void =>
              resolve({ status, headers, bytes: joined(chunks, Math.min(size, maxBytes)) });
            if (data.error !== undefined) {
              if (range === undefined || size === 0) reject(new Error(data.error));
              else finish();
            }
            if (data.head) {
              status = data.head.status;
              headers = new Headers(data.head.headers);
            }
            // Chunks beyond the limit are let go as they come: a cancelled port could not be used again.
            if (data.chunk && size < maxBytes) {
              chunks.push(data.chunk);
              size += data.chunk.length;
            }
            if (data.done) finish();
          };
          port.postMessage({ url, method, headers: range === undefined ? {} : { Range: range } });
        }),
    );
    last = answer.catch(() => undefined);
    return answer;
  };
}

/**
 * The folder of files that an address means: a Hugging Face model page becomes its files of the main (or the
 * named) revision, an address of config.json its folder, all else is taken as the folder.
 */
export function checkpointBase(address: string): URL {
  const url = new URL(address);
  url.hash = '';
  url.search = '';
  const parts = url.pathname.split('/').filter(Boolean);
  if (parts.at(-1) === 'config.json') parts.pop();
  if (url.hostname === 'huggingface.co' || url.hostname === 'hf.co') {
    const [owner, model, kind, revision] = parts;
    if (owner && model && (kind === undefined || kind === 'tree' || kind === 'blob' || kind === 'resolve')) {
      parts.splice(2, parts.length, 'resolve', revision ?? 'main', ...parts.slice(4));
    }
  }
  url.pathname = `/${parts.join('/')}/`;
  return url;
}

/** A name for messages: of a Hugging Face address the model's, else the last folder's. */
export function checkpointName(base: URL): string {
  const parts = base.pathname.split('/').filter(Boolean);
  const resolve = parts.indexOf('resolve');
  const name = resolve > 0 ? parts[resolve - 1] : parts.at(-1);
  return name ?? base.hostname;
}

function sizeOf({ status, headers, bytes }: RangeAnswer): number | null {
  const range = /\/(\d+)\s*$/.exec(headers.get('content-range') ?? '');
  if (range) return Number(range[1]);
  if (headers.get('content-encoding')) return null;
  const length = headers.get('content-length');
  if (status === 200 && length !== null) return Number(length);
  return status === 200 && bytes.length === 0 ? 0 : null;
}

/** A checkpoint below an address, read by range requests. Requests that break off are asked again from where they were. */
export class UrlCheckpoint implements CheckpointFiles {
  readonly name: string;
  readonly base: URL;
  private readonly ask: Ask;
  private readonly wait: (ms: number) => Promise<void>;

  constructor(
    address: string,
    ask: Ask,
    wait: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  ) {
    this.base = checkpointBase(address);
    this.name = checkpointName(this.base);
    this.ask = ask;
    this.wait = wait;
  }

  async open(fileName: string): Promise<ByteSource | null> {
    const url = new URL(fileName.split('/').map(encodeURIComponent).join('/'), this.base).href;
    // Content-Range may be hidden from other origins; Content-Length of a HEAD never is.
    const probe = await this.request(url, { range: 'bytes=0-0', maxBytes: 1 });
    if (!probe) return null;
    let sizeBytes = sizeOf(probe);
    if (sizeBytes === null) {
      const head = await this.request(url, { method: 'HEAD', maxBytes: 0 });
      sizeBytes = head && sizeOf(head);
    }
    const ranged = probe.status === 206;
    return {
      name: fileName,
      sizeBytes,
      seekable: ranged,
      read: (start, end) => this.read(url, fileName, start, end, ranged),
      stream: (start = 0) => this.stream(url, fileName, start, ranged),
    };
  }

  private async *stream(
    url: string,
    fileName: string,
    start: number,
    ranged: boolean,
  ): AsyncIterable<Uint8Array> {
    if (!ranged) {
      yield await this.read(url, fileName, start, wholeBytes, false);
      return;
    }
    for (let at = start; ;) {
      const bytes = await this.read(url, fileName, at, at + streamBytes, true);
      if (bytes.length > 0) yield bytes;
      at += bytes.length;
      if (bytes.length < streamBytes) return;
    }
  }

  /** Bytes [start, end), fewer at the end of the file. */
  private async read(
    url: string,
    fileName: string,
    start: number,
    end: number,
    ranged: boolean,
  ): Promise<Uint8Array> {
    if (end <= start) return new Uint8Array(0);
    if (!ranged) {
      if (end > wholeBytes) throw this.noRanges(fileName);
      const whole = await this.request(url, { maxBytes: end });
      return (whole?.bytes ?? new Uint8Array(0)).subarray(start);
    }
    const chunks: Uint8Array[] = [];
    let at = start;
    while (at < end) {
      const part = await this.request(url, { range: `bytes=${at}-${end - 1}`, maxBytes: end - at });
      // 416: nothing at or after this byte.
      if (!part || part.status === 416) break;
      if (part.status !== 206) throw this.noRanges(fileName);
      chunks.push(part.bytes);
      at += part.bytes.length;
      const size = sizeOf(part);
      if (part.bytes.length === 0 || (size !== null && at >= size)) break;
    }
    return joined(chunks, at - start);
  }

  private noRanges(fileName: string): Error {
    return new EnvironmentError('no-ranges', 'The server does not send parts of files', {
      where: `${this.base.href}${fileName}`,
      expected: 'answers to range requests (status 206)',
      advice: 'download the model and open its folder instead',
    });
  }

  /** Null when there is no such file. Tries again, with growing pauses, when the network or the server fails. */
  private async request(url: string, options: Parameters<Ask>[1]): Promise<RangeAnswer | null> {
    let trouble = '';
    for (let tries = 0; tries < maxTries; tries++) {
      if (tries > 0) await this.wait(250 * 4 ** (tries - 1));
      let answer: RangeAnswer;
      try {
        answer = await this.ask(url, options);
      } catch (error) {
        trouble = messageOf(error);
        continue;
      }
      const { status, headers } = answer;
      if (status === 404 || status === 410) return null;
      if (status === 401 || status === 403) {
        throw new InputError('bad-status', `The server answered ${status}`, {
          where: url,
          advice: 'the model is private or asks for a licence: download it and open its folder instead',
        });
      }
      if (status === 429 || status >= 500) {
        trouble = `status ${status}`;
        continue;
      }
      // Some hosts answer every unknown path with their start page.
      if ((headers.get('content-type') ?? '').startsWith('text/html')) return null;
      if ((status >= 200 && status < 300) || status === 416) return answer;
      throw new InputError('bad-status', `The server answered ${status}`, {
        where: url,
        advice: 'check the address',
      });
    }
    throw new EnvironmentError('unreachable', 'The address did not answer', {
      where: url,
      actual: trouble,
      advice: 'check the address and the network; its server must allow other pages to read it (CORS)',
    });
  }
}
