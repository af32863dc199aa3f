import { useEffect, useState } from 'react';

/** What this machine can do for the model side, found without asking for any optional feature. */
export interface Capability {
  readonly tier: 0 | 1 | 2 | 3;
  readonly label: string;
  /** Why, and what it means, in a sentence or two. */
  readonly detail: string;
}

const noGpu: Capability = {
  tier: 0,
  label: 'No WebGPU',
  detail:
    'Everything but training works: models run on onnxruntime’s WebAssembly instead. Training needs a browser with WebGPU (Chrome or Edge 113, Safari 26, a recent Firefox) and a graphics driver it accepts; chrome://gpu says why it was refused.',
};

async function findCapability(): Promise<Capability> {
  if (!('gpu' in navigator)) return noGpu;
  const adapter = await navigator.gpu.requestAdapter().catch(() => null);
  if (!adapter) return noGpu;
  const name =
    [adapter.info.vendor, adapter.info.architecture].filter(Boolean).join(' ') || 'unnamed adapter';
  if (adapter.info.isFallbackAdapter) {
    return {
      tier: 1,
      label: 'WebGPU in software',
      detail: `The browser renders without a graphics card (${name}); models run faster on onnxruntime’s WebAssembly, which the Model view offers.`,
    };
  }
  return adapter.features.has('shader-f16')
    ? { tier: 3, label: 'WebGPU with f16', detail: `${name}: half precision is available.` }
    : {
        tier: 2,
        label: 'WebGPU',
        detail: `${name}: single precision only, so models need twice the memory.`,
      };
}

/** The capability of this browser; null while it is being asked. */
export function useCapability(): Capability | null {
  const [capability, setCapability] = useState<Capability | null>(null);
  useEffect(() => {
    let isCurrent = true;
    void findCapability().then((found) => {
      if (isCurrent) setCapability(found);
    });
    return () => {
      isCurrent = false;
    };
  }, []);
  return capability;
}
