import type { Example } from '../compile/types.ts';
import { messageOf } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { Comparison } from '../evaluate/comparison.ts';
import type { EvaluationResult } from '../evaluate/runEvaluation.ts';
import type { ReplicationResult } from '../evaluate/replication.ts';
import type { AttentionRow, MechanismDocument } from '../mechanism/document.ts';
import type { AgentKind } from '../trajectories/schema.ts';
import type { CompiledSet } from '../workers/dataApi.ts';
import type { AdapterCard, GenerationReport } from '../workers/engineApi.ts';
import type { MechanismFrame } from '../workers/mechanismApi.ts';
import type { StoredRun } from '../workers/trainingApi.ts';
import { openWork } from './projectSlice.ts';
import type { Loadable, SliceCreator } from './slice.ts';
import type { AppState } from './store.ts';

/** The guided walk, from trajectories to what training changed; each step needs those before it. */
export const lectureStepIds = [
  'trajectories',
  'compile',
  'example',
  'ask',
  'train',
  'tuned',
  'evaluate',
  'mechanism',
  'findings',
] as const;
export type LectureStepId = (typeof lectureStepIds)[number];

/** How much each step does; the address may ask for less. */
export interface LectureSizes {
  readonly trajectories: number;
  readonly steps: number;
  readonly items: number;
  readonly measured: number;
  /** Seconds that a finished step stays while the walk plays by itself. */
  readonly dwell: number;
}
const lectureSizes: LectureSizes = { trajectories: 60, steps: 12, items: 16, measured: 2, dwell: 6 };

/** One step taken by a tool, in words. */
interface LectureTurn {
  readonly role: string;
  readonly text: string;
}

interface HeadChange {
  readonly layer: number;
  readonly head: number;
  readonly before: number;
  readonly after: number;
}
interface ExpertChange {
  readonly layer: number;
  readonly expert: number;
  readonly before: number;
  readonly after: number;
}

/** What each step found, as it was computed. */
export interface LectureFindings {
  readonly trajectories: {
    readonly count: number;
    readonly kinds: readonly (readonly [kind: string, count: number])[];
    readonly right: number;
    readonly question: string;
    readonly turns: readonly LectureTurn[];
  };
  readonly compile: {
    readonly set: CompiledSet;
    /** Tokens of each context, with the kind of its agent. */
    readonly lengths: readonly (readonly [kind: AgentKind, tokens: number])[];
  };
  readonly example: { readonly setId: string; readonly example: Example };
  readonly ask: GenerationReport;
  readonly train: { readonly run: StoredRun; readonly losses: readonly number[] };
  readonly tuned: GenerationReport;
  readonly evaluate: {
    readonly comparison: Comparison;
    /** Of the adapter. */
    readonly result: EvaluationResult;
    readonly before: number;
    readonly after: number;
  };
  readonly mechanism: {
    readonly documentId: string;
    readonly items: number;
    readonly heads: readonly HeadChange[];
    readonly experts: readonly ExpertChange[];
    /** Everything measured, as the view of mechanisms draws it. */
    readonly frame: MechanismFrame;
  };
  /** Recorded beforehand: null where none lies beside the page. */
  readonly findings: ReplicationResult | null;
}

type LectureOutcomes = { readonly [K in LectureStepId]: Loadable<LectureFindings[K]> };

export interface LectureSlice {
  /** Position in `lectureStepIds`. */
  readonly step: number;
  readonly isPlaying: boolean;
  readonly showsNotes: boolean;
  readonly sizes: LectureSizes;
  readonly outcomes: LectureOutcomes;
  readonly tookMs: Readonly<Partial<Record<LectureStepId, number>>>;

