import { chartCsv, chartJson } from './exportData.ts';
import type { ChartGeometry } from './geometry.ts';
import { darkPaint, lightPaint } from './palette.ts';
import { asGlyphs, svgDocument, type ChartPage } from './paintSvg.ts';
import { saveBlob } from './saveBlob.ts';

export type ChartFileType = 'svg' | 'png' | 'csv' | 'json';

/** Pixels per CSS pixel in PNG files: enough for print at column width. */
const pngScale = 3;

/** An SVG picture as PNG, for print. */
async function pngBlob(svg: string): Promise<Blob> {
  const url = URL.createObjectURL(new Blob([svg], { type: 'image/svg+xml' }));
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const canvas = document.createElement('canvas');
    canvas.width = image.naturalWidth * pngScale;
    canvas.height = image.naturalHeight * pngScale;
    const context = canvas.getContext('2d');
    if (!context) throw new Error('Internal error: no 2D canvas');
    context.scale(pngScale, pngScale);
    context.drawImage(image, 0, 0);
    return await new Promise((resolve, reject) =>
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('the picture is too large for PNG')))),
    );
  } finally {
    URL.revokeObjectURL(url);
  }
}

/**
 * A picture with its words as SVG or PNG. Printers and drawing programs rarely have the page's font: words leave as
 * outlines.
 */
export async function pictureBlob(
  page: ChartPage,
  type: 'svg' | 'png',
  footer: string,
  theme: 'light' | 'dark',
): Promise<Blob> {
  const glyphs = asGlyphs((await import('./glyphs.json')).default);
  const svg = svgDocument(page, theme === 'dark' ? darkPaint : lightPaint, footer, glyphs);
  return type === 'svg' ? new Blob([svg], { type: 'image/svg+xml' }) : await pngBlob(svg);
}

/** Saves the chart as a file, always from the geometry (never from what is on the screen). */
export async function saveChart(
  geometry: ChartGeometry,
  type: ChartFileType,
  footer: string,
  theme: 'light' | 'dark',
): Promise<void> {
  const name = `${geometry.name}.${type}`;
  if (type === 'csv') return saveBlob(new Blob([chartCsv(geometry.table)], { type: 'text/csv' }), name);
  if (type === 'json') {
    return saveBlob(new Blob([chartJson(geometry, footer)], { type: 'application/json' }), name);
  }
  saveBlob(await pictureBlob(geometry, type, footer, theme), name);
}
