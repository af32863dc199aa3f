import { format } from 'd3-format';
import { scaleLinear } from 'd3-scale';
import type { Mark } from './geometry.ts';
import { px } from './geometry.ts';

/** Anything of d3-scale that has a domain, ticks and a position. */
export interface TickScale {
  (value: number): number;
  ticks(count: number): number[];
}

/**
 * Ends of a value axis for lines and dots: from 0 where the values come near it, else close around them, so that
 * what differs can be seen. A reference is in view where it lies no further off than twice their spread; `limits` are
 * the ends of what can be measured. Bars always begin at 0 and do not use this.
 */
export function lineDomain(
  [low, high]: readonly [number, number],
  options: {
    readonly reference?: number | undefined;
    readonly limits?: readonly [number, number] | undefined;
  } = {},
): [number, number] {
  const { reference, limits = [-Infinity, Infinity] } = options;
  const spread = high - low || Math.abs(high) * 0.2 || 1;
  const isNear = reference !== undefined && reference >= low - 2 * spread && reference <= high + 2 * spread;
  const from = isNear ? Math.min(low, reference) : low;
  const to = isNear ? Math.max(high, reference) : high;
  if (from >= 0 && from <= 0.5 * to) return [0, to || 1];
  const [start, end] = scaleLinear([from - 0.05 * spread, to + 0.05 * spread], [0, 1])
    .nice(5)
    .domain();
  return [Math.max(limits[0], start!), Math.min(limits[1], end!)];
}

const whole = format(',d');
const short = format('~s');

/** Tick label of a token count: `0`, `2,000`, `32k`, `131k`. */
export function tokenTick(value: number): string {
  if (value < 10_000) return whole(value);
  return `${Math.round(value / 1000)}k`;
}

/** Tick label of any count. */
export function countTick(value: number): string {
  if (!Number.isInteger(value)) return '';
  return value < 10_000 ? whole(value) : short(value);
}

/** Tick label of a value of any size. */
export function valueTick(value: number): string {
  const text = Math.abs(value) >= 1000 ? value.toLocaleString('en-US') : String(Number(value.toPrecision(6)));
  return text.replaceAll('-', '−');
}

/** Axis along the bottom: line, ticks, labels, and a title under them at the end. */
export function bottomAxis({
  scale,
  x0,
  x1,
  y,
  fontSize,
  label,
  tickCount,
  tickText = countTick,
  gridTop,
  values,
}: {
  scale: TickScale;
  x0: number;
  x1: number;
  y: number;
  fontSize: number;
  label: string;
  tickCount: number;
  tickText?: (value: number) => string;
  /** Draws grid lines up to here. */
  gridTop?: number;
  values?: readonly number[];
}): Mark[] {
  const ticks = (values ?? scale.ticks(tickCount)).filter((tick) => {
    const at = scale(tick);
    return at >= x0 - 0.5 && at <= x1 + 0.5;
  });
  const marks: Mark[] = [];
  for (const tick of ticks) {
    const x = px(scale(tick));
    if (gridTop !== undefined) {
      marks.push({ type: 'line', x1: x, y1: gridTop, x2: x, y2: y, stroke: 'grid', strokeWidth: 1 });
    }
    marks.push({ type: 'line', x1: x, y1: y, x2: x, y2: y + 4, stroke: 'axis', strokeWidth: 1 });
    marks.push({
      type: 'text',
      x,
      y: px(y + 6 + fontSize * 0.8),
      text: tickText(tick),
      anchor: 'middle',
      fill: 'inkFaint',
    });
  }
  marks.push({ type: 'line', x1: x0, y1: y, x2: x1, y2: y, stroke: 'axis', strokeWidth: 1 });
  marks.push({
    type: 'text',
    x: x1,
    y: px(y + 8 + fontSize * 2.1),
    text: label,
    anchor: 'end',
    fill: 'inkSoft',
  });
  return marks;
}
