import type { Example } from '../compile/types.ts';
import type { ByteSource } from '../core/byteSource.ts';
import { InputError, WorkbenchError } from '../core/errors.ts';
import { isObject, type JsonValue } from '../core/json.ts';
import { benchKernels } from '../gpu/bench.ts';
import { countersSince } from '../gpu/counters.ts';
import { requestEngineDevice, type EngineDevice } from '../gpu/device.ts';
import { GpuUnavailableError } from '../gpu/errors.ts';
import { openAdapter, type Adapter } from '../model/adapter.ts';
import { openCheckpoint, type Checkpoint, type CheckpointFiles } from '../model/checkpoint.ts';
import { ModelHost, type HostFailure } from '../model/host.ts';
import { adviseOrt, OrtHost, ortMeasureLimit } from '../model/ort/host.ts';
import type { LoadOptions, MemoryPlan } from '../model/planner.ts';
import { encodePrompt, type Prompt } from '../model/prompt.ts';
import type { ModelSession } from '../model/session.ts';
import { openModelStore, type ModelStore, type StoredModel } from '../storage/models.ts';
import { loadTokenizer } from '../tokenizer/loadTokenizer.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import {
  adapterOfFiles,
  checkpointOfFiles,
  checkpointOfHandle,
  checkpointOfStored,
} from './checkpointFiles.ts';
import { askByRelay, askHere, UrlCheckpoint } from './checkpointFilesUrl.ts';
import type {
  AdapterCard,
  AdapterSource,
  BundledModel,
  EngineApi,
  EngineEvent,
  EngineFailure,
  EngineMemory,
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
  Runtime,
  RuntimeCheck,
} from './engineApi.ts';
import { checkRuntimes } from './engineCheck.ts';
import { checkEvidence, readForCheck } from './engineEvidence.ts';
import { adapterCard, modelCard, modelFiles } from './engineCard.ts';
import { embedDocuments, hiddenFromEngine, hiddenFromOrt } from './engineEmbed.ts';
import { EngineEvents } from './engineEvents.ts';
import { runGeneration } from './engineGeneration.ts';
import { look, readLook } from './engineLook.ts';
import { measuringOnEngine, measuringOnOrt, runMeasurement, type MeasuredSubject } from './engineMeasure.ts';
import { probeOf, probeWithoutGpu } from './engineProbe.ts';
import { EngineTraining } from './engineTraining.ts';
import { KernelTuning } from './engineTuning.ts';
import { openOrtWorker, ortThreads } from './ortClient.ts';
import type { MaskView } from './dataApi.ts';
import { defaultTrainConfig, trainConfigKeys, type TrainConfig } from '../train/config.ts';
import type { MaskOptions } from '../train/masks.ts';
import type { StepMetrics } from '../train/run.ts';
import type { StartTraining, StoredRun, TrainingPreview, TrainingSource } from './trainingApi.ts';

/** Tokens of a text that are embedded. */
const embeddedTokens = 256;

interface Opened {
  readonly files: CheckpointFiles;
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer | null;
  readonly origin: string;
  readonly card: ModelCard;
}

interface OpenedAdapter {
  readonly adapter: Adapter;
  readonly card: AdapterCard;
}

/** An expected failure as a value. Bugs are thrown on. */
function failureOf(error: unknown): EngineFailure {
  if (!(error instanceof WorkbenchError)) throw error;
  const { code, message, detail } = error;
  return { ok: false, code, message, advice: detail.advice ?? null, plan: null, suggestion: null };
}

function hostFailure({ error, plan, advice }: HostFailure): EngineFailure {
  return { ...failureOf(error), plan, suggestion: advice?.options ?? null };
}

/** What was thrown as expected becomes a value. */
async function settled<T>(work: () => Promise<EngineResult<T>>): Promise<EngineResult<T>> {
  try {
    return await work();
  } catch (error) {
    return failureOf(error);
  }
}

const attempt = <T>(work: () => Promise<T>): Promise<EngineResult<T>> =>
  settled(async () => ({ ok: true, value: await work() }));

/** What a load was asked for. */
interface LastLoad {
  readonly runtime: Runtime;
  readonly options: LoadOptions;
  readonly adapter: OpenedAdapter | null;
}

