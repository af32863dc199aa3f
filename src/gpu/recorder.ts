import { assert } from '../core/assert.ts';
import { readbackUsage, uniformUsage, type BufferRange, type EngineBuffer } from './buffers.ts';
import type { EngineDevice } from './device.ts';
import type { Kernel, KernelCall, KernelSink } from './kernel.ts';
import { paramSlotBytes, type EnginePipeline } from './pipelineCache.ts';
import { TimeBudget, workUnits } from './timeBudget.ts';

const slotCount = 1024;
/** Bytes of the params arena that every recorder holds. */
export const recorderBytes = slotCount * paramSlotBytes;
const maxWorkgroupsPerDimension = 65535;
const maxBindGroups = 8192;

/** A submit that is recorded whole. */
interface Submit {
  readonly commands: GPUCommandBuffer;
  /** Bytes of its params, from the start of the arena. */
  readonly params: ArrayBuffer;
  readonly paramBytes: number;
  readonly units: number;
}

/**
 * Turns kernel calls into WebGPU commands. Calls gather in one compute pass; `submit` sends them. It submits by
 * itself when the estimated time of what is gathered passes the budget, splitting a long kernel over several
 * dispatches. Params of all calls of a submit go up in one write.
 *
 * What was sent cannot be taken back, and one kernel over a long context may be many submits: of a recorder with a
 * `mostInFlight` only so many are with the GPU, the others wait here, where `discard` drops them.
 */
export class Recorder implements KernelSink {
  readonly engine: EngineDevice;
  readonly budget: TimeBudget;
  private readonly arena: EngineBuffer;
  private readonly arenaGroup: GPUBindGroup;
  private readonly slots = new ArrayBuffer(slotCount * paramSlotBytes);
  private readonly slotWords = new Uint32Array(this.slots);
  private readonly slotFloats = new Float32Array(this.slots);
  private readonly slotInts = new Int32Array(this.slots);
  private usedSlots = 0;
  private encoder: GPUCommandEncoder | null = null;
  private pass: GPUComputePassEncoder | null = null;
  private current: EnginePipeline | null = null;
  private pendingUnits = 0;
  private readonly bindGroups = new Map<string, GPUBindGroup>();
  private readonly keysByBuffer = new Map<number, string[]>();
  /** Submits that have not finished, the oldest first. */
  private readonly inFlight = new Set<Promise<void>>();
  /** Submits that wait for their turn, in order. */
  private readonly held = new Set<Submit>();
  /** Submits that may be with the GPU at a time; uploads and readbacks, which must follow all, send the others too. */
  mostInFlight = Infinity;
  private readonly staging: EngineBuffer[] = [];
  /** Estimated work so far, in units of `workUnits`. */
  readonly work = { submitted: 0, done: 0 };
  /** Hears of every finished submit. */
  onWorkDone: (() => void) | null = null;
  private readonly clock: () => number;
  private readonly stopListening: () => void;

  constructor(engine: EngineDevice, clock: () => number = () => performance.now()) {
    this.engine = engine;
    this.clock = clock;
    this.budget = new TimeBudget(engine.submitBudgetMs);
    this.arena = engine.buffers.create('params/arena', slotCount * paramSlotBytes, uniformUsage);
    this.arenaGroup = engine.device.createBindGroup({
      label: 'params',
      layout: engine.pipelines.paramsLayout,
      entries: [{ binding: 0, resource: { buffer: this.arena.gpu, size: paramSlotBytes } }],
    });
    this.stopListening = engine.buffers.onDestroy((buffer) => this.forget(buffer));
  }

  scratch(name: string, sizeBytes: number): BufferRange {
    return this.engine.scratch.take(name, sizeBytes);
  }

