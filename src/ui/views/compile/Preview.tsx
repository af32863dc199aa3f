import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import type { Example, Rejection } from '../../../compile/types.ts';
import { rowAt } from '../../../state/pagedRows.ts';
import { useApp } from '../../../state/useApp.ts';
import { IconButton, LinkButton } from '../../widgets/Button.tsx';
import { formatCount, formatDuration, formatShare, plural } from '../../widgets/format.ts';
import { KindMark, OutcomeMark } from '../../widgets/Marks.tsx';
import { Callout, Skeleton } from '../../widgets/States.tsx';
import { formatRoute } from '../../../state/route.ts';
import { splitBlocks } from '../qa/blocks.ts';
import { ChecksList, DroppedList } from '../qa/Checks.tsx';
import { ContextText, type ContextTextHandle } from '../qa/ContextText.tsx';
import { ProvenanceStrip } from '../qa/ProvenanceStrip.tsx';
import { readerDocument } from '../qa/readerDocument.ts';
import { Tabs } from '../../widgets/Tabs.tsx';

const settleMs = 250;

function PreviewedExample({ example, budget }: { example: Example; budget: number }) {
  const document = useMemo(() => readerDocument(example), [example]);
  const blocks = useMemo(() => splitBlocks(document), [document]);
  const [selected, setSelected] = useState(-1);
  const [hovered, setHovered] = useState(-1);
  const [viewport, setViewport] = useState<readonly [number, number]>([0, 1]);
  const [tab, setTab] = useState<'context' | 'answer' | 'checks' | 'dropped'>('context');
  const context = useRef<ContextTextHandle>(null);
  const { prompt, completion } = example.tokens;
  const gold = example.evidence.filter(({ role }) => role === 'gold').length;
  const failed = example.verification.filter(({ status }) => status === 'fail').length;
  const onPick = (piece: number, offset: number): void => {
    setSelected(piece);
    if (tab === 'context') context.current?.showOffset(offset, 'nearest');
  };
  return (
    <>
      <div className="cv-preview-facts num">
        <span>
          <strong>{formatCount(prompt)}</strong> tokens, {formatShare(prompt / budget)} of the budget
        </span>
        <span>
          {formatCount(gold)} gold, {plural(example.evidence.length - gold, 'distractor')}
        </span>
        <span>trained: {formatCount(completion)} tokens</span>
        {failed > 0 ? <OutcomeMark outcome="fail">{plural(failed, 'check')} failed</OutcomeMark> : null}
      </div>
      <ProvenanceStrip
        document={document}
        tokens={null}
        selectedPiece={selected}
        hoveredPiece={hovered}
        viewport={viewport}
        hits={[]}
        onHover={setHovered}
        onPick={onPick}
      />
      <div className="cv-preview-tabs">
        <Tabs
          label="Preview"
          value={tab}
          onChange={setTab}
          items={[
            {
              id: 'context',
              label: 'Context',
              content: (
                <ContextText
                  ref={context}
                  document={document}
                  blocks={blocks}
                  tokens={null}
                  selectedPiece={selected}
                  hoveredPiece={hovered}
                  find={null}
                  mask="none"
                  gutter={false}
                  monospace={example.kind === 'swe' || example.kind === 'sql'}
                  onHover={setHovered}
                  onPick={(piece) => setSelected(piece)}
                  onViewport={(start, end) => setViewport([start, end])}
                />
              ),
            },
            {
              id: 'answer',
              label: 'Question & answer',
              content: (
                <div className="cv-preview-answer">
                  <h3>Question</h3>
                  <p>{example.question}</p>
                  {example.rationale ? (
                    <>
                      <h3>Rationale</h3>
                      <p>{example.rationale}</p>
                    </>
                  ) : null}
                  <h3>Answer</h3>
                  <p>{example.answer}</p>
                </div>
              ),
            },
            {
              id: 'checks',
              label: 'Checks',
              count: example.verification.length,
              content: <ChecksList checks={example.verification} />,
            },
            {
              id: 'dropped',
              label: 'Left out',
              count: example.dropped.length,
              content: <DroppedList dropped={example.dropped} />,
            },
          ]}
        />
      </div>
    </>
  );
}

