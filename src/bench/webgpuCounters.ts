/** What any engine asked of WebGPU, counted by wrapping the API's own methods: exact, whoever calls. */
export interface WebGpuCounts {
  dispatches: number;
  submits: number;
  readbacks: number;
  buffers: number;
  pipelines: number;
}

const counts: WebGpuCounts = { dispatches: 0, submits: 0, readbacks: 0, buffers: 0, pipelines: 0 };
let installed = false;

type Method = (...args: unknown[]) => unknown;

function wrap(owner: object | undefined, name: string, key: keyof WebGpuCounts): void {
  if (!owner) return;
  const methods = owner as Record<string, Method>;
  const original = methods[name];
  if (typeof original !== 'function') return;
  methods[name] = function (this: unknown, ...args: unknown[]) {
    counts[key]++;
    return original.apply(this, args);
  };
}

/**
 * Starts counting for every engine in this page or process; call before any device is made. In Node the classes
 * are those of the given device and of objects it makes.
 */
export function countWebGpu(): void {
  if (installed) return;
  installed = true;
  const scope = globalThis as unknown as Record<string, { prototype: object } | undefined>;
  wrap(scope['GPUComputePassEncoder']?.prototype, 'dispatchWorkgroups', 'dispatches');
  wrap(scope['GPUComputePassEncoder']?.prototype, 'dispatchWorkgroupsIndirect', 'dispatches');
  wrap(scope['GPUQueue']?.prototype, 'submit', 'submits');
  wrap(scope['GPUBuffer']?.prototype, 'mapAsync', 'readbacks');
  wrap(scope['GPUDevice']?.prototype, 'createBuffer', 'buffers');
  wrap(scope['GPUDevice']?.prototype, 'createComputePipeline', 'pipelines');
  wrap(scope['GPUDevice']?.prototype, 'createComputePipelineAsync', 'pipelines');
}

/** The counts so far. */
export function webGpuCounts(): WebGpuCounts {
  return { ...counts };
}

/** What `action` asked of WebGPU, per `times` repetitions of its work. */
export async function countedPer(times: number, action: () => Promise<void>): Promise<WebGpuCounts> {
  const before = webGpuCounts();
  await action();
  const after = webGpuCounts();
  const per = (key: keyof WebGpuCounts): number => (after[key] - before[key]) / times;
  return {
    dispatches: per('dispatches'),
    submits: per('submits'),
    readbacks: per('readbacks'),
    buffers: per('buffers'),
    pipelines: per('pipelines'),
  };
}

/**
 * Hides subgroups from every device requested later, until the returned function is called: some engines give wrong
 * results where subgroups are smaller than they assume. All features of that name go, since a device with
 * `subgroup-size-control` has subgroups whether it asked for them or not.
 */
export function hideSubgroups(): () => void {
  const scope = globalThis as unknown as Record<string, { prototype: object } | undefined>;
  const owner = scope['GPUAdapter']?.prototype as Record<string, Method> | undefined;
  const original = owner?.['requestDevice'];
  if (!owner || !original) return () => undefined;
  owner['requestDevice'] = function (this: unknown, descriptor?: unknown) {
    const wanted = (descriptor ?? {}) as GPUDeviceDescriptor;
    const requiredFeatures = [...(wanted.requiredFeatures ?? [])].filter(
      // What is no string becomes one when a device is requested; tfjs passes such.
      (feature) => !String(feature).startsWith('subgroup'),
    );
    return original.call(this, { ...wanted, requiredFeatures });
  };
  return () => {
    owner['requestDevice'] = original;
  };
}
