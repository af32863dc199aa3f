import { Buffers, Scratch, wholeRange, type BufferRange } from './buffers.ts';
import { newCounters, type GpuCounters } from './counters.ts';
import {
  GpuDeviceLostError,
  GpuOutOfMemoryError,
  GpuUnavailableError,
  GpuValidationError,
  ShaderCompileError,
} from './errors.ts';
import { PipelineCache } from './pipelineCache.ts';
import { defaultChoices, type KernelChoices } from './variants.ts';

/** What to ask of the adapter. A flag set to false makes the engine behave as if the thing were absent. */
export interface EngineDeviceOptions {
  readonly powerPreference?: GPUPowerPreference;
  readonly f16?: boolean;
  readonly subgroups?: boolean;
  readonly timestamps?: boolean;
  /** false keeps the limits every WebGPU device has: 8 storage buffers, 16 KiB shared, 128 MiB bindings. */
  readonly raisedLimits?: boolean;
  /** Milliseconds that one submit should stay below; 100 by default. */
  readonly submitBudgetMs?: number;
  /** The work takes minutes: kernels that compile for many seconds are worth it where they then run faster. */
  readonly longRun?: boolean;
}

/** Optional WebGPU features that are present and in use. */
export interface EngineFeatures {
  readonly f16: boolean;
  readonly subgroups: boolean;
  readonly timestamps: boolean;
}

/** Who computes: printed in every run record. */
export interface AdapterFacts {
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** 0 when unknown or subgroups are off. */
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;
  /** True for adapters that run on the CPU (SwiftShader, llvmpipe). */
  readonly software: boolean;
}

const raisable = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const;

/** Requests a device from `gpu` (`navigator.gpu`, or Dawn's in Node). Throws `GpuUnavailableError`. */
export async function requestEngineDevice(
  gpu: GPU,
  options: EngineDeviceOptions = {},
): Promise<EngineDevice> {
  const adapter = await gpu.requestAdapter({
    powerPreference: options.powerPreference ?? 'high-performance',
  });
  if (!adapter) {
    throw new GpuUnavailableError('WebGPU gave no adapter', {
      advice: 'use a browser with WebGPU and a GPU driver, or switch to the onnxruntime-web engine',
    });
  }
  const features: EngineFeatures = {
    f16: options.f16 !== false && adapter.features.has('shader-f16'),
    subgroups: options.subgroups !== false && adapter.features.has('subgroups'),
    timestamps: options.timestamps !== false && adapter.features.has('timestamp-query'),
  };
  const requiredFeatures: GPUFeatureName[] = [];
  if (features.f16) requiredFeatures.push('shader-f16');
  if (features.subgroups) requiredFeatures.push('subgroups');
  if (features.timestamps) requiredFeatures.push('timestamp-query');
  const requiredLimits: Record<string, number> = {};
  if (options.raisedLimits !== false) {
    for (const name of raisable) requiredLimits[name] = adapter.limits[name];
  }
  let device: GPUDevice;
  try {
    device = await adapter.requestDevice({ label: 'engine', requiredFeatures, requiredLimits });
  } catch (error) {
    throw new GpuUnavailableError('the adapter refused a device', {
      actual: error instanceof Error ? error.message : String(error),
    });
  }
  return new EngineDevice(gpu, adapter, device, features, options);
}

function adapterFacts(adapter: GPUAdapter, features: EngineFeatures): AdapterFacts {
  const info = adapter.info;
  const text = `${info.vendor} ${info.architecture} ${info.description}`.toLowerCase();
  return {
    vendor: info.vendor,
    architecture: info.architecture,
    device: info.device,
    description: info.description,
    subgroupMinSize: features.subgroups ? (info.subgroupMinSize ?? 0) : 0,
    subgroupMaxSize: features.subgroups ? (info.subgroupMaxSize ?? 0) : 0,
    software: /swiftshader|llvmpipe|basic render|warp/.test(text),
  };
}

/**
 * A device with its account (buffers, counters), compiled kernels and failure state. One per worker; it keeps
 * the gpu and adapter objects alive, since some implementations end the device when they are collected.
 */
export class EngineDevice {
  readonly gpu: GPU;
  readonly adapter: GPUAdapter;
  readonly device: GPUDevice;
  readonly features: EngineFeatures;
  readonly facts: AdapterFacts;
  readonly submitBudgetMs: number;
  readonly counters: GpuCounters = newCounters();
  readonly buffers: Buffers;
  readonly scratch: Scratch;
  readonly pipelines: PipelineCache;
  /** Which variant of each operation runs here; replaced by `tuneKernels`. */
  choices: KernelChoices;
  /** Hears of submitted work that has begun: for hosts whose wait costs something. */
  onWait: ((work: Promise<unknown>) => void) | null = null;
  /** Bound where an optional input is absent. */
  readonly nullRange: BufferRange;
  /** A second one for absent outputs: a buffer may not be bound for reading and writing at once. */
  readonly nullOutput: BufferRange;
  readonly nullStatistics: BufferRange;
  /** Resolves, never rejects, when the device is lost, also by `destroy`. */
  readonly lost: Promise<GpuDeviceLostError>;
  private failed: Error | null = null;
  private destroyed = false;
  private readonly failureListeners = new Set<(error: Error) => void>();

