import type { DocumentSeen, Step } from '../../../trajectories/schema.ts';
import type { TextHit } from '../../../workers/dataApi.ts';

interface MinimapBand {
  readonly stepIndex: number;
  readonly y: number;
  readonly height: number;
  readonly type: Step['type'];
  readonly isDocument: boolean;
}
interface MinimapTick {
  readonly y: number;
  readonly stepIndex: number;
  readonly hit: number;
}
export interface Minimap {
  readonly bands: readonly MinimapBand[];
  readonly ticks: readonly MinimapTick[];
}

/**
 * The whole trajectory as a column of the given height: one band a step, as high as its share of the text (square
 * root, so that short steps stay visible), and one tick a search hit. Bands of less than half a pixel are left out.
 */
export function layoutMinimap(
  steps: readonly Step[],
  textLengths: readonly number[],
  documents: readonly DocumentSeen[],
  hits: readonly TextHit[],
  height: number,
): Minimap {
  const weights = steps.map((step) => Math.sqrt((textLengths[step.index] ?? step.text.length) + 40));
  const total = weights.reduce((sum, weight) => sum + weight, 0) || 1;
  const withDocument = new Set(documents.map((document) => document.stepIndex));
  const tops: number[] = [];
  const bands: MinimapBand[] = [];
  let y = 0;
  steps.forEach((step, i) => {
    const size = ((weights[i] ?? 0) / total) * height;
    tops.push(y);
    if (size >= 0.5) {
      bands.push({
        stepIndex: step.index,
        y,
        height: size,
        type: step.type,
        isDocument: withDocument.has(step.index),
      });
    }
    y += size;
  });
  const ticks = hits.flatMap((hit, number) => {
    const top = tops[hit.stepIndex];
    if (top === undefined) return [];
    const next = tops[hit.stepIndex + 1] ?? height;
    const share = hit.start / Math.max(1, textLengths[hit.stepIndex] ?? 1);
    return [{ y: top + (next - top) * Math.min(1, share), stepIndex: hit.stepIndex, hit: number }];
  });
  return { bands, ticks };
}
