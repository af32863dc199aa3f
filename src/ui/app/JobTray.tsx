import { useEffect, useState } from 'react';
import { useApp } from '../../state/useApp.ts';
import type { Job } from '../../workers/dataApi.ts';
import { Button, IconButton } from '../widgets/Button.tsx';
import { formatBytes, formatCount, formatDuration } from '../widgets/format.ts';
import { Icon, type IconName } from '../widgets/Icon.tsx';
import { ProgressBar } from '../widgets/States.tsx';
import { useLongWork } from './longWork.ts';

/** Share done, 0 … 1, by items where they are counted, else by bytes; null while unknown. */
export function jobShare(job: Job): number | null {
  if (job.totalItems !== null && job.totalItems > 0) return Math.min(1, job.doneItems / job.totalItems);
  if (job.totalBytes !== null && job.totalBytes > 0) return Math.min(1, job.doneBytes / job.totalBytes);
  return null;
}

function progressWords(job: Job): string {
  const parts: string[] = [];
  if (job.totalItems !== null) parts.push(`${formatCount(job.doneItems)}/${formatCount(job.totalItems)}`);
  else if (job.doneItems > 0) parts.push(formatCount(job.doneItems));
  if (job.totalBytes !== null && job.totalItems === null) {
    parts.push(`${formatBytes(job.doneBytes)} of ${formatBytes(job.totalBytes)}`);
  }
  if (job.bytesPerSecond) parts.push(`${formatBytes(job.bytesPerSecond)}/s`);
  else if (job.itemsPerSecond) parts.push(`${formatCount(Math.round(job.itemsPerSecond))}/s`);
  if (job.remainingMs !== null && job.remainingMs > 500)
    parts.push(`${formatDuration(job.remainingMs)} left`);
  return parts.join(' · ');
}

const endIcons: Readonly<Record<'done' | 'failed' | 'cancelled', IconName>> = {
  done: 'check',
  failed: 'error',
  cancelled: 'stop',
};

/** Says the progress aloud at most every two seconds. */
function useSpoken(text: string): string {
  const [spoken, setSpoken] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => setSpoken(text), 2000);
    return () => clearTimeout(timer);
  }, [text]);
  return spoken;
}

function JobRow({ job }: { job: Job }) {
  const cancel = useApp((state) => state.jobs.cancel);
  const dismiss = useApp((state) => state.jobs.dismiss);
  const resume = useApp((state) => state.compile.resume);
  const { phase, setId } = job;
  if (phase === 'running' || phase === 'paused') {
    const words = progressWords(job);
    return (
      <li className="app-job" data-phase={phase}>
        <span className="app-job-label truncate">{job.label}</span>
        <ProgressBar value={jobShare(job)} label={job.label} text={words} />
        <span className="app-job-words num truncate">{words || job.stage}</span>
        <Button variant="ghost" icon="stop" onClick={() => cancel(job.id)}>
          Cancel
        </Button>
      </li>
    );
  }
  return (
    <li className={`app-job app-job-${phase}`} data-phase={phase}>
      <Icon name={endIcons[phase]} />
      <span className="app-job-label truncate">{job.label}</span>
      <span className="app-job-words truncate">
        {job.message ?? { done: 'done', failed: 'failed', cancelled: 'cancelled' }[phase]}
        {phase === 'done' ? ` in ${formatDuration(job.elapsedMs)}` : ''}
      </span>
      {job.resumable && setId !== null ? (
        <Button variant="ghost" icon="play" onClick={() => void resume(setId)}>
          Resume
        </Button>
      ) : null}
      <IconButton icon="close" label={`Dismiss ${job.label}`} onClick={() => dismiss(job.id)} />
    </li>
  );
}

/** What is no job of the data worker; its own view tells more. */
function WorkRow({ work }: { work: ReturnType<typeof useLongWork>[number] }) {
  const { label, href, share, words, isPaused = false, isStopping = false, stop } = work;
  return (
    <li className="app-job" data-phase={isPaused ? 'paused' : 'running'}>
      <a className="app-job-label truncate" href={href}>
        {label}
      </a>
      <ProgressBar value={share} label={label} text={words} />
      <span className="app-job-words num truncate">{words}</span>
      <Button variant="ghost" icon="stop" disabled={isStopping} onClick={stop}>
        Stop<span className="visually-hidden"> {label}</span>
      </Button>
    </li>
  );
}

/** Long work from anywhere in the page: progress, rate, remaining time, cancel. Absent when there is none. */
export function JobTray() {
  const jobs = useApp((state) => state.jobs.list);
  const works = useLongWork();
  const running = jobs.filter((job) => job.phase === 'running' || job.phase === 'paused');
  const ended = jobs.filter((job) => job.phase !== 'running' && job.phase !== 'paused');
  const shown = [...running, ...ended.slice(0, running.length === 0 ? 1 : 0)];
  const told = [...works.map(({ label, words }) => `${label}: ${words}`), ...running.map((job) => `${job.label}: ${progressWords(job)}`)]; // prettier-ignore
  const spoken = useSpoken(told.join('; '));
  return (
    <footer className="app-tray" aria-label="Jobs" hidden={shown.length === 0 && works.length === 0}>
      <ul>
        {works.map((work) => (
          <WorkRow key={work.id} work={work} />
        ))}
        {shown.map((job) => (
          <JobRow key={job.id} job={job} />
        ))}
      </ul>
      <span className="visually-hidden" role="status">
        {spoken}
      </span>
    </footer>
  );
}
