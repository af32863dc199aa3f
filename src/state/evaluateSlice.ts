import type { GenerateOptions } from '../evaluate/generateRows.ts';
import type { EvaluationResult, GradedItem } from '../evaluate/runEvaluation.ts';
import type { Failure } from '../workers/dataApi.ts';
import type {
  BenchmarkData,
  EngineCall,
  ItemView,
  RunComparison,
  RunRequest,
  RunSummary,
} from '../workers/evaluateApi.ts';
import type { EvaluateClient } from '../workers/evaluateClient.ts';
import type { ModelState } from './modelSlice.ts';
import type { AppState } from './store.ts';
import type { Loadable, SliceCreator } from './slice.ts';

/** Who answers, as the form has it. */
type SubjectKind = 'engine' | 'endpoint' | 'responses';

interface EvaluateForm {
  readonly dataId: string | null;
  /** The file of worked examples; taken where the benchmark has such. */
  readonly shotsId: string | null;
  readonly subject: SubjectKind;
  readonly url: string;
  readonly model: string;
  readonly concurrency: number;
  readonly requestsPerMinute: number | null;
  readonly seeds: number;
  readonly mode: string | null;
  readonly limit: number | null;
  readonly maxNewTokens: number;
  readonly temperature: number;
  readonly topP: number;
  readonly varyPresentation: boolean;
}

/** Benchmarks, runs and their comparison. */
export interface EvaluateSlice {
  /** False until the worker has said what there is. */
  readonly isReady: boolean;
  readonly data: readonly BenchmarkData[];
  readonly runs: readonly RunSummary[];
  readonly form: EvaluateForm;
  /** Held for this visit only. */
  readonly key: string;
  readonly responses: File | null;
  readonly busy: 'reading' | 'generating' | null;
  readonly failure: { readonly message: string; readonly advice: string | null } | null;
  readonly results: Readonly<Record<string, EvaluationResult>>;
  readonly items: Readonly<Record<string, readonly GradedItem[]>>;
  /** The run that is shown, and the one it is compared with. */
  readonly shownId: string | null;
  readonly againstId: string | null;
  readonly comparison: Loadable<RunComparison | null>;
  /** The item that is read, of the shown run and of the one compared with. */
  readonly item: { readonly index: number; readonly seed: number } | null;
  readonly itemViews: readonly Loadable<ItemView>[];

  /** Another project is open: its files and runs take the place of those shown. */
  readonly receiveProject: (id: string) => void;
  readonly connect: () => Promise<void>;
  readonly setForm: (changes: Partial<EvaluateForm>) => void;
  readonly setKey: (key: string) => void;
  readonly setResponses: (file: File | null) => void;
  readonly addFiles: (files: readonly File[]) => Promise<void>;
  readonly generate: (options: GenerateOptions) => Promise<void>;
  /** Starts what the form describes; resolves to the run's id, or null after a shown failure. */
  readonly start: () => Promise<string | null>;
  /** Goes on with a stopped run. */
  readonly resume: (runId: string) => Promise<void>;
  readonly cancel: (runId: string) => void;
  readonly deleteRun: (runId: string) => Promise<void>;
  readonly show: (runId: string | null) => Promise<void>;
  readonly compareWith: (runId: string | null) => Promise<void>;
  /** Shows the runs of the subjects that the context bar compares, where both answered the same benchmark. */
  readonly followComparison: () => Promise<void>;
  readonly openItem: (item: { readonly index: number; readonly seed: number } | null) => Promise<void>;
  readonly dismissFailure: () => void;
}

const initialEvaluateForm: EvaluateForm = {
  dataId: null,
  shotsId: null,
  subject: 'engine',
  url: 'http://localhost:8000/v1',
  model: '',
  concurrency: 4,
  requestsPerMinute: null,
  seeds: 1,
  mode: null,
  limit: null,
  maxNewTokens: 1024,
  temperature: 0,
  topP: 1,
  varyPresentation: false,
};

