import type { ByteSource } from '../../core/byteSource.ts';
import { ByteWindow } from './byteWindow.ts';
import type { SplitItem, Splitter } from './splitter.ts';

/**
 * Streams a source from `start` through a splitter. Each batch walks what one chunk completed; its byte
 * views hold until the next batch is asked for.
 */
export async function* splitSource(
  source: ByteSource,
  start: number,
  splitter: Splitter,
  signal?: AbortSignal,
): AsyncGenerator<Iterable<SplitItem>> {
  const window = new ByteWindow(start);
  for await (const chunk of source.stream(start, signal)) {
    window.append(chunk);
    yield splitter.split(window, false);
  }
  yield splitter.split(window, true);
}
