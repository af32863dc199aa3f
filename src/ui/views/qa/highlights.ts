import { useEffect, type RefObject } from 'react';
import type { TextBlock } from './blocks.ts';
import { itemAt } from './readerDocument.ts';

/** Names used in `::highlight(…)` rules of the views' styles, in order of painting (later lies on top). */
const highlightNames = [
  'mech-1',
  'mech-2',
  'mech-3',
  'mech-4',
  'mech-5',
  'mech-6',
  'mech-gold',
  'mech-distractor',
  'qa-gold',
  'qa-distractor',
  'qa-masked',
  'qa-supervised',
  'qa-question',
  'qa-find',
  'qa-find-now',
] as const;
export type HighlightName = (typeof highlightNames)[number];

/** A range of the shown text, in UTF-16 code units, `end` exclusive. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/** The browser can mark ranges without elements (Chrome 105, Safari 17.2, Firefox 140). */
export const hasHighlights = typeof CSS !== 'undefined' && 'highlights' in CSS;

/** The text node and the offset in it of a character; `body` holds one child with one text node per block. */
export function textPoint(
  body: Element,
  blocks: readonly TextBlock[],
  offset: number,
): { readonly node: Node; readonly offset: number } | null {
  let index = itemAt(blocks, offset);
  if (index < 0) index = offset <= 0 ? 0 : blocks.length - 1;
  const block = blocks[index];
  const node = body.children[index]?.firstChild;
  return block && node ? { node, offset: Math.min(offset, block.end) - block.start } : null;
}

/** Marks ranges of the text under a name while the component is mounted. */
export function useHighlight(
  name: HighlightName,
  body: RefObject<Element | null>,
  blocks: readonly TextBlock[],
  ranges: readonly TextRange[],
): void {
  useEffect(() => {
    const element = body.current;
    if (!hasHighlights || !element || ranges.length === 0) return;
    const highlight = new Highlight();
    highlight.priority = highlightNames.indexOf(name);
    for (const { start, end } of ranges) {
      if (end <= start) continue;
      const from = textPoint(element, blocks, start);
      const last = textPoint(element, blocks, end - 1);
      if (!from || !last) continue;
      highlight.add(
        new StaticRange({
          startContainer: from.node,
          startOffset: from.offset,
          endContainer: last.node,
          endOffset: last.offset + 1,
        }),
      );
    }
    CSS.highlights.set(name, highlight);
    return () => {
      CSS.highlights.delete(name);
    };
  }, [name, body, blocks, ranges]);
}