function noAdapter(name: string, sha256: string | null): InputError {
  return new InputError('no-adapter', `The adapter of ${name} is not open`, {
    ...(sha256 === null ? {} : { where: sha256.slice(0, 12) }),
    advice: 'open it in the Model view, then try again',
  });
}

/** The engine worker's methods over one device, one opened checkpoint and one loaded model. */
export class EngineService implements EngineApi {
  private readonly events = new EngineEvents();
  private readonly gpu: GPU | undefined;
  private readonly host: ModelHost;
  private readonly ort = new OrtHost(openOrtWorker);
  /** What the next load is for. */
  private runtime: Runtime = 'webgpu';
  private readonly tuning = new KernelTuning();
  /** A speed measurement under way; it changes the device's choices while it runs. */
  private measuring: Promise<unknown> = Promise.resolve();
  private storePromise: Promise<ModelStore | null> | null = null;
  private baseUrl = '';
  private opened: Opened | null = null;
  /** Belongs to `opened`, and is merged by the next load. */
  private adapter: OpenedAdapter | null = null;
  /** All that were opened for `opened`, by sha256: what can be measured. */
  private readonly adapters = new Map<string, OpenedAdapter>();
  /** What `load` was last asked for, so that a measurement can put it back. */
  private lastLoad: LastLoad | null = null;
  /** What was opened when the model on the device was loaded: prompts are encoded with its tokenizer. */
  private running: Opened | null = null;
  private controller: AbortController | null = null;
  private readonly training = new EngineTraining(
    async () => {
      const device = await this.host.engine();
      this.training.noteDevice(device);
      return device;
    },
    (event) => this.emit(event),
  );
  private recoveries = 0;

  constructor(gpu: GPU | undefined) {
    this.gpu = gpu;
    this.host = new ModelHost({
      openDevice: () => this.openDevice(),
      onRecovery: (event) => {
        if (event.phase === 'lost') this.emit({ type: 'device-lost', reason: event.reason });
        else {
          this.recoveries++;
          const { replayedTokens, tookMs } = event;
          this.emit({ type: 'device-recovered', replayedTokens, tookMs });
        }
      },
    });
  }

  async start(onEvents: (events: readonly EngineEvent[]) => void, baseUrl: string): Promise<void> {
    this.events.listen(onEvents);
    this.baseUrl = baseUrl;
  }

  async openProject(id: string): Promise<void> {
    this.training.openProject(id);
  }

  async probe(): Promise<GpuProbe> {
    try {
      return probeOf(await this.host.engine(), ortThreads());
    } catch (error) {
      if (error instanceof GpuUnavailableError)
        return probeWithoutGpu(error.detail.actual ?? '', ortThreads());
      throw error;
    }
  }

  measureSpeed(): Promise<{ readonly gflops: number } | null> {
    const measured = this.measureNow();
    this.measuring = measured.catch(() => undefined);
    return measured;
  }

  private async measureNow(): Promise<{ readonly gflops: number } | null> {
    let gflops: number | null = null;
    try {
      const engine = await this.host.engine();
      const options = { only: 'matmul f32 128×', runs: 3 };
      await benchKernels(engine, (timing) => (gflops = timing.gflops), options);
    } catch (error) {
      if (error instanceof WorkbenchError) return null;
      throw error;
    }
    return gflops === null ? null : { gflops };
  }

  async listModels(): Promise<ModelList> {
    const store = await this.store();
    return {
      bundled: await this.bundledModels(),
      stored: store ? await store.list() : [],
      storageProblem: store ? null : 'this browser gives pages no private file system',
    };
  }

  openModel(source: ModelSource): Promise<EngineResult<ModelCard>> {
    return attempt(async () => {
      const { files, origin } = await this.filesOf(source);
      const read = await openCheckpoint(files);
      const tokenizer = read.tokenizerJson === null ? null : loadTokenizer(read.tokenizerJson, read.name);
      // The text of the tokenizer is large and no longer needed.
      const checkpoint = { ...read, tokenizerJson: null };
      const card = await modelCard(files, checkpoint, tokenizer, origin, source.type === 'stored');
      this.opened = { files, checkpoint, tokenizer, origin, card };
      this.adapter = null;
      this.adapters.clear();
      return card;
    });
  }