  constructor(
    gpu: GPU,
    adapter: GPUAdapter,
    device: GPUDevice,
    features: EngineFeatures,
    options: Pick<EngineDeviceOptions, 'submitBudgetMs' | 'longRun'>,
  ) {
    this.gpu = gpu;
    this.adapter = adapter;
    this.device = device;
    this.features = features;
    this.submitBudgetMs = options.submitBudgetMs ?? 100;
    this.facts = adapterFacts(adapter, features);
    this.buffers = new Buffers(device, this.counters);
    this.scratch = new Scratch(this.buffers);
    this.pipelines = new PipelineCache(device, this.counters, (error) => this.fail(error));
    this.choices = defaultChoices(this.facts, features, options.longRun ?? false);
    this.nullRange = wholeRange(this.buffers.create('null/input', 256));
    this.nullOutput = wholeRange(this.buffers.create('null/output', 256));
    this.nullStatistics = wholeRange(this.buffers.create('null/statistics', 256));
    device.addEventListener('uncapturederror', (event) => this.fail(this.typedError(event.error)));
    this.lost = device.lost.then((info) => {
      const error = new GpuDeviceLostError(this.destroyed ? 'closed' : info.reason, info.message);
      if (!this.destroyed) this.fail(error, true);
      return error;
    });
  }

  /** Identifies adapter and driver, for caches of measurements. */
  get adapterKey(): string {
    const { vendor, architecture, device, description } = this.facts;
    const flags = [this.features.f16 ? 'f16' : '', this.features.subgroups ? 'subgroups' : ''].filter(
      Boolean,
    );
    return [vendor, architecture, device, description, ...flags].join('/');
  }

  get maxBindingBytes(): number {
    return this.device.limits.maxStorageBufferBindingSize;
  }

  /** Shared memory a workgroup may use, in bytes. */
  get workgroupStorageBytes(): number {
    return this.device.limits.maxComputeWorkgroupStorageSize;
  }

  /** The first failure that no caller was told of yet; everything computed since is void. */
  get failure(): Error | null {
    return this.failed;
  }

  /** Throws the pending failure, if any. */
  throwIfFailed(): void {
    if (this.failed) throw this.failed;
  }

  /** Forgets a failure other than the loss of the device, after its work was discarded. */
  clearFailure(): void {
    if (!(this.failed instanceof GpuDeviceLostError)) this.failed = null;
  }

  /** Is told of each failure as it happens: validation, memory, loss. Returns a function that stops it. */
  onFailure(listener: (error: Error) => void): () => void {
    this.failureListeners.add(listener);
    return () => this.failureListeners.delete(listener);
  }

  /**
   * Runs `action` (synchronous) and waits for WebGPU's verdict on every call it made: rejects with
   * `GpuOutOfMemoryError` or `GpuValidationError` where the plain calls would only fail later. When it fails, the
   * buffers that `action` made are freed: nobody holds them, and a smaller plan needs their room.
   */
  async guard<T>(what: string, action: () => T): Promise<T> {
    const firstId = this.buffers.nextId;
    this.device.pushErrorScope('validation');
    this.device.pushErrorScope('out-of-memory');
    let endId = firstId;
    try {
      let result: T;
      let verdicts: Promise<(GPUError | null)[]>;
      try {
        result = action();
      } finally {
        endId = this.buffers.nextId;
        verdicts = Promise.all([this.device.popErrorScope(), this.device.popErrorScope()]);
        verdicts.catch(() => undefined);
      }
      const errors = await verdicts;
      for (const error of errors) if (error) throw this.typedError(error, what);
      this.throwIfFailed();
      return result;
    } catch (error) {
      this.buffers.discard(firstId, endId);
      throw error;
    }
  }

  /** Ends the device on purpose; `failure` stays as it was. */
  destroy(): void {
    this.destroyed = true;
    this.device.destroy();
  }

  private typedError(error: GPUError, what?: string): Error {
    const where = what === undefined ? {} : { where: what };
    // By name, since the classes of an injected WebGPU implementation are not globals.
    if (error.constructor.name === 'GPUOutOfMemoryError') {
      return new GpuOutOfMemoryError('the GPU is out of memory', this.buffers.allocatedBytes, {
        ...where,
        actual: `${this.buffers.allocatedBytes} bytes allocated`,
        advice: 'choose a smaller context or a smaller weight type',
      });
    }
    return new GpuValidationError(error.message, where);
  }

  private fail(error: Error, overwrite = false): void {
    // A kernel that did not compile makes later calls invalid: the cause is the one to tell.
    const cause = error instanceof ShaderCompileError && this.failed instanceof GpuValidationError;
    if (!this.failed || overwrite || cause) this.failed = error;
    for (const listener of this.failureListeners) listener(error);
  }
}
