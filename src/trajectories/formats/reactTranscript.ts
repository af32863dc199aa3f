import type { JsonObject } from '../../core/json.ts';
import { filledField } from '../blocks/fields.ts';
import { lineEnd } from '../extract/spans.ts';
import type { StepBuilder } from '../blocks/stepBuilder.ts';
import { parseObject, trimmedSlice } from '../blocks/stepBuilder.ts';
import type { DraftTrajectory } from '../format.ts';
import type { AnswerText, Step } from '../schema.ts';

/** A labelled part of a ReAct text; the content is characters [start, end) of the whole. */
export interface ReactPart {
  readonly label: 'question' | 'thought' | 'action' | 'input' | 'observation' | 'final';
  /** Where the label's line begins. */
  readonly at: number;
  readonly start: number;
  readonly end: number;
}

const LABEL =
  /^[ \t]*(?:(Question|Claim)|(Thought)(?: \d+)?|Action Input(?: \d+)?()|(Action|Act)(?: \d+)?|(Observation|Obs)(?: \d+)?|(Final Answer))\s*:[ \t]*/;
/** What each group of the pattern stands for, in order. */
const LABEL_NAMES: readonly ReactPart['label'][] = [
  'question',
  'thought',
  'input',
  'action',
  'observation',
  'final',
];

/** Labelled parts of a ReAct text, in order; each reaches to the next label. Linear. */
export function reactParts(text: string, from = 0, to = text.length): ReactPart[] {
  const heads: { label: ReactPart['label']; at: number; start: number }[] = [];
  for (let line = from; line < to;) {
    const end = lineEnd(text, line);
    const first = text.charAt(line);
    if ('QCTAOF \t'.includes(first) && first !== '') {
      const match = LABEL.exec(text.slice(line, Math.min(end, line + 40)));
      const label = match ? LABEL_NAMES[match.slice(1).findIndex((group) => group !== undefined)] : undefined;
      if (match && label) heads.push({ label, at: line, start: line + match[0].length });
    }
    line = end + 1;
  }
  return heads.map((head, i) => ({ ...head, end: Math.min(to, heads[i + 1]?.at ?? to) }));
}

/** True when a text is a ReAct transcript: at least one thought or action with what follows it. */
export function looksLikeReact(text: string): boolean {
  const head = text.slice(0, 20000);
  return /(?:^|\n)\s*Thought(?: \d+)?\s*:/.test(head) && /(?:^|\n)\s*Act(?:ion)?(?: \d+)?\s*:/.test(head);
}

const FINISH = /^(?:finish|answer|submit|final_answer)$/i;
const CALL = /^\s*([A-Za-z_][\w ]{0,40}?)\s*[[(]/;

/** What a transcript says at its end. */
export interface ReactEnd {
  readonly answer: AnswerText | null;
  /** Text of the observation that follows the finishing action. */
  readonly verdict: string | null;
}

/**
 * Adds the steps of a ReAct text: thoughts as reasoning, `Name[argument]` as calls whose text is the argument,
 * observations as results. A question part is added as the user's message.
 */
export function readReactText(
  builder: StepBuilder,
  text: string,
  path: string,
  parts: readonly ReactPart[],
): ReactEnd {
  let answer: AnswerText | null = null;
  let verdict: string | null = null;
  let isFinished = false;
  for (const [i, part] of parts.entries()) {
    const slice = trimmedSlice(text, path, part.start, part.end);
    if (!slice) continue;
    if (part.label === 'question') builder.message('user', slice);
    else if (part.label === 'thought') builder.reasoning(slice);
    else if (part.label === 'observation') {
      builder.toolResult(slice, { isError: /^(?:Invalid [Aa]ction|Error)/.test(slice.text) });
      if (isFinished) verdict = slice.text;
    } else if (part.label === 'final') {
      builder.message('assistant', slice);
      answer = { text: slice.text, at: builder.position(path), via: 'Final Answer:' };
      isFinished = true;
    } else if (part.label === 'action') {
      const finished = readAction(builder, text, path, part, parts[i + 1]);
      if (finished !== null) {
        answer = { text: finished, at: builder.position(path), via: 'finish[…]' };
        isFinished = true;
      }
    }
  }
  return { answer, verdict };
}

/** Adds one action; gives the answer when it is the finishing one. */
function readAction(
  builder: StepBuilder,
  text: string,
  path: string,
  part: ReactPart,
  next: ReactPart | undefined,
): string | null {
  const written = text.slice(part.start, part.end);
  const call = CALL.exec(written);
  if (!call) {
    const name = written.trim().split('\n', 1)[0]?.trim() ?? '';
    const input = next?.label === 'input' ? trimmedSlice(text, path, next.start, next.end) : null;
    const slice = input ?? trimmedSlice(text, path, part.start, part.end);
    const args = input ? parseObject(input.text) : null;
    if (slice) builder.toolCall(slice, { name: name.slice(0, 80), arguments: args });
    return input && FINISH.test(name) ? handedIn(input.text, args) : null;
  }
  const open = part.start + call[0].length;
  const close = closingBracket(text, open, part.end);
  const name = (call[1] ?? '').trim();
  const slice = trimmedSlice(text, path, open, close);
  if (slice) builder.toolCall(slice, { name });
  return FINISH.test(name) ? (slice?.text ?? '') : null;
}

/** The answer in the input of a finishing action; null where it only gives up (ToolBench's `return_type`). */
function handedIn(text: string, args: JsonObject | null): string | null {
  if (args === null) return text.trimStart().startsWith('{') ? null : text;
  const answer = filledField(args, 'final_answer') ?? filledField(args, 'answer');
  return answer ?? filledField(args, 'output');
}

/** The bracket that ends an action: the last one of its line, for answers may hold brackets themselves. */
function closingBracket(text: string, open: number, end: number): number {
  const stop = Math.min(end, lineEnd(text, open));
  const last = Math.max(text.lastIndexOf(']', stop - 1), text.lastIndexOf(')', stop - 1));
  if (last >= open) return last;
  const later = text.indexOf(']', open);
  return later >= 0 && later < end ? later : end;
}

/** The kind of a run that answered at once: the sets hold search questions, whatever this run did. */
export function questionKind(steps: readonly Step[]): Pick<DraftTrajectory, 'kind'> {
  const calls = steps.filter((step) => step.type === 'toolCall');
  const isBare = calls.every((call) => /^(?:finish|answer)$/i.test(call.name));
  return isBare
    ? { kind: { kind: 'search', reason: 'ReAct question answering; this run finished without a search' } }
    : {};
}
