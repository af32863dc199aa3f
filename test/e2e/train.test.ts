import { resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeViolations } from '../ui/harness/startHarness.ts';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

const fixture = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');

/** A few compiled examples, as the compiler writes them. */
const examples = Array.from({ length: 8 }, (_, i) =>
  JSON.stringify({
    id: `e${i}`,
    kind: 'search',
    messages: [
      { role: 'user', content: `sea sun red k${i}\n\n=== Question ===\nWhich key?` },
      { role: 'assistant', content: `<think>\nIt is k${i}.\n</think>\n\nk${i}` },
    ],
    flags: [],
  }),
).join('\n');

describe.skipIf(browserSkipReason)('the Train view', () => {
  let built: BuiltPage;
  let page: Page;
  let problems: string[];
  beforeAll(async () => {
    built = await startBuiltPage('swiftshader');
    ({ page, problems } = await built.newPage());
  });
  afterAll(async () => built?.close());

  it('says what is needed first, and takes a file of examples with its ledger and memory', async () => {
    await page.goto(`${built.url}#/train`);
    await page.getByText('Training needs an opened checkpoint').waitFor();
    await page.getByRole('link', { name: 'Open a model' }).click();
    await page.getByTestId('model-folder-input').setInputFiles(fixture);
    await page.getByTestId('model-card').waitFor();
    await page.getByRole('link', { name: 'Train', exact: true }).click();
    await page.getByTestId('training-file').setInputFiles({ name: 'examples.jsonl', mimeType: 'text/plain', buffer: Buffer.from(examples) }); // prettier-ignore
    await page.getByTestId('ledger').getByText('7 trained on, 1 held out').waitFor();
    await page.getByTestId('training-plan').getByText('of GPU memory').waitFor();
    expect(await axeViolations(page)).toEqual([]);
  });

  it('shows token by token what is learnt, by keyboard', async () => {
    await page.getByRole('tab', { name: 'What is learnt' }).click();
    const told = page.getByTestId('token-told');
    await told.getByText(/“<think>”, learnt/).waitFor();
    await page.getByRole('group', { name: /token by token/ }).press('Home');
    await told.getByText(/Token 1, .*read only/).waitFor();
    expect(await axeViolations(page)).toEqual([]);
  });

  it('trains, draws the run, and keeps an adapter that the model loads', async () => {
    await page.getByRole('button', { name: /^Start training: 7 steps/ }).click();
    await page.locator('[data-testid=run][data-end=finished]').waitFor();
    await page.getByRole('group', { name: /^Loss (falls|rises).* in 7 steps; held out/ }).waitFor();
    // Messages of the shell are not this view's.
    await page.locator('.app-toast button').click();
    await page.locator('.app-toast').waitFor({ state: 'detached' });
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Load the model with it' }).click();
    await page.getByText('The loaded model has this adapter').waitFor();
    await page.reload();
    await page.getByRole('tab', { name: /Kept runs/ }).click();
    await page.getByText(/finished.*adapter saved/).waitFor();
    expect(problems).toEqual([]);
  });
});
