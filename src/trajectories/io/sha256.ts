import { sha256 } from '@noble/hashes/sha2.js';
import type { ByteSource } from '../../core/byteSource.ts';
import { Yielder } from './yielder.ts';

/** An SHA-256 that takes its input piece by piece. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** The digest in hexadecimal; ends the computation. */
  hex(): string;
}

/** Files up to this size are hashed by the browser's own code, which wants them in one piece. */
const ONE_PIECE_BYTES = 64 * 1024 * 1024;
const STEP_BYTES = 512 * 1024;

function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** SHA-256 in JavaScript, for where nothing faster takes pieces. */
export function portableSha256(): Sha256 {
  const hash = sha256.create();
  return { update: (bytes) => void hash.update(bytes), hex: () => toHex(hash.digest()) };
}

/**
 * SHA-256 of a whole file in hexadecimal, as `sha256sum` prints it.
 * @param create the incremental hash to use where the platform has a faster one (Node)
 */
export async function sha256OfSource(
  source: ByteSource,
  signal?: AbortSignal,
  create?: () => Sha256,
): Promise<string> {
  if (!create && source.seekable && source.sizeBytes !== null && source.sizeBytes <= ONE_PIECE_BYTES) {
    const bytes = await source.read(0, source.sizeBytes);
    const digest = await crypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>);
    return toHex(new Uint8Array(digest));
  }
  const hash = (create ?? portableSha256)();
  const yielder = new Yielder(signal, `Hashing ${source.name}`);
  for await (const chunk of source.stream(0, signal)) await updateInSteps(hash, chunk, yielder);
  return hash.hex();
}

async function updateInSteps(hash: Sha256, chunk: Uint8Array, yielder: Yielder): Promise<void> {
  for (let at = 0; at < chunk.length; at += STEP_BYTES) {
    hash.update(chunk.subarray(at, at + STEP_BYTES));
    await yielder.pause();
  }
}

/** A source that is hashed while others read it. */
export interface HashingSource extends ByteSource {
  /** The digest of the whole file; what nobody streamed yet is read now. */
  digest(signal?: AbortSignal): Promise<string>;
}

/**
 * Hashes a file while it is streamed through for another purpose, so that it need not be read twice
 * (an address, a pipe). Bytes count once however often they are read; out-of-order reads are left to `digest`.
 */
export function hashingSource(source: ByteSource, create: () => Sha256 = portableSha256): HashingSource {
  const hash = create();
  let hashedTo = 0;
  let hex: string | null = null;
  const take = (chunk: Uint8Array, at: number): void => {
    const end = at + chunk.length;
    if (at > hashedTo || end <= hashedTo) return;
    hash.update(chunk.subarray(hashedTo - at));
    hashedTo = end;
  };
  return {
    name: source.name,
    sizeBytes: source.sizeBytes,
    seekable: source.seekable,
    read: (start, end) => source.read(start, end),
    async *stream(start = 0, signal) {
      let at = start;
      for await (const chunk of source.stream(start, signal)) {
        take(chunk, at);
        at += chunk.length;
        yield chunk;
      }
    },
    async digest(signal) {
      const yielder = new Yielder(signal, `Hashing ${source.name}`);
      if (hex === null) {
        let at = hashedTo;
        for await (const chunk of source.stream(at, signal)) {
          take(chunk, at);
          at += chunk.length;
          await yielder.pause();
        }
        hex = hash.hex();
      }
      return hex;
    },
  };
}
