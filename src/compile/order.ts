import { Rng } from '../core/rng.ts';
import type { ContextDocument } from './contextDocument.ts';
import type { EvidenceOrder } from './types.ts';

/** Documents in the order the agent first saw them. */
export function chronological(documents: readonly ContextDocument[]): ContextDocument[] {
  return documents
    .map((document, index) => ({ document, index }))
    .sort(
      (a, b) => a.document.turn - b.document.turn || a.document.step - b.document.step || a.index - b.index,
    )
    .map((item) => item.document);
}

/**
 * Documents in the asked order. All seeded orders come from one permutation by seed and trajectory id, so that
 * `gold-first` and its kin keep the relative order that `shuffle` gives.
 */
export function orderDocuments(
  documents: readonly ContextDocument[],
  order: EvidenceOrder,
  seed: number,
  trajectoryId: string,
): ContextDocument[] {
  const inTime = chronological(documents);
  if (order === 'chronological') return inTime;
  if (order === 'reverse') return inTime.reverse();
  const shuffled = new Rng(`order/${seed}/${trajectoryId}`).shuffle(inTime);
  if (order === 'shuffle') return shuffled;
  const gold = shuffled.filter((document) => document.role === 'gold');
  const rest = shuffled.filter((document) => document.role !== 'gold');
  if (order === 'gold-first') return [...gold, ...rest];
  if (order === 'gold-last') return [...rest, ...gold];
  const half = rest.length >> 1;
  return [...rest.slice(0, half), ...gold, ...rest.slice(half)];
}
