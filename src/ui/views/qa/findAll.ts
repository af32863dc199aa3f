/** Most hits marked in one text. */
export const maxFindHits = 2000;

/** Offsets of all places where `query` stands, letter case aside; at most `limit`. */
export function findAll(text: string, query: string, limit = maxFindHits): number[] {
  if (query === '') return [];
  const lower = text.toLowerCase();
  // Some letters change length in lower case (İ): offsets would shift, so those texts are searched as they are.
  const [hay, needle] = lower.length === text.length ? [lower, query.toLowerCase()] : [text, query];
  const hits: number[] = [];
  for (
    let at = hay.indexOf(needle);
    at >= 0 && hits.length < limit;
    at = hay.indexOf(needle, at + needle.length)
  ) {
    hits.push(at);
  }
  return hits;
}
