import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { canonicalJson, type JsonObject, type JsonValue } from '../core/json.ts';
import type { AdapterFacts, EngineFeatures } from '../gpu/device.ts';
import type { KernelChoices } from '../gpu/variants.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import type { ModelConfig } from '../model/config.ts';
import type { TrainConfig } from './config.ts';
import type { DroppedExample, RowPlan, TrainingData } from './dataset.ts';

/** Files up to this size in all are hashed whole. */
const wholeHashBytes = 256 * 1024 * 1024;
/** Of larger checkpoints, bytes at the beginning and the end of every tensor. */
const sampleBytes = 4096;

/** Which model was trained. */
export interface ModelHash {
  readonly sha256: string;
  /** What was hashed: everything, or samples of large checkpoints. */
  readonly of: 'config and all weights' | 'config, tensor headers and the ends of every tensor';
}

/** Hash of a checkpoint: config, then every tensor's name, type, shape and bytes (or samples of them) by name. */
export async function hashCheckpoint(checkpoint: Checkpoint): Promise<ModelHash> {
  const hash = sha256.create();
  hash.update(utf8ToBytes(canonicalJson(checkpoint.rawConfig)));
  const tensors = [...checkpoint.tensors.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const total = tensors.reduce((sum, { start, end }) => sum + end - start, 0);
  const isWhole = total <= wholeHashBytes;
  for (const { name, dtype, shape, source, start, end } of tensors) {
    hash.update(utf8ToBytes(`\n${name} ${dtype} ${shape.join(',')}\n`));
    if (isWhole || end - start <= 2 * sampleBytes) {
      for (let at = start; at < end; at += 1 << 22) {
        hash.update(await source.read(at, Math.min(end, at + (1 << 22))));
      }
    } else {
      hash.update(await source.read(start, start + sampleBytes));
      hash.update(await source.read(end - sampleBytes, end));
    }
  }
  return {
    sha256: bytesToHex(hash.digest()),
    of: isWhole ? 'config and all weights' : 'config, tensor headers and the ends of every tensor',
  };
}

/** Keys that say how long and how closely watched a run is, not what its steps compute. */
const lengthKeys = ['steps', 'epochs', 'evalSteps', 'earlyStopPatience', 'keepBest', 'checkpointSteps'];

/**
 * What the steps of a run compute: runs of equal identity go on with each other's checkpoints. A longer run of the
 * same kind is one too; only its schedule, where that falls towards the end, differs from then on.
 * @param more further facts that decide the steps
 */
export function runIdentity(
  config: TrainConfig,
  dataSha256: string,
  model: ModelHash,
  more: readonly (string | null)[],
): string {
  const decisive = Object.entries(config).filter(([name]) => !lengthKeys.includes(name));
  const value: JsonObject = {
    config: Object.fromEntries<JsonValue>(decisive),
    data: dataSha256,
    model: model.sha256,
    more: [...more],
  };
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(value))));
}

/** What was spent. */
interface Ledger {
  readonly examples: number;
  readonly rows: number;
  readonly steps: number;
  readonly epochs: number;
  readonly processedTokens: number;
  readonly supervisedTokens: number;
  readonly flops: number;
  readonly elapsedMs: number;
}

/** Parameters that one token meets (its experts only), without the embedding table, which is only looked up. */
function activeParameters(config: ModelConfig): number {
  const { hiddenSize: c, headDim: d, numAttentionHeads: h, numKeyValueHeads: k, moe } = config;
  let total = c * config.vocabSize;
  for (const { mlp } of config.layers) {
    total += c * d * (2 * h + 2 * k);
    total +=
      mlp === 'moe' && moe
        ? c * moe.numExperts + 3 * c * moe.moeIntermediateSize * moe.numExpertsPerTok
        : 3 * c * config.intermediateSize;
  }
  return total;
}

/**
 * Floating-point operations of training on documents of these lengths, as the field counts them: 6 for each active
 * parameter and token, and 12 · layers · heads · head size · n²/2 for attention within each document.
 */
export function trainingFlops(config: ModelConfig, lengths: readonly number[]): number {
  const perToken = 6 * activeParameters(config);
  const perPair = 6 * config.numHiddenLayers * config.numAttentionHeads * config.headDim;
  return lengths.reduce((sum, n) => sum + perToken * n + perPair * n * n, 0);
}

/** How a run ended. */
export type RunEnd = 'running' | 'finished' | 'early-stop' | 'stopped' | 'not-finite' | 'failed';

/** One evaluation on held-out examples. */
export interface HeldOutPoint {
  readonly step: number;
  readonly loss: number;
  readonly accuracy: number;
}

/** What a step that gave no finite number looked like. */
export interface NotFiniteEvidence {
  readonly step: number;
  readonly loss: number | null;
  readonly gradNorm: number | null;
  readonly learningRate: number;
  readonly examples: readonly { readonly id: string; readonly line: number; readonly tokens: number }[];
  readonly lastLosses: readonly number[];
}

/** Everything needed to repeat a run, and what came of it: `run.json`. */
export interface RunRecord {
  readonly format: 'acc-train-run-1';
  readonly identity: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
  readonly end: RunEnd;
  readonly message: string | null;
  readonly config: TrainConfig;
  /** Settings that the config leaves open, as they were used. */
  readonly resolved: {
    readonly totalSteps: number;
    readonly stepsPerEpoch: number;
    readonly rowsPerStep: number;
    readonly weightType: string;
    readonly startAdapter: string | null;
  };
  readonly data: {
    readonly name: string;
    readonly sha256: string;
    readonly read: number;
    readonly trained: number;
    readonly heldOut: number;
    readonly heldOutIds: readonly string[];
    readonly dropped: readonly DroppedExample[];
  };
  readonly model: { readonly name: string; readonly architecture: string } & ModelHash;
  /** `templateSha256`: of the chat template; records of earlier versions lack it. */
  readonly tokenizer: { readonly name: string; readonly sha256: string; readonly templateSha256?: string };
  readonly code: { readonly version: string };
  /** Who computed, and with which kernel variants (records of earlier versions do not say). */
  readonly device: {
    readonly adapter: AdapterFacts;
    readonly features: EngineFeatures;
    readonly choices?: KernelChoices;
  } | null;
  readonly ledger: Ledger;
  readonly trainableParameters: number;
  readonly memory: { readonly plannedBytes: number; readonly peakBytes: number } | null;
  readonly heldOut: readonly HeldOutPoint[];
  readonly best: HeldOutPoint | null;
  /** Which state the saved adapter is. */
  readonly adapter: { readonly step: number; readonly sha256: string } | null;
  readonly deviceLosses: readonly { readonly step: number; readonly resumedFrom: number }[];
  readonly notFinite: NotFiniteEvidence | null;
}

/** The data part of a record. */
export function dataFacts(data: TrainingData, plan: RowPlan): RunRecord['data'] {
  return {
    name: data.name,
    sha256: data.sha256,
    read: data.entries.length + data.dropped.length,
    trained: plan.rows.reduce((sum, row) => sum + row.length, 0),
    heldOut: plan.heldOut.length,
    heldOutIds: plan.heldOut.map(({ id }) => id),
    dropped: plan.dropped,
  };
}

/** The record as a file; keys in their order, so that equal records give equal bytes. */
export function recordText(record: RunRecord): string {
  return `${JSON.stringify(record, null, 2)}\n`;
}
