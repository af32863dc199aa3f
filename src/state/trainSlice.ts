import type { Example } from '../compile/types.ts';
import type { JsonValue } from '../core/json.ts';
import type { TrainConfig } from '../train/config.ts';
import type { StepMetrics } from '../train/run.ts';
import type { RunRecord } from '../train/runRecord.ts';
import type { Failure, MaskView } from '../workers/dataApi.ts';
import type { EngineEvent, EngineFailure, GenerationReport } from '../workers/engineApi.ts';
import type { EngineClient } from '../workers/engineClient.ts';
import type {
  StepDetails,
  StoredRun,
  TrainingEvent,
  TrainingPhase,
  TrainingPreview,
} from '../workers/trainingApi.ts';
import { everyExample } from './filters.ts';
import type { Loadable, SliceCreator } from './slice.ts';

/** Where the examples come from, as chosen. */
type TrainData =
  | { readonly type: 'set'; readonly setId: string; readonly name: string }
  | { readonly type: 'file'; readonly file: File; readonly name: string };

/** A run as it is drawn: live, or read from storage. */
export interface RunView {
  readonly id: string;
  readonly record: RunRecord | null;
  readonly metrics: readonly StepMetrics[];
  readonly heldOut: readonly { readonly step: number; readonly loss: number }[];
  readonly checkpoints: readonly number[];
  readonly deviceLosses: readonly { readonly step: number; readonly resumedFrom: number }[];
  /** Bytes on the device after each step of this visit. */
  readonly memory: readonly { readonly step: number; readonly bytes: number }[];
  readonly details: StepDetails | null;
}

type TrainWork =
  | { readonly kind: 'previewing'; readonly done: number; readonly total: number }
  | {
      readonly kind: 'training';
      readonly runId: string | null;
      readonly phase: TrainingPhase;
      readonly done: number;
      readonly total: number;
      readonly paused: boolean;
      readonly stopping: boolean;
    };

/** ACC and agent fine-tuning of one trajectory, token by token. */
interface MaskPair {
  readonly exampleId: string;
  /** The control that the example belongs to; null for an ACC pair, a file's example, and while it is read. */
  readonly control: string | null;
  readonly acc: Loadable<MaskView>;
  /** Null value: the trajectory is not in the project. */
  readonly agent: Loadable<MaskView | null>;
}

/** The same question to the model without and with the adapter. */
interface Comparison {
  readonly runId: string;
  readonly exampleId: string;
  readonly question: string;
  readonly gold: string;
  readonly base: Loadable<GenerationReport>;
  readonly tuned: Loadable<GenerationReport>;
}

interface TrainState {
  readonly chosen: TrainData | null;
  /** Null until the engine has said what there is to set. */
  readonly config: TrainConfig | null;
  /** What each key of the config means, in words. */
  readonly meanings: Readonly<Record<string, string>>;
  readonly preview: Loadable<TrainingPreview>;
  readonly work: TrainWork | null;
  readonly failure: { readonly message: string; readonly advice: string | null } | null;
  readonly run: RunView | null;
  readonly runs: readonly StoredRun[];
  readonly mask: MaskPair | null;
  readonly comparison: Comparison | null;
  /** Share of the past in the drawn loss, 0 … 0.99. */
  readonly smoothing: number;
  readonly logLoss: boolean;
}

interface TrainActions {
  /** Another project is open: its runs take the place of those shown. */
  readonly receiveProject: (id: string) => void;
  /** Reads the kept runs; called when the view opens. */
  readonly connect: () => Promise<void>;
  /** Reads the kept runs alone, for lists of runs in other views. */
  readonly loadRuns: () => Promise<void>;
  readonly choose: (data: TrainData | null) => Promise<void>;
  readonly setConfig: (changes: Partial<TrainConfig>) => Promise<void>;
  /** Data and memory under the present config. */
  readonly refresh: () => Promise<void>;
  /**
   * Trains; resolves to the stored run, or null after a shown failure or a stop. `resume`: goes on with that run.
   * `changes`: of this run alone, the form keeps its own.
   */
  readonly start: (resume?: string | null, changes?: Partial<TrainConfig>) => Promise<StoredRun | null>;
  readonly pause: (paused: boolean) => void;
  readonly stop: () => void;
  readonly show: (runId: string | null) => Promise<void>;
  readonly deleteRun: (runId: string) => Promise<void>;
  /** The files of a run; empty after a shown failure. */
  readonly files: (runId: string) => Promise<readonly File[]>;
  /** Loads the opened model with the adapter of a run. */
  readonly loadWith: (runId: string) => Promise<boolean>;
  readonly writeMerged: (runId: string, handle: FileSystemFileHandle) => Promise<void>;
  readonly inspect: (setId: string, exampleId: string) => Promise<void>;
  /** Ids of a set's examples, in order; the first thousands. */
  readonly queryIds: (setId: string) => Promise<readonly string[]>;
  /** The n-th example of a dropped file. */
  readonly inspectEntry: (index: number) => Promise<void>;
  readonly compare: (runId: string, exampleId: string) => Promise<void>;
  readonly receive: (event: TrainingEvent) => void;
  readonly setSmoothing: (factor: number) => void;
  readonly setLogLoss: (on: boolean) => void;
  readonly dismissFailure: () => void;
}

