/** The browser can mark ranges without elements (Chrome 105, Safari 17.2, Firefox 140). */
const hasHighlights = typeof CSS !== 'undefined' && 'highlights' in CSS;

/** Names used in `::highlight(…)` rules, in order of painting. */
const names = ['traj-document', 'traj-range', 'traj-find', 'traj-find-now'] as const;
export type MarkName = (typeof names)[number];

/** Marks ranges of the page under a name, in place of those marked before. */
export function markRanges(name: MarkName, ranges: readonly AbstractRange[]): void {
  if (!hasHighlights) return;
  if (ranges.length === 0) {
    CSS.highlights.delete(name);
    return;
  }
  const highlight = new Highlight(...ranges);
  highlight.priority = names.indexOf(name);
  CSS.highlights.set(name, highlight);
}

/** Takes all marks of this view off the page. */
export function clearMarks(): void {
  for (const name of names) markRanges(name, []);
}

/** A place in the text of a step: the chunk's text node and the offset in it. */
function placeIn(chunks: readonly HTMLElement[], offset: number): { node: Node; offset: number } | null {
  let low = 0;
  let high = chunks.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (Number(chunks[middle]?.dataset['start'] ?? 0) <= offset) low = middle;
    else high = middle - 1;
  }
  const chunk = chunks[low];
  const node = chunk?.firstChild;
  if (!chunk || !node) return null;
  const length = node.textContent?.length ?? 0;
  return { node, offset: Math.max(0, Math.min(length, offset - Number(chunk.dataset['start'] ?? 0))) };
}

/** The range of characters [start, end) of a step, when that part of it is in the page. */
export function rangeOfStep(root: ParentNode, step: number, start: number, end: number): Range | null {
  const container = root.querySelector<HTMLElement>(`[data-step-text="${step}"]`);
  if (!container) return null;
  const chunks = [...container.querySelectorAll<HTMLElement>('[data-start]')];
  const from = placeIn(chunks, start);
  const to = placeIn(chunks, end);
  if (!from || !to) return null;
  const range = document.createRange();
  range.setStart(from.node, from.offset);
  range.setEnd(to.node, to.offset);
  return range;
}
