import { estimateTextWidth, fitLabel, px, type ChartCell, type ChartSize, type ChartTarget, type GridMark, type Mark } from '../common/geometry.ts'; // prettier-ignore
import type { RampName } from '../common/ramps.ts';

/** Bar that explains a ramp. */
interface ColourBar {
  readonly ramp: RampName;
  readonly low: string;
  readonly high: string;
  /** Written at the middle of a diverging bar. */
  readonly middle?: string;
  /** Over the bar: what is coloured, or words for the two directions. */
  readonly title: string;
}

export interface HeatPanel {
  readonly title: string;
  readonly ramp: RampName;
  /** Position on the ramp by row and column; null is missing. */
  readonly values: readonly (number | null)[];
  readonly muted?: readonly boolean[];
  readonly absent?: readonly boolean[];
  /** A number by row, drawn as a bar at its end: 0 … 1 of the bar's length. */
  readonly margin?: readonly (number | null)[];
  readonly label: (row: number, column: number) => string;
  readonly target?: (row: number, column: number) => ChartTarget | undefined;
}

export interface HeatSpec {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly rowTitle: string;
  readonly columnTitle: string;
  /** Bars, each under the panels [first, last] it explains. */
  readonly bars: readonly { readonly first: number; readonly last: number; readonly bar: ColourBar }[];
  /** Largest cell in multiples of the tick size. */
  readonly largestCell?: { readonly width: number; readonly height: number };
  /** Rows must be at least as high as their labels. */
  readonly allRowLabels?: boolean;
  /** Panels under each other instead of beside. */
  readonly stacked?: boolean;
  /** Title over the bars at the ends of rows. */
  readonly marginTitle?: string;
}

function barMarks(
  bar: ColourBar,
  x: number,
  y: number,
  width: number,
  { width: chartWidth, fontSize }: ChartSize,
): Mark[] {
  const columns = 48;
  const values = Array.from({ length: columns }, (_, column) => {
    const share = column / (columns - 1);
    return bar.ramp === 'diverging' ? share * 2 - 1 : share;
  });
  const height = Math.round(fontSize * 0.8);
  // A title wider than the room at its right moves to the left, but not out of the chart.
  const titleX = Math.max(
    0,
    Math.min(x, chartWidth - estimateTextWidth(bar.title, fontSize) - fontSize * 0.5),
  );
  const below = y + height + fontSize * 1.15;
  const marks: Mark[] = [
    { type: 'text', x: px(titleX), y: px(y - fontSize * 0.5), text: bar.title, fill: 'inkSoft' },
    {
      type: 'grid',
      x,
      y,
      columns,
      rows: 1,
      cellWidth: width / columns,
      cellHeight: height,
      ramp: bar.ramp,
      values,
    },
    { type: 'text', x, y: px(below), text: bar.low, fill: 'inkFaint' },
    { type: 'text', x: px(x + width), y: px(below), text: bar.high, anchor: 'end', fill: 'inkFaint' },
  ];
  if (bar.middle !== undefined) {
    marks.push({
      type: 'text',
      x: px(x + width / 2),
      y: px(below),
      text: bar.middle,
      anchor: 'middle',
      fill: 'inkFaint',
    });
  }
  return marks;
}

/** Every n-th label, so that neighbours keep apart. */
function labelStep(labels: readonly string[], stepPx: number, sizePx: (label: string) => number): number {
  const widest = labels.reduce((most, label) => Math.max(most, sizePx(label)), 0);
  for (const step of [1, 2, 4, 5, 8, 10, 16, 20, 32, 50, 64, 100]) if (step * stepPx >= widest) return step;
  return Math.max(1, labels.length);
}

/**
 * Aligned heatmaps of the same rows and columns with their colour bars. The height follows from the cells;
 * `size.height` is not used. Missing values are hatched, cells of `muted` paled and struck through.
 */
