import type { ByteSource } from '../core/byteSource.ts';
import { assert } from '../core/assert.ts';
import { EnvironmentError, throwIfCancelled } from '../core/errors.ts';
import { roundUp, subRange, type BufferRange } from '../gpu/buffers.ts';
import { convertRows, convertRowStep, type SourceType } from '../gpu/kernels/convert.ts';
import type { Recorder } from '../gpu/recorder.ts';
import type { Weight } from '../gpu/tensors.ts';
import { adaptersOf, addAdapters, type Adapter } from './adapter.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { TensorLocation } from './safetensors.ts';
import { decodeFloats } from './tensorData.ts';
import { pairWeights, type ModelWeights, type WeightPlan } from './weightPlan.ts';

/** Bytes read from a file at a time; two windows are held (one being read ahead), far below 128 MiB. */
const windowBytes = 16 * 1024 * 1024;
/** Raw bytes uploaded and converted at a time, at most. */
const maxStagingBytes = 8 * 1024 * 1024;

/** Bytes of one of the two buffers that raw weights pass through. */
export function stagingBytesOf(checkpoint: Checkpoint): number {
  let largest = 0;
  for (const { start, end } of checkpoint.tensors.values()) largest = Math.max(largest, end - start);
  // Twice the tensor: rows in two bytes pass as four where an adapter is merged in.
  return Math.min(maxStagingBytes, roundUp(2 * largest, 256));
}

export interface LoadProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
  readonly tensor: string;
}

/** Reads a file front to back in windows, one ahead of use: range requests stay few and large. */
class WindowReader {
  private window: { start: number; bytes: Uint8Array } | null = null;
  private ahead: { start: number; bytes: Promise<Uint8Array> } | null = null;

  constructor(
    private readonly source: ByteSource,
    private readonly lastByte: number,
  ) {}

  /** Bytes [start, end) of the file, at most a window long. */
  async read(start: number, end: number): Promise<Uint8Array> {
    assert(end - start <= windowBytes, `a read of ${end - start} bytes`);
    const { window } = this;
    if (window && start >= window.start && end <= window.start + window.bytes.length) {
      return window.bytes.subarray(start - window.start, end - window.start);
    }
    // What the window still holds comes first, so that a read across its end fetches nothing twice.
    const kept =
      window && start >= window.start && start < window.start + window.bytes.length
        ? window.bytes.subarray(start - window.start)
        : null;
    const from = start + (kept?.length ?? 0);
    const fetched = await (this.ahead?.start === from ? this.ahead.bytes : this.fetch(from));
    const bytes = kept ? joined(kept, fetched) : fetched;
    if (bytes.length < end - start) {
      throw new EnvironmentError('file-changed', 'A weight file ended early', {
        where: this.source.name,
        expected: `${end} bytes`,
        actual: `${start + bytes.length}`,
        advice: 'the file changed or the download broke off; load the model again',
      });
    }
    this.window = { start, bytes };
    const next = start + bytes.length;
    this.ahead = next < this.lastByte ? { start: next, bytes: this.fetch(next) } : null;
    // An error of the read-ahead is met when its bytes are asked for.
    this.ahead?.bytes.catch(() => undefined);
    return bytes.subarray(0, end - start);
  }

