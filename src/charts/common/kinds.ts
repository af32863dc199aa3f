import type { PaintName } from './geometry.ts';

/** Agent kinds in the fixed order and with the colour and shape they have in every chart. */
export const chartKinds = ['search', 'swe', 'sql', 'other'] as const;
export type ChartKind = (typeof chartKinds)[number];
export const kindNames: Readonly<Record<ChartKind, string>> = {
  search: 'Search',
  swe: 'SWE',
  sql: 'SQL',
  other: 'Other',
};
export const kindPaint: Readonly<Record<ChartKind, PaintName>> = {
  search: 'search',
  swe: 'swe',
  sql: 'sql',
  other: 'other',
};

/** Outline of the kind's shape around a centre: ● ■ ▲ ◆. */
export function kindShapePath(kind: ChartKind, x: number, y: number, radius: number): string {
  const [l, r, t, b] = [x - radius, x + radius, y - radius, y + radius];
  if (kind === 'search') {
    return `M${l} ${y}a${radius} ${radius} 0 1 0 ${2 * radius} 0a${radius} ${radius} 0 1 0 ${-2 * radius} 0z`;
  }
  if (kind === 'swe') return `M${l} ${t}H${r}V${b}H${l}z`;
  if (kind === 'sql') return `M${x} ${t}L${r} ${b}H${l}z`;
  return `M${x} ${t}L${r} ${y}L${x} ${b}L${l} ${y}z`;
}
