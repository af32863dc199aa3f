import type { ChartGeometry, GridMark, Mark } from './geometry.ts';
import { colourOf, type ChartPaint } from './palette.ts';
import { mutedStrength, rampColour, rampStep } from './ramps.ts';

/** One SVG element as data; the page and exported files are both made from it. */
export interface SvgElement {
  readonly tag: 'rect' | 'line' | 'path' | 'text';
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly text?: string;
}

/** Id of the hatch pattern (distractors, missing values). */
const hatchId = 'chart-hatch';

/** Turns a mark into an element with the colours of `paint`. */
export function svgElement(
  mark: Exclude<Mark, GridMark>,
  paint: ChartPaint,
  fontSize: number,
  hatch: string,
): SvgElement {
  const attributes: Record<string, string | number> = {};
  const { fill = 'none', stroke, strokeWidth, dash, opacity } = mark;
  attributes['fill'] = fill === 'none' ? 'none' : fill === 'hatch' ? `url(#${hatch})` : colourOf(fill, paint);
  if (stroke) attributes['stroke'] = colourOf(stroke, paint);
  if (strokeWidth !== undefined) attributes['stroke-width'] = strokeWidth;
  if (dash) attributes['stroke-dasharray'] = dash;
  if (opacity !== undefined) attributes['opacity'] = opacity;
  switch (mark.type) {
    case 'rect':
      Object.assign(attributes, { x: mark.x, y: mark.y, width: mark.width, height: mark.height });
      if (mark.radius) attributes['rx'] = mark.radius;
      return { tag: 'rect', attributes };
    case 'line':
      Object.assign(attributes, { x1: mark.x1, y1: mark.y1, x2: mark.x2, y2: mark.y2 });
      return { tag: 'line', attributes };
    case 'path':
      attributes['d'] = mark.d;
      return { tag: 'path', attributes };
    case 'text':
      Object.assign(attributes, { x: mark.x, y: mark.y, 'font-size': fontSize * (mark.scale ?? 1) });
      if (mark.anchor && mark.anchor !== 'start') attributes['text-anchor'] = mark.anchor;
      if (mark.weight) attributes['font-weight'] = mark.weight;
      return { tag: 'text', attributes, text: mark.text };
  }
}

const round = (value: number): number => Math.round(value * 100) / 100;

