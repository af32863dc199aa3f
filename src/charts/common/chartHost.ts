import { createContext } from 'react';
import type { ChartGeometry } from './geometry.ts';

/** A chart kept as it was drawn. */
export interface ChartSnapshot {
  readonly geometry: ChartGeometry;
  readonly footer: string;
}

/** What the page around offers to every chart. */
export interface ChartHost {
  /** Keeps the chart on the board of the Compare view. */
  readonly onPin: (snapshot: ChartSnapshot) => void;
}

/** Null where there is no board, as in tests of one chart. */
export const ChartHostContext = createContext<ChartHost | null>(null);
