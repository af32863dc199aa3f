import type { AgentKind, Trajectory } from '../trajectories/schema.ts';
import { normaliseAnswer } from './answerText.ts';

/** Shorter reasoning says nothing ("Submitting."); runs that end by a tool call close with such words more often. */
const leastLength = { search: 30, swe: 80, sql: 80, other: 30 } as const;

/**
 * The run's own reasoning to the answer: the readable reasoning of the final turn, else the final message without
 * the answer. Null when that turn has none: earlier reasoning plans the next look-up, it does not conclude.
 * Tool-call markup is no reasoning.
 */
export function rationaleOf(trajectory: Trajectory, kind: AgentKind, answer: string): string | null {
  const { steps } = trajectory;
  const least = leastLength[kind];
  const lastTurn = steps.reduce((turn, step) => Math.max(turn, step.turn), -1);
  for (let index = steps.length - 1; index >= 0; index--) {
    const step = steps[index]!;
    if (step.isDemonstration || step.turn < lastTurn) continue;
    if (step.type === 'reasoning') {
      const text = cleanRationale(step.text);
      if (text.length >= least) return text;
    }
    if (step.type === 'message' && step.role === 'assistant') {
      const text = cleanRationale(withoutAnswer(step.text, trajectory.finalAnswer?.text ?? ''));
      const isAnswer = normaliseAnswer(text.slice(0, 4000)) === normaliseAnswer(answer.slice(0, 4000));
      if (text.length >= least && !isAnswer) return text;
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
