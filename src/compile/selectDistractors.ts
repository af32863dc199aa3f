import { Rng } from '../core/rng.ts';
import type { ContextDocument, DroppedPiece } from './contextDocument.ts';
import type { CompileOptions } from './types.ts';

export interface Selection {
  readonly kept: readonly ContextDocument[];
  readonly dropped: readonly DroppedPiece[];
}

/**
 * Chooses distractors under the options and the room left by gold. Rule: tier 1 before tier 2; within a tier the
 * more confusable first (share of the question's words that stand in the text), equal ones in seeded order; each
 * is kept whole if it still fits, so what is dropped first is the least confusable.
 * @param room tokens left in the budget
 */
export function selectDistractors(
  distractors: readonly ContextDocument[],
  tokensOf: (document: ContextDocument) => number,
  room: number,
  question: string,
  options: CompileOptions,
  trajectoryId: string,
): Selection {
  const dropped: DroppedPiece[] = [];
  const drop = (document: ContextDocument, reason: string): void => {
    dropped.push({ title: document.title, role: 'distractor', tokens: tokensOf(document), reason });
  };
  const limit =
    options.distractors === 'all' ? Infinity : options.distractors === 'none' ? 0 : options.distractors;
  const allowed = distractors.filter((document) => document.tier <= options.distractorTier);
  for (const document of distractors) {
    if (document.tier > options.distractorTier) drop(document, `tier ${document.tier} is switched off`);
  }
  if (limit === 0) {
    for (const document of allowed) drop(document, 'distractors are switched off');
    return { kept: [], dropped };
  }
  const total = allowed.reduce((sum, document) => sum + tokensOf(document), 0);
  if (allowed.length <= limit && total <= room) return { kept: allowed, dropped };
  const words = questionWords(question);
  const ranked = new Rng(`distractors/${options.seed}/${trajectoryId}`)
    .shuffle(allowed)
    .map((document) => ({ document, score: confusability(document, words) }))
    .sort((a, b) => a.document.tier - b.document.tier || b.score - a.score);
  const kept = new Set<ContextDocument>();
  let left = room;
  for (const { document } of ranked) {
    const tokens = tokensOf(document);
    if (kept.size >= limit) drop(document, `more than ${limit} distractors`);
    else if (tokens > left) drop(document, `over the budget of ${options.budget} tokens`);
    else {
      kept.add(document);
      left -= tokens;
    }
  }
  return { kept: allowed.filter((document) => kept.has(document)), dropped };
}

/** Distinct words of at least four letters or digits, lower case; at most 200. */
function questionWords(question: string): string[] {
  const words =
    question
      .slice(0, 20_000)
      .toLowerCase()
      .match(/[\p{L}\p{N}]{4,}/gu) ?? [];
  return [...new Set(words)].slice(0, 200);
}

/** Share of the question's words that stand in the document, 0 … 1. */
function confusability(document: ContextDocument, words: readonly string[]): number {
  if (words.length === 0) return 0;
  const text = document.windows.map((window) => window.text.toLowerCase()).join('\n');
  let hits = 0;
  for (const word of words) if (text.includes(word)) hits++;
  return hits / words.length;
}
