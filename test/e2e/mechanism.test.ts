import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeViolations } from '../ui/harness/startHarness.ts';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

const model = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');
/** `generatedDocument` of test/helpers/mechanism.ts: 4 layers, 2 heads, 4 experts, 9 items, one checkpoint. */
const document = resolve(import.meta.dirname, '../fixtures/mechanism/generated.json');

/** Two examples as compiled, short enough for the tiny model. */
const rows = ['north', 'south'].map((side, index) => {
  const pieces = [`The ${side} gate was shut in 19${40 + index}. `, 'The river froze twice. '];
  const content = `${pieces.join('')}When was the ${side} gate shut?`;
  return {
    id: `gate-${side}`,
    kind: index === 0 ? 'search' : 'sql',
    messages: [
      { role: 'user', content },
      { role: 'assistant', content: `In 19${40 + index}.` },
    ],
    question: `When was the ${side} gate shut?`,
    answer: `In 19${40 + index}.`,
    rationale: null,
    evidence: [
      { id: 'p1', role: 'gold', title: 'Gates', start: 0, end: pieces[0]!.length },
      { id: 'd1', role: 'distractor', title: 'River', start: pieces[0]!.length, end: pieces[0]!.length + pieces[1]!.length }, // prettier-ignore
    ],
  };
});

function overflow(page: Page): Promise<number> {
  return page.evaluate(() => window.document.documentElement.scrollWidth - window.innerWidth);
}

describe.skipIf(browserSkipReason)('the Mechanism view without WebGPU', () => {
  let built: BuiltPage;
  beforeAll(async () => {
    built = await startBuiltPage('none');
  });
  afterAll(async () => built?.close());

  it('opens a document of another program, links its charts, pins one, and has it all after a reload', async () => {
    const { page, context, problems } = await built.newPage();
    await page.goto(`${built.url}#/mechanism`);
    await page.getByRole('heading', { name: 'Nothing was measured yet' }).waitFor();
    await page.getByTestId('mechanism-file').setInputFiles({ name: 'bad.json', mimeType: 'application/json', buffer: Buffer.from('{"format":"acc-mechanism","version":9}') }); // prettier-ignore
    await page.getByRole('alert').getByText('the file is of another version', { exact: true }).waitFor(); // prettier-ignore
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByTestId('mechanism-file').setInputFiles(document);
    await page
      .getByRole('heading', { name: /^ACC raises sink-excluded distance in \d of 4 layers/ })
      .waitFor();
    await page.getByText(/ACC − base and ACC − agent-SFT both exclude 0/).first().waitFor(); // prettier-ignore
    await page.getByRole('button', { name: /^Delete / }).click();
    await page.getByRole('button', { name: 'Keep', exact: true }).click();
    // A head picked by keyboard in the triptych is followed by the other charts and told in the inspector.
    const triptych = page.getByRole('group', { name: /^Beyond agent-SFT and base, ACC changes/ }).first();
    await triptych.focus();
    for (const key of ['ArrowDown', 'ArrowDown', 'ArrowDown', 'ArrowRight', 'Enter'])
      await triptych.press(key);
    await page.getByRole('heading', { name: /^Head L2·H[01]$/ }).waitFor();
    expect(await page.locator('.chart-linked').count()).toBeGreaterThan(3);
    expect(await axeViolations(page)).toEqual([]);
    await page.getByRole('tab', { name: 'Experts' }).click();
    await page.getByRole('heading', { name: /changes routing frequency in \d+ of 16 experts/ }).waitFor();
    await page.getByText(/^clear in \d of 4 layers$/).first().waitFor(); // prettier-ignore
    await page.getByRole('heading', { name: /^Layer 2: the load of ACC differs between agent kinds by .*95 %/ }).waitFor(); // prettier-ignore
    await page.getByRole('tab', { name: 'Evidence' }).click();
    await page.getByRole('heading', { name: /^Attention on gold: about/ }).waitFor();
    await page.getByRole('combobox', { name: 'Metric' }).click();
    await page.getByRole('option', { name: 'gold share of evidence attention' }).click();
    await page.getByText(/^Against the share of gold among the evidence tokens, paired by item: base over it in \d of 4 layers/).waitFor(); // prettier-ignore
    await page.getByRole('button', { name: /^Pin/ }).first().click();
    expect(await overflow(page)).toBeLessThanOrEqual(0);
    await page.reload();
    await page.getByRole('heading', { name: /^Attention on gold: about/ }).waitFor();
    await page.goto(`${built.url}#/compare`);
    await page.getByRole('heading', { level: 3, name: /^Attention on gold: about/ }).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    const saved = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Report as HTML' }).click();
    expect((await saved).suggestedFilename()).toBe('report.html');
    const notebook = page.waitForEvent('download');
    await page.getByRole('button', { name: 'Charts as notebook' }).click();
    const { cells } = JSON.parse(await readFile(await (await notebook).path(), 'utf8')) as { cells: { source: string[] }[] }; // prettier-ignore
    expect(cells.at(-1)!.source.join('')).toContain('spans.column(');
    expect(problems).toEqual([]);
    await context.close();
  });
});

