import { clusterDuplicates, type TextFingerprint } from './clusters.ts';
import { defaultMinHash, type MinHashOptions, signatureOf } from './minHash.ts';
import { normalizedHash, type TextWords, wordsOf } from './words.ts';

/**
 * Hash and signature of one text (question, context or piece): one pass over it. Words made before (for
 * decontamination, say) are used as they are.
 */
export function fingerprint(
  id: string,
  text: string | TextWords,
  options: MinHashOptions = defaultMinHash,
): TextFingerprint {
  const words = typeof text === 'string' ? wordsOf(text) : text;
  return { id, normalizedHash: normalizedHash(words), signature: signatureOf(words, options) };
}

/**
 * Groups of near-duplicate pieces inside one trajectory, as indices into `texts` in ascending order; groups of one
 * are left out. The first of a group is the one seen first; which text to keep is the caller's choice.
 *
 * Two versions of an edited file can be nearly equal and yet differ where it matters: callers that pack such
 * pieces pass a threshold of 1, which merges only texts of equal normal form.
 */
export function groupDuplicatePieces(
  texts: readonly string[],
  options: MinHashOptions = { ...defaultMinHash, threshold: 0.9 },
): number[][] {
  if (texts.length < 2) return [];
  const width = String(texts.length).length;
  const fingerprints = texts.map((text, index) =>
    fingerprint(String(index).padStart(width, '0'), text, options),
  );
  const onlyEqual = options.threshold >= 1;
  const used = onlyEqual ? fingerprints.map((item) => ({ ...item, signature: null })) : fingerprints;
  return clusterDuplicates(used, options).map((cluster) =>
    cluster.members.map((member) => Number(member.id)),
  );
}
