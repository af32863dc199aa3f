import type { EngineDevice } from '../gpu/device.ts';
import type { GpuProbe } from './engineApi.ts';

const browsers =
  'Chrome or Edge 113, Safari 26, Firefox 141 on Windows or 145 on a Mac; on Linux it depends on the driver';

/** The answer where no device can be had; `reason` is what the browser said. */
export function probeWithoutGpu(reason: string): GpuProbe {
  return {
    tier: 0,
    title: 'This browser gives the page no WebGPU',
    detail: `Running a model needs it (${browsers}); chrome://gpu says why it was refused. ${reason} Opening checkpoints, importing, compiling, reading and exporting work without it.`,
    adapter: null,
    adapterName: '',
    features: null,
    limits: null,
  };
}

function nameOf(engine: EngineDevice): string {
  const { vendor, architecture, device, description } = engine.facts;
  const name = description || [vendor, architecture, device].filter(Boolean).join(' ');
  return name === '' ? 'unnamed adapter' : name;
}

/** What a device can do, in a tier and in words. */
export function probeOf(engine: EngineDevice): GpuProbe {
  const { facts, features, device } = engine;
  const isFallback = engine.adapter.info.isFallbackAdapter || facts.software;
  const tier = isFallback ? 1 : features.f16 ? 3 : 2;
  const words = {
    1: {
      title: 'WebGPU runs in software here',
      detail:
        'There is no graphics card behind it, so only small models run at a bearable speed. All results are the same.',
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
  };
}