  openAdapter(source: AdapterSource): Promise<EngineResult<AdapterCard>> {
    return attempt(async () => {
      if (!this.opened) throw noModel();
      const { files, origin } = await this.adapterFilesOf(source);
      const adapter = await openAdapter(files, this.opened.checkpoint);
      const card = adapterCard(adapter, origin);
      this.adapter = { adapter, card };
      this.adapters.set(card.sha256, this.adapter);
      return card;
    });
  }

  async closeAdapter(): Promise<void> {
    this.adapter = null;
  }

  async plan(options: LoadOptions): Promise<EngineResult<PlanReport>> {
    const opened = this.opened;
    if (!opened) return failureOf(noModel());
    if (this.runtime === 'wasm') {
      const { memory, advice } = adviseOrt(opened.checkpoint, options);
      return { ok: true, value: { memory, suggestion: advice } };
    }
    const planned = await this.host.plan(opened.checkpoint, options);
    if (!planned.ok) return hostFailure(planned);
    const { memory, advice } = planned.value;
    return { ok: true, value: { memory, suggestion: advice } };
  }

  async setRuntime(runtime: Runtime): Promise<void> {
    this.runtime = runtime;
  }

  load(options: LoadOptions): Promise<EngineResult<LoadedModel>> {
    return settled(async () => {
      if (this.controller) throw new InputError('busy', 'The engine is busy with other work');
      // One model is held at a time.
      await (this.runtime === 'wasm' ? this.host.unload() : this.ort.unload());
      return this.runtime === 'wasm' ? this.loadOrt(options) : this.loadNow(options);
    });
  }

  private async loadOrt(options: LoadOptions): Promise<EngineResult<LoadedModel>> {
    const { opened, adapter } = this;
    if (!opened) return failureOf(noModel());
    const startMs = performance.now();
    const loaded = await this.cancellable((signal) =>
      this.ort.load(opened.checkpoint, options, {
        signal,
        ...(adapter ? { adapter: adapter.adapter } : {}),
        onProgress: (done, total) => this.emit({ type: 'load', stage: 'weights', done, total }),
      }),
    );
    this.running = loaded.ok ? opened : null;
    this.lastLoad = loaded.ok ? { runtime: 'wasm', options, adapter } : null;
    this.events.flush();
    if (!loaded.ok) return hostFailure(loaded);
    const { memory } = loaded.value.plan;
    return {
      ok: true,
      value: {
        runtime: 'wasm',
        measurableTokens: ortMeasureLimit(opened.checkpoint),
        options: memory.options,
        adapter: adapter?.card ?? null,
        memory: ortMemory(memory),
        plannedBytes: memory.totalBytes,
        tookMs: performance.now() - startMs,
        kernelCount: 0,
        refusedKernels: [],
      },
    };
  }

  private async loadNow(options: LoadOptions): Promise<EngineResult<LoadedModel>> {
    const { opened, adapter } = this;
    if (!opened) return failureOf(noModel());
    const startMs = performance.now();
    let kernelCount = 0;
    const loaded = await this.cancellable(async (signal) => {
      await this.measuring;
      await this.tuning.tune(await this.host.engine(), await this.store(), (done, total) =>
        this.emit({ type: 'load', stage: 'tuning', done, total }),
      );
      return this.host.load(opened.checkpoint, options, {
        signal,
        ...(adapter ? { adapter: adapter.adapter } : {}),
        onKernels: (done, total) => {
          kernelCount = total;
          this.emit({ type: 'load', stage: 'kernels', done, total });
        },
        onProgress: ({ doneBytes, totalBytes }) =>
          this.emit({ type: 'load', stage: 'weights', done: doneBytes, total: totalBytes }),
      });
    });
    this.running = loaded.ok ? opened : null;
    this.lastLoad = loaded.ok ? { runtime: 'webgpu', options, adapter } : null;
    this.events.flush();
    if (!loaded.ok) return hostFailure(loaded);
    return {
      ok: true,
      value: {
        runtime: 'webgpu',
        measurableTokens: opened.checkpoint.config.maxPositionEmbeddings,
        options,
        adapter: adapter?.card ?? null,
        memory: this.memory(loaded.value.engine),
        plannedBytes: loaded.value.plan.memory.totalBytes,
        tookMs: performance.now() - startMs,
        kernelCount,
        refusedKernels: this.tuning.refused(loaded.value.engine),
      },
    };
  }

