import type { ByteSource } from '../../core/byteSource.ts';
import { sequentialSource } from './sources.ts';

/** A UTF-16 file as UTF-8, so that everything after reads one encoding. Unpaired halves become U+FFFD. */
export function utf16Source(parent: ByteSource, encoding: 'utf-16le' | 'utf-16be'): ByteSource {
  return sequentialSource(parent.name, null, async function* (signal) {
    const decoder = new TextDecoder(encoding);
    const encoder = new TextEncoder();
    for await (const chunk of parent.stream(0, signal)) {
      yield encoder.encode(decoder.decode(chunk, { stream: true }));
    }
    const rest = decoder.decode();
    if (rest) yield encoder.encode(rest);
  });
}
