import { Rng } from '../../core/rng.ts';
import type { DroppedPiece } from '../contextDocument.ts';
import { countBlocks, type TokenCounter } from '../countText.ts';
import type { Block } from '../pack.ts';
import type { EvidenceMaskOptions } from '../types.ts';
import { fillerText } from './filler.ts';

/**
 * Masks evidence of a packed context (method §5.1). `piece`: ⌈share · m⌉ of the target's pieces, chosen by the
 * seed; `span`: in every piece of the target one run of whole lines (of characters where it is one line) that
 * holds the share of its length. Filler has the tokens of what it replaces, so positions stay matched.
 * @param stream name of the random stream
 */
export function maskBlocks(
  blocks: readonly Block[],
  mask: EvidenceMaskOptions,
  counter: TokenCounter,
  stream: string,
): { blocks: Block[]; dropped: DroppedPiece[] } {
  const rng = new Rng(stream);
  const targets = blocks.filter(
    (block) => block.window !== null && (mask.target === 'random' || block.document!.role === mask.target),
  );
  if (mask.unit === 'span') return maskSpans(blocks, new Set(targets), mask, counter, rng);
  const count = Math.min(targets.length, Math.ceil(mask.share * targets.length - 1e-9));
  const chosen = new Set(rng.shuffle(targets).slice(0, count));
  if (mask.fill === 'filler') {
    const result = blocks.map((block) =>
      chosen.has(block) ? filled(block, 0, block.text.length, counter) : block,
    );
    return { blocks: recount(result, counter), dropped: [] };
  }
  const dropped = [...chosen].map((block) => ({
    title: block.document!.title,
    role: block.document!.role,
    tokens: counter.count(block.text),
    reason: 'deleted by the evidence mask',
  }));
  return { blocks: recount(withoutPieces(blocks, chosen), counter), dropped };
}

/** Leaves out pieces with their window line and end; a document without pieces goes with its header. */
function withoutPieces(blocks: readonly Block[], chosen: ReadonlySet<Block>): Block[] {
  const kept: Block[] = [];
  for (let start = 0; start < blocks.length;) {
    let end = start;
    while (end < blocks.length && blocks[end]!.document === blocks[start]!.document) end++;
    const group = blocks.slice(start, end);
    start = end;
    if (!group.some((block) => block.window !== null && !chosen.has(block))) continue;
    for (let index = 0; index < group.length; index++) {
      const block = group[index]!;
      const piece =
        block.window !== null
          ? block
          : index > 0 && group[index - 1]!.window !== null
            ? group[index - 1]!
            : index > 0
              ? group[index + 1]
              : undefined;
      if (piece && chosen.has(piece)) continue;
      kept.push(block);
    }
  }
  return kept;
}

function maskSpans(
  blocks: readonly Block[],
  targets: ReadonlySet<Block>,
  mask: EvidenceMaskOptions,
  counter: TokenCounter,
  rng: Rng,
): { blocks: Block[]; dropped: DroppedPiece[] } {
  const result = blocks.map((block) => {
    if (!targets.has(block)) return block;
    const [start, end] = spanOf(block.text, mask.share, rng);
    if (end <= start) return block;
    if (mask.fill === 'filler') return filled(block, start, end, counter);
    return {
      ...block,
      text: block.text.slice(0, start) + block.text.slice(end),
      masked: [{ start, end: start }],
    };
  });
  return { blocks: recount(result, counter), dropped: [] };
}

/** A run of whole lines of about `share` of the text, at a seeded place; of characters in a one-line text. */
function spanOf(text: string, share: number, rng: Rng): [number, number] {
  const wanted = Math.round(text.length * share);
  if (wanted <= 0) return [0, 0];
  if (wanted >= text.length) return [0, text.length];
  const starts = [0];
  for (let at = text.indexOf('\n'); at >= 0 && at + 1 < text.length; at = text.indexOf('\n', at + 1))
    starts.push(at + 1);
  const offset = rng.below(text.length - wanted + 1);
  if (starts.length < 4) return [safeOffset(text, offset), safeOffset(text, offset + wanted)];
  const nearest = (position: number): number => {
    let best = 0;
    for (const start of starts) if (Math.abs(start - position) < Math.abs(best - position)) best = start;
    return text.length - position < Math.abs(best - position) ? text.length : best;
  };
  const start = nearest(offset);
  const end = nearest(offset + wanted);
  return end > start ? [start, end] : [safeOffset(text, offset), safeOffset(text, offset + wanted)];
}

/** Never between the halves of a surrogate pair. */
function safeOffset(text: string, offset: number): number {
  const code = text.charCodeAt(offset);
  return code >= 0xdc00 && code < 0xe000 ? offset + 1 : offset;
}

/** The block with [start, end) replaced by filler that leaves its token count as it was, if any filler does. */
function filled(block: Block, start: number, end: number, counter: TokenCounter): Block {
  const before = block.text.slice(0, start);
  const after = block.text.slice(end);
  const goal = counter.count(block.text);
  let size = goal - (before === '' ? 0 : counter.count(before)) - (after === '' ? 0 : counter.count(after));
  let best = '';
  let bestGap = Infinity;
  for (let attempt = 0; attempt < 8 && bestGap !== 0; attempt++) {
    let filler = fillerText(Math.max(1, size), counter);
    if (after !== '' && block.text[end - 1] === '\n' && !filler.endsWith('\n')) filler += '\n';
    const gap = goal - counter.count(before + filler + after);
    if (Math.abs(gap) < Math.abs(bestGap)) {
      best = filler;
      bestGap = gap;
    }
    size += gap;
  }
  return { ...block, text: before + best + after, masked: [{ start, end: start + best.length }] };
}

/** Token counts after the texts changed; document by document, as they were counted before. */
function recount(blocks: readonly Block[], counter: TokenCounter): Block[] {
  const result: Block[] = [];
  for (let start = 0; start < blocks.length;) {
    let end = start;
    while (end < blocks.length && blocks[end]!.document === blocks[start]!.document) end++;
    const group = blocks.slice(start, end);
    const counts = countBlocks(
      counter,
      group.map((block) => block.text),
    );
    group.forEach((block, index) => result.push({ ...block, tokens: counts[index]! }));
    start = end;
  }
  return result;
}
