import type { ChartSnapshot } from './chartHost.ts';
import type { ChartGeometry, ChartTable } from './geometry.ts';
import { colourOf, lightPaint } from './palette.ts';
import type { BarsPlot, ChartPlot, DotsPlot, HeatPlot, LinesPlot, PlotPanel, PlotSeries, PlotValue, ScatterPlot } from './plot.ts'; // prettier-ignore
import { divergingStops } from './ramps.ts';

/** What every drawing cell uses. */
const helpers = `import math
import textwrap

import matplotlib.pyplot as plt
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, PowerNorm
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

plt.rcParams.update({
    'text.parse_math': False,  # Words are drawn as they are: a dollar begins no formula.
    'axes.spines.top': False,
    'axes.spines.right': False,
    'font.size': 9,
    'legend.frameon': False,
})
# Blue is less, orange is more.
less_more = LinearSegmentedColormap.from_list('less_more', [${divergingStops.light.map((stop) => `'${stop}'`).join(', ')}])


class Table:
    """Rows under named columns. None is what was not measured."""

    def __init__(self, columns, rows):
        self.columns, self.rows = columns, rows

    def column(self, name, where={}):
        """The values of a column, in the rows where other columns hold given values."""
        at = self.columns.index(name)
        wanted = [(self.columns.index(column), value) for column, value in where.items()]
        chosen = [row[at] for row in self.rows if all(row[place] == value for place, value in wanted)]
        return [math.nan if value is None else value for value in chosen]

    def names(self, name):
        """The different values of a column, in their order."""
        return list(dict.fromkeys(self.column(name)))

    def cells(self, row, column, values, order=None, sort_by=None, symmetric=False):
        """One value a row of the table as lists, one a row of cells; sort_by: each by falling value of that column."""
        places = list(zip(self.column(row), self.column(column)))
        found = dict(zip(places, values))
        if symmetric:
            found.update({(b, a): value for (a, b), value in list(found.items())})
        columns = order or self.names(column)
        keys = dict(zip(places, self.column(sort_by))) if sort_by else {}

        def fall(place):
            value = keys.get(place, 0)
            return 1 if math.isnan(value) else -value

        return [
            [found.get((a, b), math.nan) for b in (sorted(columns, key=lambda b: fall((a, b))) if sort_by else columns)]
            for a in (columns if symmetric else self.names(row))
        ]


def over(values, by):
    """Quotients: by one number, or by one of each."""
    return [a / b if b else math.nan for a, b in zip(values, by if isinstance(by, list) else [by] * len(values))]


def log2(values):
    """Logarithms; what is 0 has none."""
    return [math.log2(value) if value > 0 else math.nan for value in values]


def measured(x, y):
    """Only the points that have a value."""
    points = [(a, b) for a, b in zip(x, y) if not math.isnan(b)]
    return [a for a, _ in points], [b for _, b in points]


def name_cells(ax, rows, columns):
    """Writes the names beside the cells, as many as there is room for, and hatches what has no value."""
    for axis, names in ((ax.yaxis, rows), (ax.xaxis, columns)):
        every = max(1, -(-len(names) // 24))
        axis.set_ticks(range(0, len(names), every), [str(name) for name in names[::every]])
    if any(len(str(name)) > 2 for name in columns):
        ax.tick_params(axis='x', labelrotation=90)
    ax.patch.set(facecolor='${lightPaint.surface}', edgecolor='${lightPaint.ghost}', hatch='////')


def strike(ax, cells, clear):
    """White under every paled cell, and a line through what differs from nothing beyond chance."""
    ax.imshow(cells, cmap=ListedColormap(['white']), aspect='auto', zorder=-1)
    x, y = [], []
    for row, words in enumerate(clear):
        for column, word in enumerate(words):
            if word == 'no':
                x += [column - 0.5, column + 0.5, math.nan]
                y += [row + 0.5, row - 0.5, math.nan]
    ax.plot(x, y, color='${lightPaint.inkFaint}', linewidth=0.6, alpha=0.55, scalex=False, scaley=False)


def logarithmic(ax, axis, base, text):
    """A logarithmic axis with its numbers written out."""
    ax.set(**{f'{axis}scale': 'log'})
    of = {'x': ax.xaxis, 'y': ax.yaxis}[axis]
    of.set_major_locator(LogLocator(base, subs=[1, 2, 5] if base == 10 else [1], numticks=8))
    of.set_minor_locator(LogLocator(base, subs=[1]))
    of.set_major_formatter(FuncFormatter(lambda value, _: text.format(value)))


def frame(fig, title, subtitle, notes):
    """The finding and what is plotted above the picture, notes and origin below it; makes room for them."""
    width, height = fig.get_size_inches()

    def lines(text, size, **style):
        em = 0.66 if 'weight' in style else 0.56
        return [(line, size, style) for line in textwrap.wrap(text, int(width * 72 / (em * size)))]

    above = lines(title, 11, weight='bold') + lines(subtitle, 9, color='${lightPaint.inkSoft}')
    below = [line for note in notes for line in lines(note, 8, color='${lightPaint.inkFaint}')]
    top, bottom = (sum(size for _, size, _ in part) * 1.35 / 72 + 0.15 for part in (above, below))
    total = height + top + bottom
    fig.set_size_inches(width, total)
    for part, y in ((above, total - 0.08), (below, bottom - 0.05)):
        for line, size, style in part:
            fig.text(0.1 / width, y / total, line, size=size, va='top', **style)
            y -= size * 1.35 / 72
    fig.get_layout_engine().set(rect=(0, bottom / total, 1, height / total))
`;

