/** Bundles src/cli into dist-acc, which Node runs without the sources: for scripts/acc.mjs and for `npm pack`. */
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** Writes dist-acc/acc.mjs and its chunks. */
export async function bundleCli() {
  const { build } = await import('vite');
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    build: {
      ssr: join(root, 'src/cli/acc.ts'),
      outDir: join(root, 'dist-acc'),
      target: 'node20',
      emptyOutDir: true,
      rollupOptions: { output: { entryFileNames: 'acc.mjs', chunkFileNames: '[name].mjs' } },
    },
  });
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await bundleCli();
