import { chartKinds, kindShapePath, type ChartKind } from '../common/kinds.ts';
import { px } from '../common/geometry.ts';
import type { ChartPaint } from '../common/palette.ts';
import type { QueryMapData, QueryMapLayout } from './layout.ts';

/** The order in which kinds are drawn: benchmark items, of which there are few, on top. */
const drawn = [...chartKinds, 'benchmark'] as const;

const colourOfKind = (kind: ChartKind | 'benchmark', paint: ChartPaint): string =>
  kind === 'benchmark' ? paint.ink : paint[kind];

function addShape(path: Path2D, kind: ChartKind | 'benchmark', x: number, y: number, radius: number): void {
  if (kind === 'search') {
    path.moveTo(x + radius, y);
    path.arc(x, y, radius, 0, 2 * Math.PI);
  } else if (kind === 'swe') path.rect(x - radius * 0.9, y - radius * 0.9, 1.8 * radius, 1.8 * radius);
  else if (kind === 'sql') {
    path.moveTo(x, y - 1.15 * radius);
    path.lineTo(x + 1.1 * radius, y + radius);
    path.lineTo(x - 1.1 * radius, y + radius);
    path.closePath();
  } else {
    const reach = kind === 'benchmark' ? radius + 2 : 1.1 * radius;
    path.moveTo(x, y - reach);
    path.lineTo(x + reach, y);
    path.lineTo(x, y + reach);
    path.lineTo(x - reach, y);
    path.closePath();
  }
}

/** Paints links and points; one path a kind, so that 20,000 points are a few calls. */
export function paintQueryMap(
  canvas: HTMLCanvasElement,
  data: QueryMapData,
  layout: QueryMapLayout,
  selected: (index: number) => boolean,
  hasSelection: boolean,
  paint: ChartPaint,
  density: number,
): void {
  const { width, height, x, y, radius } = layout;
  canvas.width = Math.round(width * density);
  canvas.height = Math.round(height * density);
  const pen = canvas.getContext('2d');
  if (!pen) return;
  pen.scale(density, density);
  pen.fillStyle = paint.surface;
  pen.fillRect(0, 0, width, height);
  const links = new Path2D();
  for (const { a, b } of data.pairs) {
    links.moveTo(x[a]!, y[a]!);
    links.lineTo(x[b]!, y[b]!);
  }
  pen.strokeStyle = paint.warn;
  pen.lineWidth = 1;
  pen.stroke(links);
  for (const kind of drawn) {
    for (const isChosen of [false, true]) {
      const path = new Path2D();
      for (let i = 0; i < x.length; i++) {
        if (data.kinds[i] !== kind || (hasSelection && selected(i)) !== isChosen) continue;
        if (x[i]! < -10 || y[i]! < -10 || x[i]! > width + 10 || y[i]! > height + 10) continue;
        addShape(path, kind, x[i]!, y[i]!, radius[i]!);
      }
      pen.globalAlpha = hasSelection && !isChosen ? 0.25 : 0.8;
      if (kind === 'benchmark') {
        pen.strokeStyle = paint.ink;
        pen.lineWidth = 1.4;
        pen.stroke(path);
        continue;
      }
      pen.fillStyle = colourOfKind(kind, paint);
      pen.fill(path);
      if (!isChosen) continue;
      pen.strokeStyle = paint.ink;
      pen.lineWidth = 1;
      pen.stroke(path);
    }
  }
  pen.globalAlpha = 1;
}

/** The same picture as an SVG file. */
export function queryMapSvg(
  data: QueryMapData,
  layout: QueryMapLayout,
  paint: ChartPaint,
  caption: string,
): string {
  const { width, height, x, y, radius } = layout;
  const escaped = caption.replace(/[<>&]/g, (c) => ({ '<': '&lt;', '>': '&gt;', '&': '&amp;' })[c]!);
  const links = data.pairs.map(({ a, b }) => `M${px(x[a]!)} ${px(y[a]!)}L${px(x[b]!)} ${px(y[b]!)}`).join('');
  const groups = drawn.map((kind) => {
    let path = '';
    for (let i = 0; i < x.length; i++) {
      if (data.kinds[i] !== kind) continue;
      const shape = kind === 'benchmark' ? 'other' : kind;
      path += kindShapePath(shape, px(x[i]!), px(y[i]!), px(radius[i]! + (kind === 'benchmark' ? 2 : 0)));
    }
    const style =
      kind === 'benchmark'
        ? `fill="none" stroke="${paint.ink}" stroke-width="1.4"`
        : `fill="${colourOfKind(kind, paint)}" fill-opacity="0.8"`;
    return path === '' ? '' : `<path d="${path}" ${style}/>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"><title>${escaped}</title><rect width="${width}" height="${height}" fill="${paint.surface}"/><path d="${links}" stroke="${paint.warn}" fill="none"/>${groups.join('')}</svg>`;
}
