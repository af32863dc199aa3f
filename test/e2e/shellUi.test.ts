import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeViolations, harnessSkipReason, startHarness, type Harness } from '../ui/harness/startHarness.ts';

let harness: Harness;
beforeAll(async () => {
  if (!harnessSkipReason) harness = await startHarness();
});
afterAll(async () => harness?.close());

describe.skipIf(harnessSkipReason)('the shell', () => {
  it('goes to views by keys, by palette and by links, and the address follows', async () => {
    const { page, problems } = await harness.open('/compile');
    await page.keyboard.press('g');
    await page.keyboard.press('q');
    await expect.poll(() => page.url()).toMatch(/#\/qa/);
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Command' }).fill('go compile');
    await page.keyboard.press('Enter');
    await expect.poll(() => page.url()).toMatch(/#\/compile/);
    await expect.poll(() => page.title()).toBe('Compile · ACC Workbench');
    await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'QA' }).click();
    await expect.poll(() => page.url()).toMatch(/#\/qa/);
    await page.goBack();
    await expect.poll(() => page.url()).toMatch(/#\/compile/);
    expect(problems).toEqual([]);
  });

  it('lists the shortcuts of the view, and letters can be switched off', async () => {
    const { page } = await harness.open('/qa/set-1/swe-0004');
    await page.locator('.qa-reader').waitFor();
    await page.keyboard.press('?');
    const sheet = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
    await sheet
      .getByText('Open the source turn of the piece')
      .waitFor({ timeout: 5000 })
      .catch(() => undefined);
    await sheet.getByText('Next piece', { exact: true }).waitFor();
    await sheet.getByRole('switch').click();
    await page.keyboard.press('Escape');
    await sheet.waitFor({ state: 'detached' });
    await page.keyboard.press('g');
    await page.keyboard.press('c');
    await page.waitForTimeout(200);
    expect(page.url()).toMatch(/#\/qa/);
  });

  it('follows the system theme until told otherwise', async () => {
    const { page } = await harness.open('/compile', { colorScheme: 'dark' });
    const theme = () => page.evaluate(() => document.documentElement.dataset['theme']);
    await expect.poll(theme).toBe('dark');
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(theme).toBe('light');
    await page.keyboard.press('Shift+T');
    await expect.poll(theme).toBe('dark');
  });

  it('shows the set chosen in the bar, also from an address that names another, and keeps its filter', async () => {
    const { page } = await harness.open('/qa/set-1/swe-0004', { query: 'sets=2' });
    await page.getByRole('button', { name: 'All examples' }).first().click();
    await page.getByRole('button', { name: /Shuffled, 128k/ }).click();
    const choice = page.getByRole('menuitemcheckbox', { name: /Identity, 32k/ });
    await choice.click();
    await page.keyboard.press('Escape');
    await page.getByRole('heading', { level: 1, name: 'Identity, 32k' }).waitFor();
    expect(page.url()).toMatch(/#\/qa\/set-0$/);
    await page.getByRole('searchbox').fill('swe-0004');
    await page.getByRole('button', { name: /Identity, 32k/ }).click();
    await choice.click();
    await page.keyboard.press('Escape');
    expect(await page.getByRole('searchbox').inputValue()).toBe('swe-0004');
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: 'Shuffled, 128k' }).waitFor();
  });

  it('says what the stale set needs', async () => {
    const { page } = await harness.open('/qa', { query: 'stale=1' });
    await page.getByRole('button', { name: /Stale: 3 trajectories/ }).waitFor();
    await page.getByRole('link', { name: /Compile stale/ }).waitFor();
  });

  it.each(['/compile', '/qa/set-1', '/qa/set-1/swe-0004?piece=p2'])(
    'fits windows from 320 pixels on without a sideways scroll of the page, at %s',
    async (hash) => {
      const { page } = await harness.open(hash);
      for (const width of [320, 768, 1024, 1280]) {
        await page.setViewportSize({ width, height: 720 });
        await page.waitForTimeout(300);
        const wide = await page.evaluate(() => ({
          root: document.documentElement.scrollWidth - window.innerWidth,
          shell: (document.querySelector('.app-shell')?.scrollWidth ?? 0) - window.innerWidth,
        }));
        expect({ width, wide }).toEqual({ width, wide: { root: 0, shell: 0 } });
      }
    },
  );

  it('names every chart, gives it one tab stop, moves by arrows, and shows its table', async () => {
    const { page } = await harness.open('/qa/set-1');
    const plots = page.locator('.chart-plot');
    await expect.poll(() => plots.count()).toBe(2);
    for (const plot of await plots.all()) {
      expect(await plot.getAttribute('role')).toBe('group');
      expect(await plot.getAttribute('aria-label')).toMatch(/\w{4}/);
      expect(await plot.locator('[tabindex="0"]').count()).toBe(0);
      await plot.focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowRight');
      expect(await plot.locator('[aria-live]').textContent()).toMatch(/\d/);
    }
    await page.getByRole('button', { name: 'Show as table' }).first().click();
    await page.getByRole('columnheader', { name: 'from tokens' }).waitFor();
  });

  it('filters the table by a brush on the lengths', async () => {
    const { page } = await harness.open('/qa/set-1');
    const plot = page.locator('.chart-plot').first();
    const box = (await plot.boundingBox())!;
    await page.mouse.move(box.x + 110, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + 190, box.y + 60, { steps: 5 });
    await page.mouse.up();
    await page.getByRole('button', { name: /–.*tokens$/ }).waitFor();
    await expect
      .poll(async () => Number(/\d+/.exec((await page.locator('.qa-total').textContent()) ?? '')?.[0]))
      .toBeLessThan(240);
  });

  it.each([
    ['without data', '/qa', 'examples=0'],
    ['Compile without data', '/compile', 'examples=0'],
    ['Start', '/start', ''],
  ])('%s breaks no accessibility rule', async (_name, hash, query) => {
    const { page, problems } = await harness.open(hash, { query });
    await page.waitForTimeout(400);
    expect(await axeViolations(page)).toEqual([]);
    expect(problems).toEqual([]);
  });
});
