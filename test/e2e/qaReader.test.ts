import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppStore } from '../../src/state/store.ts';
import { longCharacters } from '../ui/harness/generatedData.ts';
import {
  axeViolationsOfThemes,
  harnessSkipReason,
  startHarness,
  type Harness,
} from '../ui/harness/startHarness.ts';

let harness: Harness;
beforeAll(async () => {
  if (!harnessSkipReason) harness = await startHarness();
});
afterAll(async () => harness?.close());

describe.skipIf(harnessSkipReason)('the QA reader', () => {
  it('shows an example of 131,072 tokens as native text in few blocks', async () => {
    // How fast it is shown and scrolled is measured by scripts/measurePage.mjs.
    const { page, problems } = await harness.open('/qa/set-1/search-0000');
    await page.locator('.qa-reader[data-state=ready] .qa-block').first().waitFor();
    const length = await page.locator('.qa-text').evaluate((element) => element.textContent.length);
    expect(length).toBeGreaterThan(longCharacters);
    expect(await page.locator('.qa-block').count()).toBeLessThan(500);
    expect(problems).toEqual([]);
  });

  it('traces a piece to its turn and back, by pointer and by keyboard', async () => {
    const { page, problems } = await harness.open('/qa/set-1/swe-0004');
    const inspector = page.getByRole('complementary', { name: 'Inspector' });
    await page.locator('.qa-block[data-piece="1"]').first().click();
    await expect.poll(() => page.url()).toContain('piece=p2');
    await inspector.getByText('turn 0', { exact: true }).waitFor();
    await page.keyboard.press('j');
    await expect.poll(() => page.url()).toContain('piece=p3');
    await page.keyboard.press('v');
    const step = page.locator('.qa-step[data-current]');
    await step.getByRole('button', { name: 'p3' }).waitFor();
    // Both sides come to rest at the piece before another one is chosen.
    await page.waitForTimeout(1500);
    await page.locator('.qa-run .qa-piece-chip').filter({ hasText: /^p1,/ }).click();
    await expect.poll(() => page.url()).toContain('piece=p1');
    await page.keyboard.press('o');
    await expect.poll(() => page.url()).toMatch(/trajectories\/swe-run-4\?.*step=\d+/);
    await page.goBack();
    await page.locator('.qa-reader').waitFor();
    expect(problems).toEqual([]);
  });

  it('marks exactly the pieces, and copies the context as it is', async () => {
    const { page } = await harness.open('/qa/set-1/swe-0004');
    await page.locator('.qa-block').first().waitFor();
    const marked = await page.evaluate(() =>
      [...CSS.highlights.entries()]
        .filter(([name]) => name === 'qa-gold' || name === 'qa-distractor')
        .flatMap(([name, highlight]) =>
          [...highlight].map((range) => {
            const live = document.createRange();
            live.setStart(range.startContainer, range.startOffset);
            live.setEnd(range.endContainer, range.endOffset);
            return { name, text: live.toString() };
          }),
        ),
    );
    const pieces = await page.evaluate(() => {
      const { opened } = (window as unknown as { harnessStore: AppStore }).harnessStore.getState().examples;
      if (opened.status !== 'ready') return [];
      const { evidence, messages } = opened.value.example;
      return evidence.map(({ role, start, end }) => ({
        name: `qa-${role}`,
        text: messages[0]?.content.slice(start, end),
      }));
    });
    expect(marked).toHaveLength(pieces.length);
    expect(marked).toEqual(expect.arrayContaining(pieces));

    const copied = await page.evaluate(() => {
      const blocks = document.querySelectorAll('.qa-block');
      const range = document.createRange();
      range.setStart(blocks[0]!.firstChild!, 0);
      range.setEnd(blocks[3]!.firstChild!, 5);
      getSelection()?.removeAllRanges();
      getSelection()?.addRange(range);
      const transfer = new DataTransfer();
      blocks[0]!.dispatchEvent(
        new ClipboardEvent('copy', { clipboardData: transfer, bubbles: true, cancelable: true }),
      );
      return { text: transfer.getData('text/plain'), expected: range.toString() };
    });
    expect(copied.text).toBe(copied.expected);
    expect(copied.text.length).toBeGreaterThan(50);
  });

  it('finds text in the context and walks through the hits', async () => {
    const { page } = await harness.open('/qa/set-1/swe-0004');
    await page.locator('.qa-block').first().waitFor();
    await page.keyboard.press('/');
    await page.keyboard.type('RETURN');
    const status = page.locator('.qa-find-count');
    await expect.poll(() => status.textContent()).toMatch(/^1 of \d+$/);
    await page.getByRole('button', { name: 'Next hit' }).click();
    await expect.poll(() => status.textContent()).toMatch(/^2 of \d+$/);
  });

  it('excludes an example and takes it back with undo', async () => {
    const { page } = await harness.open('/qa/set-1/swe-0001');
    await page.getByRole('button', { name: 'Exclude' }).click();
    await page.getByText('excluded', { exact: true }).waitFor();
    await page.keyboard.press('Control+z');
    await page.getByText('excluded', { exact: true }).waitFor({ state: 'detached' });
  });

  it('is opened from a table that is sorted, selected and found again by keyboard', async () => {
    const { page, problems } = await harness.open('/qa/set-1');
    const table = page.getByRole('grid', { name: 'Examples', exact: true });
    await table.focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    const question = table.getByRole('columnheader', { name: 'Question' });
    await expect.poll(() => question.getAttribute('aria-sort')).toBe('ascending');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('End');
    await page.keyboard.press('Shift+Home');
    await page.getByText('240 selected').waitFor();
    await page.getByRole('button', { name: 'Clear' }).click();
    await table.focus();
    await page.keyboard.press('Control+a');
    await page.getByText('240 selected').waitFor();
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');

    const current = page.locator('.qa-list .w-table-row[data-state=current]');
    await current.waitFor();
    expect(await current.getAttribute('aria-rowindex')).toBe('241');
    await page.locator('.qa-reader[data-state=ready]').waitFor();
    await page.keyboard.press('Escape');
    await table.locator('[data-cursor][aria-rowindex="241"]').waitFor();
    expect(problems).toEqual([]);
  });

  it.each([
    ['the table of examples', '/qa/set-1'],
    ['the reader', '/qa/set-1/sql-0005?piece=p2'],
    ['Compile', '/compile'],
  ])('%s breaks no accessibility rule, light and dark', async (_name, hash) => {
    const { page, problems } = await harness.open(hash, { query: 'stale=1', reducedMotion: 'reduce' });
    await page.locator('.chart, .qa-block').first().waitFor();
    await page.waitForTimeout(400);
    expect(await axeViolationsOfThemes(page)).toEqual([]);
    expect(problems).toEqual([]);
  });
});
