import { expose } from 'comlink';

/** Names the Web Lock that a worker holds as long as it lives. */
interface AliveMessage {
  readonly heldLock: string;
}

/** True for what `exposeService` posts beside comlink's messages. */
export function isAliveMessage(data: unknown): data is AliveMessage {
  return typeof data === 'object' && data !== null && 'heldLock' in data;
}

/**
 * Offers a service to the page and holds a lock until the worker is gone, whatever ends it: who waits for the lock knows.
 * Browsers without Web Locks go without that.
 */
export function exposeService(service: object): void {
  expose(service);
  const heldLock = `acc-workbench worker ${crypto.randomUUID()}`;
  void navigator.locks?.request(heldLock, () => {
    postMessage({ heldLock } satisfies AliveMessage);
    return new Promise<never>(() => undefined);
  });
}
