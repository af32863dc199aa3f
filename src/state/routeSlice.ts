import { parseRoute, sameScreen, startRoute, type Route, type View } from './route.ts';
import type { SliceCreator } from './slice.ts';

/** Where the reader is. The address bar follows it (`routeSync.ts`). */
export interface RouteSlice {
  readonly current: Route;
  /** How the last change is written to the history: a step to go back to, or in place. */
  readonly history: 'push' | 'replace';
  /** `address`: typed, or reached by back and forward; the rest of the state follows it. */
  readonly origin: 'page' | 'address';
  /** Goes to a screen: a new history entry, unless it is the screen already shown. */
  readonly go: (view: View, path?: readonly string[], params?: Readonly<Record<string, string>>) => void;
  /** Names in the address, in place, what the screen shows by now. */
  readonly setPath: (path: readonly string[]) => void;
  /** Changes parameters of the screen in place; null takes one away. */
  readonly setParams: (params: Readonly<Record<string, string | null>>) => void;
  /** Takes over an address typed or reached by back and forward. */
  readonly receiveHash: (hash: string) => void;
}

const initialRouteState: Pick<RouteSlice, 'current' | 'history' | 'origin'> = {
  current: startRoute,
  history: 'replace',
  origin: 'page',
};

export const createRouteSlice: SliceCreator<RouteSlice> = ({ set, get }) => ({
  ...initialRouteState,
  go: (view, path = [], params = {}) => {
    const next: Route = { view, path, params };
    set({ current: next, history: sameScreen(get().current, next) ? 'replace' : 'push', origin: 'page' });
  },
  setPath: (path) =>
    set(({ current }) => ({ current: { ...current, path }, history: 'replace', origin: 'page' })),
  setParams: (changes) =>
    set(({ current }) => {
      const params = { ...current.params };
      for (const [key, value] of Object.entries(changes)) {
        if (value === null) delete params[key];
        else params[key] = value;
      }
      return { current: { ...current, params }, history: 'replace', origin: 'page' };
    }),
  receiveHash: (hash) => set({ current: parseRoute(hash), history: 'replace', origin: 'address' }),
});
