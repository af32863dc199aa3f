import { EnvironmentError, messageOf } from '../core/errors.ts';
import { requestEngineDevice, type EngineDevice, type EngineDeviceOptions } from '../gpu/device.ts';
import { subgroupsAreLinear, withoutSubgroups } from '../gpu/tune.ts';

let gpu: GPU | undefined;
/** What the probe found, by adapter: devices opened later need not run it again. */
const linearSubgroups = new Map<string, boolean>();

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
  const engine = await requestEngineDevice(await openNodeGpu(), options);
  if (engine.facts.software) engine.onWait = dozeDuring;
  await trustSubgroups(engine);
  return engine;
}

/** Kernels are not timed here as in the page; but subgroups are used only where a probe finds them as expected. */
async function trustSubgroups(engine: EngineDevice): Promise<void> {
  if (!engine.choices.subgroups) return;
  const { adapterKey } = engine;
  const isLinear = linearSubgroups.get(adapterKey) ?? (await subgroupsAreLinear(engine));
  linearSubgroups.set(adapterKey, isLinear);
  if (!isLinear) engine.choices = withoutSubgroups(engine.choices);
}

/** Long beside a turn of the event loop, short beside a submit on a CPU. */
const dozeMs = 0.3;
const never = new Int32Array(new SharedArrayBuffer(4));
let awaited = 0;
let isDozing = false;

/**
 * Dawn in Node polls in every turn of the event loop, which takes a core from a driver that computes on the CPU: while
 * work is awaited, each turn sleeps a little.
 */
function dozeDuring(work: Promise<unknown>): void {
  awaited++;
  void work.finally(() => awaited--);
  if (isDozing) return;
  isDozing = true;
  setImmediate(doze);
}

function doze(): void {
  isDozing = awaited > 0;
  if (!isDozing) return;
  Atomics.wait(never, 0, 0, dozeMs);
  setImmediate(doze);
}
