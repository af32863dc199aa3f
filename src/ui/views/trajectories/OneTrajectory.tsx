import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { DocumentSeen, Step } from '../../../trajectories/schema.ts';
import { formatRoute } from '../../../state/route.ts';
import { useApp, useAppStore } from '../../../state/useApp.ts';
import type { TextHits, TrajectoryDetail } from '../../../workers/dataApi.ts';
import { useCommands } from '../../app/commands.ts';
import { Button, IconButton } from '../../widgets/Button.tsx';
import { formatBytes, formatCount, plural } from '../../widgets/format.ts';
import { Icon } from '../../widgets/Icon.tsx';
import { KindMark } from '../../widgets/Marks.tsx';
import { SearchField } from '../../widgets/SearchField.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Switch } from '../../widgets/Switch.tsx';
import { Callout, Skeleton } from '../../widgets/States.tsx';
import { MinimapColumn } from './MinimapColumn.tsx';
import { RawView } from './RawView.tsx';
import { StepBlock } from './StepBlock.tsx';
import { StepInspector } from './StepInspector.tsx';
import { SuccessMark } from './SuccessMark.tsx';
import { clearMarks, markRanges, rangeOfStep } from './textRanges.ts';
import { groupTurns, type Turn } from './turns.ts';
import { useStepPieces } from './useStepPieces.ts';

/** Longer texts are cut in the page, with the exact rest on a button. */
const shownLength = 24_000;
/** Closed at first: what is the same in every run of a kind. */
function isClosedAtFirst(step: Step): boolean {
  return (
    step.isDemonstration === true ||
    (step.type === 'message' && (step.role === 'system' || step.injected === true))
  );
}

type Mode = 'rendered' | 'raw' | 'json';
const noHits: TextHits = { hits: [], more: false };

/** Opens the trajectory that the address names, and shows it or why it cannot be shown. */
export function OneTrajectory({ id }: { id: string }) {
  const opened = useApp((state) => state.trajectories.opened);
  const open = useApp((state) => state.trajectories.open);
  const close = useApp((state) => state.trajectories.close);
  const go = useApp((state) => state.route.go);
  const requestAccess = useApp((state) => state.project.requestAccess);
  useEffect(() => {
    void open(id);
    return close;
  }, [id, open, close]);
  if (opened.id !== id || opened.status === 'loading' || opened.status === 'idle') {
    return <Skeleton lines={12} label="Reading the trajectory" />;
  }
  if (opened.status === 'failed') {
    return (
      <div className="reader-failed">
        <Callout
          tone="bad"
          title={opened.message}
          actions={
            <>
              {opened.code === 'needs-permission' ? (
                <Button onClick={() => void requestAccess().then(() => open(id))}>Allow reading</Button>
              ) : null}
              <Button onClick={() => go('trajectories')}>Back to the table</Button>
            </>
          }
        >
          {opened.advice}
        </Callout>
      </div>
    );
  }
  return <Reader detail={opened.value} />;
}

