import type { Issue } from '../schema.ts';
import type { StepBuilder } from './stepBuilder.ts';

/** Tags that end a text of the model without being a call. */
const wordTags =
  /^(?:answer|solution|finish|think|thinking|response|html|body|svg|div|p|table|details|code|pre)$/;

/** How the model's text ends where it calls a tool in words: a closing tag, or an action. */
function actionIn(text: string): string | null {
  const tag = /<\/(\w{2,40})>\s*$/.exec(text.slice(-120))?.[1];
  if (tag !== undefined && !wordTags.test(tag) && text.includes(`<${tag}>`)) return `<${tag}>`;
  return /(?:^|\n)[ \t]*(?:Action|ACTION)[ \t]*:/.exec(text) ? 'Action:' : null;
}

/** The info that a chat of several rounds has no call, while its texts act in a way that is not read. */
export function unreadCalls(builder: StepBuilder): Issue[] {
  if (builder.steps.some((step) => step.type === 'toolCall')) return [];
  const said = builder.steps.filter((step) => step.type === 'message' && step.role === 'assistant');
  const marks = said.length > 2 ? said.map((step) => actionIn(step.text)) : [];
  const first = marks.findIndex((mark) => mark !== null && marks.filter((one) => one === mark).length > 1);
  const step = said[first];
  if (!step) return [];
  return [
    {
      severity: 'info',
      code: 'calls-in-text',
      message: `No call was found in this chat of ${said.length} turns, but turns of the model end in ${marks[first] ?? ''}: calls in a form that is not known were read as talk, and nothing of what they returned is evidence.`,
      file: builder.file,
      record: builder.record,
      path: step.at.path,
      byteOffset: null,
    },
  ];
}