  dispatch<B extends string, P extends string>(call: KernelCall<B, P>): void {
    const pipeline = this.engine.pipelines.get(call.kernel, call.variant);
    const group = this.bindGroup(pipeline, call);
    const units = workUnits(call.cost);
    if (typeof call.workgroups !== 'number') {
      this.makeRoom(units);
      const pass = this.begin(pipeline);
      pass.setBindGroup(0, group);
      pass.setBindGroup(1, this.arenaGroup, [this.writeParams(call, 0, 0xffffffff)]);
      const { indirect, indirectOffset } = call.workgroups;
      pass.dispatchWorkgroupsIndirect(indirect.buffer.gpu, indirect.offset + indirectOffset);
      this.engine.counters.dispatches++;
      this.pendingUnits += units;
      return;
    }
    const total = call.workgroups;
    if (total === 0) return;
    assert(Number.isInteger(total) && total > 0, `${call.kernel.name}: ${total} workgroups`);
    const pieces = Math.min(Math.ceil(this.budget.estimateMs(units) / this.budget.budgetMs), total);
    for (let piece = 0; piece < pieces; piece++) {
      const base = Math.floor((total * piece) / pieces);
      const end = Math.floor((total * (piece + 1)) / pieces);
      this.makeRoom(units / pieces);
      const pass = this.begin(pipeline);
      pass.setBindGroup(0, group);
      pass.setBindGroup(1, this.arenaGroup, [this.writeParams(call, base, end)]);
      const count = end - base;
      const y = Math.ceil(count / maxWorkgroupsPerDimension);
      pass.dispatchWorkgroups(Math.ceil(count / y), y);
      this.engine.counters.dispatches++;
      this.engine.counters.workgroups += count;
      this.pendingUnits += units / pieces;
    }
  }

  /** Copies bytes between buffers, in order with the kernels around it. Offsets and sizes are multiples of 4. */
  copy(from: BufferRange, to: BufferRange, sizeBytes: number = from.size): void {
    assert(sizeBytes <= from.size && sizeBytes <= to.size, `copy of ${sizeBytes} bytes exceeds its ranges`);
    this.endPass();
    this.commandEncoder().copyBufferToBuffer(
      from.buffer.gpu,
      from.offset,
      to.buffer.gpu,
      to.offset,
      sizeBytes,
    );
  }

  /** Sets a range to zero. */
  clear(range: BufferRange): void {
    this.endPass();
    this.commandEncoder().clearBuffer(range.buffer.gpu, range.offset, range.size);
  }

  /**
   * Writes host data at `offset` of a range. Kernels recorded before see the old bytes: if any wait, they are
   * submitted first, so upload a step's inputs before recording it.
   */
  upload(range: BufferRange, data: ArrayBufferView<ArrayBuffer>, offset = 0): void {
    assert(
      offset + data.byteLength <= range.size,
      `upload of ${data.byteLength} bytes to ${range.buffer.label}`,
    );
    if (this.encoder) this.submit();
    this.sendHeld(Infinity);
    const { queue } = this.engine.device;
    queue.writeBuffer(range.buffer.gpu, range.offset + offset, data.buffer, data.byteOffset, data.byteLength);
    this.engine.counters.uploads++;
    this.engine.counters.uploadBytes += data.byteLength;
  }

  /** Sends what is recorded to the GPU, now or in its turn (`mostInFlight`). Throws the engine's pending failure. */
  submit(): void {
    this.engine.throwIfFailed();
    if (this.encoder) {
      this.endPass();
      const paramBytes = this.usedSlots * paramSlotBytes;
      const submit = { commands: this.encoder.finish(), paramBytes, units: this.pendingUnits };
      const isNext = this.held.size === 0 && this.inFlight.size < this.mostInFlight;
      if (isNext) this.send({ ...submit, params: this.slots });
      else this.held.add({ ...submit, params: this.slots.slice(0, paramBytes) });
      this.encoder = null;
      this.usedSlots = 0;
      this.pendingUnits = 0;
    }
    if (this.held.size === 0) this.engine.buffers.sweep();
  }

  /** Drops what is recorded but not with the GPU yet. */
  discard(): void {
    this.held.clear();
    this.endPass();
    this.encoder = null;
    this.usedSlots = 0;
    this.pendingUnits = 0;
  }

  /** Gives up the recorder's own buffers. What is recorded but not submitted is dropped. */
  dispose(): void {
    this.discard();
    this.stopListening();
    this.bindGroups.clear();
    for (const buffer of [this.arena, ...this.staging.splice(0)]) this.engine.buffers.destroy(buffer);
    this.engine.buffers.sweep();
  }

  /**
   * Waits until at most `submits` submits are unfinished, or the signal is aborted: call it in long loops, so that a
   * cancel takes effect.
   */
  async settle(submits = 0, signal?: AbortSignal): Promise<void> {
    while (this.inFlight.size + this.held.size > submits && !signal?.aborted) {
      const [oldest] = this.inFlight;
      await oldest;
    }
    this.engine.throwIfFailed();
  }

