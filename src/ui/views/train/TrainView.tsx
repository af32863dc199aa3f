import { useEffect, useState } from 'react';
import { useApp } from '../../../state/useApp.ts';
import { Button } from '../../widgets/Button.tsx';
import { Callout, EmptyState, Skeleton } from '../../widgets/States.tsx';
import { Tabs } from '../../widgets/Tabs.tsx';
import { DataPanel } from './DataPanel.tsx';
import { MaskInspector } from './MaskInspector.tsx';
import { MemoryPanel } from './MemoryPanel.tsx';
import { RecipeForm } from './RecipeForm.tsx';
import { NeedsModel, RunList, RunPanel } from './RunPanel.tsx';
import './train.css';

type Sheet = 'run' | 'masks' | 'runs';

function ModelLine() {
  const card = useApp((state) => state.model.card);
  if (card.status === 'loading') return <Skeleton lines={1} label="Reading the checkpoint" />;
  if (card.status !== 'ready') {
    return (
      <div className="tv-section">
        <p className="muted">Training needs an opened checkpoint. Its own weights stay as they are.</p>
        <NeedsModel />
      </div>
    );
  }
  return (
    <p>
      Model: <strong>{card.value.name}</strong>{' '}
      <a href="#/model" className="tv-link">
        change
      </a>
    </p>
  );
}

/** Why the run cannot start yet, in a sentence; null when it can. */
function useObstacle(): string | null {
  const hasModel = useApp((state) => state.model.card.status === 'ready');
  const chosen = useApp((state) => state.train.chosen);
  const preview = useApp((state) => state.train.preview);
  const work = useApp((state) => state.train.work);
  const modelWork = useApp((state) => state.model.work);
  const tier = useApp((state) => state.model.probe?.tier);
  if (tier === 0) return 'This browser gives the page no WebGPU.';
  if (!hasModel) return 'Open a model first.';
  if (!chosen) return 'Choose the examples first.';
  if (work?.kind === 'training') return 'A run is going on.';
  if (work || preview.status === 'loading') return 'The examples are being read.';
  if (modelWork) return 'The engine is busy with other work.';
  if (preview.status !== 'ready') return 'The examples cannot be read.';
  const { facts, plan } = preview.value;
  if (!facts) return 'See above what is wrong with the examples.';
  if (!plan || plan.problems.length > 0) return 'See above what would fit.';
  return null;
}

function StartFoot() {
  const start = useApp((state) => state.train.start);
  const failure = useApp((state) => state.train.failure);
  const dismiss = useApp((state) => state.train.dismissFailure);
  const go = useApp((state) => state.route.go);
  const preview = useApp((state) => state.train.preview);
  const obstacle = useObstacle();
  const steps = preview.status === 'ready' ? (preview.value.facts?.totalSteps ?? null) : null;
  return (
    <div className="tv-foot">
      {failure ? (
        <Callout tone="bad" title={failure.message} actions={<Button onClick={dismiss}>Close</Button>}>
          {failure.advice}
        </Callout>
      ) : null}
      <Button
        variant="primary"
        size="lg"
        icon="play"
        disabled={obstacle !== null}
        aria-describedby="tv-obstacle"
        onClick={() => {
          go('train', ['run']);
          void start();
        }}
      >
        Start training{steps === null ? '' : `: ${steps} ${steps === 1 ? 'step' : 'steps'}`}
      </Button>
      <p id="tv-obstacle" className="faint">
        {obstacle ?? 'Runs on this device; nothing leaves the browser.'}
      </p>
    </div>
  );
}

/** Train: examples, recipe and memory on the left; the run, what is learnt, and kept runs on the right. */
export default function TrainView() {
  const connectModel = useApp((state) => state.model.connect);
  const connect = useApp((state) => state.train.connect);
  const refresh = useApp((state) => state.train.refresh);
  const card = useApp((state) => state.model.card);
  const config = useApp((state) => state.train.config);
  const probe = useApp((state) => state.model.probe);
  const chosen = useApp((state) => state.train.chosen);
  const choose = useApp((state) => state.train.choose);
  const currentSet = useApp((state) =>
    state.compile.sets.find(({ id, phase }) => id === state.compile.currentSetId && phase === 'complete'),
  );
  const runCount = useApp((state) => state.train.runs.length);
  const path = useApp((state) => state.route.current.path);
  const go = useApp((state) => state.route.go);
  const [isConnected, setConnected] = useState(false);
  useEffect(() => {
    let isGone = false;
    void connectModel()
      .then(connect)
      .then(() => {
        if (!isGone) setConnected(true);
      });
    return () => {
      isGone = true;
    };
  }, [connectModel, connect]);
  const model = card.status === 'ready' ? card.value : null;
  useEffect(() => {
    if (isConnected) void refresh();
  }, [isConnected, model, refresh]);
  useEffect(() => {
    // The set last compiled is what most readers come with.
    if (isConnected && !chosen && currentSet) {
      void choose({ type: 'set', setId: currentSet.id, name: currentSet.name });
    }
  }, [isConnected, chosen, currentSet, choose]);
  const sheet: Sheet = path[0] === 'masks' || path[0] === 'runs' ? path[0] : 'run';
  return (
    <div className="tv-view" data-connected={isConnected || undefined}>
      <section className="tv-side" aria-label="What to train">
        {/* Focusable, so that it scrolls by keyboard. */}
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
        <div className="tv-side-body" role="region" aria-label="Examples, recipe and memory" tabIndex={0}>
          <h1>Train</h1>
          {probe?.tier === 0 ? (
            <Callout tone="warn" title="Training needs WebGPU">
              This browser gives the page none: use Chrome or Edge 113, Safari 26, or Firefox 141 on Windows
              or 145 on a Mac, with a graphics driver it accepts. Examples and what is learnt of them can be
              looked at without it.
            </Callout>
          ) : null}
          <ModelLine />
          <DataPanel />
          {config ? <RecipeForm config={config} /> : <Skeleton lines={6} label="Reading the settings" />}
          <MemoryPanel />
        </div>
        <StartFoot />
      </section>
      <section className="tv-main" aria-label="Run">
        <Tabs<Sheet>
          label="Run"
          value={sheet}
          onChange={(id) => go('train', [id])}
          items={[
            { id: 'run', label: 'Run', content: <RunPanel /> },
            {
              id: 'masks',
              label: 'What is learnt',
              content: <MaskInspector setId={path[1] ?? null} exampleId={path[2] ?? null} />,
            },
            { id: 'runs', label: 'Kept runs', count: runCount, content: <RunList /> },
          ]}
        />
        {!isConnected ? <EmptyState title="Starting the engine" /> : null}
      </section>
    </div>
  );
}
