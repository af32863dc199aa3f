import { useEffect, useId, useMemo } from 'react';
import { ChartLegend, ChartNotes } from '../../../charts/common/ChartKey.tsx';
import { ChartPicture } from '../../../charts/common/ChartPicture.tsx';
import type { ChartSnapshot } from '../../../charts/common/chartHost.ts';
import type { ChartGeometry } from '../../../charts/common/geometry.ts';
import { reportHtml, reportJson, type ReportTable } from '../../../charts/common/report.ts';
import { saveChart } from '../../../charts/common/saveChart.ts';
import type { Board, BoardPin } from '../../../workers/mechanismApi.ts';
import { useApp } from '../../../state/useApp.ts';
import { Button, IconButton } from '../../widgets/Button.tsx';
import { Callout, EmptyState, Skeleton } from '../../widgets/States.tsx';
import { saveFile } from '../../../charts/common/saveBlob.ts';
import { Replication } from './Replication.tsx';
import { configDiff, runOfDocument, runOfEvaluation, runOfTraining, type ComparedRun } from './runs.ts';
import './compare.css';

/** The board holds geometries as they were drawn. */
function snapshotOf({ geometry, footer }: BoardPin): ChartSnapshot {
  return { geometry: geometry as ChartGeometry, footer };
}

function useRuns(): readonly ComparedRun[] {
  const documents = useApp((state) => state.mechanism.documents);
  const evaluations = useApp((state) => state.evaluate.runs);
  const trainings = useApp((state) => state.train.runs);
  return useMemo(
    () => [
      ...documents.map(runOfDocument),
      ...evaluations.map(runOfEvaluation),
      ...trainings.map(runOfTraining),
    ],
    [documents, evaluations, trainings],
  );
}

