import { version } from '../../package.json';
import type { Example } from '../compile/types.ts';
import { InputError, messageOf, WorkbenchError } from '../core/errors.ts';
import type { JsonValue } from '../core/json.ts';
import type { EngineDevice } from '../gpu/device.ts';
import { openAdapter, type Adapter } from '../model/adapter.ts';
import type { Checkpoint, CheckpointFiles } from '../model/checkpoint.ts';
import type { LoadProgress } from '../model/weightLoader.ts';
import type { Folder } from '../storage/folder.ts';
import { openStorage } from '../storage/opfsFolder.ts';
import { projectFolder } from '../storage/projects.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import { adviseConfig, planConfig } from '../train/advise.ts';
import { readTrainConfig, type TrainConfig } from '../train/config.ts';
import { planRows, TrainingData, type RowPlan } from '../train/dataset.ts';
import type { MaskOptions } from '../train/masks.ts';
import { mergedWeights } from '../train/mergedWeights.ts';
import { openTrainer } from '../train/openTrainer.ts';
import type { StepMetrics, TrainingRun } from '../train/run.ts';
import { hashCheckpoint, trainingFlops, type ModelHash } from '../train/runRecord.ts';
import { readMetrics, stepFolderName } from '../train/runStore.ts';
import { encoderOf, prepareTraining, trainPrepared } from '../train/training.ts';
import type { TrainingPlan } from '../train/types.ts';
import { blobSource } from './checkpointFiles.ts';
import type { MaskView } from './dataApi.ts';
import { maskView } from './maskView.ts';
import type { StartTraining, StoredRun, TrainingEvent, TrainingFacts, TrainingPhase, TrainingPreview, TrainingSource } from './trainingApi.ts'; // prettier-ignore
import { RunShelf } from './trainingFolder.ts';

/** The checkpoint that training works on. */
export interface TrainingModel {
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer | null;
}

const mostLengths = 10_000;
const mostDropped = 200;

interface Indexed {
  readonly model: TrainingModel;
  /** Settings that the tokens of an example depend on. */
  readonly settings: string;
  readonly data: TrainingData;
}

/** Training in the engine worker: data, previews, runs and their files. The engine service lends device and turn. */
export class EngineTraining {
  private readonly engine: () => Promise<EngineDevice>;
  private readonly emit: (event: TrainingEvent) => void;
  private foundShelf: (shelf: RunShelf | Promise<RunShelf>) => void = () => undefined;
  /** The runs of the open project; waits until one is open. */
  private shelf = new Promise<RunShelf>((resolve) => {
    this.foundShelf = resolve;
  });
  private source: TrainingSource | null = null;
  private indexed: Indexed | null = null;
  private hash: { readonly checkpoint: Checkpoint; readonly value: ModelHash } | null = null;
  private run: TrainingRun | null = null;

  constructor(engine: () => Promise<EngineDevice>, emit: (event: TrainingEvent) => void) {
    this.engine = engine;
    this.emit = emit;
  }

  /** From here on runs are those of this project. */
  openProject(id: string): void {
    this.shelf = openStorage().then((root) => new RunShelf(projectFolder(root, id)));
    this.foundShelf(this.shelf);
  }

  private phase(phase: TrainingPhase, done = 0, total = 0): void {
    this.emit({ type: 'training-phase', phase, done, total });
  }

  async open(
    source: TrainingSource,
    model: TrainingModel,
    config: TrainConfig,
    signal: AbortSignal,
  ): Promise<TrainingPreview> {
    this.source = source;
    this.indexed = null;
    return this.preview(model, config, signal);
  }

  /** What data and memory come to. Only the first preview of a file reads it. */
  async preview(model: TrainingModel, config: TrainConfig, signal: AbortSignal): Promise<TrainingPreview> {
    // A form and scripts in the page can hold what no run takes.
    readTrainConfig(config as unknown as JsonValue, 'the recipe');
    let facts: TrainingFacts | null = null;
    let dataProblem: TrainingPreview['dataProblem'] = null;
    let longest: number | null = null;
    if (this.source) {
      try {
        const { data } = await this.index(model, config, signal);
        longest = data.entries.reduce((most, { tokens }) => Math.max(most, tokens), 0);
        facts = factsOf(data, planRows(data, config), model.checkpoint);
      } catch (error) {
        if (!(error instanceof WorkbenchError) || error.code === 'cancelled') throw error;
        dataProblem = { message: error.message, advice: error.detail.advice ?? null, longest };
      }
    }
    let plan: TrainingPlan | null = null;
    let planProblem: string | null = null;
    let fits: TrainingPreview['fits'] = [];
    try {
      const engine = await this.engine();
      plan = planConfig(engine, model.checkpoint, config);
      if (plan.problems.length > 0) fits = adviseConfig(engine, model.checkpoint, config);
    } catch (error) {
      if (!(error instanceof WorkbenchError)) throw error;
      planProblem = messageOf(error);
    }
    return { facts, dataProblem, plan, planProblem, fits };
  }

