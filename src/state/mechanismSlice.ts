import type { ChartSnapshot } from '../charts/common/chartHost.ts';
import type { ChartTarget } from '../charts/common/geometry.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import type { Failure, Result } from '../workers/dataApi.ts';
import type {
  AdapterCard,
  EngineEvent,
  LookReport,
  LookRequest,
  MeasureReport,
  MeasureRequest,
} from '../workers/engineApi.ts';
import type { EngineClient } from '../workers/engineClient.ts';
import type {
  Board,
  DocumentSummary,
  FilmstripFrame,
  MechanismFrame,
  PairsFrame,
  TrackFrame,
} from '../workers/mechanismApi.ts';
import type { StoredRun } from '../workers/trainingApi.ts';
import type { MechanismClient } from '../workers/mechanismClient.ts';
import { goneFailureOf } from '../workers/workerLink.ts';
import { everyExample } from './filters.ts';
import type { Loadable, SliceCreator } from './slice.ts';

/** A measurement under way. */
interface Measuring {
  readonly runId: number;
  readonly subject: string;
  readonly index: number;
  readonly subjects: number;
  readonly stage: 'reading' | 'loading' | 'kernels' | 'tokens';
  readonly done: number;
  readonly total: number;
}

/** What to measure: examples and subjects. */
interface MeasureArguments {
  readonly name?: string;
  /** Examples of a compiled set, or lines of `examples.jsonl`. */
  readonly data:
    | {
        readonly type: 'set';
        readonly setId: string;
        readonly limit: number;
        readonly ids?: readonly string[];
      }
    | { readonly type: 'file'; readonly file: File; readonly limit: number }
    | { readonly type: 'rows'; readonly rows: readonly JsonValue[] };
  /** Adapters by sha256 in the order measured; the base comes first by itself. */
  readonly subjects: MeasureRequest['subjects'];
  readonly options?: MeasureRequest['options'];
}

interface MeasureForm {
  readonly source: 'set' | 'file';
  readonly file: File | null;
  readonly limit: number;
  readonly queries: 'answer' | 'all';
  readonly sinkTokens: number;
  /** Roles of the known adapters by sha256; one that is not here is left out. */
  readonly roles: Readonly<Record<string, 'adapter' | 'control'>>;
}

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
  /** The layer that charts of single heads are held to; null for all. */
  readonly layerFilter: number | null;
  readonly frame: Loadable<MechanismFrame>;
  /** What every chart and text follows. */
  readonly selected: ChartTarget | null;
  readonly itemIndex: number;
  readonly track: Loadable<TrackFrame>;
  /** Whether the text of the item is shown, of which side, and what the picked head or expert does in it. */
  readonly isTextOpen: boolean;
  readonly textSide: 'baseline' | 'comparison' | 'control';
  readonly look: Loadable<LookReport>;
  /** The look shown is of what was picked before; the next is being computed. */
  readonly isLooking: boolean;
  readonly pairs: Loadable<PairsFrame | null>;
  readonly filmstrip: Loadable<FilmstripFrame>;
  readonly failure: { readonly message: string; readonly advice: string | null } | null;
  readonly busy: 'reading' | null;
  readonly board: Board;
  readonly form: MeasureForm;
  readonly adapters: readonly AdapterCard[];
  /** Runs of the loaded model that kept the adapters of their checkpoints. */
  readonly runs: readonly StoredRun[];
  readonly measuring: Measuring | null;
  /** Examples that the last measurement left out. */
  readonly rejected: MeasureReport['rejected'];

  /** Another project is open: its documents and its board take the place of those shown. */
  readonly receiveProject: (id: string) => void;
  readonly setForm: (changes: Partial<MeasureForm>) => void;
  readonly loadAdapters: () => Promise<void>;
  /** Makes the checkpoints of a run subjects, each at its step. */
  readonly addCheckpoints: (runId: string) => Promise<void>;
  /** Measures and keeps the document; failures come back as values. */
  readonly measure: (given: MeasureArguments) => Promise<Result<DocumentSummary>>;
  /** Measures what the form describes; failures are shown. */
  readonly start: () => Promise<void>;
  readonly receiveEngineEvents: (events: readonly EngineEvent[]) => void;
  readonly connect: () => Promise<void>;
  readonly openFiles: (files: readonly File[]) => Promise<void>;
  readonly show: (documentId: string) => Promise<void>;
  readonly deleteDocument: (id: string) => Promise<void>;
  readonly read: MechanismClient['read'];
  readonly exportFile: (id: string) => Promise<File | null>;
  readonly setBaseline: (name: string | null) => void;
  readonly setComparison: (name: string | null) => void;
  readonly setControl: (name: string | null) => void;
  readonly swap: () => void;
  readonly setMetric: (metric: string) => void;
  readonly setOrder: (order: 'baseline' | 'index') => void;
  readonly setLayerFilter: (layer: number | null) => void;
  readonly select: (target: ChartTarget | null) => void;
  readonly setItem: (index: number) => void;
  readonly openText: (isOpen: boolean) => void;
  readonly setTextSide: (side: MechanismSlice['textSide']) => void;
  /** Runs the item with the picked head or expert, or takes it from the last runs. */
  readonly lookAtText: () => Promise<void>;
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

