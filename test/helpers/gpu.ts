import { existsSync } from 'node:fs';
import { requestEngineDevice, type EngineDevice, type EngineDeviceOptions } from '../../src/gpu/device.ts';

/** Vulkan drivers that Dawn can use in Node, by the name the tests print. */
const driverFiles: Record<string, readonly string[]> = {
  lavapipe: ['/usr/share/vulkan/icd.d/lvp_icd.json', '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json'],
  swiftshader: ['/usr/lib/chromium/vk_swiftshader_icd.json'],
};

/** Adapter under test, from ACC_TEST_ADAPTER (`lavapipe` by default, or `swiftshader`). */
export const adapterName = process.env['ACC_TEST_ADAPTER'] ?? 'lavapipe';

const driver = (driverFiles[adapterName] ?? []).find((path) => existsSync(path));
if (driver) {
  process.env['VK_ICD_FILENAMES'] = driver;
  process.env['XDG_RUNTIME_DIR'] ??= '/tmp';
  // llvmpipe spends most of these tests optimising kernels that run for a moment.
  if (adapterName === 'lavapipe') process.env['GALLIVM_PERF'] ??= 'nopt';
}

let gpu: GPU | undefined;

/** The `navigator.gpu` of Dawn on the adapter under test; null (tests skip) when its driver is not installed. */
export async function nodeGpu(): Promise<GPU | null> {
  if (!driver) return null;
  if (!gpu) {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    gpu = create([]);
  }
  return gpu;
}

export const gpuSkipReason = `no Vulkan driver for ${adapterName} is installed`;

/** The conditions every kernel must be right under; labels go into test names. */
export const engineModes: readonly { readonly name: string; readonly options: EngineDeviceOptions }[] = [
  { name: 'as it is', options: {} },
  {
    name: 'no subgroups, no f16, default limits',
    options: { subgroups: false, f16: false, raisedLimits: false },
  },
];

const engines = new Map<string, Promise<EngineDevice | null>>();

/** A device for these options, shared by the tests of a file; null when there is no driver. */
export function testEngine(options: EngineDeviceOptions = {}): Promise<EngineDevice | null> {
  const key = JSON.stringify(options);
  let engine = engines.get(key);
  if (!engine) {
    engine = nodeGpu().then((found) => (found ? requestEngineDevice(found, options) : null));
    engines.set(key, engine);
  }
  return engine;
}

/** True when kernel tests can run here. */
export const hasGpu = driver !== undefined;