  private async index(model: TrainingModel, config: TrainConfig, signal: AbortSignal): Promise<Indexed> {
    const { source, indexed } = this;
    if (!source) throw new InputError('no-data', 'No training data are chosen');
    const { superviseNewline, turns } = config;
    const settings = JSON.stringify({ superviseNewline, turns });
    if (indexed?.model.checkpoint === model.checkpoint && indexed.settings === settings) return indexed;
    const encoder = encoderOf(model.checkpoint, tokenizerOf(model), { superviseNewline });
    const data = await TrainingData.index(blobSource(source.name, source.file), encoder, {
      signal,
      excluded: new Set(source.excluded),
      heldOut: new Set(source.heldOut),
      turns,
      onProgress: (done, total) => this.phase('reading', done, total ?? 0),
    });
    this.indexed = { model, settings, data };
    return this.indexed;
  }

  /** Trains to the end or to the stop; the stored run says which. */
  async train(
    model: TrainingModel,
    { config, resume, model: modelSource }: StartTraining,
    signal: AbortSignal,
  ): Promise<StoredRun> {
    readTrainConfig(config as unknown as JsonValue, 'the recipe');
    const { source } = this;
    if (!source) throw new InputError('no-data', 'No training data are chosen');
    const { data } = await this.index(model, config, signal);
    if (this.hash?.checkpoint !== model.checkpoint) {
      this.hash = { checkpoint: model.checkpoint, value: await hashCheckpoint(model.checkpoint) };
    }
    const prepared = await prepareTraining(
      {
        config,
        checkpoint: model.checkpoint,
        tokenizer: tokenizerOf(model),
        source: blobSource(source.name, source.file),
        data,
        model: this.hash.value,
      },
      { signal },
    );
    const shelf = await this.shelf;
    const id = resume ?? (await shelf.newId());
    const folder = shelf.folder(id);
    if (resume === null) await shelf.saveSource(id, { setId: source.setId, model: modelSource });
    let steps: StepMetrics[] = [];
    try {
      const result = await trainPrepared(
        prepared,
        {
          folder,
          version,
          now: () => new Date(),
          signal,
          openTrainer: async ({ checkpoint, options }, kernels) => {
            const handlers = {
              signal,
              onKernels: (done: number, total: number) => this.phase('kernels', done, total),
              onProgress: ({ doneBytes, totalBytes }: LoadProgress) =>
                this.phase('weights', doneBytes, totalBytes),
            };
            return openTrainer(await this.engine(), checkpoint, options, handlers, kernels);
          },
          onRun: (run) => {
            this.run = run;
          },
        },
        {
          onPhase: (phase) => this.phase(phase),
          onStepShare: (share) => this.phase('training', share, 1),
          onStep: (metrics, report) => {
            steps = [metrics];
            const { allocatedBytes, peakBytes } = this.memory;
            this.emit({
              type: 'training-steps',
              steps,
              details: {
                allocatedBytes,
                peakBytes,
                expertLoad: report.expertLoad,
                submits: report.counters.submits,
                readbacks: report.counters.readbacks,
              },
            });
          },
          onHeldOut: (point, isBest) => this.emit({ type: 'training-held-out', point, isBest }),
          onCheckpoint: (step) => this.emit({ type: 'training-checkpoint', step }),
          onDeviceLoss: (lostAt, resumedFrom, reason) =>
            this.emit({ type: 'training-device-lost', lostAt, resumedFrom, reason }),
          onRecord: (record) => this.emit({ type: 'training-record', runId: id, record }),
        },
      );
      if (result.files) {
        const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
        await folder.write('adapter_config.json', [encode(result.files['adapter_config.json'])]);
        await folder.write('adapter_model.safetensors', [result.files['adapter_model.safetensors']]);
      }
    } finally {
      this.run = null;
    }
    const stored = await shelf.read(id);
    if (!stored) throw new InputError('run-lost', 'The run is not in the browser’s storage any more');
    return stored;
  }

  private device: EngineDevice | null = null;
  /** Told by the service, which holds the device. */
  noteDevice(device: EngineDevice): void {
    this.device = device;
  }
  private get memory(): { readonly allocatedBytes: number; readonly peakBytes: number } {
    return this.device?.buffers ?? { allocatedBytes: 0, peakBytes: 0 };
  }

  pause(paused: boolean): void {
    if (paused) this.run?.pause();
    else this.run?.resume();
  }

  async list(): Promise<readonly StoredRun[]> {
    return (await this.shelf).list();
  }

  async metrics(id: string): Promise<readonly StepMetrics[]> {
    return readMetrics((await this.shelf).folder(id));
  }

  async delete(id: string): Promise<void> {
    await (await this.shelf).delete(id);
  }

