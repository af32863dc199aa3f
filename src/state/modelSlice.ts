import type { SamplingOptions } from '../gpu/kernels/sampling.ts';
import type { LoadOptions } from '../model/planner.ts';
import type { Prompt } from '../model/prompt.ts';
import type {
  AdapterCard,
  AdapterSource,
  EngineFailure,
  EngineResult,
  EvidenceCheck,
  EvidenceCheckRequest,
  GenerateRequest,
  GenerationReport,
  GpuProbe,
  LoadedModel,
  LookReport,
  LookRequest,
  MeasureReport,
  MeasureRequest,
  ModelCard,
  ModelList,
  ModelSource,
  PlanReport,
  ReplyToken,
  Runtime,
  RuntimeCheck,
} from '../workers/engineApi.ts';
import type { EngineClient } from '../workers/engineClient.ts';
import type { WorkerFailure } from '../workers/workerLink.ts';
import type { LastingModel } from '../workers/trainingApi.ts';
import { receiveEngineEvents } from './modelEvents.ts';
import type { Loadable, SliceCreator } from './slice.ts';
import { trainingEvents } from './trainSlice.ts';

/** Long work of the engine; one at a time. */
type ModelWork =
  | { readonly kind: 'opening' }
  | {
      readonly kind: 'loading';
      readonly stage: 'tuning' | 'kernels' | 'weights';
      readonly done: number;
      readonly total: number;
    }
  | { readonly kind: 'keeping'; readonly done: number; readonly total: number }
  | { readonly kind: 'generating'; readonly done: number; readonly total: number }
  | { readonly kind: 'embedding'; readonly done: number; readonly total: number }
  | { readonly kind: 'checking'; readonly done: number; readonly total: number }
  | { readonly kind: 'scoring'; readonly done: number; readonly total: number }
  | { readonly kind: 'measuring'; readonly done: number; readonly total: number };

/** One exchange: what was asked, and the reply as it comes. */
export interface ModelTurn {
  readonly id: number;
  /** What the reader wrote, for display; null for an example, which names itself. */
  readonly asked: string;
  readonly prompt: Prompt;
  /** The compiled example that was asked, with its expected answer. */
  readonly example: { readonly id: string; readonly gold: string } | null;
  readonly tokens: readonly ReplyToken[];
  readonly report: GenerationReport | null;
  readonly failure: EngineFailure | null;
}

/** The device went away; `recovered` once all was rebuilt. */
interface DeviceLoss {
  readonly reason: string;
  readonly recovered: { readonly replayedTokens: number; readonly tookMs: number } | null;
}

export interface ModelState {
  /** Null until asked. */
  readonly probe: GpuProbe | null;
  readonly gflops: number | null;
  /** What the next load runs on. */
  readonly runtime: Runtime;
  /** The loaded model beside onnxruntime. */
  readonly check: Loadable<RuntimeCheck>;
  /** What the loaded model made of examples with and without their evidence, by whatever names them. */
  readonly evidenceChecks: Readonly<Record<string, Loadable<EvidenceCheck>>>;
  readonly list: ModelList | null;
  readonly card: Loadable<ModelCard>;
  /** Where the opened checkpoint can be opened from again after a reload; null for a dropped folder. */
  readonly lasting: LastingModel | null;
  /** The adapter that loading merges; null without one. */
  readonly adapter: AdapterCard | null;
  readonly adapterFailure: EngineFailure | null;
  readonly options: LoadOptions;
  readonly plan: PlanReport | null;
  readonly planFailure: EngineFailure | null;
  readonly work: ModelWork | null;
  readonly loaded: (LoadedModel & { readonly name: string }) | null;
  /** The weights went with the engine's worker: what needs them next loads them again, as they were. */
  readonly isGone: boolean;
  readonly loadFailure: EngineFailure | null;
  readonly loss: DeviceLoss | null;
  readonly sampling: SamplingOptions;
  readonly maxNewTokens: number;
  readonly ignoreStops: boolean;
  readonly turns: readonly ModelTurn[];
}

