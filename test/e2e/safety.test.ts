import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeViolationsOfThemes } from '../ui/harness/startHarness.ts';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const views = [
  'start',
  'trajectories',
  'compile',
  'qa',
  'model',
  'train',
  'evaluate',
  'mechanism',
  'compare',
];

const hostile = [
  '<script>window.broken = 1</script>',
  '<img src=x onerror="window.broken = 1">',
  '<svg onload="window.broken = 1"><a href="javascript:window.broken=1">click</a></svg>',
  '\u001b]0;title\u0007\u001b[2J\u001b[31mred',
  'abc\u202etxt.exe\u2066',
  '{{ constructor.constructor("window.broken = 1")() }}',
  '](javascript:window.broken=1)',
].join('\n');

/** A search run in which every text is hostile, and keys and numbers are. */
function hostileRun(id: string): string {
  const page = (n: number): string => `${hostile} The answer of page ${n} is number ${n * 7}.`;
  return JSON.stringify({
    id,
    question: `${hostile} What is the answer of page 3?`,
    answer: '21',
    prediction: '21',
    messages: [
      { role: 'user', content: `${hostile} What is the answer of page 3?` },
      ...[1, 2, 3].flatMap((n) => [
        {
          role: 'assistant',
          content: null,
          reasoning_content: hostile,
          tool_calls: [
            {
              id: `c${n}`,
              type: 'function',
              function: { name: 'visit', arguments: JSON.stringify({ url: `javascript:alert(${n})` }) },
            },
          ],
        },
        { role: 'tool', tool_call_id: `c${n}`, name: 'visit', content: page(n) },
      ]),
      { role: 'assistant', content: '21' },
    ],
  }).replace(
    '"id"',
    '"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"big":1e999,"id"',
  );
}

describe.skipIf(browserSkipReason)(
  `a hostile or demanding visitor${browserSkipReason ? `: ${browserSkipReason}` : ''}`,
  () => {
    let built: BuiltPage;
    beforeAll(async () => {
      built = await startBuiltPage();
    });
    afterAll(() => built.close());

    it('reads hostile texts as text, in every view, and runs none of them', async () => {
      const { page, context, problems } = await built.newPage();
      page.on('dialog', (dialog) => problems.push(`dialog: ${dialog.message()}`));
      await page.goto(built.url);
      const ids = ['<b>bold</b>', '../../etc/passwd', 'a\u202eb'];
      await page.evaluate(async (lines) => {
        await window.workbench.ready;
        await window.workbench.importFiles([new File([lines], '<img src=x onerror=alert(1)>.jsonl')]);
      }, ids.map(hostileRun).join('\n'));
      const listed = await page.evaluate(async () => (await window.workbench.listTrajectories()).rows);
      expect(listed).toHaveLength(3);
      await page.evaluate(() => window.workbench.compile({ name: '<i>set</i>' }));
      for (const view of views) {
        await page.goto(`${built.url}#/${view}`);
        await page.locator('#main').waitFor();
        await page.waitForTimeout(150);
      }
      await page.goto(`${built.url}#/trajectories/${encodeURIComponent(String(listed[0]?.id))}`);
      await page.getByTestId('trajectory-reader').waitFor();
      await page.getByText('window.broken = 1', { exact: false }).first().waitFor();
      const found = await page.evaluate(() => ({
        broken: 'broken' in window,
        polluted: 'polluted' in {},
        foreign: document.querySelectorAll('#main script, [onerror], [onload], a[href^="javascript:"]')
          .length,
      }));
      expect(found).toEqual({ broken: false, polluted: false, foreign: 0 });
      expect(problems).toEqual([]);
      await context.close();
    });

    it('breaks no accessibility rule in any view, empty and with the samples, light and dark', async () => {
      const { page, context, problems } = await built.newPage({ reducedMotion: 'reduce' });
      const broken: string[] = [];
      const look = async (state: string): Promise<void> => {
        for (const view of views) {
          await page.goto(`${built.url}#/${view}`);
          // A view's code arrives after its address.
          await page.getByRole('heading', { level: 1 }).first().waitFor({ timeout: 8000 });
          for (const rule of await axeViolationsOfThemes(page)) broken.push(`${view}, ${state}: ${rule}`);
        }
      };
      await page.goto(built.url);
      await page.evaluate(() => window.workbench.ready);
      await look('empty');
      await page.goto(built.url);
      await page.getByRole('button', { name: 'Open the samples' }).click();
      await page.getByRole('grid', { name: 'Trajectories' }).waitFor();
      await page.evaluate(() => window.workbench.compile({ name: 'samples' }));
      await look('samples');
      expect(broken).toEqual([]);
      expect(problems).toEqual([]);
      await context.close();
    });

    it('loads little beside its workers before the first view', async () => {
      const { page, context } = await built.newPage();
      const scripts: string[] = [];
      page.on('response', (response) => {
        const { pathname } = new URL(response.url());
        // Workers start beside the first view, which does not wait for them.
        if (pathname.endsWith('.js') && !/worker/i.test(pathname)) scripts.push(response.url());
      });
      const started = Date.now();
      await page.goto(built.url);
      await page.getByRole('button', { name: 'Open the samples' }).waitFor();
      const seen = Date.now() - started;
      const beforeView = [...scripts];
      const base = resolve(import.meta.dirname, process.env['ACC_DIST'] ?? '../../dist');
      const bytes = beforeView.map(
        (url) => gzipSync(readFileSync(resolve(base, url.slice(built.url.length)))).length,
      );
      const total = bytes.reduce((sum, each) => sum + each, 0);
      console.log(
        `first view after ${seen} ms, ${beforeView.length} scripts, ${(total / 1000).toFixed(0)} kB gzipped`,
      );
      expect(total).toBeLessThan(250_000);
      await context.close();
    });
  },
);
