import { useEffect, useRef, useState } from 'react';
import { useApp, useAppStore } from '../../../state/useApp.ts';
import { Callout, EmptyState, Skeleton } from '../../widgets/States.tsx';
import { ItemList, ItemReader, type ItemFilter } from './Items.tsx';
import { RunForm } from './RunForm.tsx';
import { RunList } from './RunList.tsx';
import { ForestChart, LengthChart, MatrixTable, ScoreTables, type MatrixCell } from './Scores.tsx';
import './evaluate.css';

function Outcome() {
  const runs = useApp((state) => state.evaluate.runs);
  const shownId = useApp((state) => state.evaluate.shownId);
  const againstId = useApp((state) => state.evaluate.againstId);
  const results = useApp((state) => state.evaluate.results);
  const comparison = useApp((state) => state.evaluate.comparison);
  const [filter, setFilter] = useState<ItemFilter>('all');
  const list = useRef<HTMLElement>(null);
  const showCell = (cell: MatrixCell): void => {
    setFilter(cell);
    list.current?.focus();
  };
  const run = runs.find(({ id }) => id === shownId);
  const result = shownId ? results[shownId] : undefined;
  const against = againstId ? results[againstId] : undefined;
  const isComparable =
    against && result && against.data.sha256 === result.data.sha256 && againstId !== shownId;
  if (!run) {
    return runs.length > 0 ? (
      <p className="muted">Choose a run to see its scores.</p>
    ) : (
      <EmptyState icon="info" title="No evaluation yet" level={1}>
        Generate a benchmark or open one, choose who answers, and start. Responses are kept as they come: a
        stopped run goes on where it was.
      </EmptyState>
    );
  }
  if (!result) {
    return run.phase === 'failed' ? (
      <Callout tone="bad" title="The run ended early">
        {run.message} What was answered is kept; resume it when the cause is gone.
      </Callout>
    ) : (
      <Callout tone="info" title={run.phase === 'running' ? 'Still running' : 'Stopped before its end'}>
        {run.done} of {run.questions} questions so far
        {run.mean === null ? '' : `, mean ${run.mean.toFixed(3)}`}. Tables and charts come when all are
        answered.
      </Callout>
    );
  }
  const shown = isComparable ? [against, result] : [result];
  const compared = isComparable && comparison.status === 'ready' ? comparison.value : null;
  return (
    <div className="evaluate-outcome">
      <header>
        <h1>
          {result.subject}: {result.scores.overall.mean.toFixed(3)} {result.scoreLabel}
        </h1>
        <p className="muted">
          {result.benchmark}, {result.data.name}; {result.answered} of {result.questions} questions answered;
          mode {result.mode}
          {result.withThinking > 0 ? `; reasoning taken off ${result.withThinking} replies` : ''}
        </p>
      </header>
      {result.notes.map((note) => (
        <Callout key={note} tone="info" title={note} />
      ))}
      {result.failures.length > 0 ? (
        <Callout tone="warn" title={`${result.failures.length} questions have no answer`}>
          {result.failures[0]?.reason}. Resume asks them again.
        </Callout>
      ) : null}
      {isComparable && comparison.status === 'loading' ? <Skeleton lines={4} label="Comparing" /> : null}
      {compared ? (
        <>
          <ForestChart comparison={compared} result={result} />
          <MatrixTable comparison={compared} onOpen={showCell} />
        </>
      ) : null}
      {comparison.status === 'failed' ? (
        <Callout tone="bad" title={comparison.message}>
          {comparison.advice}
        </Callout>
      ) : null}
      <LengthChart results={shown} />
      <ScoreTables result={result} against={isComparable ? against : null} />
      <ItemReader names={isComparable ? [result.subject, against.subject] : [result.subject]} />
      <ItemList
        runId={run.id}
        againstId={isComparable ? againstId : null}
        cells={compared?.cells ?? null}
        chosen={filter}
        onChoose={setFilter}
        ref={list}
      />
    </div>
  );
}

/** Shows the run that the address names, and names there the run that is shown for another reason. */
function useRunInAddress(): void {
  const store = useAppStore();
  const [named] = useApp((state) => state.route.current.path);
  const isKnown = useApp((state) => state.evaluate.runs.some(({ id }) => id === named));
  const shownId = useApp((state) => state.evaluate.shownId);
  useEffect(() => {
    const { evaluate } = store.getState();
    if (isKnown && named !== undefined && named !== evaluate.shownId) void evaluate.show(named);
  }, [store, named, isKnown]);
  useEffect(() => {
    const { route, evaluate } = store.getState();
    if (evaluate.shownId !== null && evaluate.shownId !== named) route.setPath([evaluate.shownId]);
  }, [store, named, shownId]);
}

/** Benchmarks: who answers what, how well, and how sure that is. */
export default function EvaluateView() {
  const isReady = useApp((state) => state.evaluate.isReady);
  const connect = useApp((state) => state.evaluate.connect);
  useEffect(() => void connect(), [connect]);
  useRunInAddress();
  return (
    <div className="evaluate" data-state={isReady ? 'ready' : 'loading'}>
      <RunForm />
      <div className="evaluate-main">
        <RunList />
        <Outcome />
      </div>
    </div>
  );
}
