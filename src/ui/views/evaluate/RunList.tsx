import { identityOfLoaded } from '../../../state/evaluateSlice.ts';
import { useApp } from '../../../state/useApp.ts';
import type { RunSummary } from '../../../workers/evaluateApi.ts';
import { Button } from '../../widgets/Button.tsx';
import { ConfirmButton } from '../../widgets/ConfirmButton.tsx';
import { ProgressBar } from '../../widgets/States.tsx';

const phases: Readonly<Record<RunSummary['phase'], string>> = {
  running: 'running',
  stopped: 'stopped',
  done: 'done',
  failed: 'failed',
};

function progressText(run: RunSummary): string {
  const failed = run.failed > 0 ? `, ${run.failed} without an answer` : '';
  const mean =
    run.mean === null ? '' : `, mean ${run.phase === 'done' ? '' : 'so far '}${run.mean.toFixed(3)}`;
  return `${run.done.toLocaleString('en-US')} of ${run.questions.toLocaleString('en-US')} questions${failed}${mean}`;
}

/** All runs with their progress; one is shown, another may stand as the baseline. */
export function RunList() {
  const { runs, shownId, againstId, compareWith, cancel, resume, deleteRun, responses } = useApp(
    (state) => state.evaluate,
  );
  const loaded = useApp((state) => state.model.loaded);
  const go = useApp((state) => state.route.go);
  if (runs.length === 0) return null;
  const shown = runs.find(({ id }) => id === shownId);
  return (
    <ul className="evaluate-runs" aria-label="Runs">
      {runs.map((run) => {
        const canCompare =
          shown &&
          run.id !== shown.id &&
          run.phase === 'done' &&
          run.request.dataId === shown.request.dataId &&
          run.request.mode === shown.request.mode;
        const { subject } = run.request;
        const needsFile = subject.type === 'responses' && !responses;
        const needsModel =
          subject.type === 'engine' && (!loaded || identityOfLoaded(loaded) !== subject.identity);
        const mayResume = run.phase !== 'running' && (run.phase !== 'done' || run.failed > 0);
        return (
          <li
            key={run.id}
            className="evaluate-run"
            data-shown={run.id === shownId || undefined}
            data-phase={run.phase}
          >
            <button
              type="button"
              className="evaluate-run-main"
              aria-pressed={run.id === shownId}
              onClick={() => go('evaluate', [run.id])}
            >
              <strong className="truncate">{run.subject}</strong>
              <span className="truncate muted">{run.dataName}</span>
              <span className="num evaluate-run-facts">
                {phases[run.phase]} · {progressText(run)} · {run.request.seeds}{' '}
                {run.request.seeds === 1 ? 'seed' : 'seeds'}
              </span>
              {run.message ? <span className="evaluate-run-message">{run.message}</span> : null}
            </button>
            {run.phase === 'running' ? (
              <ProgressBar
                value={run.questions > 0 ? run.done / run.questions : null}
                label={`Progress of ${run.subject}`}
                text={progressText(run)}
              />
            ) : null}
            <div className="evaluate-run-tools">
              {run.phase === 'running' ? <Button onClick={() => cancel(run.id)}>Stop</Button> : null}
              {mayResume ? (
                <Button
                  disabled={!run.canResume || needsFile || needsModel}
                  onClick={() => void resume(run.id)}
                >
                  Resume
                </Button>
              ) : null}
              {mayResume && run.canResume && needsModel ? (
                <span className="muted">
                  load {run.subject} as it was (weights, cache, context) to resume
                </span>
              ) : null}
              {run.phase !== 'running' && !run.canResume ? (
                <span className="muted">open its benchmark file to resume</span>
              ) : null}
              {canCompare ? (
                <Button
                  aria-pressed={run.id === againstId}
                  onClick={() => void compareWith(run.id === againstId ? null : run.id)}
                >
                  {run.id === againstId ? 'Baseline ✓' : 'Set as baseline'}
                </Button>
              ) : null}
              {run.phase === 'running' ? null : (
                <ConfirmButton
                  label={`Delete the run of ${run.subject}`}
                  question="The run and its answers go for good."
                  onConfirm={() => void deleteRun(run.id)}
                />
              )}
            </div>
          </li>
        );
      })}
    </ul>
  );
}
