import type { ByteSource } from '../../core/byteSource.ts';
import { sequentialSource } from '../io/sources.ts';

const lineBreak = new Uint8Array([10]);

/** Several files read one after another, a line break behind each; they are opened one at a time. */
export function joinedSource(
  name: string,
  sizeBytes: number | null,
  parts: readonly (() => Promise<ByteSource & { close?(): Promise<void> }>)[],
): ByteSource {
  return sequentialSource(name, sizeBytes, async function* (signal) {
    for (const open of parts) {
      const part = await open();
      try {
        yield* part.stream(0, signal);
      } finally {
        await part.close?.();
      }
      yield lineBreak;
    }
  });
}
