import { scaleLinear } from 'd3-scale';
import { lineDomain, valueTick } from '../common/axis.ts';
import { claimWords, conditionDash, conditionPaint, conditionStyle, dataWords, type Change, type ComparisonSpec, type Condition, type MetricSpec, whyNoInterval } from '../common/comparison.ts'; // prettier-ignore
import { estimateTextWidth, fitLabel, px, type ChartCell, type ChartGeometry, type ChartSize, type Mark } from '../common/geometry.ts'; // prettier-ignore
import type { LinesPlot } from '../common/plot.ts';
import { counted, extentOf, headLabel, shortNumber, signedNumber } from '../common/numbers.ts';

/** One condition over the layers. */
export interface LayerSeries {
  readonly name: string;
  readonly condition: Condition;
  /** By layer; null is a gap. */
  readonly mean: readonly (number | null)[];
  /** 95 % interval over items; null where there are too few. */
  readonly low: readonly (number | null)[];
  readonly high: readonly (number | null)[];
  /** By layer and head, [layers, heads] row-major; drawn as dots. */
  readonly heads?: readonly (number | null)[];
  /** How far the means lie over the metric's reference, paired by item, where that is measured too. */
  readonly overReference?: Change;
}

export interface LayerLineSpec {
  readonly comparison: ComparisonSpec;
  readonly metric: MetricSpec;
  /** Layers whose change is clear, under the rule of the claim. */
  readonly clearLayers: readonly boolean[] | null;
  /** Changes of the layers' means, for the title. */
  readonly changes: readonly (number | null)[] | null;
  readonly name?: string;
  /** In place of the sentence made here. */
  readonly title?: string;
  /** Height in multiples of the tick size. */
  readonly heightEm?: number;
  readonly headsPerLayer?: number;
}

/** d of a line with gaps at nulls. */
export function linePath(points: readonly (readonly [number, number] | null)[]): string {
  let d = '';
  let isOpen = false;
  for (const point of points) {
    if (point) d += `${isOpen ? 'L' : 'M'}${px(point[0])} ${px(point[1])}`;
    isOpen = point !== null;
  }
  return d;
}

/** d of the area between two lines, over runs where both exist. */
export function bandPath(
  upper: readonly (readonly [number, number] | null)[],
  lower: readonly (readonly [number, number] | null)[],
): string {
  let d = '';
  let start = -1;
  for (let at = 0; at <= upper.length; at++) {
    const exists = at < upper.length && upper[at] && lower[at];
    if (exists && start < 0) start = at;
    if (!exists && start >= 0) {
      const top = upper.slice(start, at).map((point) => `${px(point![0])} ${px(point![1])}`);
      const bottom = lower
        .slice(start, at)
        .map((point) => `${px(point![0])} ${px(point![1])}`)
        .reverse();
      d += `M${top.join('L')}L${bottom.join('L')}z`;
      start = -1;
    }
  }
  return d;
}

/** Ticks of a value axis at the left with its grid. */
export function valueAxis(
  scale: { (value: number): number; ticks(count: number): number[] },
  left: number,
  right: number,
  fontSize: number,
  count = 5,
): Mark[] {
  return scale.ticks(count).flatMap((tick): Mark[] => [
    {
      type: 'line',
      x1: left,
      y1: px(scale(tick)),
      x2: right,
      y2: px(scale(tick)),
      stroke: 'grid',
      strokeWidth: 1,
    },
    {
      type: 'text',
      x: left - Math.round(fontSize * 0.5),
      y: px(scale(tick) + fontSize * 0.35),
      text: valueTick(tick),
      anchor: 'end',
      fill: 'inkFaint',
    },
  ]);
}

/** Spreads labels at a line's end so that none overlaps another, keeping their order. */
export function spreadLabels(wanted: readonly number[], gap: number, low: number, high: number): number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a]! - wanted[b]!);
  const placed = [...wanted];
  let floor = low;
  for (const index of order) {
    placed[index] = Math.max(floor, wanted[index]!);
    floor = placed[index] + gap;
  }
  let ceiling = high;
  for (const index of [...order].reverse()) {
    placed[index] = Math.min(ceiling, placed[index]!);
    ceiling = placed[index] - gap;
  }
  return placed;
}

