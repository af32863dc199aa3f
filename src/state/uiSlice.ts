import type { CurationOptions } from '../compile/setCurator.ts';
import type { CompileOptions, EvidenceSource, Example, Rejection } from '../compile/types.ts';
import type { Runtime } from '../workers/engineApi.ts';
import type { CompileRequest, DataApi, RejectionQuery, SourceLocation } from '../workers/dataApi.ts';

/** How the page looks and what of the frame is open. Small, serialisable, no data of the user's files. */
type ThemeChoice = 'system' | 'light' | 'dark';
type Density = 'compact' | 'comfortable';
/** Scale of the root font for halls and projectors; 1 is the desk. */
export type ProjectorScale = 1 | 1.25 | 1.5 | 2;
export const projectorScales: readonly ProjectorScale[] = [1, 1.25, 1.5, 2];

/** What of the compile form is undone together, with the curation. */
export interface CompileForm {
  readonly options: CompileOptions;
  readonly tokenizerId: string;
  readonly databaseFileIds: readonly number[];
  readonly benchmarkFileIds: readonly number[];
}
interface RecipeStep {
  readonly form: CompileForm;
  readonly curation: CurationOptions;
}

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
  /** The scale to go back to, while the walk is projected; null otherwise. */
  readonly deskScale: ProjectorScale | null;
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
  /** Where models run, where there is a choice. */
  readonly runtime: Runtime;
  /** What stands in for a graphics card has been said. */
  readonly gpuNoticeSeen: boolean;
  /** The tour has been taken, ended or declined. */
  readonly tourSeen: boolean;
  /** Where the tour is; null when it is not taken. */
  readonly tourStop: number | null;
  readonly toasts: readonly Toast[];
  /** The recipe before and after the present one, for undo. */
  readonly recipePast: readonly RecipeStep[];
  readonly recipeFuture: readonly RecipeStep[];
  /** Rules over the whole set. */
  readonly curation: CurationOptions;
}

interface UiActions {
  readonly setTheme: (theme: ThemeChoice) => void;
  readonly setDensity: (density: Density) => void;
  readonly setProjectorScale: (scale: ProjectorScale) => void;
  /** Begins to project, in large type, or ends it with the scale of before. */
  readonly setProjecting: (on: boolean) => void;
  readonly setLetterKeys: (on: boolean) => void;
  readonly setPaletteOpen: (open: boolean) => void;
  readonly setHelpOpen: (open: boolean) => void;
  readonly setInspectorOpen: (open: boolean) => void;
  readonly setInspectorWidth: (width: number) => void;
  readonly setQaSideBySide: (on: boolean) => void;
  readonly setQaMask: (mask: UiState['qaMask']) => void;
  readonly setRuntime: (runtime: Runtime) => void;
  readonly setGpuNoticeSeen: (seen: boolean) => void;
  /** Goes to a stop of the tour; null ends or declines it for good. */
  readonly setTourStop: (stop: number | null) => void;
  /** Shows a message; errors are announced at once and stay until closed. */
  readonly notify: (tone: Toast['tone'], title: string, detail?: string) => void;
  readonly dismissToast: (id: number) => void;
  /** Keeps the form, with the present curation, before either changes. Changes in quick succession (typing, dragging) are one step. */
  readonly rememberRecipe: (form: CompileForm, nowMs: number) => void;
  /** Takes a step back (or forth again): curation here, the form to be set by the caller; null when there is none. */
  readonly undoRecipe: (present: CompileForm) => CompileForm | null;
  readonly redoRecipe: (present: CompileForm) => CompileForm | null;
  /** Files that are used without a choice of the reader's: no step back goes behind them. */
  readonly addToRecipes: (databaseFileIds: readonly number[], benchmarkFileIds: readonly number[]) => void;
  /** Another project has taken the place of the one whose recipes are kept. */
  readonly forgetRecipes: () => void;
  readonly setCuration: (changes: Partial<CurationOptions>) => void;
  /** Starts compiling; resolves to the new set's id, or null after a shown failure. */
  readonly startCompile: (request: CompileRequest) => Promise<string | null>;

  /** Where in its trajectory a piece stands; null when its record no longer shows it. */
  readonly locate: (trajectoryId: string, source: EvidenceSource) => Promise<SourceLocation | null>;
  /** `recipe.json` of a set; null after a shown failure. */
  readonly readRecipe: (setId: string) => Promise<string | null>;
  /** The dataset card (`README.md`) of a set; null after a shown failure. */
  readonly readCard: (setId: string) => Promise<string | null>;
  /** The example of a set that came from a trajectory; null without one. */
  readonly exampleOf: (setId: string, trajectoryId: string) => Promise<Example | null>;
  readonly queryRejections: (
    query: RejectionQuery,
  ) => Promise<{ readonly total: number; readonly rejections: readonly Rejection[] }>;
}

export type UiSlice = UiState & UiActions;

export const initialUiState: UiState = {
  theme: 'system',
  density: 'compact',
  projectorScale: 1,
  deskScale: null,
  letterKeys: true,
  paletteOpen: false,
  helpOpen: false,
  inspectorOpen: true,
  inspectorWidth: 340,
  qaSideBySide: false,
  qaMask: 'none',
  runtime: 'webgpu',
  gpuNoticeSeen: false,
  tourSeen: false,
  tourStop: null,
  toasts: [],
  recipePast: [],
  recipeFuture: [],
  // As the command line does without options.
  curation: { dedup: 'exact', threshold: 0.8, evalShare: 0 },
};

/** The part that survives a reload. */
export type PersistedUi = Pick<
  UiState,
  | 'theme'
  | 'density'
  | 'projectorScale'
  | 'letterKeys'
  | 'inspectorOpen'
  | 'inspectorWidth'
  | 'qaSideBySide'
  | 'runtime'
  | 'gpuNoticeSeen'
  | 'tourSeen'
