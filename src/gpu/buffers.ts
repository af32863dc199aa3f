import { assert } from '../core/assert.ts';
import type { GpuCounters } from './counters.ts';
import { GpuOutOfMemoryError } from './errors.ts';

/** A GPU buffer with the facts the engine keeps about it. Whoever asked for it destroys it (`Buffers.destroy`). */
export interface EngineBuffer {
  /** Unique per device; part of the bind-group cache key. */
  readonly id: number;
  readonly label: string;
  readonly sizeBytes: number;
  readonly gpu: GPUBuffer;
}

/** Bytes [offset, offset + size) of a buffer, as a kernel binds them. `offset` is a multiple of 256. */
export interface BufferRange {
  readonly buffer: EngineBuffer;
  readonly offset: number;
  readonly size: number;
}

/** WebGPU's `minStorageBufferOffsetAlignment` at its default, which every adapter accepts. */
export const bindingAlignment = 256;

/** `value` rounded up to a multiple of `step`. */
export function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

/** The whole of a buffer as a range. */
export function wholeRange(buffer: EngineBuffer): BufferRange {
  return { buffer, offset: 0, size: buffer.sizeBytes };
}

/** A part of a range; `offset` counts from the range's start and is a multiple of 256 bytes. */
export function subRange(range: BufferRange, offset: number, size: number): BufferRange {
  assert(offset % bindingAlignment === 0, `offset ${offset} in ${range.buffer.label} is not aligned to 256`);
  assert(offset + size <= range.size, `bytes ${offset}+${size} exceed ${range.buffer.label} (${range.size})`);
  return { buffer: range.buffer, offset: range.offset + offset, size };
}

/** STORAGE | COPY_SRC | COPY_DST | INDIRECT, spelled as numbers so that no WebGPU global is needed. */
const storageUsage = 0x0080 | 0x0004 | 0x0008 | 0x0100;
export const uniformUsage = 0x0040 | 0x0008;
export const readbackUsage = 0x0001 | 0x0008;

/**
 * Creates and destroys every buffer of a device, and keeps the account: allocated bytes by label and their
 * peak. Labels are paths ("weights/layer 3/down"); the account groups by what stands before the first '/'.
 */
export class Buffers {
  private readonly live = new Map<number, EngineBuffer>();
  private readonly dying: EngineBuffer[] = [];
  private readonly listeners = new Set<(buffer: EngineBuffer) => void>();
  private next = 1;
  private allocated = 0;
  private peak = 0;
  private readonly device: GPUDevice;
  private readonly counters: GpuCounters;

  constructor(device: GPUDevice, counters: GpuCounters) {
    this.device = device;
    this.counters = counters;
  }

  /** Zero-filled buffer of at least `sizeBytes` (rounded up to 16). Throws when the device cannot hold such a size. */
  create(label: string, sizeBytes: number, usage: number = storageUsage): EngineBuffer {
    assert(Number.isInteger(sizeBytes) && sizeBytes >= 0, `buffer ${label} of ${sizeBytes} bytes`);
    const size = Math.max(roundUp(sizeBytes, 16), 16);
    if (size > this.device.limits.maxBufferSize) {
      throw new GpuOutOfMemoryError(`buffer "${label}" is larger than this device allows`, this.allocated, {
        expected: `at most ${this.device.limits.maxBufferSize} bytes`,
        actual: `${size} bytes`,
        advice: 'choose a smaller context or a smaller weight type',
      });
    }
    const gpu = this.device.createBuffer({ label, size, usage });
    const buffer: EngineBuffer = { id: this.next++, label, sizeBytes: size, gpu };
    this.live.set(buffer.id, buffer);
    this.allocated += size;
    this.peak = Math.max(this.peak, this.allocated);
    this.counters.buffersCreated++;
    return buffer;
  }

