import { memo, useEffect, useMemo, useRef, type RefObject } from 'react';
import { expertLabel, headLabel } from '../../../charts/common/numbers.ts';
import { useApp } from '../../../state/useApp.ts';
import type { LookReport } from '../../../workers/engineApi.ts';
import type { MechanismFrame, TrackFrame } from '../../../workers/mechanismApi.ts';
import { Button } from '../../widgets/Button.tsx';
import { Field } from '../../widgets/Field.tsx';
import { Segmented } from '../../widgets/Segmented.tsx';
import { Select } from '../../widgets/Select.tsx';
import { Callout, Skeleton } from '../../widgets/States.tsx';
import { splitBlocks, type TextBlock } from '../qa/blocks.ts';
import { hasHighlights, textPoint, useHighlight, type TextRange } from '../qa/highlights.ts';
import { levelCount, levelRanges, liftSteps } from './textLevels.ts';

const Blocks = memo(function Blocks({ text, blocks }: { text: string; blocks: readonly TextBlock[] }) {
  return blocks.map(({ start, end }) => (
    <div key={start} className="mech-block">
      {text.slice(start, end)}
    </div>
  ));
});

/** The text with a mark on every token, stronger with its value; pieces of evidence underlined. */
function MarkedText({
  look,
  track,
  body,
  blocks,
}: {
  look: LookReport;
  track: TrackFrame | null;
  body: RefObject<HTMLDivElement | null>;
  blocks: readonly TextBlock[];
}) {
  const levels = useMemo(() => levelRanges(look), [look]);
  const pieces = useMemo(() => {
    const of = (role: 'gold' | 'distractor'): TextRange[] => (track?.pieces ?? []).filter((piece) => piece.role === role).map(({ start, end }) => ({ start: look.starts[start] ?? 0, end: look.starts[end] ?? 0 })); // prettier-ignore
    return { gold: of('gold'), distractor: of('distractor') };
  }, [look, track]);
  useHighlight('mech-1', body, blocks, levels[0]!);
  useHighlight('mech-2', body, blocks, levels[1]!);
  useHighlight('mech-3', body, blocks, levels[2]!);
  useHighlight('mech-4', body, blocks, levels[3]!);
  useHighlight('mech-5', body, blocks, levels[4]!);
  useHighlight('mech-6', body, blocks, levels[5]!);
  useHighlight('mech-gold', body, blocks, pieces.gold);
  useHighlight('mech-distractor', body, blocks, pieces.distractor);
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls by keyboard
    <div className="mech-reading" role="region" aria-label="Text of the item" tabIndex={0}>
      <div ref={body}>
        <Blocks text={look.text} blocks={blocks} />
      </div>
    </div>
  );
}

function Legend({ what }: { what: LookReport['what'] }) {
  const words = what === 'head' ? [...liftSteps.map((step) => `${step}×`)] : Array.from({ length: levelCount }, (_, n) => `≤ ${((n + 1) / levelCount).toFixed(2)}`); // prettier-ignore
  return (
    <p className="mech-legend">
      {what === 'head' ? 'Attention against an even share:' : 'Gate of the expert:'}
      {words.map((word, n) => (
        <span key={word} className="mech-swatch" data-level={n + 1}>
          {word}
        </span>
      ))}
      <span className="mech-legend-gold">gold</span>
      <span className="mech-legend-distractor">distractor</span>
    </p>
  );
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
}

/** Blanks and line ends can be seen. */
function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text.replaceAll('\n', '⏎').replaceAll(' ', '␣');
}

