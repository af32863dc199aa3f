/** Lets go of a Web Lock. */
export type Unlock = () => void;

const lockName = (id: string): string => `acc-workbench/${id}`;

/** Null where the browser has no Web Locks; then there is one tab's word for it. */
function webLocks(): LockManager | null {
  return typeof navigator === 'undefined' ? null : (navigator.locks ?? null);
}

/**
 * Takes the lock of a project, so that no other tab writes into it; null when another one has it until `given` is
 * aborted, or now where nothing is given. A tab that was closed or reloaded lets go a moment later.
 */
export function lockProject(id: string, given?: AbortSignal): Promise<Unlock | null> {
  const locks = webLocks();
  if (!locks) return Promise.resolve(() => undefined);
  return new Promise((resolve) => {
    const hold = (lock: Lock | null): Promise<void> | undefined => {
      if (lock) return new Promise<void>((release) => resolve(release));
      resolve(null);
      return undefined;
    };
    const options = given ? { signal: given } : { ifAvailable: true };
    const asked = locks.request(lockName(id), options, hold);
    asked.catch(() => resolve(null));
  });
}

/** What tabs of the page tell each other about the project with an id. */
export interface TabMessage {
  /** It is wanted here: let go of it. */
  readonly release?: string;
  /** Whoever has it, answer. */
  readonly ask?: string;
  /** It is open here. */
  readonly held?: string;
}

/** How long the end of a page's former self may take on a machine that is busy. */
const reloadWaitMs = 30_000;
const askEveryMs = 500;
/** The first answers may come from a page on its way out. */
const answersOfALivingTab = 3;

/**
 * Takes the lock of a project at the start of the page, which may be quicker than the end of its former self: waits
 * until the lock is free, or until another tab has answered again and again, which is null.
 */
export async function lockAtStart(id: string, tabs: BroadcastChannel | null): Promise<Unlock | null> {
  const waiting = new AbortController();
  const end = (): void => waiting.abort();
  let answers = 0;
  const hear = ({ data }: MessageEvent<TabMessage>): void => {
    if (data.held === id && ++answers >= answersOfALivingTab) end();
  };
  const ask = (): void => tabs?.postMessage({ ask: id } satisfies TabMessage);
  tabs?.addEventListener('message', hear);
  const asking = setInterval(ask, askEveryMs);
  const timer = setTimeout(end, reloadWaitMs);
  ask();
  try {
    return await lockProject(id, waiting.signal);
  } finally {
    clearInterval(asking);
    clearTimeout(timer);
    tabs?.removeEventListener('message', hear);
  }
}

/** Work that one tab at a time does. */
export async function whileLocked(name: string, work: () => Promise<void>): Promise<void> {
  const locks = webLocks();
  if (locks) await locks.request(`acc-workbench ${name}`, work);
  else await work();
}
