import type { ByteSource } from '../core/byteSource.ts';
import type { JournalFile } from './journal.ts';

/** A journal that lasts as long as its owner: for runs that nobody wants to resume. */
export function memoryJournal(start = ''): JournalFile & { text(): string } {
  let bytes = new TextEncoder().encode(start);
  return {
    text: () => new TextDecoder().decode(bytes),
    open: async (): Promise<ByteSource | null> => {
      const held = bytes;
      if (held.length === 0) return null;
      return {
        name: 'memory',
        sizeBytes: held.length,
        seekable: true,
        read: async (from, to) => held.subarray(from, to),
        async *stream(from = 0) {
          yield held.subarray(from);
        },
      };
    },
    append: async (line) => {
      const added = new TextEncoder().encode(line);
      const grown = new Uint8Array(bytes.length + added.length);
      grown.set(bytes);
      grown.set(added, bytes.length);
      bytes = grown;
    },
  };
}
