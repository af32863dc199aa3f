/* global window, document, performance, requestAnimationFrame, MessageChannel */
/**
 * Measures what a reader feels in headless Chromium, on the built page: frames of the scrolled list of 100,000
 * trajectories, and the time from asking for an example of about 131,072 tokens to the frame that shows its text.
 *
 *   npm run build && node scripts/measurePage.mjs [--rows 100000] [--repeats 7] [--dist dist]
 *
 * The work of the page's thread stands beside each time: on a busy machine the times say little, the work does.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
        // A message posted in a frame is handled after that frame was painted.
        const { port1, port2 } = new MessageChannel();
        port1.onmessage = () => resolve();
        requestAnimationFrame(() => port2.postMessage(null));
      };
      look();
    });
    return performance.now() - started;
  }, hash);
}

const folder = mkdtempSync(join(tmpdir(), 'acc-page-'));
const server = await serve({ root: dist, basePath: '/', policyFor });
const browser = await chromium.launch({
  executablePath: findChromium() ?? '',
  headless: true,
  args: ['--no-sandbox', '--disable-gpu'],
});
try {
  const many = join(folder, 'many.jsonl');
  writeFileSync(
    many,
    Array.from({ length: rows }, (_, n) => JSON.stringify(searchRun(`r${n}`, [pageText(n, 2)]))).join('\n'),
  );
  const long = join(folder, 'long.jsonl');
  const pages = Array.from({ length: 14 }, (_, page) => pageText(page, 190));
  writeFileSync(long, JSON.stringify(searchRun('long', pages)));

  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  await page.goto(`${server.url}#/trajectories`);
  await page.evaluate(() => window.workbench.ready);
  const work = await workClock(page);
  const imported = async (path) => {
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
  };

  await page.evaluate(() => window.workbench.newProject('long'));
  await imported(long);
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

  await page.goto(`${server.url}#/trajectories`);
  await page.evaluate(() => window.workbench.ready);
  await page.evaluate(() => window.workbench.newProject('many'));
  await imported(many);
  const { total } = await page.evaluate(() => window.workbench.listTrajectories({ limit: 1 }));
  await page.getByRole('grid').waitFor();
  await page.waitForTimeout(2000);
  await measureScroll(
    page,
    work,
    `list of ${total} trajectories`,
    '[data-testid="trajectory-scroller"]',
    200,
  );
} finally {
  await browser.close();
  await server.close();
  rmSync(folder, { recursive: true, force: true });
}