export type TrainSlice = TrainState & TrainActions;

/** Longest reply of a comparison. */
const comparedTokens = 256;
/** Held out by default in the form, so that there is a curve to judge by. */
const formHeldOut = 0.1;
/** Examples of a set that the inspector steps through. */
const listedExamples = 5000;
/** Wait after a change of the form before it is planned. */
const settleMs = 250;

const emptyRun = (id: string): RunView => ({
  id,
  record: null,
  metrics: [],
  heldOut: [],
  checkpoints: [],
  deviceLosses: [],
  memory: [],
  details: null,
});

const initialTrainState: TrainState = {
  chosen: null,
  config: null,
  meanings: {},
  preview: { status: 'idle' },
  work: null,
  failure: null,
  run: null,
  runs: [],
  mask: null,
  comparison: null,
  smoothing: 0.9,
  logLoss: false,
};

/** Steps that the speed of a run is judged by. */
const timedSteps = 20;

/** Time that the steps left of a run will take at the speed of its last ones; null before there is a speed. */
export function remainingMsOf({ record, metrics }: RunView): number | null {
  const recent = metrics.slice(-timedSteps);
  const [first, last] = [recent[0], recent.at(-1)];
  const left = (record?.resolved.totalSteps ?? 0) - (last?.step ?? 0);
  if (!first || !last || left <= 0) return null;
  const stepMs =
    recent.length > 1
      ? (last.elapsedMs - first.elapsedMs) / (last.step - first.step)
      : last.elapsedMs / last.step;
  return stepMs * left;
}

/**
 * True for a run that stopped before its end and has a checkpoint to go on from. A step that gave no finite number
 * would give none again.
 */
export function canGoOn({ checkpointStep, record }: StoredRun): boolean {
  return checkpointStep !== null && /^(?:running|stopped|failed)$/.test(record.end);
}

/** What one event of the engine worker changes. */
function changesOfTraining(state: TrainState, event: TrainingEvent): Partial<TrainState> {
  const { work, run } = state;
  switch (event.type) {
    case 'training-phase': {
      const { phase, done, total } = event;
      if (work?.kind === 'training') return { work: { ...work, phase, done, total } };
      return work?.kind === 'previewing' ? { work: { kind: 'previewing', done, total } } : {};
    }
    case 'training-record': {
      const shown = run?.id === event.runId ? run : emptyRun(event.runId);
      return {
        run: { ...shown, record: event.record },
        ...(work?.kind === 'training' ? { work: { ...work, runId: event.runId } } : {}),
      };
    }
    case 'training-steps': {
      if (!run) return {};
      const first = event.steps[0]?.step ?? 0;
      const last = event.steps.at(-1)?.step ?? 0;
      return {
        run: {
          ...run,
          // After a loss of the device steps are done again.
          metrics: [...run.metrics.filter(({ step }) => step < first), ...event.steps],
          memory: [
            ...run.memory.filter(({ step }) => step < first),
            { step: last, bytes: event.details.allocatedBytes },
          ],
          details: event.details,
        },
      };
    }
    case 'training-held-out':
      return run
        ? {
            run: {
              ...run,
              heldOut: [...run.heldOut.filter(({ step }) => step < event.point.step), event.point],
            },
          }
        : {};
    case 'training-checkpoint':
      return run ? { run: { ...run, checkpoints: [...run.checkpoints, event.step] } } : {};
    case 'training-device-lost':
      return run
        ? {
            run: {
              ...run,
              deviceLosses: [...run.deviceLosses, { step: event.lostAt, resumedFrom: event.resumedFrom }],
            },
          }
        : {};
  }
}

const isTraining = (event: EngineEvent): event is TrainingEvent => event.type.startsWith('training-');

/** The events of a batch that are the trainer's. */
export function trainingEvents(events: readonly EngineEvent[]): TrainingEvent[] {
  return events.filter(isTraining);
}

