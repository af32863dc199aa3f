#!/usr/bin/env node
/** The `acc` command: bundles src/cli once (again when a source is newer), then runs it. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bundle = join(root, 'dist-acc', 'acc.mjs');

function newestMtime(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestMtime(path) : statSync(path).mtimeMs);
  }
  return newest;
}

async function bundleCli() {
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

const sources = [join(root, 'src'), join(root, 'shaders')].filter(existsSync);
if (!existsSync(bundle) || sources.some((folder) => newestMtime(folder) > statSync(bundle).mtimeMs)) {
  await bundleCli();
}
const { main } = await import(bundle);
process.exit(await main(process.argv.slice(2)));
