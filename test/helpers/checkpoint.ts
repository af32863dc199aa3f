import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ByteSource } from '../../src/core/byteSource.ts';
import type { CheckpointFiles } from '../../src/model/checkpoint.ts';

/** Bytes in memory as a source, for tests. */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    sizeBytes: bytes.length,
    seekable: true,
    read: (start, end) => Promise.resolve(bytes.subarray(start, Math.min(end, bytes.length))),
    async *stream(start = 0) {
      for (let at = start; at < bytes.length; at += 1 << 20) yield bytes.subarray(at, at + (1 << 20));
    },
  };
}

/** A checkpoint folder of test/fixtures/models, with some files replaced or removed (null). */
export function fixtureFiles(
  model: string,
  replaced: Record<string, Uint8Array | string | null> = {},
): CheckpointFiles {
  const folder = resolve(import.meta.dirname, '../fixtures/models', model);
  return {
    name: model,
    open(fileName) {
      const other = replaced[fileName];
      if (other === null) return Promise.resolve(null);
      if (other !== undefined) {
        return Promise.resolve(
          bytesSource(fileName, typeof other === 'string' ? new TextEncoder().encode(other) : other),
        );
      }
      const path = resolve(folder, fileName);
      return Promise.resolve(
        existsSync(path) ? bytesSource(fileName, new Uint8Array(readFileSync(path))) : null,
      );
    },
  };
}
