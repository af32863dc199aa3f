import { useCallback, useEffect, useRef, useState } from 'react';
import { useApp } from '../../../state/useApp.ts';
import { useCommands } from '../../app/commands.ts';
import { Button, IconButton } from '../../widgets/Button.tsx';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { formatCount, plural } from '../../widgets/format.ts';
import { Callout, EmptyState, Skeleton } from '../../widgets/States.tsx';
import { ExampleTable } from './ExampleTable.tsx';
import { ExampleToolbar } from './ExampleToolbar.tsx';
import { ExportMenu } from './ExportMenu.tsx';
import { QueryMapPanel } from './QueryMapPanel.tsx';
import { Reader } from './Reader.tsx';
import { EvidencePositionChart, TokenLengthChart } from './SetCharts.tsx';
import { SetFileDialog, type SetFile } from './SetFileDialog.tsx';
import './qa.css';

function NoSet() {
  const go = useApp((state) => state.route.go);
  const hasTrajectories = useApp((state) => state.trajectories.count > 0);
  const openSamples = useApp((state) => state.project.openSamples);
  return (
    <EmptyState
      icon="document"
      level={1}
      title="No compiled examples yet"
      actions={
        hasTrajectories ? (
          <Button variant="primary" icon="project" onClick={() => go('compile')}>
            Go to Compile
          </Button>
        ) : (
          <>
            <Button variant="primary" icon="folder" onClick={() => go('trajectories')}>
              Open trajectories
            </Button>
            <Button icon="bulb" onClick={() => void openSamples()}>
              Use the samples
            </Button>
          </>
        )
      }
    >
      Once trajectories are compiled, each example can be read here as one text, with every piece of evidence
      traced to the turn it came from.
    </EmptyState>
  );
}

