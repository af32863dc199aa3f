import { useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import type { MaskView } from '../../../workers/dataApi.ts';
import { Button } from '../../widgets/Button.tsx';
import { formatCount, formatShare } from '../../widgets/format.ts';
import { linesOfTokens, runsOfTargets, textOfToken, type TokenLine } from './tokenLines.ts';

/** Height of a line in multiples of the text's size. */
const lineHeightEm = 1.8;
/** Lines drawn beyond what is in sight. */
const overscan = 12;
/** Cells of the strip that shows where in the example the learnt tokens lie. */
const stripCells = 160;

function Strip({ view }: { view: MaskView }) {
  const shares = useMemo(() => {
    const { isTarget } = view;
    const cells = Math.min(stripCells, isTarget.length);
    return Array.from({ length: cells }, (_, cell) => {
      const from = Math.floor((cell * isTarget.length) / cells);
      const to = Math.max(from + 1, Math.floor(((cell + 1) * isTarget.length) / cells));
      let learnt = 0;
      for (let i = from; i < to; i++) learnt += isTarget[i] ?? 0;
      return learnt / (to - from);
    });
  }, [view]);
  return (
    <svg
      className="tv-strip"
      viewBox={`0 0 ${shares.length} 10`}
      preserveAspectRatio="none"
      aria-hidden="true"
    >
      <rect className="tv-strip-ground" width={shares.length} height="10" />
      {shares.map((share, cell) =>
        share > 0 ? (
          <rect
            key={cell}
            className="tv-strip-learnt"
            x={cell}
            y={10 - 10 * Math.max(0.25, share)}
            width="1"
            height={10 * Math.max(0.25, share)}
          />
        ) : null,
      )}
    </svg>
  );
}

function Line({
  line,
  view,
  cursor,
  onToken,
}: {
  line: TokenLine;
  view: MaskView;
  cursor: number;
  onToken: (token: number) => void;
}) {
  const tokens = [];
  for (let i = line.start; i < line.end; i++) {
    tokens.push(
      // The list itself takes the keys; pointing is a shortcut to the same cursor.
      // eslint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions
      <span
        key={i}
        className="tv-token"
        data-learnt={view.isTarget[i] === 1 || undefined}
        data-odd={i % 2 === 1 || undefined}
        data-cursor={i === cursor || undefined}
        onClick={() => onToken(i)}
      >
        {textOfToken(view, i)}
      </span>,
    );
  }
  return <>{tokens}</>;
}

/** One example as the model reads it, token by token; what is learnt is marked. Any length: only lines in sight are drawn. */
export function MaskPane({ name, view }: { name: string; view: MaskView }) {
  const scroller = useRef<HTMLDivElement>(null);
  const runs = useMemo(() => runsOfTargets(view.isTarget), [view]);
  const [cursor, setCursor] = useState(runs[0] ?? 0);
  const [box, setBox] = useState({ columns: 72, lineHeight: 24, height: 400 });
  const [scrollTop, setScrollTop] = useState(0);
  useEffect(() => {
    const element = scroller.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      const fontSize = Number.parseFloat(getComputedStyle(element).fontSize);
      setBox({
        columns: Math.max(16, Math.floor((element.clientWidth - 16) / (fontSize * 0.64))),
        lineHeight: Math.round(fontSize * lineHeightEm),
        height: element.clientHeight,
      });
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const lines = useMemo(() => linesOfTokens(view, box.columns), [view, box.columns]);
  const firstLine = Math.max(0, Math.floor(scrollTop / box.lineHeight) - overscan);
  const lastLine = Math.min(lines.length, Math.ceil((scrollTop + box.height) / box.lineHeight) + overscan);
  const moveTo = (token: number): void => {
    const next = Math.max(0, Math.min(view.ids.length - 1, token));
    setCursor(next);
    const line = lines.findIndex(({ end }) => next < end);
    const element = scroller.current;
    if (line < 0 || !element) return;
    const top = line * box.lineHeight;
    if (top < element.scrollTop || top + box.lineHeight > element.scrollTop + element.clientHeight) {
      element.scrollTop = Math.max(0, top - element.clientHeight / 3);
    }
  };
  useLayoutEffect(() => {
    // What is learnt usually lies at the end: begin there.
    const line = lines.findIndex(({ end }) => cursor < end);
    if (scroller.current) scroller.current.scrollTop = Math.max(0, (line - 3) * box.lineHeight);
    // eslint-disable-next-line react-hooks/exhaustive-deps -- when lines are laid out, not at each move
  }, [lines]);
  const lineOf = (token: number): TokenLine | undefined => lines.find(({ end }) => token < end);
  const onKeyDown = (event: KeyboardEvent): void => {
    const line = lineOf(cursor);
    const steps: Record<string, number> = {
      ArrowRight: cursor + 1,
      ArrowLeft: cursor - 1,
      ArrowDown: line ? line.end + (cursor - line.start) : cursor,
      ArrowUp: line ? Math.max(0, line.start - 1) : cursor,
      Home: 0,
      End: view.ids.length - 1,
      PageDown: cursor + 500,
      PageUp: cursor - 500,
    };
    const next = steps[event.key];
    if (next === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    moveTo(next);
  };
  const nextRun = runs.find((start) => start > cursor);
  const previousRun = runs.findLast((start) => start < cursor);
  const told = `Token ${formatCount(cursor + 1)}, id ${view.ids[cursor] ?? ''}, “${textOfToken(view, cursor)}”, ${view.isTarget[cursor] === 1 ? 'learnt' : 'read only'}`;
  return (
    <section className="tv-mask-pane" aria-label={name}>
      <header>
        <h3>{name}</h3>
        <p className="faint num">
          {formatCount(view.supervisedTokens)} of {formatCount(view.ids.length)} tokens are learnt (
          {formatShare(view.supervisedTokens / Math.max(1, view.ids.length))})
          {view.straddlingTokens > 0 ? `; ${view.straddlingTokens} across a border are read only` : ''}
        </p>
      </header>
      <Strip view={view} />
      {/* One tab stop for all tokens; the keys act while it has the focus. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        ref={scroller}
        className="tv-tokens"
        role="group"
        aria-roledescription="token list"
        aria-label={`${name}, token by token. Arrow keys move over the tokens.`}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        onKeyDown={onKeyDown}
        onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
      >
        <div style={{ blockSize: `${lines.length * box.lineHeight}px`, position: 'relative' }}>
          {lines.slice(firstLine, lastLine).map((line, index) => (
            <div
              key={line.start}
              className="tv-token-line"
              style={{
                blockSize: `${box.lineHeight}px`,
                lineHeight: `${box.lineHeight}px`,
                transform: `translateY(${(firstLine + index) * box.lineHeight}px)`,
              }}
            >
              <Line line={line} view={view} cursor={cursor} onToken={setCursor} />
            </div>
          ))}
        </div>
      </div>
      <footer>
        <p className="num" aria-live="polite" data-testid="token-told">
          {told}
        </p>
        <Button
          disabled={previousRun === undefined}
          onClick={() => previousRun !== undefined && moveTo(previousRun)}
        >
          Previous learnt part
        </Button>
        <Button disabled={nextRun === undefined} onClick={() => nextRun !== undefined && moveTo(nextRun)}>
          Next learnt part
        </Button>
      </footer>
    </section>
  );
}
