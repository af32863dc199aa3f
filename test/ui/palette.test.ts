import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { darkPaint, lightPaint, paintVariables, type ChartPaint } from '../../src/charts/common/palette.ts';

const css = readFileSync(new URL('../../src/ui/app/tokens.css', import.meta.url), 'utf8');

/** The hex colours of a rule, by variable name. */
function colours(selector: string): Record<string, string> {
  const start = css.indexOf(`${selector} {`);
  const body = css.slice(start, css.indexOf('\n}', start));
  return Object.fromEntries(
    [...body.matchAll(/(--[\w-]+):\s*(#[0-9a-f]{6})\b/gi)].map((match) => [
      match[1]!,
      match[2]!.toLowerCase(),
    ]),
  );
}

const light = colours(':root');
const dark = { ...light, ...colours(":root[data-theme='dark']") };

/** Relative luminance, WCAG 2.2. */
function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [bright, dim] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (bright + 0.05) / (dim + 0.05);
}

const surfaces = [
  '--canvas',
  '--surface',
  '--surface-raised',
  '--surface-sunken',
  '--surface-hover',
  '--surface-selected',
];
/** Text colour, the backgrounds it may stand on. */
const textPairs: [string, readonly string[]][] = [
  ['--ink', [...surfaces, '--gold-mark', '--find', '--find-now', '--good-soft', '--warn-soft', '--bad-soft']],
  ['--on-mark', ['--gold-mark', '--find', '--find-now']],
  ['--ink-soft', [...surfaces, '--gold-mark', '--good-soft', '--warn-soft', '--bad-soft']],
  ['--ink-faint', surfaces],
  [
    '--accent',
    ['--canvas', '--surface', '--surface-raised', '--surface-sunken', '--surface-hover', '--accent-soft'],
  ],
  ['--on-accent', ['--accent', '--accent-strong']],
  ['--good', ['--surface', '--surface-raised', '--canvas', '--surface-sunken', '--good-soft']],
  ['--warn', ['--surface', '--surface-raised', '--canvas', '--surface-sunken', '--warn-soft']],
  ['--bad', ['--surface', '--surface-raised', '--canvas', '--surface-sunken', '--bad-soft']],
  ['--focus', ['--surface', '--canvas', '--surface-sunken', '--surface-selected']],
];
const graphicNames = [
  '--line-strong',
  '--kind-search',
  '--kind-swe',
  '--kind-sql',
  '--kind-other',
  '--role-ink',
  '--gold-bar',
  '--distractor-bar',
  '--supervised',
  '--stale',
  '--chart-axis',
  '--chart-ghost',
];

describe.each([
  ['light', light],
  ['dark', dark],
])('the %s theme', (_name, theme) => {
  it('gives text at least 4.5:1 on every background it may stand on', () => {
    const low = textPairs.flatMap(([text, backgrounds]) =>
      backgrounds
        .map((background) => ({ text, background, ratio: contrast(theme[text]!, theme[background]!) }))
        .filter(({ ratio }) => ratio < 4.5),
    );
    expect(low).toEqual([]);
  });

  it('gives graphics and control borders at least 3:1 on surfaces', () => {
    const low = graphicNames.flatMap((name) =>
      ['--surface', '--surface-sunken']
        .map((background) => ({ name, background, ratio: contrast(theme[name]!, theme[background]!) }))
        .filter(({ ratio }) => ratio < 3),
    );
    expect(low).toEqual([]);
  });
});

it('exports charts in the colours that the page shows', () => {
  const named = (paint: ChartPaint): Record<string, string> =>
    Object.fromEntries(
      Object.entries(paintVariables).map(([name, variable]) => [variable, paint[name as keyof ChartPaint]]),
    );
  expect(light).toMatchObject(named(lightPaint));
  expect(dark).toMatchObject(named(darkPaint));
});