  /** A storage buffer as one range. */
  range(label: string, sizeBytes: number): BufferRange {
    return wholeRange(this.create(label, sizeBytes));
  }

  /**
   * Gives the buffer up. Its memory is freed after the next submit, since commands already recorded but not
   * yet submitted may still name it (destroying it earlier would void that whole submit).
   */
  destroy(buffer: EngineBuffer): void {
    if (!this.live.delete(buffer.id)) return;
    this.allocated -= buffer.sizeBytes;
    this.counters.buffersDestroyed++;
    this.dying.push(buffer);
    for (const listener of this.listeners) listener(buffer);
  }

  /** Frees what was given up. Called by the recorder right after a submit, and before any when nothing is recorded. */
  sweep(): void {
    for (const buffer of this.dying) buffer.gpu.destroy();
    this.dying.length = 0;
  }

  /** Destroys and frees at once those still live of the buffers that were made from `firstId` on, before `endId`. */
  discard(firstId: number, endId: number): void {
    for (let id = firstId; id < endId; id++) {
      const buffer = this.live.get(id);
      if (!buffer) continue;
      this.destroy(buffer);
      buffer.gpu.destroy();
    }
  }

  /** Calls `listener` for each destroyed buffer (caches that name it drop their entries). Returns what stops it. */
  onDestroy(listener: (buffer: EngineBuffer) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Id of the buffer that is made next. */
  get nextId(): number {
    return this.next;
  }

  get allocatedBytes(): number {
    return this.allocated;
  }

  get peakBytes(): number {
    return this.peak;
  }

  /** Starts the peak anew from what is allocated now. */
  resetPeak(): void {
    this.peak = this.allocated;
  }

  /** Allocated bytes by the first part of the label, largest first. */
  bytesByGroup(): { group: string; sizeBytes: number }[] {
    const groups = new Map<string, number>();
    for (const buffer of this.live.values()) {
      const group = buffer.label.split('/', 1)[0] ?? buffer.label;
      groups.set(group, (groups.get(group) ?? 0) + buffer.sizeBytes);
    }
    return [...groups]
      .map(([group, sizeBytes]) => ({ group, sizeBytes }))
      .sort((a, b) => b.sizeBytes - a.sizeBytes || (a.group < b.group ? -1 : 1));
  }
}

/**
 * Scratch memory by name. The first `take` of a name makes a buffer, later ones give the same memory again, so
 * after the first step of a repeated computation nothing is created. A larger request grows the buffer (the old
 * one is given up). Contents survive only until the next writer of the same name.
 */
export class Scratch {
  private readonly slots = new Map<string, EngineBuffer>();
  private readonly buffers: Buffers;

  constructor(buffers: Buffers) {
    this.buffers = buffers;
    buffers.onDestroy((buffer) => {
      for (const [name, held] of this.slots) if (held === buffer) this.slots.delete(name);
    });
  }

  /** `sizeBytes` bytes known as `name`. Never hold a range across a larger `take` of the same name. */
  take(name: string, sizeBytes: number): BufferRange {
    let buffer = this.slots.get(name);
    if (!buffer || buffer.sizeBytes < sizeBytes) {
      if (buffer) this.buffers.destroy(buffer);
      buffer = this.buffers.create(`scratch/${name}`, sizeBytes);
      this.slots.set(name, buffer);
    }
    return { buffer, offset: 0, size: Math.max(roundUp(sizeBytes, 16), 16) };
  }

  /** Bytes held by all names. */
  get sizeBytes(): number {
    let total = 0;
    for (const buffer of this.slots.values()) total += buffer.sizeBytes;
    return total;
  }

  /** Bytes by name. */
  get sizes(): ReadonlyMap<string, number> {
    return new Map([...this.slots].map(([name, buffer]) => [name, buffer.sizeBytes]));
  }

  /** Gives up every name. */
  clear(): void {
    for (const buffer of this.slots.values()) this.buffers.destroy(buffer);
  }
}
