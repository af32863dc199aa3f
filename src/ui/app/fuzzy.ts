/**
 * How well `query` matches `text` as a subsequence; null when it does not. Higher is better: letters in a row
 * and at starts of words count more, skipped letters less. Linear in the text.
 */
export function fuzzyScore(query: string, text: string): number | null {
  const wanted = query.toLowerCase();
  const given = text.toLowerCase();
  let score = 0;
  let at = 0;
  let run = 0;
  for (const letter of wanted) {
    if (letter === ' ') continue;
    const found = given.indexOf(letter, at);
    if (found < 0) return null;
    run = found === at && at > 0 ? run + 1 : 0;
    const startsWord = found === 0 || /[^a-z0-9]/.test(given[found - 1] ?? '');
    score += 1 + run * 2 + (startsWord ? 3 : 0) - Math.min(3, (found - at) * 0.1);
    at = found + 1;
  }
  return score - given.length * 0.01;
}
