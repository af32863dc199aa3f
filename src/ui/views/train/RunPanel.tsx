import { useState } from 'react';
import type { Loadable } from '../../../state/slice.ts';
import { canGoOn, remainingMsOf, type RunView } from '../../../state/trainSlice.ts';
import { useApp } from '../../../state/useApp.ts';
import type { GenerationReport } from '../../../workers/engineApi.ts';
import type { LastingModel } from '../../../workers/trainingApi.ts';
import { Button, LinkButton } from '../../widgets/Button.tsx';
import { Disclosure } from '../../widgets/Disclosure.tsx';
import { formatBytes, formatCount, formatDuration, plural } from '../../widgets/format.ts';
import { Select } from '../../widgets/Select.tsx';
import { Callout, EmptyState, ProgressBar, Skeleton } from '../../widgets/States.tsx';
import { formatFlops } from './DataPanel.tsx';
import { adapterName, ExpertLoadChart, LossChart, SmallCharts } from './RunCharts.tsx';
import { saveFiles, saveMergedAs } from './saveRun.ts';
import { useObstacle } from './useObstacle.ts';

const phaseWords = {
  reading: 'Reading the examples',
  kernels: 'Compiling kernels',
  weights: 'Loading the weights',
  training: 'Training',
  evaluating: 'Measuring held-out examples',
  saving: 'Saving a checkpoint',
  paused: 'Paused; the state is saved',
  recovering: 'The device was lost; everything is rebuilt from the last checkpoint',
} as const;

function Controls({ run }: { run: RunView | null }) {
  const work = useApp((state) => state.train.work);
  const pause = useApp((state) => state.train.pause);
  const stop = useApp((state) => state.train.stop);
  if (work?.kind !== 'training') return null;
  const total = run?.record?.resolved.totalSteps ?? 0;
  const step = run?.metrics.at(-1)?.step ?? 0;
  const remainingMs = run && !work.paused && !work.stopping ? remainingMsOf(run) : null;
  const isLoading = work.phase === 'reading' || work.phase === 'kernels' || work.phase === 'weights';
  const ofStep = work.phase === 'training' && work.total > 0 ? work.done / work.total : 0;
  const share = isLoading
    ? work.total > 0
      ? work.done / work.total
      : null
    : total > 0
      ? Math.min(1, (step + ofStep) / total)
      : null;
  const words = work.stopping
    ? 'Stopping after this step, with a checkpoint'
    : work.paused && work.phase !== 'paused'
      ? 'Pausing after this step'
      : isLoading || total === 0
        ? phaseWords[work.phase]
        : `${phaseWords[work.phase]}: ${formatCount(step)} of ${plural(total, 'step')} done${ofStep > 0 ? `, ${Math.floor(ofStep * 100)} % of the next` : ''}${remainingMs === null ? '' : `; about ${formatDuration(remainingMs)} left`}`;
  return (
    <div className="tv-controls" data-testid="training-progress">
      <ProgressBar label="Training" value={share} text={words} />
      <p className="num" role="status">
        {words}
      </p>
      <div className="tv-row">
        <Button
          icon={work.paused ? 'play' : 'pause'}
          disabled={work.stopping || isLoading}
          onClick={() => pause(!work.paused)}
        >
          {work.paused ? 'Go on' : 'Pause'}
        </Button>
        <Button icon="stop" disabled={work.stopping} onClick={stop}>
          Stop
        </Button>
      </div>
    </div>
  );
}

function Facts({ run }: { run: RunView }) {
  const { record, metrics } = run;
  if (!record) return null;
  const last = metrics.at(-1);
  const { ledger } = record;
  const processed = ledger.processedTokens || metrics.reduce((sum, each) => sum + each.processedTokens, 0);
  const learnt = ledger.supervisedTokens || metrics.reduce((sum, each) => sum + each.supervisedTokens, 0);
  return (
    <dl className="tv-facts num">
      <dt>Done</dt>
      <dd>
        {plural(last?.step ?? ledger.steps, 'step')} of {formatCount(record.resolved.totalSteps)},{' '}
        {formatCount(processed)} tokens read, {formatCount(learnt)} learnt
        {ledger.flops > 0 ? `, about ${formatFlops(ledger.flops)}` : ''}
      </dd>
      <dt>Time</dt>
      <dd>{formatDuration(last?.elapsedMs ?? ledger.elapsedMs)}</dd>
      {record.memory ? (
        <>
          <dt>Memory</dt>
          <dd>
            {formatBytes(record.memory.plannedBytes)} planned, {formatBytes(record.memory.peakBytes)} at most
          </dd>
        </>
      ) : null}
      {record.best ? (
        <>
          <dt>Best held out</dt>
          <dd>
            {record.best.loss.toFixed(4)} at step {formatCount(record.best.step)}
          </dd>
        </>
      ) : null}
      {record.device ? (
        <>
          <dt>Device</dt>
          <dd>{adapterName(record.device.adapter)}</dd>
        </>
      ) : null}
    </dl>
  );
}

