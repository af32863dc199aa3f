import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeViolations } from '../ui/harness/startHarness.ts';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

describe.skipIf(browserSkipReason)('the guided walk', () => {
  let built: BuiltPage;
  let page: Page;
  let problems: string[];
  beforeAll(async () => {
    built = await startBuiltPage('swiftshader');
    ({ page, problems } = await built.newPage({ reducedMotion: 'reduce' }));
  });
  afterAll(async () => built?.close());

  const at = (step: string, status = 'ready') =>
    page.locator(`.walk[data-step=${step}][data-status=${status}]`);

  it('is one click from the first view and runs to the end by itself, shortened in steps and items alone', async () => {
    await page.goto(`${built.url}#/start`);
    await page.getByRole('button', { name: 'See the whole flow run' }).waitFor();
    // The same address with smaller numbers.
    await page.evaluate(() =>
      window.workbench.goTo('#/walk?trajectories=18&steps=2&items=3&measured=1&dwell=0'),
    );
    await at('findings').waitFor({ timeout: 600_000 });
    expect(problems).toEqual([]);
  }, 620_000);

  it('shows what the engine gives when it is asked again', async () => {
    // The adapter is loaded at the end; the example that was held out is asked once more.
    const checked = await page.evaluate(async () => {
      const { workbench } = window;
      const set = workbench.listSets()[0]!;
      const { total, rows: runs } = await workbench.listTrajectories({ limit: 1000 });
      const { rows } = await workbench.listExamples(set.id, { filter: { excluded: 'only' } });
      const { role, content } = (await workbench.readExample(set.id, rows[0]!.id)).messages[0]!;
      const prompt = { kind: 'messages' as const, messages: [{ role, content }] };
      const { text } = await workbench.generate(prompt, { maxNewTokens: 80 });
      const right = runs.filter(({ success }) => success === true).length;
      return { total, right, examples: set.exampleCount, heldOut: rows.length, text };
    });
    expect(checked.heldOut).toBe(1);
    const fact = async (step: number, name: string): Promise<string> => {
      await page.locator('.walk-track button').nth(step).click();
      return page.locator('.walk-facts div', { has: page.getByText(name, { exact: true }) }).locator('dd').innerText(); // prettier-ignore
    };
    expect(await fact(0, 'trajectories')).toBe(String(checked.total));
    expect(await fact(0, 'with a right answer')).toBe(String(checked.right));
    expect(await fact(1, 'examples')).toBe(String(checked.examples));
    expect(await fact(4, 'steps')).toBe('2');
    expect(await fact(6, 'items')).toBe('3');
    await page.locator('.walk-track button').nth(5).click();
    expect(await page.getByTestId('reply-adapter').innerText()).toBe(checked.text.trim() || '(nothing)');
  });

  it('goes by keyboard and by a presenter’s remote, with notes and a handout, and is accessible', async () => {
    await page.locator('.walk-track button').first().click();
    await page.keyboard.press('PageDown');
    await at('compile').waitFor();
    await page.keyboard.press('ArrowRight');
    await at('example').waitFor();
    await expect.poll(() => page.url()).toMatch(/[?&]step=example&/);
    await page.evaluate(() => window.workbench.goTo('#/walk?step=ask'));
    await at('ask').waitFor();
    await page.keyboard.press('PageUp');
    await at('example').waitFor();
    await page.keyboard.press('PageUp');
    await at('compile').waitFor();
    await page.keyboard.press('n');
    await page.getByRole('complementary', { name: 'Speaker notes' }).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name: 'Handout' }).click(),
    ]);
    expect(file.suggestedFilename()).toBe('handout.html');
    expect(problems).toEqual([]);
  });

  it('is projected in large type until Esc, the end of the full screen or another view, with dialogs on top', async () => {
    const projecting = page.locator('.walk[data-projecting]');
    const scale = () => page.evaluate(() => document.documentElement.style.getPropertyValue('--scale'));
    const isFull = () => page.evaluate(() => document.fullscreenElement === document.documentElement);
    const begin = async () => {
      await page.keyboard.press('b');
      await projecting.waitFor();
      await expect.poll(isFull).toBe(true);
      expect(await scale()).toBe('1.5');
    };
    const hasEnded = async () => {
      await projecting.waitFor({ state: 'detached' });
      await expect.poll(isFull).toBe(false);
      expect(await scale()).toBe('1');
    };
    await begin();
    await page.keyboard.press('?');
    const sheet = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await sheet.waitFor();
    const box = (await sheet.boundingBox())!;
    const isOnTop = await page.evaluate(({ x, y }) => document.elementFromPoint(x, y)?.closest('[role=dialog]') !== null, { x: box.x + box.width / 2, y: box.y + box.height / 2 }); // prettier-ignore
    expect(isOnTop).toBe(true);
    if (process.env['ACC_SHOTS'])
      await page.screenshot({ path: `${process.env['ACC_SHOTS']}/projecting.png` });
    await page.keyboard.press('Escape');
    await sheet.waitFor({ state: 'detached' });
    await page.keyboard.press('PageDown');
    await at('example').waitFor();
    await page.keyboard.press('Escape');
    await hasEnded();
    await begin();
    // As Esc does it in a window of a screen.
    await page.evaluate(() => document.exitFullscreen());
    await hasEnded();
    await begin();
    await page.keyboard.press('g');
    await page.keyboard.press('q');
    await page.locator('main[data-view=qa]').waitFor();
    await hasEnded();
    expect(problems).toEqual([]);
  });
});