/** A grid as paths: one a colour, so that thousands of cells stay a small file. */
function gridElements(grid: GridMark, paint: ChartPaint, hatch: string): SvgElement[] {
  const { columns, cellWidth, cellHeight, ramp, values, muted, absent } = grid;
  const theme = paint.theme === 'dark' ? 'dark' : 'light';
  const byFill = new Map<string, string>();
  let strikes = '';
  // Cells meet on whole pixels: no seams between neighbours.
  const gap = grid.rows > 1 && Math.min(cellWidth, cellHeight) >= 6 ? 0.5 : 0;
  values.forEach((value, index) => {
    if (absent?.[index]) return;
    const x = grid.x + (index % columns) * cellWidth;
    const y = grid.y + Math.floor(index / columns) * cellHeight;
    const isMuted = muted?.[index] === true && value !== null;
    const key = value === null ? 'hatch' : `${rampStep(ramp, value)} ${isMuted ? 1 : 0}`;
    const d = `M${round(x)} ${round(y)}h${round(cellWidth - gap)}v${round(cellHeight - gap)}h${round(gap - cellWidth)}z`;
    byFill.set(key, (byFill.get(key) ?? '') + d);
    if (isMuted)
      strikes += `M${round(x)} ${round(y + cellHeight - gap)}L${round(x + cellWidth - gap)} ${round(y)}`;
  });
  const elements = [...byFill].map(([key, d]): SvgElement => {
    if (key === 'hatch') return { tag: 'path', attributes: { d, fill: `url(#${hatch})` } };
    const [step, isMuted] = key.split(' ');
    const share = Number(step) / 255;
    const fill = rampColour(ramp, ramp === 'diverging' ? share * 2 - 1 : share, theme);
    return {
      tag: 'path',
      attributes: { d, fill, ...(isMuted === '1' ? { 'fill-opacity': mutedStrength } : {}) },
    };
  });
  if (strikes !== '') {
    const stroke = paint.inkFaint;
    elements.push({
      tag: 'path',
      attributes: { d: strikes, fill: 'none', stroke, 'stroke-width': 0.6, 'stroke-opacity': 0.55 },
    });
  }
  return elements;
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
function escapeXml(text: string): string {
  let written = '';
  for (const sign of text) {
    // Control characters other than tab and line ends are not allowed in XML at all.
    if (sign >= ' ' || sign === '\t' || sign === '\n' || sign === '\r') written += entities[sign] ?? sign;
  }
  return written;
}

/** Outlines of letters, in thousandths of an em: advance and path. See scripts/makeGlyphs.mjs. */
export interface Glyphs {
  readonly perEm: number;
  readonly regular: Readonly<Record<string, readonly [advance: number, d: string]>>;
  readonly bold: Readonly<Record<string, readonly [advance: number, d: string]>>;
}
type Letters = Glyphs['regular'];
/** JSON gives pairs as lists of either; this is what the script writes. */
export function asGlyphs(value: { perEm: number; regular: object; bold: object }): Glyphs {
  return value as unknown as Glyphs;
}

/** A text as outlines, letter by letter; null when a letter is missing, so that nothing is lost. */
function outlined({ attributes, text = '' }: SvgElement, glyphs: Glyphs): string | null {
  const letters: Letters = Number(attributes['font-weight'] ?? 400) >= 600 ? glyphs.bold : glyphs.regular;
  let advance = 0;
  const placed: string[] = [];
  for (const sign of text) {
    const glyph = letters[sign];
    if (!glyph) return null;
    if (glyph[1] !== '') placed.push(`<path transform="translate(${advance} 0)" d="${glyph[1]}"/>`);
    advance += glyph[0];
  }
  const scale = Number(attributes['font-size'] ?? 12) / glyphs.perEm;
  const shift = { end: 1, middle: 0.5 }[String(attributes['text-anchor'])] ?? 0;
  const x = Math.round((Number(attributes['x']) - advance * scale * shift) * 100) / 100;
  return `<g role="img" aria-label="${escapeXml(text)}" fill="${escapeXml(String(attributes['fill']))}" transform="translate(${x} ${attributes['y']}) scale(${Math.round(scale * 1e6) / 1e6})">${placed.join('')}</g>`;
}

function serialise({ tag, attributes, text }: SvgElement): string {
  const written = Object.entries(attributes)
    .map(([name, value]) => ` ${name}="${escapeXml(String(value))}"`)
    .join('');
  return text === undefined ? `<${tag}${written}/>` : `<${tag}${written}>${escapeXml(text)}</${tag}>`;
}

function wrap(text: string, widthPx: number, fontSize: number): string[] {
  const most = Math.max(20, Math.floor(widthPx / (fontSize * 0.52)));
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + word.length + 1 > most) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  if (line !== '') lines.push(line);
  return lines;
}

/** What of a chart a file shows. */
export type ChartPage = Pick<ChartGeometry, 'title' | 'subtitle' | 'size' | 'marks' | 'legend' | 'notes'>;

/**
 * The chart as a whole SVG file: title, sub-title, picture, legend and footer (what it was made from), all in
 * plain attributes, so that it looks the same in any program. With `glyphs` its words are outlines, which need no
 * font where the file goes.
 */
