import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

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
});
