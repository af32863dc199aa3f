import { useEffect, useRef } from 'react';
import {
  failedBefore,
  lectureStepIds,
  type LectureSizes,
  type LectureStepId,
} from '../../../state/lectureSlice.ts';
import { formatRoute } from '../../../state/route.ts';
import { useApp, useAppStore } from '../../../state/useApp.ts';
import { useCommands } from '../../app/commands.ts';
import { Button } from '../../widgets/Button.tsx';
import { Callout, ProgressBar } from '../../widgets/States.tsx';
import { saveFile } from '../../../charts/common/saveBlob.ts';
import { handout } from './handout.ts';
import { LossCurve, StepPanel } from './panels.tsx';
import { stepWords } from './steps.ts';
import './walk.css';

const sizeNames = ['trajectories', 'steps', 'items', 'measured', 'dwell'] as const;

/** What the address asks to shorten, e.g. `#/walk?steps=2&items=4`. */
function sizesOf(params: Readonly<Record<string, string>>): Partial<LectureSizes> {
  return Object.fromEntries(
    sizeNames.flatMap((name) => {
      const given = Number(params[name] ?? NaN);
      return given >= 0 ? [[name, given]] : [];
    }),
  );
}

/** Keeps the step and the address equal, so that each step can be linked to. */
function useStepInAddress(asked: LectureStepId | undefined): void {
  const store = useAppStore();
  const step = useApp((state) => state.lecture.step);
  const isTyped = useApp((state) => state.route.origin === 'address');
  useEffect(() => {
    const { lecture, route } = store.getState();
    const at = lectureStepIds.findIndex((id) => id === asked);
    const isAsked = isTyped && at >= 0;
    if (isAsked && at !== lecture.step) lecture.goTo(at);
    const id = lectureStepIds[isAsked ? at : lecture.step]!;
    if (isTyped || id !== asked) route.setParams({ step: id });
  }, [store, step, asked, isTyped]);
}

/**
 * Shows the whole page in full screen while the walk is projected: dialogs and messages lie beside the view. Whatever
 * ends the full screen (Esc, which browsers keep for themselves) ends the projecting, as leaving the view does.
 */
function useFullScreen(isProjecting: boolean, setProjecting: (on: boolean) => void): void {
  useEffect(() => {
    if (!isProjecting) return undefined;
    let isOver = false;
    const leave = (): void => {
      if (document.fullscreenElement) document.exitFullscreen().catch(() => undefined);
    };
    const onChange = (): void => {
      if (!document.fullscreenElement) setProjecting(false);
    };
    document.addEventListener('fullscreenchange', onChange);
    // Some browsers refuse; the larger type and the bare page stay.
    document.documentElement
      .requestFullscreen?.()
      .then(() => {
        if (isOver) leave();
      })
      .catch(() => undefined);
    return () => {
      isOver = true;
      document.removeEventListener('fullscreenchange', onChange);
      leave();
    };
  }, [isProjecting, setProjecting]);
  useEffect(() => () => setProjecting(false), [setProjecting]);
}

/** What the engine and the workers do at this moment, in words. */
function Progress() {
  const training = useApp((state) => state.train.work);
  const metrics = useApp((state) => state.train.run?.metrics);
  const work = useApp((state) => state.model.work);
  const job = useApp((state) => state.jobs.list.find(({ phase }) => phase === 'running'));
  const evaluation = useApp((state) => state.evaluate.runs.find(({ phase }) => phase === 'running'));
  if (training?.kind === 'training') {
    const { done, total, phase } = training;
    return (
      <>
        <ProgressBar
          value={total > 0 ? done / total : null}
          label="Training"
          text={`${phase}, step ${done} of ${total}`}
        />
        <LossCurve losses={(metrics ?? []).map(({ loss }) => loss)} />
      </>
    );
  }
  if (evaluation) {
    const { done, questions, subject } = evaluation;
    const text = `${subject}: ${done} of ${questions} answered`;
    return <ProgressBar value={questions > 0 ? done / questions : null} label="Evaluating" text={text} />;
  }
  if (work && work.kind !== 'opening') {
    const { done, total } = work;
    const text = work.kind === 'loading' ? `loading: ${work.stage}` : work.kind;
    return <ProgressBar value={total > 0 ? done / total : null} label="The model" text={text} />;
  }
  return <ProgressBar value={null} label={job ? `Running: ${job.kind}` : 'Computing'} text={job?.kind ?? 'computing'} />; // prettier-ignore
}

