import { readFileSync, rmSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { axeViolations } from '../ui/harness/startHarness.ts';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

/** What a reader would miss if it were not there. */
async function holdings(page: Page) {
  return page.evaluate(async () => {
    const { workbench } = window;
    const { rows, total } = await workbench.listTrajectories();
    const set = workbench.listSets().at(-1);
    const examples = set ? await workbench.listExamples(set.id, { filter: { excluded: 'show' } }) : null;
    return {
      total,
      kinds: rows.map(({ id, kind }) => `${id} ${kind}`),
      first: (await workbench.openTrajectory(rows[0]?.id ?? '')).steps.length,
      sha256: set?.sha256,
      excluded: examples?.rows.filter(({ excluded }) => excluded).map(({ id }) => id),
    };
  });
}

describe.skipIf(browserSkipReason)(`projects${browserSkipReason ? `: ${browserSkipReason}` : ''}`, () => {
  let built: BuiltPage;
  let folder: string;
  beforeAll(async () => {
    built = await startBuiltPage();
    folder = mkdtempSync(join(tmpdir(), 'acc-projects-'));
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await built?.close();
  });

  it('are saved to one file and opened on another machine, whole or not at all', async () => {
    const here = await built.newPage();
    await here.page.goto(built.url);
    await here.page.evaluate(async () => {
      const { workbench } = window;
      await workbench.openSamples();
      const { rows } = await workbench.listTrajectories();
      await workbench.setKind(rows[0]?.id ?? '', 'sql');
      const set = await workbench.compile();
      const examples = await workbench.listExamples(set.id);
      await workbench.excludeExamples(set.id, [examples.rows[0]?.id ?? '']);
    });
    const before = await holdings(here.page);
    await here.page.getByRole('button', { name: 'Samples', exact: true }).click();
    await here.page.getByRole('menuitem', { name: 'Save to a file…' }).click();
    await here.page.getByRole('dialog', { name: 'Save “Samples” to a file' }).waitFor();
    expect(await axeViolations(here.page)).toEqual([]);
    // Headless browsers have no save picker: the file is a download.
    await here.page.evaluate(() => Reflect.deleteProperty(window, 'showSaveFilePicker'));
    const downloading = here.page.waitForEvent('download');
    await here.page.getByRole('dialog').getByRole('button', { name: 'Save', exact: true }).click();
    const path = join(folder, 'Samples.accz');
    await (await downloading).saveAs(path);
    expect(here.problems).toEqual([]);
    await here.context.close();

    const there = await built.newPage();
    await there.page.goto(built.url);
    await there.page.evaluate(() => window.workbench.ready);
    // First a file that was damaged on the way: nothing of it is taken over, nothing here is lost.
    const bytes = readFileSync(path);
    // More bytes than the headers between two files have.
    const middle = bytes.length >> 1;
    bytes.fill(0, middle, middle + 500);
    const damaged = join(folder, 'damaged.accz');
    writeFileSync(damaged, bytes);
    const input = there.page.getByTestId('project-input');
    await input.setInputFiles(damaged);
    await there.page.getByRole('alert').getByText('The project file is damaged').waitFor();
    const projects = () => there.page.evaluate(async () => (await window.workbench.data.listProjects()).map(({ name }) => name)); // prettier-ignore
    expect(await projects()).toEqual(['My trajectories']);

    await input.setInputFiles(path);
    await there.page.getByRole('button', { name: 'Samples', exact: true }).waitFor();
    expect(await holdings(there.page)).toEqual(before);
    await there.page.reload();
    await there.page.getByRole('button', { name: 'Samples', exact: true }).waitFor();
    expect(await holdings(there.page)).toEqual(before);
    expect((await projects()).sort()).toEqual(['My trajectories', 'Samples']);
    expect(there.problems).toEqual([]);
    await there.context.close();
  });

  it('are written by one tab at a time: a second one asks, takes over, and gives back', async () => {
    const { page: first, context, problems } = await built.newPage();
    await first.goto(built.url);
    await first.evaluate(async () => {
      await window.workbench.openSamples();
      await window.workbench.compile();
    });
    const before = await holdings(first);
    const second = await context.newPage();
    await second.goto(built.url);
    const dialog = second.getByRole('dialog', { name: '“Samples” is open in another tab' });
    await dialog.waitFor();
    expect(await axeViolations(second)).toEqual([]);
    await dialog.getByRole('button', { name: 'Take over here' }).click();
    await first.getByText('“Samples” went on in another tab').waitFor();
    await second.getByRole('button', { name: 'Samples', exact: true }).waitFor();
    expect(await holdings(second)).toEqual(before);
    // What stood in for it while it was open elsewhere has gone: nothing was done in it.
    const names = await second.evaluate(async () => (await window.workbench.data.listProjects()).map(({ name }) => name)); // prettier-ignore
    expect(names.filter((name) => name === 'My trajectories')).toHaveLength(1);
    expect(await axeViolations(first)).toEqual([]);

    await first.getByRole('button', { name: 'Take it back' }).click();
    await second.getByText('“Samples” went on in another tab').waitFor();
    await first.getByText('went on in another tab').waitFor({ state: 'detached' });
    expect(await holdings(first)).toEqual(before);
    expect(problems).toEqual([]);

    // A page whose former self is slow to end (here a lock that nobody answers for) waits for it.
    const id = (await first.evaluate(async () => (await window.workbench.data.listProjects()).find(({ name }) => name === 'Samples')))!.id; // prettier-ignore
    await second.goto(`${built.url}relay.html`);
    await second.evaluate((name) => {
      const held = new Promise((release) => setTimeout(release, 5000));
      void navigator.locks.request(`acc-workbench/${name}`, () => held);
    }, id);
    await first.reload();
    await first.getByRole('button', { name: 'Samples', exact: true }).waitFor();
    expect(await holdings(first)).toEqual(before);
    expect(problems).toEqual([]);
    await context.close();
  });
});
