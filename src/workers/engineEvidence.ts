import { checkExample } from '../check/checkExample.ts';
import { encodeAnswer, readCheckable, type CheckableExample } from '../check/example.ts';
import { AnswerScorer } from '../check/score.ts';
import { defaultVerdictOptions, necessaryPieces, verdictsOf } from '../check/verdicts.ts';
import { InputError } from '../core/errors.ts';
import type { Checkpoint } from '../model/checkpoint.ts';
import type { ModelSession } from '../model/session.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import type { ExampleEncoder } from '../train/masks.ts';
import { encoderOf } from '../train/training.ts';
import type { EvidenceCheck, EvidenceCheckRequest } from './engineApi.ts';

interface ReadExample {
  readonly example: CheckableExample;
  readonly encoder: ExampleEncoder;
  /** Of the whole conversation. */
  readonly tokens: number;
}

/** The example of a request; throws `InputError` where it cannot be checked. */
export function readForCheck(
  { row }: EvidenceCheckRequest,
  tokenizer: Tokenizer,
  checkpoint: Checkpoint,
): ReadExample {
  const read = readCheckable(row, 'the example');
  if (!read.ok) throw new InputError('bad-example', `The example cannot be checked: ${read.reason}`);
  const { example } = read;
  const encoder = encoderOf(checkpoint, tokenizer, { superviseNewline: false });
  return { example, encoder, tokens: encodeAnswer(encoder, example, example.context.content).ids.length };
}

/** Scores the example on the session, see `EngineApi.checkEvidence`. The session's conversation is lost. */
export async function checkEvidence(
  session: ModelSession,
  { example, encoder }: ReadExample,
  withPieces: boolean,
  signal: AbortSignal,
  onShare: (share: number) => void,
): Promise<Omit<EvidenceCheck, 'model' | 'adapter'>> {
  const scorer = await AnswerScorer.open(session, signal);
  try {
    const measured = await checkExample(scorer, encoder, example, withPieces, { signal, onShare });
    return {
      ...measured,
      verdicts: verdictsOf(measured.scores, defaultVerdictOptions),
      necessaryPieces: necessaryPieces(measured.scores, defaultVerdictOptions),
      thresholds: defaultVerdictOptions,
    };
  } finally {
    scorer.destroy();
  }
}
