/** How the page looks and what of the frame is open. Small, serialisable, no data of the user's files. */
export type ThemeChoice = 'system' | 'light' | 'dark';
export type Density = 'compact' | 'comfortable';
/** Scale of the root font for halls and projectors; 1 is the desk. */
export type ProjectorScale = 1 | 1.25 | 1.5 | 2;
export const projectorScales: readonly ProjectorScale[] = [1, 1.25, 1.5, 2];

/** A message that the shell shows in a corner. Errors stay until closed. */
export interface Toast {
  readonly id: number;
  readonly tone: 'info' | 'success' | 'error';
  readonly title: string;
  readonly detail: string | null;
}

export interface UiState {
  readonly theme: ThemeChoice;
  readonly density: Density;
  readonly projectorScale: ProjectorScale;
  /** Single-letter shortcuts can be switched off (WCAG 2.1.4). */
  readonly letterKeys: boolean;
  readonly paletteOpen: boolean;
  readonly helpOpen: boolean;
  readonly inspectorOpen: boolean;
  /** Width of the inspector in CSS pixels at scale 1. */
  readonly inspectorWidth: number;
  /** The line under the QA strip: reader alone, or trajectory beside it. */
  readonly qaSideBySide: boolean;
  /** Supervised-token mask shown over the QA text. */
  readonly qaMask: 'none' | 'acc' | 'agent-sft';
  readonly toasts: readonly Toast[];
}

export interface UiActions {
  readonly setTheme: (theme: ThemeChoice) => void;
  readonly setDensity: (density: Density) => void;
  readonly setProjectorScale: (scale: ProjectorScale) => void;
  readonly setLetterKeys: (on: boolean) => void;
  readonly setPaletteOpen: (open: boolean) => void;
  readonly setHelpOpen: (open: boolean) => void;
  readonly setInspectorOpen: (open: boolean) => void;
  readonly setInspectorWidth: (width: number) => void;
  readonly setQaSideBySide: (on: boolean) => void;
  readonly setQaMask: (mask: UiState['qaMask']) => void;
  /** Shows a message; errors are announced at once and stay until closed. */
  readonly notify: (tone: Toast['tone'], title: string, detail?: string) => void;
  readonly dismissToast: (id: number) => void;
}

export type UiSlice = UiState & UiActions;

export const initialUiState: UiState = {
  theme: 'system',
  density: 'compact',
  projectorScale: 1,
  letterKeys: true,
  paletteOpen: false,
  helpOpen: false,
  inspectorOpen: true,
  inspectorWidth: 340,
  qaSideBySide: false,
  qaMask: 'none',
  toasts: [],
};

/** The part that survives a reload. */
export type PersistedUi = Pick<
  UiState,
  'theme' | 'density' | 'projectorScale' | 'letterKeys' | 'inspectorOpen' | 'inspectorWidth' | 'qaSideBySide'
>;

/** Picks what is kept over a reload. */
export function persistedUi(state: UiState): PersistedUi {
  return {
    theme: state.theme,
    density: state.density,
    projectorScale: state.projectorScale,
    letterKeys: state.letterKeys,
    inspectorOpen: state.inspectorOpen,
    inspectorWidth: state.inspectorWidth,
    qaSideBySide: state.qaSideBySide,
  };
}

type Update<T> = Partial<T> | ((state: T) => Partial<T>);

const inspectorLimits = { narrowest: 260, widest: 640 };
const maxToasts = 5;

/** Builds the slice; `set` and `get` may be those of a larger store that contains it. */
export function createUiSlice(set: (update: Update<UiSlice>) => void, get: () => UiSlice): UiSlice {
  return {
    ...initialUiState,
    setTheme: (theme) => set({ theme }),
    setDensity: (density) => set({ density }),
    setProjectorScale: (projectorScale) => set({ projectorScale }),
    setLetterKeys: (letterKeys) => set({ letterKeys }),
    setPaletteOpen: (paletteOpen) => set({ paletteOpen }),
    setHelpOpen: (helpOpen) => set({ helpOpen }),
    setInspectorOpen: (inspectorOpen) => set({ inspectorOpen }),
    setInspectorWidth: (width) =>
      set({
        inspectorWidth: Math.round(
          Math.min(inspectorLimits.widest, Math.max(inspectorLimits.narrowest, width)),
        ),
      }),
    setQaSideBySide: (qaSideBySide) => set({ qaSideBySide }),
    setQaMask: (qaMask) => set({ qaMask }),
    notify: (tone, title, detail) => {
      const toasts = get().toasts;
      const id = 1 + toasts.reduce((highest, toast) => Math.max(highest, toast.id), 0);
      set({ toasts: [...toasts, { id, tone, title, detail: detail ?? null }].slice(-maxToasts) });
    },
    dismissToast: (id) => set((state) => ({ toasts: state.toasts.filter((toast) => toast.id !== id) })),
  };
}
