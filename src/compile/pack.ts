import type { AgentKind } from '../trajectories/schema.ts';
import { refuse, type ContextDocument, type DroppedPiece, type Refusal } from './contextDocument.ts';
import { maskBlocks } from './control/mask.ts';
import { countBlocks, type TokenCounter } from './countText.ts';
import { chronological, orderDocuments } from './order.ts';
import { selectDistractors } from './selectDistractors.ts';
import { documentBlocks, openingBlock, questionBlock, type AssistantTurn } from './template.ts';
import type { CompileOptions, EvidenceRole, EvidenceSource, ExampleEvidence } from './types.ts';

/** A block of the user message; `window` where it is a verbatim piece. */
export interface Block {
  text: string;
  tokens: number;
  readonly document: ContextDocument | null;
  readonly window: number | null;
  /** Id of the piece, by the order in which the agent saw them. */
  readonly id: string | null;
  /** Ranges of `text` that a mask replaced. */
  masked?: { start: number; end: number }[];
}

export interface Packed {
  readonly content: string;
  readonly evidence: readonly ExampleEvidence[];
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly dropped: readonly DroppedPiece[];
  readonly flags: readonly string[];
  /** Roles of the pieces that a mask changed or deleted. */
  readonly altered: ReadonlySet<EvidenceRole>;
}

export interface PackInput {
  readonly trajectoryId: string;
  readonly kind: AgentKind;
  readonly question: string;
  readonly assistant: AssistantTurn;
  readonly documents: readonly ContextDocument[];
  readonly options: CompileOptions;
  readonly counter: TokenCounter;
}

/**
 * Orders the documents and packs them under the budget, which holds for the whole sequence: templated prompt
 * and completion. Gold is never cut or left out; if it does not fit the trajectory is refused.
 */
export function packExample(
  input: PackInput,
): { ok: true; packed: Packed } | { ok: false; refusal: Refusal } {
  const { counter, options, kind, question } = input;
  const opening = openingBlock(kind);
  const closing = questionBlock(kind, question, options.sweAnswer);
  const ids = pieceIds(input.documents);
  const blocksOf = new Map<ContextDocument, Block[]>();
  for (const document of input.documents) blocksOf.set(document, countedBlocks(document, ids, counter));
  const tokensOf = (document: ContextDocument): number => sum(blocksOf.get(document)!);

  const firstTokens = counter.count(opening);
  const lastTokens = counter.count(closing);
  const completionTokens = counter.countCompletion(input.assistant);
  const gold = input.documents.filter((document) => document.role === 'gold');
  const goldTokens =
    counter.overhead +
    firstTokens +
    lastTokens +
    completionTokens +
    gold.reduce((total, document) => total + tokensOf(document), 0);
  if (goldTokens > options.budget) {
    return refuse(
      'budget',
      'gold-over-budget',
      `question, answer and gold evidence need ${goldTokens} tokens, the budget is ${options.budget}; gold is never cut`,
      goldTokens - completionTokens,
    );
  }
  const selection = selectDistractors(
    input.documents.filter((document) => document.role === 'distractor'),
    tokensOf,
    options.budget - goldTokens,
    question,
    options,
    input.trajectoryId,
  );
  const chosen = new Set([...gold, ...selection.kept]);
  const documents = input.documents.filter((document) => chosen.has(document));
  let blocks = orderDocuments(documents, options.order, options.seed, input.trajectoryId).flatMap(
    (document) => blocksOf.get(document)!,
  );
  const dropped = [...selection.dropped];
  const flags: string[] = [];
  const altered = new Set<EvidenceRole>();
  if (options.control === 'evidence-mask' && options.mask) {
    const masked = maskBlocks(blocks, options.mask, counter, `mask/${options.seed}/${input.trajectoryId}`);
    blocks = masked.blocks;
    dropped.push(...masked.dropped);
    for (const { role } of masked.dropped) altered.add(role);
    for (const block of blocks) if (block.masked) altered.add(block.document!.role);
    flags.push('evidence-masked');
  }
  const { content, evidence } = join(opening, blocks, closing);
  const promptTokens = counter.countPrompt({
    text: content,
    first: opening,
    firstTokens,
    last: closing,
    lastTokens,
    tokens: firstTokens + sum(blocks) + lastTokens,
    isAdditive: bordersAreAdditive(blocks, opening, closing, counter),
  });
  if (promptTokens + completionTokens > options.budget) {
    return refuse(
      'budget',
      'over-budget',
      `the packed example has ${promptTokens + completionTokens} tokens, the budget is ${options.budget}`,
      promptTokens,
    );
  }
  return { ok: true, packed: { content, evidence, promptTokens, completionTokens, dropped, flags, altered } };
}