/** The heads behind the means, a row each. */
function headDots(series: readonly LayerSeries[], layers: number): NonNullable<LinesPlot['dots']> {
  const shown = series.flatMap(({ heads, ...rest }) => (heads ? [{ ...rest, heads }] : []));
  const cells = shown[0]?.heads.length ?? 0;
  const perLayer = Math.round(cells / Math.max(1, layers));
  return {
    table: {
      columns: ['layer', 'head', ...shown.map(({ name }) => name)],
      rows: Array.from({ length: cells }, (_, cell) => [Math.floor(cell / perLayer), cell % perLayer, ...shown.map(({ heads }) => heads[cell] ?? null)]), // prettier-ignore
    },
    x: 'layer',
    series: shown.map(({ name, condition }) => ({ label: name, value: { column: name }, paint: conditionPaint[condition], style: 'faint' })), // prettier-ignore
  };
}

function finding(spec: LayerLineSpec, series: readonly LayerSeries[]): string {
  const { comparison: names, metric, clearLayers, changes } = spec;
  const base = series.find(({ condition }) => condition === 'baseline');
  const extent = extentOf(base?.mean ?? []);
  if (!changes || names.comparison === null) {
    return extent
      ? `${names.baseline}: ${metric.label} runs from ${shortNumber(extent[0])} to ${shortNumber(extent[1])} over the layers`
      : `${metric.label} was not measured`;
  }
  const measured = changes.filter((value) => value !== null).length;
  const most = changes.reduce<{ layer: number; value: number } | null>(
    (best, value, layer) =>
      value !== null &&
      (!clearLayers || clearLayers[layer]) &&
      (!best || Math.abs(value) > Math.abs(best.value))
        ? { layer, value }
        : best,
    null,
  );
  if (!clearLayers) {
    return `${names.comparison} − ${names.baseline}: ${metric.label} differs most in layer ${most?.layer ?? 0} (${signedNumber(most?.value ?? null)}); ${whyNoInterval(names)}: no claim of a change`;
  }
  if (!most)
    return `No clear change of ${metric.label} between ${names.baseline} and ${names.comparison} in any layer`;
  const up = changes.filter((value, layer) => clearLayers[layer] && value !== null && value > 0).length;
  const down = changes.filter((value, layer) => clearLayers[layer] && value !== null && value < 0).length;
  const parts = [
    up > 0 ? `raises ${metric.label} in ${up}` : '',
    down > 0 ? `lowers ${up > 0 ? 'it' : metric.label} in ${down}` : '',
  ].filter(Boolean);
  return `${names.comparison} ${parts.join(' and ')} of ${counted(measured, 'layer')}, most in layer ${most.layer} (${signedNumber(most.value)})`;
}

/** How far one mean lies over the reference; nothing where that is not measured. */
function overWords({ metric }: LayerLineSpec, over: Change | undefined, layer: number): string {
  const value = over?.values[layer] ?? null;
  if (!over || value === null || !metric.reference) return '';
  const interval = over.low[layer] == null ? '' : `, 95 % ${signedNumber(over.low[layer])} to ${signedNumber(over.high[layer] ?? null)}`; // prettier-ignore
  return `; against the ${metric.reference.label} ${signedNumber(value)}${interval}`;
}

/** The means against the reference, in words: it differs from item to item, so the line alone does not tell. */
function referenceWords({ metric }: LayerLineSpec, series: readonly LayerSeries[]): string[] {
  const tested = series.flatMap(({ name, overReference }) => {
    if (!overReference?.hasIntervals) return [];
    const clear = (sign: number): number =>
      overReference.values.filter((value, layer) => overReference.clear[layer] && Math.sign(value ?? 0) === sign).length; // prettier-ignore
    return [`${name} over it in ${clear(1)} of ${counted(overReference.values.length, 'layer')}, under it in ${clear(-1)}`]; // prettier-ignore
  });
  if (tested.length === 0 || !metric.reference) return [];
  return [`Against the ${metric.reference.label}, paired by item: ${tested.join('; ')} (95 % intervals, Benjamini–Hochberg q = 0.05 over the layers).`]; // prettier-ignore
}

