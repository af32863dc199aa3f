import type { Ink, PaintName } from './geometry.ts';
import { rampColour, type Theme } from './ramps.ts';

/**
 * Colours of the charts in both themes. On the page charts paint with the CSS variables of the same names, so
 * that they follow the theme; files that leave the page get the hex values below. A test holds both equal.
 */
export interface ChartPaint {
  /** Which ramps go with it; on the page the style sheet decides. */
  readonly theme: Theme | 'page';
  readonly surface: string;
  readonly ink: string;
  readonly inkSoft: string;
  readonly inkFaint: string;
  readonly grid: string;
  readonly axis: string;
  readonly ghost: string;
  readonly rest: string;
  readonly accent: string;
  readonly warn: string;
  readonly search: string;
  readonly swe: string;
  readonly sql: string;
  readonly other: string;
  readonly conditionBase: string;
  readonly conditionSft: string;
  readonly conditionAcc: string;
  readonly fontFamily: string;
}

const kinds = { search: '#0072b2', swe: '#d55e00', sql: '#009e73', other: '#6b7280' };
const conditions = { conditionBase: '#6b7280', conditionSft: '#0072b2', conditionAcc: '#d55e00' };
const fontFamily = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif";

export const lightPaint: ChartPaint = {
  theme: 'light',
  surface: '#ffffff',
  ink: '#171a21',
  inkSoft: '#454c59',
  inkFaint: '#5b6472',
  grid: '#e6e9ee',
  axis: '#5b6472',
  ghost: '#868e9b',
  rest: '#e4e7ec',
  accent: '#5046b4',
  warn: '#835200',
  ...kinds,
  ...conditions,
  fontFamily,
};

export const darkPaint: ChartPaint = {
  theme: 'dark',
  surface: '#14181e',
  ink: '#e9ebef',
  inkSoft: '#bac1cb',
  inkFaint: '#98a1ae',
  grid: '#242b34',
  axis: '#98a1ae',
  ghost: '#707a89',
  rest: '#272e37',
  accent: '#a79ff5',
  warn: '#f0bf5e',
  ...kinds,
  ...conditions,
  fontFamily,
};

/** The CSS variable behind each colour, for painting on the page. */
export const paintVariables: Readonly<Record<PaintName, string>> = {
  surface: '--surface',
  ink: '--ink',
  inkSoft: '--ink-soft',
  inkFaint: '--ink-faint',
  grid: '--chart-grid',
  axis: '--chart-axis',
  ghost: '--chart-ghost',
  rest: '--role-rest',
  accent: '--accent',
  warn: '--warn',
  search: '--kind-search',
  swe: '--kind-swe',
  sql: '--kind-sql',
  other: '--kind-other',
  conditionBase: '--condition-base',
  conditionSft: '--condition-sft',
  conditionAcc: '--condition-acc',
};

/** Paints with the page's variables. */
export const pagePaint: ChartPaint = {
  theme: 'page',
  ...(Object.fromEntries(
    Object.entries(paintVariables).map(([name, variable]) => [name, `var(${variable})`]),
  ) as Record<keyof typeof paintVariables, string>),
  fontFamily: 'inherit',
};

/** The colour of an ink. On the page a ramp's colour follows the theme by itself. */
export function colourOf(ink: Ink, paint: ChartPaint): string {
  if (typeof ink === 'string') return paint[ink];
  if (paint.theme !== 'page') return rampColour(ink.ramp, ink.t, paint.theme);
  return `light-dark(${rampColour(ink.ramp, ink.t, 'light')}, ${rampColour(ink.ramp, ink.t, 'dark')})`;
}
