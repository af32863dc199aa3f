import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateGraphWalks } from '../../src/evaluate/graphwalksGenerator.ts';
import { axeViolations } from '../ui/harness/startHarness.ts';
import { lookupEmbedder } from '../helpers/onnxModels.ts';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

const fixture = resolve(import.meta.dirname, '../fixtures/models/tiny-moe');
const reference = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../fixtures/reference/moe.json'), 'utf8'),
) as { greedyPrompt: number[]; greedyTokens: number[] };

describe.skipIf(browserSkipReason)('the workbench without WebGPU', () => {
  let built: BuiltPage;
  beforeAll(async () => {
    built = await startBuiltPage('none');
  });
  afterAll(async () => built?.close());

  it('says once what stands in, and generates the reference’s tokens under onnxruntime', async () => {
    const { page, problems } = await built.newPage();
    await page.goto(`${built.url}#/model`);
    await page.getByText('This browser gives the page no WebGPU').waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await page.getByText('This browser gives the page no WebGPU').waitFor({ state: 'detached' });
    await page.getByTestId('model-folder-input').setInputFiles(fixture);
    await page.getByTestId('model-card').getByText('8, of which 2 per token; files hold them one by one').waitFor(); // prettier-ignore
    // Kept on this computer, over a reload, as is what was said.
    await page.getByRole('button', { name: /Keep on this computer/ }).click();
    await page.getByText('tiny-moe is kept on this computer').waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Open tiny-moe' }).click();
    await page.getByTestId('runtime').getByText('onnxruntime on the CPU').waitFor();
    expect(await page.getByText('This browser gives the page no WebGPU').count()).toBe(0);
    await page.getByRole('button', { name: 'Load tiny-moe' }).click();
    await page.getByTestId('loaded').getByText('is loaded on WASM').waitFor({ timeout: 60_000 });
    const report = await page.evaluate(
      (prompt) =>
        window.workbench.generate({ kind: 'ids', ids: prompt }, { maxNewTokens: 40, ignoreStops: true }),
      reference.greedyPrompt,
    );
    expect(report.ids).toEqual(reference.greedyTokens.slice(0, 40));
    expect(await axeViolations(page)).toEqual([]);
    await page.goto(`${built.url}#/train`);
    await page.getByText('Training needs WebGPU').waitFor();
    expect(problems).toEqual([]);
  });

  it('runs the flow on the model in the box: trajectories, compile, ask, evaluate, mechanism', async () => {
    const { page, problems } = await built.newPage();
    await page.goto(`${built.url}#/model`);
    const compiled = await page.evaluate(async () => {
      const { workbench } = window;
      await workbench.ready;
      await workbench.openSamples();
      const set = await workbench.compile({ options: { budget: 700 } });
      const { rows } = await workbench.listExamples(set.id, { limit: 1 });
      await workbench.loadModel('models/world-moe-3m/', { contextLength: 2048 });
      const example = await workbench.readExample(set.id, rows[0]!.id);
      const messages = [{ role: 'user', content: example.messages[0]!.content }];
      const reply = await workbench.generate({ kind: 'messages', messages }, { maxNewTokens: 8 });
      const { subjects, run } = await workbench.measure({ setId: set.id, limit: 1 });
      const map = await workbench.mapQueries(set.id, { neighbours: 4 });
      return {
        examples: set.exampleCount,
        replied: reply.ids.length,
        mapped: [map.texts.ids.length, map.plane.length, map.dim],
        subjects: subjects.map(({ attention, routing }) => [attention.length, routing.length]),
        runtime: (run as { runtime?: string }).runtime,
      };
    });
    expect(compiled.examples).toBeGreaterThan(0);
    expect(compiled.replied).toBeGreaterThan(0);
    expect(compiled.mapped).toEqual([compiled.examples, 2 * compiled.examples, 192]);
    // 5 layers of 4 heads and of 8 experts.
    expect(compiled.subjects).toEqual([[20, 40]]);
    expect(compiled.runtime).toBe('onnxruntime-web WASM');
    // A lasso around everything selects everything in the table.
    await page.goto(`${built.url}#/qa`);
    await page.getByText('Map of the queries', { exact: true }).click();
    const canvas = page.getByTestId('query-map').locator('canvas');
    await canvas.scrollIntoViewIfNeeded();
    const box = (await canvas.boundingBox())!;
    await page.mouse.move(box.x + 2, box.y + 2);
    await page.mouse.down();
    for (const [x, y] of [[1, 0], [1, 1], [0, 1]] as const) await page.mouse.move(box.x + 2 + x * (box.width - 4), box.y + 2 + y * (box.height - 4)); // prettier-ignore
    await page.mouse.up();
    await page.getByText(`${compiled.examples} examples selected in the table below`).waitFor();
    await canvas.press('ArrowRight');
    await canvas.press('Space');
    await page.getByText(`${compiled.examples - 1} examples selected in the table below`).waitFor();
    expect(await axeViolations(page)).toEqual([]);
    // Again, by an embedding model with its tokenizer beside it.
    await page.getByRole('button', { name: 'An ONNX model' }).click();
    await page.getByTestId('embedder-files').setInputFiles([
      {
        name: 'lookup.onnx',
        mimeType: 'application/octet-stream',
        buffer: Buffer.from(lookupEmbedder(2048, 8)),
      },
      { name: 'tokenizer.json', mimeType: 'application/json', buffer: readFileSync(resolve(import.meta.dirname, '../../public/models/world-moe-3m/tokenizer.json')) }, // prettier-ignore
    ]);
    await page.getByText('lookup.onnx, mean of last_hidden_state over the tokens').waitFor();
    await page.getByRole('button', { name: 'Make the map' }).click();
    await page.getByText(/lookup\.onnx \(8 numbers/).waitFor();
    await page.goto(`${built.url}#/evaluate`);
    await page.locator('.evaluate[data-state=ready]').waitFor();
    const rows = [0, 1].map((seed) => generateGraphWalks({ problem: 'parents', nodes: 10, outDegree: 2, depth: 2, seed })); // prettier-ignore
    await page.getByTestId('benchmark-file').setInputFiles({ name: 'graphs.jsonl', mimeType: 'application/json', buffer: Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')) }); // prettier-ignore
    await page.getByText('GraphWalks, 2 rows').waitFor();
    await page.getByText('Sampling').click();
    await page.getByRole('textbox', { name: 'Tokens of a reply', exact: true }).fill('8');
    await page.getByRole('button', { name: 'Evaluate', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: /world-moe-3m/ }).waitFor({ timeout: 60_000 });
    await page.goto(`${built.url}#/mechanism`);
    await page.getByRole('group', { name: /distance/i }).first().waitFor(); // prettier-ignore
    expect(problems).toEqual([]);
  });
});
