import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { browserSkipReason, startBuiltPage, type BuiltPage } from './browser.ts';

const root = resolve(import.meta.dirname, '../..');
const samples = [
  'search-runs.jsonl',
  'software-runs.jsonl',
  'tidemark__tidemark-27.traj',
  'sql-runs.json',
].map((name) => join(root, 'public/samples', name));
const database = join(root, 'public/samples/sundrift_fishing.sqlite');

/** The machine may be busy with other things. */
const patient = { timeout: 20_000 };

async function importFiles(page: Page, files: string[]): Promise<void> {
  await page.getByTestId('file-input').first().setInputFiles(files);
  await page.waitForFunction(
    (count) =>
      window.workbench.data &&
      document.querySelectorAll('[data-testid="trajectories"]').length > 0 &&
      count > 0,
    files.length,
  );
  await page.evaluate(async (count) => {
    for (;;) {
      const inspected = await window.workbench.inspect();
      const isDone = inspected.length >= count && inspected.every(({ file }) => file.phase === 'done');
      if (isDone) return;
      await new Promise((next) => setTimeout(next, 50));
    }
  }, files.length);
}

describe.skipIf(browserSkipReason)(
  `the main job in the page${browserSkipReason ? `: ${browserSkipReason}` : ''}`,
  () => {
    let built: BuiltPage;
    beforeAll(async () => {
      built = await startBuiltPage();
    });
    afterAll(() => built.close());

    it('goes from dropped files over the table to examples, with the bytes of the command line, and survives a reload', async () => {
      const { page, context, problems } = await built.newPage();
      await page.goto(`${built.url}#/trajectories`);
      await page.getByText('No trajectories yet').waitFor();
      await importFiles(page, [...samples, database]);
      await page
        .getByRole('row', { name: /herring|trawlers/i })
        .first()
        .waitFor();
      expect(await page.getByRole('grid', { name: 'Trajectories' }).getAttribute('aria-rowcount')).toBe('12');

      // One trajectory, at the step that the address names.
      await page.goto(`${built.url}#/trajectories/sundrift-lens-niece?step=7`);
      await page.getByTestId('trajectory-reader').waitFor();
      await expect.poll(() => page.locator('#step-7').getAttribute('data-current'), patient).toBe('true');
      expect(await page.locator('[data-step-text="7"]').textContent()).toContain(
        'Merrow Point Lighthouse stands',
      );

      const set = await page.evaluate(() => window.workbench.compile({ name: 'samples' }));
      expect([set.phase, set.exampleCount, set.rejectionCount]).toEqual(['complete', 8, 3]);

      // The same bytes as the command line writes.
      const out = mkdtempSync(join(tmpdir(), 'acc-e2e-'));
      try {
        execFileSync(
          'node',
          ['scripts/acc.mjs', 'compile', ...samples, '--database', database, '--out', out, '--quiet'],
          { cwd: root, stdio: 'ignore' },
        );
      } catch (error) {
        // Exit code 1: some inputs were rejected, as the samples mean to show.
        expect((error as { status?: number }).status).toBe(1);
      }
      const bytes = readFileSync(join(out, 'examples.jsonl'));
      rmSync(out, { recursive: true });
      expect(set.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));

      // The dataset card of the set, as text.
      await page.goto(`${built.url}#/qa`);
      await page.getByRole('button', { name: 'Dataset card' }).click();
      const card = page.getByRole('dialog', { name: 'Dataset card' }).getByRole('region');
      await expect
        .poll(() => card.textContent(), patient)
        .toContain('8 long-context examples compiled from 11');
      expect(await card.textContent()).toContain(set.sha256 ?? '');
      await page.keyboard.press('Escape');

      // Every piece is found in the user message at its offsets.
      const wrong = await page.evaluate(async (setId) => {
        const { rows } = await window.workbench.listExamples(setId);
        const bad: string[] = [];
        for (const row of rows) {
          const example = await window.workbench.readExample(setId, row.id);
          const content = example.messages[0]?.content ?? '';
          for (const piece of example.evidence) {
            if (piece.end > content.length || content.slice(piece.start, piece.end).trim() === '')
              bad.push(row.id);
          }
        }
        return bad;
      }, set.id);
      expect(wrong).toEqual([]);

      // Exclude, undo, redo; then reload: files, set, exclusion are back.
      await page.evaluate(async (setId) => {
        const { rows } = await window.workbench.listExamples(setId);
        await window.workbench.excludeExamples(setId, [rows[0]?.id ?? '', rows[1]?.id ?? '']);
        await window.workbench.data.undo(setId);
        await window.workbench.data.redo(setId);
        await new Promise((next) => setTimeout(next, 700));
      }, set.id);
      await page.goto(`${built.url}#/trajectories?kind=sql&sort=-turnCount`);
      await page.reload();
      await page
        .getByRole('row', { name: /trawlers/ })
        .first()
        .waitFor();
      const after = await page.evaluate(async (setId) => {
        const { total } = await window.workbench.listTrajectories();
        const opened = await window.workbench.openTrajectory('sundrift-lens-niece');
        const kept = await window.workbench.listExamples(setId, { filter: { excluded: 'only' } });
        return {
          total,
          steps: opened.steps.length,
          excluded: kept.total,
          sets: window.workbench.listSets().length,
        };
      }, set.id);
      expect(after).toEqual({ total: 11, steps: 16, excluded: 2, sets: 1 });
      // The filter came back from the address.
      expect(await page.getByRole('grid', { name: 'Trajectories' }).getAttribute('aria-rowcount')).toBe('4');

      const exported = await page.evaluate(async (setId) => {
        const result = await window.workbench.exportSet(setId, 'openai');
        return { count: result.exampleCount, lines: (await result.file?.text())?.trim().split('\n').length };
      }, set.id);
      expect(exported).toEqual({ count: 6, lines: 6 });
      expect(problems).toEqual([]);
      await context.close();
    });

    it('opens the samples from Start', async () => {
      const { page, context, problems } = await built.newPage();
      await page.goto(built.url);
      await page.getByRole('button', { name: 'Open the samples' }).click();
      await page.getByRole('grid', { name: 'Trajectories' }).waitFor();
      await expect
        .poll(() => page.evaluate(async () => (await window.workbench.listTrajectories()).total), patient)
        .toBe(11);
      await page.getByRole('link', { name: 'Start' }).click();
      await page.getByRole('button', { name: 'Resume Samples' }).waitFor();
      expect(problems).toEqual([]);
      await context.close();
    });

    it('stops a large import and keeps what was read', async () => {
      const { page, context } = await built.newPage();
      await page.goto(`${built.url}#/trajectories`);
      await page.evaluate(() => window.workbench.ready);
      const line = readFileSync(samples[0] ?? '', 'utf8').split('\n')[0] ?? '';
      const attempt = (): Promise<{ latencyMs: number; kept: number }> =>
        page.evaluate(async (record) => {
          const lines = Array.from(
            { length: 20_000 },
            (_, i) => `${record.replace('sundrift-lens-niece', `run-${i}`)}\n`,
          );
          const file = new File(lines, 'large.jsonl');
          const before = (await window.workbench.listTrajectories({ limit: 1 })).total;
          const started = await window.workbench.data.importSources([
            { type: 'file', file, path: file.name },
          ]);
          if (!started.ok) throw new Error(started.message);
          const { jobId } = started.value;
          // Well into the file, however slow the machine is.
          while ((await window.workbench.listTrajectories({ limit: 1 })).total < before + 500) {
            await new Promise((next) => setTimeout(next, 20));
          }
          const ended = new Promise<number>((resolve) => {
            window.workbench.on('job', (job) => {
              if (job.id === jobId && job.phase !== 'running') resolve(performance.now());
            });
          });
          const askedAt = performance.now();
          window.workbench.cancel(jobId);
          const latencyMs = (await ended) - askedAt;
          return { latencyMs, kept: (await window.workbench.listTrajectories({ limit: 1 })).total - before };
        }, line);
      const outcome = await attempt();
      console.log(`cancelled after ${outcome.latencyMs.toFixed(0)} ms`);
      expect(outcome.kept).toBeGreaterThan(100);
      expect(outcome.kept).toBeLessThan(20_000);
      await context.close();
    });
  },
);
