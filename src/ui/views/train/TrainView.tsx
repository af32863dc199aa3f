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
import { useObstacle } from './useObstacle.ts';
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
  const runs = useApp((state) => state.train.runs);
  const shownId = useApp((state) => state.train.run?.id ?? null);
  const isTraining = useApp((state) => state.train.work?.kind === 'training');
  const show = useApp((state) => state.train.show);
  const path = useApp((state) => state.route.current.path);
  const go = useApp((state) => state.route.go);
  const setPath = useApp((state) => state.route.setPath);
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
  const isModelBusy = useApp((state) => state.model.work !== null);
  const isUnread = useApp((state) => state.train.preview.status === 'idle');
  useEffect(() => {
    if (isConnected) void refresh();
  }, [isConnected, model, refresh]);
  useEffect(() => {
    // What was chosen while the engine was busy with the model is read afterwards.
    if (isConnected && !isModelBusy && isUnread && model) void refresh();
  }, [isConnected, isModelBusy, isUnread, model, refresh]);
  useEffect(() => {
    // The set last compiled is what most readers come with.
    if (isConnected && !chosen && currentSet) {
      void choose({ type: 'set', setId: currentSet.id, name: currentSet.name });
    }
  }, [isConnected, chosen, currentSet, choose]);
  const [tab, linkedId] = path;
  useEffect(() => {
    // The address names the shown run, so that it is there again after a reload; the run that goes on names itself.
    if (!isConnected || (tab !== undefined && tab !== 'run')) return;
    if (shownId !== null && (isTraining || linkedId === undefined)) {
      if (linkedId !== shownId) setPath(['run', shownId]);
      return;
    }
    const isElsewhere = linkedId !== undefined && linkedId !== shownId;
    if (!isTraining && isElsewhere && runs.some(({ id }) => id === linkedId)) void show(linkedId);
  }, [isConnected, tab, linkedId, shownId, isTraining, runs, show, setPath]);
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
            { id: 'runs', label: 'Kept runs', count: runs.length, content: <RunList /> },
          ]}
        />
        {!isConnected ? <EmptyState title="Starting the engine" /> : null}
      </section>
    </div>
  );
}
