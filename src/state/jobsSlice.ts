import type { Job } from '../workers/dataApi.ts';
import type { SliceCreator } from './slice.ts';

/** Long work, newest first, for the job tray. */
export interface JobsSlice {
  readonly list: readonly Job[];
  /** Takes over what the worker reports. */
  readonly receive: (jobs: readonly Job[]) => void;
  /** What was running has ended by a failure that is not its own. */
  readonly failRunning: (message: string) => void;
  readonly cancel: (id: string) => void;
  /** Takes an ended job out of the tray. */
  readonly dismiss: (id: string) => void;
}

const maxJobs = 20;

const initialJobsState: Pick<JobsSlice, 'list'> = { list: [] };

export const createJobsSlice: SliceCreator<JobsSlice> = ({ set, data }) => ({
  ...initialJobsState,
  receive: (jobs) =>
    set(({ list }) => {
      const byId = new Map(jobs.map((job) => [job.id, job]));
      const known = list.map((job) => byId.get(job.id) ?? job);
      const fresh = [...byId.values()].filter((job) => !list.some((held) => held.id === job.id)).reverse();
      return { list: [...fresh, ...known].slice(0, maxJobs) };
    }),
  failRunning: (message) =>
    set(({ list }) => ({
      list: list.map(
        (job) =>
        job.phase === 'running' || job.phase === 'paused' ? { ...job, phase: 'failed', message, remainingMs: null } : job, // prettier-ignore
      ),
    })),
  cancel: (id) => {
    void data.cancel(id);
  },
  dismiss: (id) =>
    set(({ list }) => ({ list: list.filter((job) => job.id !== id || job.phase === 'running') })),
});