/** What belongs to a project, before anything of it is known. */
const nothingShown = {
  documents: [],
  documentId: null,
  baseline: null,
  comparison: null,
  control: null,
  layerFilter: null,
  frame: idle,
  selected: null,
  itemIndex: 0,
  track: idle,
  look: idle,
  pairs: idle,
  filmstrip: idle,
  failure: null,
  board: { notes: '', pins: [] },
  rejected: [],
} as const;

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

/** Lines of an examples file; a bad line is a failure with its number. */
async function rowsOfFile(file: File, limit: number): Promise<Result<JsonValue[]>> {
  const rows: JsonValue[] = [];
  const lines = (await file.text()).split('\n');
  for (const [index, line] of lines.entries()) {
    if (line.trim() === '') continue;
    if (rows.length >= limit) break;
    try {
      const value = JSON.parse(line) as JsonValue;
      if (!isObject(value)) throw new SyntaxError('not an object');
      rows.push(value);
    } catch (error) {
      const message = `Line ${index + 1} of ${file.name} is no example: ${error instanceof Error ? error.message : String(error)}`;
      return { ok: false, code: 'bad-examples', message, advice: 'open a file of lines as acc compile writes them (examples.jsonl)' }; // prettier-ignore
    }
  }
  return { ok: true, value: rows };
}