function sum(blocks: readonly Block[]): number {
  let total = 0;
  for (const block of blocks) total += block.tokens;
  return total;
}

/** Ids `e1`, `e2` … in the order the agent saw the pieces: the same in every order and control. */
function pieceIds(documents: readonly ContextDocument[]): Map<ContextDocument, number> {
  const first = new Map<ContextDocument, number>();
  let next = 1;
  for (const document of chronological(documents)) {
    first.set(document, next);
    next += document.windows.length;
  }
  return first;
}

function countedBlocks(
  document: ContextDocument,
  ids: ReadonlyMap<ContextDocument, number>,
  counter: TokenCounter,
): Block[] {
  const parts = [...documentBlocks(document)];
  const counts = countBlocks(
    counter,
    parts.map((part) => part.text),
  );
  return parts.map((part, index) => ({
    text: part.text,
    tokens: counts[index]!,
    document,
    window: part.window,
    id: part.window === null ? null : `e${ids.get(document)! + part.window}`,
  }));
}

/** Borders between documents: header lines start with a visible character after a newline. */
function bordersAreAdditive(
  blocks: readonly Block[],
  opening: string,
  closing: string,
  counter: TokenCounter,
): boolean {
  let before = opening;
  let previous: ContextDocument | null | undefined;
  for (const block of blocks) {
    if (block.document !== previous && !counter.isAdditive(before, block.text)) return false;
    previous = block.document;
    before = block.text === '\n\n' ? lastOf(before) + block.text : block.text;
  }
  return counter.isAdditive(before, closing);
}

function lastOf(text: string): string {
  return text.length > 640 ? text.slice(-640) : text;
}

function join(
  opening: string,
  blocks: readonly Block[],
  closing: string,
): { content: string; evidence: ExampleEvidence[] } {
  const evidence: ExampleEvidence[] = [];
  const texts = [opening];
  let at = opening.length;
  for (const block of blocks) {
    if (block.document && block.window !== null)
      evidence.push(entry(block, block.document, block.window, at));
    texts.push(block.text);
    at += block.text.length;
  }
  texts.push(closing);
  return { content: texts.join(''), evidence };
}

function entry(block: Block, document: ContextDocument, index: number, at: number): ExampleEvidence {
  const window = document.windows[index]!;
  return {
    id: block.id!,
    role: document.role,
    title: document.title,
    start: at,
    end: at + block.text.length,
    source: orderedSource(window.source),
    ...(document.tier === 0 ? {} : { tier: document.tier }),
    ...(window.alsoAt.length > 0 ? { alsoAt: window.alsoAt.map(orderedSource) } : {}),
    ...(block.masked
      ? { masked: block.masked.map((range) => ({ start: at + range.start, end: at + range.end })) }
      : {}),
  };
}

/** Fixed key order: examples are written as JSON and must be byte-identical. */
function orderedSource(source: EvidenceSource): EvidenceSource {
  return {
    file: source.file,
    record: source.record,
    path: source.path,
    turn: source.turn,
    ...(source.start === undefined ? {} : { start: source.start }),
    ...(source.end === undefined ? {} : { end: source.end }),
    ...(source.rendering === undefined ? {} : { rendering: source.rendering }),
  };
}
