import type { ChartSnapshot } from '../charts/common/chartHost.ts';
import type { ChartTarget } from '../charts/common/geometry.ts';
import type { Failure } from '../workers/dataApi.ts';
import type {
  Board,
  DocumentSummary,
  FilmstripFrame,
  MechanismFrame,
  PairsFrame,
  TrackFrame,
} from '../workers/mechanismApi.ts';
import type { MechanismClient } from '../workers/mechanismClient.ts';
import type { Loadable, SliceCreator } from './slice.ts';

/** What was measured inside the model, who is compared with whom, and the charts that were kept. */
export interface MechanismSlice {
  /** False until the worker has said what there is. */
  readonly isReady: boolean;
  readonly documents: readonly DocumentSummary[];
  readonly documentId: string | null;
  /** Names of subjects; they hold for every view. Null: the document's own base, nothing, nothing. */
  readonly baseline: string | null;
  readonly comparison: string | null;
  readonly control: string | null;
  readonly metric: string;
  readonly order: 'baseline' | 'index';
  readonly frame: Loadable<MechanismFrame>;
  /** What every chart and text follows. */
  readonly selected: ChartTarget | null;
  readonly itemIndex: number;
  readonly track: Loadable<TrackFrame>;
  readonly pairs: Loadable<PairsFrame | null>;
  readonly filmstrip: Loadable<FilmstripFrame>;
  readonly failure: { readonly message: string; readonly advice: string | null } | null;
  readonly busy: 'reading' | null;
  readonly board: Board;

  readonly connect: () => Promise<void>;
  readonly openFiles: (files: readonly File[]) => Promise<void>;
  readonly show: (documentId: string) => Promise<void>;
  readonly deleteDocument: (id: string) => Promise<void>;
  readonly exportFile: (id: string) => Promise<File | null>;
  readonly setBaseline: (name: string | null) => void;
  readonly setComparison: (name: string | null) => void;
  readonly setControl: (name: string | null) => void;
  readonly swap: () => void;
  readonly setMetric: (metric: string) => void;
  readonly setOrder: (order: 'baseline' | 'index') => void;
  readonly select: (target: ChartTarget | null) => void;
  readonly setItem: (index: number) => void;
  readonly loadPairs: (subject: string, layer: number) => Promise<void>;
  readonly loadFilmstrip: (layer: number) => Promise<void>;
  readonly dismissFailure: () => void;
  /** Reads frames again: the documents have changed. */
  readonly refresh: () => Promise<void>;

  readonly pin: (snapshot: ChartSnapshot) => void;
  readonly unpin: (id: string) => void;
  /** Moves a pin by places; negative is towards the front. */
  readonly movePin: (id: string, by: number) => void;
  readonly setNotes: (notes: string) => void;
}

const idle = { status: 'idle' } as const;
const loading = { status: 'loading' } as const;
const failed = ({ code, message, advice }: Failure) => ({ status: 'failed', code, message, advice }) as const;

/** Who is compared unless the reader says otherwise: the first adapter with the base, against the control. */
function defaultsOf({
  subjects,
}: DocumentSummary): Pick<MechanismSlice, 'baseline' | 'comparison' | 'control'> {
  const base = subjects.find(({ kind }) => kind === 'base') ?? subjects[0];
  const adapters = subjects.filter(({ kind, name }) => kind === 'adapter' && name !== base?.name);
  const control = subjects.find(({ kind, name }) => kind === 'control' && name !== base?.name);
  // Of the checkpoints of a run the last is its result.
  const comparison = adapters.reduce<(typeof adapters)[number] | undefined>(
    (best, each) => (!best || (each.step ?? -1) > (best.step ?? -1) ? each : best),
    undefined,
  );
  return { baseline: base?.name ?? null, comparison: (comparison ?? control)?.name ?? null, control: comparison ? (control?.name ?? null) : null }; // prettier-ignore
}

