import { EnvironmentError, messageOf } from '../core/errors.ts';
import { requestEngineDevice, type EngineDevice, type EngineDeviceOptions } from '../gpu/device.ts';

let gpu: GPU | undefined;

/** WebGPU in Node: Dawn, from the npm package `webgpu`. Throws `EnvironmentError` where it cannot start. */
export async function openNodeGpu(): Promise<GPU> {
  if (!gpu) {
    // Vulkan loaders on Linux complain without it.
    process.env['XDG_RUNTIME_DIR'] ??= '/tmp';
    try {
      const { create, globals } = await import('webgpu');
      Object.assign(globalThis, globals);
      gpu = create([]);
    } catch (error) {
      throw new EnvironmentError('no-webgpu', 'WebGPU cannot start in Node here', {
        actual: messageOf(error),
        advice: 'install the npm package "webgpu" for this platform and a Vulkan, Metal or D3D12 driver',
      });
    }
  }
  return gpu;
}

/** Our engine on `openNodeGpu`. */
export async function openNodeEngine(options: EngineDeviceOptions = {}): Promise<EngineDevice> {
  return requestEngineDevice(await openNodeGpu(), options);
}
