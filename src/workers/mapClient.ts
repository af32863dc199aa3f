import { proxy, wrap, type Remote } from 'comlink';
import type { MapApi } from './mapApi.ts';

/** The map worker as the page sees it. */
export interface MapClient extends MapApi {
  close(): void;
}

/** The map worker, started at its first use. The proxy is held as long as the returned object. */
export function startMapClient(): MapClient {
  let worker: Worker | null = null;
  let started: Remote<MapApi> | null = null;
  const remote = (): Remote<MapApi> => {
    if (!started) {
      worker = new Worker(new URL('./map.worker.ts', import.meta.url), { type: 'module', name: 'map' });
      started = wrap<MapApi>(worker);
    }
    return started;
  };
  return {
    openEmbedder: (model, tokenizer) => remote().openEmbedder(model, tokenizer),
    layout: (texts, vectors, options, onProgress) =>
      remote().layout(texts, vectors, options, proxy(onProgress)),
    cancel: () => remote().cancel(),
    close: () => worker?.terminate(),
  };
}