  async unload(): Promise<void> {
    this.controller?.abort();
    this.host.unload();
    await this.ort.unload();
    this.running = null;
    this.lastLoad = null;
  }

  keepModel(): Promise<EngineResult<StoredModel>> {
    return attempt(async () => {
      const opened = this.opened;
      if (!opened) throw noModel();
      const store = await this.store();
      if (!store) {
        throw new InputError('no-storage', 'This browser gives pages no private file system', {
          advice: 'open the model again next time; private windows often lack storage',
        });
      }
      const sources: { name: string; source: ByteSource; sizeBytes: number }[] = [];
      for (const { name } of await modelFiles(opened.files, opened.checkpoint)) {
        const source = await opened.files.open(name);
        if (source?.sizeBytes == null) continue;
        sources.push({ name, source, sizeBytes: source.sizeBytes });
      }
      const id = await this.cancellable((signal) =>
        store.copy(opened.checkpoint.name, opened.origin, sources, {
          signal,
          onProgress: (doneBytes, totalBytes) => this.emit({ type: 'copy', doneBytes, totalBytes }),
        }),
      );
      this.events.flush();
      const stored = await store.read(id);
      if (!stored)
        throw new InputError('copy-lost', 'The copy is not there any more', { advice: 'copy it again' });
      return stored;
    });
  }

  deleteStored(id: string): Promise<EngineResult<null>> {
    return attempt(async () => {
      await (await this.store())?.delete(id);
      return null;
    });
  }

  async cancel(): Promise<void> {
    this.controller?.abort();
  }

  generate(request: GenerateRequest): Promise<EngineResult<GenerationReport>> {
    return settled(() => this.generateNow(request));
  }

  private async generateNow(request: GenerateRequest): Promise<EngineResult<GenerationReport>> {
    const { running, host } = this;
    const session = host.session;
    const generating = this.ort.session ? this.ort : host;
    if (!running || !generating.session) return failureOf(noModel());
    const ids = this.encodeWith(running, request.prompt);
    const { memory } = generating.session.plan;
    const { contextLength } = memory.options;
    if (ids.length > contextLength) {
      throw new InputError('prompt-too-long', 'The prompt is longer than the context', {
        expected: `at most ${contextLength} tokens`,
        actual: `${ids.length}`,
        advice: 'load the model with a longer context, or shorten the prompt',
      });
    }
    const before = session ? { ...session.engine.counters } : null;
    const recoveriesBefore = this.recoveries;
    const outcome = await this.cancellable((signal) =>
      runGeneration(generating, ids, request, running.tokenizer, signal, (event) => this.emit(event)),
    );
    this.events.flush();
    if (!outcome.ok) return hostFailure(outcome);
    const engine = host.session?.engine;
    if (!engine || !before) {
      const held = { memory: ortMemory(memory), counters: null, recoveries: 0 };
      return { ok: true, value: { ...outcome.value, ...held } };
    }
    const recoveries = this.recoveries - recoveriesBefore;
    return {
      ok: true,
      value: {
        ...outcome.value,
        memory: this.memory(engine),
        // A new device counts from nothing.
        counters: recoveries > 0 ? { ...engine.counters } : countersSince(before, engine.counters),
        recoveries,
      },
    };
  }

  async listAdapters(): Promise<readonly AdapterCard[]> {
    return [...this.adapters.values()].map(({ card }) => card);
  }

  measure(request: MeasureRequest): Promise<EngineResult<MeasureReport>> {
    return settled(() => this.measureSubjects(request));
  }