/** Builds the slice over the mechanism worker and the engine. */
export const createMechanismSlice =
  (client: MechanismClient, engine: EngineClient): SliceCreator<MechanismSlice> =>
  ({ set, get, app, data }) => {
    let runNumber = 0;
    const partialId = (runId: number): string => `live-${runId}`;

    /** The examples to measure, with the hash of what they come from. */
    const readRows = async (
      from: MeasureArguments['data'],
    ): Promise<Result<{ rows: readonly JsonValue[]; hash: string | null }>> => {
      // prettier-ignore
      if (from.type === 'rows') return { ok: true, value: { rows: from.rows, hash: null } };
      if (from.type === 'file') {
        const read = await rowsOfFile(from.file, from.limit);
        return read.ok ? { ok: true, value: { rows: read.value, hash: null } } : read;
      }
      const { setId, limit } = from;
      const filter = { ...everyExample, excluded: 'hide' as const };
      const ids = from.ids ?? (await data.queryExamples({ setId, filter, sort: { column: 'row', descending: false }, offset: 0, limit })).rows.map(({ id }) => id); // prettier-ignore
      const rows: JsonValue[] = [];
      for (const id of ids) {
        const read = await data.readExample(setId, id);
        if (!read.ok) return read;
        rows.push(read.value.example as unknown as JsonValue);
      }
      const hash = app().compile.sets.find(({ id }) => id === setId)?.sha256 ?? null;
      return { ok: true, value: { rows, hash } };
    };

    let connecting: Promise<void> | null = null;
    /** The document of a measurement under way that was brought forward. */
    let followed: string | null = null;
    /** Whether the reader took comparison or control away: null alone may mean that none was there to choose. */
    const without = { comparison: false, control: false };
    /** The control to go on with: the chosen one, or the document's own where the reader took none away. */
    const controlBeside = (
      compared: readonly (string | null)[],
      own: string | null,
      has: (name: string | null) => boolean,
    ): string | null => {
      const wanted = get().control ?? (without.control ? null : own);
      return has(wanted) && !compared.includes(wanted) ? wanted : null;
    };
    let frameNumber = 0;
    let trackNumber = 0;

    /** Rows of files and scripts by id, as they were measured in this visit. */
    const measuredRows = new Map<string, JsonValue>();

    /** The example behind an item: of this visit, of the chosen file, or of a compiled set. */
    const findRow = async (id: string): Promise<JsonValue | null> => {
      const held = measuredRows.get(id);
      if (held !== undefined) return held;
      const { file } = get().form;
      if (file) {
        const read = await rowsOfFile(file, Infinity);
        const found = read.ok ? read.value.find((row) => isObject(row) && row['id'] === id) : undefined;
        if (found !== undefined) return found;
      }
      for (const set of app().compile.sets) {
        const read = await data.readExample(set.id, id);
        if (read.ok) return read.value.example as unknown as JsonValue;
      }
      return null;
    };

    /** The last looks by what was asked, the oldest first. */
    const looks = new Map<string, LookReport>();
    let lookNumber = 0;
    let looking: Promise<unknown> | null = null;

    const lookRequest = async (): Promise<Result<LookRequest> | null> => {
      const { selected, frame, itemIndex, textSide } = get();
      if (frame.status !== 'ready' || selected?.layer === undefined) return null;
      const { layer, head, expert } = selected;
      const picked = head !== undefined ? { head } : expert !== undefined ? { expert } : null;
      const item = frame.value.items[itemIndex];
      if (!picked || !item) return null;
      const refuse = (code: string, message: string, advice: string): Failure => ({ ok: false, code, message, advice }); // prettier-ignore
      if (!app().model.loaded) return refuse('no-model', 'No model is loaded', `load ${frame.value.document.model.name} in the Model view to read the text`); // prettier-ignore
      const name = frame.value[textSide] ?? frame.value.baseline;
      const subject = get().documents.flatMap(({ subjects }) => subjects).find((each) => each.name === name); // prettier-ignore
      if (subject && subject.kind !== 'base' && subject.adapterSha256 === null) return refuse('no-adapter', `The document does not say which adapter ${name} is`, 'look at the base, or measure it here'); // prettier-ignore
      const row = await findRow(item.id);
      if (row === null) return refuse('no-example', `The text of ${item.id} is not here`, 'compile the set it comes from, or choose its examples.jsonl under File'); // prettier-ignore
      const { queries } = frame.value.document;
      return { ok: true, value: { row, hash: item.hash, adapterSha256: subject?.adapterSha256 ?? null, layer, picked, queries } }; // prettier-ignore
    };

    const lookAtText = async (): Promise<void> => {
      const number = ++lookNumber;
      const isCurrent = (): boolean => number === lookNumber;
      const asked = await lookRequest();
      if (!isCurrent()) return;
      if (!asked) return set({ look: idle, isLooking: false });
      if (!asked.ok) return set({ look: failed(asked), isLooking: false });
      const request = asked.value;
      const key = JSON.stringify([request.hash, request.adapterSha256, request.layer, request.picked, request.queries]); // prettier-ignore
      const held = looks.get(key);
      if (held) return set({ look: { status: 'ready', value: held }, isLooking: false });
      // What is shown stays until the next is there.
      set({ isLooking: true, ...(get().look.status === 'ready' ? {} : { look: loading }) });
      if (looking) {
        await engine.cancel();
        await looking;
        if (!isCurrent()) return;
      }
      const run = app().model.look(request);
      looking = run;
      const result = await run;
      looking = null;
      if (result.ok) {
        looks.set(key, result.value);
        const [oldest] = looks.keys();
        if (looks.size > 12 && oldest !== undefined) looks.delete(oldest);
      }
      if (isCurrent()) set({ look: result.ok ? { status: 'ready', value: result.value } : failed(result), isLooking: false }); // prettier-ignore
    };

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
      if ('baseline' in changes || 'comparison' in changes) void app().evaluate.followComparison();
    };

    const keepBoard = (board: Board): void => {
      set({ board });
      void client.saveBoard(board).then((problem) => {
        if (problem) app().ui.notify('error', problem.message, problem.advice ?? undefined);
      });
    };

    return {
      isReady: false,
      ...nothingShown,
      metric: 'sinkExcludedDistance',
      order: 'baseline',
      isTextOpen: true,
      textSide: 'baseline',
      isLooking: false,
      busy: null,
      form: { source: 'set', file: null, limit: 8, queries: 'answer', sinkTokens: 4, roles: {} },
      adapters: [],
      runs: [],
      measuring: null,

      receiveProject: (id) => {
        frameNumber++;
        trackNumber++;
        measuredRows.clear();
        Object.assign(without, { comparison: false, control: false });
        set({ ...nothingShown, runs: [] });
        void client.openProject(id).then(async () => {
          // Before the first `connect` nothing is shown that would have to be read.
          if (connecting) set({ board: await client.board() });
        });
      },
      setForm: (changes) => set(({ form }) => ({ form: { ...form, ...changes } })),
      loadAdapters: async () => {
        const isOpen = app().model.card.status === 'ready';
        const adapters = isOpen ? await engine.listAdapters() : [];
        const runs = isOpen ? await engine.listRuns() : [];
        const { roles } = get().form;
        const known = Object.fromEntries(
          adapters.map(({ sha256 }) => [sha256, roles[sha256] ?? 'adapter'] as const),
        );
        set(({ form }) => ({ adapters, runs: runs.filter(({ keptSteps }) => keptSteps.length > 0), form: { ...form, roles: known } })); // prettier-ignore
      },
      addCheckpoints: async (runId) => {
        const opened = await engine.openRunCheckpoints(runId);
        if (!opened.ok) return set({ failure: { message: opened.message, advice: opened.advice } });
        await get().loadAdapters();
      },
      measure: async (given) => {
        const { loaded } = app().model;
        if (!loaded)
          return {
            ok: false,
            code: 'no-model',
            message: 'No model is loaded',
            advice: 'load one in the Model view',
          };
        if (get().measuring) return { ok: false, code: 'busy', message: 'A measurement is under way', advice: 'wait for it, or stop it first' }; // prettier-ignore
        await get().connect();
        const runId = ++runNumber;
        const { subjects } = given;
        set({
          measuring: { runId, subject: subjects[0]?.name ?? '', index: 0, subjects: subjects.length, stage: 'reading', done: 0, total: 1 }, // prettier-ignore
          failure: null,
          rejected: [],
        });
        const read = await readRows(given.data).catch(goneFailureOf);
        if (!read.ok) {
          set({ measuring: null });
          return read;
        }
        const { rows, hash } = read.value;
        if (given.data.type !== 'set') {
          for (const row of rows) if (isObject(row) && typeof row['id'] === 'string') measuredRows.set(row['id'], row); // prettier-ignore
        }
        const result = await app().model.measure({ runId, rows, subjects, options: given.options ?? {}, dataHash: hash }); // prettier-ignore
        set({ measuring: null });
        if (!result.ok) {
          await client.dropPartial(partialId(runId));
          return result;
        }
        const { document, rejected } = result.value;
        set({ rejected });
        const name = given.name ?? `${loaded.name}, ${document.items.length} items`;
        // Who turned to another document while this one was measured stays there.
        const hasLeft = followed === partialId(runId) && get().documentId !== followed;
        const saved = await client.save(document, name, partialId(runId));
        if (!saved.ok) return saved;
        if (hasLeft) app().ui.notify('success', `Measured: ${name}`);
        else await get().show(saved.value.id);
        return saved;
      },
      start: async () => {
        const { form, adapters } = get();
        const setId = app().compile.currentSetId;
        const from = form.source === 'file' ? form.file && ({ type: 'file', file: form.file, limit: form.limit } as const) : setId !== null ? ({ type: 'set', setId, limit: form.limit } as const) : null; // prettier-ignore
        if (!from) return;
        const chosen = adapters.filter(({ sha256 }) => form.roles[sha256] !== undefined);
        const result = await get().measure({
          data: from,
          subjects: [
            { name: 'base', kind: 'base', adapterSha256: null },
            ...chosen.map(({ name, sha256, step }) => ({
              name,
              kind: form.roles[sha256] ?? ('adapter' as const),
              adapterSha256: sha256,
              ...(step === null ? {} : { step }),
            })),
          ],
          options: { queries: form.queries, sinkTokens: form.sinkTokens },
        });
        if (!result.ok && result.code !== 'cancelled') set({ failure: { message: result.message, advice: result.advice } }); // prettier-ignore
      },
      receiveEngineEvents: (events) => {
        for (const event of events) {
          if (event.type !== 'measure' && event.type !== 'measure-partial') continue;
          if (get().measuring?.runId !== event.runId) continue;
          if (event.type === 'measure') {
            const { runId, subject, index, subjects, stage, done, total } = event;
            set({ measuring: { runId, subject, index, subjects, stage, done, total } });
          } else {
            const id = partialId(event.runId);
            void client.receivePartial(event.document, 'Measuring now', id).then(() => {
              // It comes forward once; later parts only where it is still looked at.
              if (followed === id && get().documentId !== id) return;
              followed = id;
              return get().show(id);
            });
          }
        }
      },
      connect: () => {
        connecting ??= (async () => {
          const receive: Parameters<MechanismClient['listen']>[0] = ({ documents }) => {
            const shown = get().documentId;
            set({ documents });
            const isGone = shown !== null && !documents.some(({ id }) => id === shown);
            const first = documents[0];
            if (isGone) set({ documentId: null, frame: idle, track: idle });
            if (first && (shown === null || isGone)) void get().show(first.id);
          };
          await client.listen(receive, ({ message, advice }) => app().ui.notify('error', message, advice));
          set({ isReady: true, board: await client.board() });
        })().catch((error: unknown) => {
          connecting = null;
          throw error;
        });
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
        // What was chosen stays where the document has it. While one is measured, its subjects come one by one.
        const isKept = has(baseline) && (comparison === null ? without.comparison : has(comparison));
        const defaults = defaultsOf(summary);
        const isNew = documentId !== get().documentId;
        set({
          documentId,
          ...(isKept ? { control: controlBeside([baseline, comparison], defaults.control, has) } : defaults),
          ...(isNew ? { selected: null, layerFilter: null, itemIndex: 0, look: idle, pairs: idle, filmstrip: idle } : {}), // prettier-ignore
        });
        await loadFrame();
      },
      read: (id) => client.read(id),
      deleteDocument: async (id) => client.delete(id),
      exportFile: async (id) => {
        const result = await client.exportFile(id);
        if (result.ok) return result.value;
        app().ui.notify('error', result.message, result.advice ?? undefined);
        return null;
      },
      setBaseline: (baseline) => {
        if (get().comparison === baseline) without.comparison = true;
        change({ baseline, ...(get().comparison === baseline ? { comparison: null } : {}) });
      },
      setComparison: (comparison) => {
        without.comparison = comparison === null;
        change({ comparison, ...(get().control === comparison ? { control: null } : {}) });
      },
      setControl: (control) => {
        without.control = control === null;
        change({ control });
      },
      swap: () => {
        const { baseline, comparison } = get();
        if (comparison !== null) change({ baseline: comparison, comparison: baseline });
      },
      setMetric: (metric) => change({ metric }),
      setOrder: (order) => set({ order }),
      setLayerFilter: (layerFilter) => set({ layerFilter }),
      select: (selected) => {
        // The text shown is of what was picked before, from now until the next look.
        const before = get().selected;
        const isSame =
          selected?.layer === before?.layer &&
          selected?.head === before?.head &&
          selected?.expert === before?.expert;
        set(isSame ? { selected } : { selected, isLooking: true });
        void loadTrack();
      },
      setItem: (itemIndex) => {
        // Another text: nothing of the old one may stay beside the new pieces.
        set({ itemIndex, look: loading });
        void loadTrack();
      },
      openText: (isTextOpen) => set({ isTextOpen }),
      setTextSide: (textSide) => set({ textSide, isLooking: true }),
      lookAtText,
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
