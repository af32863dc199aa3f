import packageJson from '../../package.json' with { type: 'json' };
import { InputError } from '../core/errors.ts';
import {
  defaultMechanismOptions,
  describeItem,
  describeModel,
  makeDocument,
  measureMechanism,
  measureOrtMechanism,
  readItem,
  sizesOf,
  subjectOf,
  type MeasuredItem,
  type MeasureHandlers,
  type MechanismDocument,
  type MechanismOptions,
  type SubjectMeasurement,
  type SubjectName,
} from '../mechanism/index.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Adapter } from '../model/adapter.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import type { HostFailure, HostResult, ModelHost } from '../model/host.ts';
import { ortMeasureLimit, type OrtHost } from '../model/ort/host.ts';
import type { LoadOptions } from '../model/planner.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import type { EngineEvent } from './engineApi.ts';

/** A subject with the adapter that makes it; the base has none. */
export interface MeasuredSubject {
  readonly name: SubjectName;
  readonly adapter: Adapter | null;
}

/** Where subjects are loaded and measured. */
export interface MeasuringHost {
  /** Loads the checkpoint with the adapter and measures it. */
  measure(
    load: LoadOptions,
    adapter: Adapter | null,
    items: readonly MeasuredItem[],
    options: MechanismOptions,
    handlers: MeasureHandlers & { readonly onLoading: (done: number, total: number) => void },
  ): Promise<HostResult<SubjectMeasurement>>;
  /** The longest item, in tokens. */
  readonly mostTokens: number;
  /** What computes, for the run record. */
  facts(): JsonObject;
}

/** Measures inside attention, on the engine. */
export function measuringOnEngine(
  host: ModelHost,
  checkpoint: Checkpoint,
  contextLength: number,
): MeasuringHost {
  return {
    // A context that was set beyond the trained one counts too.
    mostTokens: Math.max(checkpoint.config.maxPositionEmbeddings, contextLength),
    async measure(load, adapter, items, options, handlers) {
      const loaded = await host.load(checkpoint, load, {
        ...(handlers.signal ? { signal: handlers.signal } : {}),
        ...(adapter ? { adapter } : {}),
        ...(handlers.onKernels ? { onKernels: handlers.onKernels } : {}),
        onProgress: ({ doneBytes, totalBytes }) => handlers.onLoading(doneBytes, totalBytes),
      });
      if (!loaded.ok) return loaded;
      return { ok: true, value: await measureMechanism(loaded.value, items, options, handlers) };
    },
    facts: () => {
      const engine = host.session?.engine;
      return JSON.parse(
        JSON.stringify({ adapter: engine?.facts ?? null, features: engine?.features ?? null }),
      ) as JsonObject;
    },
  };
}

/** Measures from the outputs of the ONNX graph. */
export function measuringOnOrt(host: OrtHost, checkpoint: Checkpoint, threads: number): MeasuringHost {
  return {
    mostTokens: ortMeasureLimit(checkpoint),
    async measure(load, adapter, items, options, handlers) {
      const loaded = await host.load(checkpoint, load, {
        mechanism: true,
        onProgress: handlers.onLoading,
        ...(handlers.signal ? { signal: handlers.signal } : {}),
        ...(adapter ? { adapter } : {}),
      });
      if (!loaded.ok) return loaded;
      return { ok: true, value: await measureOrtMechanism(loaded.value, items, options, handlers) };
    },
    facts: () => ({ adapter: null, features: null, runtime: 'onnxruntime-web WASM', threads }),
  };
}

export interface MeasureJob {
  readonly runId: number;
  readonly host: MeasuringHost;
  readonly checkpoint: Checkpoint;
  readonly tokenizer: Tokenizer;
  /** Examples as compiled. */
  readonly rows: readonly JsonValue[];
  readonly subjects: readonly MeasuredSubject[];
  readonly options: Partial<MechanismOptions>;
  readonly load: LoadOptions;
  readonly dataHash: string | null;
  readonly signal: AbortSignal;
  readonly emit: (event: EngineEvent) => void;
}

export interface Rejected {
  readonly id: string;
  readonly reason: string;
}

/** Documents of unfinished runs are made at most so often, and never take more than a tenth of the time. */
const partialEveryMs = 700;

/** Items of the rows that can be measured, and why the others cannot. */
function itemsOf({ rows, tokenizer, checkpoint, host }: MeasureJob): {
  items: MeasuredItem[];
  rejected: Rejected[];
} {
  const items: MeasuredItem[] = [];
  const rejected: Rejected[] = [];
  const most = host.mostTokens;
  rows.forEach((row, index) => {
    const read = readItem(row, `example ${index + 1}`, tokenizer, checkpoint.tokenizerConfig);
    if (!read.ok) rejected.push({ id: read.id, reason: read.reason });
    else if (read.item.ids.length > most) {
      rejected.push({
        id: read.item.id,
        reason: `${read.item.ids.length} tokens, more than the ${most} that can be measured here`,
      });
    } else items.push(read.item);
  });
  return { items, rejected };
}