  private async measureSubjects(request: MeasureRequest): Promise<EngineResult<MeasureReport>> {
    const { opened, running, lastLoad, host, ort } = this;
    const subject = running ?? opened;
    if (!subject || !lastLoad) return failureOf(noModel());
    const { tokenizer, checkpoint } = subject;
    if (!tokenizer) throw noTokenizer();
    const subjects = request.subjects.map(({ adapterSha256, ...name }): MeasuredSubject => {
      if (adapterSha256 === null) return { name, adapter: null };
      const held = this.adapters.get(adapterSha256);
      if (!held) throw noAdapter(name.name, adapterSha256);
      return { name: { ...name, adapterSha256 }, adapter: held.adapter };
    });
    const measured = await this.cancellable((signal) =>
      this.withSubject(checkpoint, lastLoad, () =>
        runMeasurement({
          runId: request.runId,
          host:
            lastLoad.runtime === 'wasm'
              ? measuringOnOrt(ort, checkpoint, ortThreads())
              : measuringOnEngine(host, checkpoint, lastLoad.options.contextLength),
          checkpoint,
          tokenizer,
          rows: request.rows,
          subjects,
          options: request.options,
          load: lastLoad.options,
          dataHash: request.dataHash,
          signal,
          emit: (event) => this.emit(event),
        }),
      ),
    );
    this.events.flush();
    if (!measured.ok) return hostFailure(measured);
    const { document, rejected } = measured;
    return { ok: true, value: { document, rejected } };
  }

  checkRuntimes(request: {
    readonly prompt: Prompt;
    readonly maxNewTokens: number;
  }): Promise<EngineResult<RuntimeCheck>> {
    return attempt(async () => {
      const { running, host, lastLoad } = this;
      const session = host.session;
      if (!running || !session || !lastLoad) {
        throw new InputError('no-model', 'No model is loaded on WebGPU', {
          advice: 'load one on WebGPU: its logits are what onnxruntime’s are held against',
        });
      }
      const ids = this.encodeWith(running, request.prompt);
      const { adapter, options } = lastLoad;
      const contextLength = Math.min(options.contextLength, ids.length + request.maxNewTokens);
      return this.cancellable(async (signal) => {
        const other = new OrtHost(openOrtWorker);
        try {
          const load = { ...options, contextLength };
          const merged = adapter ? { adapter: adapter.adapter } : {};
          const loaded = await other.load(running.checkpoint, load, { signal, ...merged });
          if (!loaded.ok) throw loaded.error;
          const numbers = await checkRuntimes(
            host,
            loaded.value,
            ids,
            request.maxNewTokens,
            signal,
            (done, total) => this.emit({ type: 'check', done, total }),
          );
          return {
            ...numbers,
            rows: numbers.rows.map((row) => ({ ...row, text: running.tokenizer?.decode([row.token]) ?? '' })),
            model: running.card.name,
            adapter: adapter?.card.name ?? null,
            options,
            gpu: probeOf(session.engine, 1).adapterName,
            threads: ortThreads(),
            promptTokens: ids.length,
          };
        } finally {
          await other.unload();
          session.reset();
          this.events.flush();
        }
      });
    });
  }

  embed(texts: readonly string[]): ReturnType<EngineApi['embed']> {
    return attempt(() =>
      this.cancellable(async (signal) => {
        const { running, host, ort } = this;
        const model = ort.session ?? host.session;
        if (!running || !model) throw noModel();
        if (!running.tokenizer) throw noTokenizer();
        const { tokenizer } = running;
        const documents = texts.map((text) => tokenizer.encode(text).subarray(0, embeddedTokens));
        const { chunkTokens, contextLength } = model.plan.memory.options;
        const hiddenOf = ort.session ? hiddenFromOrt(ort.session) : hiddenFromEngine(host.session!);
        const dim = running.checkpoint.config.hiddenSize;
        try {
          const passTokens = Math.min(chunkTokens, contextLength);
          const data = await embedDocuments(documents, dim, passTokens, hiddenOf, signal, (done, total) =>
            this.emit({ type: 'embed', done, total }),
          );
          return { data, dim, name: `mean hidden state of ${running.card.name}` };
        } finally {
          model.reset();
          this.events.flush();
        }
      }),
    );
  }

  look(request: LookRequest): Promise<EngineResult<LookReport>> {
    return settled(() => this.lookAt(request));
  }

