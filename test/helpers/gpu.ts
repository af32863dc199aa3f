import { existsSync } from 'node:fs';

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