/** Metric over layers: a line a condition with its band, a dot a head, the area between baseline and comparison tinted. */
export function layoutLayerLine(
  spec: LayerLineSpec,
  series: readonly LayerSeries[],
  size: ChartSize,
): ChartGeometry {
  const { fontSize } = size;
  const { comparison: names, metric } = spec;
  const height = Math.round(fontSize * (spec.heightEm ?? 24));
  const layers = Math.max(0, ...series.map(({ mean }) => mean.length));
  const labelWidth = Math.max(
    fontSize * 3,
    ...series.map(({ name }) => estimateTextWidth(name, fontSize * 1.05)),
  );
  const left = Math.round(fontSize * 4.4);
  const right = Math.round(size.width - Math.min(labelWidth + fontSize * 1.6, size.width * 0.28));
  const top = Math.round(fontSize * 2.2);
  const bottom = height - Math.round(fontSize * 3.4);
  const all = series.flatMap(({ mean, low, high, heads }) => [...mean, ...low, ...high, ...(heads ?? [])]);
  const found = extentOf(all) ?? [0, 1];
  const reference = metric.reference?.value;
  const domain = lineDomain(found, { reference, limits: metric.domain });
  const y = scaleLinear(domain, [bottom, top]);
  if (domain[0] === 0) y.nice(5);
  const step = (right - left) / Math.max(1, layers);
  const x = (layer: number): number => left + (layer + 0.5) * step;
  const marks: Mark[] = [...valueAxis(y, left, right, fontSize)];
  marks.push({
    type: 'text',
    x: 0,
    y: px(top - fontSize * 0.9),
    text: `${metric.label}, ${metric.unit}`,
    fill: 'inkSoft',
  });
  const every = [1, 2, 4, 5, 8, 10, 20].find((n) => n * step >= fontSize * 2.2) ?? 40;
  for (let layer = 0; layer < layers; layer += every) {
    marks.push({ type: 'text', x: px(x(layer)), y: px(bottom + fontSize * 1.3), text: String(layer), anchor: 'middle', fill: 'inkFaint' }); // prettier-ignore
  }
  marks.push({ type: 'line', x1: left, y1: bottom, x2: right, y2: bottom, stroke: 'axis', strokeWidth: 1 });
  marks.push({
    type: 'text',
    x: right,
    y: px(bottom + fontSize * 2.7),
    text: 'layer',
    anchor: 'end',
    fill: 'inkSoft',
  });
  const point = (value: number | null, layer: number): [number, number] | null =>
    value === null ? null : [x(layer), y(value)];
  const base = series.find(({ condition }) => condition === 'baseline');
  const after = series.find(({ condition }) => condition === 'comparison');

  if (base && after) {
    // The area between is tinted with the colour of whichever is higher.
    for (let layer = 0; layer + 1 < layers; layer++) {
      const [a0, a1, b0, b1] = [
        after.mean[layer],
        after.mean[layer + 1],
        base.mean[layer],
        base.mean[layer + 1],
      ];
      if (a0 == null || a1 == null || b0 == null || b1 == null) continue;
      const higher = a0 + a1 >= b0 + b1 ? 'comparison' : 'baseline';
      marks.push({
        type: 'path',
        d: bandPath([point(a0, layer), point(a1, layer + 1)], [point(b0, layer), point(b1, layer + 1)]),
        fill: conditionPaint[higher],
        opacity: 0.14,
      });
    }
  }
  if (reference !== undefined && reference >= y.domain()[0]! && reference <= y.domain()[1]!) {
    marks.push({ type: 'line', x1: left, y1: px(y(reference)), x2: right, y2: px(y(reference)), stroke: 'ghost', strokeWidth: 1, dash: '2 3' }); // prettier-ignore
  }
  const cells: ChartCell[] = [];
  series.forEach(({ name, condition, mean, low, high, heads, overReference }, row) => {
    const ink = conditionPaint[condition];
    const band = bandPath(high.map(point), low.map(point));
    if (band !== '') marks.push({ type: 'path', d: band, fill: ink, opacity: 0.22 });
    if (heads) {
      const perLayer = Math.round(heads.length / Math.max(1, layers));
      const shift = (row - (series.length - 1) / 2) * Math.min(step * 0.28, fontSize * 0.8);
      const radius = Math.max(1.6, Math.min(fontSize * 0.24, step / 8));
      for (let layer = 0; layer < layers; layer++) {
        const values = heads.slice(layer * perLayer, (layer + 1) * perLayer);
        const ranks = values.map((_, head) => head).sort((a, b) => (values[a] ?? 0) - (values[b] ?? 0));
        ranks.forEach((head, rank) => {
          const value = values[head] ?? null;
          if (value === null) return;
          const jitter = ((rank % 3) - 1) * Math.min(step * 0.06, 3);
          const [cx, cy] = [x(layer) + shift + jitter, y(value)];
          marks.push({
            type: 'path',
            d: `M${px(cx - radius)} ${px(cy)}a${px(radius)} ${px(radius)} 0 1 0 ${px(2 * radius)} 0a${px(radius)} ${px(radius)} 0 1 0 ${px(-2 * radius)} 0z`,
            fill: condition === 'baseline' ? 'surface' : ink,
            stroke: ink,
            strokeWidth: 0.9,
            opacity: 0.75,
          });
          cells.push({
            id: `head:${row}:${layer}:${head}`,
            target: { layer, head },
            row: series.length + row * perLayer + rank,
            column: layer,
            x: px(cx - radius - 1),
            y: px(cy - radius - 1),
            width: px(2 * radius + 2),
            height: px(2 * radius + 2),
            label: `${name}, ${headLabel(layer, head)}: ${shortNumber(value)} ${metric.unit}`,
          });
        });
      }
    }
    const dash = conditionDash[condition];
    marks.push({ type: 'path', d: linePath(mean.map(point)), stroke: ink, strokeWidth: Math.max(2, fontSize * 0.18), ...(dash ? { dash } : {}) }); // prettier-ignore
    mean.forEach((value, layer) => {
      if (value === null) return;
      const radius = Math.max(2, fontSize * 0.26);
      marks.push({
        type: 'rect',
        x: px(x(layer) - radius),
        y: px(y(value) - radius),
        width: px(2 * radius),
        height: px(2 * radius),
        radius: px(radius),
        fill: condition === 'baseline' ? 'surface' : ink,
        stroke: ink,
        strokeWidth: 1.5,
      });
      const interval = low[layer] != null && high[layer] != null ? `, 95 % ${shortNumber(low[layer])} to ${shortNumber(high[layer])}` : ''; // prettier-ignore
      cells.push({
        id: `mean:${row}:${layer}`,
        target: { layer },
        row,
        column: layer,
        x: px(x(layer) - Math.max(radius + 2, step * 0.2)),
        y: px(y(value) - radius - 3),
        width: px(2 * Math.max(radius + 2, step * 0.2)),
        height: px(2 * radius + 6),
        label: `${name}, layer ${layer}: ${shortNumber(value)} ${metric.unit}${interval}${overWords(spec, overReference, layer)}`,
      });
    });
  });
  if (
    reference !== undefined &&
    metric.reference &&
    reference >= y.domain()[0]! &&
    reference <= y.domain()[1]!
  ) {
    // On a ground of its own, since dots lie everywhere.
    const { label } = metric.reference;
    // Above its line, or under it where the title of the axis is.
    const baseLine = y(reference) + fontSize * (y(reference) - fontSize < top ? 1.05 : -0.35);
    const labelTop = px(baseLine - fontSize * 0.9);
    marks.push({ type: 'rect', x: left + 1, y: labelTop, width: px(estimateTextWidth(label, fontSize) + fontSize * 0.6), height: px(fontSize * 1.2), fill: 'surface', opacity: 0.88 }); // prettier-ignore
    marks.push({ type: 'text', x: px(left + fontSize * 0.3), y: px(baseLine), text: label, fill: 'inkFaint' }); // prettier-ignore
  }
  const ends = series.map(({ mean }) => {
    const last = mean.reduce<number>((best, value, layer) => (value === null ? best : layer), -1);
    return last < 0 ? top : y(mean[last]!);
  });
  const placed = spreadLabels(ends, fontSize * 1.3, top + fontSize * 0.4, bottom);
  series.forEach(({ name, condition }, index) => {
    // Words in ink, the colour in a piece of line: thin coloured letters are hard to read.
    const at = px(placed[index]!);
    const dash = conditionDash[condition];
    marks.push({ type: 'line', x1: right + 2, y1: at, x2: px(right + fontSize * 1.2), y2: at, stroke: conditionPaint[condition], strokeWidth: 3, ...(dash ? { dash: '3 2' } : {}) }); // prettier-ignore
    marks.push({
      type: 'text',
      x: px(right + fontSize * 1.5),
      y: px(at + fontSize * 0.35),
      text: fitLabel(name, size.width - right - fontSize * 1.5, fontSize),
      weight: 600,
      fill: 'ink',
    });
  });
  const hasBands = series.some(({ low }) => low.some((value) => value !== null));
  return {
    name: spec.name ?? `layers-${metric.key}`,
    title: spec.title ?? finding(spec, series),
    subtitle: `${metric.label} by layer (${metric.unit})${series.some(({ heads }) => heads) ? '; dots: heads, line: their mean' : ''}; ${hasBands ? 'band: 95 % interval over items' : `no band: ${whyNoInterval(names)}`}${domain[0] > 0 ? `; the axis begins at ${shortNumber(domain[0])}` : ''}; ${dataWords(names)}`,
    size: { ...size, height },
    marks,
    cells,
    notes: [
      claimWords(names, spec.clearLayers !== null).replace('Full strength', 'Clear'),
      ...referenceWords(spec, series),
      `${metric.label} = ${metric.formula} (${metric.source})`,
    ],
    plot: {
      kind: 'lines',
      x: 'layer',
      xLabel: 'layer',
      hasMarks: true,
      perRow: 1,
      panels: [
        {
          valueLabel: `${metric.label}, ${metric.unit}`,
          series: series.map(({ name, condition, low }) => ({ label: name, value: { column: name }, ...(low.some((value) => value !== null) ? { interval: { low: { column: `${name} low` }, high: { column: `${name} high` } } } : {}), paint: conditionPaint[condition], style: conditionStyle[condition] })), // prettier-ignore
          ...(metric.reference ? { reference: metric.reference } : {}),
        },
      ],
      ...(series.some(({ heads }) => heads) ? { dots: headDots(series, layers) } : {}),
    },
    table: {
      columns: ['layer', ...series.flatMap(({ name, overReference }) => [name, `${name} low`, `${name} high`, ...(overReference ? ['', ' low', ' high'].map((end) => `${name} over reference${end}`) : [])]), ...(spec.changes ? ['change', 'clear'] : [])], // prettier-ignore
      rows: Array.from({ length: layers }, (_, layer) => [
        layer,
        ...series.flatMap(({ mean, low, high, overReference: over }) => [
          mean[layer] ?? null,
          low[layer] ?? null,
          high[layer] ?? null,
          ...(over ? [over.values[layer] ?? null, over.low[layer] ?? null, over.high[layer] ?? null] : []),
        ]),
        ...(spec.changes ? [spec.changes[layer] ?? null, spec.clearLayers ? (spec.clearLayers[layer] ? 'yes' : 'no') : null] : []), // prettier-ignore
      ]),
    },
    legend: [],
  };
}
