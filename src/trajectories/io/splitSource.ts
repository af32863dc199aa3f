import type { ByteSource } from '../../core/byteSource.ts';
import { ByteWindow } from './byteWindow.ts';
import type { SplitItem, Splitter } from './splitter.ts';

/**
 * Streams a source from `start` through a splitter. Each batch holds what one chunk completed; its byte
 * views hold until the next batch is asked for.
 */
export async function* splitSource(
  source: ByteSource,
  start: number,
  splitter: Splitter,
  signal?: AbortSignal,
): AsyncGenerator<SplitItem[]> {
  const window = new ByteWindow(start);
  for await (const chunk of source.stream(start, signal)) {
    window.append(chunk);
    const batch: SplitItem[] = [];
    splitter.drain(window, false, batch);
    if (batch.length > 0) yield batch;
  }
  const rest: SplitItem[] = [];
  splitter.drain(window, true, rest);
  if (rest.length > 0) yield rest;
}
