import type { ByteSource } from '../../core/byteSource.ts';
import { throwIfCancelled } from '../../core/errors.ts';

/** Bytes read at once: large enough to amortise a read, small enough to cancel between two. */
const CHUNK_BYTES = 2 * 1024 * 1024;

/**
 * The chunks of a source that can be read anywhere. The next chunk is asked for while the caller
 * works on the present one, so that disk and parser overlap.
 */
export async function* streamByReads(
  source: Pick<ByteSource, 'name' | 'read'>,
  start: number,
  end: number | null,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const readAt = (from: number): Promise<Uint8Array> =>
    end !== null && from >= end
      ? Promise.resolve(new Uint8Array(0))
      : source.read(from, end === null ? from + CHUNK_BYTES : Math.min(from + CHUNK_BYTES, end));
  let position = start;
  let pending = readAt(position);
  // A rejection is met at the next `await`; until then it must not count as unhandled.
  pending.catch(() => undefined);
  for (;;) {
    const chunk = await orAborted(pending, signal);
    throwIfCancelled(signal, `Reading ${source.name}`);
    if (chunk.length === 0) return;
    position += chunk.length;
    pending = readAt(position);
    pending.catch(() => undefined);
    yield chunk;
  }
}

/** Settles with the promise, or with nothing as soon as the signal is aborted: a slow read delays no cancel. */
async function orAborted(pending: Promise<Uint8Array>, signal: AbortSignal | undefined): Promise<Uint8Array> {
  if (!signal || signal.aborted) return signal ? new Uint8Array(0) : pending;
  let stop: () => void = () => undefined;
  const aborted = new Promise<Uint8Array>((resolve) => {
    stop = () => resolve(new Uint8Array(0));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([pending, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Bytes in memory as a source. The array is not copied. */
export function memorySource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    seekable: true,
    read: async (start, end) => bytes.subarray(Math.min(start, bytes.length), Math.min(end, bytes.length)),
    async *stream(start = 0, signal) {
      for (let at = start; at < bytes.length; at += CHUNK_BYTES) {
        throwIfCancelled(signal, `Reading ${name}`);
        yield bytes.subarray(at, Math.min(at + CHUNK_BYTES, bytes.length));
      }
    },
  };
}

/** A browser `File` or `Blob` (Node has them too) as a source; nothing is read before it is asked for. */
export function blobSource(name: string, blob: Blob): ByteSource {
  const read = async (start: number, end: number): Promise<Uint8Array> =>
    new Uint8Array(await blob.slice(Math.min(start, blob.size), Math.min(end, blob.size)).arrayBuffer());
  return {
    name,
    sizeBytes: blob.size,
    seekable: true,
    read,
    stream: (start = 0, signal) => streamByReads({ name, read }, start, blob.size, signal),
  };
}

/** Bytes [start, end) of another source under a name of their own: a stored zip entry, a tar member. */
export function rangeSource(parent: ByteSource, name: string, start: number, end: number): ByteSource {
  const size = end - start;
  return {
    name,
    sizeBytes: size,
    seekable: parent.seekable,
    read: (from, to) => parent.read(start + Math.min(from, size), start + Math.min(to, size)),
    async *stream(from = 0, signal) {
      let left = size - from;
      if (left <= 0) return;
      for await (const chunk of parent.stream(start + from, signal)) {
        yield chunk.length > left ? chunk.subarray(0, left) : chunk;
        left -= chunk.length;
        if (left <= 0) return;
      }
    },
  };
}

/** The same bytes under another name. */
export function namedSource(source: ByteSource, name: string): ByteSource {
  return {
    name,
    sizeBytes: source.sizeBytes,
    seekable: source.seekable,
    read: (start, end) => source.read(start, end),
    stream: (start, signal) => source.stream(start, signal),
  };
}

/** A source whose bytes can only be produced from the beginning on (compressed, transcoded). */
export function sequentialSource(
  name: string,
  sizeBytes: number | null,
  open: (signal?: AbortSignal) => AsyncIterable<Uint8Array>,
): ByteSource {
  async function* stream(start = 0, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
    let skip = start;
    for await (const chunk of open(signal)) {
      throwIfCancelled(signal, `Reading ${name}`);
      if (skip >= chunk.length) {
        skip -= chunk.length;
        continue;
      }
      yield skip > 0 ? chunk.subarray(skip) : chunk;
      skip = 0;
    }
  }
  return {
    name,
    sizeBytes,
    seekable: false,
    stream,
    read: (start, end) => readFromStream(stream(start), end - start),
  };
}

/** The first `length` bytes of a stream, fewer when it ends before; the stream is closed. */
export async function readFromStream(stream: AsyncIterable<Uint8Array>, length: number): Promise<Uint8Array> {
  if (length <= 0) return new Uint8Array(0);
  const pieces: Uint8Array[] = [];
  let have = 0;
  for await (const chunk of stream) {
    pieces.push(chunk);
    have += chunk.length;
    if (have >= length) break;
  }
  return joinBytes(pieces).subarray(0, length);
}

/** All pieces one after another; a single piece is returned as it is. */
export function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  if (pieces.length === 1 && pieces[0]) return pieces[0];
  const joined = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
