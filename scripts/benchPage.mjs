/** Builds the page of `acc bench` and runs requests on it in headless Chromium on the SwiftShader adapter. */
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serve } from './serve.mjs';
import { findChromium } from './systemPackages.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

async function buildPage(outDir) {
  const { build } = await import('vite');
  await build({
    root,
    configFile: false,
    logLevel: 'error',
    publicDir: false,
    base: './',
    build: {
      outDir,
      emptyOutDir: true,
      target: 'es2023',
      chunkSizeWarningLimit: 10000,
      rolldownOptions: {
        input: join(root, 'src/bench/page.ts'),
        output: { entryFileNames: 'bench.js' },
      },
    },
  });
  cpSync(join(root, 'public/models/world-moe-3m'), join(outDir, 'box'), { recursive: true });
  writeFileSync(
    join(outDir, 'index.html'),
    '<!doctype html><meta charset="utf-8"><title>bench</title><script type="module" src="bench.js"></script>\n',
  );
}

/**
 * Runs each request in a fresh page of one browser; resolves to the reports as parsed JSON.
 * @param {readonly object[]} requests
 * @param {(message: string) => void} progress
 */
export async function benchInChromium(requests, progress) {
  const executablePath = findChromium();
  if (!executablePath) throw new Error('Chromium is not installed; set ACC_CHROMIUM to its path');
  const { chromium } = await import('playwright-core');
  const outDir = mkdtempSync(join(tmpdir(), 'acc-bench-'));
  let server = null;
  let browser = null;
  try {
    progress('building the page');
    await buildPage(outDir);
    server = await serve({ root: outDir });
    browser = await chromium.launch({
      executablePath,
      headless: true,
      args: ['--no-sandbox', '--no-first-run', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
    });
    const reports = [];
    for (const request of requests) {
      const page = await browser.newPage();
      page.on('console', (message) => progress(message.text()));
      page.on('pageerror', (error) => progress(`page error: ${error.message}`));
      await page.goto(server.url);
      await page.waitForFunction(() => 'runBench' in globalThis);
      reports.push(JSON.parse(await page.evaluate((wanted) => globalThis.runBench(wanted), request)));
      await page.close();
    }
    return reports;
  } finally {
    await browser?.close();
    await server?.close();
    rmSync(outDir, { recursive: true, force: true });
  }
}