/** The whole flow on the bundled model, one step on the screen at a time, every number computed in this page. */
export default function WalkView() {
  const lecture = useApp((state) => state.lecture);
  const params = useApp((state) => state.route.current.params);
  const isProjecting = useApp((state) => state.ui.deskScale !== null);
  const setProjecting = useApp((state) => state.ui.setProjecting);
  const { step, isPlaying, showsNotes, outcomes, tookMs } = lecture;
  const { begin, goTo, setPlaying, setNotes, restart } = lecture;
  const asked = lectureStepIds.find((each) => each === params['step']);
  const started = useRef({ sizes: sizesOf(params), asked });
  useEffect(() => {
    begin(started.current.sizes, started.current.asked);
    // Nothing goes on by itself that nobody looks at.
    return () => setPlaying(false);
  }, [begin, setPlaying]);
  useStepInAddress(asked);
  useFullScreen(isProjecting, setProjecting);
  const last = lectureStepIds.length - 1;
  const id = lectureStepIds[step]!;
  const words = stepWords[id];
  const outcome = outcomes[id];
  const missing = outcome.status === 'idle' ? failedBefore(step, outcomes) : null;
  const group = 'Guided walk';
  useCommands([
    { id: 'walk.next', title: 'Next step', group, keys: 'pagedown', enabled: step < last, run: () => goTo(step + 1) },
    { id: 'walk.right', title: 'Next step', group, keys: 'arrowright', listed: false, enabled: step < last, run: () => goTo(step + 1) },
    { id: 'walk.back', title: 'Step back', group, keys: 'pageup', enabled: step > 0, run: () => goTo(step - 1) },
    { id: 'walk.left', title: 'Step back', group, keys: 'arrowleft', listed: false, enabled: step > 0, run: () => goTo(step - 1) },
    { id: 'walk.play', title: isPlaying ? 'Stop going on by itself' : 'Go on by itself', group, keys: 'p', run: () => setPlaying(!isPlaying) },
    { id: 'walk.notes', title: 'Speaker notes', group, keys: 'n', run: () => setNotes(!showsNotes) },
    { id: 'walk.project', title: 'Projector mode', group, keys: 'b', run: () => setProjecting(!isProjecting) },
    { id: 'walk.leave', title: 'Leave the projector mode', group, keys: 'escape', enabled: isProjecting, run: () => setProjecting(false) },
  ]); // prettier-ignore
  return (
    <section
      className="walk"
      data-projecting={isProjecting || undefined}
      data-step={id}
      data-status={outcome.status}
    >
      <ol className="walk-track" aria-label="Steps">
        {lectureStepIds.map((each, at) => (
          <li key={each}>
            <button
              type="button"
              aria-current={at === step ? 'step' : undefined}
              data-status={outcomes[each].status}
              title={`${stepWords[each].title}${outcomes[each].status === 'failed' ? ' (could not be computed)' : ''}`}
              onClick={() => goTo(at)}
            >
              <span className="num">{at + 1}</span> <span className="walk-name">{stepWords[each].title}</span>
            </button>
          </li>
        ))}
      </ol>
      {/* Scrolls by keyboard. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex */}
      <div className="walk-stage" role="region" aria-label="Step" tabIndex={0}>
        <header aria-live="polite">
          <p className="walk-count num muted">
            Step {step + 1} of {last + 1}
            {tookMs[id] === undefined ? '' : `, computed in ${(tookMs[id] / 1000).toFixed(1)} s`}
            {outcomes.findings.status === 'ready' && outcomes.findings.value && id === 'findings'
              ? ', recorded'
              : ''}
          </p>
          <h1>{words.title}</h1>
          <p className="walk-lead">{words.lead}</p>
        </header>
        {outcome.status === 'loading' || (outcome.status === 'idle' && !missing) ? <Progress /> : null}
        {missing ? (
          <Callout
            tone="bad"
            title={`This step needs “${stepWords[missing.id].title}”, which could not be computed`}
            actions={<Button onClick={() => goTo(step)}>Try again</Button>}
          >
            {missing.message}
          </Callout>
        ) : null}
        {outcome.status === 'failed' ? (
          <Callout
            tone="bad"
            title="This step could not be computed"
            actions={<Button onClick={() => goTo(step)}>Try again</Button>}
          >
            {outcome.message}
          </Callout>
        ) : null}
        <StepPanel id={id} />
      </div>
      {showsNotes ? (
        <aside className="walk-notes" aria-label="Speaker notes">
          <h2>Speaker notes</h2>
          <ul>
            {words.notes.map((note) => (
              <li key={note}>{note}</li>
            ))}
          </ul>
        </aside>
      ) : null}
      <footer className="walk-tools">
        <Button icon="chevronLeft" disabled={step === 0} onClick={() => goTo(step - 1)}>
          Back
        </Button>
        <Button variant="primary" icon="chevronRight" disabled={step === last} onClick={() => goTo(step + 1)}>
          Next
        </Button>
        <Button icon={isPlaying ? 'pause' : 'play'} onClick={() => setPlaying(!isPlaying)}>
          {isPlaying ? 'Stop going on by itself' : 'Go on by itself'}
        </Button>
        <Button aria-pressed={showsNotes} onClick={() => setNotes(!showsNotes)}>
          Notes
        </Button>
        <Button aria-pressed={isProjecting} onClick={() => setProjecting(!isProjecting)}>
          Projector
        </Button>
        <Button icon="download" onClick={() => saveFile(handout(lecture))}>
          Handout
        </Button>
        <Button icon="refresh" onClick={restart}>
          Again
        </Button>
        <a className="walk-view" href={formatRoute({ view: words.view, path: [], params: {} })}>
          Open this in its view
        </a>
      </footer>
    </section>
  );
}
