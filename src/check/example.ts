import { assistantTurn } from '../compile/template.ts';
import { InputError, WorkbenchError } from '../core/errors.ts';
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { readMessages, type ChatMessage } from '../tokenizer/chatTemplate.ts';
import type { ExampleEncoder } from '../train/masks.ts';
import { questionOnly, type ContextPiece, type EvidenceContext } from './context.ts';

/** A question-answer pair whose context can be taken apart. */
export interface CheckableExample {
  readonly id: string;
  readonly kind: string;
  /** System messages, as they stand before the user's. */
  readonly before: readonly ChatMessage[];
  readonly context: EvidenceContext;
  /** The user message of the closed-book condition. */
  readonly question: string;
  readonly answer: string;
}

export type CheckableResult =
  | { readonly ok: true; readonly example: CheckableExample }
  | { readonly ok: false; readonly id: string; readonly reason: string };

/** A conversation as the model reads it, and which of its tokens are the answer. */
export interface ScoredTokens {
  /** [T] */
  readonly ids: Uint32Array;
  /** Tokens [start, end) are the answer; start > 0. */
  readonly start: number;
  readonly end: number;
}

function pieceOf(value: JsonValue, index: number, length: number): ContextPiece | string {
  const where = `evidence[${index}]`;
  if (!isObject(value)) return `${where} is no object`;
  const { id, role, start, end } = value;
  if (role !== 'gold' && role !== 'distractor') return `${where} is neither gold nor distractor`;
  const fits =
    typeof start === 'number' && typeof end === 'number' && start >= 0 && start <= end && end <= length;
  if (!fits) return `${where} does not lie within the user message`;
  return { id: typeof id === 'string' ? id : String(index), role, start, end };
}

function piecesOf(row: JsonObject, length: number): ContextPiece[] | string {
  const pieces: ContextPiece[] = [];
  for (const [index, value] of (Array.isArray(row['evidence']) ? row['evidence'] : []).entries()) {
    const piece = pieceOf(value, index, length);
    if (typeof piece === 'string') return piece;
    pieces.push(piece);
  }
  pieces.sort((a, b) => a.start - b.start);
  const crossed = pieces.find((piece, index) => index > 0 && piece.start < pieces[index - 1]!.end);
  return crossed ? `piece ${crossed.id} begins inside another` : pieces;
}

/**
 * The example of one line of `examples.jsonl`. Never throws: what is wrong comes back as a sentence.
 * @param fallbackId for rows without an id, e.g. `line 12`
 */
export function readCheckable(row: JsonValue, fallbackId: string): CheckableResult {
  const id = isObject(row) && typeof row['id'] === 'string' && row['id'] !== '' ? row['id'] : fallbackId;
  const refuse = (reason: string): CheckableResult => ({ ok: false, id, reason });
  const messages = isObject(row) ? readMessages(row['messages']) : null;
  if (!isObject(row) || !messages) return refuse('the row has no messages with role and content');
  const [user, reply] = messages.slice(-2);
  const before = messages.slice(0, -2);
  const isPair =
    user?.role === 'user' && reply?.role === 'assistant' && before.every(({ role }) => role === 'system');
  if (!isPair) return refuse('it is not one question with one answer, so no context can be taken away');
  const { answer, question, kind } = row;
  if (typeof answer !== 'string' || answer.trim() === '') return refuse('it has no answer');
  const pieces = piecesOf(row, user.content.length);
  if (typeof pieces === 'string') return refuse(pieces);
  const context = { content: user.content, pieces };
  const asked = questionOnly(context, typeof question === 'string' ? question : '');
  if (asked === null) return refuse('its question is not found behind the evidence');
  return {
    ok: true,
    example: {
      id,
      kind: typeof kind === 'string' && kind !== '' ? kind : 'other',
      before,
      context,
      question: asked,
      answer,
    },
  };
}

/**
 * The example with another user message, rendered and masked as in training, but for the rationale: that was written
 * from the evidence and would tell the answer where the evidence is gone. Answer tokens are the learnt tokens of the
 * answer's own text, without what ends the turn.
 * @throws InputError where template or tokenizer do not tell which tokens these are
 */
export function encodeAnswer(
  encoder: ExampleEncoder,
  { id, before, answer }: CheckableExample,
  content: string,
): ScoredTokens {
  const reply = { role: 'assistant', ...assistantTurn(null, answer) };
  const messages = [...before, { role: 'user', content }, reply];
  const trained = messages.map(({ role }) => role === 'assistant');
  const { ids, text, starts, isTarget, turns } = encoder.inspect({
    type: 'conversation',
    id,
    control: null,
    heldOut: false,
    messages,
    trained,
  });
  const turn = turns.at(-1);
  if (!starts || !turn) {
    throw new InputError('answer-unknown', 'The tokenizer does not tell which tokens are the answer’s');
  }
  const printed = [answer, answer.trim()].find((form) => text.slice(turn.start, turn.end).includes(form));
  const at = printed === undefined ? -1 : text.lastIndexOf(printed, turn.end - printed.length);
  let start = ids.length;
  let end = ids.length;
  if (printed !== undefined) {
    while (start > 0 && starts[start - 1]! >= at) start--;
    while (end > start && starts[end - 1]! >= at + printed.length) end--;
  }
  if (start === end || isTarget.subarray(start, end).includes(0)) {
    throw new InputError('answer-unknown', 'The chat template does not print the answer as it is');
  }
  return { ids, start, end };
}

/** `encodeAnswer`, with what is wrong as a sentence. */
export function tryEncodeAnswer(
  encoder: ExampleEncoder,
  example: CheckableExample,
  content: string,
): ScoredTokens | string {
  try {
    return encodeAnswer(encoder, example, content);
  } catch (error) {
    if (error instanceof WorkbenchError) return error.message;
    throw error;
  }
}
