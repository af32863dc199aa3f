import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeViolations } from '../ui/harness/startHarness.ts';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

/** Runs of a search agent that visits one short page: small enough to train on without a graphics card. */
const runs = Array.from({ length: 6 }, (_, n) => {
  const question = `Which harbour did survey ${n} begin in?`;
  const call = { id: 'c', type: 'function', function: { name: 'visit', arguments: `{"url":"https://logs.example/${n}"}` } }; // prettier-ignore
  return JSON.stringify({
    id: `r${n}`,
    question,
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'c', name: 'visit', content: `# Log ${n}\nSurvey ${n} set out from Portansel${n} on day ${n * 31}.` }, // prettier-ignore
      { role: 'assistant', content: `Portansel${n}` },
    ],
    answer: `Portansel${n}`,
    reward: 1,
  });
}).join('\n');

/** What has the focus, as a screen reader names it: `button Open files`. */
function focused(page: Page): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (!element) return '';
    const role = element.getAttribute('role') ?? element.tagName.toLowerCase();
    const label = element.getAttribute('aria-label') ?? (element as HTMLElement).innerText ?? '';
    return `${role} ${label.replaceAll(/\s+/g, ' ').trim()}`;
  });
}

/** Presses Tab until the focus is there; no other way to it is taken. */
async function tabTo(page: Page, name: RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  const passed: string[] = [];
  for (let press = 0; press < 150; press++) {
    const now = await focused(page);
    if (name.test(now)) return;
    passed.push(now);
    await page.keyboard.press(key);
  }
  throw new Error(`${name} is not reached by ${key}; passed: ${passed.slice(-40).join(' | ')}`);
}

/** Reaches a control by Tab and presses Enter on it. */
async function press(page: Page, name: RegExp, key: 'Tab' | 'Shift+Tab' = 'Tab'): Promise<void> {
  await tabTo(page, name, key);
  await page.keyboard.press('Enter');
}

/** Reaches a field by Tab and types into it. */
async function type(page: Page, name: RegExp, text: string): Promise<void> {
  await tabTo(page, name);
  await page.keyboard.press('Control+a');
  await page.keyboard.type(text);
  await page.keyboard.press('Tab');
}

async function goTo(page: Page, key: string): Promise<void> {
  await page.keyboard.press('g');
  await page.keyboard.press(key);
}

describe.skipIf(browserSkipReason)('by keyboard alone', () => {
  let built: BuiltPage;
  let page: Page;
  let problems: string[];
  beforeAll(async () => {
    built = await startBuiltPage('swiftshader');
    ({ page, problems } = await built.newPage({ reducedMotion: 'reduce' }));
    // Files are then chosen through an input, which the test can answer.
    await page.addInitScript(() => Reflect.deleteProperty(window, 'showOpenFilePicker'));
    await page.goto(built.url);
  });
  afterAll(() => built?.close());

  it('the tour is taken, goes through the views, holds nothing, and is not offered again', async () => {
    await press(page, /^button Take the tour/);
    const tour = page.getByRole('region', { name: 'Tour' });
    for (const view of ['Trajectories', 'Compile', 'QA']) {
      await expect.poll(() => page.title()).toBe(`${view} · ACC Workbench`);
      await expect.poll(() => focused(page)).toBe('button Next');
      await page.keyboard.press('Enter');
    }
    await page.getByRole('heading', { level: 1, name: 'Model' }).waitFor();
    await expect.poll(() => focused(page)).toBe('button Next');
    expect(await axeViolations(page)).toEqual([]);
    // The view beside it works on, and a key ends the tour.
    await tabTo(page, /^a Open a model|^button Open world-moe/);
    await press(page, /^button End the tour/, 'Shift+Tab');
    await tour.waitFor({ state: 'detached' });
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Model' }).waitFor();
    await goTo(page, 's');
    await page.getByRole('heading', { level: 1, name: /^Turn agent trajectories/ }).waitFor();
    expect(await page.getByRole('button', { name: 'Take the tour' }).count()).toBe(0);
  });

  it('runs become examples, which are read piece by piece', async () => {
    const chooser = page.waitForEvent('filechooser');
    await press(page, /^button Open files/);
    await (await chooser).setFiles({ name: 'runs.jsonl', mimeType: 'text/plain', buffer: Buffer.from(runs) });
    await page.getByRole('grid').waitFor();
    await goTo(page, 'c');
    await press(page, /^button Compile 6/);
    await press(page, /^(a|button) Read the examples/);
    await tabTo(page, /^grid /);
    await page.keyboard.press('Control+a');
    await page.getByText('6 selected').waitFor();
    await page.keyboard.press('Enter');
    await page.locator('.qa-reader[data-state=ready]').waitFor();
    await page.keyboard.press('j');
    await expect.poll(() => page.url()).toMatch(/piece=/);
    await page.keyboard.press('o');
    await expect.poll(() => page.url()).toMatch(/#\/trajectories\/.*from=/);
  });

  it('a model is opened, trained for two steps, and asked a few items; the scores are read from the chart', async () => {
    await goTo(page, 'f');
    await press(page, /^button Open world-moe/);
    await page.getByTestId('ledger').waitFor();
    // One stop for a row of choices; arrows go along it.
    await tabTo(page, /^button Epochs/);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('Enter');
    await type(page, /^input Steps/, '2');
    await page.getByRole('button', { name: /^Start training: 2 steps/, disabled: false }).waitFor();
    await press(page, /^button Start training: 2 steps/);
    await page.locator('[data-testid=run][data-end=finished]').waitFor();
    await tabTo(page, /^group Loss/);
    await page.keyboard.press('ArrowRight');
    await expect
      .poll(() => page.locator('.chart-plot:focus [aria-live]').textContent())
      .toMatch(/^step \d, .*\d\.\d/);
    await press(page, /^button Load the model with it/, 'Shift+Tab');
    await page.getByText('The loaded model has this adapter').waitFor();
    await press(page, /^button Evaluate it/);
    await type(page, /^input Rows/, '2');
    await type(page, /^input Length in tokens/, '640');
    await press(page, /^button Generate$/);
    await press(page, /^button Sampling/);
    await type(page, /^input Tokens of a reply/, '8');
    await page.getByRole('button', { name: 'Evaluate', exact: true, disabled: false }).waitFor();
    await press(page, /^button Evaluate$/);
    await page
      .getByRole('group', { name: /score|falls|rises|no clear change|only length/i })
      .first()
      .waitFor();
    await tabTo(page, /^group .*(score|falls|rises|no clear change|only length)/i);
    await page.keyboard.press('ArrowRight');
    await expect.poll(() => page.locator('.chart-plot:focus [aria-live]').textContent()).toMatch(/\d/);
    expect(problems).toEqual([]);
  });
});