/** What belongs to a project, before anything of it is known. */
const nothingShown = {
  data: [],
  runs: [],
  failure: null,
  results: {},
  items: {},
  shownId: null,
  againstId: null,
  comparison: { status: 'idle' },
  item: null,
  itemViews: [],
} as const;

/** True for runs that can be compared: of the same questions, asked in the same way. */
function isOfSameTask(
  a: Pick<RunRequest, 'dataId' | 'mode'>,
  b: Pick<RunRequest, 'dataId' | 'mode'>,
): boolean {
  return a.dataId === b.dataId && a.mode === b.mode;
}

/** What decides the answers of a loaded model, for runs to go on with the same alone. */
export function identityOfLoaded({ name, adapter, options }: NonNullable<ModelState['loaded']>): string {
  const { weightType, kvType, contextLength } = options;
  return `${name} ${weightType} ${kvType} ${contextLength}${adapter ? ` ${adapter.sha256}` : ''}`;
}

/** Between two looks whether the engine is free. */
const busyPollMs = 100;

/** The loaded model as it answers questions of a run that began with the model of that identity. */
function engineCall(app: () => AppState, identity: string): EngineCall {
  return async (messages, options) => {
    const ask = async () => {
      const { loaded, sampling, generate } = app().model;
      if (!loaded) return { ok: false, message: 'The model was unloaded', code: 'no-model' } as const;
      if (identityOfLoaded(loaded) !== identity) {
        const message = 'Another model is loaded than the one that this run began with';
        return { ok: false, message, code: 'other-model' } as const;
      }
      return generate({
        prompt: { kind: 'messages', messages: messages.map(({ role, content }) => ({ role, content })) },
        maxNewTokens: options.maxNewTokens,
        sampling: { ...sampling, temperature: options.temperature, topP: options.topP, seed: options.seed },
      });
    };
    const isAsking = (): boolean =>
      app().evaluate.runs.some(
        ({ phase, request: { subject } }) =>
          phase === 'running' && subject.type === 'engine' && subject.identity === identity,
      );
    let reply = await ask();
    // Other questions, of the reader or of another run, come in between.
    while (!reply.ok && reply.code === 'busy' && isAsking()) {
      await new Promise((resolve) => setTimeout(resolve, busyPollMs));
      if (!app().model.work) reply = await ask();
    }
    if (!reply.ok) {
      // A question that is too long is that question's failure; anything else would fail for all.
      const isTooLong = /context|long|fit/.test(`${reply.code} ${reply.message}`);
      return { ok: false, message: reply.message, isFatal: !isTooLong };
    }
    const { text, stoppedBy, opensThinking, promptTokens, ids } = reply.value;
    const isCut = stoppedBy !== 'stop-token';
    return { ok: true, text, isCut, opensThinking, promptTokens, completionTokens: ids.length };
  };
}