>;

/** Picks what is kept over a reload. */
export function persistedUi(state: UiState): PersistedUi {
  return {
    theme: state.theme,
    density: state.density,
    projectorScale: state.deskScale ?? state.projectorScale,
    letterKeys: state.letterKeys,
    inspectorOpen: state.inspectorOpen,
    inspectorWidth: state.inspectorWidth,
    qaSideBySide: state.qaSideBySide,
    runtime: state.runtime,
    gpuNoticeSeen: state.gpuNoticeSeen,
    tourSeen: state.tourSeen,
  };
}

type Update<T> = Partial<T> | ((state: T) => Partial<T>);

const inspectorLimits = { narrowest: 260, widest: 640 };
const maxToasts = 5;
const maxRecipeSteps = 100;
const oneStepMs = 300;

/** Builds the slice; `set` and `get` may be those of a larger store that contains it. */
export function createUiSlice(
  set: (update: Update<UiSlice>) => void,
  get: () => UiSlice,
  data: DataApi,
): UiSlice {
  let rememberedAt = Number.NEGATIVE_INFINITY;

  return {
    ...initialUiState,
    setTheme: (theme) => set({ theme }),
    setDensity: (density) => set({ density }),
    setProjectorScale: (projectorScale) => set({ projectorScale }),
    setProjecting: (on) => {
      const { projectorScale, deskScale } = get();
      if (on === (deskScale !== null)) return;
      if (deskScale !== null) set({ projectorScale: deskScale, deskScale: null });
      else set({ projectorScale: projectorScale === 1 ? 1.5 : projectorScale, deskScale: projectorScale });
    },
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
    setRuntime: (runtime) => set({ runtime }),
    setGpuNoticeSeen: (gpuNoticeSeen) => set({ gpuNoticeSeen }),
    setTourStop: (tourStop) => set({ tourStop, tourSeen: true }),
    setQaMask: (qaMask) => set({ qaMask }),
    notify: (tone, title, detail) => {
      const { toasts } = get();
      const id = 1 + toasts.reduce((highest, toast) => Math.max(highest, toast.id), 0);
      const next = { id, tone, title, detail: detail ?? null };
      // Said again, it moves to the end instead of standing there twice.
      const others = toasts.filter(
        (toast) => toast.tone !== tone || toast.title !== title || toast.detail !== next.detail,
      );
      set({ toasts: [...others, next].slice(-maxToasts) });
    },
    dismissToast: (id) => set((state) => ({ toasts: state.toasts.filter((toast) => toast.id !== id) })),
    rememberRecipe: (form, nowMs) => {
      const isSameStep = nowMs - rememberedAt < oneStepMs;
      rememberedAt = nowMs;
      if (isSameStep) return;
      set(({ recipePast, curation }) => ({
        recipePast: [...recipePast, { form, curation }].slice(-maxRecipeSteps),
        recipeFuture: [],
      }));
    },
    undoRecipe: (present) => {
      const { recipePast, recipeFuture, curation } = get();
      const previous = recipePast.at(-1);
      if (!previous) return null;
      set({
        recipePast: recipePast.slice(0, -1),
        recipeFuture: [{ form: present, curation }, ...recipeFuture],
        curation: previous.curation,
      });
      return previous.form;
    },
    redoRecipe: (present) => {
      const { recipePast, recipeFuture, curation } = get();
      const [next, ...rest] = recipeFuture;
      if (!next) return null;
      set({
        recipePast: [...recipePast, { form: present, curation }],
        recipeFuture: rest,
        curation: next.curation,
      });
      return next.form;
    },
    addToRecipes: (databaseFileIds, benchmarkFileIds) => {
      if (databaseFileIds.length + benchmarkFileIds.length === 0) return;
      const union = (ids: readonly number[], more: readonly number[]) => [...new Set([...ids, ...more])];
      const withFiles = ({ form, curation }: RecipeStep): RecipeStep => ({
        form: {
          ...form,
          databaseFileIds: union(form.databaseFileIds, databaseFileIds),
          benchmarkFileIds: union(form.benchmarkFileIds, benchmarkFileIds),
        },
        curation,
      });
      set(({ recipePast, recipeFuture }) => ({
        recipePast: recipePast.map(withFiles),
        recipeFuture: recipeFuture.map(withFiles),
      }));
    },
    forgetRecipes: () => {
      rememberedAt = Number.NEGATIVE_INFINITY;
      set({ recipePast: [], recipeFuture: [] });
    },
    setCuration: (changes) => set(({ curation }) => ({ curation: { ...curation, ...changes } })),
    startCompile: async (request) => {
      const started = await data.startCompile(request);
      if (started.ok) return started.value.setId;
      get().notify('error', started.message, started.advice ?? undefined);
      return null;
    },
    locate: async (trajectoryId, source) => {
      const result = await data.locateSource(trajectoryId, source);
      if (result.ok) return result.value;
      get().notify('error', result.message, result.advice ?? undefined);
      return null;
    },
    readRecipe: async (setId) => {
      const result = await data.readRecipe(setId);
      if (result.ok) return result.value;
      get().notify('error', result.message, result.advice ?? undefined);
      return null;
    },
    readCard: async (setId) => {
      const result = await data.readCard(setId);
      if (result.ok) return result.value;
      get().notify('error', result.message, result.advice ?? undefined);
      return null;
    },
    exampleOf: async (setId, trajectoryId) => {
      const result = await data.exampleOfTrajectory(setId, trajectoryId);
      // A set that has gone since has no example to point to.
      return result.ok ? result.value : null;
    },
    queryRejections: (query) => data.queryRejections(query),
  };
}
