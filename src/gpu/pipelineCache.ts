import { messageOf, throwIfCancelled } from '../core/errors.ts';
import type { GpuCounters } from './counters.ts';
import { ShaderCompileError, type ShaderMessage } from './errors.ts';
import { kernelText, variantKey, type Kernel, type KernelSink, type KernelVariant } from './kernel.ts';
import type { BufferRange } from './buffers.ts';
import type { EngineDevice } from './device.ts';
import type { KernelCall } from './kernel.ts';

/** Bytes of a params slot in the uniform arena: WebGPU's default offset alignment. */
export const paramSlotBytes = 256;

/** A compiled kernel variant and the layout of its storage bindings. */
export interface EnginePipeline {
  readonly id: number;
  readonly gpu: GPUComputePipeline;
  readonly bindingNames: readonly string[];
  readonly layout: GPUBindGroupLayout;
  readonly layoutId: number;
}

/** A pipeline that will be needed. */
export interface PipelineRequest {
  readonly kernel: Kernel;
  readonly variant: KernelVariant;
}

interface Layout {
  readonly id: number;
  readonly group: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
}

/** Compiles each kernel variant once. */
export class PipelineCache {
  private readonly pipelines = new Map<string, EnginePipeline>();
  private readonly compiling = new Map<string, Promise<EnginePipeline>>();
  private readonly layouts = new Map<string, Layout>();
  /** Compilations started by `get` whose outcome is not known yet. */
  private readonly verdicts = new Set<Promise<void>>();
  private readonly device: GPUDevice;
  private readonly counters: GpuCounters;
  private readonly onError: (error: Error) => void;
  /** The layout of group 1: one uniform buffer with a dynamic offset. */
  readonly paramsLayout: GPUBindGroupLayout;

