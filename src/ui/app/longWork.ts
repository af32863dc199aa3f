import { remainingMsOf } from '../../state/trainSlice.ts';
import type { MapSlice } from '../../state/mapSlice.ts';
import { useApp } from '../../state/useApp.ts';
import { formatBytes, formatCount, formatDuration } from '../widgets/format.ts';

/** Work of the page that is no job of the data worker, as the tray shows it. */
interface LongWork {
  readonly id: string;
  readonly label: string;
  /** The view that tells more of it. */
  readonly href: string;
  /** Share done, 0 … 1; null while unknown. */
  readonly share: number | null;
  readonly words: string;
  readonly isPaused?: boolean;
  readonly isStopping?: boolean;
  readonly stop: () => void;
}

interface Count {
  readonly done: number;
  readonly total: number;
}

const shareOf = ({ done, total }: Count): number | null => (total > 0 ? Math.min(1, done / total) : null);

const mapStages = {
  embedding: 'Embedding the questions',
  neighbours: 'Looking for neighbours',
  layout: 'Laying out',
  judging: 'Judging the map',
} as const;

/** How far a map of queries is; the questions are embedded by the engine, which counts them. */
export function mapProgress(
  work: MapSlice['work'],
  embedding: Count | null,
): { readonly words: string; readonly share: number | null } | null {
  if (work === null) return null;
  if (work === 'reading') return { words: 'Reading the questions', share: null };
  if (work === 'opening') return { words: 'Opening the model', share: null };
  return {
    words: mapStages[work.stage],
    share: shareOf(work.stage === 'embedding' && embedding ? embedding : work),
  };
}

function useTraining(): LongWork | null {
  const work = useApp((state) => state.train.work);
  const record = useApp((state) => state.train.run?.record ?? null);
  const step = useApp((state) => state.train.run?.metrics.at(-1)?.step ?? 0);
  const remainingMs = useApp((state) => (state.train.run ? remainingMsOf(state.train.run) : null));
  const stop = useApp((state) => state.train.stop);
  if (work?.kind !== 'training') return null;
  const { runId, paused: isPaused, stopping: isStopping } = work;
  const total = record?.resolved.totalSteps ?? 0;
  const ofStep = work.phase === 'training' ? (shareOf(work) ?? 0) : 0;
  const left = remainingMs === null ? '' : ` · ${formatDuration(remainingMs)} left`;
  const words = isStopping
    ? 'stopping'
    : isPaused
      ? 'paused'
      : total > 0
        ? `${formatCount(step)}/${formatCount(total)} steps${left}`
        : 'starting';
  const label = `Training${runId ? ` ${runId}` : ''}`;
  const share = shareOf({ done: step + ofStep, total });
  return { id: 'training', label, href: '#/train/run', share, words, isPaused, isStopping, stop };
}

/** The one long work of the engine beside training: a measurement, or a copy of a model. */
function useEngineWork(): LongWork | null {
  const measuring = useApp((state) => state.mechanism.measuring);
  const keeping = useApp(({ model: { work } }) => (work?.kind === 'keeping' ? work : null));
  const stop = useApp((state) => state.model.cancel);
  if (measuring) {
    const { subject, index, subjects } = measuring;
    const done = index + (shareOf(measuring) ?? 0);
    const words = `${subject}, ${formatCount(index + 1)} of ${formatCount(subjects)}`;
    const share = shareOf({ done, total: subjects });
    return { id: 'measuring', label: 'Measuring', href: '#/mechanism', share, words, stop };
  }
  if (!keeping) return null;
  const words = `${formatBytes(keeping.done)} of ${formatBytes(keeping.total)}`;
  return { id: 'keeping', label: 'Keeping the model', href: '#/model', share: shareOf(keeping), words, stop };
}

function useQueryMap(): LongWork | null {
  const work = useApp((state) => state.map.work);
  const embedding = useApp(({ model }) => (model.work?.kind === 'embedding' ? model.work : null));
  const stop = useApp((state) => state.map.cancel);
  const progress = mapProgress(work, embedding);
  return progress && { id: 'map', label: 'Map of the queries', href: '#/qa', ...progress, stop };
}

/** All work that the page does now, but for the jobs of the data worker. */
export function useLongWork(): readonly LongWork[] {
  const runs = useApp((state) => state.evaluate.runs);
  const cancel = useApp((state) => state.evaluate.cancel);
  const evaluations = runs
    .filter(({ phase }) => phase === 'running')
    .map(({ id, subject, done, questions }): LongWork => {
      const words = `${formatCount(done)}/${formatCount(questions)} questions`;
      const share = shareOf({ done, total: questions });
      return { id, label: `Evaluating ${subject}`, href: '#/evaluate', share, words, stop: () => cancel(id) };
    });
  const others = [useTraining(), useEngineWork(), useQueryMap()];
  return [...others.filter((work) => work !== null), ...evaluations];
}
