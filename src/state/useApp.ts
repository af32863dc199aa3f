import { createContext, useContext } from 'react';
import { useStore } from 'zustand';
import type { AppState, AppStore } from './store.ts';

/** Gives the store to the components below; set once by `main.tsx`. */
export const StoreContext = createContext<AppStore | null>(null);

/** The store itself, for event handlers that read the latest state. */
export function useAppStore(): AppStore {
  const store = useContext(StoreContext);
  if (!store) throw new Error('Internal error: StoreContext is missing above this component');
  return store;
}

/**
 * Selects from the store. The selector must return a value held by the store (or a primitive), never a new
 * object: that would render for ever. Use zustand's `useShallow` for small tuples.
 */
export function useApp<T>(select: (state: AppState) => T): T {
  return useStore(useAppStore(), select);
}
