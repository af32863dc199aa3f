import type { Remote } from 'comlink';
import { lazyWorker, type LinkOptions } from './workerLink.ts';

/** The part of a worker's interface that concerns projects. */
interface OfProject {
  openProject(id: string): Promise<unknown>;
}

/** A worker that has one project open at a time. */
export interface ProjectWorker<Api> {
  readonly remote: Remote<Api>;
  /** Starts it where it does not run. */
  readonly begun: () => Promise<void>;
  readonly openProject: (id: string) => Promise<void>;
  readonly end: () => void;
}

/**
 * A worker started by its first use once a project is open, and again after it went away. What is asked after a change
 * of project waits for it.
 */
export function projectWorker<Api extends OfProject>(
  spawn: () => Worker,
  begin: (api: Remote<Api>) => Promise<unknown>,
  options: LinkOptions<Api>,
): ProjectWorker<Api> {
  let projectId = '';
  let opened = (): void => undefined;
  const whenOpen = new Promise<void>((resolve) => {
    opened = resolve;
  });
  const openIn = (api: Remote<Api>): Promise<unknown> => (api as unknown as OfProject).openProject(projectId);
  const worker = lazyWorker<Api>(
    spawn,
    async (api) => {
      await whenOpen;
      await begin(api);
      await openIn(api);
    },
    options,
  );
  return {
    remote: worker.remote,
    begun: worker.begun,
    openProject: async (id) => {
      const isFirst = projectId === '';
      projectId = id;
      opened();
      if (!isFirst) await worker.first(openIn);
    },
    end: worker.end,
  };
}
