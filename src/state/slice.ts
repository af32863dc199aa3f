import type { DataApi } from '../workers/dataApi.ts';
import type { AppState } from './store.ts';

/** What a slice is built with. `set` merges into the slice; `app` is the whole store, for reading neighbours. */
interface SliceContext<Slice> {
  readonly set: (update: Partial<Slice> | ((slice: Slice) => Partial<Slice>)) => void;
  readonly get: () => Slice;
  readonly app: () => AppState;
  /** The data worker. */
  readonly data: DataApi;
}

/** Builds one slice of the store. */
export type SliceCreator<Slice> = (context: SliceContext<Slice>) => Slice;

/** Something asked of the worker: waiting for it, there, or failed with a sentence to show. */
export type Loadable<T> =
  | { readonly status: 'idle' }
  | { readonly status: 'loading' }
  | { readonly status: 'ready'; readonly value: T }
  | {
      readonly status: 'failed';
      readonly code: string;
      readonly message: string;
      readonly advice: string | null;
    };
