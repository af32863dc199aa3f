import type { ChartTable, PaintName } from './geometry.ts';

/**
 * How a chart is drawn from its table, for programs that draw it again (see notebook.ts). Columns are named as in
 * the table; nothing here is in pixels.
 */
export type ChartPlot = LinesPlot | BarsPlot | DotsPlot | HeatPlot | ScatterPlot;

/** A column, or its quotient by another column or by a number. */
export interface PlotValue {
  readonly column: string;
  readonly over?: string | number;
}

interface PlotInterval {
  readonly low: PlotValue;
  readonly high: PlotValue;
}

/** Only rows that hold these values in these columns. */
type PlotRows = Readonly<Record<string, string | number>>;

export interface PlotSeries {
  readonly label: string;
  readonly value: PlotValue;
  readonly interval?: PlotInterval;
  readonly where?: PlotRows;
  readonly paint: PaintName;
  /** Colour is never alone: what of a line is broken, what of a mark is open, what of a bar is hatched. */
  readonly style?: 'plain' | 'dashed' | 'dotted' | 'faint' | 'open' | 'hatched' | 'area';
}

export interface PlotPanel {
  readonly title?: string;
  readonly valueLabel?: string;
  readonly series: readonly PlotSeries[];
  /** A line across, for a value that needs no measurement. */
  readonly reference?: { readonly value: number; readonly label: string };
  /** Ends of the scale, where panels share one or it is known. */
  readonly limits?: readonly [number, number];
}

interface Panelled {
  readonly panels: readonly PlotPanel[];
  /** Panels beside each other. */
  readonly perRow: number;
}

/** Lines over x. */
export interface LinesPlot extends Panelled {
  readonly kind: 'lines';
  readonly x: string;
  readonly xLabel: string;
  readonly logValues?: boolean;
  /** Lines go on over values that are missing; else they break there. */
  readonly isJoined?: boolean;
  /** How intervals are drawn; a band where absent. */
  readonly intervals?: 'whiskers';
  readonly hasMarks?: boolean;
  /** Dots behind the lines, from a table of their own. */
  readonly dots?: { readonly table: ChartTable; readonly x: string; readonly series: readonly PlotSeries[] };
}

/** Bars: series of a panel stand on each other; open ones are outlines over them. */
export interface BarsPlot extends Panelled {
  readonly kind: 'bars';
  /** A column of names, or the two edges of each bin. */
  readonly bars: string | { readonly from: string; readonly to: string };
  readonly barsLabel: string;
  /** Names are read beside lying bars; bins stand. */
  readonly isLying: boolean;
  readonly logBins?: boolean;
  /** A line at a place of the bins. */
  readonly marked?: { readonly value: number; readonly label: string };
  /** Ranges of the bins that are shaded, from a table of their own. */
  readonly spans?: { readonly table: ChartTable; readonly from: string; readonly to: string; readonly label: string }; // prettier-ignore
}

/** A line of names, each with dots and their intervals. */
export interface DotsPlot {
  readonly kind: 'dots';
  /** Columns whose words together are the name of a line. */
  readonly names: readonly string[];
  readonly valueLabel: string;
  readonly series: readonly PlotSeries[];
  /** Joins the dots of a line. */
  readonly isJoined: boolean;
  readonly isLog?: boolean;
  readonly reference?: { readonly value: number; readonly label: string };
}

/** Coloured cells, one table of them a panel. Panels of a group share their colours. */
export interface HeatPlot {
  readonly kind: 'heat';
  readonly row: string;
  readonly column: string;
  readonly rowLabel: string;
  readonly columnLabel: string;
  /** Cells of each row by falling value of this column, in the same order in all panels. */
  readonly sortBy?: string;
  /** Order of the columns where it is not that of the table. */
  readonly order?: readonly (string | number)[];
  /** Each pair stands in the table once; `order` is then that of the rows too. */
  readonly isSymmetric?: boolean;
  /** The cells, where the chart's table is a choice of them. */
  readonly cells?: ChartTable;
  readonly groups: readonly {
    readonly ramp: 'sequential' | 'diverging';
    readonly scale: 'linear' | 'sqrt' | 'log2';
    readonly low: number;
    readonly high: number;
    readonly label: string;
    /** `clear`: column of yes and no; what is not clear is paled and struck through. */
    readonly panels: readonly { readonly title: string; readonly value: PlotValue; readonly clear?: string }[]; // prettier-ignore
  }[];
}

/** Dots of two columns on one scale, the line of equality, colour by a third. */
export interface ScatterPlot {
  readonly kind: 'scatter';
  readonly x: string;
  readonly xLabel: string;
  readonly y: string;
  readonly yLabel: string;
  readonly colour: string;
  readonly clear?: string;
}
