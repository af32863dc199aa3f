import type { AnswerText, Step } from '../schema.ts';
import { findTag } from './tagSpan.ts';

/** Tags that wrap the task in prompts of agents, the most telling first. */
const taskTags = [
  'pr_description',
  'issue_description',
  'github_issue',
  'issue',
  'uploaded_files_issue',
  'problem_statement',
  'user_query',
  'task_description',
  'task',
  'question',
  'QUESTION',
  'user_request',
  'query',
] as const;

/** Headings before the task and what ends it, as SWE-agent prompts without tags write them. */
const headings: readonly { readonly before: string; readonly after: readonly string[] }[] = [
  { before: "Here's the issue text:\nISSUE:\n", after: ['\n\nINSTRUCTIONS:', '\nINSTRUCTIONS:'] },
  { before: 'solving the following CTF challenge. ', after: ['\n\nINSTRUCTIONS:', '\nINSTRUCTIONS:'] },
  { before: '\nISSUE:\n', after: ['\n\nINSTRUCTIONS:', '\nINSTRUCTIONS:'] },
  {
    before: 'Please solve this issue:',
    after: ['\n\nYou can execute bash commands', '\n## Recommended Workflow'],
  },
  {
    before: 'Consider the following PR description:\n',
    after: ['\n\nCan you help me', '\n\nCan you implement'],
  },
  { before: 'Please solve the following coding issue:\n', after: ['\n\nINSTRUCTIONS:', '\n\nYou can'] },
  { before: '### Question\n', after: ['\n\nThe following', '\n\n'] },
  {
    before: 'Task Description:\n',
    after: ['\n\nCurrent terminal state:', '\nCurrent terminal state:', '\n\nCurrent Terminal Screen:'],
  },
  { before: '\nPR DESCRIPTION:\n', after: ['\n\nINSTRUCTIONS:'] },
];

const maxTaskSearch = 200_000;

/** Where the task itself stands in a prompt: inside its tags or after its heading, else the whole text. */
export function taskRange(text: string): { start: number; end: number; via: string } {
  const searched = text.length > maxTaskSearch ? text.slice(0, maxTaskSearch) : text;
  for (const tag of taskTags) {
    const span = findTag(searched, tag);
    if (!span || span.outerEnd === span.innerEnd) continue;
    const inner = trimmed(text, afterLabel(text, span.innerStart, span.innerEnd), span.innerEnd);
    // Short spans are mentions of the tag in prose, not the task.
    if (inner.end - inner.start >= 8) return { ...inner, via: `<${tag}> in the first user message` };
  }
  for (const { before, after } of headings) {
    const found = searched.indexOf(before);
    if (found < 0) continue;
    const start = found + before.length;
    const ends = after.map((marker) => searched.indexOf(marker, start)).filter((index) => index >= 0);
    const end = ends.length > 0 ? Math.min(...ends) : text.length;
    const inner = trimmed(text, start, end);
    if (inner.end > inner.start) return { ...inner, via: 'issue text in the first user message' };
  }
  const query = afterSchema(searched, text.length);
  if (query) return { ...trimmed(text, query.start, query.end), via: 'text after "Question:"' };
  const whole = trimmed(text, 0, text.length);
  const label = /^(?:Question|Task|Problem|Query)\s*:\s*/i.exec(text.slice(whole.start, whole.start + 40));
  const start = whole.start + (label?.[0].length ?? 0);
  return { start: start < whole.end ? start : whole.start, end: whole.end, via: 'first user message' };
}

/** The question behind a database's schema, as prompts of SQL agents (SkyRL-SQL) put it. */
function afterSchema(text: string, length: number): { start: number; end: number } | null {
  const schema = text.indexOf('Database Schema:');
  const mark = schema < 0 ? -1 : text.indexOf('\nQuestion:', schema);
  if (mark < 0) return null;
  const start = mark + '\nQuestion:'.length;
  const end = text.indexOf('\n\nInstructions:', start);
  return { start, end: end < 0 ? length : end };
}

/** Lead-ins that templates put inside the tag, before the task. */
const leadIns = [
  'Consider the following PR description:',
  'Consider the following issue description:',
  'Consider the following issue:',
] as const;

function afterLabel(text: string, start: number, end: number): number {
  const { start: from } = trimmed(text, start, end);
  const label = leadIns.find((one) => text.startsWith(one, from));
  return label === undefined ? start : from + label.length;
}

function trimmed(text: string, start: number, end: number): { start: number; end: number } {
  while (start < end && text.charCodeAt(start) <= 32) start++;
  while (end > start && text.charCodeAt(end - 1) <= 32) end--;
  return { start, end };
}

/** The task of a run: the first user message that the person wrote, cut out of its template. */
export function taskFromSteps(steps: readonly Step[]): AnswerText | null {
  const own = (step: Step): boolean =>
    step.type === 'message' && step.role === 'user' && !step.isDemonstration;
  const step =
    steps.find((candidate) => own(candidate) && candidate.type === 'message' && !candidate.injected) ??
    steps.find(own);
  if (!step) return null;
  const { start, end, via } = taskRange(step.text);
  return end > start ? { text: step.text.slice(start, end), at: step.at, via } : null;
}