function Outline({
  turns,
  currentTurn,
  onTurn,
}: {
  turns: readonly Turn[];
  currentTurn: number;
  onTurn: (turn: Turn) => void;
}) {
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-current="true"]')?.scrollIntoView({ block: 'nearest' });
  }, [currentTurn]);
  return (
    <nav className="outline" aria-label="Turns">
      <ol ref={list}>
        {turns.map((turn, index) => (
          <li key={index}>
            <button
              type="button"
              aria-current={index === currentTurn}
              onClick={() => onTurn(turn)}
              title={`${turn.label}, ${formatBytes(turn.characterCount)}`}
            >
              <span className="outline-number num">{turn.turn < 0 ? '–' : turn.turn}</span>
              <span className="truncate">{turn.label}</span>
              {turn.hasError ? <Icon name="warning" size="0.9em" /> : null}
              <span className="faint num outline-size">{formatBytes(turn.characterCount)}</span>
            </button>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Reader({ detail }: { detail: TrajectoryDetail }) {
  const store = useAppStore();
  const { trajectory, row, textLengths, neighbours } = detail;
  const { id } = trajectory;
  const params = useApp((state) => state.route.current.params);
  const setParams = useApp((state) => state.route.setParams);
  const go = useApp((state) => state.route.go);
  const search = useApp((state) => state.trajectories.search);
  const readStepText = useApp((state) => state.trajectories.readStepText);

  const scroller = useRef<HTMLDivElement>(null);
  const searchInput = useRef<HTMLInputElement>(null);
  const pieces = useStepPieces(trajectory);
  const showTrained = params['mask'] === 'sft';
  const turns = useMemo(() => groupTurns(trajectory, textLengths), [trajectory, textLengths]);
  const documentsAt = useMemo(() => {
    const byStep = new Map<number, DocumentSeen[]>();
    for (const document of trajectory.documents) {
      byStep.set(document.stepIndex, [...(byStep.get(document.stepIndex) ?? []), document]);
    }
    return byStep;
  }, [trajectory]);

  const mode: Mode = params['mode'] === 'raw' || params['mode'] === 'json' ? params['mode'] : 'rendered';
  // A link to a turn without a step opens the turn's first.
  const firstOfTurn = (turn: string): number =>
    Math.max(
      0,
      trajectory.steps.findIndex((step) => step.turn === Number(turn)),
    );
  const stepParam = Number(params['step'] ?? firstOfTurn(params['turn'] ?? '-1'));
  const current =
    Number.isInteger(stepParam) && stepParam >= 0 && stepParam < trajectory.steps.length ? stepParam : 0;
  const find = params['find'] ?? '';

  const [closed, setClosed] = useState<ReadonlySet<number>>(
    () => new Set(trajectory.steps.filter(isClosedAtFirst).map((step) => step.index)),
  );
  /** Texts of steps shown whole. */
  const [whole, setWhole] = useState<ReadonlyMap<number, string>>(new Map());
  const [found, setFound] = useState<{ text: string; hits: TextHits }>({ text: '', hits: noHits });
  const [hitNow, setHitNow] = useState(0);
  const hits = find !== '' && found.text === find ? found.hits : noHits;

  const hitSteps = useMemo(() => new Set(hits.hits.map(({ stepIndex }) => stepIndex)), [hits]);

  const currentTurn = turns.findIndex((turn) => turn.steps.some((step) => step.index === current));

  const textOf = (step: Step): string => whole.get(step.index) ?? step.text.slice(0, shownLength);

  const showAll = useCallback(
    async (index: number): Promise<void> => {
      const step = trajectory.steps[index];
      if (!step) return;
      const length = textLengths[index] ?? step.text.length;
      const rest = length > step.text.length ? await readStepText(id, index, step.text.length, length) : '';
      if (rest !== null) setWhole((before) => new Map(before).set(index, step.text + rest));
    },
    [id, readStepText, textLengths, trajectory],
  );
  const setOpen = useCallback((index: number, open: boolean): void => {
    setClosed((before) => {
      const next = new Set(before);
      if (open) next.delete(index);
      else next.add(index);
      return next;
    });
  }, []);

  /** Brings a step into view. Heights of texts not yet drawn are guesses, so the place is corrected once. */
  const scrollToStep = useCallback((index: number): void => {
    const place = (): void => {
      const element = scroller.current?.querySelector(`#step-${index}`);
      element?.scrollIntoView({ block: 'start' });
    };
    place();
    requestAnimationFrame(() => requestAnimationFrame(place));
  }, []);
  const jump = useCallback(
    (index: number): void => {
      setParams({ step: String(index), from: null, to: null });
      setOpen(index, true);
      scrollToStep(index);
    },
    [scrollToStep, setOpen, setParams],
  );

  const goToHit = useCallback(
    async (number: number): Promise<void> => {
      const hit = hits.hits[number];
      if (!hit) return;
      setHitNow(number);
      setOpen(hit.stepIndex, true);
      if (hit.end > shownLength) await showAll(hit.stepIndex);
      setParams({ step: String(hit.stepIndex) });
      requestAnimationFrame(() => {
        if (!scroller.current) return;
        const range = rangeOfStep(scroller.current, hit.stepIndex, hit.start, hit.end);
        if (!range) scrollToStep(hit.stepIndex);
        else {
          range.startContainer.parentElement?.scrollIntoView({ block: 'center' });
          const box = range.getBoundingClientRect();
          const frame = scroller.current.getBoundingClientRect();
          scroller.current.scrollBy({ top: box.top - frame.top - frame.height / 3 });
        }
      });
    },
    [hits, scrollToStep, setOpen, setParams, showAll],
  );

  // What is typed is shown at its first hit; an address with a step has its own place.
  const shownFind = useRef(params['step'] === undefined ? '' : find);
  useEffect(() => {
    if (find === '' || found.text !== find || shownFind.current === find) return;
    shownFind.current = find;
    void goToHit(0);
  }, [find, found, goToHit]);

  // Search runs in the worker, over all of the text; marks follow the text that is in the page.
  useEffect(() => {
    if (find === '') return;
    let isCurrent = true;
    void search(id, find).then((answer) => {
      if (!isCurrent || !answer) return;
      setFound({ text: find, hits: answer });
      setHitNow(0);
    });
    return () => {
      isCurrent = false;
    };
  }, [find, id, search]);

  useEffect(() => {
    const root = scroller.current;
    if (!root || mode !== 'rendered') return;
    const rangesOf = (list: readonly { stepIndex: number; start: number; end: number }[]): Range[] =>
      list.flatMap(({ stepIndex, start, end }) => rangeOfStep(root, stepIndex, start, end) ?? []);
    markRanges('traj-find', rangesOf(hits.hits));
    markRanges('traj-find-now', rangesOf(hits.hits.slice(hitNow, hitNow + 1)));
    const inText = trajectory.documents.flatMap((document) => {
      const step = trajectory.steps[document.stepIndex];
      if (!step?.range || step.at.path !== document.span.path) return [];
      const start = document.span.start - step.range.start;
      const end = document.span.end - step.range.start;
      const length = textLengths[step.index] ?? step.text.length;
      return start < 0 || end > length || end - start > 0.8 * length
        ? []
        : [{ stepIndex: step.index, start, end }];
    });
    markRanges('traj-document', rangesOf(inText));
    const from = Number(params['from'] ?? NaN);
    const to = Number(params['to'] ?? NaN);
    const isRange = Number.isInteger(from) && Number.isInteger(to) && to > from;
    markRanges('traj-range', isRange ? rangesOf([{ stepIndex: current, start: from, end: to }]) : []);
    return clearMarks;
  }, [current, hits, hitNow, mode, params, textLengths, trajectory, whole]);

  // The address decides where reading starts.
  const startStep = useRef(current);
  useEffect(() => {
    if (mode !== 'rendered') return;
    if (startStep.current > 0) scrollToStep(startStep.current);
    const range = params['to'];
    if (range !== undefined && Number(range) > shownLength) void showAll(startStep.current);
    // Only when the text appears; later moves scroll by themselves.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [mode]);
  const origin = useApp((state) => state.route.origin);
  useEffect(() => {
    if (origin === 'address') scrollToStep(current);
  }, [origin, current, scrollToStep]);

  const moveTurn = useCallback(
    (by: number): void => {
      const now = Number(store.getState().route.current.params['step'] ?? 0);
      const at = turns.findIndex((turn) => turn.steps.some((step) => step.index === now));
      const next = turns[Math.max(0, Math.min(turns.length - 1, at + by))];
      const first = next?.steps[0];
      if (first) jump(first.index);
    },
    [jump, store, turns],
  );
  const goTo = useCallback((target: string | null) => target !== null && go('trajectories', [target]), [go]);

  useCommands(
    useMemo(
      () => [
        {
          id: 'trajectory.nextTurn',
          title: 'Next turn',
          group: 'Trajectory',
          keys: 'j',
          run: () => moveTurn(1),
        },
        {
          id: 'trajectory.previousTurn',
          title: 'Previous turn',
          group: 'Trajectory',
          keys: 'k',
          run: () => moveTurn(-1),
        },
        {
          id: 'trajectory.find',
          title: 'Find in this trajectory',
          group: 'Trajectory',
          keys: '/',
          run: () => searchInput.current?.focus(),
        },
        {
          id: 'trajectory.nextHit',
          title: 'Next hit',
          group: 'Trajectory',
          keys: 'n',
          enabled: hits.hits.length > 0,
          run: () => void goToHit((hitNow + 1) % hits.hits.length),
        },
        {
          id: 'trajectory.previousHit',
          title: 'Previous hit',
          group: 'Trajectory',
          keys: 'shift+n',
          enabled: hits.hits.length > 0,
          run: () => void goToHit((hitNow + hits.hits.length - 1) % hits.hits.length),
        },
        {
          id: 'trajectory.next',
          title: 'Next trajectory',
          group: 'Trajectory',
          keys: ']',
          enabled: neighbours.next !== null,
          run: () => void goTo(neighbours.next),
        },
        {
          id: 'trajectory.previous',
          title: 'Previous trajectory',
          group: 'Trajectory',
          keys: '[',
          enabled: neighbours.previous !== null,
          run: () => void goTo(neighbours.previous),
        },
        {
          id: 'trajectory.back',
          title: 'Back to the table',
          group: 'Trajectory',
          keys: 'escape',
          run: () => go('trajectories'),
        },
      ],
      [go, goTo, goToHit, hitNow, hits, moveTurn, neighbours],
    ),
  );

  const openAll = (open: boolean): void =>
    setClosed(
      open
        ? new Set()
        : new Set(trajectory.steps.filter((step) => step.type !== 'message').map((step) => step.index)),
    );

  return (
    <article className="reader" data-testid="trajectory-reader" aria-label={`Trajectory ${id}`}>
      <header className="reader-head">
        <div className="reader-title">
          <a
            className="reader-back"
            href={formatRoute({ view: 'trajectories', path: [], params: {} })}
            onClick={(event) => {
              event.preventDefault();
              go('trajectories');
            }}
          >
            <Icon name="chevronLeft" /> Trajectories
          </a>
          <KindMark kind={row.kind} />
          <SuccessMark success={row.success} />
          <span className="mono truncate faint" title={id}>
            {id}
          </span>
          <span className="traj-space" />
          <span className="faint num reader-counts">
            {plural(row.turnCount, 'turn')} · {plural(row.toolCallCount, 'call')} ·{' '}
            {formatBytes(row.characterCount)}
          </span>
          <span className="faint num">
            {neighbours.position === null
              ? ''
              : `${formatCount(neighbours.position + 1)} of ${formatCount(neighbours.total)}`}
          </span>
          <IconButton
            icon="chevronUp"
            label="Previous trajectory"
            keys="["
            disabled={neighbours.previous === null}
            onClick={() => goTo(neighbours.previous)}
          />
          <IconButton
            icon="chevronDown"
            label="Next trajectory"
            keys="]"
            disabled={neighbours.next === null}
            onClick={() => goTo(neighbours.next)}
          />
        </div>
        <h1 className="reader-task">{row.taskPreview || id}</h1>
        <div className="reader-tools">
          <Segmented<Mode>
            label="Form"
            value={mode}
            segments={[
              { value: 'rendered', label: 'Rendered' },
              { value: 'raw', label: 'Raw' },
              { value: 'json', label: 'JSON' },
            ]}
            onChange={(next) => setParams({ mode: next === 'rendered' ? null : next })}
          />
          {mode === 'rendered' ? (
            <>
              <div className="reader-find">
                <SearchField
                  label="Find in this trajectory"
                  value={find}
                  onChange={(text) => setParams({ find: text === '' ? null : text })}
                  inputRef={searchInput}
                  onEnter={(back) => {
                    const { length } = hits.hits;
                    if (length > 0) void goToHit((hitNow + (back ? length - 1 : 1)) % length);
                  }}
                />
              </div>
              {find === '' ? null : (
                <span className="reader-hits num" role="status">
                  {hits.hits.length === 0
                    ? 'no hit'
                    : `${formatCount(hitNow + 1)} of ${formatCount(hits.hits.length)}${hits.more ? '+' : ''}`}
                </span>
              )}
              {hits.hits.length > 0 ? (
                <>
                  <IconButton
                    icon="chevronUp"
                    label="Previous hit"
                    keys="shift+n"
                    onClick={() => void goToHit((hitNow + hits.hits.length - 1) % hits.hits.length)}
                  />
                  <IconButton
                    icon="chevronDown"
                    label="Next hit"
                    keys="n"
                    onClick={() => void goToHit((hitNow + 1) % hits.hits.length)}
                  />
                </>
              ) : null}
              <span className="traj-space" />
              <Switch
                label="What is trained"
                checked={showTrained}
                onChange={(on) => setParams({ mask: on ? 'sft' : null })}
              />
              <Button variant="ghost" onClick={() => openAll(true)}>
                Open all
              </Button>
              <Button variant="ghost" onClick={() => openAll(false)}>
                Close calls
              </Button>
            </>
          ) : null}
        </div>
      </header>
      {mode === 'rendered' && showTrained ? (
        <p className="reader-mask-note" role="note">
          Standard agent SFT trains on what the model wrote (coloured bar). Tasks, results of tools and
          demonstrations are read as context only. ACC trains on the answer of the compiled example instead.
        </p>
      ) : null}
      {mode === 'rendered' ? (
        <div className="reader-body">
          <Outline
            turns={turns}
            currentTurn={currentTurn}
            onTurn={(turn) => jump(turn.steps[0]?.index ?? 0)}
          />
          <div className="reader-text" ref={scroller}>
            {turns.map((turn, index) => (
              <section
                key={index}
                className="turn"
                aria-label={turn.turn < 0 ? 'Before the first turn' : `Turn ${turn.turn}`}
                style={{
                  containIntrinsicSize: `auto ${Math.ceil(Math.min(turn.characterCount, shownLength * turn.steps.length) / 90) * 20 + turn.steps.length * 44}px`,
                }}
              >
                <h2 className="turn-head num">{turn.turn < 0 ? 'Task' : `Turn ${turn.turn}`}</h2>
                {turn.steps.map((step) => (
                  <StepBlock
                    key={step.index}
                    step={step}
                    text={textOf(step)}
                    fullLength={textLengths[step.index] ?? step.text.length}
                    documents={documentsAt.get(step.index) ?? noDocuments}
                    pieces={pieces.get(step.index)}
                    showTrained={showTrained}
                    isOpen={!closed.has(step.index)}
                    isCurrent={step.index === current}
                    isMarked={
                      hitSteps.has(step.index) || (params['to'] !== undefined && step.index === current)
                    }
                    onToggle={setOpen}
                    onShowAll={(at) => void showAll(at)}
                    onJump={jump}
                  />
                ))}
              </section>
            ))}
          </div>
          <MinimapColumn
            detail={detail}
            hits={hits.hits}
            current={current}
            onStep={jump}
            onHit={(hit) => void goToHit(hit)}
          />
        </div>
      ) : (
        <div className="reader-raw">
          <RawView key={mode} id={id} form={mode} />
        </div>
      )}
      <StepInspector detail={detail} current={current} />
    </article>
  );
}

const noDocuments: readonly DocumentSeen[] = [];
