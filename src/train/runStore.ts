import type { ByteSource } from '../core/byteSource.ts';
import { InputError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { AdapterChoices } from '../gpu/variants.ts';
import type { Adapter } from '../model/adapter.ts';
import { checkpointPieces, readCheckpoint, readCheckpointFacts } from './checkpointFile.ts';
import { startCounters, type RunCounters, type RunStore, type StepMetrics } from './run.ts';
import { peftFiles, type PeftOptions } from './peft.ts';
import { recordText, type RunRecord } from './runRecord.ts';
import type { TrainerState } from './types.ts';

/** Files of one run: a folder on disk or in the browser's storage. Names are plain file names of ours. */
export interface RunFolder {
  /** Replaces a file; after a crash there is the old or the new one, never a part. */
  write(name: string, pieces: Iterable<Uint8Array>): Promise<void>;
  /** Null when it is not there. */
  open(name: string): Promise<(ByteSource & { close(): Promise<void> }) | null>;
  /** Adds to the end of a text file. */
  append(name: string, text: string): Promise<void>;
  /** A folder within, made by its first write. */
  folder(name: string): RunFolder;
}

export const runFileNames = {
  latest: 'checkpoint.safetensors',
  best: 'best.safetensors',
  metrics: 'metrics.jsonl',
  record: 'run.json',
} as const;

/** Folder of the adapter as it was after a step. */
export function stepFolderName(step: number): string {
  return `checkpoint-${step}`;
}

/** The step of such a folder; null for other names. */
export function stepOfFolder(name: string): number | null {
  const step = /^checkpoint-(\d+)$/.exec(name)?.[1];
  return step === undefined ? null : Number(step);
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Checkpoints, metrics and record of a run in a folder. */
export class FolderRunStore implements RunStore {
  private readonly folder: RunFolder;
  private readonly identity: string;
  private readonly peft: PeftOptions;
  private readonly templateSha256: string | null;

  /**
   * @param identity of the run: checkpoints of another one are refused
   * @param templateSha256 of the chat template: likewise, where the checkpoint has one
   */
  constructor(folder: RunFolder, identity: string, peft: PeftOptions, templateSha256: string | null = null) {
    this.folder = folder;
    this.identity = identity;
    this.peft = peft;
    this.templateSha256 = templateSha256;
  }

  save(kind: 'latest' | 'best', state: TrainerState, counters: RunCounters): Promise<void> {
    const facts = {
      step: counters.step,
      identity: this.identity,
      templateSha256: this.templateSha256,
      run: counters as unknown as JsonObject,
    };
    return this.folder.write(runFileNames[kind], checkpointPieces(state, facts));
  }

  async kernels(): Promise<AdapterChoices | null> {
    const source = await this.folder.open(runFileNames.latest);
    if (!source) return null;
    try {
      const { identity, run } = await readCheckpointFacts(source);
      return identity === this.identity ? ((run as unknown as Partial<RunCounters>).kernels ?? null) : null;
    } catch {
      // Loading it says what is wrong.
      return null;
    } finally {
      await source.close();
    }
  }

  async load(
    kind: 'latest' | 'best',
  ): Promise<{ readonly state: TrainerState; readonly counters: RunCounters } | null> {
    const source = await this.folder.open(runFileNames[kind]);
    if (!source) return null;
    try {
      const { state, facts } = await readCheckpoint(source);
      if (facts.identity !== this.identity) {
        throw new InputError('other-run', 'The checkpoint is of another run', {
          where: source.name,
          expected: 'the same model, data and config',
          advice: 'go on with what that run was started with, or choose another folder',
        });
      }
      const { templateSha256 } = facts;
      if (templateSha256 && this.templateSha256 && templateSha256 !== this.templateSha256) {
        throw new InputError('other-run', 'The checkpoint was trained with another chat template', {
          where: source.name,
          expected: `sha256 ${templateSha256}`,
          actual: `sha256 ${this.templateSha256}`,
          advice: 'put the template back that the run was started with, or choose another folder',
        });
      }
      return { state, counters: { ...startCounters, ...(facts.run as unknown as RunCounters) } };
    } finally {
      await source.close();
    }
  }

  async rewindMetrics(step: number): Promise<void> {
    const lines = await readMetrics(this.folder);
    const kept = lines.filter((line) => line.step <= step);
    if (kept.length === lines.length && step > 0) return;
    await this.folder.write(runFileNames.metrics, [
      encode(kept.map((line) => `${JSON.stringify(line)}\n`).join('')),
    ]);
  }

  appendMetrics(metrics: StepMetrics): Promise<void> {
    return this.folder.append(runFileNames.metrics, `${JSON.stringify(metrics)}\n`);
  }

  async keepAdapter(step: number, adapter: Adapter): Promise<void> {
    const files = peftFiles(adapter, this.peft);
    const folder = this.folder.folder(stepFolderName(step));
    await folder.write('adapter_config.json', [encode(files['adapter_config.json'])]);
    await folder.write('adapter_model.safetensors', [files['adapter_model.safetensors']]);
  }

  saveRecord(record: RunRecord): Promise<void> {
    return this.folder.write(runFileNames.record, [encode(recordText(record))]);
  }
}

/** What lines of earlier versions lack. */
const laterMetrics = { zLoss: null, loadImbalance: null, effectiveExperts: null };

/** The metrics written so far, in order; a line cut by a crash is left out. */
export async function readMetrics(folder: RunFolder): Promise<StepMetrics[]> {
  const source = await folder.open(runFileNames.metrics);
  if (!source) return [];
  try {
    const text = new TextDecoder().decode(await source.read(0, source.sizeBytes ?? 0));
    return text.split('\n').flatMap((line): StepMetrics[] => {
      if (line === '') return [];
      try {
        return [{ ...laterMetrics, ...(JSON.parse(line) as StepMetrics) }];
      } catch {
        return [];
      }
    });
  } finally {
    await source.close();
  }
}
