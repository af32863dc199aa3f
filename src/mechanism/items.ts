import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { isObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { chatTemplateOf } from '../model/prompt.ts';
import { readMessages } from '../tokenizer/chatTemplate.ts';
import { tokenStarts } from '../tokenizer/tokenStarts.ts';
import type { Tokenizer } from '../tokenizer/types.ts';
import type { MechanismItem, MechanismPiece, PieceRole, QuerySet, TokenRole } from './document.ts';

/** An example as tokens with what is known about them: what every subject is run on. */
export interface MeasuredItem {
  readonly id: string;
  readonly hash: string;
  readonly kind: string;
  /** [T] */
  readonly ids: Uint32Array<ArrayBuffer>;
  /** In the order of the example's list. */
  readonly evidence: readonly MechanismPiece[];
  /** [T] */
  readonly roles: readonly TokenRole[];
}

export type ItemResult =
  | {
      readonly ok: true;
      readonly item: MeasuredItem;
      readonly text: string;
      /** [T + 1]: where each token begins in the text. */
      readonly starts: Uint32Array;
    }
  | { readonly ok: false; readonly id: string; readonly reason: string };

/** First token whose first character lies at or behind `offset`. */
function firstTokenFrom(starts: Uint32Array, count: number, offset: number): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (starts[middle]! < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** Where `part` first stands in `text` from `from` on, also without the blanks that templates strip; null for nowhere. */
function find(text: string, part: string, from: number): Span | null {
  for (const candidate of [part, part.trim()]) {
    const at = candidate === '' ? -1 : text.indexOf(candidate, from);
    if (at >= 0) return { start: at, end: at + candidate.length };
  }
  return null;
}

/** Where `part` stands right before `suffix`, with which `text` ends. */
function findBefore(text: string, part: string, suffix: string): Span | null {
  if (!text.endsWith(suffix)) return null;
  const end = text.length - suffix.length;
  for (const candidate of [part, part.trim()]) {
    const start = end - candidate.length;
    if (candidate !== '' && text.startsWith(candidate, start)) return { start, end };
  }
  return null;
}

/** Stands for a reply while the template shows what it puts behind one: a private-use character. */
const replyMark = '\uE000';

/** SHA-256, hex, of token ids as little-endian u32. */
export function tokenHash(ids: Uint32Array): string {
  const bytes = new Uint8Array(ids.length * 4);
  const view = new DataView(bytes.buffer);
  ids.forEach((id, index) => view.setUint32(index * 4, id, true));
  return bytesToHex(sha256(bytes));
}

/**
 * One line of `examples.jsonl` as tokens: all messages through the model's chat template, without an opening for a
 * further reply. A token belongs to the span that its first character lies in, so one that straddles the start of a
 * piece belongs to what comes before, and no token to two. Never throws: what is wrong comes back as a sentence.
 * @param fallbackId for rows without an id, e.g. `line 12`
 */
export function readItem(
  row: JsonValue,
  fallbackId: string,
  tokenizer: Tokenizer,
  tokenizerConfig: JsonObject | null,
): ItemResult {
  const id = isObject(row) && typeof row['id'] === 'string' && row['id'] !== '' ? row['id'] : fallbackId;
  const refuse = (reason: string): ItemResult => ({ ok: false, id, reason });
  const messages = isObject(row) ? readMessages(row['messages']) : null;
  if (!isObject(row) || !messages) return refuse('the row has no messages with role and content');
  const lastMessage = messages.at(-1);
  if (lastMessage?.role !== 'assistant') return refuse('the last message is not the assistant’s');
  let text: string;
  let suffix: string;
  try {
    const template = chatTemplateOf(tokenizerConfig);
    text = template.render(messages, { now: new Date(0) }).text;
    const marked = [...messages.slice(0, -1), { ...lastMessage, content: replyMark }];
    const withMark = template.render(marked, { now: new Date(0) }).text;
    suffix = withMark.slice(withMark.lastIndexOf(replyMark) + replyMark.length);
  } catch (error) {
    return refuse(`the chat template fails: ${error instanceof Error ? error.message : String(error)}`);
  }
  const ids = Uint32Array.from(tokenizer.encode(text));
  const starts = tokenStarts(text, ids, tokenizer);
  if (starts[ids.length] !== text.length) {
    return refuse('the tokenizer changes the text, so that characters cannot be found among its tokens');
  }
  const roles = new Array<TokenRole>(ids.length).fill('template');
  const tokensOf = (span: Span): Span => ({
    start: firstTokenFrom(starts, ids.length, span.start),
    end: firstTokenFrom(starts, ids.length, span.end),
  });
  const mark = (span: Span | null, role: TokenRole): void => {
    if (!span) return;
    const { start, end } = tokensOf(span);
    roles.fill(role, start, end);
  };

  const user = messages.find(({ role }) => role === 'user');
  let at = 0;
  let userSpan: Span | null = null;
  for (const message of messages.slice(0, -1)) {
    const span = find(text, message.content, at);
    if (!span) continue;
    mark(span, 'context');
    if (message === user) userSpan = span;
    at = span.end;
  }
  const question = typeof row['question'] === 'string' ? row['question'] : '';
  if (userSpan && question !== '') {
    const inside = text.slice(userSpan.start, userSpan.end).lastIndexOf(question);
    if (inside >= 0) {
      mark({ start: userSpan.start + inside, end: userSpan.start + inside + question.length }, 'question');
    }
  }

  // Templates move the reasoning about: it is looked for behind everything else, the answer at the very end.
  const { rationale, answer } = splitReply(row, lastMessage.content);
  const rationaleSpan = rationale === '' ? null : find(text, rationale, at);
  mark(rationaleSpan, 'rationale');
  const answerSpan = findBefore(text, answer, suffix);
  mark(answerSpan, 'answer');
  if (!answerSpan) return refuse('the answer is not found in the rendered conversation');

  const evidence: MechanismPiece[] = [];
  const list = Array.isArray(row['evidence']) ? row['evidence'] : [];
  const shift = userSpan && user && text.startsWith(user.content, userSpan.start) ? userSpan.start : null;
  for (const [index, entry] of list.entries()) {
    const piece = pieceOf(entry, index, user?.content.length ?? 0);
    if (typeof piece === 'string') return refuse(piece);
    if (shift === null)
      return refuse('the template changes the user message, so that its pieces cannot be found');
    evidence.push({ ...piece, ...tokensOf({ start: shift + piece.start, end: shift + piece.end }) });
  }
  const kind = typeof row['kind'] === 'string' && row['kind'] !== '' ? row['kind'] : 'other';
  return { ok: true, item: { id, hash: tokenHash(ids), kind, ids, evidence, roles }, text, starts };
}

/** The rationale (trimmed, empty where there is none) and the rest of the assistant message. */
function splitReply(row: JsonObject, content: string): { rationale: string; answer: string } {
  const close = content.lastIndexOf('</think>');
  if (close >= 0) {
    const open = content.indexOf('<think>');
    return {
      rationale: content.slice(open >= 0 && open < close ? open + 7 : 0, close).trim(),
      answer: content.slice(close + 8).replace(/^\n+/, ''),
    };
  }
  const rationale = typeof row['rationale'] === 'string' ? row['rationale'].trim() : '';
  const at = rationale === '' ? -1 : content.indexOf(rationale);
  return at < 0
    ? { rationale: '', answer: content }
    : { rationale, answer: content.slice(at + rationale.length).replace(/^\n+/, '') };
}

function pieceOf(entry: JsonValue, index: number, limit: number): MechanismPiece | string {
  const where = `evidence[${index}]`;
  if (!isObject(entry)) return `${where} is no object`;
  const { id, role, title, start, end } = entry;
  if (role !== 'gold' && role !== 'distractor') return `${where} is neither gold nor distractor`;
  const fits =
    typeof start === 'number' && typeof end === 'number' && start >= 0 && start <= end && end <= limit;
  if (!fits) return `${where} does not lie within the user message`;
  return {
    id: typeof id === 'string' ? id : String(index),
    role,
    start,
    end,
    ...(typeof title === 'string' ? { title } : {}),
  };
}

/** Query tokens of an item, ascending: rationale and answer, or everything behind the first token. */
export function queryPositions(item: MeasuredItem, queries: QuerySet): number[] {
  const positions: number[] = [];
  for (let t = 1; t < item.ids.length; t++) {
    const role = item.roles[t];
    if (queries === 'all' || role === 'rationale' || role === 'answer') positions.push(t);
  }
  return positions;
}

/** [T] 1 where the token lies in a piece of the role. */
export function tokensIn(item: MeasuredItem, role: PieceRole): Uint8Array {
  const inside = new Uint8Array(item.ids.length);
  for (const piece of item.evidence) if (piece.role === role) inside.fill(1, piece.start, piece.end);
  return inside;
}

/** Positions whose next token is an answer token that also occurs in a gold piece. */
export function copySteps(item: MeasuredItem): number[] {
  const isGold = tokensIn(item, 'gold');
  const inGold = new Set<number>();
  item.ids.forEach((id, t) => {
    if (isGold[t]) inGold.add(id);
  });
  const steps: number[] = [];
  for (let t = 0; t + 1 < item.ids.length; t++) {
    if (item.roles[t + 1] === 'answer' && inGold.has(item.ids[t + 1]!)) steps.push(t);
  }
  return steps;
}

/** What the document keeps of an item. */
export function describeItem(item: MeasuredItem, queries: QuerySet): MechanismItem {
  const positions = queryPositions(item, queries);
  const runs: [number, number, TokenRole][] = [];
  item.roles.forEach((role, t) => {
    const last = runs.at(-1);
    if (last?.[2] === role) last[1] = t + 1;
    else runs.push([t, t + 1, role]);
  });
  const gold = tokensIn(item, 'gold');
  const distractor = tokensIn(item, 'distractor');
  let tokenShare = 0;
  let contextShare = 0;
  let goldSeen = 0;
  let otherSeen = 0;
  let next = 0;
  item.ids.forEach((_, t) => {
    goldSeen += gold[t]!;
    otherSeen += distractor[t]!;
    if (positions[next] !== t) return;
    next++;
    tokenShare += goldSeen > 0 ? goldSeen / (goldSeen + otherSeen) : 0;
    contextShare += goldSeen / (t + 1);
  });
  const hasGold = item.evidence.some(({ role }) => role === 'gold') && positions.length > 0;
  return {
    id: item.id,
    hash: item.hash,
    kind: item.kind,
    tokens: item.ids.length,
    queryTokens: positions.length,
    evidence: item.evidence,
    roles: runs,
    goldTokenShare: hasGold ? tokenShare / positions.length : null,
    goldContextShare: hasGold ? contextShare / positions.length : null,
    copySteps: copySteps(item).length,
  };
}
