import type { Detection, FormatAdapter, FormatSample } from './format.ts';

/** The surest of the adapters; the first of equals. An adapter that throws is not sure of anything. */
export function detectBest(
  sample: FormatSample,
  adapters: readonly FormatAdapter[],
): { readonly adapter: FormatAdapter; readonly detection: Detection } | null {
  let best: { adapter: FormatAdapter; detection: Detection } | null = null;
  if (sample.records.length === 0) return null;
  for (const adapter of adapters) {
    let detection: Detection | null = null;
    try {
      detection = adapter.detect(sample);
    } catch {
      continue;
    }
    if (detection && detection.certainty > (best?.detection.certainty ?? 0)) best = { adapter, detection };
  }
  return best;
}