  private async lookAt(request: LookRequest): Promise<EngineResult<LookReport>> {
    const { running, lastLoad } = this;
    const { session } = this.host;
    if (!running || !lastLoad) return failureOf(noModel());
    if (!session) {
      throw new InputError('no-webgpu', 'Heads and experts are looked at on WebGPU only', {
        advice: 'load the model on WebGPU in the Model view',
      });
    }
    const { tokenizer, checkpoint } = running;
    if (!tokenizer) throw noTokenizer();
    const read = readLook(request, tokenizer, checkpoint);
    const { adapterSha256 } = request;
    const held = adapterSha256 === null ? null : this.adapters.get(adapterSha256);
    if (held === undefined) throw noAdapter('this subject', adapterSha256);
    return this.onSession(running.checkpoint, lastLoad, held, read.item.ids.length, (found, signal) =>
      look(found, read, request, tokenizer, signal),
    );
  }

  checkEvidence(request: EvidenceCheckRequest): Promise<EngineResult<EvidenceCheck>> {
    return settled(async () => {
      const { running, lastLoad } = this;
      if (!running || !lastLoad) return failureOf(noModel());
      if (!this.host.session) {
        throw new InputError('no-webgpu', 'Examples are checked on WebGPU only', {
          advice: 'load the model on WebGPU in the Model view',
        });
      }
      if (!running.tokenizer) throw noTokenizer();
      const { adapter } = lastLoad;
      const read = readForCheck(request, running.tokenizer, running.checkpoint);
      return this.onSession(running.checkpoint, lastLoad, adapter, read.tokens, async (session, signal) => ({
        ...(await checkEvidence(session, read, request.pieces, signal, (share) =>
          this.emit({ type: 'score', done: share, total: 1 }),
        )),
        model: running.card.name,
        adapter: adapter?.card.name ?? null,
      }));
    });
  }

  /** Work on the loaded model with an adapter and a context of so many tokens, which are loaded for it where need be. */
  private async onSession<T>(
    checkpoint: Checkpoint,
    before: LastLoad,
    held: OpenedAdapter | null,
    tokens: number,
    work: (session: ModelSession, signal: AbortSignal) => Promise<T>,
  ): Promise<EngineResult<T>> {
    const { session } = this.host;
    const contextLength = Math.max(tokens, before.options.contextLength);
    const isLoaded =
      session !== null &&
      before.adapter?.card.sha256 === held?.card.sha256 &&
      contextLength === before.options.contextLength;
    const done = await this.cancellable(async (signal) => {
      if (isLoaded) return { ok: true as const, value: await work(session, signal) };
      const options = { ...before.options, contextLength };
      return this.withSubject(checkpoint, before, async () => {
        const loaded = await this.host.load(checkpoint, options, { signal, ...(held ? { adapter: held.adapter } : {}) }); // prettier-ignore
        return loaded.ok ? { ok: true as const, value: await work(loaded.value, signal) } : loaded;
      });
    });
    this.events.flush();
    return done.ok ? done : hostFailure(done);
  }

