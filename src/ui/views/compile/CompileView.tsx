import { useEffect, useState } from 'react';
import { useApp, useAppStore } from '../../../state/useApp.ts';
import { useCommands } from '../../app/commands.ts';
import { jobShare } from '../../app/JobTray.tsx';
import { Button, IconButton } from '../../widgets/Button.tsx';
import { formatCount, formatDuration, plural } from '../../widgets/format.ts';
import { Select } from '../../widgets/Select.tsx';
import { Callout, EmptyState, ProgressBar, Skeleton } from '../../widgets/States.tsx';
import { Preview } from './Preview.tsx';
import { Recipe } from './Recipe.tsx';
import { Results } from './Results.tsx';
import { changedOptions, requestOf, useOptionChanges } from './useCompileOptions.ts';
import '../qa/qa.css';
import './compile.css';

function NothingToCompile() {
  const go = useApp((state) => state.route.go);
  const openSamples = useApp((state) => state.project.openSamples);
  return (
    <EmptyState
      icon="project"
      level={1}
      title="Nothing to compile yet"
      actions={
        <>
          <Button variant="primary" icon="folder" onClick={() => go('trajectories')}>
            Open trajectories
          </Button>
          <Button icon="bulb" onClick={() => void openSamples()}>
            Use the samples
          </Button>
        </>
      }
    >
      Compiling turns each agent run into one long question-answer pair: the evidence it gathered,
      distractors, and the verified answer. Bring agent logs first.
    </EmptyState>
  );
}

/** Compile: recipe on the left; preview of one run and the result on the right. */
export default function CompileView() {
  const phase = useApp((state) => state.project.phase);
  const count = useApp((state) => state.trajectories.count);
  const filteredCount = useApp((state) => state.trajectories.rows.total);
  const selectedCount = useApp((state) => state.trajectories.selected.size);
  const options = useApp((state) => state.compile.options);
  const scope = useApp((state) => state.compile.scope);
  const setScope = useApp((state) => state.compile.setScope);
  const store = useAppStore();
  const chooseSet = useApp((state) => state.compile.chooseSet);
  const startCompile = useApp((state) => state.ui.startCompile);
  const loadTokenizers = useApp((state) => state.compile.loadTokenizers);
  const files = useApp((state) => state.project.files);
  const set = useApp(({ compile }) => compile.sets.find(({ id }) => id === compile.currentSetId) ?? null);
  const job = useApp(
    (state) => state.jobs.list.find((each) => each.kind === 'compile' && each.phase === 'running') ?? null,
  );
  const cancel = useApp((state) => state.jobs.cancel);
  const isImporting = useApp((state) => state.jobs.list.some(({ kind, phase }) => kind === 'import' && phase === 'running')); // prettier-ignore
  const changed = useApp(changedOptions);
  const { change, undo, redo, canUndo, canRedo } = useOptionChanges();
  const [starting, setStarting] = useState(false);

  // An imported tokenizer.json becomes a choice.
  useEffect(() => {
    void loadTokenizers();
  }, [loadTokenizers, files]);

  const compile = async (): Promise<void> => {
    const request = requestOf(store.getState());
    if (!request) return;
    setStarting(true);
    try {
      const setId = await startCompile(request);
      if (setId !== null) chooseSet(setId);
    } finally {
      setStarting(false);
    }
  };
  const canStart = options !== null && job === null && !starting && count > 0;
  useCommands([
    {
      id: 'compile.start',
      title: 'Compile',
      group: 'Compile',
      keys: 'mod+enter',
      enabled: canStart,
      run: () => void compile(),
    },
    {
      id: 'compile.undo',
      title: 'Undo the last change of the recipe',
      group: 'Compile',
      keys: 'mod+z',
      enabled: canUndo,
      run: undo,
    },
    { id: 'compile.redo', title: 'Redo', group: 'Compile', keys: 'mod+shift+z', enabled: canRedo, run: redo },
  ]);

  if (phase === 'starting') return <Skeleton lines={10} label="Opening the project" />;
  if (count === 0) return <NothingToCompile />;
  const inScope = { all: count, filter: filteredCount ?? 0, selected: selectedCount }[scope];
  return (
    <div className="cv-view">
      <section className="cv-recipe" aria-label="Recipe">
        <header className="cv-recipe-head">
          <h1>Recipe</h1>
          <span className="qa-tools-space" />
          <IconButton icon="undo" label="Undo" keys="mod+z" disabled={!canUndo} onClick={undo} />
          <IconButton icon="redo" label="Redo" keys="mod+shift+z" disabled={!canRedo} onClick={redo} />
        </header>
        {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls by keyboard */}
        <div className="cv-recipe-body" tabIndex={0} role="region" aria-label="Settings">
          {options ? <Recipe options={options} change={change} /> : <Skeleton lines={8} />}
        </div>
        <footer className="cv-recipe-foot">
          {job ? (
            <>
              <ProgressBar value={jobShare(job)} label={job.label} />
              <div className="cv-running num">
                <span className="truncate">
                  {formatCount(job.doneItems)}
                  {job.totalItems === null ? '' : ` of ${formatCount(job.totalItems)}`}
                  {job.remainingMs === null ? '' : `, ${formatDuration(job.remainingMs)} left`}
                </span>
                <Button icon="stop" onClick={() => cancel(job.id)}>
                  Cancel
                </Button>
              </div>
            </>
          ) : (
            <>
              <Select
                label="Which trajectories"
                value={scope}
                className="cv-scope"
                options={[
                  { value: 'all', label: `All ${plural(count, 'trajectory', 'trajectories')}` },
                  {
                    value: 'filter',
                    label: `Those in the filtered table (${formatCount(filteredCount ?? 0)})`,
                  },
                  {
                    value: 'selected',
                    label: `Selected ones (${formatCount(selectedCount)})`,
                    disabled: selectedCount === 0,
                  },
                ]}
                onChange={setScope}
              />
              <Button
                variant="primary"
                size="lg"
                icon="play"
                disabled={!canStart || inScope === 0}
                onClick={() => void compile()}
              >
                Compile {formatCount(inScope)}
              </Button>
              {isImporting ? (
                <p className="w-hint" role="status">
                  Files are still being read. A set takes what is here when it starts.
                </p>
              ) : null}
            </>
          )}
        </footer>
      </section>
      <div className="cv-main">
        <Preview />
        {set ? (
          <Results set={set} changed={changed} />
        ) : (
          <Callout tone="info" title="No set compiled yet">
            The preview shows what one run becomes. Compile all of them to see how many pass, how long they
            are and what was rejected, and to read them in QA.
          </Callout>
        )}
      </div>
    </div>
  );
}
