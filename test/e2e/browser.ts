import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { chromium, type Browser, type BrowserContext, type Page, type Worker } from 'playwright-core';
import { expect } from 'vitest';
import { policyFor } from '../../scripts/policy.mjs';
import { serve } from '../../scripts/serve.mjs';
import { findChromium } from '../../scripts/systemPackages.mjs';

/** The built page to test; `npm test` builds it first. */
const distFolder = resolve(import.meta.dirname, process.env['ACC_DIST'] ?? '../../dist');

export const browserSkipReason = findChromium()
  ? existsSync(resolve(distFolder, 'index.html'))
    ? null
    : 'the page is not built (npm run build)'
  : 'Chromium is not installed';

/** `none`: no WebGPU at all, the default of a locked-down machine. `swiftshader`: the software adapter. */
export type GpuMode = 'none' | 'swiftshader';

const quiet = [
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-quic',
];
const gpuFlags: Record<GpuMode, readonly string[]> = {
  none: ['--disable-gpu'],
  swiftshader: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
};

export interface BuiltPage {
  readonly url: string;
  readonly browser: Browser;
  /** A page in a context of its own; `problems` gathers console errors, page errors and off-origin requests. */
  newPage(
    options?: Parameters<Browser['newContext']>[0],
  ): Promise<{ page: Page; context: BrowserContext; problems: string[] }>;
  close(): Promise<void>;
}

/** Ends a worker of the page as the browser does for lack of memory: from within, without a word to the page. */
export async function endWorker(page: Page, name: string): Promise<void> {
  const ofName = (): Worker | undefined => page.workers().filter((worker) => worker.url().includes(`/${name}.worker`)).at(-1); // prettier-ignore
  await expect.poll(ofName, { timeout: 20_000 }).toBeDefined();
  // No answer comes from a worker that has ended.
  ofName()
    ?.evaluate(() => self.close())
    .catch(() => undefined);
}

/** Kills the process of a tab in the middle of what it does, and opens the same address in another tab. */
export async function killTab(page: Page): Promise<Page> {
  const url = page.url();
  const context = page.context();
  const session = await context.newCDPSession(page);
  const crashed = page.waitForEvent('crash');
  session.send('Page.crash').catch(() => undefined);
  await crashed;
  const next = await context.newPage();
  await next.goto(url);
  await page.close();
  return next;
}

/** Serves the built page under a sub-path (as a static host would) and starts headless Chromium. */
export async function startBuiltPage(gpu: GpuMode = 'none'): Promise<BuiltPage> {
  const server = await serve({ root: distFolder, basePath: '/some/sub-path/', policyFor });
  const browser = await chromium.launch({
    executablePath: findChromium() ?? '',
    headless: true,
    args: ['--no-sandbox', ...quiet, ...gpuFlags[gpu]],
  });
  const origin = new URL(server.url).origin;
  return {
    url: server.url,
    browser,
    async newPage(options) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
      const page = await context.newPage();
      const problems: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') problems.push(`console: ${message.text()}`);
      });
      page.on('pageerror', (error) => problems.push(`page: ${error.message}`));
      context.on('request', (request) => {
        const url = request.url();
        if (!url.startsWith(origin) && !/^(data|blob|about):/.test(url)) problems.push(`request to ${url}`);
      });
      return { page, context, problems };
    },
    async close() {
      await browser.close();
      await server.close();
    },
  };
}
