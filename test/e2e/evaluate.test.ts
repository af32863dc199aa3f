import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createServer, type Server } from 'node:http';
import type { Page } from 'playwright-core';
import type { AddressInfo } from 'node:net';
import { generateGraphWalks } from '../../src/evaluate/graphwalksGenerator.ts';
import { parseTask, solveTask } from '../../src/evaluate/graphwalks.ts';
import { browserSkipReason, endWorker, killTab, startBuiltPage, type BuiltPage } from './browser.ts';

const rows = Array.from({ length: 12 }, (_, seed) =>
  generateGraphWalks({
    problem: seed % 2 ? 'bfs' : 'parents',
    nodes: 10 + 12 * (seed % 3),
    outDegree: 2,
    depth: 2,
    seed,
  }),
);
const data = { name: 'graphs.jsonl', mimeType: 'application/json', buffer: Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')) }; // prettier-ignore
const responses = (right: (index: number) => boolean) => ({
  name: `right-${rows.filter((_, index) => right(index)).length}.jsonl`,
  mimeType: 'application/json',
  buffer: Buffer.from(rows.map((row, index) => `${JSON.stringify({ index, response: `<think>hm</think>\nFinal Answer: [${right(index) ? row.answer_nodes.join(', ') : 'nothing'}]` })}\n`).join('')), // prettier-ignore
});

function walkGraph(question: string): string {
  return `Final Answer: [${[...solveTask(parseTask(question)!)].join(', ')}]`;
}

/** A chat endpoint of another origin that allows this page, and answers slowly. */
async function startEndpoint(
  answer = walkGraph,
): Promise<{ url: string; asked: () => number; server: Server }> {
  let asked = 0;
  const server = createServer((request, response) => {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-headers', '*');
    if (request.method === 'OPTIONS') {
      response.end();
      return;
    }
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      asked++;
      const body = JSON.parse(Buffer.concat(parts).toString()) as { messages: { content: string }[] };
      const content = answer(body.messages.at(-1)!.content);
      response.setHeader('content-type', 'text/event-stream');
      const send = (value: unknown): void => void response.write(`data: ${JSON.stringify(value)}\n\n`);
      send({ choices: [{ delta: { reasoning_content: 'thinking' } }] });
      setTimeout(() => {
        send({
          choices: [{ delta: { content }, finish_reason: 'stop' }],
        });
        response.end('data: [DONE]\n\n');
      }, 400);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`, asked: () => asked, server };
}

describe.skipIf(browserSkipReason)('the Evaluate view', () => {
  let built: BuiltPage;
  beforeAll(async () => {
    built = await startBuiltPage();
  });
  afterAll(() => built?.close());

  it('grades two files of responses, compares them, and shows an item beside its gold nodes', async () => {
    const { page, context, problems } = await built.newPage();
    await page.goto(`${built.url}#/evaluate`);
    await page.locator('.evaluate[data-state=ready]').waitFor();
    await page.getByTestId('benchmark-file').setInputFiles(data);
    await page.getByText('GraphWalks, 12 rows').waitFor();
    await page.getByRole('button', { name: 'Responses', exact: true }).click();
    for (const file of [responses((index) => index % 4 === 0), responses((index) => index !== 5)]) {
      await page.getByTestId('responses-file').setInputFiles(file);
      await page.getByRole('button', { name: 'Grade', exact: true }).click();
      await page.getByRole('heading', { level: 1, name: new RegExp(file.name) }).waitFor();
    }
    await page.getByRole('button', { name: 'Set as baseline' }).click();
    await page
      .getByText(/is better than right-3.jsonl by 0\.\d+/)
      .first()
      .waitFor();
    // The address names the run; back leads to the one shown before.
    await page.locator('.evaluate-run-main').getByText('right-3.jsonl').click();
    await page.getByRole('heading', { level: 1, name: /right-3\.jsonl/ }).waitFor();
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: /right-11\.jsonl/ }).waitFor();
    await page.getByText(/McNemar, exact, two-sided/).waitFor();
    await page.getByRole('button', { name: '8 right in this run only: show them' }).click();
    await page.getByRole('region', { name: 'Items' }).getByText('8 of 12').waitFor();
    await page.getByRole('heading', { name: /no clear change|falls|rises|only length/ }).waitFor();
    await page.getByRole('region', { name: 'Scores' }).getByText('type bfs').waitFor();
    expect(await page.locator('.evaluate-tables').textContent()).not.toContain('±');
    await page.locator('.evaluate-item-list button').nth(5).click();
    await page
      .getByRole('heading', { name: /missing \(/ })
      .first()
      .waitFor();
    await page
      .getByRole('button', { name: /Reasoning/ })
      .first()
      .click();
    await page.getByText('hm', { exact: true }).first().waitFor();
    if (process.env['ACC_SHOTS']) {
      await page.screenshot({ path: `${process.env['ACC_SHOTS']}/light.png` });
      await page.locator('.evaluate').evaluate((element) => element.scrollTo(0, 700));
      await page.screenshot({ path: `${process.env['ACC_SHOTS']}/light2.png` });
      await page.keyboard.press('Shift+T');
      await page.screenshot({ path: `${process.env['ACC_SHOTS']}/dark2.png` });
      await page.locator('.evaluate').evaluate((element) => element.scrollTo(0, 0));
      await page.screenshot({ path: `${process.env['ACC_SHOTS']}/dark.png` });
    }
    // Deleting asks first, and the answer at hand is the one that keeps.
    const remove = page.getByRole('button', { name: 'Delete the run of right-3.jsonl' });
    await remove.click();
    await page.getByRole('alert').getByText('The run and its answers go for good.').waitFor();
    await page.keyboard.press('Enter');
    await remove.click();
    await page.getByRole('button', { name: 'Remove' }).click();
    await remove.waitFor({ state: 'detached' });
    expect(problems).toEqual([]);
    await context.close();
  });

  it('asks an endpoint of another origin, is stopped, loses its worker, then its tab, and goes on without asking twice', async () => {
    const endpoint = await startEndpoint();
    const { page, context, problems } = await built.newPage();
    await page.goto(`${built.url}#/evaluate`);
    await page.getByTestId('benchmark-file').setInputFiles(data);
    await page.getByText('GraphWalks, 12 rows').waitFor();
    await page.getByRole('button', { name: 'Endpoint', exact: true }).click();
    await page.getByLabel('Address of the endpoint').fill(endpoint.url);
    await page.getByRole('textbox', { name: 'Model name' }).fill('solver');
    await page.getByRole('textbox', { name: 'Questions at a time' }).fill('1');
    await page.getByRole('button', { name: 'Evaluate', exact: true }).click();
    const answered = (at: Page, count: RegExp) =>
      at
        .getByText(new RegExp(`${count.source} of 12 questions, mean so far`))
        .first()
        .waitFor();
    await answered(page, /[2-4]/);
    await page.getByRole('button', { name: 'Stop Evaluating solver' }).click();
    await page
      .getByText(/what was answered is kept/)
      .first()
      .waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await answered(page, /[4-7]/);
    await endWorker(page, 'evaluate');
    await page.getByText(/The part of the page that evaluates was ended by the browser/).first().waitFor(); // prettier-ignore
    await page.getByRole('button', { name: 'Resume' }).click();
    await answered(page, /([6-9]|10)/);
    const next = await killTab(page);
    await next.getByRole('button', { name: 'Resume' }).click();
    await next.getByRole('heading', { name: 'solver: 1.000 mean F1' }).waitFor();
    // One question was open each time that it ended; nothing else was asked again.
    expect(endpoint.asked()).toBeLessThanOrEqual(12 + 3);
    expect(problems.filter((problem) => !problem.includes(endpoint.url))).toEqual([]);
    await context.close();
    endpoint.server.close();
  });

  it('asks MMLU-Pro after the worked examples of a second file, and says over several seeds how often it agrees', async () => {
    const questions: string[] = [];
    const endpoint = await startEndpoint((question) => {
      questions.push(question);
      return 'The answer is (B)';
    });
    const row = (question: string, cot = '') => ({ question, options: ['x', 'y', 'z'], answer: 'B', category: 'law', cot_content: cot }); // prettier-ignore
    const fileOf = (name: string, value: object) => ({ name, mimeType: 'application/json', buffer: Buffer.from(JSON.stringify(value)) }); // prettier-ignore
    const { page, context, problems } = await built.newPage();
    await page.goto(`${built.url}#/evaluate`);
    await page.locator('.evaluate[data-state=ready]').waitFor();
    const open = page.getByTestId('benchmark-file');
    await open.setInputFiles(
      fileOf('validation.jsonl', row('Law?', "A: Let's think step by step. The answer is (B).")),
    );
    await page.getByText('MMLU-Pro, 1 rows').first().waitFor();
    await open.setInputFiles(fileOf('test.jsonl', row('Who?')));
    await page.getByRole('button', { name: 'Endpoint', exact: true }).click();
    await page.getByLabel('Address of the endpoint').fill(endpoint.url);
    await page.getByRole('textbox', { name: 'Model name' }).fill('solver');
    await page.getByRole('textbox', { name: 'Seeds' }).fill('2');
    const evaluate = async (note: string) => {
      await page.getByRole('button', { name: 'Evaluate', exact: true }).click();
      await page.getByText(note).waitFor();
    };
    await evaluate('Zero-shot: published results of MMLU-Pro give 5 worked examples');
    await page.getByRole('combobox', { name: 'Worked examples' }).click();
    await page.getByRole('option', { name: /validation\.jsonl/ }).click();
    await evaluate('Up to 5 worked examples of validation.jsonl before each question.');
    expect(questions.map((question) => question.includes('Law?'))).toEqual([false, false, true, true]);
    const scores = page.getByRole('region', { name: 'Scores' });
    for (const name of ['mean@2', 'maj@2', 'same answer in all samples'])
      await scores.getByRole('rowheader', { name }).waitFor();
    if (process.env['ACC_SHOTS']) await page.screenshot({ path: `${process.env['ACC_SHOTS']}/examples.png` });
    expect(problems.filter((problem) => !problem.includes(endpoint.url))).toEqual([]);
    await context.close();
    endpoint.server.close();
  });
});
