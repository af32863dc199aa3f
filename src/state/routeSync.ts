import type { AppStore } from './store.ts';
import { formatRoute } from './route.ts';

/** Replacing the address more often than this makes browsers complain. */
const replaceEveryMs = 250;

/** What of the browser the address bar needs; a stand-in in tests. */
export interface AddressBar {
  readonly hash: () => string;
  readonly push: (hash: string) => void;
  readonly replace: (hash: string) => void;
  readonly onChange: (listener: () => void) => () => void;
}

/** The address bar of the page. */
export const browserAddressBar: AddressBar = {
  hash: () => window.location.hash,
  push: (hash) => window.history.pushState(null, '', hash),
  replace: (hash) => window.history.replaceState(null, '', hash),
  onChange: (listener) => {
    window.addEventListener('popstate', listener);
    window.addEventListener('hashchange', listener);
    return () => {
      window.removeEventListener('popstate', listener);
      window.removeEventListener('hashchange', listener);
    };
  },
};

/**
 * Keeps route and address bar equal: navigation adds a history entry at once, changes of view state replace the
 * present one at most every 250 ms. Returns the way to stop.
 */
export function syncRoute(store: AppStore, bar: AddressBar): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  store.getState().route.receiveHash(bar.hash());

  const write = (): void => {
    timer = null;
    const hash = formatRoute(store.getState().route.current);
    if (hash !== bar.hash()) bar.replace(hash);
  };
  const stopStore = store.subscribe((state, before) => {
    if (state.route.current === before.route.current) return;
    const hash = formatRoute(state.route.current);
    if (hash === bar.hash()) return;
    if (state.route.history === 'push') {
      if (timer !== null) {
        clearTimeout(timer);
        timer = null;
        // What the throttle still held belongs to the entry that is left.
        bar.replace(formatRoute(before.route.current));
      }
      bar.push(hash);
    } else timer ??= setTimeout(write, replaceEveryMs);
  });
  const stopBar = bar.onChange(() => {
    if (bar.hash() !== formatRoute(store.getState().route.current)) {
      store.getState().route.receiveHash(bar.hash());
    }
  });
  return () => {
    if (timer !== null) clearTimeout(timer);
    stopStore();
    stopBar();
  };
}
