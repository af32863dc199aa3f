/* global window, document, performance, requestAnimationFrame, MessageChannel, PerformanceObserver */
/**
 * Measures what a reader feels in headless Chromium, on the built page:
 *
 * - `view`: a cold first view from loopback: first and largest paint, layout shift (CLS), work of the page's thread,
 *   JavaScript fetched before it;
 * - `example`: from asking for an example of about 131,072 tokens to the frame that shows its text;
 * - `list`: frames of the scrolled list of 100,000 trajectories, and the page's heap with it;
 * - `tasks`: tasks of the page's thread over 50 ms while importing, compiling and training on the software adapter.
 *
 *   npm run build && node scripts/measurePage.mjs [--what view,example,list,tasks] [--rows 100000] [--repeats 7]
 *
 * The work of the page's thread stands beside each time: on a busy machine the times say little, the work does.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';
import { policyFor } from './policy.mjs';
import { serve } from './serve.mjs';
import { findChromium } from './systemPackages.mjs';

function argument(name, fallback) {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? fallback : process.argv[at + 1];
}
const rows = Number(argument('rows', '100000'));
const repeats = Number(argument('repeats', '7'));
const dist = argument('dist', 'dist');
const wanted = argument('what', 'view,example,list,tasks').split(',');

/** A search run that visits pages of these texts and answers. */
function searchRun(id, pages) {
  const visits = pages.flatMap((text, page) => {
    const call = {
      id: `call_${page}`,
      type: 'function',
      function: { name: 'visit', arguments: JSON.stringify({ url: `https://pages.example/${id}/${page}` }) },
    };
    return [
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: call.id, name: 'visit', content: text },
    ];
  });
  return {
    id,
    question: `Which harbour did the survey of run ${id} begin in?`,
    messages: [
      { role: 'user', content: `Which harbour did the survey of run ${id} begin in?` },
      ...visits,
      { role: 'assistant', content: 'Portansel' },
    ],
    answer: 'Portansel',
    reward: 1,
  };
}

/** Text of different sentences, so that nothing is merged or repeats. */
function pageText(page, sentences) {
  const lines = [`# Log ${page}`];
  for (let n = 0; n < sentences; n++) {
    const day = (page * sentences + n) * 7919;
    lines.push(
      `On day ${day} of the survey the crew of boat ${day % 97} measured ${(day % 1013) / 10} metres of water near ` +
        `mark ${day % 389}, set out from Portansel and noted wind from the ${['north', 'east', 'south', 'west'][day % 4]}.`,
    );
  }
  return lines.join('\n');
}

/** Milliseconds of work of the page's own thread so far. */
async function workClock(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
  return async () => {
    const { metrics } = await devtools.send('Performance.getMetrics');
    return 1000 * (metrics.find(({ name }) => name === 'TaskDuration')?.value ?? 0);
  };
}

function sorted(values) {
  return [...values].sort((a, b) => a - b);
}
const median = (values) => sorted(values)[values.length >> 1];
const percentile = (values, share) => sorted(values)[Math.floor(values.length * share)];

/** Gaps between frames while an element is scrolled by a step each frame. */
function frameGaps(page, selector, step, count) {
  return page.evaluate(
    async ([query, by, frames]) => {
      const element = document.querySelector(query);
      const gaps = [];
      let last = await new Promise(requestAnimationFrame);
      for (let frame = 0; frame < frames; frame++) {
        element.scrollTop += by;
        const now = await new Promise(requestAnimationFrame);
        gaps.push(now - last);
        last = now;
      }
      return gaps;
    },
    [selector, step, count],
  );
}

async function measureScroll(page, work, what, selector, step) {
  const before = await work();
  const gaps = await frameGaps(page, selector, step, 300);
  const perFrame = ((await work()) - before) / gaps.length;
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
  console.log(
    `${what}: ${(1000 / mean).toFixed(1)} frames a second, frame ${median(gaps).toFixed(1)} ms median, ` +
      `${percentile(gaps, 0.95).toFixed(1)} ms 95th percentile; ${perFrame.toFixed(1)} ms work a frame`,
  );
}

/** From asking for the example to the frame that shows its text, painted. */
function firstPaint(page, hash) {
  return page.evaluate(async (address) => {
    const started = performance.now();
    window.workbench.goTo(address);
    await new Promise((resolve) => {
      const look = () => {
        if (!document.querySelector('.qa-reader[data-state=ready] .qa-block'))
          return void requestAnimationFrame(look);
        // A message posted before a frame is painted is handled after that.
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => resolve();
        port2.postMessage(null);
      };
      requestAnimationFrame(look);
    });
    return performance.now() - started;
  }, hash);
}

