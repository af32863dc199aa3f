import { InputError } from '../core/errors.ts';
import {
  attentionOfHead,
  gatesOfExpert,
  readItem,
  tokensOfExpert,
  type ItemResult,
} from '../mechanism/index.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import type { ModelSession } from '../model/session.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import type { LookReport, LookRequest, LookToken } from './engineApi.ts';

/** Values along an example: beyond that, neighbouring tokens share one. */
const mostValues = 2048;
const mostTop = 24;

/** The example of a request as tokens; throws `InputError` where it cannot be the one that was measured. */
export function readLook(
  request: LookRequest,
  tokenizer: Tokenizer,
  checkpoint: Checkpoint,
): Extract<ItemResult, { ok: true }> {
  const read = readItem(request.row, 'the example', tokenizer, checkpoint.tokenizerConfig);
  if (!read.ok) throw new InputError('bad-example', `The example cannot be read: ${read.reason}`);
  const { config } = checkpoint;
  if (request.hash !== null && read.item.hash !== request.hash) {
    throw new InputError('different-tokens', 'The loaded model reads this example as other tokens', {
      expected: `the tokens that were measured (${request.hash.slice(0, 12)})`,
      actual: read.item.hash.slice(0, 12),
      advice: 'load the model that was measured, with its tokenizer and chat template',
    });
  }
  const most = 'head' in request.picked ? config.numAttentionHeads : (config.moe?.numExperts ?? 0);
  const index = 'head' in request.picked ? request.picked.head : request.picked.expert;
  const isThere = request.layer < config.numHiddenLayers && index < most;
  if (!isThere || ('expert' in request.picked && config.layers[request.layer]?.mlp !== 'moe')) {
    throw new InputError('other-model', 'The loaded model has no such head or expert', {
      actual: `layer ${request.layer}, ${'head' in request.picked ? 'head' : 'expert'} ${index}`,
      advice: 'load the model that was measured',
    });
  }
  return read;
}

/** Runs the example through the session; see `EngineApi.look`. */
export async function look(
  session: ModelSession,
  { item, text, starts }: ReturnType<typeof readLook>,
  request: LookRequest,
  tokenizer: Tokenizer,
  signal: AbortSignal,
): Promise<LookReport> {
  const { layer, picked, queries } = request;
  const tokens = item.ids.length;
  const textOf = (position: number): string => text.slice(starts[position], starts[position + 1]);
  if ('expert' in picked) {
    const values = await gatesOfExpert(session, item, { layer, expert: picked.expert }, { signal });
    const all = values.reduce((sum, gate) => sum + (gate > 0 ? 1 : 0), 0);
    const top = tokensOfExpert(item.ids, values, mostTop).map(({ id, chosen, occurs }): LookToken => ({
      text: tokenizer.decode([id]),
      position: null,
      share: chosen / all,
      chosen,
      occurs,
    }));
    return { what: 'expert', text, starts, values, tokensPerValue: 1, top };
  }
  const bins = Math.min(tokens, mostValues);
  const { mass, starts: binStarts } = await attentionOfHead(session, item, { layer, head: picked.head }, { queries, bins, signal }); // prettier-ignore
  const values = new Float32Array(tokens);
  mass.forEach((share, bin) => {
    const [from, to] = [binStarts[bin]!, binStarts[bin + 1]!];
    values.fill((share * tokens) / (to - from), from, to);
  });
  const strongest = mass.map((share, bin) => ({ share, at: binStarts[bin]!, end: binStarts[bin + 1]! }));
  strongest.sort((a, b) => b.share - a.share || a.at - b.at);
  const top = strongest.slice(0, mostTop).map(({ share, at, end }): LookToken => ({
    text: end - at === 1 ? textOf(at) : text.slice(starts[at], starts[end]),
    position: at,
    share,
    chosen: null,
    occurs: null,
  }));
  return { what: 'head', text, starts, values, tokensPerValue: Math.ceil(tokens / bins), top };
}