export const createEvaluateSlice =
  (client: EvaluateClient): SliceCreator<EvaluateSlice> =>
  ({ set, get, app }) => {
    const fail = ({ message, advice }: Pick<Failure, 'message' | 'advice'>): void =>
      set({ failure: { message, advice } });

    const loadResult = async (runId: string): Promise<void> => {
      const [result, items] = [await client.result(runId), await client.items(runId)];
      if (!result) return;
      set((slice) => ({
        results: { ...slice.results, [runId]: result },
        items: { ...slice.items, [runId]: items },
      }));
    };

    const compareShown = async (): Promise<void> => {
      const { shownId, againstId } = get();
      if (!shownId || !againstId || shownId === againstId) {
        set({ comparison: { status: 'idle' } });
        return;
      }
      set({ comparison: { status: 'loading' } });
      const compared = await client.compare(againstId, shownId);
      if (get().shownId !== shownId || get().againstId !== againstId) return;
      if (compared.ok) set({ comparison: { status: 'ready', value: compared.value } });
      else
        set({
          comparison: {
            status: 'failed',
            code: compared.code,
            message: compared.message,
            advice: compared.advice,
          },
        });
    };

    /** The baseline, where it answered the same questions in the same mode; another one would compare nothing. */
    const baselineFor = (request: Pick<RunRequest, 'dataId' | 'mode'> | undefined): string | null => {
      const { runs, againstId } = get();
      const against = runs.find(({ id }) => id === againstId)?.request;
      return against && request && isOfSameTask(against, request) ? againstId : null;
    };

    /** The finished run of a subject on what `like` answered. */
    const runOfSubject = (name: string | null, like: RunSummary): RunSummary | null =>
      get().runs.find(
        ({ subject, phase, request }) =>
          phase === 'done' && subject === name && isOfSameTask(request, like.request),
      ) ?? null;

    const startRequest = async (request: RunRequest, responses: File | null): Promise<string | null> => {
      const { key } = get();
      const { subject } = request;
      const engine = subject.type === 'engine' ? engineCall(app, subject.identity) : null;
      set({ failure: null });
      const started = await client.startRun(request, { key: key === '' ? null : key, responses }, engine);
      if (!started.ok) {
        fail(started);
        return null;
      }
      // A comparison comes with the result: the one at hand is of the run that was shown before.
      set({
        shownId: started.value,
        againstId: baselineFor(request),
        comparison: { status: 'idle' },
        item: null,
        itemViews: [],
      });
      return started.value;
    };

    return {
      isReady: false,
      form: initialEvaluateForm,
      key: '',
      responses: null,
      busy: null,
      ...nothingShown,

      receiveProject: (id) => {
        set(({ form }) => ({ ...nothingShown, form: { ...form, dataId: null, shotsId: null } }));
        void client.openProject(id);
      },
      connect: async () => {
        const receive: Parameters<EvaluateClient['listen']>[0] = ({ runs, data }) => {
          const before = get();
          const wasRunning = new Set(
            before.runs.filter(({ phase }) => phase === 'running').map(({ id }) => id),
          );
          const dataId = before.form.dataId ?? data[0]?.id ?? null;
          set({ isReady: true, runs, data, form: { ...before.form, dataId } });
          for (const { id, phase } of runs) {
            if (phase === 'done' && (wasRunning.has(id) || (id === get().shownId && !get().results[id]))) {
              void loadResult(id).then(compareShown);
            }
          }
        };
        await client.listen(receive, ({ message, advice }) => {
          // A question that the model was at has nobody left to answer to.
          const asks = get().runs.some(({ phase, request }) => phase === 'running' && request.subject.type === 'engine'); // prettier-ignore
          if (asks) app().model.cancel();
          set(({ runs }) => ({
            runs: runs.map((run) => (run.phase === 'running' ? { ...run, phase: 'stopped', message } : run)),
          }));
          app().ui.notify('error', message, advice);
        });
      },
      setForm: (changes) => set(({ form }) => ({ form: { ...form, ...changes } })),
      setKey: (key) => set({ key }),
      setResponses: (responses) => set({ responses }),
      addFiles: async (files) => {
        set({ busy: 'reading', failure: null });
        for (const file of files) {
          const added = await client.addFile(file);
          if (!added.ok) fail(added);
          else set(({ form }) => ({ form: { ...form, dataId: added.value.id, mode: null } }));
        }
        set({ busy: null });
      },
      generate: async (options) => {
        set({ busy: 'generating', failure: null });
        const made = await client.generate(options);
        if (made.ok) set(({ form }) => ({ form: { ...form, dataId: made.value.id, mode: null } }));
        else fail(made);
        set({ busy: null });
      },
      start: async () => {
        const { form, data, responses } = get();
        const chosen = data.find(({ id }) => id === form.dataId);
        if (!chosen) return null;
        const { loaded } = app().model;
        let subject: RunRequest['subject'];
        if (form.subject === 'endpoint') {
          const { url, model, concurrency, requestsPerMinute } = form;
          subject = { type: 'endpoint', url, model, concurrency, requestsPerMinute };
        } else if (form.subject === 'responses') {
          if (!responses) return null;
          const digest = await crypto.subtle.digest('SHA-256', await responses.arrayBuffer());
          const sha256 = Array.from(new Uint8Array(digest), (byte) =>
            byte.toString(16).padStart(2, '0'),
          ).join('');
          subject = { type: 'responses', name: responses.name, sha256 };
        } else {
          if (!loaded) return null;
          const { name, adapter } = loaded;
          subject = {
            type: 'engine',
            name: adapter ? `${name} + ${adapter.name}` : name,
            identity: identityOfLoaded(loaded),
          };
        }
        const { seeds, limit, maxNewTokens, temperature, topP, varyPresentation } = form;
        const mode = form.mode ?? chosen.modes[0] ?? '';
        const takesShots = chosen.benchmark === 'mmlu-pro' && subject.type !== 'responses';
        const { shotsId } = form;
        const shots = takesShots && shotsId !== null && shotsId !== chosen.id ? { shotsId } : {};
        return startRequest(
          {
            dataId: chosen.id,
            ...shots,
            subject,
            seeds,
            mode,
            limit,
            maxNewTokens,
            temperature,
            topP,
            varyPresentation,
          },
          form.subject === 'responses' ? responses : null,
        );
      },
      resume: async (runId) => {
        const run = get().runs.find(({ id }) => id === runId);
        if (run)
          await startRequest(run.request, run.request.subject.type === 'responses' ? get().responses : null);
      },
      cancel: (runId) => {
        const asking = get().runs.filter(
          ({ phase, request }) => phase === 'running' && request.subject.type === 'engine',
        );
        void client.cancel(runId);
        // What the engine answers now may be another run's question.
        if (asking.length === 1 && asking[0]!.id === runId) app().model.cancel();
      },
      deleteRun: async (runId) => {
        await client.deleteRun(runId);
        if (get().shownId === runId) set({ shownId: null, item: null, itemViews: [] });
        if (get().againstId === runId) set({ againstId: null });
        await compareShown();
      },
      show: async (runId) => {
        const shown = get().runs.find(({ id }) => id === runId);
        set({ shownId: runId, againstId: baselineFor(shown?.request), item: null, itemViews: [] });
        if (runId && !get().results[runId]) await loadResult(runId);
        // Another run was chosen meanwhile.
        if (get().shownId !== runId) return;
        const baseline =
          shown && get().againstId === null ? runOfSubject(app().mechanism.baseline, shown) : null;
        if (baseline && baseline.id !== runId) await get().compareWith(baseline.id);
        else await compareShown();
      },
      followComparison: async () => {
        const { baseline, comparison } = app().mechanism;
        const { runs, shownId } = get();
        const named = (name: string | null): RunSummary | undefined =>
          runs.find(({ subject }) => subject === name);
        const like = runs.find(({ id }) => id === shownId) ?? named(comparison) ?? named(baseline);
        if (!like) return;
        const after = runOfSubject(comparison, like);
        const before = runOfSubject(baseline, like);
        if (after && after.id !== shownId) await get().show(after.id);
        if (before && before.id !== get().shownId && before.id !== get().againstId)
          await get().compareWith(before.id);
      },
      compareWith: async (runId) => {
        set({ againstId: runId, item: null, itemViews: [] });
        if (runId && !get().results[runId]) await loadResult(runId);
        await compareShown();
      },
      openItem: async (item) => {
        set({ item, itemViews: item ? [{ status: 'loading' }] : [] });
        if (!item) return;
        const { shownId, againstId } = get();
        const ids = [shownId, againstId].filter((id) => id !== null);
        const views = await Promise.all(
          ids.map(async (id): Promise<Loadable<ItemView>> => {
            const view = await client.item(id, item.index, item.seed);
            if (view.ok) return { status: 'ready', value: view.value };
            return { status: 'failed', code: view.code, message: view.message, advice: view.advice };
          }),
        );
        if (get().item === item) set({ itemViews: views });
      },
      dismissFailure: () => set({ failure: null }),
    };
  };
