import type { ChartPaint } from './palette.ts';
import type { ChartPlot } from './plot.ts';
import type { RampName } from './ramps.ts';

/** Size a chart is laid out for. `fontSize` is that of tick labels in pixels and follows the page's scale. */
export interface ChartSize {
  readonly width: number;
  readonly height: number;
  readonly fontSize: number;
}

export type PaintName = Exclude<keyof ChartPaint, 'fontFamily' | 'theme'>;

/** A colour of a ramp: `sequential` t in 0 … 1, `diverging` t in -1 … 1. */
interface RampInk {
  readonly ramp: RampName;
  readonly t: number;
}
export type Ink = PaintName | RampInk;

interface MarkBase {
  readonly fill?: Ink | 'none' | 'hatch';
  readonly stroke?: Ink;
  readonly strokeWidth?: number;
  readonly dash?: string;
  readonly opacity?: number;
}
interface RectMark extends MarkBase {
  readonly type: 'rect';
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly radius?: number;
}
interface LineMark extends MarkBase {
  readonly type: 'line';
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
}
interface PathMark extends MarkBase {
  readonly type: 'path';
  readonly d: string;
}
interface TextMark extends MarkBase {
  readonly type: 'text';
  readonly x: number;
  readonly y: number;
  readonly text: string;
  readonly anchor?: 'start' | 'middle' | 'end';
  /** In multiples of the tick size. */
  readonly scale?: number;
  readonly weight?: 400 | 600;
}
/**
 * Equal cells coloured by value: painted on a canvas on the page, as paths in files. Always the lowest layer.
 * Cell (row, column) lies at values[row * columns + column].
 */
export interface GridMark {
  readonly type: 'grid';
  readonly x: number;
  readonly y: number;
  readonly columns: number;
  readonly rows: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly ramp: RampName;
  /** Positions on the ramp; null is missing and hatched. */
  readonly values: readonly (number | null)[];
  /** Cells that differ from nothing beyond chance: paled and struck through. */
  readonly muted?: readonly boolean[];
  /** Cells that do not exist (a ragged row): left empty. */
  readonly absent?: readonly boolean[];
}
/** What a chart is drawn from. Coordinates in pixels from the top left. */
export type Mark = RectMark | LineMark | PathMark | TextMark | GridMark;

/** A part of the model or of the data that a mark stands for. */
export interface ChartTarget {
  readonly layer?: number;
  readonly head?: number;
  readonly expert?: number;
  readonly piece?: string;
}

/** A place of the chart that can be pointed at, reached by arrow keys, and opened. */
export interface ChartCell {
  readonly id: string;
  /** What it stands for in the model or the data, for selections that all charts follow. */
  readonly target?: ChartTarget;
  /** Position for the arrow keys: rows go down, columns to the right. */
  readonly row: number;
  readonly column: number;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** The values here, in words. */
  readonly label: string;
}

/** Exact values behind the picture. */
export interface ChartTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number | null)[])[];
}

/** Range of the x axis that can be brushed. */
interface BrushArea {
  readonly x0: number;
  readonly x1: number;
  readonly y0: number;
  readonly y1: number;
  /** Value at a pixel position. */
  readonly invert: (x: number) => number;
  readonly position: (value: number) => number;
}

/** A laid-out chart: everything that screen, SVG, PNG, CSV and JSON are made from. */
export interface ChartGeometry {
  /** Stable name for files. */
  readonly name: string;
  /** The finding, as a sentence. */
  readonly title: string;
  /** What is plotted, units, n. */
  readonly subtitle: string;
  readonly size: ChartSize;
  readonly marks: readonly Mark[];
  readonly cells: readonly ChartCell[];
  readonly table: ChartTable;
  /** How other programs draw the table. */
  readonly plot: ChartPlot;
  readonly brush?: BrushArea;
  /** What a reader needs beside the picture: definitions, what an interval is, what is claimed. */
  readonly notes?: readonly string[];
  /** Meaning of colours and patterns that the picture does not label itself. */
  readonly legend: readonly {
    readonly label: string;
    readonly fill: Ink | 'hatch' | 'none';
    readonly stroke?: Ink;
    /** `muted`: paled and struck through, as in grids; `line`, `dash`: a piece of line. */
    readonly sign?: 'muted' | 'line' | 'dash';
  }[];
}

/** Width of a text in pixels, near enough for keeping labels apart (system fonts run 0.5 … 0.6 em a letter). */
export function estimateTextWidth(text: string, fontSize: number): number {
  return text.length * fontSize * 0.56;
}

/** Rounds to tenths of a pixel: stable snapshots, small files. */
export function px(value: number): number {
  return Math.round(value * 10) / 10;
}

/** Cuts a label to a width, with an ellipsis. */
export function fitLabel(text: string, widthPx: number, fontSize: number): string {
  const most = Math.max(1, Math.floor(widthPx / (fontSize * 0.56)));
  return text.length <= most ? text : `${text.slice(0, Math.max(1, most - 1))}…`;
}
