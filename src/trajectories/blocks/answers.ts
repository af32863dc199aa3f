import type { AnswerText, Step, ToolCallStep } from '../schema.ts';
import { joinPath } from '../sourcePath.ts';
import { findLastTag } from './tagSpan.ts';
import { findFences } from './tagText.ts';

/** Tools by which agents hand in their answer. */
const submitTool =
  /^(?:submit|finish|final_answer|final_result|answer|submit_\w+|finish_\w+|complete_task|task_complete|mark_task_complete|attempt_completion|done|return_answer|terminate)$/i;

/** Argument keys that hold the answer of such a tool, in the order tried. */
const answerKeys = [
  'final_result',
  'final_answer',
  'answer',
  'result',
  'output',
  'message',
  'response',
  'text',
  'sql',
  'query',
  'patch',
  'summary',
] as const;

/** True for calls that hand in an answer and end the run. */
export function isSubmitCall(step: Step | undefined): step is ToolCallStep {
  return step?.type === 'toolCall' && submitTool.test(step.name);
}

/**
 * JSON Pointer to one argument of a call: into the object, or into the JSON text that holds it; for calls
 * written as tags it is the string around the call.
 */
function argumentPath(step: ToolCallStep, key: string): string {
  if (step.range === null) return joinPath(step.at.path, key);
  const isJsonText = step.range.start === 0 && step.text.trimStart().startsWith('{');
  return isJsonText && step.arguments !== null ? joinPath(`${step.at.path}/!json`, key) : step.at.path;
}

/** The answer handed to a submit tool: the argument that holds it, or the only string argument. */
function answerOfCall(step: ToolCallStep): AnswerText | null {
  const via = `arguments of ${step.name}`;
  const args = step.arguments;
  if (args === null) {
    const text = step.text.trim();
    return text === '' ? null : { text, at: step.at, via };
  }
  const at = (key: string) => ({ ...step.at, path: argumentPath(step, key) });
  for (const key of answerKeys) {
    const value = args[key];
    if (typeof value === 'string' && value.trim() !== '') return { text: value, at: at(key), via };
  }
  const filled = Object.entries(args).filter(
    (entry) => typeof entry[1] === 'string' && entry[1].trim() !== '',
  );
  const only = filled.length === 1 ? filled[0] : undefined;
  return only && typeof only[1] === 'string' ? { text: only[1], at: at(only[0]), via } : null;
}

/** By which AutoGen's agents end a conversation, behind their answer or in a message of its own. */
const endSignal = /\bTERMINATE\b\W{0,8}$/;

/** The last text the model wrote; reasoning and calls do not count. */
export function lastAssistantText(steps: readonly Step[]): AnswerText | null {
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i];
    if (step?.type !== 'message' || step.role !== 'assistant' || step.isDemonstration) continue;
    const end = step.text.search(endSignal);
    const text = end < 0 ? step.text : step.text.slice(0, end).trimEnd();
    if (text.trim() !== '') return { text, at: step.at, via: 'last assistant message' };
  }
  return null;
}

/**
 * The answer of a run by the general rules, in order: the last submit call, the last `<answer>` tag, the
 * last `\boxed{}` of the last message, the last assistant message when no call follows it (or even then, when
 * `evenIfCutOff`).
 */
export function answerFromSteps(
  steps: readonly Step[],
  options: { readonly evenIfCutOff?: boolean } = {},
): AnswerText | null {
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i];
    if (step === undefined || step.isDemonstration) continue;
    if (isSubmitCall(step)) {
      const answer = answerOfCall(step);
      if (answer) return answer;
    }
    if (step.type === 'message' && step.role === 'assistant') {
      const tagged = taggedAnswer(step);
      if (tagged) return tagged;
      break;
    }
  }
  const last = lastAssistantText(steps);
  if (!last) return null;
  if (endsWithAnswer(steps)) return last;
  return options.evenIfCutOff ? { ...last, via: 'last assistant message (the run went on after it)' } : null;
}

/** False when the run stopped in the middle: a call or result stands after the last assistant text. */
function endsWithAnswer(steps: readonly Step[]): boolean {
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i];
    if (step?.type === 'message' && step.role === 'assistant') return true;
    if (step?.type === 'toolCall' && !isSubmitCall(step)) return false;
    if (step?.type === 'toolResult' && !/submit|finish|terminate|complete/i.test(step.name ?? ''))
      return false;
  }
  return false;
}

function taggedAnswer(step: Step): AnswerText | null {
  const { text } = step;
  for (const tag of ['answer', 'finish', 'solution']) {
    const span = text.includes(`<${tag}>`) ? findLastTag(text, tag) : null;
    const inner = span ? text.slice(span.innerStart, span.innerEnd).trim() : '';
    if (inner !== '') return { text: inner, at: step.at, via: `<${tag}> tag` };
  }
  const boxed = lastBoxed(text);
  return boxed === null ? null : { text: boxed, at: step.at, via: '\\boxed{}' };
}

/** The content of the last `\boxed{…}` with balanced braces; null without one. */
export function lastBoxed(text: string): string | null {
  const open = text.lastIndexOf('\\boxed{');
  if (open < 0) return null;
  const start = open + '\\boxed{'.length;
  let depth = 1;
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 123) depth++;
    else if (code === 125 && --depth === 0) return text.slice(start, i).trim() || null;
  }
  return null;
}

/** The code of the last fenced block marked `sql`, or of the last block when none is marked. */
export function lastSqlBlock(text: string): string | null {
  const fences = findFences(text);
  const fence = fences.findLast((one) => /^sql/i.test(one.info)) ?? fences.at(-1);
  return fence ? text.slice(fence.start, fence.end).trim() || null : null;
}
