import { isObject, type JsonValue } from '../../core/json.ts';
import type { AnswerText, Step } from '../schema.ts';
import { isSubmitCall } from './answers.ts';
import { listField, stringField } from './fields.ts';
import { isInjectedText } from './injected.ts';
import { chatRole, readChatMessage } from './openaiChat.ts';
import { textSlice, trimmedSlice, type StepBuilder, type TextSlice } from './stepBuilder.ts';
import { isPatch } from './swe.ts';
import { findLastTag } from './tagSpan.ts';
import { findFences, readTaggedAssistant, readTaggedUser } from './tagText.ts';

/**
 * Adds the messages of a software-engineering run as data sets keep them: calls in `tool_calls`, as XML in
 * the text, or as one fenced command at its end; observations as tool or plain user messages.
 */
export function readSweMessages(builder: StepBuilder, messages: readonly JsonValue[], path: string): void {
  for (const [index, message] of messages.entries()) readSweMessage(builder, message, `${path}/${index}`);
}

function readSweMessage(builder: StepBuilder, message: JsonValue, path: string): void {
  const hasToolCalls = (listField(message, 'tool_calls')?.length ?? 0) > 0;
  // nebius keeps the system prompt under a key of its own
  const system = stringField(message, 'system_prompt');
  if (
    chatRole(stringField(message, 'role')) === 'system' &&
    system &&
    isObject(message) &&
    !message['text']
  ) {
    builder.message('system', textSlice(system, `${path}/system_prompt`, 0, system.length));
    return;
  }
  readChatMessage(builder, message, path, {
    onAssistant: (text) => {
      if (hasToolCalls || !readFencedCommand(builder, text))
        readTaggedAssistant(builder, text.text, text.path);
    },
    onUser: (text) => readUser(builder, text),
  });
}

function readUser(builder: StepBuilder, text: TextSlice): void {
  if (builder.hasOpenCall) {
    if (!readTaggedUser(builder, text.text, text.path)) builder.toolResult(text);
    return;
  }
  builder.isDemonstration = text.text.startsWith('Here is a demonstration');
  builder.message('user', text, isInjectedText(text.text));
  builder.isDemonstration = false;
}

/** A reply that ends in a fenced block: prose, then the command. False for other replies. */
function readFencedCommand(builder: StepBuilder, { text, path }: TextSlice): boolean {
  if (!text.includes('```') || text.includes('<function=') || text.includes('<tool_call>')) return false;
  const fence = findFences(text).at(-1);
  if (!fence || text.length - fence.outerEnd > 200 || text.slice(fence.outerEnd).trim() !== '') return false;
  if (!/^(?:|bash|sh|shell|mswea_bash_command)$/.test(fence.info)) return false;
  const thought = trimmedSlice(text, path, 0, fence.outerStart);
  const action = textSlice(text, path, fence.start, fence.end);
  if (action.text.trim() === '') return false;
  if (thought) builder.reasoning(thought);
  const isShell = fence.info !== '';
  const name = isShell ? 'bash' : (/^\s*([^\s'"(){};|&<>]{1,80})/.exec(action.text)?.[1] ?? 'bash');
  builder.toolCall(action, { name, arguments: isShell ? { command: action.text } : null });
  return true;
}

/**
 * The patch that SWE-agent's submit tool showed for review, for runs that record no other: the diff of the
 * last review without the files that the agent removed afterwards. Null when there was no review, or when
 * files were edited after it.
 */
export function reviewedPatch(steps: readonly Step[]): AnswerText | null {
  for (let i = steps.length - 1; i >= 0; i--) {
    const step = steps[i];
    if (
      step?.type === 'toolCall' &&
      /edit|write|create|patch|insert/i.test(step.name) &&
      changesFile(step.text)
    )
      return null;
    if (step?.type !== 'toolResult' || step.callStep === null || !isSubmitCall(steps[step.callStep]))
      continue;
    const span = findLastTag(step.text, 'diff');
    const diff = span ? step.text.slice(span.innerStart, span.innerEnd) : step.text;
    if (!isPatch(diff.trimStart())) continue;
    const removed = steps
      .slice(i + 1)
      .flatMap((later) => (later.type === 'toolCall' && /\brm\s/.test(later.text) ? [later.text] : []))
      .join('\n');
    const kept = fileSections(diff.replaceAll('\r\n', '\n').trim()).filter(
      ({ path }) => !isRemoved(path, removed),
    );
    const text = kept.map((section) => section.text).join('');
    return text === '' ? null : { text, at: step.at, via: 'diff shown by the submit tool' };
  }
  return null;
}

function changesFile(text: string): boolean {
  return !/"command":\s*"view"|<parameter=command>view</.test(text.slice(0, 2000));
}

/** The parts of a git diff, one a file. */
function fileSections(diff: string): { path: string; text: string }[] {
  const starts: number[] = [];
  const opening = 'diff --git ';
  for (let at = diff.indexOf(opening); at >= 0; at = diff.indexOf(`\n${opening}`, at)) {
    if (diff.charCodeAt(at) === 10) at++;
    starts.push(at);
  }
  return starts.map((start, index) => {
    const text = diff.slice(start, starts[index + 1] ?? diff.length);
    const line = text.slice(opening.length, Math.max(text.indexOf('\n'), opening.length));
    return { path: line.slice(line.lastIndexOf(' b/') + 3), text: text.endsWith('\n') ? text : `${text}\n` };
  });
}

/** Whether an `rm` command names the file, or a pattern such as `frame*.parquet` that it fits. */
function isRemoved(path: string, commands: string): boolean {
  if (commands === '') return false;
  const name = path.slice(path.lastIndexOf('/') + 1);
  return commands.split(/[\s"'\\<>;&]+/).some((word) => {
    const last = word.slice(word.lastIndexOf('/') + 1);
    const star = last.indexOf('*');
    if (star < 0) return last === name;
    return (
      last.length > 1 &&
      name.startsWith(last.slice(0, star)) &&
      name.endsWith(last.slice(last.lastIndexOf('*') + 1))
    );
  });
}