function NotFinite({ run }: { run: RunView }) {
  const evidence = run.record?.notFinite;
  if (!evidence) return null;
  return (
    <Callout tone="bad" title={`Step ${evidence.step} gave no finite number and was not applied`}>
      <p>
        Loss {evidence.loss ?? 'not a number'}, gradient norm {evidence.gradNorm ?? 'not a number'}, learning
        rate {Number(evidence.learningRate.toPrecision(3))}. The adapter is as it was before. Lower the
        learning rate, or look at these examples.
      </p>
      <ul>
        {evidence.examples.slice(0, 10).map(({ id, tokens }) => (
          <li key={id}>
            {id}: {plural(tokens, 'token')}
          </li>
        ))}
      </ul>
    </Callout>
  );
}

function Reply({ name, value, gold }: { name: string; value: Loadable<GenerationReport>; gold: string }) {
  const text = value.status === 'ready' ? value.value.text : '';
  const answer = (whole: string): string =>
    whole
      .slice(whole.lastIndexOf('</think>') + 1)
      .replace(/^\/think>/, '')
      .trim();
  return (
    <section>
      <h4>
        {name}
        {value.status === 'ready' ? (
          <span className="faint">
            {' '}
            {answer(text) === answer(gold) ? '✓ the expected answer' : '✗ another answer'}
          </span>
        ) : null}
      </h4>
      {value.status === 'loading' ? <Skeleton lines={3} label={`Asking ${name}`} /> : null}
      {value.status === 'failed' ? <p className="muted">{value.message}</p> : null}
      {value.status === 'ready' ? <pre className="tv-reply">{text}</pre> : null}
    </section>
  );
}

function ComparePanel({ run }: { run: RunView }) {
  const comparison = useApp((state) => state.train.comparison);
  const compare = useApp((state) => state.train.compare);
  const isBusy = useApp((state) => state.train.work !== null || state.model.work !== null);
  const hasData = useApp(
    (state) => state.train.preview.status === 'ready' && state.train.preview.value.facts !== null,
  );
  const hasAdapter = useApp((state) =>
    state.train.runs.some(({ id, hasAdapter: has }) => id === run.id && has),
  );
  const ids = run.record?.data.heldOutIds ?? [];
  const [chosen, setChosen] = useState<string | null>(null);
  const id = chosen ?? ids[0] ?? null;
  if (id === null || !hasAdapter) return null;
  const shown = comparison?.runId === run.id ? comparison : null;
  return (
    <section className="tv-section" aria-label="Before and after">
      <h3>Before and after on a held-out example</h3>
      <div className="tv-row">
        <Select
          label="Held-out example"
          value={id}
          options={ids.slice(0, 200).map((value) => ({ value, label: value }))}
          onChange={setChosen}
        />
        <Button disabled={isBusy || !hasData} onClick={() => void compare(run.id, id)}>
          Ask both
        </Button>
      </div>
      <p className="faint">
        The model is loaded without and then with the adapter and asked the same question, greedily.
        {hasData ? '' : ' Choose the examples of this run on the left first.'}
      </p>
      {shown ? (
        <div className="tv-compare" data-testid="comparison">
          <section>
            <h4>Expected</h4>
            <pre className="tv-reply">{shown.gold}</pre>
          </section>
          <Reply name="Without the adapter" value={shown.base} gold={shown.gold} />
          <Reply name="With the adapter" value={shown.tuned} gold={shown.gold} />
          <Disclosure title="What was asked" summary="the end of the prompt">
            <pre className="tv-record">{shown.question}</pre>
          </Disclosure>
        </div>
      ) : null}
    </section>
  );
}

