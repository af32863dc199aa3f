import type { EngineDevice } from '../gpu/device.ts';
import type { GpuProbe } from './engineApi.ts';

const browsers =
  'Chrome or Edge 113, Safari 26, Firefox 141 on Windows or 145 on a Mac; on Linux it depends on the driver';

/** The answer where no device can be had; `reason` is what the browser said. */
export function probeWithoutGpu(reason: string, wasmThreads: number): GpuProbe {
  return {
    tier: 0,
    title: 'This browser gives the page no WebGPU',
    detail: `Models run on onnxruntime’s WebAssembly instead, on the CPU in f32: asking, evaluating and measuring work, for checkpoints that fit. Training needs WebGPU (${browsers}); chrome://gpu says why it was refused. ${reason}`,
    adapter: null,
    adapterName: '',
    features: null,
    limits: null,
    wasmThreads,
  };
}

function nameOf(engine: EngineDevice): string {
  const { vendor, architecture, device, description } = engine.facts;
  const name = description || [vendor, architecture, device].filter(Boolean).join(' ');
  return name === '' ? 'unnamed adapter' : name;
}

/** What a device can do, in a tier and in words. */
export function probeOf(engine: EngineDevice, wasmThreads: number): GpuProbe {
  const { facts, features, device } = engine;
  const isFallback = engine.adapter.info.isFallbackAdapter || facts.software;
  const tier = isFallback ? 1 : features.f16 ? 3 : 2;
  const words = {
    1: {
      title: 'WebGPU runs in software here',
      detail:
        'There is no graphics card behind it. Asking, evaluating and measuring are faster on onnxruntime’s WebAssembly, with the same answers; training needs WebGPU.',
    },
    2: {
      title: 'GPU in single precision',
      detail: 'Half-precision arithmetic is not available: everything works, with more memory traffic.',
    },
    3: { title: 'GPU with half precision', detail: 'Everything works at full speed.' },
  }[tier];
  return {
    tier,
    ...words,
    adapter: facts,
    adapterName: nameOf(engine),
    features,
    limits: {
      maxBufferBytes: device.limits.maxBufferSize,
      maxBindingBytes: engine.maxBindingBytes,
      workgroupStorageBytes: engine.workgroupStorageBytes,
    },
    wasmThreads,
  };
}