function TopTokens({ look, onShow }: { look: LookReport; onShow: (offset: number) => void }) {
  const { what } = look;
  return (
    // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls by keyboard
    <div className="mech-top" role="region" aria-label="Strongest tokens" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">{what === 'head' ? 'looks at' : 'chosen for'}</th>
            <th scope="col">{what === 'head' ? 'token' : 'times'}</th>
            <th scope="col">{what === 'head' ? 'share' : 'of the token'}</th>
          </tr>
        </thead>
        <tbody>
          {look.top.map(({ text, position, share, chosen, occurs }) => (
            <tr key={`${position ?? text}`}>
              <th scope="row" className="mono">
                {position === null ? (
                  shown(text)
                ) : (
                  <button type="button" onClick={() => onShow(look.starts[position] ?? 0)}>
                    {shown(text)}
                  </button>
                )}
              </th>
              <td className="num">{(position ?? chosen ?? 0).toLocaleString('en-US')}</td>
              <td className="num">
                {chosen !== null && occurs !== null ? percent(chosen / occurs) : percent(share)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Reading({ look, track }: { look: LookReport; track: TrackFrame | null }) {
  const body = useRef<HTMLDivElement>(null);
  const { text } = look;
  const blocks = useMemo(() => splitBlocks({ text, pieces: [], parts: [], question: null }), [text]);
  const show = (offset: number): void => {
    const point = body.current && textPoint(body.current, blocks, offset);
    const scroller = body.current?.parentElement;
    if (!point || !scroller) return;
    // The block is laid out first: its lines have no places before.
    point.node.parentElement?.scrollIntoView({ block: 'nearest' });
    const range = document.createRange();
    range.setStart(point.node, point.offset);
    range.setEnd(point.node, point.offset);
    const line = range.getBoundingClientRect();
    scroller.scrollTop += line.top - scroller.getBoundingClientRect().top - scroller.clientHeight / 3;
  };
  return (
    <>
      <Legend what={look.what} />
      {hasHighlights ? null : (
        <p className="muted">This browser cannot mark ranges of text; the list has the strongest tokens.</p>
      )}
      {look.tokensPerValue > 1 ? (
        <p className="muted">A long item: {look.tokensPerValue} neighbouring tokens share one mark.</p>
      ) : null}
      <div className="mech-text-body">
        <MarkedText look={look} track={track} body={body} blocks={blocks} />
        <TopTokens look={look} onShow={show} />
      </div>
    </>
  );
}

/** The text of an item, following the head or expert that is picked anywhere. */
export function ItemText({ frame }: { readonly frame: MechanismFrame }) {
  const selected = useApp((state) => state.mechanism.selected);
  const isOpen = useApp((state) => state.mechanism.isTextOpen);
  const openText = useApp((state) => state.mechanism.openText);
  const side = useApp((state) => state.mechanism.textSide);
  const setSide = useApp((state) => state.mechanism.setTextSide);
  const lookAtText = useApp((state) => state.mechanism.lookAtText);
  const look = useApp((state) => state.mechanism.look);
  const isLooking = useApp((state) => state.mechanism.isLooking);
  const itemIndex = useApp((state) => state.mechanism.itemIndex);
  const setItem = useApp((state) => state.mechanism.setItem);
  const track = useApp((state) => state.mechanism.track);
  const loaded = useApp((state) => state.model.loaded);
  const go = useApp((state) => state.route.go);
  const { layer, head, expert } = selected ?? {};
  const what: LookReport['what'] | null = layer === undefined ? null : head !== undefined ? 'head' : expert !== undefined ? 'expert' : null; // prettier-ignore
  const isPartial = frame.document.isPartial;
  useEffect(() => {
    if (!isOpen || what === null || isPartial) return;
    // Arrow keys pass over cells: only where they rest is run.
    const timer = setTimeout(() => void lookAtText(), 200);
    return () => clearTimeout(timer);
  }, [lookAtText, isOpen, isPartial, what, layer, head, expert, side, itemIndex, frame, loaded]);
  if (what === null || layer === undefined || isPartial) return null;
  const label = what === 'head' ? headLabel(layer, head ?? 0) : expertLabel(layer, expert ?? 0);
  const sides = (['baseline', 'comparison', 'control'] as const).flatMap((each) => {
    const name = frame[each];
    return name === null ? [] : [{ value: each, label: name }];
  });
  const title = what === 'head' ? `Where head ${label} looks` : `Tokens of expert ${label}`;
  return (
    <section className="mech-text" aria-labelledby="mech-text-title" data-open={isOpen || undefined}>
      <div className="mech-controls">
        <h2 id="mech-text-title">{title}</h2>
        {isOpen ? (
          <>
            <Field label="Item" inline>
              <Select
                label="Item whose text is shown"
                value={itemIndex}
                options={frame.items.map(({ id, kind, tokens }, index) => ({
                  value: index,
                  label: id,
                  hint: `${kind}, ${tokens.toLocaleString('en-US')} tokens`,
                }))}
                onChange={setItem}
              />
            </Field>
            {sides.length > 1 ? (
              <Segmented
                label="Subject that reads the text"
                value={sides.some(({ value }) => value === side) ? side : 'baseline'}
                segments={sides}
                onChange={setSide}
              />
            ) : null}
          </>
        ) : null}
        <span className="mech-space" />
        <Button variant="ghost" icon={isOpen ? 'close' : 'document'} onClick={() => openText(!isOpen)}>
          {isOpen ? 'Hide the text' : 'Show the text'}
        </Button>
      </div>
      {isOpen && look.status === 'loading' ? <Skeleton lines={5} label="Running the item" /> : null}
      {isOpen && look.status === 'failed' ? (
        <Callout
          tone="info"
          title={look.message}
          {...(look.code === 'no-model' ? { actions: <Button onClick={() => go('model')}>Load a model</Button> } : {})} // prettier-ignore
        >
          {look.advice}
        </Callout>
      ) : null}
      {isOpen && look.status === 'ready' ? (
        <div className="mech-text-reading" aria-busy={isLooking} data-stale={isLooking || undefined}>
          <Reading look={look.value} track={track.status === 'ready' ? track.value : null} />
        </div>
      ) : null}
    </section>
  );
}
