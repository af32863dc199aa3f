import type { Trajectory } from '../trajectories/schema.ts';
import { normaliseAnswer } from './answerText.ts';

/** Shorter reasoning says nothing ("Submitting."). */
const leastLength = 40;

/**
 * The run's own reasoning to the answer: the last readable reasoning of the final turns, else the final message
 * without the answer. Null when the run has none. Tool-call markup is no reasoning.
 */
export function rationaleOf(trajectory: Trajectory, answer: string): string | null {
  const { steps } = trajectory;
  const lastTurn = steps.reduce((turn, step) => Math.max(turn, step.turn), -1);
  for (let index = steps.length - 1; index >= 0; index--) {
    const step = steps[index]!;
    if (step.isDemonstration || step.turn < lastTurn - 1) continue;
    if (step.type === 'reasoning') {
      const text = cleanRationale(step.text);
      if (text.length >= leastLength) return text;
    }
    if (step.type === 'message' && step.role === 'assistant') {
      const text = cleanRationale(withoutAnswer(step.text, trajectory.finalAnswer?.text ?? ''));
      const isAnswer = normaliseAnswer(text.slice(0, 4000)) === normaliseAnswer(answer.slice(0, 4000));
      if (text.length >= leastLength && !isAnswer) return text;
    }
  }
  return null;
}

/** The message without its answer tag or the final answer at its end. */
function withoutAnswer(text: string, answer: string): string {
  const tag = text.lastIndexOf('<answer>');
  if (tag >= 0) return text.slice(0, tag);
  const trimmed = text.trimEnd();
  return answer !== '' && trimmed.length > answer.length && trimmed.endsWith(answer)
    ? trimmed.slice(0, -answer.length)
    : text;
}

function cleanRationale(text: string): string {
  let clean = text.replaceAll('<think>', '').replaceAll('</think>', '');
  const call = clean.search(/<tool_call>|<function=|```(?:bash|sh|json|mswea_bash_command)\n/);
  if (call >= 0) clean = clean.slice(0, call);
  return clean.replace(/^(?:Thought(?: \d+)?|THOUGHT|DISCUSSION)\s*:?[ \t]*\n?/, '').trim();
}