  /**
   * Starts at the first step and plays to the end by itself, or stays at the step asked for, unless it has begun
   * already.
   */
  readonly begin: (sizes: Partial<LectureSizes>, asked?: LectureStepId) => void;
  /** Goes to a step and computes what it needs. The reader's own going ends the playing. */
  readonly goTo: (step: number) => void;
  readonly setPlaying: (on: boolean) => void;
  readonly setNotes: (on: boolean) => void;
  /** Forgets what was computed and begins again. */
  readonly restart: () => void;
  /** Reads the recorded replication. */
  readonly loadFindings: () => Promise<void>;
}

const untouched = (): LectureOutcomes =>
  Object.fromEntries(lectureStepIds.map((id) => [id, { status: 'idle' }])) as unknown as LectureOutcomes;

const modelAddress = 'models/world-moe-3m/';
const loadOptions = { contextLength: 2048 };
/** Examples longer than this are left out of the few steps of a lecture. */
const longestTrained = 640;
const longestReply = 80;
/** The same world in every lecture, so that speaker notes hold. */
const worldSeed = 1;

/** True for a step that needs neither those before it nor the walk's project. */
const standsAlone = (id: LectureStepId): boolean => id === 'trajectories' || id === 'findings';

/** The first step before `step` that failed: what keeps that step from being computed. */
export function failedBefore(
  step: number,
  outcomes: LectureSlice['outcomes'],
): { readonly id: LectureStepId; readonly message: string } | null {
  for (const id of lectureStepIds.slice(0, step)) {
    const outcome = outcomes[id];
    if (outcome.status === 'failed') return { id, message: outcome.message };
  }
  return null;
}

