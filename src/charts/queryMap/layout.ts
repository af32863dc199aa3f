import type { ChartKind } from '../common/kinds.ts';

/** What a map of queries is drawn from; benchmark items come beside the kinds. */
export interface QueryMapData {
  readonly kinds: readonly (ChartKind | 'benchmark')[];
  /** Tokens of the prompt; 0 where nothing is known. */
  readonly tokens: readonly number[];
  /** [n, 2] */
  readonly plane: Float32Array;
  readonly pairs: readonly { readonly a: number; readonly b: number }[];
}

/** What part of the map is shown: the point of it in the middle, and how much it is enlarged. */
export interface MapView {
  readonly scale: number;
  readonly centre: readonly [number, number] | null;
}

/** Points in pixels. */
export interface QueryMapLayout {
  readonly width: number;
  readonly height: number;
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly radius: Float32Array;
  /** The middle of the window in the map's own numbers, for moving on from it. */
  readonly centre: readonly [number, number];
  /** Pixels of one unit of the map. */
  readonly unit: number;
}

const smallest = 2;
const largest = 7;

/** Places the points in a window: equal scales on both axes, area by tokens. */
export function layoutQueryMap(
  { plane, tokens }: QueryMapData,
  view: MapView,
  size: { readonly width: number; readonly height: number },
): QueryMapLayout {
  const count = tokens.length;
  let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
  for (let i = 0; i < count; i++) {
    left = Math.min(left, plane[2 * i]!);
    right = Math.max(right, plane[2 * i]!);
    top = Math.min(top, plane[2 * i + 1]!);
    bottom = Math.max(bottom, plane[2 * i + 1]!);
  }
  const { width, height } = size;
  const margin = 2 * largest;
  const fit = Math.min(
    (width - 2 * margin) / (right - left || 1),
    (height - 2 * margin) / (bottom - top || 1),
  );
  const unit = Math.max(1e-6, fit * view.scale);
  const centre = view.centre ?? [(left + right) / 2, (top + bottom) / 2];
  const most = tokens.reduce((sum, value) => Math.max(sum, value), 1);
  // Many points are drawn smaller, so that they stay apart.
  const crowd = Math.min(1, Math.sqrt(400 / Math.max(1, count)) + 0.15) * Math.min(2, Math.sqrt(view.scale));
  const x = new Float32Array(count);
  const y = new Float32Array(count);
  const radius = new Float32Array(count);
  for (let i = 0; i < count; i++) {
    x[i] = width / 2 + (plane[2 * i]! - centre[0]) * unit;
    y[i] = height / 2 + (plane[2 * i + 1]! - centre[1]) * unit;
    radius[i] = Math.max(1.2, crowd * (smallest + (largest - smallest) * Math.sqrt(tokens[i]! / most)));
  }
  return { width, height, x, y, radius, centre, unit };
}

/** The point under a place of the window; null where none is near. */
export function pointAt({ x, y, radius }: QueryMapLayout, px: number, py: number, slack = 6): number | null {
  let best: number | null = null;
  let least = Infinity;
  for (let i = 0; i < x.length; i++) {
    const distance = Math.hypot(x[i]! - px, y[i]! - py) - radius[i]!;
    if (distance < least && distance <= slack) {
      least = distance;
      best = i;
    }
  }
  return best;
}

/** Points inside a polygon of [x, y] corners, by the even-odd rule. */
export function pointsInside(
  { x, y }: QueryMapLayout,
  polygon: readonly (readonly [number, number])[],
): number[] {
  const inside: number[] = [];
  for (let i = 0; i < x.length; i++) {
    let isIn = false;
    for (let a = 0, b = polygon.length - 1; a < polygon.length; b = a++) {
      const [ax, ay] = polygon[a]!;
      const [bx, by] = polygon[b]!;
      if (ay > y[i]! !== by > y[i]! && x[i]! < ((bx - ax) * (y[i]! - ay)) / (by - ay) + ax) isIn = !isIn;
    }
    if (isIn) inside.push(i);
  }
  return inside;
}

export type Direction = 'left' | 'right' | 'up' | 'down';

/** The nearest point in a direction, within 45° of it; the present one where there is none. */
export function pointTowards({ x, y }: QueryMapLayout, from: number, direction: Direction): number {
  const sign = direction === 'left' || direction === 'up' ? -1 : 1;
  const isAcross = direction === 'left' || direction === 'right';
  let best = from;
  let least = Infinity;
  for (let i = 0; i < x.length; i++) {
    const [dx, dy] = [x[i]! - x[from]!, y[i]! - y[from]!];
    const along = sign * (isAcross ? dx : dy);
    const aside = Math.abs(isAcross ? dy : dx);
    const distance = Math.hypot(dx, dy);
    // Points that lie on each other are passed through in their order.
    if (distance === 0 ? i <= from || sign < 0 : along < aside) continue;
    if (distance < least) {
      least = distance;
      best = i;
    }
  }
  return best;
}