  /**
   * Submits and brings ranges back: one submit, one map, whatever the number of ranges. Rejects with the
   * typed error when the work failed or the device went away.
   */
  async read(...ranges: readonly BufferRange[]): Promise<ArrayBuffer[]> {
    let sizeBytes = 0;
    const parts = ranges.map((range) => {
      const at = sizeBytes;
      sizeBytes += range.size;
      return { range, at };
    });
    const staging = this.takeStaging(sizeBytes);
    this.endPass();
    const encoder = this.commandEncoder();
    for (const { range, at } of parts) {
      encoder.copyBufferToBuffer(range.buffer.gpu, range.offset, staging.gpu, at, range.size);
    }
    try {
      this.submit();
      this.sendHeld(Infinity);
      this.engine.counters.readbacks++;
      this.engine.counters.readbackBytes += sizeBytes;
      await staging.gpu.mapAsync(0x1, 0, sizeBytes);
    } catch (error) {
      this.engine.buffers.destroy(staging);
      await this.engine.pipelines.settled();
      this.engine.throwIfFailed();
      // A map that fails alone means that the device is going away; its handler has the reason.
      throw await Promise.race([
        this.engine.lost,
        new Promise<Error>((resolve) => setTimeout(() => resolve(error as Error), 1000)),
      ]);
    }
    const mapped = staging.gpu.getMappedRange(0, sizeBytes);
    const results = parts.map(({ range, at }) => mapped.slice(at, at + range.size));
    staging.gpu.unmap();
    this.staging.push(staging);
    await this.engine.pipelines.settled();
    this.engine.throwIfFailed();
    return results;
  }

  /** `read` of one range as numbers. */
  async readFloats(range: BufferRange): Promise<Float32Array<ArrayBuffer>> {
    const [bytes] = await this.read(range);
    return new Float32Array(bytes ?? new ArrayBuffer(0));
  }

  /** `read` of one range as unsigned integers. */
  async readUints(range: BufferRange): Promise<Uint32Array<ArrayBuffer>> {
    const [bytes] = await this.read(range);
    return new Uint32Array(bytes ?? new ArrayBuffer(0));
  }

  private makeRoom(units: number): void {
    const full = this.usedSlots >= slotCount;
    const late = this.budget.estimateMs(this.pendingUnits + units) > this.budget.budgetMs;
    if (full || (late && this.pendingUnits > 0)) this.submit();
  }

  private commandEncoder(): GPUCommandEncoder {
    this.encoder ??= this.engine.device.createCommandEncoder({ label: 'engine' });
    return this.encoder;
  }

  private begin(pipeline: EnginePipeline): GPUComputePassEncoder {
    if (!this.pass) {
      this.pass = this.commandEncoder().beginComputePass({ label: 'engine' });
      this.engine.counters.passes++;
      this.current = null;
    }
    if (this.current !== pipeline) this.pass.setPipeline(pipeline.gpu);
    this.current = pipeline;
    return this.pass;
  }

  private endPass(): void {
    this.pass?.end();
    this.pass = null;
  }

  /** Writes a params slot and gives its byte offset in the arena. */
  private writeParams<B extends string, P extends string>(
    call: KernelCall<B, P>,
    base: number,
    end: number,
  ): number {
    const slot = this.usedSlots++;
    let word = (slot * paramSlotBytes) / 4;
    this.slotWords[word++] = base;
    this.slotWords[word++] = end;
    const { params } = call.kernel;
    for (const name in params) {
      const value = call.params[name];
      const type = params[name];
      if (type === 'f32') this.slotFloats[word++] = value;
      else if (type === 'i32') this.slotInts[word++] = value;
      else {
        assert(
          value >= 0 && value <= 0xffffffff && Number.isInteger(value),
          `${call.kernel.name}.${name} = ${value}`,
        );
        this.slotWords[word++] = value;
      }
    }
    return slot * paramSlotBytes;
  }

