import { chatRole, type ChatRole } from './openaiChat.ts';

/** One turn of a text that a chat template wrote; its content is characters [start, end). */
export interface TemplateTurn {
  readonly role: ChatRole;
  /** Who speaks, as the mark names it: for tools of harmony the tool's name. */
  readonly name: string;
  /** Whom a turn of harmony speaks to: the tool that is called. */
  readonly recipient: string | null;
  /** The channel of a turn of harmony. */
  readonly channel: string | null;
  readonly start: number;
  readonly end: number;
}

interface Head extends Omit<TemplateTurn, 'end'> {
  /** Where the mark begins. */
  readonly at: number;
}

/** Marks before a turn: ChatML, Llama 3, Gemma, and the bare special tokens of GLM and Phi. */
const heads =
  /<\|im_start\|>(\w{1,20})\n?|<\|start_header_id\|>(\w{1,20})<\|end_header_id\|>\s{0,4}|<start_of_turn>(\w{1,20})\n|<\|(system|user|assistant|observation)\|>\n?/g;
/** Harmony: who speaks (left out where the prompt ended in it), to whom, in which channel. */
const harmonyHeads =
  /(?:<\|start\|>([\w.:-]{1,80})([^<]{0,120}))?(?:<\|channel\|>([^<]{0,160}))?(?:<\|constrain\|>[^<]{0,40})?<\|message\|>/g;
const ends = /<\|(?:im_end|eot_id|eom_id|endoftext|end|call|return)\|>|<end_of_turn>/g;
/** Role names on lines of their own: what decoding without special tokens leaves of the marks. */
const bareHeads = /(?:^|\n)(system|user|assistant|tool)(?:\n|$)/g;
const bareFollowers: Readonly<Record<ChatRole, readonly ChatRole[]>> = {
  system: ['user'],
  user: ['assistant'],
  assistant: ['user', 'tool'],
  tool: ['assistant', 'tool'],
};

/**
 * The turns of a text that a chat template wrote, in order; none when it is no such text. A text that
 * `continues` a prompt begins with the model's turn, which the prompt opened.
 */
export function templateTurns(text: string, continues = false): TemplateTurn[] {
  const marked = text.includes('<|message|>') ? harmonyMarks(text) : markedHeads(text);
  const first = marked[0];
  if (!first) return turnsBetween(text, bareMarks(text, continues));
  const isOpened = continues && text.slice(0, first.at).replaceAll(ends, '').trim() !== '';
  return turnsBetween(text, isOpened ? [headOf('assistant', 0, 0), ...marked] : marked);
}

/** True for a text that a chat template wrote with turns of the model in it, or one that the model is to begin. */
export function isTemplateText(text: string): boolean {
  const turns = templateTurns(text);
  return turns.length > 1 && turns.some(({ role }) => role === 'assistant');
}

function headOf(role: ChatRole, at: number, start: number): Head {
  return { role, name: role, recipient: null, channel: null, at, start };
}

function markedHeads(text: string): Head[] {
  return [...text.matchAll(heads)].flatMap((match): Head[] => {
    const name = match.slice(1).find((group) => group !== undefined) ?? '';
    const role = chatRole(name);
    const start = match.index + match[0].length;
    return role === null ? [] : [{ ...headOf(role, match.index, start), name }];
  });
}

function harmonyMarks(text: string): Head[] {
  return [...text.matchAll(harmonyHeads)].map((match) => {
    const name = match[1] ?? 'assistant';
    const recipient = /\bto=([\w.:-]+)/.exec(`${match[2] ?? ''} ${match[3] ?? ''}`)?.[1] ?? null;
    const channel = /^\w+/.exec(match[3] ?? '')?.[0] ?? null;
    const start = match.index + match[0].length;
    return { role: chatRole(name) ?? 'tool', name, recipient, channel, at: match.index, start };
  });
}

function turnsBetween(text: string, found: readonly Head[]): TemplateTurn[] {
  return found.map(({ role, name, recipient, channel, start }, index) => {
    const end = contentEnd(text, start, found[index + 1]?.at ?? text.length);
    return { role, name, recipient, channel, start, end };
  });
}

/** A turn ends with its closing mark where it has one. */
function contentEnd(text: string, start: number, limit: number): number {
  const close = text.slice(start, limit).search(ends);
  return close < 0 ? limit : start + close;
}

/** Roles must take turns, and what a tool returned is not searched: pages have lines of these words too. */
function bareMarks(text: string, continues: boolean): Head[] {
  if (!continues && !/^\s*(?:system|user)\n/.test(text.slice(0, 40))) return [];
  const found: Head[] = continues ? [headOf('assistant', 0, 0)] : [];
  const lastResponse = text.lastIndexOf('</tool_response>');
  bareHeads.lastIndex = 0;
  for (let match = bareHeads.exec(text); match; match = bareHeads.exec(text)) {
    const role = chatRole(match[1] ?? '');
    const last = found.at(-1);
    const start = match.index + match[0].length;
    // The line break that ends one mark may begin the next.
    bareHeads.lastIndex = Math.max(match.index + 1, start - 1);
    if (role === null || (last ? !bareFollowers[last.role].includes(role) : role === 'assistant')) continue;
    found.push(headOf(role, match.index, start));
    if (start > lastResponse || !text.startsWith('<tool_response>', start)) continue;
    bareHeads.lastIndex = text.indexOf('</tool_response>', start);
  }
  return found;
}
