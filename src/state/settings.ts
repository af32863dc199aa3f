import type { CurationOptions } from '../compile/setCurator.ts';
import type { CompileOptions } from '../compile/types.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { AppStore } from './store.ts';
import { initialUiState, persistedUi, projectorScales, type PersistedUi } from './uiSlice.ts';

/** Settings of the page for all projects, in localStorage; version 1. */
const storageKey = 'acc-workbench/ui/1';
/** What a project remembers of the compile form; version 1. */
interface StoredForm {
  readonly version: 1;
  readonly options: CompileOptions;
  readonly tokenizerId: string;
  /** Absent where it was stored before there was one. */
  readonly curation?: CurationOptions;
}
const saveDelayMs = 300;

/** The part of `localStorage` used here; a stand-in in tests. */
export interface SettingsStorage {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

/** Reads stored settings; what is missing or of another type keeps its default. */
function readUiSettings(json: string | null, defaults: PersistedUi): PersistedUi {
  let value: unknown;
  try {
    value = JSON.parse(json ?? 'null');
  } catch {
    return defaults;
  }
  if (!isObject(value)) return defaults;
  const { theme, density, projectorScale, inspectorWidth, runtime } = value;
  const flag = (
    name: 'letterKeys' | 'inspectorOpen' | 'qaSideBySide' | 'gpuNoticeSeen' | 'tourSeen',
  ): boolean => {
    const stored = value[name];
    return typeof stored === 'boolean' ? stored : defaults[name];
  };
  return {
    theme: theme === 'light' || theme === 'dark' || theme === 'system' ? theme : defaults.theme,
    density: density === 'compact' || density === 'comfortable' ? density : defaults.density,
    projectorScale: projectorScales.find((scale) => scale === projectorScale) ?? defaults.projectorScale,
    letterKeys: flag('letterKeys'),
    inspectorOpen: flag('inspectorOpen'),
    inspectorWidth: typeof inspectorWidth === 'number' ? inspectorWidth : defaults.inspectorWidth,
    qaSideBySide: flag('qaSideBySide'),
    runtime: runtime === 'wasm' || runtime === 'webgpu' ? runtime : defaults.runtime,
    gpuNoticeSeen: flag('gpuNoticeSeen'),
    tourSeen: flag('tourSeen'),
  };
}

/** Takes over the look of the page as it was left, and keeps it from then on. Without storage nothing is kept. */
export function syncUiSettings(store: AppStore, storage: SettingsStorage | null): () => void {
  if (!storage) return () => undefined;
  const { ui } = store.getState();
  const stored = readUiSettings(storage.getItem(storageKey), persistedUi(ui));
  store.setState(({ ui: slice }) => ({ ui: { ...slice, ...stored } }));
  return store.subscribe((state, before) => {
    const now = JSON.stringify(persistedUi(state.ui));
    if (now === JSON.stringify(persistedUi(before.ui))) return;
    try {
      storage.setItem(storageKey, now);
    } catch {
      // Full or forbidden: the look is then not kept.
    }
  });
}

/** The compile form as a project remembers it; null when it is of another version. */
export function readForm(settings: JsonValue | null): StoredForm | null {
  if (!isObject(settings) || settings['version'] !== 1 || !isObject(settings['options'])) return null;
  return settings as unknown as StoredForm;
}

const dedupRules: readonly CurationOptions['dedup'][] = ['none', 'exact', 'near', 'question'];

/** The rules over the whole set as a project remembers them; what is missing or odd has its default. */
export function readCuration(settings: JsonValue | null): CurationOptions {
  const defaults = initialUiState.curation;
  const stored: unknown = readForm(settings)?.curation;
  if (!isObject(stored)) return defaults;
  const { dedup, threshold, evalShare } = stored;
  const share = (value: unknown, otherwise: number): number =>
    typeof value === 'number' && value >= 0 && value <= 1 ? value : otherwise;
  return {
    dedup: dedupRules.find((rule) => rule === dedup) ?? defaults.dedup,
    threshold: share(threshold, defaults.threshold),
    evalShare: share(evalShare, defaults.evalShare),
  };
}

/** Keeps the compile form with the project, shortly after each change. */
export function syncForm(store: AppStore, save: (settings: JsonValue) => Promise<void>): () => void {
  let timer: ReturnType<typeof setTimeout> | null = null;
  return store.subscribe((state, before) => {
    const { options, tokenizerId } = state.compile;
    const { curation } = state.ui;
    const isSame =
      options === before.compile.options &&
      tokenizerId === before.compile.tokenizerId &&
      curation === before.ui.curation;
    if (isSame || !options || before.compile.options === null) return;
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(() => {
      const form: StoredForm = { version: 1, options, tokenizerId, curation };
      void save(form as unknown as JsonValue);
    }, saveDelayMs);
  });
}