  private bindGroup<B extends string, P extends string>(
    pipeline: EnginePipeline,
    call: KernelCall<B, P>,
  ): GPUBindGroup {
    const ranges: BufferRange[] = [];
    let key = String(pipeline.layoutId);
    for (const name in call.kernel.bindings) {
      const range = call.buffers[name];
      ranges.push(range);
      key += `;${range.buffer.id},${range.offset},${range.size}`;
    }
    const known = this.bindGroups.get(key);
    if (known) return known;
    checkRanges(call.kernel, ranges, this.engine.maxBindingBytes);
    if (this.bindGroups.size >= maxBindGroups) {
      this.bindGroups.clear();
      this.keysByBuffer.clear();
    }
    const group = this.engine.device.createBindGroup({
      label: call.kernel.name,
      layout: pipeline.layout,
      entries: ranges.map((range, binding) => ({
        binding,
        resource: { buffer: range.buffer.gpu, offset: range.offset, size: range.size },
      })),
    });
    this.engine.counters.bindGroupsCreated++;
    this.bindGroups.set(key, group);
    for (const { buffer } of ranges) {
      const keys = this.keysByBuffer.get(buffer.id);
      if (keys) keys.push(key);
      else this.keysByBuffer.set(buffer.id, [key]);
    }
    return group;
  }

  private forget(buffer: EngineBuffer): void {
    for (const key of this.keysByBuffer.get(buffer.id) ?? []) this.bindGroups.delete(key);
    this.keysByBuffer.delete(buffer.id);
  }

  private send({ commands, params, paramBytes, units }: Submit): void {
    const { device, counters, onWait } = this.engine;
    if (paramBytes > 0) device.queue.writeBuffer(this.arena.gpu, 0, params, 0, paramBytes);
    device.queue.submit([commands]);
    counters.submits++;
    this.work.submitted += units;
    const submittedMs = this.clock();
    const done = device.queue.onSubmittedWorkDone().then(
      () => {
        this.budget.observe(units, submittedMs, this.clock());
        this.work.done += units;
        this.onWorkDone?.();
      },
      () => undefined,
    );
    onWait?.(done);
    const entry: Promise<void> = done.then(() => {
      this.inFlight.delete(entry);
      this.sendHeld(this.mostInFlight);
    });
    this.inFlight.add(entry);
  }

  /** Sends waiting submits, in order, while fewer than `mostInFlight` are with the GPU. */
  private sendHeld(mostInFlight: number): void {
    for (const submit of this.held) {
      if (this.inFlight.size >= mostInFlight) return;
      this.held.delete(submit);
      this.send(submit);
    }
  }

  private takeStaging(sizeBytes: number): EngineBuffer {
    const index = this.staging.findIndex((buffer) => buffer.sizeBytes >= sizeBytes);
    if (index >= 0) return this.staging.splice(index, 1)[0]!;
    const smaller = this.staging.pop();
    if (smaller) this.engine.buffers.destroy(smaller);
    return this.engine.buffers.create('readback/staging', sizeBytes, readbackUsage);
  }
}

/** What `build` makes around a new recorder, under `EngineDevice.guard`; when that fails neither stays. */
export async function guardWithRecorder<T>(
  engine: EngineDevice,
  what: string,
  build: (recorder: Recorder) => T,
): Promise<T> {
  const recorder = new Recorder(engine);
  try {
    return await engine.guard(what, () => build(recorder));
  } catch (error) {
    recorder.dispose();
    throw error;
  }
}

function checkRanges(kernel: Kernel, ranges: readonly BufferRange[], maxBindingBytes: number): void {
  const accesses = Object.entries(kernel.bindings);
  ranges.forEach((range, index) => {
    const [name, access] = accesses[index]!;
    const what = `${kernel.name}.${name} (${range.buffer.label})`;
    assert(range.size > 0 && range.size <= maxBindingBytes, `${what} binds ${range.size} bytes`);
    assert(range.offset + range.size <= range.buffer.sizeBytes, `${what} ends behind its buffer`);
    if (access === 'read') return;
    ranges.forEach((other, at) => {
      // One buffer may be written through two separate ranges, but not read and written in one dispatch.
      const apart = other.offset >= range.offset + range.size || range.offset >= other.offset + other.size;
      const fine =
        at === index || other.buffer.id !== range.buffer.id || (apart && accesses[at]![1] === access);
      assert(fine, `${what} is bound twice in one dispatch`);
    });
  });
}