  /** Work that loads other subjects; what was loaded before is there again afterwards, also after a cancellation. */
  private async withSubject<T>(checkpoint: Checkpoint, before: LastLoad, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } finally {
      const { options, adapter, runtime } = before;
      const merged = adapter ? { adapter: adapter.adapter } : {};
      const back = await (runtime === 'wasm' ? this.ort : this.host).load(checkpoint, options, merged);
      if (!back.ok) {
        this.running = null;
        this.lastLoad = null;
      }
    }
  }

  async describeTraining(): ReturnType<EngineApi['describeTraining']> {
    const meanings = Object.fromEntries(trainConfigKeys.map(({ name, meaning }) => [name, meaning]));
    return { defaults: defaultTrainConfig, meanings };
  }

  openTrainingData(source: TrainingSource, config: TrainConfig): Promise<EngineResult<TrainingPreview>> {
    return attempt(() =>
      this.cancellable((signal) => this.training.open(source, this.current(), config, signal)),
    );
  }

  previewTraining(config: TrainConfig): Promise<EngineResult<TrainingPreview>> {
    return attempt(() => this.cancellable((signal) => this.training.preview(this.current(), config, signal)));
  }

  startTraining(request: StartTraining): Promise<EngineResult<StoredRun>> {
    return attempt(async () => {
      const model = this.opened;
      if (!model) throw noModel();
      return this.cancellable(async (signal) => {
        await this.measuring;
        // The run has the device's memory to itself.
        this.host.unload();
        await this.ort.unload();
        this.running = null;
        const engine = await this.host.engine();
        try {
          await this.tuning.tune(engine, await this.store(), (done, total) =>
            this.emit({ type: 'load', stage: 'tuning', done, total }),
          );
          return await this.training.train(model, request, signal);
        } catch (error) {
          // Nothing of the run is left on the device: the next try must not meet this one's failure.
          engine.clearFailure();
          throw error;
        } finally {
          this.events.flush();
        }
      });
    });
  }

  async pauseTraining(paused: boolean): Promise<void> {
    this.training.pause(paused);
  }

  async stopTraining(): Promise<void> {
    this.controller?.abort();
  }

  listRuns(): Promise<readonly StoredRun[]> {
    return this.training.list();
  }

  readRunMetrics(id: string): Promise<readonly StepMetrics[]> {
    return this.training.metrics(id);
  }

  deleteRun(id: string): Promise<void> {
    return this.training.delete(id);
  }

  runFiles(id: string): Promise<EngineResult<readonly File[]>> {
    return attempt(() => this.training.files(id));
  }

  useRunAdapter(id: string): Promise<EngineResult<AdapterCard>> {
    return attempt(async () => {
      if (!this.opened) throw noModel();
      const adapter = await this.training.adapter(id, this.opened.checkpoint);
      const card = adapterCard(adapter, `training run ${id}`);
      this.adapter = { adapter, card };
      this.adapters.set(card.sha256, this.adapter);
      return card;
    });
  }

  openRunCheckpoints(id: string): Promise<EngineResult<readonly AdapterCard[]>> {
    return attempt(async () => {
      if (!this.opened) throw noModel();
      const kept = await this.training.keptAdapters(id, this.opened.checkpoint);
      return kept.map(({ step, adapter }) => {
        const card = adapterCard(adapter, `training run ${id}`, step);
        this.adapters.set(card.sha256, { adapter, card });
        return card;
      });
    });
  }

  writeMerged(id: string, handle: FileSystemFileHandle): Promise<EngineResult<number>> {
    return attempt(() => {
      if (!this.opened) throw noModel();
      return this.training.writeMerged(id, this.opened.checkpoint, handle);
    });
  }

  inspectTraining(example: Example, options: MaskOptions): Promise<EngineResult<MaskView>> {
    return attempt(async () => this.training.inspect(example, this.current(), options));
  }

  inspectEntry(index: number): ReturnType<EngineApi['inspectEntry']> {
    return attempt(() => this.training.inspectEntry(index));
  }

  readTrainingExample(id: string): ReturnType<EngineApi['readTrainingExample']> {
    return attempt(() => this.training.readExample(id));
  }

  countTokens(prompt: Prompt): Promise<EngineResult<number>> {
    return attempt(async () => this.encodeWith(this.current(), prompt).length);
  }

  encode(text: string): Promise<EngineResult<readonly number[]>> {
    return attempt(async () => [...this.encodeWith(this.current(), { kind: 'text', text })]);
  }

  decode(ids: readonly number[]): Promise<EngineResult<string>> {
    return attempt(async () => {
      const { tokenizer } = this.current();
      if (!tokenizer) throw noTokenizer();
      return tokenizer.decode(ids);
    });
  }

  private emit(event: EngineEvent): void {
    this.events.emit(event);
  }

  private current(): Opened {
    const current = this.running ?? this.opened;
    if (!current) throw noModel();
    return current;
  }

  private encodeWith({ tokenizer, checkpoint }: Opened, prompt: Prompt): Uint32Array {
    if (prompt.kind === 'ids') return Uint32Array.from(prompt.ids);
    if (!tokenizer) throw noTokenizer();
    return encodePrompt(prompt, tokenizer, checkpoint.tokenizerConfig);
  }

  private memory(engine: EngineDevice): EngineMemory {
    const { allocatedBytes, peakBytes } = engine.buffers;
    return { allocatedBytes, peakBytes, groups: engine.buffers.bytesByGroup() };
  }

  private async openDevice(): Promise<EngineDevice> {
    if (!this.gpu) throw new GpuUnavailableError('this browser has no WebGPU');
    const engine = await requestEngineDevice(this.gpu);
    this.tuning.apply(engine);
    return engine;
  }

  private store(): Promise<ModelStore | null> {
    this.storePromise ??= openModelStore();
    return this.storePromise;
  }

  private async cancellable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    if (this.controller) throw new InputError('busy', 'The engine is busy with other work');
    const controller = new AbortController();
    this.controller = controller;
    try {
      return await work(controller.signal);
    } finally {
      this.controller = null;
    }
  }

  private urlFiles(source: Extract<ModelSource, { type: 'url' }>): {
    files: CheckpointFiles;
    origin: string;
  } {
    if (!URL.canParse(source.url)) {
      throw new InputError('bad-address', 'This is not an address', { actual: source.url });
    }
    const files = new UrlCheckpoint(source.url, source.relay ? askByRelay(source.relay) : askHere);
    return { files, origin: files.base.href };
  }

  private async adapterFilesOf(source: AdapterSource): Promise<{ files: CheckpointFiles; origin: string }> {
    if (source.type === 'url') return this.urlFiles(source);
    if (source.type === 'handle') {
      return { files: checkpointOfHandle(source.handle), origin: `folder ${source.handle.name}` };
    }
    return { files: adapterOfFiles(source.name, source.files), origin: `folder ${source.name}` };
  }

  private async filesOf(source: ModelSource): Promise<{ files: CheckpointFiles; origin: string }> {
    if (source.type === 'folder') {
      return { files: checkpointOfFiles(source.name, source.files), origin: `folder ${source.name}` };
    }
    if (source.type === 'handle') {
      return { files: checkpointOfHandle(source.handle), origin: `folder ${source.handle.name}` };
    }
    if (source.type === 'url') return this.urlFiles(source);
    const store = await this.store();
    const files = store && (await checkpointOfStored(store, source.id));
    const stored = await store?.read(source.id);
    if (!files || !stored) {
      throw new InputError('not-kept', 'This model is not kept on this computer, or not completely', {
        where: source.id,
        advice: 'open it from where it came from and keep it again',
      });
    }
    return { files, origin: stored.origin };
  }

  /** Models below the page, as `models/index.json` lists them: `[{name, path, note}]`. None when there is no list. */
  private async bundledModels(): Promise<readonly BundledModel[]> {
    let value: JsonValue;
    try {
      const response = await fetch(new URL('models/index.json', this.baseUrl));
      if (!response.ok) return [];
      value = (await response.json()) as JsonValue;
    } catch {
      // A host that answers unknown paths with a page, or no network: there are none then.
      return [];
    }
    if (!Array.isArray(value)) return [];
    return value.flatMap((entry): BundledModel[] => {
      if (!isObject(entry) || typeof entry['name'] !== 'string' || typeof entry['path'] !== 'string')
        return [];
      const url = new URL(`models/${entry['path']}/`, this.baseUrl).href;
      return [{ name: entry['name'], url, note: typeof entry['note'] === 'string' ? entry['note'] : null }];
    });
  }
}

/** What onnxruntime was planned to take: WebAssembly tells no account by group. */
function ortMemory({
  totalBytes,
  loadingBytes,
  weightBytes,
  kvBytes,
  activationBytes,
}: MemoryPlan): EngineMemory {
  return {
    allocatedBytes: totalBytes,
    peakBytes: Math.max(totalBytes, loadingBytes),
    groups: [
      { group: 'weights', sizeBytes: weightBytes },
      { group: 'kv', sizeBytes: kvBytes },
      { group: 'activations', sizeBytes: activationBytes },
    ],
  };
}

function noModel(): InputError {
  return new InputError('no-model', 'No model is open', { advice: 'open and load a checkpoint first' });
}

function noTokenizer(): InputError {
  return new InputError('missing-tokenizer', 'The checkpoint has no tokenizer.json', {
    advice: 'give token ids, or open a folder that holds tokenizer.json',
  });
}
