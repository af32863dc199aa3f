import type { ByteSource } from '../../core/byteSource.ts';
import { EnvironmentError, InputError, messageOf, throwIfCancelled } from '../../core/errors.ts';
import { readFromStream, streamByReads } from './sources.ts';

/** Times that a read is tried again after the connection broke. */
const RETRIES = 4;
const RETRY_AFTER_MS = 400;
/** A file from a server without ranges is kept in memory up to this size; larger ones are fetched anew. */
const KEPT_BYTES = 64 * 1024 * 1024;

export interface UrlOptions {
  readonly fetch?: typeof fetch;
  readonly signal?: AbortSignal;
  /** Name to show; the last part of the address by default. */
  readonly name?: string;
  /** Wait before the first retry; it doubles with each. */
  readonly retryAfterMs?: number;
}

/** The last part of an address's path, without query and fragment. */
export function nameOfUrl(url: string): string {
  const path = new URL(url).pathname.split('/').filter((part) => part !== '');
  const last = path.at(-1) ?? new URL(url).hostname;
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

/**
 * A file behind an HTTP address. With ranges it is read anywhere, piece by piece, and a broken connection
 * goes on where it stopped. Without them it is streamed from the beginning. Throws `InputError` when the
 * server refuses, `EnvironmentError` when it cannot be reached.
 */
export async function urlSource(url: string, options: UrlOptions = {}): Promise<ByteSource> {
  const name = options.name ?? nameOfUrl(url);
  const request = requester(url, name, options);
  // One byte asks for less than a HEAD that many servers refuse, and shows whether ranges are honoured.
  const first = await request({ Range: 'bytes=0-0' }, options.signal);
  const total = first.status === 206 ? totalOf(first) : null;
  if (total !== null) {
    await first.body?.cancel();
    const validator = first.headers.get('etag') ?? first.headers.get('last-modified');
    return rangedSource(name, total, validator, request, options.retryAfterMs ?? RETRY_AFTER_MS);
  }
  if (first.status === 416) return emptySource(name);
  const length = Number(first.headers.get('content-length') ?? NaN);
  const isEncoded = first.headers.get('content-encoding') !== null;
  return streamedSource(name, Number.isFinite(length) && !isEncoded ? length : null, first, request);
}

type Request = (headers: Record<string, string>, signal?: AbortSignal) => Promise<Response>;

function requester(url: string, name: string, options: UrlOptions): Request {
  const get = options.fetch ?? fetch;
  return async (headers, signal) => {
    let response: Response;
    try {
      response = await get(url, { headers, ...(signal ? { signal } : {}) });
    } catch (error) {
      throwIfCancelled(signal, `Reading ${name}`);
      throw new EnvironmentError('unreachable', `The address cannot be reached (${messageOf(error)})`, {
        where: url,
        advice:
          'The server may be down, or not allow other pages to read it (CORS); download the file instead.',
      });
    }
    if (response.ok || response.status === 416) return response;
    throw new InputError('refused', `The server answered ${response.status} ${response.statusText}`, {
      where: url,
    });
  };
}

/** Size of the file from `Content-Range: bytes 0-0/SIZE`; null when it is not stated. */
function totalOf(response: Response): number | null {
  const match = /\/(\d+)\s*$/.exec(response.headers.get('content-range') ?? '');
  return match ? Number(match[1]) : null;
}

function emptySource(name: string): ByteSource {
  return { name, sizeBytes: 0, seekable: true, read: async () => new Uint8Array(0), async *stream() {} };
}

function rangedSource(
  name: string,
  sizeBytes: number,
  validator: string | null,
  request: Request,
  retryAfterMs: number,
): ByteSource {
  const readOnce = async (start: number, end: number): Promise<Uint8Array> => {
    const response = await request({ Range: `bytes=${start}-${end - 1}` });
    const now = response.headers.get('etag') ?? response.headers.get('last-modified');
    if (validator !== null && now !== null && now !== validator) {
      await response.body?.cancel();
      throw new InputError('changed', 'The file changed while it was read', {
        where: name,
        advice: 'Start again.',
      });
    }
    const bytes = new Uint8Array(await response.arrayBuffer());
    // A server may fall back to the whole file, or answer with less than was asked for.
    return response.status === 200 ? bytes.subarray(start, end) : bytes.subarray(0, end - start);
  };
  const read = async (start: number, end: number): Promise<Uint8Array> => {
    const to = Math.min(end, sizeBytes);
    const result = new Uint8Array(Math.max(0, to - start));
    let done = 0;
    for (let attempt = 0; done < result.length;) {
      try {
        const bytes = await readOnce(start + done, to);
        if (bytes.length === 0) throw new EnvironmentError('cut', 'The server sent nothing', { where: name });
        result.set(bytes, done);
        done += bytes.length;
        attempt = 0;
      } catch (error) {
        if (error instanceof InputError || ++attempt > RETRIES) throw error;
        await pauseFor(retryAfterMs * 2 ** (attempt - 1));
      }
    }
    return result;
  };
  return {
    name,
    sizeBytes,
    seekable: true,
    read,
    stream: (start = 0, signal) => streamByReads({ name, read }, start, sizeBytes, signal),
  };
}

function pauseFor(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A file from a server without ranges. What has come once is kept while it is small enough. */
function streamedSource(
  name: string,
  sizeBytes: number | null,
  first: Response,
  request: Request,
): ByteSource {
  const kept: Uint8Array[] = [];
  let keptBytes = 0;
  let isComplete = false;
  let isTooLarge = false;
  let unused: Response | null = first;

  async function* chunks(signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    yield* kept;
    if (isComplete) return;
    let skip = keptBytes;
    const response = unused ?? (await request({}, signal));
    unused = null;
    const reader = response.body?.getReader();
    if (!reader) return;
    try {
      for (;;) {
        throwIfCancelled(signal, `Reading ${name}`);
        const next = await reader.read();
        if (next.done) break;
        const fresh = next.value.subarray(Math.min(skip, next.value.length));
        skip -= next.value.length - fresh.length;
        if (fresh.length === 0) continue;
        if (!isTooLarge && keptBytes + fresh.length <= KEPT_BYTES) {
          kept.push(fresh);
          keptBytes += fresh.length;
        } else {
          isTooLarge = true;
        }
        yield fresh;
      }
      if (!isTooLarge) isComplete = true;
    } finally {
      await reader.cancel().catch(() => undefined);
    }
  }

  async function* stream(start = 0, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    let skip = start;
    for await (const chunk of chunks(signal)) {
      if (skip < chunk.length) yield skip > 0 ? chunk.subarray(skip) : chunk;
      skip = Math.max(0, skip - chunk.length);
    }
  }
  const read = (start: number, end: number): Promise<Uint8Array> =>
    readFromStream(stream(start), end - start);
  return { name, sizeBytes, seekable: false, read, stream };
}