function AdapterActions({ run }: { run: RunView }) {
  const files = useApp((state) => state.train.files);
  const notify = useApp((state) => state.ui.notify);
  const loadWith = useApp((state) => state.train.loadWith);
  const writeMerged = useApp((state) => state.train.writeMerged);
  const stored = useApp((state) => state.train.runs.find(({ id }) => id === run.id));
  const hasModel = useApp((state) => state.model.card.status === 'ready');
  const isBusy = useApp((state) => state.train.work !== null || state.model.work !== null);
  const inUse = useApp((state) => state.model.loaded?.adapter?.name === run.id);
  const go = useApp((state) => state.route.go);
  if (!stored?.hasAdapter || !run.record?.adapter) return null;
  return (
    <section className="tv-section" aria-label="Adapter">
      <h3>Adapter of step {formatCount(run.record.adapter.step)}</h3>
      <div className="tv-row">
        <Button
          variant="primary"
          icon="download"
          onClick={() =>
            void files(run.id)
              .then((found) => saveFiles(found, `adapter-${run.id}`))
              .then((where) => where && notify('success', 'The adapter is saved', where))
          }
        >
          Save the adapter
        </Button>
        <Button disabled={isBusy || !hasModel} onClick={() => void loadWith(run.id)}>
          Load the model with it
        </Button>
        <Button
          disabled={isBusy || !hasModel}
          onClick={() =>
            void saveMergedAs(run.record?.model.name ?? 'model', (handle) => writeMerged(run.id, handle))
          }
        >
          Save merged weights
        </Button>
      </div>
      <p className="faint">
        PEFT layout: adapter_config.json, adapter_model.safetensors, with the record and the metrics of the
        run. PEFT reads it; so do vLLM, SGLang and llama.cpp’s converter where all ranks are equal.
      </p>
      {inUse ? (
        <Callout
          tone="good"
          title="The loaded model has this adapter"
          actions={
            <>
              <Button onClick={() => go('model')}>Ask it</Button>
              <Button onClick={() => go('evaluate')}>Evaluate it</Button>
            </>
          }
        />
      ) : null}
    </section>
  );
}

/** Before the first run: what to do next. */
function NoRun() {
  const interrupted = useApp((state) =>
    state.train.runs.find((each) => each.record.end === 'running' && canGoOn(each)),
  );
  const hasModel = useApp((state) => state.model.card.status === 'ready');
  const chosen = useApp((state) => state.train.chosen);
  const obstacle = useObstacle();
  const isRead = useApp((state) => state.train.preview.status === 'ready' && state.train.preview.value.facts !== null); // prettier-ignore
  if (interrupted) {
    return (
      <EmptyState
        icon="play"
        title={`${interrupted.id} was interrupted`}
        actions={
          <LinkButton
            variant="primary"
            icon="play"
            href={`#/train/run/${encodeURIComponent(interrupted.id)}`}
          >
            Show it, to go on from step {formatCount(interrupted.checkpointStep ?? 0)}
          </LinkButton>
        }
      >
        <p>
          A checkpoint is kept in this browser. The run goes on with the examples, the model and the settings
          it was started with.
        </p>
      </EmptyState>
    );
  }
  const missing = [...(hasModel ? [] : ['open a model']), ...(chosen ? [] : ['choose compiled examples'])];
  return (
    <EmptyState
      icon="play"
      title={
        missing.length > 0
          ? `First ${missing.join(' and ')}`
          : obstacle
            ? 'No run can start yet'
            : 'No run yet'
      }
      actions={
        isRead ? (
          <LinkButton href="#/train/masks">Look at what is learnt of the examples</LinkButton>
        ) : undefined
      }
    >
      <p>
        {missing.length > 0
          ? 'On the left stands what is here. Then start: '
          : obstacle
            ? `${obstacle.replace(/[^.!?]$/, '$&.')} When it has started: `
            : 'The settings on the left do as they are. Start training below them: '}
        loss, learning rate, gradient norm, speed, memory and the load of the experts are drawn here as the
        run goes on. It can be paused and stopped at any time; checkpoints stay in this browser, and the
        adapter is saved at the end.
      </p>
    </EmptyState>
  );
}

