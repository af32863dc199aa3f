import { assert } from '../core/assert.ts';
import { throwIfCancelled } from '../core/errors.ts';
import type { BufferRange } from '../gpu/buffers.ts';
import { headNumbers } from '../gpu/kernels/attentionStatistics.ts';
import type { ModelSession } from '../model/session.ts';
import type { MeasuredItem } from './items.ts';
import { measureMechanism } from './measure.ts';
import { defaultMechanismOptions, type MechanismOptions } from './plan.ts';
import { binStart, massWithin } from './segments.ts';

/** Where one head looks in one item. */
export interface HeadAttention {
  /** [bins]: mean attention of the query tokens to each bin of positions; sums to 1. */
  readonly mass: readonly number[];
  /** [bins + 1]: first token of each bin, and the number of tokens. */
  readonly starts: readonly number[];
}

/**
 * The attention of a picked head along the context of one item, by position. Runs the item once; `bins` is at most the
 * number of tokens. Rejects as `measureMechanism` does.
 */
export async function attentionOfHead(
  session: ModelSession,
  item: MeasuredItem,
  picked: { readonly layer: number; readonly head: number },
  options: Partial<Pick<MechanismOptions, 'queries' | 'bins'>> & { readonly signal?: AbortSignal } = {},
): Promise<HeadAttention> {
  const { config } = session.checkpoint;
  assert(picked.layer < config.numHiddenLayers && picked.head < config.numAttentionHeads, 'no such head');
  const tokens = item.ids.length;
  const bins = Math.max(1, Math.min(options.bins ?? 256, tokens));
  const measured = await measureMechanism(
    session,
    [item],
    { ...defaultMechanismOptions, queries: options.queries ?? 'answer', bins },
    options.signal ? { signal: options.signal } : {},
  );
  const m = measured.items[0]!;
  const starts = Array.from({ length: bins + 1 }, (_, b) => binStart(b, bins, tokens));
  const at = picked.head * m.width + headNumbers;
  const mass = starts
    .slice(0, bins)
    .map(
      (start, b) =>
        massWithin(m.attention[picked.layer]!, at, m.segments!.positions, start, starts[b + 1]!) /
        m.queryTokens,
    );
  return { mass, starts };
}

/** A token id among those that an expert was chosen for. */
export interface ExpertToken {
  readonly id: number;
  /** Times the expert was chosen for it, and times it occurs. */
  readonly chosen: number;
  readonly occurs: number;
}

/**
 * The tokens that an expert is chosen for over items (all positions), most often chosen first: OLMoE's vocabulary
 * specialisation is chosen / occurs. Cancellable between passes.
 */
export async function tokensOfExpert(
  session: ModelSession,
  items: readonly MeasuredItem[],
  picked: { readonly layer: number; readonly expert: number },
  options: { readonly limit?: number; readonly signal?: AbortSignal } = {},
): Promise<ExpertToken[]> {
  const { engine, recorder, checkpoint } = session;
  const { config } = checkpoint;
  const moe = config.moe;
  assert(moe !== null && config.layers[picked.layer]?.mlp === 'moe', `layer ${picked.layer} has no experts`);
  const perToken = moe.numExpertsPerTok;
  const longest = Math.max(1, ...items.map(({ ids }) => ids.length));
  const kept: BufferRange = engine.buffers.range('mechanism/choices', longest * perToken * 4);
  const counts = new Map<number, { chosen: number; occurs: number }>();
  try {
    for (const item of items) {
      throwIfCancelled(options.signal, 'looking at an expert');
      session.reset();
      await session.prefill(item.ids, {
        wantLogits: false,
        ...(options.signal ? { signal: options.signal } : {}),
        hooks: (first, count) => ({
          afterRouter(layer, indices) {
            if (layer !== picked.layer) return;
            const sizeBytes = count * perToken * 4;
            const into = { ...kept, offset: kept.offset + first * perToken * 4, size: sizeBytes };
            recorder.copy({ ...indices, size: sizeBytes }, into, sizeBytes);
          },
        }),
      });
      const choices = await recorder.readUints(kept);
      item.ids.forEach((id, t) => {
        const entry = counts.get(id) ?? { chosen: 0, occurs: 0 };
        counts.set(id, entry);
        entry.occurs++;
        if (choices.subarray(t * perToken, (t + 1) * perToken).includes(picked.expert)) entry.chosen++;
      });
    }
  } finally {
    engine.buffers.destroy(kept.buffer);
    session.reset();
  }
  return [...counts]
    .map(([id, entry]) => ({ id, ...entry }))
    .filter(({ chosen }) => chosen > 0)
    .sort((a, b) => b.chosen - a.chosen || b.chosen / b.occurs - a.chosen / a.occurs || a.id - b.id)
    .slice(0, options.limit ?? 50);
}
