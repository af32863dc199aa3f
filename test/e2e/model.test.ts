import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { peftFiles, peftTensors } from '../helpers/peft.ts';
import { readReference } from '../helpers/reference.ts';
import { axeViolations } from '../ui/harness/startHarness.ts';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

const fixture = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');
const reference = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../fixtures/reference/moe.json'), 'utf8'),
) as { greedyPrompt: number[]; greedyTokens: number[] };

async function openFixture(page: Page): Promise<void> {
  await page.getByTestId('model-folder-input').setInputFiles(fixture);
  await page.getByTestId('model-card').waitFor();
}

/** A PEFT folder on disk for the fixture. */
async function adapterFolder(): Promise<string> {
  const folder = join(mkdtempSync(join(tmpdir(), 'acc-adapter-')), 'lora-of-the-fixture');
  mkdirSync(folder);
  for (const [name, bytes] of peftFiles(peftTensors(await readReference('train-moe')))) {
    writeFileSync(join(folder, name), bytes);
  }
  return folder;
}

/** Sets a number field by typing. */
async function setNumber(page: Page, label: string, value: number): Promise<void> {
  const field = page.getByRole('textbox', { name: label, exact: true });
  await field.fill(String(value));
  await field.press('Tab');
}

/** How far the page is wider than the window. */
function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
}

