import type { BufferRange } from '../../src/gpu/buffers.ts';
import type { EngineDevice } from '../../src/gpu/device.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { createRows, createWeight, type Rows, type Weight, type WeightType } from '../../src/gpu/tensors.ts';
import type { KernelChoices } from '../../src/gpu/variants.ts';
import type { Matrix } from './reference/numbers.ts';
import { packWeight } from './reference/weights.ts';

/** Dimensions of heads with the threads that may share one there: each number once, as each is a kernel to compile. */
export const threadsOfHeads: readonly (readonly [headDim: number, threads: readonly number[]])[] = [
  [32, [1, 4]],
  [96, [8]],
  [128, [2, 16]],
];

/** Runs `action` with other choices of the engine. */
export async function withChoices(
  engine: EngineDevice,
  changes: Partial<KernelChoices>,
  action: () => Promise<void>,
): Promise<void> {
  const before = engine.choices;
  engine.choices = { ...before, ...changes };
  try {
    await action();
  } finally {
    engine.choices = before;
  }
}

/** Moves test data to and from a device; everything it made goes away with `dispose`. */
export class Harness {
  readonly engine: EngineDevice;
  readonly recorder: Recorder;
  private readonly made: BufferRange[] = [];

  constructor(engine: EngineDevice) {
    this.engine = engine;
    this.recorder = new Recorder(engine);
  }

  bytes(label: string, data: ArrayBufferView<ArrayBuffer>): BufferRange {
    const range = this.empty(label, Math.max(data.byteLength, 16));
    if (data.byteLength > 0) this.recorder.upload(range, data);
    return range;
  }

  empty(label: string, sizeBytes: number): BufferRange {
    const range = this.engine.buffers.range(`test/${label}`, sizeBytes);
    this.made.push(range);
    return range;
  }

  uints(values: ArrayLike<number>): BufferRange {
    return this.bytes('uints', Uint32Array.from(values));
  }

  floats(values: ArrayLike<number>): BufferRange {
    const padded = new Float32Array(Math.ceil(values.length / 4) * 4);
    padded.set(values);
    return this.bytes('floats', padded);
  }

  /** Uploads a matrix as activations. */
  rows(matrix: Matrix): Rows {
    const rows = this.emptyRows(matrix.rows, matrix.cols);
    const data = new Float32Array(rows.rows * rows.stride);
    for (let r = 0; r < matrix.rows; r++) {
      data.set(matrix.data.subarray(r * matrix.cols, (r + 1) * matrix.cols), r * rows.stride);
    }
    this.recorder.upload(rows.range, data);
    return rows;
  }

  /** Output filled with a visible wrong value, so that what a kernel fails to write shows. */
  emptyRows(rows: number, cols: number): Rows {
    const made = createRows(this.engine.buffers, 'test/rows', rows, cols);
    this.made.push(made.range);
    this.recorder.upload(made.range, new Float32Array(made.range.size / 4).fill(-777));
    return made;
  }

  /** Uploads a weight; the second result holds the values that its type kept. `maxBindingBytes` forces a split. */
  weight(
    type: WeightType,
    matrix: Matrix,
    maxBindingBytes = this.engine.maxBindingBytes,
    rowGroup = 1,
  ): { weight: Weight; values: Matrix } {
    const weight = createWeight(
      this.engine.buffers,
      'test/weight',
      type,
      matrix.rows,
      matrix.cols,
      maxBindingBytes,
      rowGroup,
    );
    for (const part of weight.parts) {
      this.made.push(part.data);
      const packed = packWeight(type, matrix, part.firstRow, part.rows);
      this.recorder.upload(part.data, packed.data);
      if (part.scales) this.recorder.upload(part.scales, packed.scales);
    }
    return { weight, values: packWeight(type, matrix).values };
  }

  /** The columns of a matrix on the GPU, without padding; throws when the padding is not zero. */
  async read(x: Rows): Promise<Float64Array> {
    const data = await this.recorder.readFloats(x.range);
    const values = new Float64Array(x.rows * x.cols);
    for (let r = 0; r < x.rows; r++) {
      for (let c = 0; c < x.stride; c++) {
        const value = data[x.start + r * x.stride + c]!;
        if (c < x.cols) values[r * x.cols + c] = value;
        else if (value !== 0) throw new Error(`padding of row ${r} holds ${value}`);
      }
    }
    return values;
  }

  dispose(): void {
    for (const range of this.made) this.engine.buffers.destroy(range.buffer);
    this.made.length = 0;
  }
}
