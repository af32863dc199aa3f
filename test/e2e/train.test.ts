import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Download, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeViolations } from '../ui/harness/startHarness.ts';
import { browserSkipReason, endWorker, killTab, startBuiltPage, type BuiltPage } from './browser.ts';

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

  it('says in words what no run takes, and offers what fits', async () => {
    const longest = page.getByRole('textbox', { name: 'Longest row' });
    await longest.fill('65536');
    await longest.press('Tab');
    await page
      .getByText(/^Rows of 65536 tokens are longer than the 40960 positions/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: /^Use rows of at most 32768 tokens/ }).click();
    await expect.poll(() => longest.inputValue()).toBe('32,768');
    await page.getByRole('button', { name: /^Start training: 7 steps/, disabled: false }).waitFor();
  });

  it('trains, draws the run, and keeps an adapter that the model loads', async () => {
    await page.getByRole('button', { name: /^Start training: 7 steps/ }).click();
    await page.locator('[data-testid=run][data-end=finished]').waitFor();
    await page
      .getByRole('group', { name: /^Loss [\d.]+ in the first of 7 steps, .*; held out it goes from/ })
      .waitFor();
    // Messages of the shell are not this view's.
    await page.locator('.app-toast button').click();
    await page.locator('.app-toast').waitFor({ state: 'detached' });
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('button', { name: 'Load the model with it' }).click();
    await page.getByText('The loaded model has this adapter').waitFor();
    await page.reload();
    await page.locator('[data-testid=run][data-end=finished]').waitFor();
    await page.getByRole('tab', { name: /Kept runs/ }).click();
    await page.getByText(/finished.*adapter saved/).waitFor();
    expect(problems).toEqual([]);
  });

  it('loses its worker, then its tab, and goes on; asks before and after, and saves the adapter as files', async () => {
    // Without a picker of folders, as in Firefox and Safari, files are downloads.
    await page.context().addInitScript(() => Reflect.deleteProperty(window, 'showDirectoryPicker'));
    await page.goto(`${built.url}#/model`);
    await page.reload();
    await page.getByTestId('model-folder-input').setInputFiles(fixture);
    await page.getByTestId('model-card').waitFor();
    await page.getByRole('link', { name: 'Train', exact: true }).click();
    const examplesFile = { name: 'examples.jsonl', mimeType: 'text/plain', buffer: Buffer.from(examples) };
    await page.getByTestId('training-file').setInputFiles(examplesFile);
    await page.getByTestId('ledger').waitFor();
    // Enough steps that the quickest machine is still at them when it is told to pause.
    const epochs = page.getByRole('textbox', { name: 'Epochs' });
    await epochs.fill('8');
    await epochs.press('Tab');
    await page.getByRole('button', { name: /^Start training: 56 steps/ }).click();
    await page
      .getByText(/: ([2-9]|\d\d+) of 56 steps done/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page
      .getByText(/^Paused; the state is saved: \d+ of 56 steps done/)
      .first()
      .waitFor();
    await endWorker(page, 'engine');
    await page.getByText('The part of the page that runs models was ended by the browser', { exact: true }).first().waitFor(); // prettier-ignore
    await page.getByText(/^A checkpoint of step \d+ is kept/).waitFor();
    // The model and the examples are opened again by what goes on with them.
    await page.getByRole('button', { name: 'Go on from it' }).click();
    await page.getByRole('button', { name: 'Pause' }).waitFor();
    page = await killTab(page);
    await page.getByText(/^A checkpoint of step \d+ is kept/).waitFor();
    // What was measured before the first step is still in the chart of the run.
    await page.getByText('held out', { exact: true }).waitFor();
    await page.goto(`${built.url}#/model`);
    await page.getByTestId('model-folder-input').setInputFiles(fixture);
    await page.getByTestId('model-card').waitFor();
    await page.goBack();
    await page.getByTestId('training-file').setInputFiles(examplesFile);
    await page.getByTestId('ledger').waitFor();
    await page.getByRole('button', { name: 'Go on from it' }).click();
    await page.locator('[data-testid=run][data-end=finished]').waitFor({ timeout: 120_000 });
    await page.getByRole('group', { name: / 56 steps.*; held out it goes from/ }).waitFor();

    await page.getByRole('button', { name: 'Ask both' }).click();
    await page.getByRole('heading', { name: /^With the adapter [✓✗]/ }).waitFor();
    expect(await page.getByTestId('comparison').locator('pre').first().innerText()).toMatch(/k\d$/);

    const files = new Map<string, Download>();
    page.on('download', (download) => files.set(download.suggestedFilename(), download));
    await page.getByRole('button', { name: 'Save the adapter' }).click();
    await page.getByText('The adapter is saved').waitFor();
    await expect.poll(() => [...files.keys()].sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors', 'metrics.jsonl', 'run.json']); // prettier-ignore
    const read = async (name: string) => readFileSync(await files.get(name)!.path());
    expect(JSON.parse(String(await read('adapter_config.json')))).toMatchObject({ peft_type: 'LORA', r: 8 });
    expect(
      String(await read('metrics.jsonl'))
        .trim()
        .split('\n'),
    ).toHaveLength(56);
    const weights = await read('adapter_model.safetensors');
    const header = weights.subarray(8, 8 + Number(weights.readBigUInt64LE(0))).toString();
    expect(header).toContain('experts.0.down_proj.lora_A.weight');
    expect(problems).toEqual([]);
  });
});