/** Tasks of the page's own thread over 50 ms, gathered from the page's start on. */
function watchTasks(page) {
  return page.addInitScript(() => {
    window.longTasks = [];
    const keep = (list) => window.longTasks.push(...list.getEntries().map(({ duration }) => duration));
    new PerformanceObserver(keep).observe({ type: 'longtask', buffered: true });
  });
}

/** Prints the long tasks since the last call. */
async function reportTasks(page, what) {
  // An observer is told after the task.
  await page.waitForTimeout(200);
  const tasks = await page.evaluate(() => window.longTasks.splice(0));
  const over = tasks.filter((ms) => ms > 100);
  console.log(
    `${what}: ${tasks.length} tasks over 50 ms, ${over.length} over 100 ms` +
      (tasks.length > 0 ? `, the longest ${Math.max(...tasks).toFixed(0)} ms` : ''),
  );
}

/** Gives the page a file and waits for the import's end. */
async function imported(page, path) {
  const job = page.evaluate(
    () =>
      new Promise((resolve) => {
        const stop = window.workbench.on('job', (each) => {
          if (each.kind !== 'import' || each.phase === 'running') return;
          stop();
          resolve(each.message);
        });
      }),
  );
  await page.getByTestId('file-input').first().setInputFiles(path);
  await job;
}

/** A cold first view: a browser context of its own, no cache, no service worker yet. */
async function measureView(browser) {
  const views = [];
  for (let run = 0; run < repeats; run++) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await watchTasks(page);
    await page.addInitScript(() => {
      window.paints = { largest: 0, shift: 0 };
      new PerformanceObserver((list) => {
        window.paints.largest = list.getEntries().at(-1).startTime;
      }).observe({ type: 'largest-contentful-paint', buffered: true });
      new PerformanceObserver((list) => {
        for (const { value, hadRecentInput } of list.getEntries()) {
          if (!hadRecentInput) window.paints.shift += value;
        }
      }).observe({ type: 'layout-shift', buffered: true });
    });
    const work = await workClock(page);
    const scripts = [];
    page.on('response', (response) => {
      if (response.request().resourceType() === 'script' && response.frame() === page.mainFrame()) {
        scripts.push(response.body().then((body) => ({ url: response.url(), bytes: gzipSync(body).length })));
      }
    });
    await page.goto(server.url);
    await page.getByRole('heading', { level: 1 }).waitFor();
    const before = scripts.slice();
    await page.waitForTimeout(1500);
    const paints = await page.evaluate(() => ({
      ...window.paints,
      first: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
      longest: Math.max(0, ...window.longTasks),
    }));
    const sizes = await Promise.all(before);
    const kilobytes = (isWorker) =>
      sizes.reduce(
        (sum, { url, bytes }) => sum + (url.includes('.worker-') === isWorker ? bytes / 1000 : 0),
        0,
      );
    views.push({ ...paints, work: await work(), js: kilobytes(false), worker: kilobytes(true) });
    await context.close();
  }
  const of = (name) => median(views.map((view) => view[name]));
  console.log(
    `cold first view, median of ${repeats}: first paint ${of('first').toFixed(0)} ms, largest ${of('largest').toFixed(0)} ms ` +
      `(${sorted(views.map(({ largest }) => largest))
        .map((ms) => ms.toFixed(0))
        .join(', ')}), ` +
      `layout shift ${of('shift').toFixed(3)}, longest task ${of('longest').toFixed(0)} ms, ` +
      `${of('work').toFixed(0)} ms work of the page's thread, JavaScript of the page ${of('js').toFixed(0)} kB gzipped, of the worker beside it ${of('worker').toFixed(0)} kB`,
  );
}

/** An example of about 131,072 tokens, opened again and again. */
async function measureExample(page, work) {
  const long = join(folder, 'long.jsonl');
  const pages = Array.from({ length: 14 }, (_, each) => pageText(each, 190));
  writeFileSync(long, JSON.stringify(searchRun('long', pages)));
  await page.evaluate(() => window.workbench.newProject('long'));
  await imported(page, long);
  const set = await page.evaluate(() => window.workbench.compile());
  const [example] = (await page.evaluate((id) => window.workbench.listExamples(id), set.id)).rows;
  if (!example) throw new Error('the long run was not compiled');
  const times = [];
  const works = [];
  for (let run = 0; run < repeats; run++) {
    await page.evaluate((id) => window.workbench.goTo(`#/qa/${id}`), set.id);
    await page.locator('.qa-reader').waitFor({ state: 'detached' });
    // Table and charts finish first.
    await page.waitForTimeout(1000);
    const before = await work();
    times.push(await firstPaint(page, `#/qa/${set.id}/${example.id}`));
    works.push((await work()) - before);
  }
  console.log(
    `QA example of ${example.promptTokens} tokens: first paint ${median(times).toFixed(0)} ms median of ${repeats} ` +
      `(${sorted(times)
        .map((time) => time.toFixed(0))
        .join(', ')}), ${median(works).toFixed(0)} ms work of the page's thread`,
  );
  await measureScroll(page, work, 'its text scrolled', '.qa-context', 400);
}

