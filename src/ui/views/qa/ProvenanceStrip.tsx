import {
  useEffect,
  useLayoutEffect,
  useMemo,
  useRef,
  useState,
  type KeyboardEvent,
  type PointerEvent,
} from 'react';
import type { ExampleTokens } from '../../../workers/dataApi.ts';
import { useTheme } from '../../app/useTheme.ts';
import { formatCount, formatShare } from '../../widgets/format.ts';
import { pieceLabel } from './ContextText.tsx';
import { itemAt, tokenAt, type ReaderDocument } from './readerDocument.ts';

interface StripProps {
  readonly document: ReaderDocument;
  readonly tokens: ExampleTokens | null;
  readonly selectedPiece: number;
  readonly hoveredPiece: number;
  /** Visible range of the text, in characters. */
  readonly viewport: readonly [number, number];
  readonly hits: readonly number[];
  readonly onHover: (piece: number) => void;
  readonly onPick: (piece: number, offset: number) => void;
}

/** Lengths in rem. */
const layout = { height: 2.5, bandTop: 0.5, bandHeight: 1.5 };

/** Diagonal lines for distractors. */
function hatch(
  context: CanvasRenderingContext2D,
  line: string,
  ground: string,
  scale: number,
): CanvasPattern | null {
  const tile = document.createElement('canvas');
  const size = Math.max(4, Math.round(5 * scale));
  tile.width = size;
  tile.height = size;
  const pen = tile.getContext('2d');
  if (!pen) return null;
  pen.fillStyle = ground;
  pen.fillRect(0, 0, size, size);
  pen.strokeStyle = line;
  pen.lineWidth = 1.2 * scale;
  pen.beginPath();
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
  }
  pen.stroke();
  return context.createPattern(tile, 'repeat');
}

/**
 * The whole context as one strip: gold solid, distractors hatched, the question outlined, and the part that is
 * in view. Positions are tokens once they are counted, characters before. A click goes there; with the focus on
 * the strip, arrows go from piece to piece.
 */