function RunTable({
  runs,
  chosen,
  onChoose,
}: {
  runs: readonly ComparedRun[];
  chosen: readonly string[];
  onChoose: (id: string) => void;
}) {
  // prettier-ignore
  return (
    // Scrolls by keyboard.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="compare-scroll" role="region" aria-label="All runs" tabIndex={0}>
      <table className="compare-table">
        <thead>
          <tr>
            <th scope="col">compare</th>
            <th scope="col">run</th>
            <th scope="col">made by</th>
            <th scope="col">state</th>
            <th scope="col">n</th>
            <th scope="col">outcome</th>
            <th scope="col">when</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <tr key={run.id} data-chosen={chosen.includes(run.id) || undefined}>
              <td>
                <input
                  type="checkbox"
                  className="compare-check"
                  aria-label={`Compare ${run.name}`}
                  checked={chosen.includes(run.id)}
                  onChange={() => onChoose(run.id)}
                />
              </td>
              <th scope="row">{run.name}</th>
              <td>{run.type}</td>
              <td>{run.state}</td>
              <td>{run.size}</td>
              <td>{run.outcome}</td>
              <td>{run.createdAt === null ? '–' : new Date(run.createdAt).toLocaleString('en-GB')}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function ConfigDiff({ a, b }: { a: ComparedRun; b: ComparedRun }) {
  const lines = useMemo(() => configDiff(a.config, b.config), [a, b]);
  if (lines.length === 0) return <p className="muted">The two were configured alike.</p>;
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
    <div className="compare-scroll" role="region" aria-label="Differences of configuration" tabIndex={0}>
      <table className="compare-table">
        <caption>
          {lines.length} {lines.length === 1 ? 'setting differs' : 'settings differ'}
        </caption>
        <thead>
          <tr>
            <th scope="col">setting</th>
            <th scope="col">{a.name}</th>
            <th scope="col">{b.name}</th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ path, before, after }) => (
            <tr key={path}>
              <th scope="row" className="mono">
                {path}
              </th>
              <td>{before ?? 'not set'}</td>
              <td>{after ?? 'not set'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function PinCard({ pin, index, count }: { pin: BoardPin; index: number; count: number }) {
  const unpin = useApp((state) => state.mechanism.unpin);
  const move = useApp((state) => state.mechanism.movePin);
  const id = useId();
  const { geometry, footer } = snapshotOf(pin);
  const theme = (): 'light' | 'dark' =>
    document.documentElement.dataset['theme'] === 'dark' ? 'dark' : 'light';
  const { width, height } = geometry.size;
  return (
    <li className="compare-pin">
      <h3>{geometry.title}</h3>
      <p className="muted">{geometry.subtitle}</p>
      <div className="compare-picture" style={{ aspectRatio: `${width} / ${height}` }}>
        <div
          className="chart-plot"
          style={{ inlineSize: `${width}px`, blockSize: `${height}px` }}
          ref={fitToParent}
        >
          <ChartPicture geometry={geometry} hatchId={`${id}-hatch`} />
        </div>
      </div>
      <div className="chart-foot">
        <ChartLegend geometry={geometry} hatchId={`${id}-hatch`} />
      </div>
      <ChartNotes geometry={geometry} />
      <p className="compare-origin">{footer}</p>
      <div className="compare-tools">
        <IconButton
          icon="chevronLeft"
          label="Move towards the front"
          disabled={index === 0}
          onClick={() => move(pin.id, -1)}
        />
        <IconButton
          icon="chevronRight"
          label="Move towards the end"
          disabled={index === count - 1}
          onClick={() => move(pin.id, 1)}
        />
        <Button variant="ghost" onClick={() => void saveChart(geometry, 'svg', footer, theme())}>
          SVG<span className="visually-hidden"> of {geometry.title}</span>
        </Button>
        <Button variant="ghost" onClick={() => void saveChart(geometry, 'csv', footer, theme())}>
          CSV<span className="visually-hidden"> of {geometry.title}</span>
        </Button>
        <IconButton icon="trash" label={`Unpin: ${geometry.title}`} onClick={() => unpin(pin.id)} />
      </div>
    </li>
  );
}

/** Scales a picture of fixed size to the width of its card, and keeps it so. */
function fitToParent(element: HTMLDivElement | null): (() => void) | undefined {
  const parent = element?.parentElement;
  if (!element || !parent) return undefined;
  const observer = new ResizeObserver(() => {
    element.style.transform = `scale(${parent.clientWidth / element.offsetWidth})`;
  });
  observer.observe(parent);
  return () => observer.disconnect();
}

/** The replication that was recorded with this version of the page; nothing where none was. */
function Recorded() {
  const outcome = useApp((state) => state.lecture.outcomes.findings);
  const load = useApp((state) => state.lecture.loadFindings);
  useEffect(() => void load(), [load]);
  if (outcome.status !== 'ready' || !outcome.value) return null;
  return (
    <section className="compare-box" aria-labelledby="compare-replication">
      <h2 id="compare-replication">Replication on the bundled model</h2>
      <Replication result={outcome.value} />
    </section>
  );
}

/** What draws the pinned charts again in Jupyter. */
async function saveNotebook(title: string, board: Board): Promise<void> {
  const { notebookJson } = await import('../../../charts/common/notebook.ts');
  const text = notebookJson(title, board.notes, board.pins.map(snapshotOf), madeWith());
  saveFile(new File([text], 'charts.ipynb', { type: 'application/x-ipynb+json' }));
}

const madeWith = (): string => `Made with ACC Workbench, ${new Date().toISOString().slice(0, 10)}`;

/** All that was run, side by side: configurations, kept charts, notes, and a report to hand out. */
export default function CompareView() {
  const isReady = useApp((state) => state.mechanism.isReady);
  const connect = useApp((state) => state.mechanism.connect);
  const connectEvaluate = useApp((state) => state.evaluate.connect);
  const evaluateReady = useApp((state) => state.evaluate.isReady);
  const board = useApp((state) => state.mechanism.board);
  const setNotes = useApp((state) => state.mechanism.setNotes);
  const go = useApp((state) => state.route.go);
  const project = useApp((state) => state.project.project);
  const runs = useRuns();
  // Named in the address, so that what is compared can be linked to.
  const chosen = useApp((state) => state.route.current.path);
  const loadTrainings = useApp((state) => state.train.loadRuns);
  useEffect(() => void connect(), [connect]);
  useEffect(() => void loadTrainings(), [loadTrainings]);
  useEffect(() => {
    if (!evaluateReady) void connectEvaluate();
  }, [connectEvaluate, evaluateReady]);
  const [a, b] = chosen.flatMap((id) => runs.filter((run) => run.id === id));
  const report = (): { tables: ReportTable[]; charts: ChartSnapshot[] } => ({
    tables: [
      ...(runs.length > 0 ? [{ caption: 'Runs', columns: ['run', 'made by', 'state', 'n', 'outcome'], rows: runs.map(({ name, type, state, size, outcome }) => [name, type, state, size, outcome]) }] : []), // prettier-ignore
      ...(a && b ? [{ caption: `${a.name} against ${b.name}`, columns: ['setting', a.name, b.name], rows: configDiff(a.config, b.config).map(({ path, before, after }) => [path, before ?? 'not set', after ?? 'not set']) }] : []), // prettier-ignore
    ],
    charts: board.pins.map(snapshotOf),
  });
  const title = `Report: ${project?.name ?? 'ACC Workbench'}`;
  const isEmpty = runs.length === 0 && board.pins.length === 0;
  return (
    <div className="compare" data-state={isReady ? 'ready' : 'loading'}>
      {!isReady ? <Skeleton lines={8} label="Loading runs" /> : null}
      {isReady && isEmpty ? (
        <EmptyState
          icon="info"
          level={1}
          title="Nothing to compare yet"
          actions={
            <>
              <Button variant="primary" onClick={() => go('mechanism')}>
                Measure or open a document
              </Button>
              <Button onClick={() => go('evaluate')}>Evaluate a model</Button>
            </>
          }
        >
          Evaluations and measurements are listed here. Every chart has a Pin button that keeps it on the
          board.
        </EmptyState>
      ) : null}
      {isReady ? <Recorded /> : null}
      {isReady && !isEmpty ? (
        <>
          <header className="compare-head">
            <h1>Compare</h1>
            <Button
              icon="download"
              onClick={() => {
                const { tables, charts } = report();
                const html = reportHtml(title, board.notes, tables, charts, madeWith());
                saveFile(new File([html], 'report.html', { type: 'text/html' }));
              }}
            >
              Report as HTML
            </Button>
            {board.pins.length > 0 ? (
              <Button icon="download" onClick={() => void saveNotebook(title, board)}>
                Charts as notebook
              </Button>
            ) : null}
            <Button
              icon="download"
              onClick={() => {
                const { tables, charts } = report();
                saveFile(
                  new File([reportJson(board.notes, tables, charts)], 'report.json', {
                    type: 'application/json',
                  }),
                );
              }}
            >
              Data as JSON
            </Button>
          </header>
          <section className="compare-box" aria-labelledby="compare-runs">
            <h2 id="compare-runs">Runs</h2>
            {runs.length === 0 ? (
              <p className="muted">No runs are here; the board keeps its charts.</p>
            ) : null}
            {runs.length > 0 ? (
              <RunTable
                runs={runs}
                chosen={chosen}
                onChoose={(id) =>
                  go(
                    'compare',
                    chosen.includes(id) ? chosen.filter((each) => each !== id) : [...chosen, id].slice(-2),
                  )
                }
              />
            ) : null}
            {a && b ? (
              <ConfigDiff a={a} b={b} />
            ) : (
              <p className="muted">Tick two runs to see how they were set up differently.</p>
            )}
            {a && b && a.type !== b.type ? (
              <Callout tone="warn" title="These two measure different things">
                Their settings can be read side by side; their outcomes cannot be compared.
              </Callout>
            ) : null}
          </section>
          <section className="compare-box" aria-labelledby="compare-board">
            <h2 id="compare-board">Board</h2>
            {board.pins.length === 0 ? (
              <p className="muted">
                Pin a chart, in any view, to keep it here as it was drawn. The report and a notebook for
                Jupyter take what is pinned.
              </p>
            ) : null}
            <ul className="compare-board">
              {board.pins.map((pin, index) => (
                <PinCard key={pin.id} pin={pin} index={index} count={board.pins.length} />
              ))}
            </ul>
          </section>
          <section className="compare-box" aria-labelledby="compare-notes">
            <h2 id="compare-notes">Notes</h2>
            <textarea
              className="compare-notes"
              aria-labelledby="compare-notes"
              rows={6}
              defaultValue={board.notes}
              onBlur={(event) => setNotes(event.target.value)}
            />
            <p className="w-hint">Kept with the board, and part of the report.</p>
          </section>
        </>
      ) : null}
    </div>
  );
}
