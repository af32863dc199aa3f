import { useEffect, useMemo, useState } from 'react';
import { Chart } from '../../../charts/common/Chart.tsx';
import type { ChartCell } from '../../../charts/common/geometry.ts';
import { useChartSize } from '../../../charts/common/useChartSize.ts';
import { funnelHeightEm, layoutFunnel } from '../../../charts/funnel/layout.ts';
import { funnelStages } from '../../../charts/funnel/stages.ts';
import { layoutRejectionReasons, reasonsHeightEm } from '../../../charts/rejectionReasons/layout.ts';
import type { CompiledSet, RejectionSummary } from '../../../workers/dataApi.ts';
import { useApp } from '../../../state/useApp.ts';
import { shortHash } from '../../app/ContextBar.tsx';
import { Button, IconButton } from '../../widgets/Button.tsx';
import { Dialog } from '../../widgets/Dialog.tsx';
import { formatCount, plural } from '../../widgets/format.ts';
import { Badge } from '../../widgets/Marks.tsx';
import { Callout, Skeleton } from '../../widgets/States.tsx';
import { SetFileDialog } from '../qa/SetFileDialog.tsx';
import { EvidencePositionChart, TokenLengthChart, useSetOrigin } from '../qa/SetCharts.tsx';
import { useRecipeOf } from './useCompileOptions.ts';
import { Rejections } from './Rejections.tsx';

function FunnelChart({
  set,
  summary,
  onReason,
}: {
  set: CompiledSet;
  summary: RejectionSummary;
  onReason: (reason: string) => void;
}) {
  const stages = useMemo(
    () => funnelStages(set.trajectoryCount, summary.groups),
    [set.trajectoryCount, summary],
  );
  const origin = useSetOrigin(set);
  const { ref, size } = useChartSize(funnelHeightEm(stages.length));
  const geometry = useMemo(
    () => (size ? layoutFunnel({ what: 'Trajectories' }, stages, size) : null),
    [stages, size],
  );
  return (
    <div ref={ref} className="set-chart-size">
      {geometry ? (
        <Chart
          geometry={geometry}
          footer={origin}
          onOpen={(cell: ChartCell) => {
            if (cell.id.includes(':')) onReason(cell.id);
          }}
        />
      ) : null}
    </div>
  );
}

function ReasonsChart({
  set,
  summary,
  onReason,
}: {
  set: CompiledSet;
  summary: RejectionSummary;
  onReason: (reason: string) => void;
}) {
  const origin = useSetOrigin(set);
  const { ref, size } = useChartSize(reasonsHeightEm(summary.groups.length));
  const geometry = useMemo(
    () => (size ? layoutRejectionReasons({ total: set.trajectoryCount }, summary.groups, size) : null),
    [set.trajectoryCount, summary, size],
  );
  return (
    <div ref={ref} className="set-chart-size">
      {geometry ? <Chart geometry={geometry} footer={origin} onOpen={(cell) => onReason(cell.id)} /> : null}
    </div>
  );
}

/** The current set: funnel, lengths, positions, reasons, and the list of what was rejected. */
export function Results({ set, changed }: { set: CompiledSet; changed: string }) {
  const go = useApp((state) => state.route.go);
  const resume = useApp((state) => state.compile.resume);
  const deleteSet = useApp((state) => state.compile.deleteSet);
  const summary = useApp((state) => state.compile.rejections[set.id] ?? null);
  const loadRejections = useApp((state) => state.compile.loadRejections);
  const showSet = useApp((state) => state.examples.chooseSet);
  const reason = useApp((state) => state.route.current.params['reason'] ?? null);
  const setParams = useApp((state) => state.route.setParams);
  const takeRecipe = useRecipeOf();
  const [confirming, setConfirming] = useState(false);
  const [recipeOpen, setRecipeOpen] = useState(false);
  useEffect(() => {
    showSet(set.id);
    void loadRejections(set.id);
  }, [set.id, set.rejectionCount, set.phase, loadRejections, showSet]);
  const onReason = (next: string | null): void => {
    setParams({ reason: next });
    if (next !== null)
      requestAnimationFrame(() =>
        document.getElementById('rejections')?.scrollIntoView({ block: 'nearest' }),
      );
  };
  return (
    <>
      <section className="cv-card cv-results" aria-label="Result">
        <header>
          <h2>{set.name}</h2>
          <span className="app-hash mono">{shortHash(set)}</span>
          {set.phase === 'running' ? <Badge tone="accent">compiling</Badge> : null}
          {set.phase === 'failed' ? <Badge tone="bad">failed</Badge> : null}
          <span className="muted num">
            {plural(set.exampleCount, 'example')}, {formatCount(set.rejectionCount)} rejected
          </span>
          <span className="qa-tools-space" />
          <Button variant="ghost" icon="document" onClick={() => setRecipeOpen(true)}>
            Recipe
          </Button>
          <IconButton icon="trash" label={`Delete the set ${set.name}`} onClick={() => setConfirming(true)} />
          <Button
            icon="eye"
            disabled={set.exampleCount === 0}
            variant={set.phase === 'complete' && changed === '' && !set.stale ? 'primary' : 'secondary'}
            onClick={() => go('qa', [set.id])}
          >
            Read the examples
          </Button>
        </header>
        {set.stale ? (
          <Callout tone="warn" title={`Stale: ${set.stale}`}>
            The set is kept as it was compiled. Compile again to take the changes in.
          </Callout>
        ) : null}
        {changed === '' ? null : (
          <Callout
            tone="warn"
            title={`The recipe has changed since: ${changed}`}
            actions={
              <Button variant="ghost" icon="undo" onClick={() => takeRecipe(set)}>
                Back to its recipe
              </Button>
            }
          >
            What is shown below was compiled with the earlier settings.
          </Callout>
        )}
        {set.phase === 'interrupted' ? (
          <Callout
            tone="warn"
            title="Compiling was interrupted"
            actions={
              <Button icon="play" onClick={() => void resume(set.id)}>
                Resume
              </Button>
            }
          >
            What was done is kept.
          </Callout>
        ) : null}
        {summary ? <FunnelChart set={set} summary={summary} onReason={onReason} /> : <Skeleton lines={4} />}
        {set.exampleCount > 0 ? (
          <div className="cv-charts">
            <TokenLengthChart set={set} level={3} />
            <EvidencePositionChart set={set} level={3} />
          </div>
        ) : null}
        {summary && summary.groups.length > 1 ? (
          <ReasonsChart set={set} summary={summary} onReason={onReason} />
        ) : null}
      </section>
      <Rejections set={set} reason={reason} onReason={onReason} />
      <Dialog
        open={confirming}
        onClose={() => setConfirming(false)}
        size="sm"
        title={`Delete “${set.name}”?`}
        description={`${plural(set.exampleCount, 'example')} and the list of rejections are deleted. This cannot be undone; the recipe makes them again.`}
        footer={
          <>
            <Button onClick={() => setConfirming(false)}>Keep it</Button>
            <Button
              variant="danger"
              icon="trash"
              onClick={() => {
                setConfirming(false);
                void deleteSet(set.id);
              }}
            >
              Delete
            </Button>
          </>
        }
      >
        {null}
      </Dialog>
      {recipeOpen ? (
        <SetFileDialog setId={set.id} file="recipe" onClose={() => setRecipeOpen(false)} />
      ) : null}
    </>
  );
}