/** Builds the slice over the mechanism worker. */
export const createMechanismSlice =
  (client: MechanismClient): SliceCreator<MechanismSlice> =>
  ({ set, get, app }) => {
    let connecting: Promise<void> | null = null;
    let frameNumber = 0;
    let trackNumber = 0;

    const loadTrack = async (): Promise<void> => {
      const number = ++trackNumber;
      const { documentId, baseline, comparison, control, itemIndex, selected } = get();
      if (documentId === null) return set({ track: idle });
      const request = { documentId, baseline, comparison, control, itemIndex, layer: selected?.layer ?? null, head: selected?.head ?? null }; // prettier-ignore
      const result = await client.track(request);
      if (number === trackNumber)
        set({ track: result.ok ? { status: 'ready', value: result.value } : failed(result) });
    };

    const loadFrame = async (): Promise<void> => {
      const number = ++frameNumber;
      const { documentId, baseline, comparison, control, metric, frame } = get();
      if (documentId === null) return set({ frame: idle, track: idle });
      // What is shown stays until the next is there.
      if (frame.status !== 'ready') set({ frame: loading });
      const result = await client.frame({ documentId, baseline, comparison, control, metric });
      if (number !== frameNumber) return;
      if (!result.ok) return set({ frame: failed(result) });
      const { items } = result.value;
      set({ frame: { status: 'ready', value: result.value }, itemIndex: Math.min(get().itemIndex, Math.max(0, items.length - 1)) }); // prettier-ignore
      await loadTrack();
    };

    const change = (changes: Partial<MechanismSlice>): void => {
      set(changes);
      void loadFrame();
    };

    const keepBoard = (board: Board): void => {
      set({ board });
      void client.saveBoard(board).then((problem) => {
        if (problem) app().ui.notify('error', problem.message, problem.advice ?? undefined);
      });
    };

    return {
      isReady: false,
      documents: [],
      documentId: null,
      baseline: null,
      comparison: null,
      control: null,
      metric: 'sinkExcludedDistance',
      order: 'baseline',
      frame: idle,
      selected: null,
      itemIndex: 0,
      track: idle,
      pairs: idle,
      filmstrip: idle,
      failure: null,
      busy: null,
      board: { notes: '', pins: [] },

      connect: () => {
        connecting ??= (async () => {
          await client.listen(({ documents }) => {
            const shown = get().documentId;
            set({ documents });
            const isGone = shown !== null && !documents.some(({ id }) => id === shown);
            const first = documents[0];
            if (isGone) set({ documentId: null, frame: idle, track: idle });
            if (first && (shown === null || isGone)) void get().show(first.id);
          });
          set({ isReady: true, board: await client.board() });
        })();
        return connecting;
      },
      openFiles: async (files) => {
        set({ busy: 'reading', failure: null });
        await get().connect();
        for (const file of files) {
          const opened = await client.openFile(file);
          if (opened.ok) await get().show(opened.value.id);
          else set({ failure: { message: opened.message, advice: opened.advice } });
        }
        set({ busy: null });
      },
      show: async (documentId) => {
        const summary = get().documents.find(({ id }) => id === documentId);
        if (!summary) return;
        const has = (name: string | null): boolean =>
          summary.subjects.some((subject) => subject.name === name);
        const { baseline, comparison } = get();
        // What was chosen stays where the document has it.
        const kept = has(baseline) && (comparison === null || has(comparison));
        const isNew = documentId !== get().documentId;
        set({
          documentId,
          ...(kept && baseline !== null ? {} : defaultsOf(summary)),
          ...(isNew ? { selected: null, itemIndex: 0, pairs: idle, filmstrip: idle } : {}),
        });
        await loadFrame();
      },
      deleteDocument: async (id) => client.delete(id),
      exportFile: async (id) => {
        const result = await client.exportFile(id);
        if (result.ok) return result.value;
        app().ui.notify('error', result.message, result.advice ?? undefined);
        return null;
      },
      setBaseline: (baseline) =>
        change({ baseline, ...(get().comparison === baseline ? { comparison: null } : {}) }),
      setComparison: (comparison) =>
        change({ comparison, ...(get().control === comparison ? { control: null } : {}) }),
      setControl: (control) => change({ control }),
      swap: () => {
        const { baseline, comparison } = get();
        if (comparison !== null) change({ baseline: comparison, comparison: baseline });
      },
      setMetric: (metric) => change({ metric }),
      setOrder: (order) => set({ order }),
      select: (selected) => {
        set({ selected });
        void loadTrack();
      },
      setItem: (itemIndex) => {
        set({ itemIndex });
        void loadTrack();
      },
      loadPairs: async (subject, layer) => {
        const { documentId } = get();
        if (documentId === null) return;
        set({ pairs: loading });
        const result = await client.pairs(documentId, subject, layer);
        set({ pairs: result.ok ? { status: 'ready', value: result.value } : failed(result) });
      },
      loadFilmstrip: async (layer) => {
        const { documentId, metric } = get();
        if (documentId === null) return;
        const result = await client.filmstrip(documentId, layer, metric);
        set({ filmstrip: result.ok ? { status: 'ready', value: result.value } : failed(result) });
      },
      dismissFailure: () => set({ failure: null }),
      refresh: loadFrame,

      pin: ({ geometry, footer }) => {
        const { board } = get();
        // Functions of the brush cannot be kept; a kept chart is not brushed.
        const kept = Object.fromEntries(Object.entries(geometry).filter(([key]) => key !== 'brush'));
        const id = `pin-${Date.now().toString(36)}-${board.pins.length}`;
        const pin = { id, createdAt: Date.now(), title: geometry.title, footer, geometry: kept };
        void get()
          .connect()
          .then(() => {
            keepBoard({ ...get().board, pins: [...get().board.pins, pin] });
            app().ui.notify('success', 'Pinned to the board in Compare');
          });
      },
      unpin: (id) => keepBoard({ ...get().board, pins: get().board.pins.filter((pin) => pin.id !== id) }),
      movePin: (id, by) => {
        const pins = [...get().board.pins];
        const at = pins.findIndex((pin) => pin.id === id);
        const to = at + by;
        const [moved] = at >= 0 && to >= 0 && to < pins.length ? pins.splice(at, 1) : [];
        if (!moved) return;
        pins.splice(to, 0, moved);
        keepBoard({ ...get().board, pins });
      },
      setNotes: (notes) => keepBoard({ ...get().board, notes }),
    };
  };
