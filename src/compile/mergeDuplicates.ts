import type { ContextDocument, ContextWindow } from './contextDocument.ts';

/**
 * Documents that show exactly the same text under several keys become one, with all origins kept. Gold absorbs
 * distractors; among equals the one seen first stays.
 */
export function mergeEqualDocuments(documents: readonly ContextDocument[]): ContextDocument[] {
  const byText = new Map<string, number>();
  const result: ContextDocument[] = [];
  for (const document of documents) {
    const key = document.windows.map((window) => window.text).join('\u0000');
    const at = byText.get(key);
    if (at === undefined) {
      byText.set(key, result.length);
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

function withOrigins(window: ContextWindow, other: ContextWindow): ContextWindow {
  return { ...window, alsoAt: [...window.alsoAt, other.source, ...other.alsoAt] };
}