export function ProvenanceStrip({
  document: text,
  tokens,
  selectedPiece,
  hoveredPiece,
  viewport,
  hits,
  onHover,
  onPick,
}: StripProps) {
  const holder = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [box, setBox] = useState({ width: 0, rem: 16 });
  const theme = useTheme();

  useLayoutEffect(() => {
    const element = holder.current;
    if (!element) return;
    const observer = new ResizeObserver(() =>
      setBox({
        width: element.clientWidth,
        rem: Number.parseFloat(getComputedStyle(document.documentElement).fontSize),
      }),
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  const total = tokens ? tokens.total : text.text.length;
  const toUnit = useMemo(
    () =>
      tokens
        ? (offset: number) => tokenAt(tokens.offsets, offset - text.userStart)
        : (offset: number) => offset,
    [tokens, text],
  );
  const toOffset = (unit: number): number =>
    tokens
      ? text.userStart + (tokens.offsets[Math.min(tokens.offsets.length - 1, Math.round(unit))] ?? 0)
      : Math.round(unit);

  useEffect(() => {
    const element = canvas.current;
    if (!element || box.width === 0) return;
    const scale = window.devicePixelRatio;
    const { rem, width } = box;
    const height = layout.height * rem;
    element.width = Math.round(width * scale);
    element.height = Math.round(height * scale);
    const pen = element.getContext('2d');
    if (!pen) return;
    const style = getComputedStyle(element);
    const colour = (name: string): string => style.getPropertyValue(name).trim();
    const [ink, surface, rest, bar, accent, find] = [
      '--role-ink',
      '--surface',
      '--role-rest',
      '--distractor-bar',
      '--accent',
      '--stale',
    ].map(colour) as [string, string, string, string, string, string];
    pen.scale(scale, scale);
    pen.clearRect(0, 0, width, height);
    const x = (offset: number): number => (total === 0 ? 0 : (toUnit(offset) / total) * width);
    const top = layout.bandTop * rem;
    const thick = layout.bandHeight * rem;
    pen.fillStyle = rest;
    pen.fillRect(0, top, width, thick);
    pen.save();
    pen.scale(1 / scale, 1 / scale);
    const pattern = hatch(pen, bar, surface, scale);
    pen.restore();
    pen.font = `600 ${0.6875 * rem}px system-ui, sans-serif`;
    pen.textBaseline = 'middle';
    pen.textAlign = 'center';
    text.pieces.forEach((piece, index) => {
      const x0 = x(piece.start);
      const x1 = Math.max(x0 + 1, x(piece.end) - 0.5);
      if (piece.evidence.role === 'gold') {
        pen.fillStyle = ink;
        pen.fillRect(x0, top, x1 - x0, thick);
      } else {
        pen.save();
        pen.scale(1 / scale, 1 / scale);
        pen.fillStyle = pattern ?? bar;
        pen.fillRect(x0 * scale, top * scale, (x1 - x0) * scale, thick * scale);
        pen.restore();
        pen.strokeStyle = bar;
        pen.lineWidth = 1;
        if (x1 - x0 > 3) pen.strokeRect(x0 + 0.5, top + 0.5, x1 - x0 - 1, thick - 1);
      }
      const label = piece.evidence.id;
      const labelWidth = pen.measureText(label).width + 6;
      if (x1 - x0 > labelWidth + 2) {
        const centre = (x0 + x1) / 2;
        if (piece.evidence.role !== 'gold') {
          pen.fillStyle = surface;
          pen.fillRect(centre - labelWidth / 2, top + thick / 2 - rem * 0.45, labelWidth, rem * 0.9);
        }
        pen.fillStyle = piece.evidence.role === 'gold' ? surface : ink;
        pen.fillText(label, centre, top + thick / 2 + 0.5);
      }
      if (index === selectedPiece || index === hoveredPiece) {
        pen.strokeStyle = accent;
        pen.lineWidth = index === selectedPiece ? 3 : 1.5;
        pen.strokeRect(x0 - 1, top - 2, Math.max(4, x1 - x0 + 2), thick + 4);
      }
    });
    if (text.question) {
      const x0 = x(text.question.start);
      const x1 = Math.max(x0 + 4, x(text.question.end));
      pen.strokeStyle = ink;
      pen.lineWidth = 1.5;
      pen.strokeRect(Math.min(x0, width - 5), top + 1, x1 - x0 - 1, thick - 2);
    }
    pen.fillStyle = find;
    for (const hit of hits) pen.fillRect(x(hit), 0, 1.5, top - 1);
    const v0 = x(viewport[0]);
    const v1 = Math.max(v0 + 3, x(viewport[1]));
    pen.strokeStyle = accent;
    pen.lineWidth = 2;
    pen.strokeRect(v0, top - 3, v1 - v0, thick + 6);
  }, [box, text, total, toUnit, viewport, hits, selectedPiece, hoveredPiece, theme]);

  const offsetOf = (event: PointerEvent): number => {
    const area = event.currentTarget.getBoundingClientRect();
    return toOffset(Math.max(0, Math.min(1, (event.clientX - area.left) / area.width)) * total);
  };
  const go = (index: number): void => {
    const piece = text.pieces[Math.max(0, Math.min(text.pieces.length - 1, index))];
    if (piece) onPick(text.pieces.indexOf(piece), piece.start);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key === 'ArrowRight' || event.key === 'ArrowDown') go(selectedPiece + 1);
    else if (event.key === 'ArrowLeft' || event.key === 'ArrowUp') go(selectedPiece - 1);
    else if (event.key === 'Home') go(0);
    else if (event.key === 'End') go(text.pieces.length - 1);
    else return;
    event.preventDefault();
  };

  const shown = text.pieces[hoveredPiece >= 0 ? hoveredPiece : selectedPiece];
  const goldTokens = useMemo(() => {
    const length = (role: 'gold' | 'distractor'): number =>
      text.pieces.reduce(
        (sum, piece) => sum + (piece.evidence.role === role ? toUnit(piece.end) - toUnit(piece.start) : 0),
        0,
      );
    return { gold: length('gold'), distractor: length('distractor') };
  }, [text, toUnit]);
  const unit = tokens ? 'tokens' : 'characters';
  return (
    <div className="qa-strip">
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <div
        className="qa-strip-band"
        ref={holder}
        role="group"
        aria-roledescription="minimap"
        aria-label={`Provenance of the context: ${text.pieces.length} pieces, ${formatCount(total)} ${unit}`}
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        onKeyDown={onKeyDown}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          const offset = offsetOf(event);
          onPick(itemAt(text.pieces, offset), offset);
        }}
        onPointerMove={(event) => {
          const offset = offsetOf(event);
          if (event.currentTarget.hasPointerCapture(event.pointerId))
            onPick(itemAt(text.pieces, offset), offset);
          else onHover(itemAt(text.pieces, offset));
        }}
        onPointerLeave={() => onHover(-1)}
      >
        <canvas ref={canvas} aria-hidden="true" />
      </div>
      <div className="qa-strip-legend">
        <span className="truncate qa-strip-now" aria-live="polite">
          {shown ? pieceLabel(shown, tokens) : `0 … ${formatCount(total)} ${unit}`}
        </span>
        <span className="w-role">
          <span className="w-role-swatch w-role-gold" aria-hidden="true" />
          gold {formatShare(total === 0 ? 0 : goldTokens.gold / total)}
        </span>
        <span className="w-role">
          <span className="w-role-swatch w-role-distractor" aria-hidden="true" />
          distractors {formatShare(total === 0 ? 0 : goldTokens.distractor / total)}
        </span>
        <span className="w-role">
          <span className="w-role-swatch qa-swatch-question" aria-hidden="true" />
          question
        </span>
      </div>
    </div>
  );
}
