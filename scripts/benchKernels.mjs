#!/usr/bin/env node
/**
 * Times the kernels on Dawn: `npm run bench:kernels -- [lavapipe|swiftshader] [text in the name]`.
 * Without an adapter name the system's first Vulkan driver is used.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const drivers = {
  lavapipe: ['/usr/share/vulkan/icd.d/lvp_icd.json', '/usr/share/vulkan/icd.d/lvp_icd.x86_64.json'],
  swiftshader: ['/usr/lib/chromium/vk_swiftshader_icd.json'],
};
const [adapter, only] = process.argv.slice(2);
const driver = (drivers[adapter] ?? []).find((path) => existsSync(path));
if (driver) process.env.VK_ICD_FILENAMES = driver;
process.env.XDG_RUNTIME_DIR ??= '/tmp';

const outDir = join(root, 'node_modules', '.cache', 'bench-kernels');
await build({
  root,
  configFile: false,
  logLevel: 'error',
  publicDir: false,
  build: {
    ssr: true,
    outDir,
    target: 'node20',
    emptyOutDir: true,
    rollupOptions: {
      input: { bench: join(root, 'src/gpu/bench.ts'), device: join(root, 'src/gpu/device.ts') },
      output: { entryFileNames: '[name].mjs', chunkFileNames: '[name].mjs' },
    },
  },
});
const { create, globals } = await import('webgpu');
Object.assign(globalThis, globals);
const { requestEngineDevice } = await import(join(outDir, 'device.mjs'));
const { benchKernels } = await import(join(outDir, 'bench.mjs'));
const engine = await requestEngineDevice(create([]));
console.log(`${engine.adapterKey}, subgroups of ${engine.facts.subgroupMinSize}`);
console.log('median ms   cpu ms  GFLOP/s  GFLOP/cpu-s     GB/s  dispatches  kernel');
await benchKernels(
  engine,
  (t) =>
    console.log(
      [
        t.medianMs.toFixed(3).padStart(9),
        (t.cpuMs ?? 0).toFixed(2).padStart(8),
        t.gflops.toFixed(2).padStart(8),
        ((t.gflops * t.medianMs) / (t.cpuMs || NaN)).toFixed(2).padStart(12),
        t.gigabytesPerSecond.toFixed(2).padStart(8),
        t.dispatches.toFixed(1).padStart(11),
        ` ${t.name}`,
      ].join(' '),
    ),
  {
    ...(only ? { only } : {}),
    cpuClock: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
  },
);
process.exit(0);
