import {
  memo,
  useEffect,
  useImperativeHandle,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type ClipboardEvent,
  type MouseEvent,
  type PointerEvent,
  type Ref,
} from 'react';
import type { ExampleTokens } from '../../../workers/dataApi.ts';
import { formatCount } from '../../widgets/format.ts';
import { settle } from './settle.ts';
import { estimateLines, type TextBlock } from './blocks.ts';
import { hasHighlights, textPoint, useHighlight, type TextRange } from './highlights.ts';
import { itemAt, tokenAt, type DocumentPiece, type ReaderDocument } from './readerDocument.ts';

interface FindState {
  /** Offsets of the hits in the text. */
  readonly hits: readonly number[];
  readonly length: number;
  readonly current: number;
}

/** Columns of the last text shown, in proportional and in monospaced type: a good first guess for the next one. */
const lastColumns: [number, number] = [96, 96];

/** Pixels kept above what is scrolled to. */
const topMargin = 8;

/** Moves the text from outside (minimap, inspector, keys). */
export interface ContextTextHandle {
  readonly showOffset: (offset: number, position?: 'start' | 'nearest') => void;
  /** The element of the piece's first line, if it is in view. */
  readonly pieceElement: (piece: number) => HTMLElement | null;
}

interface ContextTextProps {
  readonly ref?: Ref<ContextTextHandle>;
  readonly document: ReaderDocument;
  readonly blocks: readonly TextBlock[];
  readonly tokens: ExampleTokens | null;
  readonly selectedPiece: number;
  readonly hoveredPiece: number;
  readonly find: FindState | null;
  readonly mask: 'none' | 'acc' | 'agent-sft';
  readonly monospace: boolean;
  /** Room for token numbers at the side. */
  readonly gutter?: boolean;
  readonly onHover: (piece: number) => void;
  /** A click: the piece under it (-1 beside pieces) and the character. */
  readonly onPick: (piece: number, offset: number) => void;
  /** The visible range of the text. */
  readonly onViewport: (start: number, end: number) => void;
}

/** `p3 · gold · title · turn 12 · 2,114 tokens`, written above a piece. Turns count from 0, as in the data. */
export function pieceLabel(piece: DocumentPiece, counted: ExampleTokens | null): string {
  const { id, role, title, source, masked, alsoAt } = piece.evidence;
  const range = counted?.pieces.find((each) => each.id === id);
  return [
    id,
    role,
    title,
    source.rendering === 'table' ? 'table from the database' : `turn ${source.turn}`,
    ...(range ? [`${formatCount(range.end - range.start)} tokens`] : []),
    ...(alsoAt && alsoAt.length > 0 ? [`also seen ${alsoAt.length}×`] : []),
    ...(masked && masked.length > 0 ? ['masked'] : []),
  ].join(' · ');
}

/** The ranges of the text that are marked, by what they are. */
function marksOf(
  document: ReaderDocument,
): Readonly<Record<'gold' | 'distractor' | 'masked' | 'supervised' | 'question', readonly TextRange[]>> {
  const { pieces, parts, question, userStart } = document;
  return {
    gold: pieces.filter(({ evidence }) => evidence.role === 'gold'),
    distractor: pieces.filter(({ evidence }) => evidence.role === 'distractor'),
    masked: pieces.flatMap(({ evidence }) =>
      (evidence.masked ?? []).map(({ start, end }) => ({ start: start + userStart, end: end + userStart })),
    ),
    supervised: parts.filter((part) => part.supervised),
    question: question ? [question] : [],
  };
}

interface BlockListProps {
  readonly document: ReaderDocument;
  readonly blocks: readonly TextBlock[];
  readonly tokens: ExampleTokens | null;
  readonly columns: number;
}

/** The elements of the text. Re-made only for another text, width or when token offsets arrive. */
const BlockList = memo(function BlockList({ document, blocks, tokens, columns }: BlockListProps) {
  const { text, pieces, parts, isDialogue } = document;
  return blocks.map((block, index) => {
    const piece = pieces[block.piece];
    const part = parts[block.part];
    const label = block.opensPiece && piece ? pieceLabel(piece, tokens) : undefined;
    const partLabel = isDialogue && block.opensPart && part ? part.role : undefined;
    const lines = estimateLines(text, block, columns) + (label ? 2 : 0);
    return (
      <div
        key={block.start}
        className="qa-block"
        data-index={index}
        data-piece={block.piece < 0 ? undefined : block.piece}
        data-role={piece?.evidence.role}
        data-label={label ?? partLabel}
        data-question={block.isQuestion || undefined}
        data-supervised={part?.supervised || undefined}
        data-offset={
          tokens && block.start >= document.userStart
            ? formatCount(tokenAt(tokens.offsets, block.start - document.userStart))
            : undefined
        }
        style={{ containIntrinsicBlockSize: `auto ${(lines * 1.6).toFixed(1)}em` }}
      >
        {text.slice(block.start, block.end)}
      </div>
    );
  });
});

