import { groupDuplicatePieces } from './curate/fingerprint.ts';
import { defaultMinHash } from './curate/minHash.ts';
import { normalizedHash, wordsOf } from './curate/words.ts';
import type { ContextDocument, ContextWindow } from './contextDocument.ts';

/**
 * Documents that show exactly the same text under several keys become one, with all origins kept. Gold absorbs
 * distractors; among equals the one seen first stays.
 */
export function mergeEqualDocuments(documents: readonly ContextDocument[]): ContextDocument[] {
  // By length: most documents differ in it, and a map of texts would read each of them whole.
  const byLength = new Map<number, number[]>();
  const result: ContextDocument[] = [];
  for (const document of documents) {
    let length = 0;
    for (const window of document.windows) length += window.text.length;
    const alike = byLength.get(length) ?? [];
    const at = alike.find((index) => showsSame(result[index]!, document));
    if (at === undefined) {
      alike.push(result.length);
      byLength.set(length, alike);
      result.push(document);
      continue;
    }
    const known = result[at]!;
    const keepsKnown = known.role === 'gold' || document.role !== 'gold';
    const kept = keepsKnown ? known : document;
    const other = keepsKnown ? document : known;
    result[at] = {
      ...kept,
      windows: kept.windows.map((window, index) => withOrigins(window, other.windows[index]!)),
    };
  }
  return result;
}

function showsSame(one: ContextDocument, other: ContextDocument): boolean {
  return (
    one.windows.length === other.windows.length &&
    one.windows.every((window, index) => window.text === other.windows[index]!.text)
  );
}

/** Similarity of word shingles from which two pages count as one text. */
const nearThreshold = 0.9;
/** Near-duplicates have nearly one length; others need not be compared. */
const lengthRatio = 0.85;
/** Shorter texts are snippets: they differ by a word where it matters, and cost little to keep. */
const leastLength = 1500;

/**
 * Pages that show nearly the same text (mirrors, a page fetched twice) become one, with all origins kept: gold
 * before distractors, then the longer text. Gold goes only into gold of equal normal form: the few words in which
 * two such pages differ can be the answer. Only for pages; two states of a file are never merged.
 */
export function mergeNearDocuments(documents: readonly ContextDocument[]): ContextDocument[] {
  const alone = documents.filter(
    (document) => document.windows.length === 1 && textOf(document).length >= leastLength,
  );
  const lengths = alone.map((document) => textOf(document).length).sort((a, b) => a - b);
  const near = alone.filter((document) => {
    const length = textOf(document).length;
    const from = lowerBound(lengths, length * lengthRatio);
    return lowerBound(lengths, length / lengthRatio + 1) - from > 1;
  });
  if (near.length < 2) return [...documents];
  const gone = new Set<ContextDocument>();
  const merged = new Map<ContextDocument, ContextDocument>();
  for (const group of groupDuplicatePieces(near.map(textOf), {
    ...defaultMinHash,
    threshold: nearThreshold,
  })) {
    const members = group.map((index) => near[index]!);
    const kept = members.reduce((best, document) => (isBetter(document, best) ? document : best));
    let window = kept.windows[0]!;
    for (const other of members) {
      if (other === kept || (other.role === 'gold' && normalForm(other) !== normalForm(kept))) continue;
      gone.add(other);
      window = withOrigins(window, other.windows[0]!);
    }
    merged.set(kept, { ...kept, windows: [window] });
  }
  return documents
    .filter((document) => !gone.has(document))
    .map((document) => merged.get(document) ?? document);
}

function textOf(document: ContextDocument): string {
  return document.windows[0]!.text;
}

function normalForm(document: ContextDocument): string {
  return normalizedHash(wordsOf(textOf(document)));
}

function isBetter(a: ContextDocument, b: ContextDocument): boolean {
  if (a.role !== b.role) return a.role === 'gold';
  return textOf(a).length > textOf(b).length;
}

/** Index of the first number of an ascending list that is not below `value`. */
function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function withOrigins(window: ContextWindow, other: ContextWindow): ContextWindow {
  return { ...window, alsoAt: [...window.alsoAt, other.source, ...other.alsoAt] };
}