function PreviewedRejection({ rejection }: { rejection: Rejection }) {
  return (
    <div className="cv-preview-message">
      <Callout tone="warn" title={`This run gives no example: ${rejection.code.replaceAll('-', ' ')}`}>
        {rejection.reason}
      </Callout>
    </div>
  );
}

/** One run compiled with the recipe as it stands, again after every change; nothing is stored. */
export function Preview() {
  const options = useApp((state) => state.compile.options);
  const tokenizerId = useApp((state) => state.compile.tokenizerId);
  const databases = useApp((state) => state.compile.databaseFileIds);
  const preview = useApp((state) => state.compile.preview);
  const runPreview = useApp((state) => state.compile.runPreview);
  const rows = useApp((state) => state.trajectories.rows);
  const cursor = useApp((state) => state.trajectories.cursor);
  const showRows = useApp((state) => state.trajectories.showRows);
  const [position, setPosition] = useState(cursor);
  const total = rows.total ?? 0;
  const at = Math.min(position, Math.max(0, total - 1));
  const row = rowAt(rows, at);
  const id = row?.id ?? null;

  const rowsKnown = rows.total !== null;
  useEffect(() => {
    showRows(Math.max(0, at - 5), at + 5);
  }, [showRows, at, rowsKnown]);
  useEffect(() => {
    if (id === null || options === null) return;
    const timer = setTimeout(() => void runPreview(id), settleMs);
    return () => clearTimeout(timer);
  }, [id, options, tokenizerId, databases, runPreview]);
  const move = useCallback(
    (by: number) => setPosition((before) => Math.max(0, Math.min(total - 1, before + by))),
    [total],
  );

  const isCurrent = preview.trajectoryId === id;
  // While the next preview is made, the last one stays: no flicker at every change of a number.
  const [shown, setShown] = useState<{
    readonly example: Example | null;
    readonly rejection: Rejection | null;
  } | null>(null);
  const value = isCurrent && preview.status === 'ready' ? preview.value : null;
  if (value && (shown?.example !== value.example || shown?.rejection !== value.rejection)) {
    setShown({ example: value.example, rejection: value.rejection });
  }
  const kept = shown && (value || (isCurrent && preview.status === 'loading')) ? shown : value;
  return (
    <section className="cv-card cv-preview" aria-label="Preview of one run">
      <header>
        <h2>Preview</h2>
        {row ? <KindMark kind={row.kind} /> : null}
        <span className="truncate muted cv-preview-task">{row?.taskPreview}</span>
        <span className="faint num">
          {total === 0 ? '' : `${formatCount(at + 1)} of ${formatCount(total)}`}
          {value ? `, ${formatDuration(value.elapsedMs)}` : ''}
        </span>
        <IconButton icon="chevronLeft" label="Previous run" disabled={at <= 0} onClick={() => move(-1)} />
        <IconButton icon="chevronRight" label="Next run" disabled={at >= total - 1} onClick={() => move(1)} />
        {id !== null ? (
          <LinkButton
            variant="ghost"
            icon="open"
            href={formatRoute({ view: 'trajectories', path: [id], params: {} })}
          >
            Open run
          </LinkButton>
        ) : null}
      </header>
      {isCurrent && preview.status === 'failed' ? (
        <div className="cv-preview-message">
          <Callout tone="bad" title={preview.message}>
            {preview.advice}
          </Callout>
        </div>
      ) : kept?.example ? (
        <PreviewedExample key={kept.example.id} example={kept.example} budget={options?.budget ?? 1} />
      ) : kept?.rejection ? (
        <PreviewedRejection rejection={kept.rejection} />
      ) : (
        <Skeleton lines={7} label="Compiling the preview" />
      )}
    </section>
  );
}
