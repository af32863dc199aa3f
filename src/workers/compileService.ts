import { resolveCompileOptions } from '../compile/options.ts';
import { prettyJson } from '../compile/serialize.ts';
import type { CompileReport, Rejection, Example } from '../compile/types.ts';
import { InputError } from '../core/errors.ts';
import { ChatTemplate } from '../tokenizer/chatTemplate.ts';
import { ExampleEncoder, type MaskOptions } from '../train/masks.ts';
import { StoredCompiledSet } from './compiledSet.ts';
import { CompilePool } from './compilePool.ts';
import { previewTask, runCompile, setupOf, type RunInputs } from './compileRun.ts';
import type {
  CompiledSet,
  CompilePreview,
  CompileRequest,
  DataApi,
  EditHistory,
  ExampleDetail,
  ExampleFacets,
  ExampleFilter,
  ExampleNumberColumn,
  ExamplePage,
  ExampleQuery,
  ExampleTokens,
  ExportRequest,
  ExportResult,
  Histogram,
  RejectionQuery,
  MaskView,
  RejectionSummary,
  SetQuestions,
  TrainingSet,
} from './dataApi.ts';
import type { EventHub } from './eventHub.ts';
import { measureTokens } from './exampleTokens.ts';
import { maskView } from './maskView.ts';
import { runExport } from './exportRun.ts';
import { count } from './importJob.ts';
import type { JobRunner } from './jobs.ts';
import type { ProjectSession } from './projectSession.ts';
import type { TokenizerShelf } from './tokenizers.ts';

const defaultOrder: ExampleQuery['sort'] = { column: 'row', descending: false };
const everyExample: ExampleFilter = {
  text: '',
  kinds: null,
  flags: null,
  outcomes: null,
  ranges: [],
  excluded: 'show',
};

/** The compiled sets of a project: runs, queries, exclusions, exports. */
export class CompileService {
  readonly #session: ProjectSession;
  readonly #tokenizers: TokenizerShelf;
  readonly #jobs: JobRunner;
  readonly #hub: EventHub;
  readonly #poolSize: number;
  readonly #sets = new Map<string, StoredCompiledSet>();
  readonly #exports = new Map<string, ExportResult>();
  readonly #running = new Set<string>();
  #preview: { readonly pool: CompilePool; key: string } | null = null;
  #revision = 1;

  constructor(
    session: ProjectSession,
    tokenizers: TokenizerShelf,
    jobs: JobRunner,
    hub: EventHub,
    limits: { readonly poolSize: number },
  ) {
    this.#session = session;
    this.#tokenizers = tokenizers;
    this.#jobs = jobs;
    this.#hub = hub;
    this.#poolSize = limits.poolSize;
  }

  async restore(): Promise<void> {
    for (const id of this.#session.setIds) {
      const set = await StoredCompiledSet.restore(this.#session.folder.folder('sets').folder(id));
      if (set) this.#sets.set(id, set);
    }
  }

  async close(): Promise<void> {
    this.#preview?.pool.close();
    this.#preview = null;
  }

  listSets(): readonly CompiledSet[] {
    return [...this.#sets.values()].map((set) => set.info);
  }

  #announceSets(): void {
    this.#hub.emit({ type: 'sets', sets: this.listSets() });
  }

  #announceExamples(setId: string): void {
    this.#hub.emit({ type: 'examples', setId, revision: ++this.#revision });
  }