export const createLectureSlice: SliceCreator<LectureSlice> = ({ set, get, app, data }) => {
  /** Computations run one after the other; a second call waits for the first. */
  let queue: Promise<void> = Promise.resolve();
  /** Raised by `restart`: what an earlier walk still computes is dropped. */
  let walk = 0;
  /** The walk's own project: no step is computed in another one. */
  let projectId: string | null = null;

  const value = <K extends LectureStepId>(id: K): LectureFindings[K] => {
    const outcome = get().outcomes[id];
    if (outcome.status !== 'ready') throw new Error(`The step “${id}” has no result`);
    return outcome.value;
  };

  const makers: { readonly [K in LectureStepId]: () => Promise<LectureFindings[K]> } = {
    trajectories: async () => {
      const { workbench } = window;
      await workbench.ready;
      const work = openWork(app());
      if (work) throw new Error(`${work} of the open project is under way: stop it, or wait for its end`);
      // Not as the first view does it: the walk stays on the screen.
      const opened = await data.createProject('Guided walk');
      if (!opened.ok) throw new Error(opened.message);
      app().receiveOpened(opened.value);
      projectId = opened.value.project.id;
      const count = get().sizes.trajectories;
      const begun = await data.importSources([{ type: 'world', count, seed: worldSeed }]);
      if (!begun.ok) throw new Error(begun.message);
      await until(({ jobs }) => jobs.list.some(({ id }) => id === begun.value.jobId));
      await until(({ jobs }) => !jobs.list.some(({ phase }) => phase === 'running'));
      const { total, rows } = await workbench.listTrajectories({ limit: 1000 });
      if (total === 0) throw new Error('No trajectory was made');
      const kinds = new Map<string, number>();
      for (const { kind } of rows) kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
      const shown = rows.find((row) => row.kind === 'search' && row.success === true) ?? rows[0]!;
      const { task, steps } = await workbench.openTrajectory(shown.id);
      return {
        count: total,
        kinds: [...kinds],
        right: rows.filter((row) => row.success === true).length,
        question: task?.text ?? '',
        turns: steps.flatMap((step): LectureTurn[] => {
          if (step.text.trim() === '' || (step.type === 'message' && step.role !== 'assistant')) return [];
          const role = step.type === 'message' ? 'answer' : step.type;
          return [{ role, text: step.type === 'toolCall' ? `${step.name} ${step.text}` : step.text }];
        }),
      };
    },
    compile: async () => {
      const { workbench } = window;
      const known = app().project.files.find(({ role }) => role === 'tokenizer');
      const read = async (name: string, as = name) =>
        new File([await (await fetch(`${modelAddress}${name}`)).blob()], as);
      // Together, so that prompts are counted under the model's own chat template.
      const files = async () => [
        await read('tokenizer.json', `${modelAddress.split('/').at(-2)}.json`),
        await read('tokenizer_config.json'),
      ];
      const file =
        known ?? (await workbench.importFiles(await files())).find(({ role }) => role === 'tokenizer');
      if (!file) throw new Error('The tokenizer of the bundled model cannot be read');
      // The recipe of the project is then that of the set.
      app().compile.setTokenizer(`file:${file.id}`);
      const set = await workbench.compile({ name: 'Guided walk', tokenizer: `file:${file.id}` });
      const { rows } = await workbench.listExamples(set.id, { limit: 1000 });
      return { set, lengths: rows.map(({ kind, promptTokens }) => [kind, promptTokens] as const) };
    },
    example: async () => {
      const { workbench } = window;
      const setId = value('compile').set.id;
      const { rows } = await workbench.listExamples(setId, { limit: 1000 });
      const fitting = rows
        .filter(({ distractorCount, goldCount }) => distractorCount > 0 && goldCount > 1)
        .sort((a, b) => a.promptTokens - b.promptTokens);
      const chosen = fitting.find(({ kind }) => kind === 'search') ?? fitting[0] ?? rows[0];
      if (!chosen) throw new Error('No example was compiled');
      const example = await workbench.readExample(setId, chosen.id);
      // It is asked before and after the training, which must not see it.
      await workbench.excludeExamples(setId, [chosen.id]);
      return { setId, example };
    },
    ask: async () => {
      await window.workbench.loadModel(modelAddress, loadOptions, null);
      return reply();
    },
    train: async () => {
      const { steps } = get().sizes;
      const { set: compiled } = value('compile');
      await openModel();
      const { train } = app();
      await train.connect();
      await train.choose({ type: 'set', setId: compiled.id, name: compiled.name });
      const run = await train.start(null, {
        steps,
        epochs: null,
        learningRate: 1e-3,
        gradAccumSteps: 2,
        maxLength: longestTrained,
        overLength: 'drop',
        evalShare: 0,
      });
      if (!run) throw new Error(app().train.failure?.message ?? 'The training did not start');
      return { run, losses: (app().train.run?.metrics ?? []).map(({ loss }) => loss) };
    },
    tuned: async () => {
      await loadAdapter();
      return reply();
    },
    evaluate: async () => {
      const { evaluate } = app();
      if (!evaluate.isReady) await evaluate.connect();
      await loadAdapter();
      await evaluate.generate({
        benchmark: 'mrcr',
        count: get().sizes.items,
        tokens: 400,
        seed: 1,
        needles: 2,
        problems: ['parents'],
        depth: 1,
        outDegree: 1,
        frame: 'short',
      });
      // The worker names new rows in an event of their own.
      await until(({ evaluate: { data: rows, form } }) => rows.some(({ id }) => id === form.dataId));
      const { form } = app().evaluate;
      evaluate.setForm({ subject: 'engine', seeds: 1, limit: null, maxNewTokens: longestReply, mode: null });
      const after = await evaluated();
      await window.workbench.loadModel(undefined, loadOptions, null);
      const before = await evaluated();
      // The form is the reader's again.
      evaluate.setForm({ ...form, dataId: app().evaluate.form.dataId });
      await evaluate.show(after.id);
      await evaluate.compareWith(before.id);
      await loadAdapter();
      const { comparison } = app().evaluate;
      const result = app().evaluate.results[after.id];
      if (comparison.status !== 'ready' || !comparison.value || !result) {
        throw new Error('Nothing can be compared');
      }
      return { comparison: comparison.value, result, before: before.mean, after: after.mean };
    },
    mechanism: async () => {
      const { sha256 } = await loadAdapter();
      const { setId, example } = value('example');
      const { rows } = await window.workbench.listExamples(setId, { limit: 1000 });
      const others = rows.filter(
        ({ id, promptTokens }) => id !== example.id && promptTokens < longestTrained,
      );
      const more = others.slice(0, get().sizes.measured - 1);
      const read = more.map(({ id }) => window.workbench.readExample(setId, id));
      const measured = [example, ...(await Promise.all(read))] as unknown as readonly JsonValue[];
      const document = await window.workbench.measure({ rows: measured, adapters: [sha256] });
      const shown = app().mechanism.documents.at(0)?.id ?? '';
      await app().mechanism.show(shown);
      // Against the adapter, whatever was compared before.
      const tuned = document.subjects[1]?.name ?? null;
      if (app().mechanism.comparison !== tuned) app().mechanism.setComparison(tuned);
      await until(
        ({ mechanism: { frame } }) =>
          frame.status === 'failed' ||
          (frame.status === 'ready' && frame.value.document.id === shown && frame.value.comparison === tuned),
      );
      const { frame } = app().mechanism;
      if (frame.status !== 'ready') throw new Error('What was measured cannot be read');
      return { documentId: shown, frame: frame.value, ...changesOf(document) };
    },
    findings: recorded,
  };

  async function until(condition: (state: AppState) => boolean): Promise<void> {
    while (!condition(app())) await new Promise((resolve) => setTimeout(resolve, 50));
  }

  /** Opens the walk's model, where another was opened in its place. */
  async function openModel(): Promise<void> {
    const { card, lasting } = app().model;
    const { href } = new URL(modelAddress, document.baseURI);
    if (card.status !== 'ready' || lasting?.type !== 'url' || lasting.url !== href) {
      await window.workbench.planModel(modelAddress, loadOptions);
    }
  }

  /** Loads the walk's model with the adapter that the walk has trained, unless that is what is loaded. */
  async function loadAdapter(): Promise<AdapterCard> {
    const { run } = value('train');
    await openModel();
    const wanted = run.record.adapter?.sha256;
    const { loaded, adapter } = app().model;
    if (loaded && adapter && adapter.sha256 === wanted && loaded.adapter?.sha256 === wanted) return adapter;
    if (!(await app().train.loadWith(run.id))) {
      throw new Error(app().train.failure?.message ?? 'The adapter cannot be loaded');
    }
    const { adapter: attached } = app().model;
    if (!attached) throw new Error('Internal error: the loaded adapter is not known');
    return attached;
  }

  async function reply(): Promise<GenerationReport> {
    const { example } = value('example');
    const question = example.messages[0]!;
    return window.workbench.generate(
      { kind: 'messages', messages: [{ role: question.role, content: question.content }] },
      { maxNewTokens: longestReply },
    );
  }

  async function evaluated(): Promise<{ readonly id: string; readonly mean: number }> {
    const id = await app().evaluate.start();
    if (id === null) throw new Error(app().evaluate.failure?.message ?? 'The evaluation did not start');
    const runOf = ({ evaluate }: AppState) => evaluate.runs.find((each) => each.id === id);
    await until((state) => (runOf(state)?.phase ?? 'running') !== 'running');
    const run = runOf(app());
    if (run?.phase !== 'done') throw new Error(run?.message ?? 'The evaluation stopped');
    return { id, mean: run.mean ?? 0 };
  }

  const compute = async (id: LectureStepId, begun: number): Promise<void> => {
    const put = (outcome: Loadable<unknown>): void => {
      if (begun === walk) set(({ outcomes }) => ({ outcomes: { ...outcomes, [id]: outcome } }));
    };
    const started = performance.now();
    put({ status: 'loading' });
    try {
      if (!standsAlone(id) && app().project.project?.id !== projectId) {
        throw new Error('Another project is open: open “Guided walk” again, or begin again');
      }
      put({ status: 'ready', value: await makers[id]() });
      if (begun === walk) {
        set(({ tookMs }) => ({ tookMs: { ...tookMs, [id]: performance.now() - started } }));
      }
    } catch (error) {
      put({ status: 'failed', code: 'lecture', message: messageOf(error), advice: null });
    }
  };

  /** Computes the step with all that it needs, then goes on when the walk plays. */
  const reach = (step: number): void => {
    const begun = walk;
    const asked = lectureStepIds[step]!;
    queue = queue.then(async () => {
      for (const id of standsAlone(asked) ? [asked] : lectureStepIds.slice(0, step + 1)) {
        if (begun !== walk) return;
        if (get().outcomes[id].status === 'ready') continue;
        await compute(id, begun);
        if (get().outcomes[id].status === 'failed') {
          if (begun === walk) set({ isPlaying: false });
          return;
        }
      }
      scheduleNext(step);
    });
  };

  const scheduleNext = (step: number): void => {
    if (!get().isPlaying || get().step !== step) return;
    if (step === lectureStepIds.length - 1) {
      set({ isPlaying: false });
      return;
    }
    setTimeout(() => {
      if (!get().isPlaying || get().step !== step) return;
      set({ step: step + 1 });
      reach(step + 1);
    }, 1000 * get().sizes.dwell);
  };

  return {
    step: 0,
    isPlaying: false,
    showsNotes: false,
    sizes: lectureSizes,
    outcomes: untouched(),
    tookMs: {},
    begin: (sizes, asked) => {
      if (get().outcomes.trajectories.status !== 'idle') return;
      const step = asked === undefined ? 0 : lectureStepIds.indexOf(asked);
      set({ step, isPlaying: asked === undefined, sizes: { ...lectureSizes, ...sizes } });
      reach(step);
    },
    goTo: (step) => {
      const at = Math.max(0, Math.min(lectureStepIds.length - 1, step));
      set({ step: at, isPlaying: false });
      reach(at);
    },
    setPlaying: (isPlaying) => {
      set({ isPlaying });
      if (isPlaying) reach(get().step);
    },
    setNotes: (showsNotes) => set({ showsNotes }),
    restart: () => {
      walk++;
      set({ step: 0, outcomes: untouched(), tookMs: {}, isPlaying: true });
      reach(0);
    },
    loadFindings: async () => {
      if (get().outcomes.findings.status === 'idle') await compute('findings', walk);
    },
  };
};