/** QA: the examples of a set, and the reader with provenance. */
export default function QaView() {
  const path = useApp((state) => state.route.current.path);
  const go = useApp((state) => state.route.go);
  const sets = useApp((state) => state.compile.sets);
  const currentSetId = useApp((state) => state.compile.currentSetId);
  const chooseCurrent = useApp((state) => state.compile.chooseSet);
  const chooseSet = useApp((state) => state.examples.chooseSet);
  const shownSetId = useApp((state) => state.examples.setId);
  const opened = useApp((state) => state.examples.opened);
  const revision = useApp((state) => state.examples.revision);
  const open = useApp((state) => state.examples.open);
  const close = useApp((state) => state.examples.close);
  const undo = useApp((state) => state.examples.undo);
  const redo = useApp((state) => state.examples.redo);
  const edits = useApp((state) => state.examples.edits);
  const phase = useApp((state) => state.project.phase);
  const searchRef = useRef<HTMLInputElement>(null);
  const [shownFile, setShownFile] = useState<SetFile | null>(null);
  const closeFile = useCallback(() => setShownFile(null), []);
  const [listOpen, setListOpen] = useState(true);

  const [routeSet, exampleId = null] = path;
  const setId = routeSet !== undefined && sets.some(({ id }) => id === routeSet) ? routeSet : currentSetId;
  const set = sets.find(({ id }) => id === setId) ?? null;

  useEffect(() => {
    if (setId === null) return;
    if (setId !== currentSetId) chooseCurrent(setId);
    chooseSet(setId);
  }, [setId, currentSetId, chooseCurrent, chooseSet]);
  useEffect(() => {
    if (shownSetId === null || shownSetId !== setId) return;
    if (exampleId === null) close();
    else void open(exampleId);
  }, [shownSetId, setId, exampleId, revision, open, close]);

  const setCursor = useApp((state) => state.examples.setCursor);
  const position = opened.status === 'ready' ? opened.value.neighbours.position : null;
  useEffect(() => {
    if (position !== null) setCursor(position);
  }, [position, setCursor]);

  const back = (): void => {
    if (setId !== null) go('qa', [setId]);
  };
  useCommands([
    {
      id: 'qa.filter',
      title: 'Filter examples',
      group: 'QA',
      keys: '/',
      enabled: exampleId === null,
      run: () => searchRef.current?.focus(),
    },
    {
      id: 'qa.undo',
      title: edits.undo ? `Undo: ${edits.undo}` : 'Undo',
      group: 'QA',
      keys: 'mod+z',
      enabled: edits.undo !== null,
      run: () => void undo(),
    },
    {
      id: 'qa.redo',
      title: edits.redo ? `Redo: ${edits.redo}` : 'Redo',
      group: 'QA',
      keys: 'mod+shift+z',
      enabled: edits.redo !== null,
      run: () => void redo(),
    },
    {
      id: 'qa.recipe',
      title: 'Show the recipe of the set',
      group: 'QA',
      run: () => setShownFile('recipe'),
      enabled: set !== null,
    },
    {
      id: 'qa.card',
      title: 'Show the dataset card of the set',
      group: 'QA',
      run: () => setShownFile('card'),
      enabled: set?.phase === 'complete',
    },
  ]);

  if (phase === 'starting') return <Skeleton lines={10} label="Opening the project" />;
  if (!set) return <NoSet />;

  const tools = (
    <>
      <Button variant="ghost" icon="document" onClick={() => setShownFile('recipe')}>
        Recipe
      </Button>
      <Button
        variant="ghost"
        icon="info"
        disabled={set.phase !== 'complete'}
        onClick={() => setShownFile('card')}
      >
        Dataset card
      </Button>
      <ExportMenu />
    </>
  );
  const notices = (
    <>
      {set.stale ? (
        <Callout
          tone="warn"
          title={`Stale: ${set.stale}`}
          actions={<Button onClick={() => go('compile')}>Compile again</Button>}
        >
          These examples are kept as they were compiled.
        </Callout>
      ) : null}
      {set.phase === 'running' ? (
        <Callout tone="info" title={`Still compiling: ${plural(set.exampleCount, 'example')} so far`} />
      ) : null}
      {set.phase === 'interrupted' ? (
        <Callout tone="warn" title={`Compiling was interrupted after ${plural(set.exampleCount, 'example')}`}>
          Resume it in Compile, or work with what is there.
        </Callout>
      ) : null}
    </>
  );
  return (
    <div className="qa-view" data-reading={exampleId !== null || undefined} data-list={listOpen || undefined}>
      {exampleId === null ? (
        <section className="qa-page" aria-label="Examples of the set">
          <header className="qa-page-head">
            <h1>{set.name}</h1>
            <span className="muted num">
              {plural(set.exampleCount, 'example')}
              {set.excludedCount > 0 ? ` (${formatCount(set.excludedCount)} excluded)` : ''} from{' '}
              {plural(set.trajectoryCount, 'trajectory', 'trajectories')}
            </span>
            <span className="qa-tools-space" />
            {tools}
          </header>
          {notices}
          <Disclosure title="Lengths and positions" defaultOpen>
            <div className="qa-charts">
              <TokenLengthChart set={set} level={2} />
              <EvidencePositionChart set={set} level={2} />
            </div>
          </Disclosure>
          <QueryMapPanel set={set} />
          <ExampleToolbar searchRef={searchRef} />
          <div className="qa-table">
            <ExampleTable compact={false} currentId={null} />
          </div>
        </section>
      ) : (
        <>
          <aside className="qa-list" aria-label="Examples">
            <div className="qa-list-head">
              <Button variant="ghost" icon="chevronLeft" onClick={back}>
                All examples
              </Button>
              <IconButton
                icon={listOpen ? 'chevronLeft' : 'table'}
                label={listOpen ? 'Hide the list' : 'Show the list'}
                pressed={listOpen}
                onClick={() => setListOpen(!listOpen)}
              />
            </div>
            {listOpen ? <ExampleTable compact currentId={exampleId} /> : null}
          </aside>
          {opened.id === exampleId && opened.status === 'ready' ? (
            <Reader key={exampleId} detail={opened.value} onBack={back} />
          ) : opened.id === exampleId && opened.status === 'failed' ? (
            <div className="qa-reader-message">
              <Callout
                tone="bad"
                title={opened.message}
                actions={<Button onClick={back}>All examples</Button>}
              >
                {opened.advice}
              </Callout>
            </div>
          ) : (
            <div className="qa-reader-message">
              <Skeleton lines={12} label="Loading the example" />
            </div>
          )}
        </>
      )}
      {shownFile ? <SetFileDialog setId={set.id} file={shownFile} onClose={closeFile} /> : null}
    </div>
  );
}
