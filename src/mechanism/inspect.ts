import { assert } from '../core/assert.ts';
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

/** [T]: the gate of an expert at every position of an item, 0 where it is not among the chosen. Runs the item once. */
export async function gatesOfExpert(
  session: ModelSession,
  item: MeasuredItem,
  picked: { readonly layer: number; readonly expert: number },
  options: { readonly signal?: AbortSignal } = {},
): Promise<Float32Array<ArrayBuffer>> {
  const { engine, recorder, checkpoint } = session;
  const { config } = checkpoint;
  const moe = config.moe;
  assert(moe !== null && config.layers[picked.layer]?.mlp === 'moe', `layer ${picked.layer} has no experts`);
  const perToken = moe.numExpertsPerTok;
  const rowBytes = perToken * 4;
  const tokens = item.ids.length;
  const chosen = engine.buffers.range('mechanism/chosen experts', tokens * rowBytes);
  const gates = engine.buffers.range('mechanism/gates', tokens * rowBytes);
  try {
    session.reset();
    await session.prefill(item.ids, {
      wantLogits: false,
      ...(options.signal ? { signal: options.signal } : {}),
      hooks: (first, count) => ({
        afterRouter(layer, indices, weights) {
          if (layer !== picked.layer) return;
          const size = count * rowBytes;
          const keep = (from: BufferRange, into: BufferRange): void =>
            recorder.copy({ ...from, size }, { ...into, offset: into.offset + first * rowBytes, size }, size);
          keep(indices, chosen);
          keep(weights, gates);
        },
      }),
    });
    const [ids, values] = await recorder.read(chosen, gates);
    const experts = new Uint32Array(ids!, 0, tokens * perToken);
    const weights = new Float32Array(values!, 0, tokens * perToken);
    return Float32Array.from(item.ids, (_, t) => {
      const at = experts.subarray(t * perToken, (t + 1) * perToken).indexOf(picked.expert);
      return at < 0 ? 0 : weights[t * perToken + at]!;
    });
  } finally {
    engine.buffers.destroy(chosen.buffer);
    engine.buffers.destroy(gates.buffer);
    session.reset();
  }
}

/**
 * The tokens that an expert is chosen for, most often chosen first, from its gates at every position: OLMoE's
 * vocabulary specialisation is chosen / occurs.
 */
export function tokensOfExpert(ids: Uint32Array, gates: Float32Array, limit = 50): ExpertToken[] {
  const counts = new Map<number, { chosen: number; occurs: number }>();
  ids.forEach((id, t) => {
    const entry = counts.get(id) ?? { chosen: 0, occurs: 0 };
    counts.set(id, entry);
    entry.occurs++;
    if (gates[t]! > 0) entry.chosen++;
  });
  return [...counts]
    .map(([id, entry]) => ({ id, ...entry }))
    .filter(({ chosen }) => chosen > 0)
    .sort((a, b) => b.chosen - a.chosen || b.chosen / b.occurs - a.chosen / a.occurs || a.id - b.id)
    .slice(0, limit);
}