/** The result of `acc replicate` that lies beside the page: `null` in the file until one is recorded. */
async function recorded(): Promise<ReplicationResult | null> {
  const response = await fetch(new URL('replication.json', document.baseURI));
  if (!response.ok) throw new Error(`replication.json: ${response.status}`);
  const value = (await response.json()) as ReplicationResult | null;
  return value?.format === 'acc-replication/1' ? value : null;
}

const shownChanges = 5;

/** Heads whose attention distance and experts whose load moved most, adapter against base. */
function changesOf(document: MechanismDocument): {
  readonly items: number;
  readonly heads: readonly HeadChange[];
  readonly experts: readonly ExpertChange[];
} {
  const [base, tuned] = document.subjects;
  const distanceOf = (row: AttentionRow | undefined): number =>
    row?.sinkExcludedDistance ?? row?.meanDistance ?? 0;
  const most = <T extends { readonly before: number; readonly after: number }>(changes: T[]): T[] =>
    changes
      .sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before))
      .slice(0, shownChanges);
  return {
    items: document.items.length,
    heads: most(
      (base?.attention ?? []).map((row, at) => ({
        layer: row.layer,
        head: row.head,
        before: distanceOf(row),
        after: distanceOf(tuned?.attention[at]),
      })),
    ),
    experts: most(
      (base?.routing ?? []).map((row, at) => ({
        layer: row.layer,
        expert: row.expert,
        before: row.frequency,
        after: tuned?.routing[at]?.frequency ?? 0,
      })),
    ),
  };
}