describe.skipIf(browserSkipReason)('the Model view on a software adapter', () => {
  let built: BuiltPage;
  let page: Page;
  let problems: string[];
  beforeAll(async () => {
    built = await startBuiltPage('swiftshader');
    ({ page, problems } = await built.newPage());
  });
  afterAll(async () => built?.close());

  it('opens a folder, plans it, advises what fits, and loads it', async () => {
    await page.goto(`${built.url}#/model`);
    await page.getByText('WebGPU runs in software here').waitFor();
    await page.getByText(/Measured here: \d.* GFLOP\/s/).waitFor({ timeout: 60_000 });
    await openFixture(page);
    await page.getByTestId('memory-plan').waitFor();
    await setNumber(page, 'Context', 100_000);
    await page.getByText(/longer than the 40960 positions/).waitFor();
    await page.getByRole('button', { name: 'Use these' }).click();
    await page.getByText('This does not fit').waitFor({ state: 'detached' });
    await setNumber(page, 'Context', 256);
    await setNumber(page, 'Prompt tokens at a time', 64);
    for (const label of ['Weight type', 'Key and value type']) {
      await page.getByRole('group', { name: label, exact: true }).getByText('f32').click();
    }
    await page.getByRole('button', { name: 'Load tiny-moe' }).click();
    await page.getByTestId('loaded').waitFor({ timeout: 120_000 });
    expect(problems).toEqual([]);
  });

  it('adds an adapter, applies it with the next load, and removes it again', async () => {
    const folder = await adapterFolder();
    const panel = page.getByTestId('adapter');
    const reply = async (): Promise<readonly number[]> => {
      const { ids } = await page.evaluate(
        (prompt) =>
          window.workbench.generate({ kind: 'ids', ids: prompt }, { maxNewTokens: 16, ignoreStops: true }),
        reference.greedyPrompt,
      );
      return ids;
    };
    await page.getByTestId('adapter-folder-input').setInputFiles(folder);
    await panel.getByText('q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj').waitFor();
    await panel.getByText('4, scale 2').waitFor();
    await panel.getByText('The loaded model is without it').waitFor();
    expect(await reply()).toEqual(reference.greedyTokens.slice(0, 16));
    await page.getByRole('button', { name: 'Load again with the adapter' }).click();
    await panel.getByText('Merged into the loaded model').waitFor({ timeout: 120_000 });
    expect(await reply()).not.toEqual(reference.greedyTokens.slice(0, 16));
    await panel.getByRole('button', { name: /^Remove/ }).click();
    await page.getByRole('button', { name: 'Load again without the adapter' }).click();
    await page.getByRole('button', { name: 'Load again', exact: true }).waitFor({ timeout: 120_000 });
    expect(await reply()).toEqual(reference.greedyTokens.slice(0, 16));
    expect(await axeViolations(page)).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('generates the reference’s greedy tokens from ids, and shows what they cost', async () => {
    await page.getByRole('group', { name: 'What to ask with' }).getByText('Token ids').click();
    await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill(reference.greedyPrompt.join(' '));
    await page.getByText('Sampling').click();
    await setNumber(page, 'Longest reply', 40);
    await page.getByRole('switch', { name: 'Go on past stop tokens' }).click();
    await page.getByRole('button', { name: 'Generate' }).click();
    await page.getByTestId('measures').waitFor({ timeout: 60_000 });
    await expect.poll(() => page.locator('[data-testid=reply] [data-token]').count()).toBe(40);
    expect(await page.getByTestId('measures').textContent()).toMatch(/1\.0 submits, 1\.0 readbacks/);
    const scripted = await page.evaluate(
      ({ prompt }) =>
        window.workbench.generate({ kind: 'ids', ids: prompt }, { maxNewTokens: 40, ignoreStops: true }),
      { prompt: reference.greedyPrompt },
    );
    expect(scripted.ids).toEqual(reference.greedyTokens.slice(0, 40));
    expect(scripted.reusedTokens).toBe(reference.greedyPrompt.length - 1);
    expect(problems).toEqual([]);
  });

  it('checks the loaded model against onnxruntime on the last prompt', async () => {
    await page.getByText('Check against onnxruntime').click();
    await setNumber(page, 'Tokens of reply to compare', 12);
    await page.getByRole('button', { name: 'Check', exact: true }).click();
    const report = page.getByTestId('runtime-check');
    await report.getByText(/^Both give the same 12 tokens; their logits differ by at most [\d.]+e-[4-9]$/).waitFor({ timeout: 60_000 }); // prettier-ignore
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      report.getByRole('button', { name: 'Save the report' }).click(),
    ]);
    const saved = JSON.parse(readFileSync(await file.path(), 'utf8')) as { maxDifference: number; rows: unknown[] }; // prettier-ignore
    expect(saved.maxDifference).toBeLessThan(2e-4);
    expect(saved.rows).toHaveLength(12);
    expect(await axeViolations(page)).toEqual([]);
    expect(problems).toEqual([]);
  });

  it('shows the probability of each token by keyboard and keeps it pinned', async () => {
    const reply = page.getByTestId('reply');
    await reply.focus();
    await reply.press('ArrowRight');
    await reply.press('ArrowRight');
    const panel = page.getByRole('region', { name: 'Selection' });
    await panel.getByText('Token 2', { exact: true }).waitFor();
    await panel.getByText(`id ${reference.greedyTokens[1]}`).waitFor();
    await reply.press('Enter');
    await page.getByRole('textbox', { name: 'Prompt', exact: true }).focus();
    await panel.getByText('Token 2, pinned').waitFor();
    expect(await panel.getByRole('row').count()).toBe(9);
    expect(await axeViolations(page)).toEqual([]);
  });

  it('stops a reply, chats through the template, and unloads', async () => {
    await page.getByRole('group', { name: 'What to ask with' }).getByText('Chat').click();
    await setNumber(page, 'Longest reply', 200);
    await page.getByRole('textbox', { name: 'Prompt', exact: true }).fill('Who holds the key?');
    await page.getByText(/\d+ of 256 tokens/).waitFor();
    await page.getByRole('textbox', { name: 'Prompt', exact: true }).press('Control+Enter');
    await page.getByRole('button', { name: 'Stop' }).click();
    await page.getByText(/, stopped/).waitFor();
    await page.getByRole('button', { name: 'Unload' }).click();
    await page.getByText('Load the model to ask it').waitFor();
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    expect(problems).toEqual([]);
  });

  it('moves to WASM with one click, with the same reply, and remembers it', async () => {
    await page.getByRole('button', { name: 'Switch to WASM' }).click();
    await page.getByTestId('runtime').getByText('onnxruntime on the CPU').waitFor();
    await page.getByRole('button', { name: 'Load tiny-moe' }).click();
    await page.getByTestId('loaded').getByText('is loaded on WASM').waitFor({ timeout: 60_000 });
    const reply = await page.evaluate(
      (prompt) =>
        window.workbench.generate({ kind: 'ids', ids: prompt }, { maxNewTokens: 40, ignoreStops: true }),
      reference.greedyPrompt,
    );
    expect(reply.ids).toEqual(reference.greedyTokens.slice(0, 40));
    expect(reply.counters).toBeNull();
    await page.reload();
    await page.getByTestId('runtime').getByText('onnxruntime on the CPU').waitFor();
    expect(problems).toEqual([]);
  });
});
