import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import react from '@vitejs/plugin-react';
import { chromium, type Browser, type Page } from 'playwright-core';
import { build } from 'vite';
import { policyFor } from '../../../scripts/policy.mjs';
import { serve } from '../../../scripts/serve.mjs';
import { findChromium } from '../../../scripts/systemPackages.mjs';

export const harnessSkipReason = findChromium() ? null : 'Chromium is not installed';

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export interface Harness {
  /** Opens the page at a hash; `problems` gathers console errors, page errors and policy violations. */
  open(
    hash: string,
    options?: { query?: string } & Parameters<Browser['newContext']>[0],
  ): Promise<{ page: Page; problems: string[] }>;
  close(): Promise<void>;
}

/** Builds the page over generated data into a temporary folder and serves it under the product's policy. */
export async function startHarness(): Promise<Harness> {
  const outDir = mkdtempSync(join(tmpdir(), 'acc-harness-'));
  await build({
    configFile: false,
    root: resolve(import.meta.dirname),
    base: './',
    logLevel: 'error',
    plugins: [react()],
    worker: { format: 'es' },
    build: { outDir, emptyOutDir: true, target: 'es2023' },
  });
  const server = await serve({ root: outDir, policyFor });
  const browser = await chromium.launch({
    executablePath: findChromium() ?? '',
    headless: true,
    args: ['--no-sandbox', '--disable-gpu'],
  });
  return {
    async open(hash, { query = '', ...options } = {}) {
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
      const page = await context.newPage();
      const problems: string[] = [];
      page.on('console', (message) => {
        if (message.type() === 'error') problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      await page.goto(`${server.url}?${query}#${hash}`);
      await page.locator('#main[data-state=ready]').waitFor();
      return { page, problems };
    },
    async close() {
      await browser.close();
      await server.close();
      rmSync(outDir, { recursive: true, force: true });
    },
  };
}

const everyRule = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * Rules of WCAG 2.2 AA that a page breaks, as short lines; empty when it is clean. `only`: these rules alone.
 */
export async function axeViolations(page: Page, only: readonly string[] = everyRule): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axeSource);
  return page.evaluate(async (runOnly) => {
    interface Axe {
      run(
        context: Document,
        options: unknown,
      ): Promise<{ violations: { id: string; help: string; nodes: { html: string }[] }[] }>;
    }
    const { axe } = window as unknown as { axe: Axe };
    const { violations } = await axe.run(document, {
      runOnly: [...runOnly],
    });
    return violations.flatMap(({ id, help, nodes }) =>
      nodes.slice(0, 4).map(({ html }) => `${id}: ${help}: ${html.slice(0, 200)}`),
    );
  }, only);
}

/** The same in both themes, which differ in colours alone. */
export async function axeViolationsOfThemes(page: Page): Promise<string[]> {
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await axeViolations(page);
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.locator('html[data-theme=dark]').waitFor();
  const dark = await axeViolations(page, ['color-contrast']);
  await page.emulateMedia({ colorScheme: 'light' });
  return [...light, ...dark.map((line) => `dark: ${line}`)];
}
