import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

const samples = resolve(import.meta.dirname, '../../public/samples');
const sample = (name: string): string => readFileSync(resolve(samples, name), 'utf8');
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** The machine may be busy with other things. */
const patient = { timeout: 20_000 };

/** Rules broken on the page as it stands, with the first element of each. */
async function axeFindings(page: Page): Promise<string[]> {
  await page.evaluate(axeSource);
  return page.evaluate(async () => {
    const { axe } = window as unknown as {
      axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> };
    };
    const { violations } = await axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html.slice(0, 160) ?? ''}`);
  });
}

/** Drops files made of text on the window, as a reader would. */
async function drop(page: Page, files: readonly { name: string; text: string }[]): Promise<void> {
  await page.evaluate((given) => {
    const transfer = new DataTransfer();
    for (const { name, text } of given) transfer.items.add(new File([text], name));
    for (const type of ['dragenter', 'dragover', 'drop']) {
      window.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    }
  }, files);
}

async function total(page: Page): Promise<number> {
  return page.evaluate(async () => (await window.workbench.listTrajectories({ limit: 1 })).total);
}

describe.skipIf(browserSkipReason)(
  `the views of trajectories${browserSkipReason ? `: ${browserSkipReason}` : ''}`,
  () => {
    let built: BuiltPage;
    beforeAll(async () => {
      built = await startBuiltPage();
    });
    afterAll(() => built.close());

    it('list issues of a damaged drop with position, and keep the good records', async () => {
      const { page, context, problems } = await built.newPage();
      await page.goto(built.url);
      const lines = sample('search-runs.jsonl').split('\n');
      const damaged = [lines[0], lines[1]?.slice(0, 700), lines[2], lines[3]?.slice(0, 900)].join('\n');
      await drop(page, [{ name: 'damaged.jsonl', text: damaged }]);
      await page.getByRole('grid', { name: 'Trajectories' }).waitFor();
      await expect.poll(() => total(page), patient).toBe(2);
      await page.getByRole('button', { name: /errors?$/ }).click();
      const dialog = page.getByRole('dialog', { name: 'Issues in damaged.jsonl' });
      await dialog.getByText('record 1').waitFor();
      await dialog.getByText('record 3').waitFor();
      expect(await axeFindings(page)).toEqual([]);
      await page.keyboard.press('Escape');
      expect(await axeFindings(page)).toEqual([]);
      expect(problems).toEqual([]);
      await context.close();
    });

    it('read one trajectory: find, next turn, raw text, keyboard back', async () => {
      const { page, context, problems } = await built.newPage();
      await page.goto(`${built.url}#/trajectories`);
      await page.evaluate(() => window.workbench.ready);
      await drop(page, [{ name: 'search-runs.jsonl', text: sample('search-runs.jsonl') }]);
      await expect.poll(() => total(page), patient).toBe(5);
      const grid = page.getByRole('grid', { name: 'Trajectories' });
      await grid.getByRole('row').nth(2).click();
      await grid.press('Enter');
      await page.getByTestId('trajectory-reader').waitFor();
      expect(page.url()).toContain('#/trajectories/sundrift-rescue-skipper');

      await page.keyboard.press('/');
      await page.keyboard.type('pelican');
      const shown = page.getByTestId('trajectory-reader').getByRole('status');
      await shown.getByText(/^1 of \d+$/).waitFor();
      await page.getByRole('button', { name: 'Next hit' }).click();
      await shown.getByText(/^2 of \d+$/).waitFor();
      const marked = await page.evaluate(() => CSS.highlights.get('traj-find')?.size ?? 0);
      expect(marked).toBeGreaterThan(3);
      await expect.poll(() => page.url()).toContain('find=pelican');
      // What a tool was called with is marked like any text.
      await page.keyboard.press('/');
      await page.keyboard.press('Control+a');
      await page.keyboard.type('skerries passengers rescued');
      await shown.getByText(/^1 of \d+$/).waitFor();
      await expect.poll(() => page.evaluate(() => CSS.highlights.get('traj-find-now')?.size ?? 0)).toBe(1);
      await expect.poll(() => page.url()).toMatch(/step=3\b/);
      expect(await axeFindings(page)).toEqual([]);

      // Out of the search field, letters are commands.
      await page.getByTestId('trajectory-reader').locator('h1').click();
      const stepOf = (): number =>
        Number(new URL(page.url().replace('#/', '')).searchParams.get('step') ?? 0);
      const before = stepOf();
      await page.keyboard.press('j');
      await expect.poll(stepOf).toBeGreaterThan(before);

      await page.getByRole('button', { name: 'Raw', exact: true }).click();
      await page.getByText('As it stands in the file').waitFor();
      expect(await page.locator('.raw-text').textContent()).toBe(sample('search-runs.jsonl').split('\n')[1]);
      await page.keyboard.press('Escape');
      await grid.waitFor();
      expect(problems).toEqual([]);
      await context.close();
    });

    it('lead from a step to the piece it became and back, say what is trained, and break no rule in both themes', async () => {
      for (const colorScheme of ['light', 'dark'] as const) {
        const { page, context, problems } = await built.newPage({ colorScheme });
        await page.goto(`${built.url}#/trajectories`);
        await page.evaluate(() => window.workbench.ready);
        await drop(page, [{ name: 'search-runs.jsonl', text: sample('search-runs.jsonl') }]);
        await expect.poll(() => total(page), patient).toBe(5);
        await page.getByRole('grid', { name: 'Trajectories' }).waitFor();
        expect(await axeFindings(page)).toEqual([]);

        const { setId, id } = await page.evaluate(async () => {
          const set = await window.workbench.compile({ name: 'links' });
          const { rows } = await window.workbench.listExamples(set.id);
          return { setId: set.id, id: rows[0]?.trajectoryId ?? '' };
        });
        await page.goto(`${built.url}#/trajectories/${encodeURIComponent(id)}`);
        const reader = page.getByTestId('trajectory-reader');
        const link = reader.getByRole('link', { name: /^piece \S+, gold$/ }).first();
        await link.waitFor(patient);
        const step = await link.evaluate((element) => element.closest('details')?.id ?? '');
        await reader.getByRole('switch', { name: 'What is trained' }).click();
        await reader.getByText('context only', { exact: true }).first().waitFor();
        await expect.poll(() => page.url()).toContain('mask=sft');
        expect(await axeFindings(page)).toEqual([]);

        await link.click();
        await page.locator('.qa-reader[data-state=ready]').waitFor(patient);
        expect(page.url()).toContain(`#/qa/${setId}/`);
        expect(page.url()).toContain('piece=');
        await page.locator('.qa-title').click();
        await page.keyboard.press('o');
        await reader.waitFor(patient);
        await expect.poll(() => page.url()).toContain(`step=${step.replace('step-', '')}&`);
        // The very characters of the piece are marked in its step.
        await expect
          .poll(() => page.evaluate(() => CSS.highlights.get('traj-range')?.size ?? 0), patient)
          .toBe(1);
        expect(problems).toEqual([]);
        await context.close();
      }
    });

    it('hold 100,000 rows in a table that draws only what is seen, selects all of them, and keeps its place', async () => {
      const { page, context, problems } = await built.newPage();
      await page.goto(`${built.url}#/trajectories`);
      await page.evaluate(async () => {
        await window.workbench.ready;
        const lines: string[] = [];
        for (let i = 0; i < 100_000; i++) {
          const messages = [
            { role: 'user', content: `Question ${i}?` },
            { role: 'assistant', content: `Answer ${i}` },
          ];
          lines.push(`${JSON.stringify({ id: `r${i}`, messages })}\n`);
        }
        await window.workbench.importFiles([new File(lines, 'many.jsonl')]);
      });
      const grid = page.getByRole('grid', { name: 'Trajectories' });
      await expect.poll(() => grid.getAttribute('aria-rowcount'), patient).toBe('100001');
      const scroller = page.getByTestId('trajectory-scroller');
      const rowOf = (number: number) => page.locator('.traj-row', { hasText: `Question ${number}?` });
      await scroller.evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
      await page.getByText('Question 99999?').waitFor();
      expect(await page.locator('.traj-rows > [role="row"]').count()).toBeLessThan(80);
      await scroller.evaluate((element) => element.scrollTo({ top: element.scrollHeight / 2 }));
      await page.getByText('Question 50000?').waitFor();

      // A range and "all" reach beyond the rows that are loaded.
      await rowOf(50_000).click({ position: { x: 60, y: 10 } });
      await scroller.evaluate((element) => element.scrollTo({ top: element.scrollHeight }));
      await page.getByText('Question 99999?').click({ modifiers: ['Shift'] });
      await page.getByText('50,000 rows selected').waitFor();
      await grid.press('Control+a');
      await page.getByText('100,000 rows selected').waitFor();

      // Back from reading, the row is where it was; also when another was read meanwhile.
      await scroller.evaluate((element) => element.scrollTo({ top: element.scrollHeight / 2 }));
      await rowOf(50_000).dblclick({ position: { x: 60, y: 10 } });
      await page.getByTestId('trajectory-reader').waitFor();
      await page.keyboard.press(']');
      await expect.poll(() => page.url()).toContain('/r50001');
      await page.getByRole('heading', { name: 'Question 50001?' }).waitFor();
      await page.keyboard.press('Escape');
      await rowOf(50_001).and(page.locator('[data-cursor]')).waitFor();

      // Keys on the head sort, and do nothing to the rows.
      await grid.focus();
      await page.keyboard.press('Tab');
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('Enter');
      const head = page.getByRole('columnheader', { name: 'Task' });
      await expect.poll(() => head.getAttribute('aria-sort')).toBe('ascending');
      await rowOf(0).waitFor();
      await page.keyboard.press('Space');
      await expect.poll(() => head.getAttribute('aria-sort')).toBe('descending');
      await head.getByRole('button').dblclick();
      await page.keyboard.press('ArrowDown');
      expect(await grid.evaluate((element) => element === document.activeElement)).toBe(true);
      expect(page.url()).not.toMatch(/#\/trajectories\//);
      expect(await page.getByText('100,000 rows selected').count()).toBe(1);

      // The ends of a range stay where they were typed; an empty one is none.
      const least = page.getByRole('spinbutton', { name: 'Characters, at least' });
      const most = page.getByRole('spinbutton', { name: 'Characters, at most' });
      await least.fill('26');
      await least.press('Enter');
      await page.getByText('90,000 of 100,000').waitFor();
      await most.pressSequentially('25');
      expect([await least.inputValue(), await most.inputValue()]).toEqual(['26', '25']);
      await most.press('Tab');
      await page.getByText('No trajectory matches the filter').waitFor();
      await least.fill('');
      await least.press('Tab');
      await expect.poll(() => page.url()).toContain('characterCount=-25');
      await most.fill('');
      await most.press('Tab');
      await expect.poll(() => page.url()).not.toContain('characterCount');

      await page.getByRole('searchbox', { name: /Search task/ }).fill('question 77777');
      await expect.poll(() => grid.getAttribute('aria-rowcount'), patient).toBe('2');
      await page.getByText('1 of 100,000').waitFor();
      expect(problems).toEqual([]);
      await context.close();
    });
  },
);
