import { useCallback, useDeferredValue, useEffect, useMemo, useRef, useState } from 'react';
import type { EvidenceSource } from '../../../compile/types.ts';
import type { ExampleDetail } from '../../../workers/dataApi.ts';
import { useApp, useAppStore } from '../../../state/useApp.ts';
import { useCommands } from '../../app/commands.ts';
import { Button, IconButton } from '../../widgets/Button.tsx';
import { formatCount } from '../../widgets/format.ts';
import { Badge, KindMark, OutcomeMark } from '../../widgets/Marks.tsx';
import { SearchField } from '../../widgets/SearchField.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Callout, Skeleton } from '../../widgets/States.tsx';
import { Tabs } from '../../widgets/Tabs.tsx';
import { AnswerPane } from './AnswerPane.tsx';
import { splitBlocks } from './blocks.ts';
import { ChecksList, DroppedList } from './Checks.tsx';
import { Connector } from './Connector.tsx';
import { ContextText, type ContextTextHandle } from './ContextText.tsx';
import { EvidenceCheckPanel } from './EvidenceCheckPanel.tsx';
import { findAll, maxFindHits } from './findAll.ts';
import { ExampleInspector, PieceInspector } from './PieceInspector.tsx';
import { ProvenanceStrip } from './ProvenanceStrip.tsx';
import { readerDocument } from './readerDocument.ts';
import { stepsOfPieces } from './stepsOfPieces.ts';
import { TrajectorySide } from './TrajectorySide.tsx';

type BottomTab = 'answer' | 'checks' | 'dropped' | 'json';
const masks = ['none', 'acc', 'agent-sft'] as const;