/** The same measurement over the first items only. */
function firstItems(measured: SubjectMeasurement, count: number): SubjectMeasurement {
  return { ...measured, items: measured.items.slice(0, count) };
}

/**
 * Loads each subject in turn, measures it on identical tokens, and gives one document; documents of what is there
 * so far come as events. Rejects with typed errors; a load that does not fit comes back as the host's failure.
 */
export async function runMeasurement(
  job: MeasureJob,
): Promise<
  | { readonly ok: true; readonly document: MechanismDocument; readonly rejected: readonly Rejected[] }
  | HostFailure
> {
  // prettier-ignore
  const { runId, host, checkpoint, subjects, signal, emit } = job;
  const options: MechanismOptions = { ...defaultMechanismOptions, ...job.options };
  const { items, rejected } = itemsOf(job);
  if (items.length === 0) {
    throw new InputError('no-items', 'None of the chosen examples can be measured', {
      expected: 'at least one example that fits the model',
      actual: rejected[0] ? `${rejected[0].id}: ${rejected[0].reason}` : 'no examples',
      advice: 'choose other examples, or compile a set with a smaller budget',
    });
  }
  const started = performance.now();
  const load: LoadOptions = { ...job.load, contextLength: sizesOf(items, options).tokens };
  const { config } = checkpoint;
  const finished: { name: SubjectName; measured: SubjectMeasurement }[] = [];

  const documentOf = (
    parts: readonly { name: SubjectName; measured: SubjectMeasurement }[],
    count: number,
    isWhole: boolean,
  ): MechanismDocument => {
    // prettier-ignore
    const [base] = parts;
    const held = items.slice(0, count);
    return makeDocument({
      queries: options.queries,
      settings: { sinkTokens: options.sinkTokens, thresholds: options.thresholds },
      model: describeModel(checkpoint.name, checkpoint.config),
      items: held.map((item) => describeItem(item, options.queries)),
      subjects: parts.map(({ name, measured }, index) => {
        const subject = subjectOf(name, firstItems(measured, count), index > 0 && base ? firstItems(base.measured, count) : null); // prettier-ignore
        if (isWhole) return subject;
        // Pairs are read from the GPU at the end only.
        const routerSummary = subject.routerSummary.map((row) => ({
          ...row,
          coActivation: [],
          coActivationRankAdjacent: [],
        }));
        return { ...subject, routerSummary };
      }),
      run: {
        program: `acc ${packageJson.version}`,
        config: { ...options, ...load },
        data: { sha256: job.dataHash, items: held.length, rejected },
        ...host.facts(),
        elapsedMs: Math.round(performance.now() - started),
      },
    });
  };

  let lastPartial = performance.now();
  let pauseMs = partialEveryMs;
  for (const [index, { name, adapter }] of subjects.entries()) {
    const progress = (stage: 'loading' | 'kernels' | 'tokens', done: number, total: number): void =>
      emit({
        type: 'measure',
        runId,
        subject: name.name,
        index,
        subjects: subjects.length,
        stage,
        done,
        total,
      });
    progress('loading', 0, 1);
    const soFar: SubjectMeasurement['items'][number][] = [];
    const experts = config.moe?.numExperts ?? 0;
    const measured = await host.measure(load, adapter, items, options, {
      signal,
      onLoading: (done, total) => progress('loading', done, total),
      onKernels: (done, total) => progress('kernels', done, total),
      onProgress: (done, total) => progress('tokens', done, total),
      onItem: (measurement, done) => {
        soFar.push(measurement);
        const now = performance.now();
        if (done === items.length || now - lastPartial < pauseMs) return;
        const pairs = measurement.routing.map((layer) =>
          layer ? new Uint32Array(2 * experts * experts) : null,
        );
        const current = { name, measured: { config, options, items: soFar, pairs } };
        emit({
          type: 'measure-partial',
          runId,
          document: documentOf([...finished, current], soFar.length, false),
        });
        lastPartial = performance.now();
        pauseMs = Math.max(partialEveryMs, (lastPartial - now) * 10);
      },
    });
    if (!measured.ok) return measured;
    finished.push({ name, measured: measured.value });
    if (index + 1 < subjects.length) {
      emit({ type: 'measure-partial', runId, document: documentOf(finished, items.length, false) });
      lastPartial = performance.now();
    }
  }
  return { ok: true, document: documentOf(finished, items.length, true), rejected };
}