interface ModelActions {
  /** Asks for the device and the list of models; called when the view opens. */
  readonly connect: () => Promise<void>;
  readonly open: (source: ModelSource) => Promise<EngineResult<ModelCard>>;
  /** Chooses what models run on, and remembers it. */
  readonly setRuntime: (runtime: Runtime) => Promise<void>;
  /** Runs a prompt through the loaded model and through onnxruntime. */
  readonly checkRuntimes: (prompt: Prompt, maxNewTokens: number) => Promise<EngineResult<RuntimeCheck>>;
  /** Reads an adapter for the opened checkpoint; `load` applies it. */
  readonly openAdapter: (source: AdapterSource) => Promise<EngineResult<AdapterCard>>;
  /** Takes an adapter from elsewhere in the engine (a training run). */
  readonly takeAdapter: (
    take: () => Promise<EngineResult<AdapterCard>>,
  ) => Promise<EngineResult<AdapterCard>>;
  /** Training takes the device: nothing is loaded any more. */
  readonly forgetLoaded: () => void;
  /** The next load is without an adapter. */
  readonly closeAdapter: () => Promise<void>;
  readonly setOptions: (changes: Partial<LoadOptions>) => Promise<void>;
  readonly load: () => Promise<EngineResult<LoadedModel>>;
  readonly unload: () => Promise<void>;
  /** Stops loading, keeping or generating. */
  readonly cancel: () => void;
  readonly keep: () => Promise<void>;
  readonly deleteStored: (id: string) => Promise<void>;
  readonly setSampling: (changes: Partial<SamplingOptions>) => void;
  readonly setMaxNewTokens: (count: number) => void;
  readonly setIgnoreStops: (on: boolean) => void;
  /** Asks the model and shows the reply as it comes. */
  readonly ask: (asked: string, prompt: Prompt, example?: ModelTurn['example']) => Promise<void>;
  /** Generates without showing it, for scripts. */
  readonly generate: (request: GenerateRequest) => Promise<EngineResult<GenerationReport>>;
  /** Measures inside the model; one long work at a time, as everything here. */
  readonly measure: (request: MeasureRequest) => Promise<EngineResult<MeasureReport>>;
  /** One vector per text by the loaded model. */
  readonly embed: EngineClient['embed'];
  readonly look: (request: LookRequest) => Promise<EngineResult<LookReport>>;
  /** Scores an example with and without its evidence, and keeps what came of it under `key`. */
  readonly checkEvidence: (
    key: string,
    request: EvidenceCheckRequest,
  ) => Promise<EngineResult<EvidenceCheck>>;
  readonly countTokens: (prompt: Prompt) => Promise<number | null>;
  readonly clearTurns: () => void;
  readonly dismissLoss: () => void;
}

export type ModelSlice = ModelState & ModelActions;

/** Top probabilities that every reply brings for its hover. */
const shownAlternatives = 8;

export const initialModelState: ModelState = {
  probe: null,
  gflops: null,
  runtime: 'webgpu',
  check: { status: 'idle' },
  evidenceChecks: {},
  list: null,
  card: { status: 'idle' },
  lasting: null,
  adapter: null,
  adapterFailure: null,
  options: { weightType: 'f16', kvType: 'f16', contextLength: 4096, chunkTokens: 512 },
  plan: null,
  planFailure: null,
  work: null,
  loaded: null,
  isGone: false,
  loadFailure: null,
  loss: null,
  sampling: {
    temperature: 0,
    topK: 0,
    topP: 1,
    minP: 0,
    repetitionPenalty: 1,
    seed: 0,
    topLogprobs: shownAlternatives,
  },
  maxNewTokens: 256,
  ignoreStops: false,
  turns: [],
};

const busy: EngineFailure = {
  ok: false,
  code: 'busy',
  message: 'The engine is busy with other work',
  advice: 'wait for it, or stop it first',
  plan: null,
  suggestion: null,
};