/** Controls, and signs that turn the direction of what follows: written as escapes, so that source reads as it runs. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

function pythonText(text: string): string {
  const escaped = text
    .replace(/\p{Cs}/gu, '\ufffd')
    .replace(/[\\']/g, '\\$&')
    .replace(unseen, (sign) => {
      const code = sign.codePointAt(0) ?? 0;
      return code > 0xffff ? `\\U${code.toString(16).padStart(8, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`; // prettier-ignore
    });
  return `'${escaped}'`;
}

function python(value: string | number | null): string {
  if (value === null) return 'None';
  if (typeof value === 'string') return pythonText(value);
  return Number.isFinite(value) ? String(value) : 'None';
}

const pythonList = (values: readonly (string | number | null)[]): string =>
  `[${values.map(python).join(', ')}]`;

/** Text as it is: no markup, no formula, no link. */
function markdownText(text: string): string {
  return text
    .replace(/\p{Cs}/gu, '\ufffd')
    .replace(unseen, ' ')
    .replace(/[&<>]/g, (sign) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign] ?? sign)
    .replace(/[\\`*_[\]#|~$]/g, '\\$&')
    .replace(/:\/\//g, '&#58;//');
}

function tableLines(name: string, { columns, rows }: ChartTable): string[] {
  return [
    `${name} = Table(`,
    `    ${pythonList(columns)},`,
    '    [',
    ...rows.map((row) => `        (${row.map(python).join(', ')},),`),
    '    ],',
    ')',
  ];
}

const round = (value: number): number => Number(value.toPrecision(4));
/** Of paper; labels need some width. */
const inches = (pixels: number): number => Math.round(pixels / 9.6) / 10;
const inchesWide = (pixels: number): number => inches(Math.max(pixels, 620));
const ink = (series: PlotSeries): string => pythonText(colourOf(series.paint, lightPaint));

/** The values of a series as an expression. */
function values({ column, over }: PlotValue, where: PlotSeries['where'], table = 'table'): string {
  const filter = where
    ? `, {${Object.entries(where)
        .map(([name, value]) => `${python(name)}: ${python(value)}`)
        .join(', ')}}`
    : '';
  const of = (name: string): string => `${table}.column(${python(name)}${filter})`;
  if (over === undefined) return of(column);
  return `over(${of(column)}, ${typeof over === 'number' ? over : of(over)})`;
}

/** The axes of a chart with panels: `ax` for one, `axes` in reading order for several. */
function panelsOf(
  { panels, perRow }: { readonly panels: readonly PlotPanel[]; readonly perRow: number },
  { width, height }: ChartGeometry['size'],
  body: (panel: PlotPanel, index: number) => readonly string[],
): string[] {
  const rows = Math.max(1, Math.ceil(panels.length / perRow));
  const columns = Math.max(1, Math.min(perRow, panels.length));
  const size = `figsize=(${inchesWide(width)}, ${inches(Math.max(height, rows * 125, 160))}), layout='constrained'`;
  if (panels.length < 2) return [`fig, ax = plt.subplots(${size})`, ...panels.flatMap(body)];
  return [
    `fig, axes = plt.subplots(${rows}, ${columns}, ${size}, sharex=True, squeeze=False)`,
    'axes = [ax for row in axes for ax in row]',
    ...panels.flatMap((panel, index) => ['', `ax = axes[${index}]`, ...body(panel, index)]),
    ...(panels.length < rows * columns ? ['axes.pop().remove()'] : []),
  ];
}

function panelWords(panel: PlotPanel, axis: 'x' | 'y'): string[] {
  const across = axis === 'y' ? 'axhline' : 'axvline';
  return [
    ...(panel.reference
      ? [`ax.${across}(${panel.reference.value}, color='${lightPaint.ghost}', linewidth=1, linestyle=':', label=${python(panel.reference.label)})`]
      : []),
    ...(panel.title ? [`ax.set_title(${python(panel.title)}, loc='left', size=9)`] : []),
    ...(panel.valueLabel ? [`ax.set_${axis}label(${python(panel.valueLabel)})`] : []),
    ...(panel.limits ? [`ax.set_${axis}lim(${panel.limits.map(round).join(', ')})`] : []),
  ]; // prettier-ignore
}

/** Beside the axes: nothing it stands for lies under it. */
const legend = "ax.legend(loc='upper left', bbox_to_anchor=(1, 1))";

/** A legend where colours stand for more than one thing. */
const legendOf = ({ series, reference }: PlotPanel, index: number): string[] =>
  index === 0 && series.length + (reference ? 1 : 0) > 1 ? [legend] : [];

/** The label of the axis that panels share: under the lowest, beside the first. */
function acrossLabel({ panels, perRow }: BarsPlot | LinesPlot, axis: 'x' | 'y', label: string): string[] {
  if (label === '') return [];
  const set = `ax.set_${axis}label(${python(label)})`;
  if (panels.length < 2) return [set];
  return [`for ax in axes[${axis === 'x' ? `-${perRow}:` : `::${perRow}`}]:`, `    ${set}`];
}

const lineStyles: Readonly<Record<NonNullable<PlotSeries['style']>, string>> = {
  plain: '',
  dashed: ", linestyle='--'",
  dotted: ", linestyle=':'",
  faint: ', linewidth=1, alpha=0.4',
  open: ", linestyle='--', marker='o', markerfacecolor='white'",
  hatched: '',
  area: '',
};

function linesCode(plot: LinesPlot, geometry: ChartGeometry): string[] {
  const { dots } = plot;
  const at = geometry.table.columns.indexOf(plot.x);
  const isWhole = geometry.table.rows.every((row) => Number.isInteger(row[at]));
  const dotLines = (dots?.series ?? []).map((series) => `ax.plot(${values({ column: dots?.x ?? '' }, undefined, 'dots')}, ${values(series.value, undefined, 'dots')}, '.', color=${ink(series)}, alpha=0.5)`); // prettier-ignore
  const drawn = panelsOf(plot, geometry.size, (panel, index) => [
    ...dotLines,
    ...panel.series.flatMap((series) => {
      const { label, where, interval, value, style = 'plain' } = series;
      const x = values({ column: plot.x }, where);
      const y = values(value, where);
      const marks = plot.hasMarks ? `, marker='o', markersize=4${style === 'dashed' ? ", markerfacecolor='white'" : ''}` : ''; // prettier-ignore
      const spread = interval ? [values(interval.low, where), values(interval.high, where)] : null;
      return [
        ...(spread && plot.intervals === 'whiskers' ? [`ax.vlines(${x}, ${spread.join(', ')}, color=${ink(series)})`] : []),
        ...(spread && plot.intervals !== 'whiskers' ? [`ax.fill_between(${x}, ${spread.join(', ')}, color=${ink(series)}, alpha=0.2, linewidth=0)`] : []),
        ...(style === 'area' ? [`ax.fill_between(${x}, ${y}, color=${ink(series)}, alpha=0.35, linewidth=0)`] : []),
        `ax.plot(${plot.isJoined ? `*measured(${x}, ${y})` : `${x}, ${y}`}, color=${ink(series)}${lineStyles[style]}${marks}, label=${python(label)})`,
      ]; // prettier-ignore
    }),
    ...panelWords(panel, 'y'),
    ...(plot.logValues ? ["logarithmic(ax, 'y', 10, '{:g}')"] : []),
    ...(isWhole ? ['ax.xaxis.set_major_locator(MaxNLocator(integer=True))'] : []),
    ...legendOf(panel, index),
  ]);
  return [...drawn, ...acrossLabel(plot, 'x', plot.xLabel)];
}

function barsCode(plot: BarsPlot, geometry: ChartGeometry): string[] {
  const { bars, isLying, spans } = plot;
  const drawn = panelsOf(plot, geometry.size, (panel, index) => {
    const where = panel.series[0]?.where;
    const standing = panel.series.filter(({ style }) => style !== 'open').length > 1;
    const [across, from] = isLying ? ['barh', 'left'] : ['bar', 'bottom'];
    const places =
      typeof bars === 'string'
        ? [
            `names = [str(name) for name in ${values({ column: bars }, where)}]`,
            'places = range(len(names))',
            `ax.set_${isLying ? 'y' : 'x'}ticks(places, names)`,
            ...(isLying ? ['ax.invert_yaxis()'] : []),
          ]
        : [
            `places = ${values({ column: bars.from }, where)}`,
            `widths = [end - start for start, end in zip(places, ${values({ column: bars.to }, where)})]`,
          ];
    return [
      ...places,
      ...(standing ? ['below = [0] * len(places)'] : []),
      ...(spans
        ? [`for start, end in zip(spans.column(${python(spans.from)}), spans.column(${python(spans.to)})):`, "    ax.axvspan(start, end, color='#fde68a', alpha=0.6, linewidth=0)"]
        : []),
      ...panel.series.flatMap((series) => {
        const { style = 'plain' } = series;
        const paint =
          style === 'hatched'
            ? `facecolor='white', edgecolor=${ink(series)}, hatch='////'`
            : style === 'open'
              ? `facecolor='none', edgecolor=${ink(series)}`
              : `color=${ink(series)}`;
        const stacks = standing && style !== 'open';
        return [
          `sizes = ${values(series.value, series.where)}`,
          `ax.${across}(places, sizes${typeof bars === 'string' ? '' : ", width=widths, align='edge'"}${stacks ? `, ${from}=below` : ''}, ${paint}, label=${python(series.label)})`,
          ...(stacks ? ['below = [a + b for a, b in zip(below, sizes)]'] : []),
        ];
      }),
      ...(plot.marked ? [`ax.axvline(${plot.marked.value}, color='${lightPaint.warn}', label=${python(plot.marked.label)})`] : []),
      ...(plot.logBins ? ["logarithmic(ax, 'x', 2, '{:,.0f}')"] : []),
      ...panelWords(panel, isLying ? 'x' : 'y'),
      ...(index === 0 && plot.marked ? [legend] : legendOf(panel, index)),
    ]; // prettier-ignore
  });
  return [...drawn, ...acrossLabel(plot, isLying ? 'y' : 'x', plot.barsLabel)];
}

function dotsCode(plot: DotsPlot, geometry: ChartGeometry): string[] {
  const { names, series, reference, isJoined } = plot;
  const first = names[0] ?? '';
  const name =
    names.length === 1
      ? `[str(name) for name in ${values({ column: first }, undefined)}]`
      : `[' '.join(map(str, words)) for words in zip(${names.map((column) => values({ column }, undefined)).join(', ')})]`;
  // Intervals of two conditions lie above each other.
  const isApart = series.length > 1 && series.some(({ interval }) => interval);
  return [
    `fig, ax = plt.subplots(figsize=(${inchesWide(geometry.size.width)}, ${inches(Math.max(geometry.size.height, 90))}), layout='constrained')`,
    `names = ${name}`,
    'places = range(len(names))',
    ...(reference ? [`ax.axvline(${reference.value}, color='${lightPaint.ghost}', linewidth=1, linestyle=':', label=${python(reference.label)})`] : []),
    ...(isJoined && series[0] && series[1] ? [`ax.hlines(places, ${values(series[0].value, undefined)}, ${values(series[1].value, undefined)}, color='${lightPaint.ghost}')`] : []),
    ...series.flatMap((each, row) => {
      const at = isApart ? `[place ${row === 0 ? '-' : '+'} 0.15 for place in places]` : 'places';
      return [
        ...(each.interval ? [`ax.hlines(${at}, ${values(each.interval.low, undefined)}, ${values(each.interval.high, undefined)}, color=${ink(each)})`] : []),
        `ax.plot(${values(each.value, undefined)}, ${at}, '${each.style === 'open' ? 'o' : 's'}', color=${ink(each)}${each.style === 'open' ? ", markerfacecolor='white'" : ''}, label=${python(each.label)})`,
      ];
    }),
    'ax.set_yticks(places, names)',
    'ax.invert_yaxis()',
    ...(plot.isLog ? ["logarithmic(ax, 'x', 2, '{:.3g}×')"] : []),
    `ax.set_xlabel(${python(plot.valueLabel)})`,
    ...(series.length + (reference ? 1 : 0) > 1 ? [legend] : []),
  ]; // prettier-ignore
}

function heatCode(plot: HeatPlot, geometry: ChartGeometry): string[] {
  const { groups, sortBy, order, isSymmetric } = plot;
  const table = plot.cells ? 'all_cells' : 'table';
  const count = groups.reduce((sum, { panels }) => sum + panels.length, 0);
  const options = [
    order ? ', order=order' : '',
    sortBy === undefined ? '' : `, sort_by=${python(sortBy)}`,
    isSymmetric ? ', symmetric=True' : '',
  ].join('');
  const cellsOf = (of: string): string => `${table}.cells(${python(plot.row)}, ${python(plot.column)}, ${of}${options})`; // prettier-ignore
  const rows = isSymmetric ? 'order' : `${table}.names(${python(plot.row)})`;
  const columns = sortBy === undefined ? (order ? 'order' : `${table}.names(${python(plot.column)})`) : '[]';
  const height = Math.max(240, Math.min(geometry.size.height, 640));
  let from = 0;
  return [
    `fig, axes = plt.subplots(1, ${count}, figsize=(${inches(Math.max(geometry.size.width, count * 280))}, ${inches(height)}), layout='constrained', squeeze=False)`,
    'axes = axes[0]',
    ...(order ? [`order = ${pythonList(order)}`] : []),
    ...groups.flatMap(({ ramp, scale, low, high, label, panels }) => {
      const range = `${from}:${from + panels.length}`;
      from += panels.length;
      const colours = `cmap=${ramp === 'diverging' ? 'less_more' : "'viridis_r'"}`;
      const bounds =
        scale === 'sqrt' ? `norm=PowerNorm(0.5, ${round(low)}, ${round(high)})` : `vmin=${round(low)}, vmax=${round(high)}`;
      const panelLines = panels.flatMap(({ title, value, clear }, index) => {
        const shown = values(value, undefined, table);
        const marks = clear === undefined ? [] : [`clear = ${cellsOf(values({ column: clear }, undefined, table))}`];
        const alpha = clear === undefined ? '' : ", alpha=[[0.35 if word == 'no' else 1.0 for word in row] for row in clear]";
        return [
          '',
          `ax = axes[${from - panels.length + index}]`,
          ...marks,
          `cells = ${cellsOf(scale === 'log2' ? `log2(${shown})` : shown)}`,
          `image = ax.imshow(cells, ${colours}, ${bounds}, aspect='auto', interpolation='none'${alpha})`,
          `ax.set(title=${python(title)}, xlabel=${python(plot.columnLabel)}, ylabel=${python(plot.rowLabel)})`,
          `name_cells(ax, ${rows}, ${columns})`,
          ...(clear === undefined ? [] : ['strike(ax, cells, clear)']),
        ];
      });
      const format = scale === 'log2' ? ", format=FuncFormatter(lambda value, _: f'{2.0 ** value:.2g}×')" + (high >= 2 ? ', ticks=[-2, -1, 0, 1, 2]' : '') : '';
      return [...panelLines, `fig.colorbar(image, ax=axes[${range}], location='bottom', label=${python(label)}${format})`];
    }),
  ]; // prettier-ignore
}

function scatterCode(plot: ScatterPlot, geometry: ChartGeometry): string[] {
  const { x, y, colour, clear } = plot;
  const side = inches(Math.min(geometry.size.width, 620));
  return [
    `fig, ax = plt.subplots(figsize=(${side}, ${side}), layout='constrained')`,
    `x, y = ${values({ column: x }, undefined)}, ${values({ column: y }, undefined)}`,
    `dots = ax.scatter(x, y, c=${values({ column: colour }, undefined)}, cmap='viridis_r', s=24)`,
    ...(clear === undefined
      ? []
      : [
          '# What is not clear is open.',
          `open_dots = [(a, b) for a, b, word in zip(x, y, ${values({ column: clear }, undefined)}) if word == 'no']`,
          "ax.scatter([a for a, _ in open_dots], [b for _, b in open_dots], color='white', s=7)",
        ]),
    "ax.axline((min(x), min(x)), slope=1, color='#5b6472', linewidth=1, linestyle='--')",
    `ax.set(xlabel=${python(plot.xLabel)}, ylabel=${python(plot.yLabel)})`,
    `fig.colorbar(dots, label=${python(colour)}, ticks=MaxNLocator(integer=True))`,
  ];
}

function drawing(plot: ChartPlot, geometry: ChartGeometry): string[] {
  switch (plot.kind) {
    case 'lines':
      return linesCode(plot, geometry);
    case 'bars':
      return barsCode(plot, geometry);
    case 'dots':
      return dotsCode(plot, geometry);
    case 'heat':
      return heatCode(plot, geometry);
    case 'scatter':
      return scatterCode(plot, geometry);
  }
}

/** Tables that a drawing needs beside the chart's own, under the names it uses. */
function besides(plot: ChartPlot): string[] {
  if (plot.kind === 'lines' && plot.dots) return tableLines('dots', plot.dots.table);
  if (plot.kind === 'bars' && plot.spans) return tableLines('spans', plot.spans.table);
  if (plot.kind === 'heat' && plot.cells) return tableLines('all_cells', plot.cells);
  return [];
}

/** Lines as a notebook keeps them: each but the last with its end. */
const source = (lines: readonly string[]): string[] =>
  lines.map((line, index) => (index < lines.length - 1 ? `${line}\n` : line));

/**
 * A Jupyter notebook (nbformat 4.5) that draws charts again from their values, with matplotlib and nothing else: for
 * each its words, a cell of data and a cell of code. All text is data; none is run or rendered as markup.
 */
export function notebookJson(
  title: string,
  notes: string,
  charts: readonly ChartSnapshot[],
  madeWith: string,
): string {
  const cells: object[] = [];
  const markdown = (lines: readonly string[]): void => {
    cells.push({
      cell_type: 'markdown',
      id: `cell-${cells.length}`,
      metadata: {},
      source: source(lines),
    });
  };
  const code = (lines: readonly string[], metadata: object = {}): void => {
    cells.push({
      cell_type: 'code',
      id: `cell-${cells.length}`,
      execution_count: null,
      metadata,
      outputs: [],
      source: source(lines),
    });
  };
  markdown([
    `# ${markdownText(title)}`,
    '',
    'Each chart has a cell of data, folded in JupyterLab, and a cell that draws it. Needs matplotlib 3.6 or newer.',
    ...(notes.trim() === '' ? [] : ['', ...notes.split('\n').map(markdownText)]),
    '',
    markdownText(madeWith),
  ]);
  code(helpers.trimEnd().split('\n'));
  for (const { geometry, footer } of charts) {
    const beside = geometry.notes ?? [];
    // A chart that was pinned before plots were kept with it has its values only.
    const plot = geometry.plot as ChartPlot | undefined;
    markdown([
      `## ${markdownText(geometry.title)}`,
      '',
      markdownText(geometry.subtitle),
      ...beside.flatMap((note) => ['', markdownText(note)]),
      '',
      `Made from: ${markdownText(footer)}`,
      ...(plot ? [] : ['', 'An earlier version kept this chart; pin it again for a drawing. Its values follow.']),
    ]); // prettier-ignore
    code(
      [
        `title = ${pythonText(geometry.title)}`,
        `subtitle = ${pythonText(geometry.subtitle)}`,
        `notes = ${pythonList([...beside, footer])}`,
        ...tableLines('table', geometry.table),
        ...(plot ? besides(plot) : []),
      ],
      { jupyter: { source_hidden: true } },
    );
    if (plot) code([...drawing(plot, geometry), 'frame(fig, title, subtitle, notes)', 'plt.show()']);
    else code(['print(*table.columns, sep=\' | \')', 'for row in table.rows:', "    print(*row, sep=' | ')"]); // prettier-ignore
  }
  const metadata = {
    kernelspec: { display_name: 'Python 3', language: 'python', name: 'python3' },
    language_info: { name: 'python' },
  };
  return `${JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata, cells }, null, 1)}\n`;
}