export function layoutHeatmaps(
  spec: HeatSpec,
  panels: readonly HeatPanel[],
  size: ChartSize,
): { readonly marks: Mark[]; readonly cells: ChartCell[]; readonly size: ChartSize } {
  const { fontSize } = size;
  const { rows, columns } = spec;
  const rowLabelWidth = rows.reduce((most, label) => Math.max(most, estimateTextWidth(label, fontSize)), 0);
  const left = Math.round(Math.max(rowLabelWidth + fontSize * 1.9, estimateTextWidth(spec.rowTitle, fontSize) + fontSize * 0.9)); // prettier-ignore
  const hasMargin = panels.some(({ margin }) => margin !== undefined);
  const marginWidth = hasMargin ? Math.round(fontSize * 4) : 0;
  const gap = Math.round(fontSize * 1.6);
  const perLine = spec.stacked ? 1 : panels.length;
  const room = size.width - left - gap * (perLine - 1) - marginWidth * perLine - fontSize * 0.5;
  const largest = spec.largestCell ?? { width: 2.6, height: 2.2 };
  const fitted = room / perLine / Math.max(1, columns.length);
  const cellWidth = Math.min(largest.width * fontSize, fitted >= 4 ? Math.floor(fitted) : fitted);
  const lowest = spec.allRowLabels ? fontSize * 1.3 : 5;
  const cellHeight = Math.round(
    Math.max(
      lowest,
      Math.min(largest.height * fontSize, (rows.length > 24 ? 9 : 14) * (fontSize / 12) * 1.2),
    ),
  );
  const gridWidth = cellWidth * columns.length;
  const gridHeight = cellHeight * rows.length;
  // Small maps keep the room that their titles and bars need.
  const pitch = Math.min(
    Math.max(gridWidth + gap + marginWidth, fontSize * 14),
    (size.width - left + gap) / perLine,
  );
  const panelTop = Math.round(fontSize * 2);
  const columnAxis = Math.round(fontSize * 2.9);
  const marks: Mark[] = [];
  const cells: ChartCell[] = [];
  const blockHeight = panelTop + gridHeight + columnAxis;
  const places = panels.map((_, index) => ({
    x: spec.stacked ? left : Math.round(left + index * pitch),
    y: (spec.stacked ? index * (blockHeight + gap / 2) : 0) + panelTop,
  }));
  const rowStep = labelStep(rows, cellHeight, () => fontSize * 1.15);
  const columnStep = labelStep(
    columns,
    cellWidth,
    (label) => estimateTextWidth(label, fontSize) + fontSize * 0.7,
  );

  panels.forEach((panel, index) => {
    const { x, y } = places[index]!;
    const grid: GridMark = {
      type: 'grid',
      x,
      y,
      columns: columns.length,
      rows: rows.length,
      cellWidth,
      cellHeight,
      ramp: panel.ramp,
      values: panel.values,
      ...(panel.muted ? { muted: panel.muted } : {}),
      ...(panel.absent ? { absent: panel.absent } : {}),
    };
    marks.push(grid);
    marks.push({ type: 'rect', x: x - 0.5, y: y - 0.5, width: px(gridWidth + 1), height: gridHeight + 1, stroke: 'ghost', strokeWidth: 1 }); // prettier-ignore
    marks.push({ type: 'text', x, y: px(y - fontSize * 0.6), text: fitLabel(panel.title, (spec.stacked ? size.width - left : pitch) - fontSize, fontSize * 1.08), weight: 600, fill: 'ink' }); // prettier-ignore
    if (index === 0 || spec.stacked) {
      rows.forEach((label, row) => {
        if (row % rowStep !== 0) return;
        marks.push({
          type: 'text',
          x: x - Math.round(fontSize * 0.5),
          y: px(y + (row + 0.5) * cellHeight + fontSize * 0.35),
          text: label,
          anchor: 'end',
          fill: 'inkFaint',
        });
      });
      marks.push({
        type: 'text',
        x: 0,
        y: px(y - fontSize * 0.6),
        text: spec.rowTitle,
        fill: 'inkSoft',
      });
    }
    columns.forEach((label, column) => {
      // A word among numbers (the sink) is said whatever is skipped; a number beside it gives way.
      const isWord = /^[a-z]/i.test(label);
      const next = columns.slice(column + 1, column + columnStep).find((each) => /^[a-z]/i.test(each));
      if (label === '' || (!isWord && (column % columnStep !== 0 || next !== undefined))) return;
      marks.push({
        type: 'text',
        x: px(x + (column + 0.5) * cellWidth),
        y: px(y + gridHeight + fontSize * 1.2),
        text: label,
        anchor: 'middle',
        fill: 'inkFaint',
      });
    });
    // What does not fit under each panel is said once, under the first.
    if (index === 0 || spec.stacked || estimateTextWidth(spec.columnTitle, fontSize) < pitch - fontSize) {
      marks.push({
        type: 'text',
        x,
        y: px(y + gridHeight + fontSize * (columns.every((label) => label === '') ? 1.3 : 2.4)),
        text: fitLabel(spec.columnTitle, size.width - x, fontSize),
        fill: 'inkSoft',
      });
    }
    if (panel.margin) {
      // Where it would run into the title of the panel, the notes say what the bars are.
      if (spec.marginTitle && estimateTextWidth(panel.title, fontSize * 1.08) < gridWidth + fontSize * 0.4) {
        marks.push({
          type: 'text',
          x: px(x + gridWidth + fontSize * 0.5),
          y: px(y - fontSize * 0.6),
          text: spec.marginTitle,
          fill: 'inkSoft',
        });
      }
      panel.margin.forEach((share, row) => {
        if (share === null) return;
        marks.push({
          type: 'rect',
          x: px(x + gridWidth + fontSize * 0.5),
          y: px(y + row * cellHeight + cellHeight * 0.2),
          width: px(Math.max(1, Math.min(1, share) * (marginWidth - fontSize * 0.7))),
          height: px(Math.max(1, cellHeight * 0.6)),
          fill: 'inkFaint',
        });
      });
    }
    for (let row = 0; row < rows.length; row++) {
      for (let column = 0; column < columns.length; column++) {
        const at = row * columns.length + column;
        if (panel.absent?.[at]) continue;
        const target = panel.target?.(row, column);
        cells.push({
          id: `${index}:${row}:${column}`,
          ...(target ? { target } : {}),
          row: spec.stacked ? index * (rows.length + 1) + row : row,
          column: spec.stacked ? column : index * (columns.length + 1) + column,
          x: px(x + column * cellWidth),
          y: px(y + row * cellHeight),
          width: px(cellWidth),
          height: cellHeight,
          label: panel.label(row, column),
        });
      }
    }
  });

  const barTop =
    (spec.stacked ? panels.length * (blockHeight + gap / 2) : blockHeight) + Math.round(fontSize * 1.9);
  const placed = spec.bars.map(({ first, last, bar }, index) => {
    const start = spec.stacked ? left : (places[first]?.x ?? left);
    const end = spec.stacked ? left + gridWidth : (places[last]?.x ?? left) + gridWidth;
    // Stacked panels have their bars beside each other.
    const share = spec.stacked ? (size.width - left) / spec.bars.length : 0;
    const x = spec.stacked ? Math.round(left + index * share) : start;
    const wanted = Math.max(
      fontSize * 11,
      estimateTextWidth(bar.low + (bar.middle ?? '') + bar.high, fontSize) + fontSize * 3,
    );
    const room = spec.stacked ? share - fontSize : size.width - x - 4;
    const width = Math.min(Math.max(Math.min(end - start, fontSize * 24), wanted), room);
    return { bar, x, width, wanted, textWidth: Math.max(width, estimateTextWidth(bar.title, fontSize)) };
  });
  // In a narrow picture bars go below each other, so that their words keep apart.
  const fits = placed.every(
    ({ x, width, wanted, textWidth }, index) =>
      width >= wanted && x + textWidth + fontSize * 0.5 <= (placed[index + 1]?.x ?? size.width + fontSize),
  );
  const barPitch = Math.round(fontSize * 4);
  placed.forEach(({ bar, x, width, wanted }, index) => {
    if (fits) marks.push(...barMarks(bar, x, barTop, Math.round(width), size));
    else {
      const whole = Math.min(size.width - left - 4, Math.max(wanted, fontSize * 24));
      marks.push(...barMarks(bar, left, barTop + index * barPitch, Math.round(whole), size));
    }
  });
  const barsHeight = fits ? 0 : (placed.length - 1) * barPitch;
  return { marks, cells, size: { ...size, height: Math.round(barTop + barsHeight + fontSize * 2.4) } };
}