/** Builds the slice over the engine worker. */
export function createModelSlice(engine: EngineClient): SliceCreator<ModelSlice> {
  return ({ set, get, app }) => {
    engine.listen((events) => {
      receiveEngineEvents(events, set);
      for (const event of events) if (event.type === 'worker-gone') receiveGone(event.failure);
      app().mechanism.receiveEngineEvents(events);
      for (const event of trainingEvents(events)) app().train.receive(event);
    });

    let connecting: Promise<void> | null = null;
    let planNumber = 0;
    let turnNumber = 0;

    const replan = async (): Promise<void> => {
      const number = ++planNumber;
      if (get().card.status !== 'ready') return;
      const result = await engine.plan(get().options);
      if (number !== planNumber) return;
      set(result.ok ? { plan: result.value, planFailure: null } : { plan: null, planFailure: result });
    };

    /** The next load would give what was loaded, but where another checkpoint or adapter was opened since. */
    const receiveGone = ({ message, advice }: WorkerFailure): void => {
      const { loaded, card, adapter } = get();
      const isSame =
        loaded !== null &&
        card.status === 'ready' &&
        card.value.name === loaded.name &&
        adapter?.sha256 === loaded.adapter?.sha256;
      set(isSame ? { isGone: true, loss: null } : { isGone: false, loaded: null, loss: null });
      app().ui.notify('error', message, advice);
    };

    /** Loads again what went with the engine's worker; null where nothing did, or once it is back. */
    const loadAgain = async (): Promise<EngineFailure | null> => {
      const { loaded, isGone } = get();
      if (!loaded || !isGone) return null;
      set({ work: { kind: 'loading', stage: 'kernels', done: 0, total: 0 } });
      const result = await engine.load(loaded.options);
      if (result.ok) set({ loaded: { ...result.value, name: loaded.name }, isGone: false, work: null });
      else set({ loaded: null, isGone: false, work: null, ...(result.code === 'cancelled' ? {} : { loadFailure: result }) }); // prettier-ignore
      return result.ok ? null : result;
    };

    /** Work with what is loaded; one at a time. */
    const withLoaded = async <T>(
      work: ModelWork,
      ask: () => Promise<EngineResult<T>>,
    ): Promise<EngineResult<T>> => {
      if (get().work) return busy;
      const failure = await loadAgain();
      if (failure) return failure;
      set({ work });
      const result = await ask();
      set({ work: null });
      return result;
    };

    const changeTurn = (id: number, changes: Partial<ModelTurn>): void =>
      set(({ turns }) => ({ turns: turns.map((turn) => (turn.id === id ? { ...turn, ...changes } : turn)) }));

    return {
      ...initialModelState,
      connect: () => {
        connecting ??= (async () => {
          const probe = await engine.probe();
          const runtime = probe.tier === 0 ? 'wasm' : app().ui.runtime;
          await engine.setRuntime(runtime);
          set({ probe, runtime, list: await engine.listModels() });
          if (probe.tier !== 1) return;
          const speed = await engine.measureSpeed();
          if (speed) set({ gflops: speed.gflops });
        })().catch((error: unknown) => {
          connecting = null;
          throw error;
        });
        return connecting;
      },
      open: async (source) => {
        if (get().work) return busy;
        set({
          card: { status: 'loading' },
          adapter: null,
          adapterFailure: null,
          work: { kind: 'opening' },
          plan: null,
          planFailure: null,
        });
        const result = await engine.openModel(source);
        set({ work: null, loadFailure: null });
        if (!result.ok) {
          const { code, message, advice } = result;
          set({ card: { status: 'failed', code, message, advice } });
          return result;
        }
        const card = result.value;
        set(({ options, sampling }) => ({
          card: { status: 'ready', value: card },
          lasting:
            source.type === 'url'
              ? { type: 'url', url: source.url }
              : source.type === 'stored'
                ? source
                : null,
          options: { ...options, contextLength: Math.min(options.contextLength, card.contextLength) },
          sampling: { ...sampling, ...card.recommended },
        }));
        await get().connect();
        await replan();
        return result;
      },
      setRuntime: async (runtime) => {
        app().ui.setRuntime(runtime);
        await engine.setRuntime(runtime);
        set({ runtime });
        await replan();
      },
      checkRuntimes: async (prompt, maxNewTokens) => {
        if (get().work) return busy;
        set({ check: { status: 'loading' } });
        const result = await withLoaded({ kind: 'checking', done: 0, total: 0 }, () =>
          engine.checkRuntimes({ prompt, maxNewTokens }),
        );
        if (result.ok) set({ check: { status: 'ready', value: result.value } });
        else if (result.code === 'cancelled') set({ check: { status: 'idle' } });
        else {
          const { code, message, advice } = result;
          set({ check: { status: 'failed', code, message, advice } });
        }
        return result;
      },
      openAdapter: (source) => get().takeAdapter(() => engine.openAdapter(source)),
      forgetLoaded: () => set({ loaded: null, isGone: false, turns: [], loss: null, evidenceChecks: {} }),
      takeAdapter: async (take) => {
        if (get().work) return busy;
        set({ work: { kind: 'opening' }, adapterFailure: null });
        const result = await take();
        set({ work: null });
        set(result.ok ? { adapter: result.value } : { adapterFailure: result });
        return result;
      },
      closeAdapter: async () => {
        await engine.closeAdapter();
        set({ adapter: null, adapterFailure: null });
      },
      setOptions: async (changes) => {
        set(({ options }) => ({ options: { ...options, ...changes } }));
        await replan();
      },
      load: async () => {
        const { card, options, work } = get();
        if (work) return busy;
        set({
          work: { kind: 'loading', stage: 'kernels', done: 0, total: 0 },
          loadFailure: null,
          loaded: null,
          isGone: false,
          loss: null,
        });
        const result = await engine.load(options);
        set({ work: null });
        if (result.ok) {
          const name = card.status === 'ready' ? card.value.name : '';
          set({
            loaded: { ...result.value, name },
            turns: [],
            check: { status: 'idle' },
            evidenceChecks: {},
          });
        } else if (result.code !== 'cancelled') set({ loadFailure: result });
        return result;
      },
      unload: async () => {
        await engine.unload();
        set({
          loaded: null,
          isGone: false,
          turns: [],
          loss: null,
          check: { status: 'idle' },
          evidenceChecks: {},
        });
      },
      cancel: () => void engine.cancel(),
      keep: async () => {
        if (get().work) return;
        // Only the page may ask that the copy is not cleared away.
        void navigator.storage?.persist?.().catch(() => undefined);
        set({ work: { kind: 'keeping', done: 0, total: 0 } });
        const result = await engine.keepModel();
        set({ work: null, list: await engine.listModels() });
        if (result.ok) app().ui.notify('success', `${result.value.name} is kept on this computer`);
        else if (result.code === 'cancelled') {
          app().ui.notify('info', 'Keeping was stopped', 'Keep the model again to go on from there.');
        } else app().ui.notify('error', result.message, result.advice ?? undefined);
      },
      deleteStored: async (id) => {
        const result = await engine.deleteStored(id);
        if (!result.ok) app().ui.notify('error', result.message, result.advice ?? undefined);
        set({ list: await engine.listModels() });
      },
      setSampling: (changes) => set(({ sampling }) => ({ sampling: { ...sampling, ...changes } })),
      setMaxNewTokens: (maxNewTokens) => set({ maxNewTokens }),
      setIgnoreStops: (ignoreStops) => set({ ignoreStops }),
      ask: async (asked, prompt, example = null) => {
        const { work, sampling, maxNewTokens, ignoreStops } = get();
        if (work) return;
        const id = ++turnNumber;
        const turn: ModelTurn = { id, asked, prompt, example, tokens: [], report: null, failure: null };
        set(({ turns }) => ({ turns: [...turns, turn] }));
        const result = await withLoaded({ kind: 'generating', done: 0, total: 0 }, () =>
          engine.generate({ prompt, sampling, maxNewTokens, ignoreStops, replyId: id }),
        );
        changeTurn(id, result.ok ? { report: result.value } : { failure: result });
      },
      generate: (request) =>
        withLoaded({ kind: 'generating', done: 0, total: 0 }, () => engine.generate(request)),
      measure: (request) =>
        withLoaded({ kind: 'measuring', done: 0, total: 0 }, () => engine.measure(request)),
      embed: (texts) =>
        withLoaded({ kind: 'embedding', done: 0, total: texts.length }, () => engine.embed(texts)),
      look: (request) => withLoaded({ kind: 'measuring', done: 0, total: 0 }, () => engine.look(request)),
      checkEvidence: async (key, request) => {
        if (get().work) return busy;
        const before = get().evidenceChecks[key] ?? { status: 'idle' };
        const keep = (check: Loadable<EvidenceCheck>): void =>
          set(({ evidenceChecks }) => ({ evidenceChecks: { ...evidenceChecks, [key]: check } }));
        keep({ status: 'loading' });
        const result = await withLoaded({ kind: 'scoring', done: 0, total: 1 }, () =>
          engine.checkEvidence(request),
        );
        // The model was unloaded meanwhile: what it made of the example went with it.
        if (get().evidenceChecks[key]?.status !== 'loading') return result;
        if (result.ok) keep({ status: 'ready', value: result.value });
        else if (result.code === 'cancelled') keep(before);
        else keep({ status: 'failed', code: result.code, message: result.message, advice: result.advice });
        return result;
      },
      countTokens: async (prompt) => {
        const result = await engine.countTokens(prompt);
        return result.ok ? result.value : null;
      },
      clearTurns: () => set({ turns: [] }),
      dismissLoss: () => set({ loss: null }),
    };
  };
}
