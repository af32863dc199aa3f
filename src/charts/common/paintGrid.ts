import type { GridMark } from './geometry.ts';
import { mutedStrength, rampColour, type Theme } from './ramps.ts';

/** Colours a grid needs besides its ramp. */
export interface GridColours {
  readonly theme: Theme;
  readonly surface: string;
  readonly inkFaint: string;
}

function hatchFill(
  context: CanvasRenderingContext2D,
  { surface, inkFaint }: GridColours,
): CanvasPattern | string {
  const tile = document.createElement('canvas');
  tile.width = 6;
  tile.height = 6;
  const pen = tile.getContext('2d');
  if (!pen) return surface;
  pen.fillStyle = surface;
  pen.fillRect(0, 0, 6, 6);
  pen.strokeStyle = inkFaint;
  pen.lineWidth = 1.6;
  pen.beginPath();
  // Three strokes, so that tiles join into lines.
  for (const shift of [-6, 0, 6]) {
    pen.moveTo(shift, 6);
    pen.lineTo(shift + 6, 0);
  }
  pen.stroke();
  return context.createPattern(tile, 'repeat') ?? surface;
}

/** Paints grids on a canvas of device pixels; edges of cells are snapped to them, so that no moiré appears. */
export function paintGrids(
  canvas: HTMLCanvasElement,
  grids: readonly GridMark[],
  scale: number,
  colours: GridColours,
): void {
  const context = canvas.getContext('2d');
  if (!context) return;
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.clearRect(0, 0, canvas.width, canvas.height);
  const hatch = hatchFill(context, colours);
  for (const grid of grids) {
    const { columns, rows, cellWidth, cellHeight, ramp, values, muted, absent } = grid;
    const gap = rows > 1 && Math.min(cellWidth, cellHeight) >= 6 ? 1 : 0;
    const edge = (start: number, at: number, step: number): number => Math.round((start + at * step) * scale);
    const strikes = new Path2D();
    for (let row = 0; row < rows; row++) {
      const y0 = edge(grid.y, row, cellHeight);
      const y1 = edge(grid.y, row + 1, cellHeight) - gap;
      for (let column = 0; column < columns; column++) {
        const index = row * columns + column;
        if (absent?.[index]) continue;
        const x0 = edge(grid.x, column, cellWidth);
        const x1 = edge(grid.x, column + 1, cellWidth) - gap;
        const value = values[index] ?? null;
        const isMuted = value !== null && muted?.[index] === true;
        context.globalAlpha = isMuted ? mutedStrength : 1;
        context.fillStyle = value === null ? hatch : rampColour(ramp, value, colours.theme);
        context.fillRect(x0, y0, Math.max(1, x1 - x0), Math.max(1, y1 - y0));
        if (isMuted) {
          strikes.moveTo(x0, y1);
          strikes.lineTo(x1, y0);
        }
      }
    }
    context.globalAlpha = 0.55;
    context.strokeStyle = colours.inkFaint;
    context.lineWidth = Math.max(1, scale * 0.6);
    context.stroke(strikes);
    context.globalAlpha = 1;
  }
}
