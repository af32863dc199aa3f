/** Bundles one module of src for a script to import, since Node runs no TypeScript here. */
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

/** The exports of a TypeScript module, given by its path in the repository. */
export async function importSource(path) {
  const { build } = await import('vite');
  const outDir = join(root, '.cache', 'scripts', path.replace(/\W/g, '_'));
  mkdirSync(outDir, { recursive: true });
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    build: {
      ssr: join(root, path),
      outDir,
      target: 'node20',
      emptyOutDir: true,
      rollupOptions: { output: { entryFileNames: 'module.mjs' } },
    },
  });
  return import(pathToFileURL(join(outDir, 'module.mjs')).href);
}