  constructor(device: GPUDevice, counters: GpuCounters, onError: (error: Error) => void) {
    this.device = device;
    this.counters = counters;
    this.onError = onError;
    this.paramsLayout = device.createBindGroupLayout({
      label: 'params',
      entries: [
        {
          binding: 0,
          visibility: 0x4, // GPUShaderStage.COMPUTE
          buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: paramSlotBytes },
        },
      ],
    });
  }

  get size(): number {
    return this.pipelines.size;
  }

  /**
   * The pipeline of a variant. One that was not prepared is compiled on the spot (the caller waits); an error
   * in it then reaches the device's failure state.
   */
  get(kernel: Kernel, variant: KernelVariant): EnginePipeline {
    const key = variantKey(kernel, variant);
    const ready = this.pipelines.get(key);
    if (ready) return ready;
    this.device.pushErrorScope('validation');
    const { module, descriptor, layout } = this.describe(kernel, variant, key);
    const gpu = this.device.createComputePipeline(descriptor);
    const verdict: Promise<void> = this.device
      .popErrorScope()
      .then(
        async (error) => {
          if (error) this.onError(await compileError(kernel, variant, error.message, module));
        },
        () => undefined,
      )
      .finally(() => this.verdicts.delete(verdict));
    this.verdicts.add(verdict);
    return this.remember(key, kernel, gpu, layout);
  }

  /**
   * Compiles all that are missing, in parallel. Rejects with `ShaderCompileError` for the first that fails.
   * @param onProgress is told how many of how many are ready.
   */
  async prepare(
    requests: readonly PipelineRequest[],
    onProgress?: (done: number, total: number) => void,
    signal?: AbortSignal,
  ): Promise<void> {
    const missing = new Map<string, PipelineRequest>();
    for (const request of requests) {
      const key = variantKey(request.kernel, request.variant);
      if (!this.pipelines.has(key)) missing.set(key, request);
    }
    let done = 0;
    const total = missing.size;
    onProgress?.(0, total);
    const jobs = [...missing].map(async ([key, { kernel, variant }]) => {
      throwIfCancelled(signal, 'compiling kernels');
      await this.compile(key, kernel, variant);
      done++;
      onProgress?.(done, total);
    });
    const outcomes = await Promise.allSettled(jobs);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason as Error;
    throwIfCancelled(signal, 'compiling kernels');
  }

  /** Resolves when the outcome of every compilation is known (and reported, if bad). */
  async settled(): Promise<void> {
    await Promise.all(this.verdicts);
  }

  private compile(key: string, kernel: Kernel, variant: KernelVariant): Promise<EnginePipeline> {
    const running = this.compiling.get(key);
    if (running) return running;
    this.device.pushErrorScope('validation');
    const { module, descriptor, layout } = this.describe(kernel, variant, key);
    const verdict = this.device.popErrorScope();
    const job = (async () => {
      try {
        const gpu = await this.device.createComputePipelineAsync(descriptor);
        const error = await verdict;
        if (error) throw new Error(error.message);
        return this.remember(key, kernel, gpu, layout);
      } catch (error) {
        throw await compileError(kernel, variant, messageOf(error), module);
      } finally {
        this.compiling.delete(key);
      }
    })();
    this.compiling.set(key, job);
    return job;
  }

  private describe(
    kernel: Kernel,
    variant: KernelVariant,
    key: string,
  ): { module: GPUShaderModule; descriptor: GPUComputePipelineDescriptor; layout: Layout } {
    const layout = this.layoutOf(kernel);
    const module = this.device.createShaderModule({
      label: key,
      code: kernelText(kernel, variant),
    });
    const descriptor: GPUComputePipelineDescriptor = {
      label: key,
      layout: layout.pipeline,
      compute: { module, constants: { ...variant.overrides } },
    };
    return { module, descriptor, layout };
  }

  private layoutOf(kernel: Kernel): Layout {
    const accesses = Object.values(kernel.bindings);
    const key = accesses.join();
    const known = this.layouts.get(key);
    if (known) return known;
    const group = this.device.createBindGroupLayout({
      label: key,
      entries: accesses.map((access, binding) => ({
        binding,
        visibility: 0x4,
        buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
      })),
    });
    const pipeline = this.device.createPipelineLayout({
      label: key,
      bindGroupLayouts: [group, this.paramsLayout],
    });
    const layout = { id: this.layouts.size, group, pipeline };
    this.layouts.set(key, layout);
    return layout;
  }

  private remember(key: string, kernel: Kernel, gpu: GPUComputePipeline, layout: Layout): EnginePipeline {
    const pipeline: EnginePipeline = {
      id: this.pipelines.size,
      gpu,
      bindingNames: Object.keys(kernel.bindings),
      layout: layout.group,
      layoutId: layout.id,
    };
    this.pipelines.set(key, pipeline);
    this.counters.pipelinesCreated++;
    return pipeline;
  }
}

async function compileError(
  kernel: Kernel,
  variant: KernelVariant,
  reason: string,
  module: GPUShaderModule,
): Promise<ShaderCompileError> {
  const lines = kernelText(kernel, variant).split('\n');
  let messages: ShaderMessage[] = [];
  try {
    const info = await module.getCompilationInfo();
    messages = info.messages.map((message) => ({
      type: message.type,
      line: message.lineNum,
      column: message.linePos,
      message: message.message,
      sourceLine: lines[message.lineNum - 1] ?? '',
    }));
  } catch {
    // The device may be gone; the reason alone must do.
  }
  return new ShaderCompileError(variantKey(kernel, variant), reason, messages);
}

/**
 * Notes which pipelines a computation needs without running it: hand it to the same functions that would
 * record the work, then `prepare` what it collected.
 */
export class PipelineCollector implements KernelSink {
  readonly engine: EngineDevice;
  private readonly wanted = new Map<string, PipelineRequest>();

  constructor(engine: EngineDevice) {
    this.engine = engine;
  }

  dispatch<B extends string, P extends string>(call: KernelCall<B, P>): void {
    const kernel: Kernel = call.kernel;
    this.wanted.set(variantKey(kernel, call.variant), { kernel, variant: call.variant });
  }

  scratch(name: string, sizeBytes: number): BufferRange {
    // Never executed, so any buffer may stand for it.
    const buffer = { ...this.engine.nullRange.buffer, label: `collected/${name}`, sizeBytes };
    return { buffer, offset: 0, size: sizeBytes };
  }

  get requests(): PipelineRequest[] {
    return [...this.wanted.values()];
  }
}