  private fetch(start: number): Promise<Uint8Array> {
    return this.source.read(start, Math.min(start + windowBytes, this.lastByte));
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

type Target =
  | { readonly kind: 'rows'; readonly weight: Weight; readonly firstRow: number; readonly rows: number }
  | { readonly kind: 'vector'; readonly range: BufferRange; readonly offset: number };

interface Job {
  readonly tensor: TensorLocation;
  readonly target: Target;
}

const sourceTypes: Readonly<Record<string, SourceType>> = { F32: 'f32', F16: 'f16', BF16: 'bf16' };

function loadJobs(checkpoint: Checkpoint, plan: WeightPlan, weights: ModelWeights): Job[] {
  const jobs: Job[] = [];
  const located = (name: string): TensorLocation => {
    const tensor = checkpoint.tensors.get(name);
    assert(tensor !== undefined, `tensor ${name} was checked to exist`);
    return tensor;
  };
  const { matrices, vectors } = pairWeights(plan, weights);
  for (const [matrix, weight] of matrices) {
    for (const { tensor, targetRow, rows } of matrix.sources) {
      jobs.push({ tensor: located(tensor), target: { kind: 'rows', weight, firstRow: targetRow, rows } });
    }
  }
  for (const [vector, range] of vectors) {
    let offset = 0;
    for (const name of vector.tensors) {
      const tensor = located(name);
      jobs.push({ tensor, target: { kind: 'vector', range, offset } });
      offset += tensor.shape[0]! * 4;
    }
  }
  // In file order, so that files are read front to back once.
  return jobs.sort((a, b) =>
    a.tensor.source.name === b.tensor.source.name
      ? a.tensor.start - b.tensor.start
      : a.tensor.source.name < b.tensor.source.name
        ? -1
        : 1,
  );
}

/**
 * Streams a checkpoint into the buffers that `allocateWeights` made, converting and quantising on the GPU. Host
 * memory stays at two windows of 16 MiB. Rejects with `CancelledError`, a file error, or the GPU's typed error.
 */
export async function loadWeights(
  recorder: Recorder,
  checkpoint: Checkpoint,
  plan: WeightPlan,
  weights: ModelWeights,
  options: {
    readonly signal?: AbortSignal;
    readonly onProgress?: (progress: LoadProgress) => void;
    /** Merged into the weights as they pass. */
    readonly adapter?: Adapter;
  } = {},
): Promise<void> {
  const jobs = loadJobs(checkpoint, plan, weights);
  const totalBytes = jobs.reduce((sum, { tensor }) => sum + tensor.end - tensor.start, 0);
  const { buffers } = recorder.engine;
  const stagingBytes = stagingBytesOf(checkpoint);
  const staging = [
    buffers.create('staging/load 0', stagingBytes),
    buffers.create('staging/load 1', stagingBytes),
  ];
  let turn = 0;
  let doneBytes = 0;
  let reader: WindowReader | null = null;
  let readerFile = '';
  try {
    for (const { tensor, target } of jobs) {
      throwIfCancelled(options.signal, 'loading the model');
      if (!reader || readerFile !== tensor.source.name) {
        readerFile = tensor.source.name;
        const ends = jobs.filter((job) => job.tensor.source.name === readerFile).map((job) => job.tensor.end);
        reader = new WindowReader(tensor.source, ends[ends.length - 1]!);
      }
      if (target.kind === 'vector') {
        const values = decodeFloats(tensor.dtype, await reader.read(tensor.start, tensor.end));
        recorder.upload(target.range, values as Float32Array<ArrayBuffer>, target.offset);
      } else {
        const rowBytes = (tensor.end - tensor.start) / target.rows;
        const adapters = options.adapter ? adaptersOf(options.adapter, checkpoint, tensor.name) : [];
        // Rows with an adapter merged in pass as f32, whatever they are in the file.
        const passedBytes = adapters.length > 0 ? rowBytes * 2 : rowBytes;
        const step = Math.floor(stagingBytes / passedBytes / convertRowStep) * convertRowStep;
        assert(step > 0, `a row of ${rowBytes} bytes in ${tensor.name}`);
        for (let row = 0; row < target.rows; row += step) {
          throwIfCancelled(options.signal, 'loading the model');
          const rows = Math.min(step, target.rows - row);
          const start = tensor.start + row * rowBytes;
          const raw = await reader.read(start, start + rows * rowBytes);
          const merged = adapters.length > 0 ? mergedBytes(tensor, raw, row, rows, adapters) : null;
          const bytes = merged ?? raw;
          const buffer = staging[turn++ % staging.length]!;
          const source = subRange({ buffer, offset: 0, size: stagingBytes }, 0, roundUp(bytes.length, 16));
          recorder.upload(source, padded(bytes));
          const sourceType = merged ? 'f32' : sourceTypes[tensor.dtype];
          assert(sourceType !== undefined, `dtype ${tensor.dtype} was checked`);
          convertRows(recorder, {
            source,
            sourceType,
            rows,
            target: target.weight,
            firstRow: target.firstRow + row,
          });
          recorder.submit();
          // Keeps at most a few uploads in flight, so that queued copies do not pile up in host memory.
          await recorder.settle(2);
        }
      }
      doneBytes += tensor.end - tensor.start;
      options.onProgress?.({ doneBytes, totalBytes, tensor: tensor.name });
    }
    await recorder.settle();
  } finally {
    for (const buffer of staging) buffers.destroy(buffer);
  }
}

/** Rows [row, row + rows) of a tensor as f32 bytes, with their adapters added. */
function mergedBytes(
  tensor: TensorLocation,
  raw: Uint8Array,
  row: number,
  rows: number,
  adapters: ReturnType<typeof adaptersOf>,
): Uint8Array {
  const values = decodeFloats(tensor.dtype, raw);
  addAdapters(values, row, rows, adapters);
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

/** The bytes with a length that is a multiple of 4, as uploads need. */
function padded(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  if (bytes.length % 4 === 0) return bytes as Uint8Array<ArrayBuffer>;
  const copy = new Uint8Array(roundUp(bytes.length, 4));
  copy.set(bytes);
  return copy;
}
