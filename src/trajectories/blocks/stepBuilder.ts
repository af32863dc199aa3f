import { isObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { MessageStep, SourcePosition, Step } from '../schema.ts';
import { isTruncatedText } from './truncation.ts';

/** A text with the place it was read from; `range` is null when it was decoded from another form. */
export interface TextSlice {
  readonly text: string;
  /** JSON Pointer to the string (or to the object, for decoded text). */
  readonly path: string;
  readonly range: { readonly start: number; readonly end: number } | null;
}

/** The whole of the string at `path`. */
export function wholeText(text: string, path: string): TextSlice {
  return { text, path, range: { start: 0, end: text.length } };
}

/** The string at `path`, or the empty text where there is none. */
export function textIfGiven(text: string | null, path: string): TextSlice {
  return text === null ? decodedText('', path) : wholeText(text, path);
}

/** Characters [start, end) of the string at `path`. */
export function textSlice(source: string, path: string, start: number, end: number): TextSlice {
  return { text: source.slice(start, end), path, range: { start, end } };
}

/** Characters [start, end) without the white space around them; null when nothing is left. */
export function trimmedSlice(source: string, path: string, start: number, end: number): TextSlice | null {
  let from = start;
  let to = end;
  while (from < to && isSpace(source.charCodeAt(from))) from++;
  while (to > from && isSpace(source.charCodeAt(to - 1))) to--;
  return from === to ? null : textSlice(source, path, from, to);
}

function isSpace(code: number): boolean {
  return code === 32 || (code >= 9 && code <= 13);
}

/** Text that stands in no string of the record as it is (rendered objects, joined parts). */
export function decodedText(text: string, path: string): TextSlice {
  return { text, path, range: null };
}

/** JSON of a value, '' where it cannot be written (nesting beyond the stack). */
export function jsonText(value: JsonValue): string {
  try {
    return JSON.stringify(value);
  } catch {
    return '';
  }
}

/** The object that a JSON text holds, null when it holds none. */
export function parseObject(text: string): JsonObject | null {
  const value = parseJson(text);
  return isObject(value) ? value : null;
}

/** The value of a JSON text; undefined when it is not JSON. */
export function parseJson(text: string): JsonValue | undefined {
  try {
    return JSON.parse(text) as JsonValue;
  } catch {
    return undefined;
  }
}

export interface CallInput {
  readonly name: string;
  readonly callId?: string | null;
  readonly arguments?: JsonObject | null;
}

export interface ResultInput {
  readonly callId?: string | null;
  readonly name?: string | null;
  readonly isError?: boolean;
  /** Given by the log itself; found in the text when left out. */
  readonly isTruncated?: boolean;
}

/** A step while it is put together. */
type Building<T> = { -readonly [K in keyof T]: T[K] };

/** Calls of one turn under one id, and which of them is answered next. */
interface CallQueue {
  readonly turn: number;
  readonly calls: number[];
  next: number;
}

/** How Claude Code frames a failure for the model; copies of its messages may have lost the flag beside it. */
const errorFrame = '<tool_use_error>';

/** Keeps the search for an unanswered call bounded in hostile logs. */
const maxOpenCallsSearched = 256;

/**
 * Collects the steps of one run in order: gives each its index and turn, joins results to calls (by id
 * where there is one, else the oldest unanswered call), and keeps where each text was read.
 * A turn is one model output with the results that follow it.
 */
export class StepBuilder {
  readonly steps: Step[] = [];
  readonly file: string;
  /** Record that the next steps come from (changes where a run spans several records). */
  record: number;
  /** Applied to every step added while set. */
  timestamp: string | undefined;
  speaker: string | undefined;
  isDemonstration = false;
  /** Replaces texts that only point to where they are kept (attachments); null leaves all as they are. */
  substitute: ((slice: TextSlice) => TextSlice) | null = null;

  /**
   * Calls of the model's last turn that it wrote into its text under tags of their own, and that are not
   * answered yet: whatever the user's next turn says is what they returned.
   */
  textCalls = 0;

  private turn = -1;
  private depth = 0;
  private modelIsSpeaking = false;
  private readonly callsById = new Map<string, CallQueue>();
  /** Unanswered calls, oldest first. */
  private readonly openCalls = new Set<number>();

  constructor(file: string, record: number) {
    this.file = file;
    this.record = record;
  }

  /** Starts a new model output, even right after another one. */
  beginTurn(): void {
    this.turn++;
    this.modelIsSpeaking = true;
    this.textCalls = 0;
  }

  /** The last step, if any. */
  get last(): Step | undefined {
    return this.steps[this.steps.length - 1];
  }

  /**
   * Lets `read` take characters [start, end) of a string as a text of its own: what it adds is counted from
   * `start` in that string.
   */
  within(source: string, start: number, end: number, read: (part: string) => void): void {
    const outer = this.substitute;
    this.substitute = (slice) => {
      const range = slice.range && { start: slice.range.start + start, end: slice.range.end + start };
      return outer === null ? { ...slice, range } : outer({ ...slice, range });
    };
    this.depth++;
    read(source.slice(start, end));
    this.depth--;
    this.substitute = outer;
  }

  /** True while a part of a string is read as a text of its own. */
  get isWithin(): boolean {
    return this.depth > 0;
  }

  position(path: string): SourcePosition {
    return { file: this.file, record: this.record, path };
  }

  message(role: MessageStep['role'], given: TextSlice, injected = false): void {
    const { text, path, range } = this.resolved(given);
    if (role === 'assistant') this.ensureTurn();
    else this.modelIsSpeaking = false;
    const step: Building<MessageStep> = {
      index: this.steps.length,
      turn: this.turn,
      text,
      at: this.position(path),
      range,
      type: 'message',
      role,
    };
    if (injected) step.injected = true;
    this.add(step);
  }

  reasoning(given: TextSlice): void {
    const { text, path, range } = this.resolved(given);
    this.ensureTurn();
    const index = this.steps.length;
    this.add({ index, turn: this.turn, text, at: this.position(path), range, type: 'reasoning' });
  }

  /** Adds a call and gives its step index. `given` is the arguments as written. */
  toolCall(given: TextSlice, call: CallInput): number {
    const { text, path, range } = this.resolved(given);
    this.ensureTurn();
    const index = this.steps.length;
    const callId = call.callId ? call.callId : null;
    this.add({
      index,
      turn: this.turn,
      text,
      at: this.position(path),
      range,
      type: 'toolCall',
      callId,
      name: call.name,
      arguments: call.arguments ?? null,
    });
    this.openCalls.add(index);
    if (callId !== null) {
      const queue = this.callsById.get(callId);
      if (queue?.turn === this.turn) queue.calls.push(index);
      else this.callsById.set(callId, { turn: this.turn, calls: [index], next: 0 });
    }
    return index;
  }

  toolResult(given: TextSlice, result: ResultInput = {}): void {
    const { text, path, range } = this.resolved(given);
    this.textCalls = Math.max(0, this.textCalls - 1);
    const callId = result.callId ? result.callId : null;
    const callStep = this.findCall(callId, result.name ?? null);
    const found = callStep === null ? undefined : this.steps[callStep];
    const call = found?.type === 'toolCall' ? found : null;
    this.modelIsSpeaking = false;
    this.add({
      index: this.steps.length,
      turn: this.turn,
      text,
      at: this.position(path),
      range,
      type: 'toolResult',
      callId: callId ?? call?.callId ?? null,
      name: result.name ?? call?.name ?? null,
      callStep,
      isError: result.isError === true || text.startsWith(errorFrame),
      isTruncated: result.isTruncated ?? isTruncatedText(text),
    });
  }

  other({ text, path, range }: TextSlice, label: string): void {
    const index = this.steps.length;
    this.add({ index, turn: this.turn, text, at: this.position(path), range, type: 'other', label });
  }

  /** True when some call has no result yet. */
  get hasOpenCall(): boolean {
    return this.openCalls.size > 0;
  }

  /** True when a call of this id was added. */
  knowsCall(callId: string): boolean {
    return this.callsById.has(callId);
  }

  private ensureTurn(): void {
    if (!this.modelIsSpeaking) this.beginTurn();
  }

  private resolved(given: TextSlice): TextSlice {
    return this.substitute === null ? given : this.substitute(given);
  }

  /** Optional fields are set only where they say something: most steps keep one shape, which is fast. */
  private add(step: Building<Step>): void {
    if (this.timestamp !== undefined) step.timestamp = this.timestamp;
    if (this.isDemonstration) step.isDemonstration = true;
    if (this.speaker !== undefined) step.speaker = this.speaker;
    this.steps.push(step);
  }

  /**
   * Ids may be missing, reused in later turns and answered twice. Several calls under one id in one turn
   * are answered in order; an id called again in a later turn means the later call.
   */
  private findCall(callId: string | null, name: string | null): number | null {
    const queue = callId === null ? undefined : this.callsById.get(callId);
    if (queue) {
      const index = queue.calls[Math.min(queue.next, queue.calls.length - 1)] ?? null;
      queue.next++;
      if (index !== null) this.close(index);
      return index;
    }
    let looked = 0;
    for (const call of this.openCalls) {
      if (++looked > maxOpenCallsSearched) break;
      const step = this.steps[call];
      if (step?.type !== 'toolCall' || (callId !== null && step.callId !== null)) continue;
      if (name !== null && step.name !== name) continue;
      this.close(call);
      return call;
    }
    return null;
  }

  /** An answered call closes those of earlier turns too: their results are not in the log. */
  private close(index: number): void {
    this.openCalls.delete(index);
    const turn = this.steps[index]?.turn ?? -1;
    for (const call of this.openCalls) {
      if ((this.steps[call]?.turn ?? -1) >= turn) break;
      this.openCalls.delete(call);
    }
  }
}
