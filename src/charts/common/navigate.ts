import type { ChartCell } from './geometry.ts';

/** The cell an arrow key leads to: the nearest one in that direction, by row and column. Null at the edge. */
export function nextCell(cells: readonly ChartCell[], current: ChartCell, key: string): ChartCell | null {
  const inRow = cells.filter((cell) => cell.row === current.row);
  const pick = (found: readonly ChartCell[], cost: (cell: ChartCell) => number): ChartCell | null =>
    found.reduce<ChartCell | null>((best, cell) => (best && cost(best) <= cost(cell) ? best : cell), null);
  switch (key) {
    case 'ArrowRight':
      return pick(
        inRow.filter((cell) => cell.column > current.column),
        (cell) => cell.column,
      );
    case 'ArrowLeft':
      return pick(
        inRow.filter((cell) => cell.column < current.column),
        (cell) => -cell.column,
      );
    case 'Home':
      return pick(inRow, (cell) => cell.column);
    case 'End':
      return pick(inRow, (cell) => -cell.column);
    case 'ArrowDown':
    case 'ArrowUp': {
      const down = key === 'ArrowDown' ? 1 : -1;
      return pick(
        cells.filter((cell) => (cell.row - current.row) * down > 0),
        (cell) => Math.abs(cell.row - current.row) * 10_000 + Math.abs(cell.column - current.column),
      );
    }
    case 'PageDown':
      return pick(cells, (cell) => -cell.row);
    case 'PageUp':
      return pick(cells, (cell) => cell.row);
    default:
      return null;
  }
}
