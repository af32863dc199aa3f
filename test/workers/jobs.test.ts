import { describe, expect, it } from 'vitest';
import { CancelledError, InputError } from '../../src/core/errors.ts';
import type { DataEvent, Job } from '../../src/workers/dataApi.ts';
import { EventHub } from '../../src/workers/eventHub.ts';
import { JobRunner } from '../../src/workers/jobs.ts';

function runner(): { jobs: JobRunner; seen: Job[]; clock: { ms: number }; hub: EventHub } {
  const hub = new EventHub();
  const seen: Job[] = [];
  hub.listen((events: readonly DataEvent[]) => {
    for (const event of events) if (event.type === 'job') seen.push(event.job);
  });
  const clock = { ms: 0 };
  return { jobs: new JobRunner(hub, () => clock.ms), seen, clock, hub };
}

describe('jobs', () => {
  it('tell rate and remaining time from what was done lately', async () => {
    const { jobs, clock } = runner();
    let finish = (): void => undefined;
    const id = jobs.start('import', 'Import', {}, async (job) => {
      job.progress({ totalBytes: 1000 });
      for (let step = 1; step <= 5; step++) {
        clock.ms += 200;
        job.progress({ doneBytes: step * 100 });
      }
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      job.finish('all read');
    });
    const running = jobs.get(id);
    expect([running?.phase, running?.bytesPerSecond, running?.remainingMs]).toEqual(['running', 500, 1000]);
    finish();
    const ended = await jobs.ended(id);
    expect([ended?.phase, ended?.message, ended?.remainingMs]).toEqual(['done', 'all read', null]);
  });

  it('end as cancelled when asked, as failed with the message of any other error', async () => {
    const { jobs } = runner();
    const cancelled = jobs.start('compile', 'Compile', { resumable: true }, async (job) => {
      await new Promise<void>((_, reject) => {
        job.signal.addEventListener('abort', () => reject(new CancelledError('Compile')));
      });
    });
    jobs.cancel(cancelled);
    expect(await jobs.ended(cancelled)).toMatchObject({ phase: 'cancelled', resumable: true });
    const failed = jobs.start('import', 'Import', {}, () =>
      Promise.reject(new InputError('x', 'not a file')),
    );
    expect(await jobs.ended(failed)).toMatchObject({ phase: 'failed', message: 'not a file' });
  });

  it('are reported once a frame, only the latest state', async () => {
    const { jobs, seen, hub } = runner();
    const id = jobs.start('export', 'Export', {}, async (job) => {
      for (let i = 0; i < 100; i++) job.progress({ doneItems: i });
    });
    await jobs.ended(id);
    hub.flush();
    expect(seen.map((job) => job.phase)).toEqual(['done']);
  });
});
