import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

/** Serves what another server does without its headers, and logs that differ at each request, readable by any page. */
async function startBareHost(of: string): Promise<{ url: string; close: () => void }> {
  const { origin, pathname } = new URL(of);
  let requests = 0;
  const server = createServer((request, response) => {
    const path = request.url ?? '/';
    if (path.endsWith('.jsonl') && !path.includes('/samples/')) {
      const run = { id: `r${++requests}`, messages: [{ role: 'user', content: 'Why?' }, { role: 'assistant', content: 'So.' }] }; // prettier-ignore
      response.writeHead(200, { 'Access-Control-Allow-Origin': '*' }).end(JSON.stringify(run));
      return;
    }
    void fetch(origin + path).then(async (answer) => {
      response.writeHead(answer.status, { 'Content-Type': answer.headers.get('content-type') ?? '' });
      response.end(new Uint8Array(await answer.arrayBuffer()));
    });
  });
  await new Promise<void>((started) => server.listen(0, '127.0.0.1', started));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}${pathname}`, close: () => void server.close() };
}

describe('the built page under a sub-path of a static host', () => {
  let built: BuiltPage | undefined;
  beforeAll(async () => {
    if (!browserSkipReason) built = await startBuiltPage();
  });
  afterAll(() => built?.close());

  it('is isolated, asks no other origin, and works without a network from the second visit on', async (context) => {
    if (!built) return context.skip(browserSkipReason ?? '');
    const { page, context: browserContext, problems } = await built.newPage();
    await page.goto(built.url);
    await page.getByRole('heading', { level: 1 }).waitFor();
    expect(await page.evaluate(() => window.crossOriginIsolated)).toBe(true);
    await page.evaluate(() => navigator.serviceWorker.ready.then(() => undefined));
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);

    await browserContext.setOffline(true);
    await page.reload();
    await page.getByRole('heading', { level: 1 }).waitFor();
    expect(await page.evaluate(() => window.crossOriginIsolated)).toBe(true);
    // Views and samples that were never opened come from the cache too.
    await page.getByRole('button', { name: 'Open the samples' }).click();
    await page.getByRole('row').nth(5).waitFor();
    expect(problems).toEqual([]);
    await browserContext.close();
  });

  it('refuses other origins by policy, in the page and in workers', async (context) => {
    if (!built) return context.skip(browserSkipReason ?? '');
    const { page, context: browserContext } = await built.newPage();
    const script = page.waitForResponse(/data\.worker/);
    await page.goto(built.url);
    const outcome = await page.evaluate(async () => {
      const inPage = await fetch('http://127.0.0.2:9/').then(
        () => 'reached',
        () => 'refused',
      );
      const violated = await new Promise<string>((resolve) => {
        document.addEventListener('securitypolicyviolation', (event) => resolve(event.effectiveDirective), {
          once: true,
        });
        void fetch('http://127.0.0.2:9/').catch(() => undefined);
      });
      return { inPage, violated };
    });
    expect(outcome).toEqual({ inPage: 'refused', violated: 'connect-src' });
    // A worker lives by the policy that its own script came with.
    expect((await script).headers()['content-security-policy']).toMatch(/connect-src 'self' blob:(;|$)/);
    await browserContext.close();
  });

  it('imports from addresses on a second visit to a host without headers, and keeps only its own files', async (context) => {
    if (!built) return context.skip(browserSkipReason ?? '');
    const host = await startBareHost(built.url);
    const other = await startBareHost(built.url);
    const { page, context: browserContext } = await built.newPage();
    await page.goto(host.url);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    await page.reload();
    expect(await page.evaluate(() => window.crossOriginIsolated)).toBe(true);
    const phases = await page.evaluate(
      async (urls) => {
        await window.workbench.ready;
        const files = [];
        for (const url of urls) files.push(...(await window.workbench.importFiles([url])));
        return files.map(({ phase }) => phase);
      },
      [`${other.url}log.jsonl`, `${host.url}log.jsonl`, `${host.url}log.jsonl`],
    );
    expect(phases).toEqual(['done', 'done', 'done']);
    const found = await page.evaluate(async () => {
      const kept = await Promise.all(
        (await caches.keys()).map(async (name) => (await caches.open(name)).keys()),
      );
      const logs = kept.flat().filter(({ url }) => url.endsWith('/log.jsonl'));
      const { rows } = await window.workbench.listTrajectories();
      return { logs: logs.length, ids: rows.map(({ id }) => id) };
    });
    expect(found).toEqual({ logs: 0, ids: expect.arrayContaining(['r1', 'r2']) as string[] });
    await browserContext.close();
    host.close();
    other.close();
  });
});
