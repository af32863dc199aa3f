import { chartKinds, kindNames, kindPaint, kindShapePath, type ChartKind } from '../common/kinds.ts';
import { estimateTextWidth, px, type Mark } from '../common/geometry.ts';
import type { ChartPage } from '../common/paintSvg.ts';
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

/** Font size of the file, and the height of the line below the picture that names the kinds. */
const fontSize = 14;
const keyHeight = 30;

/** The kinds that the map holds, each by its shape, colour, name and count, in a line. */
function keyMarks({ kinds }: QueryMapData, top: number): Mark[] {
  let left = 0;
  return drawn.flatMap((kind): Mark[] => {
    const count = kinds.reduce((sum, each) => sum + (each === kind ? 1 : 0), 0);
    if (count === 0) return [];
    const text = `${kind === 'benchmark' ? 'Benchmark' : kindNames[kind]} ${count.toLocaleString('en-US')}`;
    const x = left;
    left += fontSize * 2.5 + estimateTextWidth(text, fontSize);
    return [
      shapeMark(kind, pathOf(kind, x + 6, top + keyHeight - fontSize * 0.85, 5)),
      { type: 'text', x: x + fontSize * 1.2, y: top + keyHeight - fontSize * 0.5, text, fill: 'inkSoft' },
    ];
  });
}

function pathOf(kind: ChartKind | 'benchmark', x: number, y: number, radius: number): string {
  return kind === 'benchmark'
    ? kindShapePath('other', px(x), px(y), px(radius + 2))
    : kindShapePath(kind, px(x), px(y), px(radius));
}

function shapeMark(kind: ChartKind | 'benchmark', d: string): Mark {
  return kind === 'benchmark'
    ? { type: 'path', d, fill: 'none', stroke: 'ink', strokeWidth: 1.4 }
    : { type: 'path', d, fill: kindPaint[kind], opacity: 0.8 };
}

/** The same picture for files, with the kinds named below it; one path a kind. */
export function queryMapPage(
  data: QueryMapData,
  layout: QueryMapLayout,
  words: Pick<ChartPage, 'title' | 'subtitle' | 'notes'>,
): ChartPage {
  const { width, height, x, y, radius } = layout;
  const links = data.pairs.map(({ a, b }) => `M${px(x[a]!)} ${px(y[a]!)}L${px(x[b]!)} ${px(y[b]!)}`).join('');
  const points = drawn.flatMap((kind): Mark[] => {
    let d = '';
    for (let i = 0; i < x.length; i++) {
      if (data.kinds[i] === kind) d += pathOf(kind, x[i]!, y[i]!, radius[i]!);
    }
    return d === '' ? [] : [shapeMark(kind, d)];
  });
  return {
    ...words,
    size: { width, height: height + keyHeight, fontSize },
    marks: [{ type: 'path', d: links, stroke: 'warn' }, ...points, ...keyMarks(data, height)],
    legend: [],
  };
}
