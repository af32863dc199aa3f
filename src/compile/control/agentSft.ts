import type { Step, Trajectory } from '../../trajectories/schema.ts';
import type { TokenCounter } from '../countText.ts';
import { withTextFlags } from '../textFlags.ts';
import type { Example, ExampleMessage } from '../types.ts';

/**
 * The same trajectory as standard agent fine-tuning data (method §1.1): its turns as messages, loss on the model's
 * (`train: true`), observations as context only. `tokens.completion` counts the supervised tokens.
 * @param acc the compiled example of the trajectory; id, question, answer, checks and source are taken over, but what
 *   is said of its text is found anew
 */
export function agentSftExample(
  trajectory: Trajectory,
  acc: Example,
  counter: Pick<TokenCounter, 'count'>,
): Example {
  const messages = agentMessages(trajectory);
  let supervised = 0;
  let prompt = 0;
  for (const message of messages) {
    const tokens = counter.count(turnText(message));
    if (message.train) supervised += tokens;
    else prompt += tokens;
  }
  return withTextFlags({
    ...acc,
    messages,
    evidence: [],
    tokens: { tokenizer: acc.tokens.tokenizer, prompt, completion: supervised },
    dropped: [],
    control: 'agent-sft',
  });
}

/** A turn in the ChatML form of Qwen. Marks are control tokens, so turns count on their own. */
function turnText(message: ExampleMessage): string {
  const role = message.role === 'tool' ? 'user' : message.role;
  const content =
    message.role === 'tool' ? `<tool_response>\n${message.content}\n</tool_response>` : message.content;
  return `<|im_start|>${role}\n${content}<|im_end|>\n`;
}

/** The run as messages: steps of one model output become one assistant message, calls in `<tool_call>` tags. */
function agentMessages(trajectory: Trajectory): ExampleMessage[] {
  const messages: { role: ExampleMessage['role']; parts: string[]; turn: number }[] = [];
  for (const step of trajectory.steps) {
    if (step.isDemonstration || step.text.trim() === '') continue;
    const role = roleOf(step);
    if (role === null) continue;
    const last = messages.at(-1);
    if (last?.role === role && (role !== 'assistant' || last.turn === step.turn))
      last.parts.push(textOf(step));
    else messages.push({ role, parts: [textOf(step)], turn: step.turn });
  }
  return messages.map((message) => ({
    role: message.role,
    content: message.parts.join('\n'),
    train: message.role === 'assistant',
  }));
}

function roleOf(step: Step): ExampleMessage['role'] | null {
  switch (step.type) {
    case 'message':
      return step.role;
    case 'reasoning':
    case 'toolCall':
      return 'assistant';
    case 'toolResult':
      return 'tool';
    default:
      return null;
  }
}

function textOf(step: Step): string {
  if (step.type === 'reasoning') return `<think>\n${step.text.trim()}\n</think>\n`;
  if (step.type !== 'toolCall') return step.text;
  const call = { name: step.name, arguments: step.arguments ?? step.text };
  return `<tool_call>\n${JSON.stringify(call)}\n</tool_call>`;
}
