import type { AgentKind } from '../trajectories/schema.ts';
import type { ContextDocument, DocumentNoun } from './contextDocument.ts';
import type { SweAnswerForm } from './types.ts';

/**
 * The wording of a compiled example; ours, only the spirit of the first line is the paper's. Every block starts
 * with a visible character right after a newline, so blocks can be counted on their own (see countText).
 */

const openings: Readonly<Record<AgentKind, string>> = {
  search: 'Please reason based on the following documents and answer the question.',
  swe: 'Please reason based on the following files of a repository and solve the task.',
  sql: 'Please reason based on the following database tables and answer the question.',
  other: 'Please reason based on the following documents and answer the question.',
};

const sweEndings: Readonly<Record<SweAnswerForm, string>> = {
  diff: 'Answer with the change as a unified diff against the files above.',
  'edited-code': 'Answer with the changed code, each file under its path.',
  'file-list': 'Answer with the paths of the files to change, one a line.',
};

/** First block of the user message. */
export function openingBlock(kind: AgentKind): string {
  return `${openings[kind]}\n\n`;
}

/** Header line of a document. It tells neither role nor order. */
export function headerLine(noun: DocumentNoun, title: string): string {
  return `=== ${noun}: ${title} ===\n`;
}

/** Header line of one of several windows. */
function windowLine(label: string): string {
  return `--- ${label} ---\n`;
}

/** What follows each piece. */
export const pieceEnd = '\n\n';

/** Last block of the user message. */
export function questionBlock(kind: AgentKind, question: string, form: SweAnswerForm): string {
  const ending =
    kind === 'swe'
      ? sweEndings[form]
      : kind === 'sql'
        ? 'Answer with the result only: one row a line, cells separated by " | ".'
        : 'End with the answer itself, as short as possible.';
  return `=== ${kind === 'swe' ? 'Task' : 'Question'} ===\n${question}\n\n${ending}`;
}

/** What the model writes, as chat templates take it. */
export interface AssistantTurn {
  readonly content: string;
  readonly reasoning_content?: string;
}

/** The assistant message: reasoning in the tags that Qwen3 writes, then the answer. */
export function assistantContent(rationale: string | null, answer: string): string {
  return rationale === null ? answer : `<think>\n${rationale}\n</think>\n\n${answer}`;
}

/** Chat templates take what stands before a closing think tag for reasoning, also in the midst of an answer. */
export function hasThinkTag(answer: string): boolean {
  return answer.includes('</think>');
}

/** The assistant message in the form that a chat template renders as it stands. */
export function assistantTurn(rationale: string | null, answer: string): AssistantTurn {
  return hasThinkTag(answer)
    ? { content: answer, reasoning_content: rationale ?? '' }
    : { content: assistantContent(rationale, answer) };
}

/** Text blocks of a document in order; `piece` marks the verbatim windows. */
export function* documentBlocks(
  document: ContextDocument,
): Generator<{ text: string; window: number | null }> {
  yield { text: headerLine(document.noun, document.title), window: null };
  for (let index = 0; index < document.windows.length; index++) {
    const window = document.windows[index]!;
    if (window.label !== null) yield { text: windowLine(window.label), window: null };
    yield { text: window.text, window: index };
    yield { text: pieceEnd, window: null };
  }
}
