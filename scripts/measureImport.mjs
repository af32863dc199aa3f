/* global window, document, performance, requestAnimationFrame, setInterval, clearInterval */
/**
 * Measures the page on large inputs in headless Chromium: import of a JSONL and a Parquet file (1 GB each by
 * default), heap of the page and of all its workers, cancel latency, frames per second of the scrolled table.
 *
 *   node scripts/measureImport.mjs [--megabytes 1000] [--dist dist] [--folder DIR]
 *
 * The inputs are made by repeating the sample records under new ids, and kept in the folder for the next time.
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetWriteRows } from './samples/parquetRows.mjs';
import { chromium } from 'playwright-core';
import { policyFor } from './policy.mjs';
import { serve } from './serve.mjs';
import { findChromium } from './systemPackages.mjs';

function argument(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
}
const megabytes = Number(argument('megabytes', '1000'));
const dist = argument('dist', 'dist');
const folder = argument('folder', join(tmpdir(), 'acc-measure'));
mkdirSync(folder, { recursive: true });

const records = readFileSync('public/samples/search-runs.jsonl', 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line));

function makeJsonLines(path) {
  if (existsSync(path)) return;
  const file = openSync(path, 'w');
  let size = 0;
  for (let i = 0; size < megabytes * 1e6;) {
    let block = '';
    while (block.length < 4e6) {
      const record = records[i % records.length];
      block += `${JSON.stringify({ ...record, id: `${record.id}-${i++}` })}\n`;
    }
    size += writeSync(file, block);
  }
  closeSync(file);
}

async function measure(page, path) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send('Performance.enable');
  const heap = async () =>
    (await cdp.send('Performance.getMetrics')).metrics.find(({ name }) => name === 'JSHeapUsedSize').value /
    1e6;
  let highest = 0;
  const watch = setInterval(() => {
    heap().then(
      (value) => (highest = Math.max(highest, value)),
      () => undefined,
    );
  }, 250);
  await page.evaluate((name) => window.workbench.newProject(name), path);
  const started = Date.now();
  await page.getByTestId('file-input').first().setInputFiles(path);
  const result = await page.evaluate(async () => {
    for (;;) {
      const job = await new Promise((resolve) => {
        const stop = window.workbench.on('job', (each) => {
          if (each.kind !== 'import' || each.phase === 'running') return;
          stop();
          resolve(each);
        });
      });
      const { total } = await window.workbench.listTrajectories({ limit: 1 });
      return { phase: job.phase, message: job.message, elapsedMs: job.elapsedMs, total };
    }
  });
  clearInterval(watch);
  const seconds = (Date.now() - started) / 1000;
  await cdp.send('HeapProfiler.collectGarbage');
  const after = await heap();
  const all = await page
    .evaluate(async () => (await performance.measureUserAgentSpecificMemory()).bytes / 1e6)
    .catch(() => NaN);
  const size = statSync(path).size / 1e6;
  return {
    ...result,
    sizeMB: Math.round(size),
    seconds,
    mbPerSecond: size / seconds,
    pageHeapPeakMB: highest,
    pageHeapAfterMB: after,
    pageAndWorkersMB: all,
  };
}

async function scroll(page) {
  return page.evaluate(async () => {
    const scroller = document.querySelector('[data-testid="trajectory-scroller"]');
    const step = 0.25 * scroller.clientHeight;
    const frames = [];
    await new Promise((done) => {
      let left = 300;
      let last = performance.now();
      const tick = (now) => {
        frames.push(now - last);
        last = now;
        scroller.scrollTop += step;
        if (--left > 0) requestAnimationFrame(tick);
        else done();
      };
      requestAnimationFrame(tick);
    });
    // Jumps all over the list, as by dragging the scroll bar.
    const jumps = [];
    for (let i = 0; i < 60; i++) {
      const at = performance.now();
      scroller.scrollTop = ((i * 7919) % 100) * 0.01 * scroller.scrollHeight;
      await new Promise((next) => requestAnimationFrame(() => requestAnimationFrame(next)));
      jumps.push(performance.now() - at);
    }
    const sorted = frames.slice(1).sort((a, b) => a - b);
    jumps.sort((a, b) => a - b);
    return {
      rows: Number(document.querySelector('[role="grid"]').getAttribute('aria-rowcount')) - 1,
      framesPerSecond: 1000 / (sorted.reduce((sum, ms) => sum + ms, 0) / sorted.length),
      medianFrameMs: sorted[sorted.length >> 1],
      p95FrameMs: sorted[Math.floor(sorted.length * 0.95)],
      medianJumpMs: jumps[jumps.length >> 1],
    };
  });
}

async function cancelLatency(page, path) {
  await page.evaluate(() => window.workbench.newProject('cancel'));
  await page.getByTestId('file-input').first().setInputFiles(path);
  return page.evaluate(async () => {
    const job = await new Promise((resolve) => {
      const stop = window.workbench.on('job', (each) => {
        if (each.phase !== 'running' || each.doneBytes < 2e7) return;
        stop();
        resolve(each);
      });
    });
    const asked = performance.now();
    const ended = new Promise((resolve) => {
      window.workbench.on('job', (each) => {
        if (each.id === job.id && each.phase !== 'running') resolve(performance.now());
      });
    });
    window.workbench.cancel(job.id);
    return (await ended) - asked;
  });
}

const jsonLines = join(folder, `repeated-${megabytes}.jsonl`);
const parquet = join(folder, `repeated-${megabytes}.parquet`);
makeJsonLines(jsonLines);
await parquetWriteRows(parquet, records, megabytes * 1e6);

const server = await serve({ root: dist, basePath: '/', policyFor });
const browser = await chromium.launch({
  executablePath: findChromium() ?? '',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu'],
});
const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
await page.goto(`${server.url}#/trajectories`);
await page.evaluate(() => window.workbench.ready);

const print = (name, values) =>
  console.log(
    name,
    JSON.stringify(values, (_, value) => (typeof value === 'number' ? Number(value.toFixed(1)) : value)),
  );
print('jsonl', await measure(page, jsonLines));
await page.goto(`${server.url}#/trajectories`);
await page.getByRole('grid').waitFor();
print('scroll', await scroll(page));
print('cancel ms', await cancelLatency(page, jsonLines));
print('parquet', await measure(page, parquet));
await browser.close();
await server.close();