/** The run that is going on or that was chosen: progress, curves, checkpoints, adapter. */
export function RunPanel() {
  const run = useApp((state) => state.train.run);
  const work = useApp((state) => state.train.work);
  const start = useApp((state) => state.train.start);
  const chosen = useApp((state) => state.train.chosen);
  const card = useApp((state) => state.model.card);
  const sets = useApp((state) => state.compile.sets);
  const stored = useApp((state) => state.train.runs.find(({ id }) => id === run?.id));
  const isTraining = work?.kind === 'training';
  if (!run && !isTraining) return <NoRun />;
  const canResume = !isTraining && stored && canGoOn(stored);
  const hasModel =
    stored !== undefined &&
    (stored.model !== null || (card.status === 'ready' && card.value.name === stored.record.model.name));
  const hasData = stored?.setId ? sets.some(({ id }) => id === stored.setId) : chosen !== null;
  const missing = [
    ...(hasModel ? [] : [`open ${stored?.record.model.name ?? ''} in the Model view`]),
    ...(hasData ? [] : [`choose its examples (${stored?.record.data.name ?? ''}) on the left`]),
  ];
  return (
    <div className="tv-run" data-testid="run" data-end={run?.record?.end ?? 'starting'}>
      <Controls run={run} />
      {run?.record && !isTraining ? (
        <p role="status" data-testid="run-end">
          <strong>{run.id}</strong>:{' '}
          {run.record.message ?? (run.record.end === 'running' ? 'interrupted' : run.record.end)}
        </p>
      ) : null}
      {canResume ? (
        <Callout
          tone="info"
          title={`A checkpoint of step ${formatCount(stored.checkpointStep ?? 0)} is kept`}
          actions={
            <Button
              variant="primary"
              icon="play"
              disabled={missing.length > 0}
              onClick={() => void start(stored.id)}
            >
              Go on from it
            </Button>
          }
        >
          {missing.length === 0
            ? 'It goes on with its examples, its model and the settings it was started with, bit for bit.'
            : `To go on, ${missing.join(' and ')}.`}
        </Callout>
      ) : null}
      {run ? (
        <>
          <NotFinite run={run} />
          <AdapterActions run={run} />
          {run.metrics.length > 0 ? (
            <>
              <LossChart run={run} />
              <SmallCharts run={run} />
              <ExpertLoadChart run={run} />
            </>
          ) : isTraining ? null : (
            <p className="muted">No step of this run was done.</p>
          )}
          <ComparePanel run={run} />
          <section className="tv-section" aria-label="Facts of the run">
            <h3>Facts</h3>
            <Facts run={run} />
            {run.record ? (
              <Disclosure title="Run record" summary="everything needed to repeat it">
                <pre className="tv-record">{JSON.stringify(run.record, null, 2)}</pre>
              </Disclosure>
            ) : null}
          </section>
        </>
      ) : null}
    </div>
  );
}

/** Runs kept in this browser. */
export function RunList() {
  const runs = useApp((state) => state.train.runs);
  const deleteRun = useApp((state) => state.train.deleteRun);
  const shownId = useApp((state) => state.train.run?.id ?? null);
  const isTraining = useApp((state) => state.train.work?.kind === 'training');
  const go = useApp((state) => state.route.go);
  const [asked, setAsked] = useState<string | null>(null);
  if (runs.length === 0) return <EmptyState icon="table" title="No run is kept in this browser yet" />;
  return (
    <ul className="tv-runs">
      {runs.map(({ id, record, checkpointStep, checkpointBytes, hasAdapter }) => (
        <li key={id} data-shown={id === shownId || undefined}>
          <button
            type="button"
            className="tv-run-main"
            disabled={isTraining}
            onClick={() => go('train', ['run', id])}
          >
            <strong>{id}</strong>
            <span className="faint">
              {record.model.name}, {record.data.name}:{' '}
              {record.message ?? (record.end === 'running' ? 'interrupted' : record.end)}
              {checkpointStep === null ? '' : `; checkpoint of step ${formatCount(checkpointStep)}`}
              {hasAdapter ? '; adapter saved' : ''}
            </span>
          </button>
          {asked === id ? (
            <span className="tv-row">
              <Button variant="danger" disabled={isTraining} onClick={() => void deleteRun(id)}>
                Delete {formatBytes(checkpointBytes)} for good
              </Button>
              <Button onClick={() => setAsked(null)}>Keep</Button>
            </span>
          ) : (
            <Button icon="trash" disabled={isTraining} onClick={() => setAsked(id)}>
              Delete<span className="visually-hidden"> {id}</span>
            </Button>
          )}
        </li>
      ))}
    </ul>
  );
}

/** For views that need a model first: those at hand open here, others in the Model view. */
export function NeedsModel() {
  const list = useApp((state) => state.model.list);
  const open = useApp((state) => state.model.open);
  const isBusy = useApp((state) => state.model.work !== null);
  const ready: readonly { readonly name: string; readonly source: LastingModel }[] = [
    ...(list?.stored ?? [])
      .filter(({ complete }) => complete)
      .map(({ name, id }) => ({ name, source: { type: 'stored', id } as const })),
    ...(list?.bundled ?? []).map(({ name, url }) => ({ name, source: { type: 'url', url } as const })),
  ];
  return (
    <p className="tv-row">
      {ready.slice(0, 3).map(({ name, source }, index) => (
        <Button
          key={`${source.type} ${name}`}
          variant={index === 0 ? 'primary' : 'secondary'}
          disabled={isBusy}
          onClick={() => void open(source)}
        >
          Open {name}
        </Button>
      ))}
      <LinkButton href="#/model" variant={ready.length === 0 ? 'primary' : 'secondary'}>
        {ready.length === 0 ? 'Open a model' : 'Open another model'}
      </LinkButton>
    </p>
  );
}
