import { proxy } from 'comlink';
import type { MechanismApi, MechanismState } from './mechanismApi.ts';
import { projectWorker } from './projectWorker.ts';
import type { WorkerFailure } from './workerLink.ts';

/** The mechanism worker as the page sees it. */
export interface MechanismClient extends Omit<MechanismApi, 'start'> {
  /** Hears what changes, and that the worker went away; one listener. Starts the worker. */
  listen(onChange: (state: MechanismState) => void, onGone: (failure: WorkerFailure) => void): Promise<void>;
  close(): void;
}

/** The mechanism worker, started at its first use and after its end. The proxy is held as long as the returned object. */
export function startMechanismClient(): MechanismClient {
  let listener: (state: MechanismState) => void = () => undefined;
  let goneListener: (failure: WorkerFailure) => void = () => undefined;
  const { remote, begun, openProject, end } = projectWorker<MechanismApi>(
    () =>
      new Worker(new URL('./mechanism.worker.ts', import.meta.url), { type: 'module', name: 'mechanism' }),
    (api) => api.start(proxy((state: MechanismState) => listener(state))),
    {
      does: 'keeps measurements',
      kept: 'It is started again by what you do next. Saved measurements and the board are kept.',
      results: {
        openFile: true,
        save: true,
        exportFile: true,
        read: true,
        frame: true,
        track: true,
        pairs: true,
        filmstrip: true,
        saveBoard: true,
      },
      onGone: (failure) => goneListener(failure),
    },
  );
  return {
    listen: async (onChange, onGone) => {
      listener = onChange;
      goneListener = onGone;
      await begun();
    },
    openProject,
    openFile: (file) => remote.openFile(file),
    save: (document, name, partialId) => remote.save(document, name, partialId),
    receivePartial: (document, name, partialId) => remote.receivePartial(document, name, partialId),
    dropPartial: (partialId) => remote.dropPartial(partialId),
    rename: (id, name) => remote.rename(id, name),
    delete: (id) => remote.delete(id),
    exportFile: (id) => remote.exportFile(id),
    read: (id) => remote.read(id),
    frame: (request) => remote.frame(request),
    track: (request) => remote.track(request),
    pairs: (documentId, subject, layer) => remote.pairs(documentId, subject, layer),
    filmstrip: (documentId, layer, metric) => remote.filmstrip(documentId, layer, metric),
    board: () => remote.board(),
    saveBoard: (board) => remote.saveBoard(board),
    close: end,
  };
}