/** Everything about one example: its context with provenance, question and answer, checks, and the run beside. */
export function Reader({ detail, onBack }: { detail: ExampleDetail; onBack: () => void }) {
  const { example, row, neighbours } = detail;
  const store = useAppStore();
  const tokens = useApp((state) => (state.examples.opened.id === example.id ? state.examples.tokens : null));
  const pieceId = useApp((state) => state.route.current.params['piece'] ?? null);
  const setParams = useApp((state) => state.route.setParams);
  const go = useApp((state) => state.route.go);
  const setId = useApp((state) => state.examples.setId);
  const exclude = useApp((state) => state.examples.exclude);
  const sideBySide = useApp((state) => state.ui.qaSideBySide);
  const setSideBySide = useApp((state) => state.ui.setQaSideBySide);
  const mask = useApp((state) => state.ui.qaMask);
  const setMask = useApp((state) => state.ui.setQaMask);
  const openTrajectory = useApp((state) => state.trajectories.open);
  const run = useApp((state) => state.trajectories.opened);

  const document = useMemo(() => readerDocument(example), [example]);
  // Counted over one question; a dialogue shows all its messages, in characters.
  const placedTokens = document.isDialogue ? null : tokens;
  const blocks = useMemo(() => splitBlocks(document), [document]);
  const selectedPiece = document.pieces.findIndex((piece) => piece.evidence.id === pieceId);
  const [hoveredPiece, setHoveredPiece] = useState(-1);
  const [viewport, setViewport] = useState<readonly [number, number]>([0, 1]);
  const [query, setQuery] = useState('');
  const [currentHit, setCurrentHit] = useState(0);
  const [scrolls, setScrolls] = useState(0);
  const [tab, setTab] = useState<BottomTab>(
    example.verification.some(({ status }) => status === 'fail') ? 'checks' : 'answer',
  );
  const [monospace, setMonospace] = useState(example.kind === 'swe' || example.kind === 'sql');
  const context = useRef<ContextTextHandle>(null);
  const findField = useRef<HTMLInputElement>(null);
  const frame = useRef<HTMLDivElement>(null);
  const runElement = useRef<{
    stepElement: (step: number) => HTMLElement | null;
    showStep: (step: number) => void;
  }>(null);

  const hits = useMemo(() => findAll(document.text, query), [document, query]);
  const find = useMemo(
    () => (query === '' ? null : { hits, length: query.length, current: currentHit }),
    [hits, query, currentHit],
  );
  const showHit = (index: number): void => {
    if (hits.length === 0) return;
    const next = (index + hits.length) % hits.length;
    setCurrentHit(next);
    context.current?.showOffset(hits[next] ?? 0, 'nearest');
  };

  const selectPiece = useCallback(
    (index: number) => setParams({ piece: document.pieces[index]?.evidence.id ?? null }),
    [setParams, document],
  );
  const showPiece = useCallback(
    (index: number) => {
      const piece = document.pieces[index];
      if (!piece) return;
      selectPiece(index);
      context.current?.showOffset(piece.start);
    },
    [document, selectPiece],
  );
  // A link to a piece opens the text there.
  const arrivedAt = useRef<string | null>(null);
  useEffect(() => {
    if (arrivedAt.current === example.id) return;
    arrivedAt.current = example.id;
    const piece = document.pieces[selectedPiece];
    if (piece) context.current?.showOffset(piece.start);
  }, [example.id, document, selectedPiece]);

  // Another width or font moves the lines: the chosen piece stays where it was looked at.
  const shape = `${sideBySide} ${monospace}`;
  const shownShape = useRef(shape);
  useEffect(() => {
    if (shownShape.current === shape) return;
    shownShape.current = shape;
    const piece = document.pieces[selectedPiece];
    if (piece) context.current?.showOffset(piece.start);
  }, [shape, document, selectedPiece]);

  const trajectoryId = example.source.trajectoryId;
  useEffect(() => {
    if (sideBySide) void openTrajectory(trajectoryId);
  }, [sideBySide, trajectoryId, openTrajectory]);
  const runDetail = sideBySide && run.id === trajectoryId && run.status === 'ready' ? run.value : null;
  const pieceSteps = useMemo(
    () => (runDetail ? stepsOfPieces(runDetail.trajectory, example.evidence) : []),
    [runDetail, example],
  );

  const openTurn = useCallback(
    async (source: EvidenceSource) => {
      const place = await store.getState().ui.locate(trajectoryId, source);
      if (place) {
        go('trajectories', [place.trajectoryId], {
          step: String(place.stepIndex),
          from: String(place.start),
          to: String(place.end),
        });
        return;
      }
      // A table read from the database has no text in the run: the turn that first queried it is shown.
      go('trajectories', [trajectoryId], { turn: String(source.turn) });
    },
    [store, trajectoryId, go],
  );
  const openNeighbour = (id: string | null): void => {
    if (id !== null && setId !== null) go('qa', [setId, id]);
  };
  const nextMask = (): void => {
    const next = masks[(masks.indexOf(mask) + 1) % masks.length] ?? 'none';
    setMask(next);
    if (next === 'agent-sft') setSideBySide(true);
  };

  const shownPiece = hoveredPiece >= 0 ? hoveredPiece : selectedPiece;
  const selected = document.pieces[selectedPiece];
  useCommands([
    {
      id: 'qa.nextPiece',
      title: 'Next piece',
      group: 'QA reader',
      keys: 'j',
      listed: false,
      run: () => showPiece(Math.min(document.pieces.length - 1, selectedPiece + 1)),
    },
    {
      id: 'qa.previousPiece',
      title: 'Previous piece',
      group: 'QA reader',
      keys: 'k',
      listed: false,
      run: () => showPiece(Math.max(0, selectedPiece - 1)),
    },
    {
      id: 'qa.nextExample',
      title: 'Next example',
      group: 'QA reader',
      keys: ']',
      enabled: neighbours.next !== null,
      run: () => openNeighbour(neighbours.next),
    },
    {
      id: 'qa.previousExample',
      title: 'Previous example',
      group: 'QA reader',
      keys: '[',
      enabled: neighbours.previous !== null,
      run: () => openNeighbour(neighbours.previous),
    },
    {
      id: 'qa.openTurn',
      title: 'Open the source turn of the piece',
      group: 'QA reader',
      keys: 'o',
      enabled: selected !== undefined,
      run: () => {
        if (selected) void openTurn(selected.evidence.source);
      },
    },
    {
      id: 'qa.find',
      title: 'Find in the context',
      group: 'QA reader',
      keys: '/',
      run: () => findField.current?.focus(),
    },
    {
      id: 'qa.split',
      title: sideBySide ? 'Show the context alone' : 'Show the trajectory beside',
      group: 'QA reader',
      keys: 'v',
      run: () => setSideBySide(!sideBySide),
    },
    { id: 'qa.mask', title: 'What is trained: next mask', group: 'QA reader', keys: 'm', run: nextMask },
    {
      id: 'qa.exclude',
      title: row.excluded ? 'Include this example again' : 'Exclude this example',
      group: 'QA reader',
      keys: 'x',
      run: () => void exclude([example.id], !row.excluded),
    },
    {
      id: 'qa.back',
      title: 'Back: let go of the piece, then the table',
      group: 'QA reader',
      keys: 'escape',
      listed: false,
      run: () => (selectedPiece >= 0 ? setParams({ piece: null }) : onBack()),
    },
  ]);

  const failed = example.verification.filter(({ status }) => status === 'fail').length;
  const warned = example.verification.filter(({ status }) => status === 'warn').length;
  // The text comes first; what stands under it follows a moment later, in the place kept for it.
  const isSettled = useDeferredValue(true, false);
  const inspected = useDeferredValue(shownPiece);
  const inspectedPiece = document.pieces[inspected];
  const onPick = (piece: number, offset: number): void => {
    selectPiece(piece);
    context.current?.showOffset(piece >= 0 ? Math.max(offset, 0) : offset, 'nearest');
  };
  const evidenceIndex = (piece: number): number => document.pieces[piece]?.index ?? -1;
  const pieceOf = (index: number): number => document.pieces.findIndex((piece) => piece.index === index);

  return (
    <article className="qa-reader" aria-label={`Example ${example.id}`} data-state="ready">
      <header className="qa-reader-head">
        <IconButton icon="table" label="All examples" keys="escape" onClick={onBack} />
        <IconButton
          icon="chevronLeft"
          label="Previous example"
          keys="["
          disabled={neighbours.previous === null}
          onClick={() => openNeighbour(neighbours.previous)}
        />
        <IconButton
          icon="chevronRight"
          label="Next example"
          keys="]"
          disabled={neighbours.next === null}
          onClick={() => openNeighbour(neighbours.next)}
        />
        <span className="qa-position num">
          {neighbours.position === null
            ? ''
            : `${formatCount(neighbours.position + 1)} of ${formatCount(neighbours.total)}`}
        </span>
        <KindMark kind={example.kind} />
        <h1 className="qa-title truncate" title={example.question}>
          {example.question}
        </h1>
        {row.excluded ? <Badge tone="warn">excluded</Badge> : null}
        {failed > 0 ? <OutcomeMark outcome="fail">{failed} failed</OutcomeMark> : null}
        {warned > 0 ? (
          <OutcomeMark outcome="warn">
            {warned} {warned === 1 ? 'warning' : 'warnings'}
          </OutcomeMark>
        ) : null}
        <Button
          icon={row.excluded ? 'undo' : 'eyeOff'}
          onClick={() => void exclude([example.id], !row.excluded)}
        >
          {row.excluded ? 'Include' : 'Exclude'}
        </Button>
      </header>
      <ProvenanceStrip
        document={document}
        tokens={placedTokens}
        selectedPiece={selectedPiece}
        hoveredPiece={hoveredPiece}
        viewport={viewport}
        hits={hits}
        onHover={setHoveredPiece}
        onPick={onPick}
      />
      <div className="qa-reader-tools" role="toolbar" aria-label="Reader">
        <SearchField
          label="Find in the context"
          value={query}
          inputRef={findField}
          onEnter={(back) => showHit(currentHit + (back ? -1 : 1))}
          onChange={(next) => {
            setQuery(next);
            setCurrentHit(0);
            const [first] = findAll(document.text, next, 1);
            if (first !== undefined) context.current?.showOffset(first, 'nearest');
          }}
        />
        {find ? (
          <>
            <span className="qa-find-count num" role="status">
              {hits.length === 0
                ? 'not found'
                : `${formatCount(currentHit + 1)} of ${formatCount(hits.length)}${hits.length === maxFindHits ? '+' : ''}`}
            </span>
            <IconButton
              icon="chevronUp"
              label="Previous hit"
              disabled={hits.length === 0}
              onClick={() => showHit(currentHit - 1)}
            />
            <IconButton
              icon="chevronDown"
              label="Next hit"
              disabled={hits.length === 0}
              onClick={() => showHit(currentHit + 1)}
            />
          </>
        ) : null}
        <span className="qa-tools-space" />
        {find ? null : <span className="qa-tools-label">What is trained</span>}
        <Segmented
          label="Show what is trained"
          value={mask}
          segments={[
            { value: 'none', label: 'Off' },
            { value: 'acc', label: 'ACC' },
            { value: 'agent-sft', label: 'Agent SFT' },
          ]}
          onChange={(next) => {
            setMask(next);
            if (next === 'agent-sft') setSideBySide(true);
          }}
        />
        <IconButton
          icon="columns"
          label={sideBySide ? 'Context alone' : 'Trajectory beside the context'}
          keys="v"
          pressed={sideBySide}
          onClick={() => setSideBySide(!sideBySide)}
        />
        <IconButton
          icon="document"
          label={monospace ? 'Proportional font' : 'Monospace font'}
          pressed={monospace}
          onClick={() => setMonospace(!monospace)}
        />
      </div>
      {mask === 'none' ? null : (
        <p className="qa-mask-note" role="note">
          {mask === 'acc'
            ? `ACC reads the whole context (greyed) and trains on rationale and answer only: ${formatCount(example.tokens.completion)} of ${formatCount(example.tokens.prompt + example.tokens.completion)} tokens.`
            : 'Standard agent SFT trains on the model’s own turns (underlined on the left). What tools returned, which is all of this context, is read but not trained on.'}{' '}
          {setId === null ? null : (
            <a href={`#/train/masks/${encodeURIComponent(setId)}/${encodeURIComponent(example.id)}`}>
              Token by token
            </a>
          )}
        </p>
      )}
      <div className="qa-panes" ref={frame} data-split={sideBySide || undefined}>
        {sideBySide ? (
          runDetail ? (
            <TrajectorySide
              ref={runElement}
              detail={runDetail}
              evidence={example.evidence}
              steps={pieceSteps}
              selected={evidenceIndex(selectedPiece)}
              hovered={evidenceIndex(hoveredPiece)}
              showSftMask={mask === 'agent-sft'}
              onHover={(index) => setHoveredPiece(index < 0 ? -1 : pieceOf(index))}
              onPick={(index) => showPiece(pieceOf(index))}
              onOpenStep={(step) => go('trajectories', [trajectoryId], { step: String(step) })}
              onScroll={() => setScrolls((count) => count + 1)}
            />
          ) : run.id === trajectoryId && run.status === 'failed' ? (
            <div className="qa-run">
              <Callout tone="bad" title={run.message}>
                {run.advice}
              </Callout>
            </div>
          ) : (
            <div className="qa-run">
              <Skeleton lines={10} label="Loading the trajectory" />
            </div>
          )
        ) : null}
        <ContextText
          ref={context}
          key={example.id}
          document={document}
          blocks={blocks}
          tokens={placedTokens}
          selectedPiece={selectedPiece}
          hoveredPiece={hoveredPiece}
          find={find}
          mask={mask}
          monospace={monospace}
          onHover={setHoveredPiece}
          onPick={(piece) => selectPiece(piece)}
          onViewport={(start, end) => {
            setViewport([start, end]);
            if (sideBySide) setScrolls((count) => count + 1);
          }}
        />
        {runDetail && shownPiece >= 0 ? (
          <Connector
            frame={frame}
            from={() => runElement.current?.stepElement(pieceSteps[evidenceIndex(shownPiece)] ?? -1) ?? null}
            to={() => context.current?.pieceElement(shownPiece) ?? null}
            version={`${shownPiece} ${scrolls} ${viewport.join()}`}
          />
        ) : null}
      </div>
      <section className="qa-bottom" aria-label="Question and answer">
        {isSettled ? (
          <Tabs<BottomTab>
            label="About this example"
            value={tab}
            onChange={setTab}
            items={[
              { id: 'answer', label: 'Question & answer', content: <AnswerPane example={example} /> },
              {
                id: 'checks',
                label: failed > 0 ? `Checks (${failed} failed)` : 'Checks',
                count: example.verification.length,
                content: <ChecksList checks={example.verification} />,
              },
              {
                id: 'dropped',
                label: 'Left out',
                count: example.dropped.length,
                content: <DroppedList dropped={example.dropped} />,
              },
              { id: 'json', label: 'JSON', content: <JsonView detail={detail} /> },
            ]}
          />
        ) : null}
      </section>
      {inspectedPiece ? (
        <PieceInspector
          piece={inspectedPiece}
          tokens={placedTokens}
          isPreview={hoveredPiece >= 0 && hoveredPiece !== selectedPiece}
          onOpenTurn={(source) => void openTurn(source)}
          onShow={() => showPiece(inspected)}
        />
      ) : null}
      <ExampleInspector example={example} onOpenTrajectory={() => go('trajectories', [trajectoryId])} />
      {setId === null ? null : <EvidenceCheckPanel setId={setId} example={example} />}
    </article>
  );
}

/** Strings longer than this are cut in the JSON sheet; the full line is what exports write. */
const longestJsonString = 2000;

function JsonView({ detail }: { detail: ExampleDetail }) {
  const text = useMemo(
    () =>
      JSON.stringify(
        detail.example,
        (_key, value: unknown) =>
          typeof value === 'string' && value.length > longestJsonString
            ? `${value.slice(0, longestJsonString)}… (${formatCount(value.length - longestJsonString)} more characters)`
            : value,
        2,
      ),
    [detail],
  );
  return <pre className="qa-json">{text}</pre>;
}