describe.skipIf(browserSkipReason)('measuring in the page on a software adapter', () => {
  let built: BuiltPage;
  beforeAll(async () => {
    built = await startBuiltPage('swiftshader');
  });
  afterAll(async () => built?.close());

  it('measures two items and shows the numbers that the script gets', async () => {
    const { page, context, problems } = await built.newPage();
    await page.goto(`${built.url}#/model`);
    await page.getByTestId('model-folder-input').setInputFiles(model);
    await page.getByTestId('model-card').waitFor();
    await page.evaluate(() => window.workbench.loadModel(undefined, { weightType: 'f32', kvType: 'f32', contextLength: 256, chunkTokens: 64 })); // prettier-ignore
    const measured = await page.evaluate(
      (given) => window.workbench.measure({ rows: given, name: 'two gates' }),
      rows,
    );
    expect(measured.items.map(({ id }) => id)).toEqual(['gate-north', 'gate-south']);
    const base = measured.subjects[0]!;
    const { experts, expertsPerToken } = measured.model;
    // Every token chooses k experts.
    const chosen = base.routing.filter(({ layer }) => layer === base.routing[0]!.layer).reduce((sum, { frequency }) => sum + frequency, 0); // prettier-ignore
    expect(chosen).toBeCloseTo(expertsPerToken!, 4);
    expect(base.routing.length % experts!).toBe(0);
    await page.goto(`${built.url}#/mechanism`);
    await page.getByRole('heading', { name: /^base: sink-excluded distance runs from/ }).waitFor();
    await page
      .getByRole('group', { name: 'Chart as' })
      .nth(1)
      .getByRole('button', { name: 'Show as table' })
      .click();
    const shown = await page.locator('.chart-table').first().locator('tbody tr').evaluateAll((lines) => lines.map((line) => [...line.querySelectorAll('td')].map(({ textContent }) => textContent))); // prettier-ignore
    const expected = base.attention.map(({ layer, head, sinkExcludedDistance }) => [
      layer,
      head,
      sinkExcludedDistance,
    ]);
    expect(shown).toEqual(
      expected.map((row) =>
        row.map((value) => value!.toLocaleString('en-US', { maximumSignificantDigits: 12 })),
      ),
    );
    await page.getByRole('button', { name: 'Show as chart' }).click();
    // The text follows a picked head, then a picked expert: the marks are those of what is picked.
    const marks = () => page.evaluate(() => ['mech-1', 'mech-2', 'mech-3', 'mech-4', 'mech-5', 'mech-6', 'mech-gold'].map((name) => [...(CSS.highlights.get(name) ?? [])].map((range) => (range).startContainer.textContent!.slice((range).startOffset, (range).endOffset)))); // prettier-ignore
    const pick = async (chart: Locator, title: RegExp) => {
      await chart.focus();
      for (const key of ['ArrowDown', 'ArrowRight', 'Enter']) await chart.press(key);
      const text = page.getByRole('region', { name: title });
      await text.getByRole('table').getByRole('row').nth(1).waitFor();
      await text.locator('[data-stale]').waitFor({ state: 'detached' });
      return text;
    };
    const head = await pick(page.locator('.mech-chart [role="group"][tabindex="0"]').nth(1), /^Where head L\d·H\d looks$/); // prettier-ignore
    await head.getByText('The north gate was shut in 1940.').waitFor();
    const ofHead = await marks();
    expect(ofHead.slice(0, 6).flat().length).toBeGreaterThan(0);
    expect(ofHead[6]!.join('|')).toMatch(/^The north gate was shut in 1940\.[^|]{0,6}$/);
    await page.getByRole('tab', { name: 'Experts' }).click();
    const expert = await pick(page.locator('.mech-chart [role="group"][tabindex="0"]').first(), /^Tokens of expert L\d·E\d$/); // prettier-ignore
    const name = await expert.getByRole('heading').textContent();
    const [layer, index] = /L(\d)·E(\d)/.exec(name!)!.slice(1).map(Number);
    const routed = base.routing.find((row) => row.layer === layer && row.expert === index)!;
    const timesChosen = await expert.getByRole('table').locator('td:nth-child(2)').allTextContents();
    // Its query tokens alone would be fewer; over all tokens of the item it is chosen at least as often.
    const queries = measured.items[0]!.queryTokens;
    expect(timesChosen.reduce((sum, cell) => sum + Number(cell), 0)).toBeGreaterThanOrEqual(Math.round((routed.perItem.frequency![0] ?? 0) * queries)); // prettier-ignore
    expect(await marks()).not.toEqual(ofHead);
    expect(await axeViolations(page)).toEqual([]);
    expect(problems).toEqual([]);
    await context.close();
  });
});
