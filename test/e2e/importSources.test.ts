import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

const samples = resolve(import.meta.dirname, '../../public/samples');
const patient = { timeout: 20_000 };

/** Another origin: `/open.jsonl` may be read by any page, `/closed.jsonl` may not. */
function startOtherOrigin(): Promise<{ server: Server; url: string }> {
  const body = readFileSync(join(samples, 'search-runs.jsonl'));
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/open')) response.setHeader('Access-Control-Allow-Origin', '*');
    response.end(body);
  });
  return new Promise((started) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      started({ server, url: `http://127.0.0.1:${port}` });
    });
  });
}

async function total(page: Page): Promise<number> {
  return page.evaluate(async () => (await window.workbench.listTrajectories({ limit: 1 })).total);
}

describe.skipIf(browserSkipReason)(
  `ways to import${browserSkipReason ? `: ${browserSkipReason}` : ''}`,
  () => {
    let built: BuiltPage;
    let other: Awaited<ReturnType<typeof startOtherOrigin>>;
    beforeAll(async () => {
      built = await startBuiltPage();
      other = await startOtherOrigin();
    });
    afterAll(async () => {
      other.server.close();
      await built.close();
    });

    it('an address of another origin, typed by the reader; one that forbids it says what to do', async () => {
      const { page, context } = await built.newPage();
      await page.goto(built.url);
      const field = page.getByRole('textbox', { name: /address, or pasted JSON/ });
      await field.fill(`${other.url}/open.jsonl`);
      await page.getByRole('button', { name: 'Import', exact: true }).click();
      await expect.poll(() => total(page), patient).toBe(5);
      // The records are counted as they arrive; the copy is kept a moment later.
      await expect
        .poll(
          () => page.evaluate(async () => (await window.workbench.inspect()).map(({ file }) => file)),
          patient,
        )
        .toMatchObject([{ path: 'open.jsonl', phase: 'done', keptBy: 'copy' }]);

      const failed = await page.evaluate(async (url) => {
        const [added] = await window.workbench.importFiles([url]);
        return added;
      }, `${other.url}/closed.jsonl`);
      expect(failed?.phase).toBe('failed');
      expect(failed?.message).toContain('download the file and drop it here');
      await context.close();
    });

    it('an address of another origin, although what fetches it did not load at first', async () => {
      const { page, context } = await built.newPage({ serviceWorkers: 'block' });
      await context.route('**/relay.js', (route) => route.abort(), { times: 1 });
      await page.goto(built.url);
      const added = await page.evaluate(async (url) => {
        const [file] = await window.workbench.importFiles([url]);
        return file;
      }, `${other.url}/open.jsonl`);
      expect(added).toMatchObject({ phase: 'done', trajectoryCount: 5 });
      await context.close();
    });

    it('pasted JSON', async () => {
      const { page, context, problems } = await built.newPage();
      await page.goto(`${built.url}#/trajectories`);
      await page.evaluate(() => window.workbench.ready);
      const text = JSON.stringify([
        { role: 'user', content: 'What is the tide at noon?' },
        { role: 'assistant', content: 'It is 3.4 metres.' },
      ]);
      await page.evaluate((pasted) => {
        const data = new DataTransfer();
        data.setData('text/plain', pasted);
        document.body.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true }));
      }, text);
      await expect.poll(() => total(page), patient).toBe(1);
      expect(problems).toEqual([]);
      await context.close();
    });

    it('a folder: one entry, every file in it, back after a reload', async () => {
      const folder = mkdtempSync(join(tmpdir(), 'acc-folder-'));
      mkdirSync(join(folder, 'runs/deep'), { recursive: true });
      for (const name of ['runs/a.traj', 'runs/deep/b.traj']) {
        writeFileSync(join(folder, name), readFileSync(join(samples, 'tidemark__tidemark-27.traj')));
      }
      writeFileSync(join(folder, 'runs/notes.txt'), 'not a trajectory');
      const { page, context, problems } = await built.newPage();
      await page.goto(`${built.url}#/trajectories`);
      await page.getByTestId('folder-input').first().setInputFiles(join(folder, 'runs'));
      await expect.poll(() => total(page), patient).toBe(2);
      await page.evaluate(() => new Promise((next) => setTimeout(next, 800)));
      await page.reload();
      await expect.poll(() => total(page), patient).toBe(2);
      const after = await page.evaluate(async () => {
        const { rows } = await window.workbench.listTrajectories();
        const [entry] = await window.workbench.inspect();
        const opened = await window.workbench.openTrajectory(rows[1]?.id ?? '');
        return { files: rows.map((row) => row.file), entry: entry?.file, steps: opened.steps.length };
      });
      rmSync(folder, { recursive: true });
      expect(after.files).toEqual(['runs/a.traj', 'runs/deep/b.traj']);
      expect(after.entry).toMatchObject({ isFolder: true, memberCount: 3, keptBy: 'copy', phase: 'done' });
      expect(after.steps).toBeGreaterThan(5);
      expect(problems).toEqual([]);
      await context.close();
    });
  },
);
