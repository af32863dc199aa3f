/* global window, document, performance, requestAnimationFrame */
/**
 * Measures the map of the queries in headless Chromium without WebGPU: embedding by the model in the box, neighbours,
 * UMAP, twice with one seed (what `wallMs` has beside them is embedding by the model); then how long the picture takes to
 * be drawn again while it is zoomed.
 *
 *   node scripts/measureQueryMap.mjs --queries FILE [--count 10000] [--rounds 2] [--dist dist]
 *
 * FILE: JSON lines of {id, kind, question, tokens}, e.g. cut from examples.jsonl.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { policyFor } from './policy.mjs';
import { serve } from './serve.mjs';
import { findChromium } from './systemPackages.mjs';

function argument(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
}
const count = Number(argument('count', '10000'));
const rounds = Number(argument('rounds', '2'));
const rows = readFileSync(argument('queries'), 'utf8')
  .trim()
  .split('\n')
  .slice(0, count)
  .map((line) => JSON.parse(line));
const texts = {
  ids: rows.map(({ id }, index) => `${id}-${index}`),
  kinds: rows.map(({ kind }) => kind),
  questions: rows.map(({ question }) => question),
  tokens: rows.map(({ tokens }) => tokens ?? 0),
};

const server = await serve({ root: argument('dist', 'dist'), policyFor });
const browser = await chromium.launch({
  executablePath: findChromium() ?? '',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  const page = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  await page.goto(`${server.url}#/qa`);
  await page.evaluate(async () => {
    await window.workbench.ready;
    await window.workbench.openSamples();
    window.measuredSet = (await window.workbench.compile({ options: { budget: 1500 } })).id;
    await window.workbench.loadModel('models/world-moe-3m/', { contextLength: 1024 });
  });
  const maps = [];
  for (let round = 0; round < rounds; round++) {
    const startMs = Date.now();
    const made = await page.evaluate(async (given) => {
      const map = await window.workbench.mapQueries(window.measuredSet, { texts: given });
      const { bytes } = await performance.measureUserAgentSpecificMemory();
      const { plane, elapsedMs, pairCount, purity, trustworthiness } = map;
      return {
        plane: [...plane],
        elapsedMs,
        pairCount,
        purity,
        trustworthiness,
        memoryMB: Math.round(bytes / 1e6),
      };
    }, texts);
    const { plane, ...rest } = made;
    const sha256 = createHash('sha256')
      .update(Buffer.from(Float32Array.from(plane).buffer))
      .digest('hex');
    maps.push({ wallMs: Date.now() - startMs, ...rest, sha256 });
    process.stderr.write(`${JSON.stringify(maps.at(-1))}\n`);
  }
  await page.evaluate(() => (window.location.hash = '#/qa'));
  await page.getByText('Map of the queries', { exact: true }).click();
  await page.getByTestId('query-map').locator('canvas').waitFor();
  const zoomMs = await page.evaluate(async () => {
    const canvas = document.querySelector('[data-testid=query-map] canvas');
    canvas.focus();
    const spent = [];
    for (let i = 0; i < 30; i++) {
      const started = performance.now();
      const key = i % 10 === 9 ? '0' : '+';
      canvas.dispatchEvent(new window.KeyboardEvent('keydown', { key, bubbles: true }));
      await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
      spent.push(performance.now() - started);
    }
    return spent.sort((a, b) => a - b)[15];
  });
  process.stdout.write(
    `${JSON.stringify({ queries: rows.length, maps, same: maps.every(({ sha256 }) => sha256 === maps[0].sha256), zoomMs }, null, 2)}\n`,
  );
} finally {
  await browser.close();
  await server.close();
}