const failedOf = ({ code, message, advice }: Failure): Loadable<never> => ({
  status: 'failed',
  code,
  // Shown in one piece; the engine's messages end with the advice.
  message: advice === null || message.includes(advice) ? message : `${message}; ${advice}`,
  advice,
});

/** Builds the slice over the engine worker, which trains. */
export function createTrainSlice(engine: EngineClient): SliceCreator<TrainSlice> {
  return ({ set, get, app, data }) => {
    let previews = 0;
    let waiting: ReturnType<typeof setTimeout> | null = null;
    /** The data that the engine worker has. */
    let opened: TrainData | null = null;
    let openedModel: unknown = null;
    /** The preview that the engine worker is at. */
    let reading: Promise<unknown> | null = null;
    /** Whether the runs were asked for: the engine worker is not started before. */
    let connected = false;

    const fail = ({ message, advice }: Pick<Failure, 'message' | 'advice'>): void =>
      set({ failure: { message, advice } });

    const sourceOf = async (chosen: TrainData) => {
      if (chosen.type === 'file') {
        return { ok: true, value: { name: chosen.name, file: chosen.file, excluded: [], heldOut: [], setId: null } } as const; // prettier-ignore
      }
      const read = await data.trainingSet(chosen.setId);
      if (!read.ok) return read;
      const { file, excluded, heldOut } = read.value;
      return {
        ok: true,
        value: { name: chosen.name, file, excluded, heldOut, setId: chosen.setId },
      } as const;
    };

    /** Opens and chooses what a run was started with, where that is still here and something else is in its place. */
    const reopen = async ({ setId, model, record }: StoredRun): Promise<void> => {
      const { card } = app().model;
      const isOpen = card.status === 'ready' && card.value.name === record.model.name;
      if (model && !isOpen) await app().model.open(model);
      const { chosen } = get();
      const kept = app().compile.sets.find(({ id, phase }) => id === setId && phase === 'complete');
      if (kept && !(chosen?.type === 'set' && chosen.setId === kept.id)) {
        set({ chosen: { type: 'set', setId: kept.id, name: kept.name } });
      }
    };

    const describe = async (): Promise<TrainConfig> => {
      const { config: known } = get();
      if (known) return known;
      const { defaults, meanings } = await engine.describeTraining();
      const config = get().config ?? { ...defaults, evalShare: formHeldOut };
      set({ config, meanings });
      return config;
    };

    /** The engine does one thing at a time: a reading that nobody waits for any more makes way. */
    const leaveReading = async (): Promise<void> => {
      if (!reading) return;
      void engine.cancel();
      await reading;
    };

    const readData = async (
      chosen: TrainData | null,
      model: unknown,
      config: TrainConfig,
      number: number,
    ) => {
      if (!chosen || (opened === chosen && openedModel === model)) return engine.previewTraining(config);
      const source = await sourceOf(chosen);
      if (!source.ok || number !== previews) return source.ok ? null : source;
      const result = await engine.openTrainingData(source.value, config);
      if (result.ok) {
        opened = chosen;
        openedModel = model;
      }
      return result;
    };

    const previewNow = async (): Promise<void> => {
      const number = ++previews;
      const config = await describe();
      if (number !== previews || get().work?.kind === 'training') return;
      const { chosen } = get();
      const { card, work: modelWork } = app().model;
      // While the engine is busy with the model nothing is read; the view asks again when it is free.
      if (card.status !== 'ready' || modelWork) {
        set({ work: null, preview: { status: 'idle' } });
        return;
      }
      set({ work: { kind: 'previewing', done: 0, total: 0 }, preview: { status: 'loading' } });
      await leaveReading();
      if (number !== previews) return;
      const read = readData(chosen, card.value, config, number);
      reading = read;
      try {
        const result = await read;
        if (number !== previews || !result) return;
        set({ preview: result.ok ? { status: 'ready', value: result.value } : failedOf(result) });
      } finally {
        reading = null;
        if (number === previews && get().work?.kind === 'previewing') set({ work: null });
      }
    };

    const generateWith = async (
      id: string | null,
      messages: readonly { readonly role: string; readonly content: string }[],
    ): Promise<Loadable<GenerationReport>> => {
      if (id === null) await app().model.closeAdapter();
      else if (!(await attach(id))) return { status: 'failed', code: 'adapter', message: get().failure?.message ?? '', advice: null }; // prettier-ignore
      const loaded = await app().model.load();
      if (!loaded.ok) return failedOf(loaded);
      const prompt = messages.map(({ role, content }): { [key: string]: JsonValue } => ({ role, content }));
      const reply = await app().model.generate({
        prompt: { kind: 'messages', messages: prompt },
        maxNewTokens: comparedTokens,
        sampling: { ...app().model.sampling, temperature: 0, topLogprobs: 0 },
      });
      return reply.ok ? { status: 'ready', value: reply.value } : failedOf(reply);
    };

    /** Ends a run that was stopped before the engine began with it. */
    const leftOff = (): boolean => {
      const { work } = get();
      const isStopped = work?.kind === 'training' && work.stopping;
      if (isStopped) set({ work: null });
      return isStopped;
    };

    const attach = async (runId: string): Promise<boolean> => {
      const result = await app().model.takeAdapter(() => engine.useRunAdapter(runId));
      if (!result.ok) fail(result);
      return result.ok;
    };

    return {
      ...initialTrainState,
      receiveProject: (id) => {
        opened = null;
        // The form stays as it is set; what belongs to a project goes.
        const { chosen, run, runs, preview, mask, comparison, failure } = initialTrainState;
        set({ chosen, run, runs, preview, mask, comparison, failure });
        const isShown = connected;
        void engine.openProject(id).then(() => (isShown ? get().connect() : undefined));
      },
      connect: async () => {
        connected = true;
        set({ runs: await engine.listRuns() });
        if (get().preview.status === 'idle') await previewNow();
      },
      loadRuns: async () => set({ runs: await engine.listRuns() }),
      choose: async (chosen) => {
        set({ chosen, failure: null });
        await previewNow();
      },
      setConfig: async (changes) => {
        const config = await describe();
        set({ config: { ...config, ...changes } });
        if (waiting) clearTimeout(waiting);
        await new Promise<void>((resolve) => {
          waiting = setTimeout(resolve, settleMs);
        });
        await previewNow();
      },
      refresh: previewNow,
      start: async (resume = null, changes = {}) => {
        if (get().work?.kind === 'training' || app().model.work) {
          fail({ message: 'The engine is busy with other work', advice: 'wait for it, or stop it first' });
          return null;
        }
        if (waiting) clearTimeout(waiting);
        const stored = resume === null ? null : (get().runs.find(({ id }) => id === resume) ?? null);
        const used = stored ? stored.record.config : { ...(await describe()), ...changes };
        previews++;
        set({
          failure: null,
          comparison: null,
          work: { kind: 'training', runId: resume, phase: 'reading', done: 0, total: 0, paused: false, stopping: false }, // prettier-ignore
          run: null,
        });
        await leaveReading();
        if (stored) {
          await get().show(stored.id);
          await reopen(stored);
        }
        if (leftOff()) return null;
        const { chosen } = get();
        const { card, lasting } = app().model;
        if (card.status !== 'ready' || !chosen) {
          set({ work: null });
          fail({
            message: card.status === 'ready' ? 'No training data are chosen' : 'No model is open',
            advice: 'choose compiled examples and open a checkpoint first',
          });
          return null;
        }
        if (opened !== chosen || openedModel !== card.value) {
          const source = await sourceOf(chosen);
          const result = source.ok ? await engine.openTrainingData(source.value, used) : source;
          if (!result.ok) {
            set({ work: null });
            if (result.code !== 'cancelled') fail(result);
            return null;
          }
          opened = chosen;
          openedModel = card.value;
        }
        if (leftOff()) return null;
        app().model.forgetLoaded();
        const result = await engine.startTraining({ config: used, resume, model: lasting });
        set({ work: null, runs: await engine.listRuns() });
        // The run takes a lost device in its own hands.
        app().model.dismissLoss();
        if (!result.ok) {
          if (result.code !== 'cancelled') fail(result);
          return null;
        }
        const { id, record } = result.value;
        set(({ run }) => (run?.id === id ? { run: { ...run, record, heldOut: record.heldOut } } : {}));
        // The form may show other examples than these, or none that were read.
        if (get().preview.status !== 'ready') void previewNow();
        app().ui.notify(
          record.end === 'not-finite' ? 'error' : 'success',
          `Training ${record.message ?? 'ended'}`,
        );
        return result.value;
      },
      pause: (paused) => {
        void engine.pauseTraining(paused);
        set(({ work }) => (work?.kind === 'training' ? { work: { ...work, paused } } : {}));
      },
      stop: () => {
        void engine.stopTraining();
        set(({ work }) => (work?.kind === 'training' ? { work: { ...work, stopping: true } } : {}));
      },
      show: async (runId) => {
        const stored = get().runs.find(({ id }) => id === runId);
        if (!stored) {
          set({ run: null });
          return;
        }
        const { record, checkpointStep } = stored;
        const metrics = await engine.readRunMetrics(stored.id);
        set({
          comparison: null,
          run: {
            ...emptyRun(stored.id),
            record,
            metrics,
            heldOut: record.heldOut,
            checkpoints: checkpointStep === null ? [] : [checkpointStep],
            deviceLosses: record.deviceLosses,
          },
        });
      },
      deleteRun: async (runId) => {
        await engine.deleteRun(runId);
        set(({ run }) => ({ run: run?.id === runId ? null : run }));
        set({ runs: await engine.listRuns() });
      },
      files: async (runId) => {
        const result = await engine.runFiles(runId);
        if (result.ok) return result.value;
        fail(result);
        return [];
      },
      loadWith: async (runId) => {
        if (!(await attach(runId))) return false;
        const loaded = await app().model.load();
        if (!loaded.ok) fail(loaded);
        return loaded.ok;
      },
      writeMerged: async (runId, handle) => {
        const result = await engine.writeMerged(runId, handle);
        if (result.ok) app().ui.notify('success', `Merged weights are in ${handle.name}`);
        else fail(result);
      },
      inspect: async (setId, exampleId) => {
        set({ mask: { exampleId, control: null, acc: { status: 'loading' }, agent: { status: 'loading' } } });
        const isShown = (): boolean => get().mask?.exampleId === exampleId;
        const options = { superviseNewline: get().config?.superviseNewline ?? false };
        const hasModel = app().model.card.status === 'ready';
        const viewOf = async (example: Example): Promise<Loadable<MaskView>> => {
          const result: { readonly ok: true; readonly value: MaskView } | Failure | EngineFailure = hasModel
            ? await engine.inspectTraining(example, options)
            : await data.inspectMask(setId, example, options);
          return result.ok ? { status: 'ready', value: result.value } : failedOf(result);
        };
        const change = (changes: Partial<MaskPair>): void =>
          set(({ mask }) => (mask && isShown() ? { mask: { ...mask, ...changes } } : {}));
        const read = await data.readExample(setId, exampleId);
        const control = read.ok ? (read.value.example.control ?? null) : null;
        change({ control, acc: read.ok ? await viewOf(read.value.example) : failedOf(read) });
        if (control === 'agent-sft') return;
        const turns = await data.agentTurns(setId, exampleId);
        if (!turns.ok) change({ agent: failedOf(turns) });
        else change({ agent: turns.value ? await viewOf(turns.value) : { status: 'ready', value: null } });
      },
      queryIds: async (setId) => {
        const filter = { ...everyExample, excluded: 'hide' as const };
        const sort = { column: 'row', descending: false } as const;
        const { rows } = await data.queryExamples({ setId, filter, sort, offset: 0, limit: listedExamples });
        return rows.map(({ id }) => id);
      },
      inspectEntry: async (index) => {
        const result = await engine.inspectEntry(index);
        const agent = { status: 'ready', value: null } as const;
        set({
          mask: result.ok
            ? {
                exampleId: result.value.view.id,
                control: null,
                acc: { status: 'ready', value: result.value.view },
                agent,
              }
            : { exampleId: '', control: null, acc: failedOf(result), agent },
        });
      },
      compare: async (runId, exampleId) => {
        const read = await engine.readTrainingExample(exampleId);
        if (!read.ok) {
          fail(read);
          return;
        }
        const { messages } = read.value;
        const last = messages.findLastIndex(({ role }) => role === 'assistant');
        const asked = messages.slice(0, Math.max(0, last));
        const question = asked.at(-1)?.content ?? '';
        set({
          failure: null,
          comparison: {
            runId,
            exampleId,
            question: question.slice(-2000),
            gold: messages[last]?.content ?? '',
            base: { status: 'loading' },
            tuned: { status: 'idle' },
          },
        });
        const change = (changes: Partial<Comparison>): void =>
          set(({ comparison }) => (comparison ? { comparison: { ...comparison, ...changes } } : {}));
        const base = await generateWith(null, asked);
        change({ base, tuned: { status: 'loading' } });
        change({ tuned: await generateWith(runId, asked) });
      },
      receive: (event) => set((slice) => changesOfTraining(slice, event)),
      setSmoothing: (smoothing) => set({ smoothing }),
      setLogLoss: (logLoss) => set({ logLoss }),
      dismissFailure: () => set({ failure: null }),
    };
  };
}
