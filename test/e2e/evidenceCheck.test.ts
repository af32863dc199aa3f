import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeViolations } from '../ui/harness/startHarness.ts';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

describe.skipIf(browserSkipReason)('checking an example with the model', () => {
  let built: BuiltPage;
  beforeAll(async () => {
    built = await startBuiltPage('swiftshader');
  });
  afterAll(async () => built?.close());

  it('says what it needs, then shows the scores that a script gets, and forgets them with the model', async () => {
    const { page, context, problems } = await built.newPage();
    await page.goto(built.url);
    const { setId, id } = await page.evaluate(async () => {
      await window.workbench.openSamples();
      const set = await window.workbench.compile();
      const { rows } = await window.workbench.listExamples(set.id, { filter: { kinds: ['sql'] }, limit: 1 });
      return { setId: set.id, id: rows[0]!.id };
    });
    await page.goto(`${built.url}#/qa/${setId}/${encodeURIComponent(id)}`);
    const inspector = page.getByRole('complementary', { name: 'Inspector' });
    await inspector.getByText('Needs a model loaded on WebGPU').waitFor();

    await page.evaluate(() => window.workbench.loadModel('models/world-moe-3m/', { weightType: 'f32', kvType: 'f32' })); // prettier-ignore
    await inspector.getByRole('button', { name: 'Check each gold piece too' }).click();
    const report = inspector.getByTestId('evidence-check');
    await report.waitFor({ timeout: 110_000 });
    const shown = await report
      .locator('tbody tr')
      .evaluateAll((rows) => rows.map((row) => [...row.children].map(({ textContent }) => textContent)));
    const check = await page.evaluate(([set, example]) => window.workbench.checkEvidence(set!, example!), [setId, id]); // prettier-ignore
    const { context: whole, closedBook } = check.scores;
    const told = (value: number, digits: number): string => value.toFixed(digits).replace('-', '−');
    expect(shown[0]).toEqual(['whole context', told(whole.mean, 3), told(whole.total, 2), whole.greedy ? 'yes' : 'no']); // prettier-ignore
    expect(shown[1]?.slice(0, 2)).toEqual(['question alone', told(closedBook.mean, 3)]);
    expect(shown.length).toBeGreaterThan(await report.locator('tbody tr').count());
    expect(await axeViolations(page)).toEqual([]);

    await page.evaluate(() => window.workbench.unloadModel());
    await inspector.getByText('Needs a model loaded on WebGPU').waitFor();
    await expect.poll(() => report.count()).toBe(0);
    expect(problems).toEqual([]);
    await context.close();
  });
});