function caretAt(x: number, y: number): { node: Node; offset: number } | null {
  const page = window.document as Document & {
    caretPositionFromPoint?: (x: number, y: number) => { offsetNode: Node; offset: number } | null;
    caretRangeFromPoint?: (x: number, y: number) => Range | null;
  };
  const position = page.caretPositionFromPoint?.(x, y);
  if (position) return { node: position.offsetNode, offset: position.offset };
  const range = page.caretRangeFromPoint?.(x, y);
  return range ? { node: range.startContainer, offset: range.startOffset } : null;
}

function blockOf(node: EventTarget | Node | null): HTMLElement | null {
  if (!(node instanceof Node)) return null;
  const element = node instanceof Element ? node : node.parentElement;
  return element?.closest<HTMLElement>('.qa-block') ?? null;
}

/**
 * The compiled context as native text: a few hundred blocks that the browser lays out only when they come near,
 * so that find-in-page, selection, copy, print and screen readers work on all of it. Roles are marked by CSS
 * highlights (exact to the character) and by a bar with a pattern at the side.
 */
export function ContextText({
  ref,
  document,
  blocks,
  tokens,
  selectedPiece,
  hoveredPiece,
  find,
  mask,
  monospace,
  gutter = true,
  onHover,
  onPick,
  onViewport,
}: ContextTextProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const [columns, setColumns] = useState(lastColumns[monospace ? 1 : 0]);

  useLayoutEffect(() => {
    const element = body.current;
    if (!element) return;
    const observer = new ResizeObserver(() => {
      const fontSize = Number.parseFloat(getComputedStyle(element).fontSize);
      const next = Math.max(
        20,
        Math.floor((element.clientWidth - fontSize * 7) / (fontSize * (monospace ? 0.6 : 0.5))),
      );
      // A few columns more or less do not matter for a guess.
      const known = lastColumns[monospace ? 1 : 0];
      const used = Math.abs(known - next) > 6 ? next : known;
      lastColumns[monospace ? 1 : 0] = used;
      setColumns(used);
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [monospace]);

  const marks = useMemo(() => marksOf(document), [document]);
  useHighlight('qa-gold', body, blocks, marks.gold);
  useHighlight('qa-distractor', body, blocks, marks.distractor);
  useHighlight('qa-masked', body, blocks, marks.masked);
  useHighlight('qa-supervised', body, blocks, marks.supervised);
  useHighlight('qa-question', body, blocks, marks.question);
  const found = useMemo(
    () => (find ? find.hits.map((start) => ({ start, end: start + find.length })) : []),
    [find],
  );
  useHighlight('qa-find', body, blocks, found);
  const now = find ? found[find.current] : undefined;
  const foundNow = useMemo(() => (now ? [now] : []), [now]);
  useHighlight('qa-find-now', body, blocks, foundNow);

  const marked = [
    ...(['masked', 'supervised', 'question'] as const).filter((name) => marks[name].length > 0),
    ...(find ? ['find', 'find-now'] : []),
  ].join(' ');

  // Selection and hover touch only the blocks concerned, never the list.
  useEffect(() => {
    const element = body.current;
    if (!element || selectedPiece < 0) return;
    const marked = element.querySelectorAll<HTMLElement>(`[data-piece="${selectedPiece}"]`);
    for (const block of marked) block.dataset['selected'] = 'true';
    return () => {
      for (const block of marked) delete block.dataset['selected'];
    };
  }, [selectedPiece, blocks]);
  useEffect(() => {
    const element = body.current;
    if (!element || hoveredPiece < 0) return;
    const marked = element.querySelectorAll<HTMLElement>(`[data-piece="${hoveredPiece}"]`);
    for (const block of marked) block.dataset['hovered'] = 'true';
    return () => {
      for (const block of marked) delete block.dataset['hovered'];
    };
  }, [hoveredPiece, blocks]);

  useImperativeHandle(ref, () => ({
    showOffset: (offset, position = 'start') => {
      const index = Math.max(0, itemAt(blocks, Math.min(offset, document.text.length - 1)));
      const element = body.current?.children[index];
      const block = blocks[index];
      if (!element || !block || !scroller.current) return;
      settle(scroller.current, () => {
        const scroll = scroller.current;
        if (!scroll) return 0;
        const view = scroll.getBoundingClientRect();
        let box = element.getBoundingClientRect();
        if (offset !== block.start && body.current && box.bottom > view.top && box.top < view.bottom) {
          // The block is laid out: the line itself can be asked for.
          const point = textPoint(body.current, blocks, offset);
          if (point) {
            const range = window.document.createRange();
            range.setStart(point.node, point.offset);
            range.setEnd(point.node, point.offset);
            box = range.getBoundingClientRect();
          }
        }
        const inView = box.top >= view.top && box.bottom <= view.bottom;
        return position === 'nearest' && inView ? 0 : box.top - view.top - topMargin;
      });
    },
    pieceElement: (piece) => {
      const view = scroller.current?.getBoundingClientRect();
      const found = body.current?.querySelectorAll<HTMLElement>(`[data-piece="${piece}"]`) ?? [];
      for (const element of found) {
        const box = element.getBoundingClientRect();
        if (view && box.bottom > view.top && box.top < view.bottom) return element;
      }
      return null;
    },
  }));

  const frame = useRef(0);
  const reportViewport = (): void => {
    cancelAnimationFrame(frame.current);
    frame.current = requestAnimationFrame(() => {
      const element = scroller.current;
      if (!element) return;
      const view = element.getBoundingClientRect();
      const x = view.left + view.width / 2;
      const offsetAtEdge = (y: number): number | null => {
        const block = blockOf(window.document.elementFromPoint(x, y));
        const known = block ? blocks[Number(block.dataset['index'])] : undefined;
        if (!block || !known) return null;
        const box = block.getBoundingClientRect();
        const share = box.height === 0 ? 0 : Math.max(0, Math.min(1, (y - box.top) / box.height));
        return known.start + share * (known.end - known.start);
      };
      const start = offsetAtEdge(view.top + 4) ?? 0;
      const end = offsetAtEdge(view.bottom - 4) ?? document.text.length;
      onViewport(start, Math.max(start, end));
    });
  };
  useEffect(() => {
    reportViewport();
    return () => cancelAnimationFrame(frame.current);
    // A new text starts at its top.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [blocks, columns]);

  const pick = (event: MouseEvent): void => {
    // A drag that selected text is not a click on a piece.
    if (window.getSelection()?.isCollapsed === false) return;
    const caret = caretAt(event.clientX, event.clientY);
    const element = blockOf(caret?.node ?? event.target);
    const block = element ? blocks[Number(element.dataset['index'])] : undefined;
    if (!block) return;
    const offset = block.start + (caret && caret.node.nodeType === Node.TEXT_NODE ? caret.offset : 0);
    const exact = itemAt(document.pieces, offset);
    onPick(exact >= 0 ? exact : block.piece, offset);
  };
  const hover = (event: PointerEvent): void => {
    const element = blockOf(event.target);
    onHover(Number(element?.dataset['piece'] ?? -1));
  };
  /** Blocks are elements of their own: copied text is cut from the context itself, without added line ends. */
  const copy = (event: ClipboardEvent): void => {
    const selection = window.getSelection();
    if (!selection || selection.rangeCount === 0) return;
    const range = selection.getRangeAt(0);
    const offsetOf = (node: Node, offset: number): number | null => {
      const element = blockOf(node);
      const block = element ? blocks[Number(element.dataset['index'])] : undefined;
      if (!block) return null;
      return (
        block.start + (node.nodeType === Node.TEXT_NODE ? offset : offset > 0 ? block.end - block.start : 0)
      );
    };
    const start = offsetOf(range.startContainer, range.startOffset);
    const end = offsetOf(range.endContainer, range.endOffset);
    if (start === null || end === null || end <= start) return;
    event.preventDefault();
    event.clipboardData.setData('text/plain', document.text.slice(start, end));
  };

  const list = useMemo(
    () => <BlockList document={document} blocks={blocks} tokens={tokens} columns={columns} />,
    [document, blocks, tokens, columns],
  );
  return (
    // The pointer is a short cut here; the same is done by j, k and the provenance strip.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events
    <div
      className="qa-context"
      ref={scroller}
      // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolls by keyboard
      tabIndex={0}
      role="region"
      aria-label="Context"
      data-mask={mask}
      data-marked={marked}
      data-marks={hasHighlights ? 'highlights' : 'blocks'}
      onScroll={reportViewport}
      onClick={pick}
      onPointerOver={hover}
      onPointerLeave={() => onHover(-1)}
      onCopy={copy}
    >
      <div
        className={`qa-text ${monospace ? 'qa-text-mono' : ''} ${gutter ? '' : 'qa-text-bare'}`}
        ref={body}
      >
        {list}
      </div>
    </div>
  );
}
