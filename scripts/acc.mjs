#!/usr/bin/env node
/**
 * The `acc` command. In a checkout it bundles src/cli once (again when a source is newer), then runs it; an installed
 * package brings the bundle and neither sources nor vite.
 */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bundle = join(root, 'dist-acc', 'acc.mjs');
/** package.json holds the version that records state. */
const sources = ['src', 'shaders', 'package.json'].map((name) => join(root, name)).filter(existsSync);

function newestMtime(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  return Math.max(0, ...readdirSync(path).map((name) => newestMtime(join(path, name))));
}

function isFresh() {
  return existsSync(bundle) && sources.every((path) => newestMtime(path) <= statSync(bundle).mtimeMs);
}

if (existsSync(join(root, 'src')) && !isFresh()) {
  try {
    const { bundleCli } = await import('./bundleCli.mjs');
    await bundleCli();
  } catch (error) {
    if (error.code !== 'ERR_MODULE_NOT_FOUND') throw error;
    // Installed without vite: a bundle that is there still runs.
    const what = existsSync(bundle) ? 'older than its sources' : 'not there';
    console.error(`acc: the bundle in dist-acc is ${what}, and vite, which makes it, is missing: run npm ci`);
    if (!existsSync(bundle)) process.exit(2);
  }
}
const { main } = await import(pathToFileURL(bundle).href);
process.exit(await main(process.argv.slice(2)));
