import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateGraphWalks } from '../../src/evaluate/graphwalksGenerator.ts';
import { axeViolations } from '../ui/harness/startHarness.ts';
import { browserSkipReason, endWorker, killTab, startBuiltPage, type BuiltPage } from './browser.ts';

const patient = { timeout: 20_000 };

const total = (page: Page): Promise<number> =>
  page.evaluate(async () => (await window.workbench.listTrajectories({ limit: 1 })).total);

describe.skipIf(browserSkipReason)(
  `a machine that fails${browserSkipReason ? `: ${browserSkipReason}` : ''}`,
  () => {
    let built: BuiltPage;
    beforeAll(async () => {
      built = await startBuiltPage();
    });
    afterAll(async () => built?.close());

    it('kills the tab during an import and during a compilation: what was done stays, the rest goes on', async () => {
      const { page: first, context } = await built.newPage();
      await first.goto(built.url);
      const setId = await first.evaluate(async () => {
        const { workbench } = window;
        await workbench.openSamples();
        await workbench.data.importSources([{ type: 'world', count: 600, seed: 7 }]);
        await new Promise<void>((resolve) => {
          const stop = workbench.on('job', ({ kind, phase }) => {
            if (kind !== 'import' || phase !== 'done') return;
            stop();
            resolve();
          });
        });
        const compiling = workbench.compile({ name: 'Killed' });
        compiling.catch(() => undefined);
        return new Promise<string>((resolve) => {
          const stop = workbench.on('job', ({ kind, doneItems, setId: id }) => {
            if (kind !== 'compile' || doneItems < 1 || id === null) return;
            stop();
            void workbench.data.importSources([{ type: 'world', count: 2000, seed: 8 }]);
            resolve(id);
          });
        });
      });
      const second = await killTab(first);
      await expect.poll(() => total(second), patient).toBeGreaterThanOrEqual(611);
      const ended = await second.evaluate(async (id) => {
        const { workbench } = window;
        const set = workbench.listSets().find((each) => each.id === id);
        const resumed = await workbench.data.resumeCompile(id);
        if (!resumed.ok) return { was: set?.phase, failure: resumed.message };
        await new Promise<void>((resolve) => {
          const stop = workbench.on('job', ({ id: job, phase }) => {
            if (job !== resumed.value.jobId || phase === 'running') return;
            stop();
            resolve();
          });
        });
        return { was: set?.phase, now: workbench.listSets().find((each) => each.id === id)?.phase };
      }, setId);
      expect(ended).toEqual({ was: 'interrupted', now: 'complete' });
      await context.close();
    });

    it('kills the tab while a project is saved, and while one is opened from a file: nothing of it is lost or half there', async () => {
      const { page, context } = await built.newPage();
      await page.goto(built.url);
      const holdings = (at: Page) => at.evaluate(async () => ({ total: (await window.workbench.listTrajectories()).total, sets: window.workbench.listSets().map(({ phase, sha256 }) => `${phase} ${sha256}`), projects: (await window.workbench.data.listProjects()).length })); // prettier-ignore
      await page.evaluate(async () => {
        await window.workbench.openSamples();
        await window.workbench.compile();
        await window.workbench.data.saveProject({ withReferenced: true, withCheckpoints: true });
      });
      const before = await holdings(page);
      const second = await killTab(page);
      expect(await holdings(second)).toEqual(before);
      await second.evaluate(async () => {
        const file = await window.workbench.saveProject();
        await window.workbench.data.openProjectFile(file);
      });
      const third = await killTab(second);
      const after = await holdings(third);
      // It was there whole already, or it is not there.
      expect([before.projects, before.projects + 1]).toContain(after.projects);
      expect({ ...after, projects: 0 }).toEqual({ ...before, projects: 0 });
      await context.close();
    });

    it('ends the workers that compile and read in the middle of it: it is said, and goes on without a reload', async () => {
      const { page, context, problems } = await built.newPage();
      await page.goto(built.url);
      await page.evaluate(async () => {
        const { workbench } = window;
        await workbench.openSamples();
        const imported = new Promise<void>((resolve) => {
          const stop = workbench.on('job', ({ kind, phase }) => {
            if (kind !== 'import' || phase !== 'done') return;
            stop();
            resolve();
          });
        });
        await workbench.data.importSources([{ type: 'world', count: 400, seed: 7 }]);
        await imported;
      });
      const known = await total(page);

      const compiled = page.evaluate(() => window.workbench.compile().then(() => null, (error: Error) => error.message)); // prettier-ignore
      await page.locator('.app-job-words').getByText(/^[1-9]/).waitFor(); // prettier-ignore
      await endWorker(page, 'compile');
      expect(await compiled).toMatch(
        /The part of the page that compiles was ended by the browser.*resume to go on/,
      );
      await page.locator('.app-job-failed').getByRole('button', { name: 'Resume' }).click();
      const phases = () => page.evaluate(() => window.workbench.listSets().map(({ phase }) => phase));
      await expect.poll(phases, patient).toEqual(['complete']);

      await page.evaluate(async () => {
        const { workbench } = window;
        const reading = new Promise<void>((resolve) => {
          const stop = workbench.on('files', (files) => {
            if (!files.some(({ phase }) => phase === 'reading')) return;
            stop();
            resolve();
          });
        });
        await workbench.data.importSources([{ type: 'world', count: 3000, seed: 8 }]);
        await reading;
      });
      await endWorker(page, 'data');
      await page.getByText('The part of the page that reads files and compiles was ended by the browser', { exact: true }).first().waitFor(); // prettier-ignore
      await page.locator('.app-job-failed').waitFor();
      expect(await total(page)).toBeGreaterThanOrEqual(known);
      expect(await phases()).toEqual(['complete']);
      const cut = await page.evaluate(async () => (await window.workbench.inspect()).filter(({ file }) => file.phase === 'cancelled').map(({ file }) => file.message)); // prettier-ignore
      expect([...new Set(cut)]).toEqual([
        'Reading this file was cut off when the page ended; import it again.',
      ]);
      expect(problems).toEqual([]);
      await context.close();
    });

    it('ends the worker that runs models: the reply fails in words, the next one loads the model again', async () => {
      const { page, context, problems } = await built.newPage();
      await page.goto(`${built.url}#/model`);
      await page.evaluate(() => window.workbench.loadModel('models/world-moe-3m/', { contextLength: 512 }));
      const ask = (maxNewTokens: number) => page.evaluate((count) => window.workbench.generate('The key of the sea is', { maxNewTokens: count, ignoreStops: true }).then(({ text }) => text, (error: Error) => error.message), maxNewTokens); // prettier-ignore
      const said = await ask(5);
      const cut = ask(500);
      await endWorker(page, 'engine');
      expect(await cut).toContain('The part of the page that runs models was ended by the browser');
      await page.getByText('The weights are not in memory any more').waitFor();
      expect(await ask(5)).toBe(said);
      await page.getByText('The weights are not in memory any more').waitFor({ state: 'detached' });

      // An evaluation that asks the model stops, and goes on with the model loaded again.
      const rows = Array.from({ length: 16 }, (_, seed) => generateGraphWalks({ problem: 'parents', nodes: 5, outDegree: 1, depth: 1, seed })); // prettier-ignore
      await page.goto(`${built.url}#/evaluate`);
      await page.getByTestId('benchmark-file').setInputFiles({ name: 'graphs.jsonl', mimeType: 'application/json', buffer: Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join('')) }); // prettier-ignore
      await page.getByText('GraphWalks, 16 rows').waitFor();
      await page.getByText('Sampling').click();
      await page.getByRole('textbox', { name: 'Tokens of a reply', exact: true }).fill('60');
      await page.getByRole('button', { name: 'Evaluate', exact: true }).click();
      // Any of them: on a quick machine the list shows not every one.
      await page.getByText(/\b([1-9]|1[0-5]) of 16 questions/).first().waitFor(); // prettier-ignore
      await endWorker(page, 'engine');
      await page.getByRole('button', { name: 'Resume' }).click();
      await page.getByRole('heading', { level: 1, name: /^world-moe-3m: .* mean F1/ }).waitFor();
      expect(problems).toEqual([]);
      await context.close();
    });

    it('keeps measurements and notes when their worker ends', async () => {
      const { page, context, problems } = await built.newPage();
      await page.goto(`${built.url}#/mechanism`);
      await page.getByTestId('mechanism-file').setInputFiles(resolve(import.meta.dirname, '../fixtures/mechanism/generated.json')); // prettier-ignore
      await page.getByRole('heading', { name: /^ACC raises sink-excluded distance/ }).waitFor();
      await endWorker(page, 'mechanism');
      await page.getByText('The part of the page that keeps measurements was ended by the browser', { exact: true }).waitFor(); // prettier-ignore
      await page.getByRole('tab', { name: 'Evidence' }).click();
      await page.getByRole('heading', { name: /^Attention on gold: about/ }).waitFor();
      await page.getByRole('button', { name: /^Pin/ }).first().click();
      await page.getByText('Pinned to the board in Compare').waitFor();
      expect(problems).toEqual([]);
      await context.close();
    });

    it('cannot load a worker’s program: it is said instead of waiting', async () => {
      const { page, context } = await built.newPage();
      await page.route(/data\.worker/, (route) => route.abort());
      await page.goto(built.url);
      await page.getByText(/The part of the page that reads files and compiles did not start/).waitFor();
      await context.close();
    });

    it('has no disk space left: it is said, and all that was done stays and is written once there is space', async () => {
      const { page, context } = await built.newPage();
      await page.goto(built.url);
      await page.evaluate(() => window.workbench.openSamples());
      const origin = new URL(built.url).origin;
      const session = await context.newCDPSession(page);
      const lines = Array.from({ length: 300 }, (_, n) => {
        const ask = { role: 'user', content: `Question ${n}?` };
        return JSON.stringify({ id: `disk-${n}`, messages: [ask, { role: 'assistant', content: `${n}` }] });
      }).join('\n');
      // A file on disk; the private file system lends the handle.
      await page.evaluate(async (text) => {
        const root = await navigator.storage.getDirectory();
        const writable = await (await root.getFileHandle('runs.jsonl', { create: true })).createWritable();
        await writable.write(text);
        await writable.close();
      }, lines);
      await session.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 1 });
      const importHandle = async (): Promise<void> => {
        await page.evaluate(async () => {
          const handle = await (await navigator.storage.getDirectory()).getFileHandle('runs.jsonl');
          const file = await handle.getFile();
          await window.workbench.data.importSources([{ type: 'file', file, path: 'runs.jsonl', handle }]);
        });
      };
      await importHandle();
      const fileOf = (at: Page) => at.evaluate(async () => (await window.workbench.inspect()).map(({ file }) => file).find(({ path }) => path === 'runs.jsonl')); // prettier-ignore
      await expect.poll(() => fileOf(page), patient).toMatchObject({ phase: 'done', keptBy: 'tab' });
      // The file is done a moment before the import that read it is.
      const saved = () => page.evaluate(() => window.workbench.saveProject().then(() => 'saved', (error: Error) => error.message)); // prettier-ignore
      await expect.poll(saved, patient).toContain('no more disk space');
      const compiled = await page.evaluate(() => window.workbench.compile().then(({ phase }) => phase, (error: Error) => error.message)); // prettier-ignore
      expect(compiled).toContain('no more disk space');
      expect(await total(page)).toBe(311);

      // A file that is read where it lies, and is changed there.
      const path = join(mkdtempSync(join(tmpdir(), 'acc-faults-')), 'changing.jsonl');
      const line = JSON.stringify({ id: 'changing', messages: [{ role: 'user', content: 'Where?' }, { role: 'assistant', content: 'Here.' }] }); // prettier-ignore
      writeFileSync(path, line);
      await page.goto(`${built.url}#/trajectories`);
      await page.getByTestId('file-input').setInputFiles(path);
      await expect.poll(() => total(page), patient).toBe(312);
      writeFileSync(path, `${line}\n${line}`);
      const changed = await page.evaluate(() => window.workbench.openTrajectory('changing').catch((error: Error) => error.message)); // prettier-ignore
      expect(changed).toContain('changing.jsonl was changed or removed since it was opened');
      await page.getByRole('button', { name: 'Take changing.jsonl out of the project' }).click();
      await expect.poll(() => total(page), patient).toBe(311);
      rmSync(dirname(path), { recursive: true });

      // Space is made; what could not be written is written.
      await session.send('Storage.overrideQuotaForOrigin', { origin });
      await page.getByRole('button', { name: 'Samples', exact: true }).click();
      await page.getByRole('menuitem', { name: 'Projects and storage…' }).click();
      const sheet = page.getByRole('dialog', { name: 'Projects and storage' });
      await sheet.getByRole('table').waitFor();
      expect(await axeViolations(page)).toEqual([]);
      await sheet.getByRole('textbox', { name: 'Name of the open project' }).fill('After the flood');
      await sheet.getByRole('textbox', { name: 'Name of the open project' }).press('Enter');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'After the flood', exact: true }).waitFor();
      await page.evaluate(() => window.workbench.compile());
      // The index is written a moment after the last change.
      await page.waitForTimeout(600);
      await page.reload();
      await page.getByRole('button', { name: 'After the flood', exact: true }).waitFor();
      expect(await total(page)).toBe(311);
      expect(await fileOf(page)).toMatchObject({ keptBy: 'missing', trajectoryCount: 300 });
      const opened = await page.evaluate(() => window.workbench.openTrajectory('disk-5').catch((error: Error) => error.message)); // prettier-ignore
      expect(opened).toContain('not at hand');

      // The file is chosen again: another one is refused with what differs, the same one is taken and copied now.
      await page.goto(`${built.url}#/trajectories`);
      await page.getByText('1 file is not at hand any more').waitFor();
      expect(await axeViolations(page)).toEqual([]);
      const choose = (text: string) => page.getByTestId('attach-input').setInputFiles({ name: 'elsewhere.jsonl', mimeType: 'text/plain', buffer: Buffer.from(text) }); // prettier-ignore
      await choose(lines.replace('Question 7?', 'Question 8?'));
      await page.getByText(/^What was chosen is not runs.jsonl as it was imported.*other bytes of the same number/).waitFor(); // prettier-ignore
      await choose(lines);
      await page.getByText('runs.jsonl is at hand again').waitFor();
      await page.reload();
      expect(await fileOf(page)).toMatchObject({ keptBy: 'copy', message: '300 trajectories' });
      expect(await page.evaluate(async () => (await window.workbench.openTrajectory('disk-5')).steps.length)).toBe(2); // prettier-ignore
      await context.close();
    });
  },
);
