import { proxy, wrap, type Remote } from 'comlink';
import type { MechanismApi, MechanismState } from './mechanismApi.ts';

/** The mechanism worker as the page sees it. */
export interface MechanismClient extends Omit<MechanismApi, 'start'> {
  /** Hears what changes; one listener. Starts the worker. */
  listen(onChange: (state: MechanismState) => void): Promise<void>;
  close(): void;
}

/** The mechanism worker, started at its first use. The proxy is held as long as the returned object. */
export function startMechanismClient(): MechanismClient {
  let worker: Worker | null = null;
  let started: Promise<Remote<MechanismApi>> | null = null;
  let listener: (state: MechanismState) => void = () => undefined;
  const remote = (): Promise<Remote<MechanismApi>> => {
    started ??= (async () => {
      worker = new Worker(new URL('./mechanism.worker.ts', import.meta.url), {
        type: 'module',
        name: 'mechanism',
      });
      const api = wrap<MechanismApi>(worker);
      await api.start(proxy((state: MechanismState) => listener(state)));
      return api;
    })();
    return started;
  };
  return {
    listen: async (onChange) => {
      listener = onChange;
      await remote();
    },
    openFile: async (file) => (await remote()).openFile(file),
    save: async (document, name, partialId) => (await remote()).save(document, name, partialId),
    receivePartial: async (document, name, partialId) =>
      (await remote()).receivePartial(document, name, partialId),
    dropPartial: async (partialId) => (await remote()).dropPartial(partialId),
    rename: async (id, name) => (await remote()).rename(id, name),
    delete: async (id) => (await remote()).delete(id),
    exportFile: async (id) => (await remote()).exportFile(id),
    read: async (id) => (await remote()).read(id),
    frame: async (request) => (await remote()).frame(request),
    track: async (request) => (await remote()).track(request),
    pairs: async (documentId, subject, layer) => (await remote()).pairs(documentId, subject, layer),
    filmstrip: async (documentId, layer, metric) => (await remote()).filmstrip(documentId, layer, metric),
    board: async () => (await remote()).board(),
    saveBoard: async (board) => (await remote()).saveBoard(board),
    close: () => worker?.terminate(),
  };
}