/** Megabytes of the page's own heap after a collection. */
async function pageHeapMB(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('HeapProfiler.collectGarbage');
  return (await devtools.send('Runtime.getHeapUsage')).usedSize / 1e6;
}

/** The list of many trajectories, scrolled. */
async function measureList(page, work) {
  const many = join(folder, 'many.jsonl');
  writeFileSync(
    many,
    Array.from({ length: rows }, (_, n) => JSON.stringify(searchRun(`r${n}`, [pageText(n, 2)]))).join('\n'),
  );
  await page.goto(`${server.url}#/trajectories`);
  await page.evaluate(() => window.workbench.ready);
  await page.evaluate(() => window.workbench.newProject('many'));
  const started = performance.now();
  await imported(page, many);
  const seconds = (performance.now() - started) / 1000;
  const { total } = await page.evaluate(() => window.workbench.listTrajectories({ limit: 1 }));
  await page.getByRole('grid').waitFor();
  await page.waitForTimeout(2000);
  const what = `list of ${total} trajectories`;
  await measureScroll(page, work, what, '[data-testid="trajectory-scroller"]', 200);
  console.log(
    `${what}: imported in ${seconds.toFixed(1)} s; page heap ${(await pageHeapMB(page)).toFixed(0)} MB`,
  );
}

/** Long tasks of the work that takes long, with the view of that work open. */
async function measureTasks() {
  const withGpu = await chromium.launch({
    executablePath: findChromium() ?? '',
    headless: true,
    args: ['--no-sandbox', '--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  });
  try {
    const page = await (await withGpu.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    await watchTasks(page);
    await page.goto(`${server.url}#/trajectories`);
    await page.evaluate(() => window.workbench.ready);
    await page.waitForTimeout(1000);
    await reportTasks(page, 'first view of Trajectories');
    const file = join(folder, 'tasks.jsonl');
    const count = Math.min(rows, 20_000);
    writeFileSync(
      file,
      Array.from({ length: count }, (_, n) => JSON.stringify(searchRun(`t${n}`, [pageText(n, 2)]))).join(
        '\n',
      ),
    );
    await imported(page, file);
    await page.getByRole('grid').waitFor();
    await reportTasks(page, `importing ${count} trajectories`);
    await page.evaluate(() => window.workbench.goTo('#/compile'));
    await page.waitForTimeout(1500);
    await reportTasks(page, 'opening Compile');
    const set = await page.evaluate(() => window.workbench.compile());
    await page.waitForTimeout(1500);
    await reportTasks(page, `compiling ${set.exampleCount} examples`);
    await page.evaluate(() => window.workbench.goTo('#/train'));
    await page.getByRole('button', { name: /^Open world-moe/ }).click();
    await page.getByTestId('training-plan').getByText('of GPU memory').waitFor();
    await reportTasks(page, 'opening Train with a model');
    const recipe = { steps: 6, epochs: null, evalShare: 0, checkpointSteps: 3 };
    const run = await page.evaluate(([id, config]) => window.workbench.train(id, config), [set.id, recipe]);
    await page.waitForTimeout(1500);
    await reportTasks(page, `training ${run.record.ledger.steps} steps`);
  } finally {
    await withGpu.close();
  }
}

const folder = mkdtempSync(join(tmpdir(), 'acc-page-'));
const server = await serve({ root: dist, basePath: '/', policyFor });
const browser = await chromium.launch({
  executablePath: findChromium() ?? '',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  if (wanted.includes('view')) await measureView(browser);
  if (wanted.includes('example') || wanted.includes('list')) {
    const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
    await page.goto(`${server.url}#/trajectories`);
    await page.evaluate(() => window.workbench.ready);
    const work = await workClock(page);
    if (wanted.includes('example')) await measureExample(page, work);
    if (wanted.includes('list')) await measureList(page, work);
  }
  if (wanted.includes('tasks')) await measureTasks();
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}