  async files(id: string): Promise<readonly File[]> {
    const { files: folder } = (await this.shelf).folder(id);
    const files: File[] = [];
    for (const name of ['adapter_config.json', 'adapter_model.safetensors', 'run.json', 'metrics.jsonl']) {
      const file = await folder.readFile(name);
      if (file) files.push(new File([file], name));
    }
    return files;
  }

  /** The saved adapter of a run, checked against the opened checkpoint. */
  async adapter(id: string, checkpoint: Checkpoint): Promise<Adapter> {
    return this.adapterOf(id, (await this.shelf).folder(id).files, checkpoint);
  }

  /** The adapters that a run kept at its checkpoints, by step. */
  async keptAdapters(
    id: string,
    checkpoint: Checkpoint,
  ): Promise<readonly { readonly step: number; readonly adapter: Adapter }[]> {
    const shelf = await this.shelf;
    const steps = (await shelf.read(id))?.keptSteps ?? [];
    const kept: { step: number; adapter: Adapter }[] = [];
    for (const step of steps) {
      const { files } = shelf.folder(id).folder(stepFolderName(step));
      kept.push({ step, adapter: await this.adapterOf(`${id} step ${step}`, files, checkpoint) });
    }
    return kept;
  }

  private adapterOf(name: string, folder: Folder, checkpoint: Checkpoint): Promise<Adapter> {
    const files: CheckpointFiles = {
      name,
      open: async (file) => {
        const found = await folder.readFile(file);
        return found ? blobSource(file, found) : null;
      },
    };
    return openAdapter(files, checkpoint);
  }

  /** Streams the merged weights into a file that the reader chose; gives the bytes written. */
  async writeMerged(id: string, checkpoint: Checkpoint, handle: FileSystemFileHandle): Promise<number> {
    const adapter = await this.adapter(id, checkpoint);
    const stream = await handle.createWritable();
    let bytes = 0;
    try {
      for await (const piece of mergedWeights(checkpoint, adapter)) {
        await stream.write(piece as BufferSource);
        bytes += piece.length;
      }
      await stream.close();
    } catch (error) {
      await stream.abort();
      throw error;
    }
    return bytes;
  }

  inspect(example: Example, model: TrainingModel, options: MaskOptions): MaskView {
    return maskView(example, encoderOf(model.checkpoint, tokenizerOf(model), options));
  }

  async inspectEntry(index: number): Promise<{ readonly view: MaskView; readonly total: number }> {
    const data = this.indexed?.data;
    const entry = data?.entries[index];
    if (!data || !entry) throw new InputError('no-example', 'There is no such example in the chosen data');
    const view = { ...data.encoder.inspect(await data.read(entry)), tokenizer: data.encoder.tokenizer.name };
    return { view, total: data.entries.length };
  }

  async readExample(
    id: string,
  ): Promise<{ readonly messages: readonly { readonly role: string; readonly content: string }[] }> {
    const data = this.indexed?.data;
    const entry = data?.entries.find((each) => each.id === id);
    if (!data || !entry)
      throw new InputError('no-example', 'This example is not in the chosen data', { actual: id });
    const example = await data.read(entry);
    if (example.type !== 'conversation') return { messages: [] };
    return { messages: example.messages.map(({ role, content }) => ({ role, content })) };
  }
}

function tokenizerOf({ tokenizer }: TrainingModel): Tokenizer {
  if (tokenizer) return tokenizer;
  throw new InputError('missing-tokenizer', 'The opened checkpoint has no tokenizer.json', {
    advice: 'open a folder that holds it: training needs it to read the examples',
  });
}

function factsOf(data: TrainingData, plan: RowPlan, checkpoint: Checkpoint): TrainingFacts {
  const trained = plan.rows.flat();
  const lengths = trained.map(({ tokens }) => tokens);
  const epochFlops = trainingFlops(checkpoint.config, lengths);
  return {
    name: data.name,
    sha256: data.sha256,
    examples: data.entries.length,
    trained: trained.length,
    heldOut: plan.heldOut.length,
    rows: plan.rows.length,
    tokens: plan.trainedTokens,
    supervisedTokens: plan.trainedSupervisedTokens,
    longest: lengths.reduce((most, length) => Math.max(most, length), 0),
    stepsPerEpoch: plan.stepsPerEpoch,
    totalSteps: plan.totalSteps,
    flops: (epochFlops * plan.totalSteps) / plan.stepsPerEpoch,
    dropped: plan.dropped.slice(0, mostDropped),
    droppedCount: plan.dropped.length,
    hiddenReasoning: trained.reduce((sum, entry) => sum + entry.hiddenReasoning, 0),
    controls: [...new Set(data.entries.flatMap(({ control }) => (control ? [control] : [])))],
    lengths: Uint32Array.from(lengths.slice(0, mostLengths)),
  };
}
