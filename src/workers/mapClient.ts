import { proxy } from 'comlink';
import type { MapApi } from './mapApi.ts';
import { lazyWorker } from './workerLink.ts';

/** The map worker as the page sees it. */
export interface MapClient extends MapApi {
  close(): void;
}

/** The map worker, started at its first use and after its end. The proxy is held as long as the returned object. */
export function startMapClient(): MapClient {
  let embedder: readonly [model: File, tokenizer: File] | null = null;
  const { remote, end } = lazyWorker<MapApi>(
    () => new Worker(new URL('./map.worker.ts', import.meta.url), { type: 'module', name: 'map' }),
    async (api) => embedder && api.openEmbedder(...embedder),
    {
      does: 'draws maps of queries',
      kept: 'It is started again by the next map.',
      results: { openEmbedder: true, layout: true },
    },
  );
  return {
    openEmbedder: async (model, tokenizer) => {
      const opened = await remote.openEmbedder(model, tokenizer);
      if (opened.ok) embedder = [model, tokenizer];
      return opened;
    },
    layout: (texts, vectors, options, onProgress) =>
      remote.layout(texts, vectors, options, proxy(onProgress)),
    cancel: () => remote.cancel(),
    close: end,
  };
}