export function svgDocument(
  geometry: ChartPage,
  paint: ChartPaint,
  footer: string,
  glyphs: Glyphs | null = null,
): string {
  const written = (element: SvgElement): string =>
    (glyphs && element.tag === 'text' ? outlined(element, glyphs) : null) ?? serialise(element);
  const { size, marks } = geometry;
  const margin = 16;
  const width = size.width + 2 * margin;
  const titleSize = size.fontSize * 1.3;
  const parts: string[] = [];
  let y = margin + titleSize;
  const text = (content: string, fontSize: number, fill: string, weight = 400): void => {
    parts.push(
      written({
        tag: 'text',
        attributes: {
          x: margin,
          y: Math.round(y * 10) / 10,
          'font-size': fontSize,
          fill,
          'font-weight': weight,
        },
        text: content,
      }),
    );
  };
  for (const line of wrap(geometry.title, size.width, titleSize)) {
    text(line, titleSize, paint.ink, 600);
    y += titleSize * 1.3;
  }
  for (const line of wrap(geometry.subtitle, size.width, size.fontSize)) {
    text(line, size.fontSize, paint.inkSoft);
    y += size.fontSize * 1.4;
  }
  const top = y;
  parts.push(`<g transform="translate(${margin} ${Math.round(top)})">`);
  for (const mark of marks) {
    if (mark.type === 'grid') parts.push(...gridElements(mark, paint, hatchId).map(written));
    else parts.push(written(svgElement(mark, paint, size.fontSize, hatchId)));
  }
  parts.push('</g>');
  y = Math.round(top) + size.height + size.fontSize * 1.4;
  let x = margin;
  for (const entry of geometry.legend) {
    const swatch = size.fontSize * 0.8;
    const entryWidth = swatch + 22 + entry.label.length * size.fontSize * 0.56;
    if (x > margin && x + entryWidth - 16 > width - margin) {
      x = margin;
      y += size.fontSize * 1.6;
    }
    const fill =
      entry.fill === 'hatch'
        ? `url(#${hatchId})`
        : entry.fill === 'none'
          ? 'none'
          : colourOf(entry.fill, paint);
    parts.push(
      written({
        tag: 'rect',
        attributes: {
          x,
          y: y - swatch,
          width: swatch,
          height: swatch,
          fill,
          stroke: entry.stroke ? colourOf(entry.stroke, paint) : paint.axis,
        },
      }),
      written({
        tag: 'text',
        attributes: { x: x + swatch + 5, y, 'font-size': size.fontSize, fill: paint.inkSoft },
        text: entry.label,
      }),
    );
    if (entry.sign === 'muted') {
      parts.push(written({ tag: 'line', attributes: { x1: x, y1: y, x2: x + swatch, y2: y - swatch, stroke: paint.inkFaint } })); // prettier-ignore
    }
    x += entryWidth;
  }
  if (geometry.legend.length > 0) y += size.fontSize * 1.6;
  for (const note of geometry.notes ?? []) {
    for (const line of wrap(note, size.width, size.fontSize)) {
      text(line, size.fontSize, paint.inkSoft);
      y += size.fontSize * 1.4;
    }
  }
  for (const line of wrap(footer, size.width, size.fontSize)) {
    text(line, size.fontSize, paint.inkFaint);
    y += size.fontSize * 1.4;
  }
  const height = Math.round(y + margin - size.fontSize * 0.6);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="${escapeXml(paint.fontFamily)}">`,
    `<title>${escapeXml(geometry.title)}</title>`,
    `<desc>${escapeXml(geometry.subtitle)}</desc>`,
    `<defs>${hatchPattern(hatchId, paint)}</defs>`,
    `<rect width="${width}" height="${height}" fill="${paint.surface}"/>`,
    ...parts,
    '</svg>',
  ].join('\n');
}

/** Diagonal lines on the surface's colour. */
function hatchPattern(id: string, paint: ChartPaint): string {
  return `<pattern id="${id}" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="5" height="5" fill="${paint.surface}"/><line x1="0" y1="0" x2="0" y2="5" stroke="${paint.inkFaint}" stroke-width="2.4"/></pattern>`;
}
