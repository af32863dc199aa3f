import { interpolateLab, piecewise } from 'd3-interpolate';
import { interpolateCividis, interpolateViridis } from 'd3-scale-chromatic';

/** `sequential`: viridis, more is farther from the surface. `diverging`: blue below, orange above, zero as the surface. */
export type RampName = 'sequential' | 'cividis' | 'diverging';
export type Theme = 'light' | 'dark';

/** Even in lightness on both sides and apart for every common colour vision; measured with simulations. */
export const divergingStops = {
  light: ['#084c86', '#6ba6d6', '#f7f7f7', '#e89a5b', '#8c3b00'],
  dark: ['#7cc4f5', '#2b6ca3', '#1b2230', '#a85a1e', '#fdb97d'],
};
const diverging: Readonly<Record<Theme, (t: number) => string>> = {
  light: piecewise(interpolateLab, divergingStops.light),
  dark: piecewise(interpolateLab, divergingStops.dark),
};

function toHex(colour: string): string {
  if (colour.startsWith('#')) return colour;
  const parts = colour.match(/[\d.]+/g) ?? [];
  return `#${parts
    .slice(0, 3)
    .map((part) => Math.round(Number(part)).toString(16).padStart(2, '0'))
    .join('')}`;
}

const steps = 256;
const cache = new Map<string, readonly string[]>();

function table(ramp: RampName, theme: Theme): readonly string[] {
  const key = `${ramp} ${theme}`;
  const held = cache.get(key);
  if (held) return held;
  const colour = (share: number): string => {
    if (ramp === 'diverging') return diverging[theme](share);
    const read = ramp === 'cividis' ? interpolateCividis : interpolateViridis;
    // Little is near the surface's colour in both themes.
    return read(theme === 'light' ? 1 - share : share);
  };
  const made = Array.from({ length: steps }, (_, step) => toHex(colour(step / (steps - 1))));
  cache.set(key, made);
  return made;
}

/** Step of the ramp for t (0 … 1, or -1 … 1 of `diverging`), clamped: what is beyond the ends has the ends' colour. */
export function rampStep(ramp: RampName, t: number): number {
  const share = ramp === 'diverging' ? (t + 1) / 2 : t;
  return Math.round(Math.max(0, Math.min(1, share)) * (steps - 1));
}

/** Hex colour at t. */
export function rampColour(ramp: RampName, t: number, theme: Theme): string {
  return table(ramp, theme)[rampStep(ramp, t)] ?? '#000000';
}

/** How strongly cells without a clear difference keep their colour. */
export const mutedStrength = 0.35;
