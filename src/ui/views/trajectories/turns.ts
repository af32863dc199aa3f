import type { Step, Trajectory } from '../../../trajectories/schema.ts';

/** The steps of one model turn, with a line for the outline. */
export interface Turn {
  /** -1 for what came before the first model output. */
  readonly turn: number;
  readonly steps: readonly Step[];
  readonly label: string;
  readonly characterCount: number;
  readonly hasError: boolean;
}

/** How a step's kind is written in its heading. */
export function stepTitle(step: Step): string {
  switch (step.type) {
    case 'message':
      if (step.injected) return `${step.role} (injected)`;
      return step.role;
    case 'reasoning':
      return 'reasoning';
    case 'toolCall':
      return step.name;
    case 'toolResult':
      return step.name ? `result of ${step.name}` : 'result';
    case 'other':
      return step.label;
  }
}

/** What standard agent SFT trains on: the model's own texts, demonstrations apart. Must agree with `agentMessages`. */
export function isTrainedByAgentSft(step: Step): boolean {
  if (step.isDemonstration || step.text.trim() === '') return false;
  return (
    step.type === 'reasoning' ||
    step.type === 'toolCall' ||
    (step.type === 'message' && step.role === 'assistant')
  );
}

function labelOf(steps: readonly Step[], turn: number): string {
  const calls = steps.filter((step) => step.type === 'toolCall').map((step) => step.name);
  if (calls.length > 0) {
    const distinct = [...new Set(calls)];
    const rest = distinct.length > 2 ? `, +${distinct.length - 2}` : '';
    const times = calls.length > distinct.length && distinct.length === 1 ? ` ×${calls.length}` : '';
    return distinct.slice(0, 2).join(', ') + rest + times;
  }
  const first = steps[0];
  if (!first) return '';
  if (turn < 0) return 'task';
  return stepTitle(first);
}

/** Groups steps by turn. Full lengths are given because long texts may have been cut. */
export function groupTurns(trajectory: Trajectory, textLengths: readonly number[]): readonly Turn[] {
  const groups: { turn: number; steps: Step[] }[] = [];
  for (const step of trajectory.steps) {
    const last = groups[groups.length - 1];
    if (last?.turn === step.turn) last.steps.push(step);
    else groups.push({ turn: step.turn, steps: [step] });
  }
  return groups.map(({ turn, steps }) => ({
    turn,
    steps,
    label: labelOf(steps, turn),
    characterCount: steps.reduce((sum, step) => sum + (textLengths[step.index] ?? step.text.length), 0),
    hasError: steps.some((step) => step.type === 'toolResult' && step.isError),
  }));
}

/** A part of a step's text that is one element of the page. */
export interface TextChunk {
  readonly start: number;
  readonly end: number;
}

const chunkLength = 4096;

/** Cuts text at line ends into chunks of about 4,096 characters; joined they are the text. */
export function chunkText(text: string): readonly TextChunk[] {
  const chunks: TextChunk[] = [];
  let start = 0;
  while (text.length - start > chunkLength * 1.5) {
    const lineEnd = text.indexOf('\n', start + chunkLength);
    if (lineEnd < 0 || lineEnd + 1 >= text.length) break;
    chunks.push({ start, end: lineEnd + 1 });
    start = lineEnd + 1;
  }
  if (start < text.length || chunks.length === 0) chunks.push({ start, end: text.length });
  return chunks;
}