  #set(setId: string): StoredCompiledSet {
    const set = this.#sets.get(setId);
    if (set) return set;
    throw new InputError('no-set', 'This compiled set is not in the project any more', {
      actual: setId,
      advice: 'Choose another one, or compile again.',
    });
  }

  /** Trajectories or databases changed: sets made before say so. */
  inputsChanged(reason: string): void {
    for (const set of this.#sets.values()) {
      if (set.info.stale !== null || set.info.phase === 'running') continue;
      set.info = { ...set.info, stale: reason };
      void set.save(false);
    }
    this.#announceSets();
  }

  #inputs(pool: CompilePool): RunInputs {
    return { session: this.#session, tokenizers: this.#tokenizers, pool };
  }

  #chosenRows({ selection }: CompileRequest): ReadonlySet<number> {
    const { index, queries } = this.#session;
    const rows = new Set<number>();
    const add = (row: number | null): void => {
      if (row !== null && index.excluded.at(row) !== 1) rows.add(row);
    };
    if (selection.type === 'ids') for (const id of selection.ids) add(index.find(id));
    else if (selection.type === 'filter') {
      for (const row of queries.rows(selection.filter, { column: 'row', descending: false })) add(row);
    } else for (let row = 0; row < index.length; row++) add(row);
    return rows;
  }

  async start(given: CompileRequest): Promise<{ jobId: string; setId: string }> {
    const request = { ...given, options: resolveCompileOptions(given.options) };
    const rows = this.#chosenRows(request);
    if (rows.size === 0) {
      throw new InputError('nothing-to-compile', 'No trajectory is chosen', {
        advice: 'Import trajectories, include excluded ones, or widen the filter.',
      });
    }
    const setId = crypto.randomUUID();
    const set = new StoredCompiledSet(this.#session.folder.folder('sets').folder(setId), {
      id: setId,
      name: request.name ?? `Set ${this.#sets.size + 1}`,
      createdAt: Date.now(),
      phase: 'running',
      request,
      trajectoryCount: rows.size,
      exampleCount: 0,
      rejectionCount: 0,
      excludedCount: 0,
      sizeBytes: 0,
      sha256: null,
      stale: null,
    });
    const ids = [...rows].sort((a, b) => a - b).map((row) => this.#session.index.id.at(row));
    await set.folder.writeText('inputs.json', JSON.stringify(ids));
    await set.save(true);
    this.#sets.set(setId, set);
    this.#session.setIds.push(setId);
    this.#session.changed();
    this.#announceSets();
    return { jobId: this.#run(set, rows), setId };
  }

  async resume(setId: string): Promise<{ jobId: string }> {
    const held = this.#interrupted(setId);
    // A run that could not write its last checkpoint is in memory further than the files it goes on with.
    const set = (await StoredCompiledSet.restore(held.folder)) ?? held;
    const ids = JSON.parse((await set.folder.readText('inputs.json')) ?? '[]') as string[];
    const found = ids.flatMap((id) => this.#session.index.find(id) ?? []);
    if (found.length < ids.length) {
      throw new InputError('inputs-changed', 'Trajectories of this run are not in the project any more', {
        expected: count(ids.length, 'trajectory', 'trajectories'),
        actual: count(found.length, 'trajectory', 'trajectories'),
        advice: 'Start a new run.',
      });
    }
    // A second call may have come this far meanwhile.
    this.#interrupted(setId);
    this.#sets.set(setId, set);
    set.info = { ...set.info, phase: 'running' };
    this.#announceSets();
    return { jobId: this.#run(set, new Set(found)) };
  }

  /** The set, where its run can go on. */
  #interrupted(setId: string): StoredCompiledSet {
    const held = this.#set(setId);
    if (this.#running.has(setId) || held.info.phase === 'complete') {
      throw new InputError('not-interrupted', 'This run is not interrupted', { actual: held.info.phase });
    }
    return held;
  }

  #run(set: StoredCompiledSet, rows: ReadonlySet<number>): string {
    const { id } = set.info;
    this.#running.add(id);
    const label = `Compile ${count(rows.size, 'trajectory', 'trajectories')}`;
    return this.#jobs.start('compile', label, { setId: id, resumable: true }, async (job) => {
      const pool = new CompilePool(Math.min(this.#poolSize, Math.max(1, rows.size)));
      const stop = (): void => pool.close();
      job.signal.addEventListener('abort', stop, { once: true });
      try {
        await runCompile(this.#inputs(pool), set, rows, job, () => {
          set.info = { ...set.info, exampleCount: set.table.length };
          this.#announceExamples(id);
          this.#announceSets();
        });
      } catch (error) {
        if (set.info.phase === 'running') set.info = { ...set.info, phase: 'failed' };
        throw error;
      } finally {
        job.signal.removeEventListener('abort', stop);
        pool.close();
        this.#running.delete(id);
        this.#session.changed();
        this.#announceSets();
        this.#announceExamples(id);
      }
    });
  }

  async preview(
    trajectoryId: string,
    request: Omit<CompileRequest, 'name' | 'selection'>,
  ): Promise<CompilePreview> {
    const row = this.#session.index.find(trajectoryId);
    if (row === null) throw new InputError('no-trajectory', 'This trajectory is not in the project any more');
    const startedMs = performance.now();
    const options = resolveCompileOptions(request.options);
    const kinds = Object.fromEntries(this.#session.kindOverrides);
    const key = JSON.stringify([request, options, kinds]);
    const preview = (this.#preview ??= { pool: new CompilePool(1), key: '' });
    const inputs = this.#inputs(preview.pool);
    let answer: Awaited<ReturnType<CompilePool['preview']>>;
    try {
      if (preview.key !== key) {
        const info = { request: { ...request, options, name: null, selection: { type: 'all' } } } as const;
        const { setup } = await setupOf(inputs, { info: info as unknown as CompiledSet });
        await preview.pool.prepare(setup);
        preview.key = key;
      }
      answer = await preview.pool.preview(await previewTask(inputs, row));
    } catch (error) {
      // Its worker may be gone: the next preview starts another.
      preview.pool.close();
      if (this.#preview === preview) this.#preview = null;
      throw error;
    }
    const outcome = answer?.item.outcome;
    return {
      trajectoryId,
      example: outcome && !('rejection' in outcome) ? (answer?.example ?? null) : null,
      rejection: outcome && 'rejection' in outcome ? outcome.rejection : null,
      elapsedMs: performance.now() - startedMs,
    };
  }

  async deleteSet(setId: string): Promise<null> {
    if (this.#running.has(setId)) {
      throw new InputError('set-running', 'This set is being compiled', { advice: 'Stop the run first.' });
    }
    this.#sets.delete(setId);
    const at = this.#session.setIds.indexOf(setId);
    if (at >= 0) this.#session.setIds.splice(at, 1);
    await this.#session.folder.folder('sets').remove(setId);
    this.#session.changed();
    this.#announceSets();
    return null;
  }

  async rename(setId: string, name: string): Promise<null> {
    const set = this.#set(setId);
    set.info = { ...set.info, name };
    await set.save(false);
    this.#announceSets();
    return null;
  }

  report(setId: string): Promise<CompileReport> {
    return this.#set(setId).report();
  }

  async recipe(setId: string): Promise<string> {
    const text = await this.#set(setId).folder.readText('recipe.json');
    // A run under way has no recipe file yet; its options are known.
    return text ?? prettyJson(this.#set(setId).info.request);
  }

  async card(setId: string): Promise<string> {
    const set = this.#set(setId);
    const text = await set.folder.readText('README.md');
    if (text !== null) return text;
    throw new InputError('no-card', 'This set has no dataset card yet', {
      advice:
        set.info.phase === 'complete'
          ? 'Compile again: it was made before cards were kept.'
          : 'The card is written when the run is complete.',
    });
  }

  async queryExamples({ setId, filter, sort, offset, limit }: ExampleQuery): Promise<ExamplePage> {
    const set = this.#sets.get(setId);
    if (!set) return { revision: 0, total: 0, offset, rows: [] };
    const rows = set.table.rows(filter, sort, set.excluded, set.revision);
    return {
      revision: this.#revision,
      total: rows.length,
      offset,
      rows: Array.from(rows.subarray(offset, offset + limit), (row) => set.table.row(row, set.excluded)),
    };
  }

  async exampleIds({ setId, filter, sort, offset, limit }: ExampleQuery): Promise<readonly string[]> {
    const set = this.#sets.get(setId);
    if (!set) return [];
    const rows = set.table.rows(filter, sort, set.excluded, set.revision).subarray(offset, offset + limit);
    return Array.from(rows, (row) => set.table.id.at(row));
  }

  async facets(setId: string, filter: ExampleFilter): Promise<ExampleFacets> {
    const set = this.#sets.get(setId);
    if (!set) return { revision: 0, total: 0, kinds: [], flags: [], outcomes: [], excluded: 0 };
    return set.table.facets(filter, set.excluded, this.#revision);
  }

  async histogram(
    setId: string,
    filter: ExampleFilter,
    column: ExampleNumberColumn,
    binWidth: number | null,
  ): Promise<Histogram> {
    const set = this.#sets.get(setId);
    if (!set)
      return { edges: [], series: [], scale: 'linear', count: 0, p50: null, p95: null, highest: null };
    const lengths =
      column === 'promptTokens'
        ? (await set.rejections()).flatMap(({ kind, tokens }) =>
            tokens !== undefined && (filter.kinds?.includes(kind) ?? true) ? [{ kind, value: tokens }] : [],
          )
        : [];
    return set.table.histogram(filter, column, binWidth, set.excluded, lengths);
  }

  async positions(setId: string, binCount: number): ReturnType<DataApi['evidencePositions']> {
    return this.#sets.get(setId)?.positions(binCount) ?? [];
  }

  example(
    setId: string,
    id: string,
    query: Pick<ExampleQuery, 'filter' | 'sort'> = { filter: everyExample, sort: defaultOrder },
  ): Promise<ExampleDetail> {
    return this.#set(setId).example(id, query);
  }

  async questions(setId: string): Promise<SetQuestions> {
    return this.#set(setId).questions();
  }

  exampleOf(setId: string, trajectoryId: string): Promise<Example | null> {
    return this.#set(setId).exampleOf(trajectoryId);
  }

  async measure(setId: string, id: string): Promise<ExampleTokens> {
    const set = this.#set(setId);
    const { example } = await set.example(id, { filter: everyExample, sort: defaultOrder });
    const tokenizer = await this.#tokenizers.load(set.info.request.tokenizerId, this.#session);
    return measureTokens(example, tokenizer);
  }

  async rejectionSummary(setId: string): Promise<RejectionSummary> {
    const rejections = (await this.#sets.get(setId)?.rejections()) ?? [];
    const groups = new Map<string, RejectionSummary['groups'][number]>();
    for (const { stage, code, reason } of rejections) {
      const key = `${stage}/${code}`;
      const known = groups.get(key);
      groups.set(
        key,
        known ? { ...known, count: known.count + 1 } : { stage, code, count: 1, sample: reason },
      );
    }
    return {
      total: rejections.length,
      groups: [...groups.values()].sort((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1)),
    };
  }

  async queryRejections(
    query: RejectionQuery,
  ): Promise<{ readonly total: number; readonly rejections: readonly Rejection[] }> {
    const all = (await this.#sets.get(query.setId)?.rejections()) ?? [];
    const matching = all.filter(
      ({ stage, code }) =>
        (query.stage === null || stage === query.stage) && (query.code === null || code === query.code),
    );
    return {
      total: matching.length,
      rejections: matching.slice(query.offset, query.offset + query.limit),
    };
  }

  async #edit(setId: string, change: (set: StoredCompiledSet) => Promise<EditHistory>): Promise<EditHistory> {
    const history = await change(this.#set(setId));
    this.#announceExamples(setId);
    this.#announceSets();
    return history;
  }

  exclude(setId: string, ids: readonly string[], excluded: boolean, label: string): Promise<EditHistory> {
    return this.#edit(setId, (set) => set.exclude(ids, excluded, label));
  }
  undo(setId: string): Promise<EditHistory> {
    return this.#edit(setId, (set) => set.undo());
  }
  redo(setId: string): Promise<EditHistory> {
    return this.#edit(setId, (set) => set.redo());
  }
  editHistory(setId: string): EditHistory {
    return this.#sets.get(setId)?.history() ?? { undo: null, redo: null };
  }

  async trainingSet(setId: string): Promise<TrainingSet> {
    const set = this.#set(setId);
    const file = set.writing ? null : await set.folder.readFile('examples.jsonl');
    if (!file || set.info.phase !== 'complete') {
      throw new InputError('set-incomplete', `The set “${set.info.name}” is not complete`, {
        advice: 'let it finish, or go on with it in Compile',
      });
    }
    return {
      name: set.info.name,
      file,
      sha256: set.info.sha256,
      excluded: [...set.excluded],
      heldOut: [...set.table.heldOut],
    };
  }

  async inspectMask(setId: string, example: Example, options: MaskOptions): Promise<MaskView> {
    const set = this.#set(setId);
    const { tokenizer, template, turnEnds } = await this.#tokenizers.chat(
      set.info.request.tokenizerId,
      this.#session,
    );
    return maskView(example, new ExampleEncoder(tokenizer, new ChatTemplate(template), turnEnds, options));
  }

  async exportSet(request: ExportRequest): Promise<{ jobId: string }> {
    const set = this.#set(request.setId);
    const chat =
      request.format === 'token-ids'
        ? await this.#tokenizers.chat(set.info.request.tokenizerId, this.#session)
        : null;
    const jobId = this.#jobs.start(
      'export',
      `Export of “${set.info.name}”`,
      { setId: request.setId },
      async (job) => {
        this.#exports.set(job.id, await runExport(set, request, chat, job));
      },
    );
    return { jobId };
  }

  async exportResult(jobId: string): Promise<ExportResult> {
    const job = await this.#jobs.ended(jobId);
    const result = this.#exports.get(jobId);
    this.#exports.delete(jobId);
    if (result) return result;
    throw new InputError('export-ended', job?.message ?? 'The export did not finish');
  }
}
